"""When the certificates end that settings and documents name."""

from __future__ import annotations

import asyncio
from pathlib import Path

from evenkeel.controller.doctor.checks.named_files import named_files
from evenkeel.controller.doctor.device import Device
from evenkeel.controller.doctor.files import NamedFile
from evenkeel.controller.process.bounded import read_bounded
from evenkeel.controller.process.causes import system_words
from evenkeel.controller.process.certificates import periods
from evenkeel.controller.process.rights import unread_remedy
from evenkeel.reconcilers.doctor.certificates import Period, of_certificates
from evenkeel.specs.doctor.finding import Detail, Finding, finding_of

_MOST_BYTES = 1024**2


async def look(device: Device) -> Finding:
    """Each file that is named; those of servers are told by the checks that connect to them."""
    named = [each async for each in named_files(device) if each.purpose != "secret"]
    found = await asyncio.to_thread(lambda: [_detail(each, device.now()) for each in named])
    return finding_of([each for each in found if each is not None], "neither settings nor documents name a certificate")


def _detail(named: NamedFile, now: float) -> Detail | None:
    """`None`: it need not be there, and is not."""
    try:
        found = [Period(*each) for each in periods(read_bounded(Path(named.path), _MOST_BYTES))]
    except FileNotFoundError:
        if not named.must:
            return None
        return Detail(named.name, "failed", f"{named.path} is not there", "put the certificate there, as PEM")
    except OSError as error:
        told = f"{named.path} cannot be read: {system_words(error)}"
        return Detail(named.name, "unknown", told, unread_remedy(error, "put the certificate there, as PEM"))
    except ValueError as error:
        return Detail(named.name, "failed", f"{named.path}: {error}", "put the certificate there, as PEM")
    return of_certificates(named.name, named.path, found, now, is_bundle=named.purpose == "authorities")
