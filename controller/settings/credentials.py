"""Registry credentials from files (`credential_files`), from helpers, and from what the registries domain has in force.

Read anew for every pull, so that a changed file counts at once and no secret stays in memory. A secret goes into one header
of one request and nowhere else; a helper program gets the registry's name on its standard input.
The file in force has Docker's form, and `references`: for a place, `helper NAME` or `config PATH`; `realms`: for a place, hosts
that may have its credentials beside the registry; and a list of places, `insecure`.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from evenkeel.controller.process.waiting import waiting_for
from evenkeel.controller.settings.credential_files import (
    covering,
    kept_for,
    mapping,
    read,
    server_of,
    stored_in,
    text_at,
)
from evenkeel.specs.errors import Unavailable
from evenkeel.specs.reading.sound import foreign_json
from evenkeel.specs.registries.login import user_fault
from evenkeel.specs.registries.registry import place_of_key

log = logging.getLogger(__name__)

_NOT_FOUND = b"credentials not found in native keychain"
"""The words of a helper that has none for a registry (docker-credential-helpers, `credentials/error.go`); with others it could
not look."""
_OTHERWISE = "name the credentials otherwise (`evenkeel registry add`)"
_PROGRAM_TIMEOUT_S = 20
_MOST_BYTES = 64 * 1024
"""The bound of a helper's answer, which holds one user and one secret."""
_MOST_PLACES = 1000
"""The most places whose doubts are kept."""


class Credentials(NamedTuple):
    """The credentials for a registry: a user with a password, an identity token, or both. The text form shows nothing.
    `realms`: the hosts that a document lets have them beside the registry; `None` where no document is about them."""

    server: str
    username: str = ""
    password: str = ""
    identity_token: str = ""
    realms: tuple[str, ...] | None = None

    def __repr__(self) -> str:
        return f"Credentials(server={self.server!r}, …)"


def config_path(configured: str) -> Path:
    """The configuration file: the configured one, `$DOCKER_CONFIG/config.json`, or the one in the home folder.

    Raises Unavailable when the configured one is not there: a pull without it would fail for another reason.
    """
    if configured:
        if not Path(configured).exists():
            why = f"`engine.dockerConfig` says that registry credentials are in {configured}, and there is no such file"
            raise Unavailable(f"file:{configured}", why)
        return Path(configured)
    folder = os.environ.get("DOCKER_CONFIG")
    return (Path(folder) if folder else Path.home() / ".docker") / "config.json"


async def credentials_for(place: str, path: Path) -> Credentials | None:
    """The credentials in one file for a place: a registry, or an image's registry and repository. Of several keys that
    cover it the longest counts; `None` when there are none.

    Credentials beside a helper count where the helper cannot be asked, or fails, as for Docker. One that knows none leaves it
    to them under `credsStore`, a key that Podman does not know, and not under `credHelpers`.

    Raises Unavailable when the file cannot be read, and when a helper gives no answer and the file has no credentials beside
    it: a pull without its credentials would fail for a misleading reason.
    """
    kept, server = kept_for(place, path), server_of(place)
    own = None if kept.credentials is None else Credentials(server, *kept.credentials)
    found, doubts = own, kept.doubts
    if kept.helper:
        try:
            found = await _ask_program(kept.helper, server, kept.named_by)
        except Unavailable as error:
            if own is None:
                raise
            doubts = (f"{error.message}; {kept.at} counts", *doubts)
        else:
            if own is not None and (found is not None or kept.is_only):
                doubts = (f"{kept.at}: {kept.named_by} counts, and not this",)
            else:
                found = found or own
    _doubts.tell(place, path, doubts)
    return found


class _Doubts:
    """The doubts that hold about files of credentials. Each is told when it begins: the files are read at every pull and every
    question about a tag."""

    def __init__(self) -> None:
        self._held: dict[tuple[str, Path], tuple[str, ...]] = {}

    def tell(self, place: str, path: Path, doubts: tuple[str, ...]) -> None:
        held = {each for its in self._held.values() for each in its}
        self._held.pop((place, path), None)
        if doubts:
            self._held[place, path] = doubts
        if len(self._held) > _MOST_PLACES:
            del self._held[next(iter(self._held))]
        for each in doubts:
            level = logging.DEBUG if each in held else logging.INFO
            log.log(level, "doubt about registry credentials", extra={"fields": {"why": each}})


_doubts = _Doubts()


async def credentials_of(reference: str, place: str) -> Credentials:
    """The credentials that a document about a registry leads to by a reference, `helper NAME` or `config PATH`. Raises
    Unavailable when it leads to none, or when nobody can tell (see `credentials_for`)."""
    kind, _, target = reference.partition(" ")
    if kind == "helper":
        whose, where = f"`credentials.helper` of the registry {place}", f"docker-credential-{target}"
        found = await _ask_program(target, server_of(place), whose)
    else:
        found, where = await credentials_for(place, Path(target)), target
    if found is None:
        raise Unavailable(f"registry:{place}", f"there are no credentials for {place} in {where}")
    return found


async def credentials_of_pull(place: str, configured: str, admitted: Path | None) -> Credentials | None:
    """The credentials of a pull: by `admitted`, the file of what the registries domain has in force, else by
    `engine.dockerConfig` (see `config_path`). Raises Unavailable."""
    if admitted is not None:
        in_force, server = read(admitted), server_of(place)
        references, stored = mapping(in_force, "references"), stored_in(in_force, place, server, admitted)
        for name in covering(references, place, server):
            if len(place_of_key(name)) >= stored.reach:
                found = await credentials_of(text_at(references, name, admitted, "references"), place)
                return found._replace(realms=_realms(in_force, name))
        _doubts.tell(place, admitted, stored.doubts)
        if stored.credentials is not None:
            return Credentials(server, *stored.credentials, realms=_realms(in_force, stored.name))
    return await credentials_for(place, config_path(configured))


