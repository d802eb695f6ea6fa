"""The journal: whether its file is sound."""

from __future__ import annotations

import asyncio
import os
import shlex
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

from evenkeel.controller.doctor.check import NotApplicable
from evenkeel.controller.doctor.device import Device
from evenkeel.controller.journal.file import FILE, read_file, trouble
from evenkeel.controller.journal.integrity import fault
from evenkeel.controller.process.rights import SEE_DISK, other_user
from evenkeel.specs.doctor.finding import Finding
from evenkeel.specs.reading.quantity import rough_size_text

_LARGEST = 64 * 1024**2
"""Bytes that SQLite looks through in less than two seconds."""
_RESCUE = "`evenkeel run` sets a damaged journal aside and keeps what can be read; copy the state directory before that"


async def look(device: Device) -> Finding:
    """Read-only, also beside a controller at work."""
    unread = device.facts.journal.trouble
    file = Path(device.settings.state) / FILE
    found = await asyncio.to_thread(_look_through, file)
    if found.state == "ok" and unread:
        return Finding("failed", unread, _RESCUE)
    return found


def _look_through(file: Path) -> Finding:
    size = 0
    broken: Exception | None = None
    try:
        found = file.stat()
        if not stat.S_ISREG(found.st_mode):
            kind = "a folder" if stat.S_ISDIR(found.st_mode) else "no file"
            return Finding("failed", f"{file} is {kind}", f"move it away: `mv {shlex.quote(str(file))} /root/`")
        size = found.st_size
        if size > _LARGEST:
            return Finding(
                "warning", f"{rough_size_text(size)}, too large to be looked through here", "look at `events.keep`"
            )
        with closing(read_file(file)) as connection:
            broken = fault(connection)
    except FileNotFoundError:
        raise NotApplicable(f"there is no {file} yet") from None
    except PermissionError:
        return Finding("unknown", f"{file} may not be read", other_user())
    except sqlite3.OperationalError as error:
        told = trouble(file, error, os.R_OK)
        remedy = other_user() if told.reason == "Denied" else SEE_DISK
        return Finding("unknown", f"{file} cannot be opened: {error}", remedy)
    except (sqlite3.Error, ValueError, TypeError, OSError) as error:
        broken = error
    if broken is not None:
        return Finding("failed", f"{file} is damaged: {broken}", _RESCUE)
    return Finding("ok", f"{file} is sound, {rough_size_text(size)}")
