"""The journal: whether its file is sound."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

from evenkeel.controller.doctor.check import NotApplicable
from evenkeel.controller.doctor.device import Device
from evenkeel.controller.journal.file import FILE, read_file
from evenkeel.controller.journal.integrity import fault
from evenkeel.specs.doctor.finding import Finding
from evenkeel.specs.reading.quantity import rough_size_text

_LARGEST = 64 * 1024**2
"""Bytes that SQLite looks through in less than two seconds."""
_RESCUE = "`evenkeel run` sets a damaged journal aside and keeps what can be read; copy the state directory before that"


async def look(device: Device) -> Finding:
    """Read-only, also beside a controller at work."""
    trouble = device.facts.journal.trouble
    file = Path(device.settings.state) / FILE
    found = await asyncio.to_thread(_look_through, file)
    if found.state == "ok" and trouble:
        return Finding("failed", trouble, _RESCUE)
    return found


def _look_through(file: Path) -> Finding:
    size = 0
    broken: Exception | None = None
    try:
        size = file.stat().st_size
        if size > _LARGEST:
            return Finding(
                "warning", f"{rough_size_text(size)}, too large to be looked through here", "look at `events.keep`"
            )
        with closing(read_file(file)) as connection:
            broken = fault(connection)
    except FileNotFoundError:
        raise NotApplicable(f"there is no {file} yet") from None
    except PermissionError:
        return Finding("unknown", f"{file} may not be read", "run this as root, or as the user of the controller")
    except sqlite3.OperationalError as error:
        return Finding(
            "unknown", f"{file} cannot be opened: {error}", "run this as root, or as the user of the controller"
        )
    except (sqlite3.Error, ValueError, TypeError, OSError) as error:
        broken = error
    if broken is not None:
        return Finding("failed", f"{file} is damaged: {broken}", _RESCUE)
    return Finding("ok", f"{file} is sound, {rough_size_text(size)}")