class Terms(NamedTuple):
    """The terms on which a registry is asked: `realms`, further hosts that may have the credentials, and whether it is
    `insecure`, so that it may be asked without encryption."""

    realms: tuple[str, ...] = ()
    insecure: bool = False


def terms_of_pull(place: str, admitted: Path | None) -> Terms:
    """The terms for a place in `admitted`, the file of what the registries domain has in force. Realms belong to credentials:
    those count that are for the same place. Raises Unavailable."""
    if admitted is None:
        return Terms()
    in_force = read(admitted)
    realms = mapping(in_force, "realms")
    known = {**mapping(in_force, "auths"), **mapping(in_force, "references"), **realms}
    nearest = next(iter(covering(known, place, server_of(place))), "")
    insecure = dict.fromkeys(_texts(in_force.get("insecure")))
    return Terms(_realms(in_force, nearest), bool(covering(insecure, place, server_of(place))))


def _realms(in_force: dict[str, Any], name: str) -> tuple[str, ...]:
    """The further hosts that may have the credentials of a key."""
    realms = mapping(in_force, "realms")
    return next((_texts(each) for key, each in realms.items() if place_of_key(key) == place_of_key(name)), ())


def _texts(value: object) -> tuple[str, ...]:
    return tuple(each for each in value if isinstance(each, str)) if isinstance(value, list) else ()


async def _ask_program(suffix: str, server: str, named_by: str) -> Credentials | None:
    """The answer of `docker-credential-<suffix> get`; `None` when it does not know the registry. `named_by`: the place
    where the helper is configured; a desktop writes its own there, and the file is then copied to a device without it.

    A helper that takes too long is killed with all processes that it has started, and so is one whose caller was
    cancelled.
    """
    program = f"docker-credential-{suffix}"
    element, whose = f"program:{program}", f"the credential helper {program}, which {named_by} names"
    try:
        async with asyncio.timeout(_PROGRAM_TIMEOUT_S):
            with waiting_for(f"the credential helper {program}"):
                code, answer = await _answered(program, server)
    except FileNotFoundError:
        what = f"install it, or remove that key and {_OTHERWISE}"
        raise Unavailable(element, f"{whose}, is not in the PATH here; {what}") from None
    except TimeoutError:
        raise Unavailable(element, f"{whose}, did not answer within {_PROGRAM_TIMEOUT_S} s and was ended") from None
    except OSError as error:
        raise Unavailable(element, f"{whose}, cannot be run: {error.strerror}") from None
    except ValueError:  # not a valid file name
        raise Unavailable(element, f"{whose}, cannot be run: no file can have that name") from None
    if len(answer) > _MOST_BYTES:
        why = f"printed more than {_MOST_BYTES // 1024} KiB and was ended"
        raise Unavailable(element, f"{whose}, {why}")
    if code != 0 and _NOT_FOUND not in answer:
        how = f"failed with exit code {code}" if code > 0 else f"was ended by signal {-code}"
        what = f"repair or unlock its store (`echo {server} | {program} get` tells why)"
        raise Unavailable(element, f"{whose}, {how}; {what}, or {_OTHERWISE}")
    if code != 0:
        return None
    try:
        found = foreign_json(answer)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise Unavailable(element, f"{whose}, did not answer with a JSON object")
    user, secret = found.get("Username", ""), found.get("Secret", "")
    if not isinstance(user, str) or not isinstance(secret, str):
        raise Unavailable(element, f"{whose}, did not answer with texts as `Username` and `Secret`")
    if fault := user_fault(user):
        raise Unavailable(element, f"{whose}, answered with a user that is none: {fault}")
    return Credentials(server, identity_token=secret) if user == "<token>" else Credentials(server, user, secret)


async def _answered(program: str, server: str) -> tuple[int, bytes]:
    """The exit code of a helper and its output, of which at most one byte more than `_MOST_BYTES` is read. It has a
    process group of its own, which is killed unless it ends by itself.

    The pipe is made here: asyncio would wait for its end after the kill, and a process that left the group can keep it
    open.
    """
    inner, outer = os.pipe()
    with os.fdopen(inner, "rb", buffering=0) as inlet:
        try:
            process = await asyncio.create_subprocess_exec(
                program,
                "get",
                stdin=asyncio.subprocess.PIPE,
                stdout=outer,
                stderr=asyncio.subprocess.DEVNULL,
                process_group=0,
            )
        finally:
            os.close(outer)
        has_ended = False
        try:
            if process.stdin is not None:
                process.stdin.write(server.encode())
                process.stdin.close()
            answer = await _printed(inlet)
            if len(answer) <= _MOST_BYTES:
                await process.wait()
                has_ended = True
        finally:
            if not has_ended:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                await process.wait()
        return process.returncode or 0, answer


async def _printed(inlet: BinaryIO) -> bytes:
    reader, loop = asyncio.StreamReader(), asyncio.get_running_loop()
    transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), inlet)
    try:
        found = b""
        while len(found) <= _MOST_BYTES and (piece := await reader.read(_MOST_BYTES + 1 - len(found))):
            found += piece
        return found
    finally:
        transport.close()
