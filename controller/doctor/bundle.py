"""The bundle of a bug report: what somebody far away needs to understand a device, in one file, without a secret.

Members are values that are made to be shown: the report, plans in which values are hidden, entries, conditions. Bodies of the
journal (desired states, memories, messages) are not in it; of each table it has the number of rows. A member that cannot be
made says why, and the others are there.
"""

from __future__ import annotations

import asyncio
import importlib.metadata
import io
import json
import os
import platform
import tarfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evenkeel.controller.doctor.device import GivenSettings
from evenkeel.controller.doctor.threads import run_bounded
from evenkeel.controller.process.atomic import write_atomically
from evenkeel.controller.process.defect import defect_place
from evenkeel.controller.process.replacing import check_file
from evenkeel.specs.doctor.finding import Report
from evenkeel.specs.errors import EvenkeelError, Refused
from evenkeel.specs.visible import visible_json

if TYPE_CHECKING:
    from evenkeel.controller.journal.journal import Journal
    from evenkeel.specs.settings.settings import Settings

FOLDER = "evenkeel-doctor"
_MOST_ENTRIES = 2000
_PLAN_S = 10.0
_MODE = 0o600
_ABOUT = """\
A bundle of `evenkeel doctor --bundle`, for a bug report.

doctor.json     the report: each check with its state, evidence and remedy
versions.json   evenkeel, Python, system, and libraries
settings.json   the settings in force; passwords are in files, which are not here
plan.json       what evenkeel would do for the spec files; without values
journal.json    conditions, digests of revisions, failed attempts, and the number of rows of each table
events.jsonl    the newest entries

It holds no password, no value of a variable, no word of a command, and no content of a file. It has names: of containers,
images, hosts, users and files.
"""


def write_bundle(file: Path, given: GivenSettings, report: Report) -> None:
    """Write the bundle, which only its owner may read. Raises OSError, and Refused as `check_place`."""
    content = bundle_bytes(given, report)
    check_place(file.absolute())
    write_atomically(file.absolute(), content, _MODE)


def check_place(file: Path) -> os.stat_result | None:
    """The state of the file in whose place a bundle is to come; `None` where there is none. Raises Refused for anything but
    a former bundle and an empty file, and where its folder is not there: another file may be one that nobody can make again."""
    found = check_file(file)
    if not file.parent.is_dir():
        raise Refused(f"file:{file}", f"the folder {file.parent} is not there; make it, or name a file in another one")
    if found is not None and found.st_size and not _is_bundle(file):
        raise Refused(f"file:{file}", "it is there, and is no bundle of `evenkeel doctor`; name another file")
    return found


def _is_bundle(file: Path) -> bool:
    try:
        with file.open("rb") as content, tarfile.open(fileobj=content, mode="r:gz") as archive:
            first = archive.next()
    except (OSError, EOFError, zlib.error, tarfile.TarError):
        return False
    return first is not None and first.name.startswith(f"{FOLDER}/")


def bundle_bytes(given: GivenSettings, report: Report) -> bytes:
    """The bundle as tar.gz."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        for name, text in _members(given, report):
            member = tarfile.TarInfo(f"{FOLDER}/{name}")
            member.size, member.mode, member.mtime = len(text), _MODE, int(report.at)
            archive.addfile(member, io.BytesIO(text))
    return content.getvalue()


def _members(given: GivenSettings, report: Report) -> Iterator[tuple[str, bytes]]:
    from evenkeel.templates.doctor_text import report_value

    yield "README", _ABOUT.encode()
    yield "doctor.json", _json(report_value(report))
    yield "versions.json", _json(versions(report))
    settings = given.settings
    if settings is None:
        yield "settings.json", _json({"error": given.trouble})
        return
    from evenkeel.specs.settings.masked import masked_settings

    yield "settings.json", _json(masked_settings(settings))
    yield "plan.json", _json(_guarded(lambda: _plan(settings)))
    excerpt = _guarded(lambda: _of_journal(settings, _excerpt))
    yield "journal.json", _json({**excerpt, "rows": _guarded(lambda: _rows(settings))})
    yield "events.jsonl", _events(settings)


def versions(report: Report) -> dict[str, Any]:
    """Versions of programs and libraries. That of the engine is in the report."""
    libraries = sorted({each.partition(";")[0] for each in importlib.metadata.requires("evenkeel") or ()})
    names = ["".join(_name_of(each)) for each in libraries]
    return {
        "evenkeel": report.version or None,
        "python": platform.python_version(),
        "system": platform.platform(),
        "machine": platform.machine(),
        "libraries": {name: _version_of(name) for name in names},
    }


def _name_of(requirement: str) -> Iterator[str]:
    for letter in requirement:
        if not (letter.isalnum() or letter in "-_."):
            return
        yield letter


def _version_of(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _guarded(work: Callable[[], Any]) -> Any:
    try:
        return work()
    except EvenkeelError as error:
        return {"error": str(error)}
    except TimeoutError:  # an OSError, too
        return {"error": f"it was not there within {_PLAN_S:g} s"}
    except OSError as error:
        return {"error": (error.strerror or type(error).__name__).lower()}
    except Exception as error:  # noqa: BLE001 - a bug must not keep its own report from being written
        return {"error": f"internal error: {defect_place(error)}"}


def _of_journal(settings: Settings, work: Callable[[Journal], Any]) -> Any:
    from evenkeel.controller.journal.journal import read_journal

    with closing(read_journal(Path(settings.state))) as journal:
        return work(journal)


def _excerpt(journal: Journal) -> dict[str, Any]:
    from evenkeel.specs.codec import plain

    desired, good = journal.digest("desired"), journal.digest("last-good")
    attempt = journal.attempts.of(desired) if desired else None
    return {
        "desired": desired or None,
        "lastGood": good or None,
        "conditions": [plain(each) for each in journal.conditions()],
        "attempt": attempt._asdict() if attempt is not None else None,
        "activities": {name: each.id for name, each in journal.activities().items()},
        "messagesWaiting": journal.outbox.waiting(),
        "newestEntry": journal.last_seq(),
    }


def _rows(settings: Settings) -> dict[str, Any]:
    """The number of rows of each table."""
    import sqlite3

    from evenkeel.controller.journal.file import FILE, read_file
    from evenkeel.controller.journal.integrity import TABLES

    try:
        with closing(read_file(Path(settings.state) / FILE)) as connection:
            names = [name for (name,) in connection.execute(TABLES)]
            return {name: connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in names}
    except (sqlite3.Error, ValueError, TypeError) as error:
        return {"error": str(error)}


def _events(settings: Settings) -> bytes:
    from evenkeel.templates.entry_json import entry_json

    def newest(journal: Journal) -> list[bytes]:
        return [entry_json(each) for each in journal.entries(max(journal.last_seq() - _MOST_ENTRIES, 0), _MOST_ENTRIES)]

    found = _guarded(lambda: _of_journal(settings, newest))
    return b"".join(each + b"\n" for each in found) if isinstance(found, list) else _json(found)


def _plan(settings: Settings) -> dict[str, Any]:
    """The plan for the spec files; of a change only its place, not its values."""
    from evenkeel.controller.cycle.preview import Preview, preview
    from evenkeel.controller.wiring import open_domains, read_source
    from evenkeel.specs.errors import SpecError
    from evenkeel.specs.problem import errors
    from evenkeel.templates.plan_json import plan_value

    reading = read_source(settings, readonly=True)
    if errors(reading.problems):
        raise SpecError("specs", reading.problems)

    async def look(journal: Journal) -> Preview:
        domains = open_domains(settings, readonly=True)
        try:
            async with asyncio.timeout(_PLAN_S):
                return await preview(domains, journal, reading.desired)
        finally:
            for domain in domains:
                await domain.driver.close()

    found: Preview = _of_journal(settings, lambda journal: run_bounded(look(journal)))
    value = plan_value(found.texts(), reading.desired.digest, found.notes, found.groups)
    for subject in value["subjects"]:
        for change in subject["changes"]:
            change.pop("old"), change.pop("new")
    return value


def _json(value: Any) -> bytes:
    return visible_json(json.dumps(value, indent=2, ensure_ascii=False)).encode(errors="replace") + b"\n"
