"""Registry credentials from files: `auths`, `credHelpers` and `credsStore` of Docker's config.json and Podman's auth.json, the
registries of Kanto's config.json, and what the registries domain has in force.

Read anew for every pull, so that a changed file counts at once and no secret stays in memory. A secret goes into one header
of one request and nowhere else; a helper program gets the registry's name on its standard input.
Formats: registries.md §1.2, §3.1, §3.3. The file in force has Docker's form, and `references`: for a place, `helper NAME` or
`config PATH`; `realms`: for a place, hosts that may have its credentials beside the registry; and a list of places, `insecure`.
"""

from __future__ import annotations

import asyncio
import base64
import os
import signal
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from evenkeel.controller.process.bounded import read_regular
from evenkeel.controller.process.waiting import waiting_for
from evenkeel.specs.containers.image import DEFAULT_REGISTRY
from evenkeel.specs.errors import Unavailable
from evenkeel.specs.reading.sound import foreign_json
from evenkeel.specs.reading.walk import type_words
from evenkeel.specs.registries.registry import HUB_KEY, covers, place_of_key

_PROGRAM_TIMEOUT_S = 20
_MOST_BYTES = 64 * 1024
"""The bound of a helper's answer, which holds one user and one secret."""


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


class Credentials(NamedTuple):
    """The credentials for a registry: a user with a password, or an identity token. The text form shows nothing. `realms`: the
    hosts that a document lets have them beside the registry; `None` where no document is about them."""

    server: str
    username: str = ""
    password: str = ""
    identity_token: str = ""
    realms: tuple[str, ...] | None = None

    def __repr__(self) -> str:
        return f"Credentials(server={self.server!r}, …)"


class KeptCredentials(NamedTuple):
    """A file's own part about a place, for which no program was asked. `helper`: the program that is asked first, `named_by`
    that key of the file; "" for none. The text form shows no secret."""

    credentials: Credentials | None = None
    helper: str = ""
    named_by: str = ""


def kept_for(place: str, path: Path) -> KeptCredentials:
    """The part of one file about a place. Of several keys that cover it the longest counts. Raises Unavailable when the file
    cannot be read."""
    config, server = _read(path), _server(place)
    helpers = _mapping(config, "credHelpers")
    stored = _stored(config, place, server, path)
    for name in _covering(helpers, place, server):
        if (helper := _text(helpers, name, path, "credHelpers")) and len(place_of_key(name)) >= stored.reach:
            return KeptCredentials(stored.credentials, helper, f"`credHelpers.{name}` of {path}")
    if (helper := _text(config, "credsStore", path)) and stored.reach <= len(place_of_key(server)):
        return KeptCredentials(stored.credentials, helper, f"`credsStore` of {path}")
    return KeptCredentials(stored.credentials)


async def credentials_for(place: str, path: Path) -> Credentials | None:
    """The credentials in one file for a place: a registry, or an image's registry and repository. Of several keys that
    cover it the longest counts; `None` when there are none.

    Raises Unavailable when the file or a helper cannot be read: a pull without its credentials would fail for a
    misleading reason.
    """
    kept = kept_for(place, path)
    found = await _ask_program(kept.helper, _server(place), kept.named_by) if kept.helper else None
    return found or kept.credentials


async def credentials_of(reference: str, place: str) -> Credentials:
    """The credentials that a document about a registry leads to by a reference, `helper NAME` or `config PATH`. Raises
    Unavailable when it leads to none."""
    kind, _, target = reference.partition(" ")
    if kind == "helper":
        whose = f"`credentials.helper` of the registry {place}"
        found, where = await _ask_program(target, _server(place), whose), f"docker-credential-{target}"
    else:
        found, where = await credentials_for(place, Path(target)), target
    if found is None:
        raise Unavailable(f"registry:{place}", f"there are no credentials for {place} in {where}")
    return found


async def credentials_of_pull(place: str, configured: str, admitted: Path | None) -> Credentials | None:
    """The credentials of a pull: by `admitted`, the file of what the registries domain has in force, else by
    `engine.dockerConfig` (see `config_path`). Raises Unavailable."""
    if admitted is not None:
        in_force, server = _read(admitted), _server(place)
        references, stored = _mapping(in_force, "references"), _stored(in_force, place, server, admitted)
        for name in _covering(references, place, server):
            if len(place_of_key(name)) >= stored.reach:
                found = await credentials_of(_text(references, name, admitted, "references"), place)
                return found._replace(realms=_realms(in_force, name))
        if stored.credentials is not None:
            return stored.credentials._replace(realms=_realms(in_force, stored.name))
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
    in_force = _read(admitted)
    realms = _mapping(in_force, "realms")
    known = {**_mapping(in_force, "auths"), **_mapping(in_force, "references"), **realms}
    nearest = next(iter(_covering(known, place, _server(place))), "")
    insecure = dict.fromkeys(_texts(in_force.get("insecure")))
    return Terms(_realms(in_force, nearest), bool(_covering(insecure, place, _server(place))))


def _realms(in_force: dict[str, Any], name: str) -> tuple[str, ...]:
    """The further hosts that may have the credentials of a key."""
    realms = _mapping(in_force, "realms")
    return next((_texts(each) for key, each in realms.items() if place_of_key(key) == place_of_key(name)), ())


def _texts(value: object) -> tuple[str, ...]:
    return tuple(each for each in value if isinstance(each, str)) if isinstance(value, list) else ()


def _read(path: Path) -> dict[str, Any]:
    try:
        config = foreign_json(read_regular(path))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, ValueError, RecursionError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no JSON"
        raise Unavailable(f"file:{path}", f"registry credentials in {path} cannot be read: {reason}") from None
    return config if isinstance(config, dict) else {}


def _mapping(config: dict[str, Any], key: str) -> dict[str, Any]:
    found = config.get(key)
    return found if isinstance(found, dict) else {}


def _text(fields: dict[str, Any], key: str, path: Path, *above: str) -> str:
    """The text at a key, "" when there is none. Raises Unavailable for another type: its Python form would become the
    name of a program, or a password."""
    value = fields.get(key)
    if value is None or isinstance(value, str):
        return value or ""
    what = f"expected a text at `{'.'.join((*above, key))}`, got {type_words(value)}"
    raise Unavailable(f"file:{path}", f"registry credentials in {path} cannot be read: {what}")


def _server(place: str) -> str:
    """The name by which Docker's helpers know a registry."""
    host = place_of_key(place).partition("/")[0]
    return HUB_KEY if host == DEFAULT_REGISTRY else host


def _covering(fields: dict[str, Any], place: str, server: str) -> list[str]:
    """The keys that cover a place, the longest first; of equal ones the usual form."""
    wanted = place_of_key(place)
    found = [name for name in fields if covers(place_of_key(name), wanted)]
    return sorted(found, key=lambda name: (-len(place_of_key(name)), name not in (server, place_of_key(name)), name))


class _Stored(NamedTuple):
    """Credentials that are in a file itself. `reach`: the length of their place, 0 without any; `name`: its key."""

    credentials: Credentials | None = None
    reach: int = 0
    name: str = ""


def _stored(config: dict[str, Any], place: str, server: str, path: Path) -> _Stored:
    auths = _mapping(config, "auths")
    kanto = _mapping(_mapping(config, "containers"), "registry_configurations")
    for name in _covering({**kanto, **auths}, place, server):
        found = _entry(auths, name, server, path) or _entry_of_kanto(kanto, name, server, path)
        if found is not None:
            return _Stored(found, len(place_of_key(name)), name)
    return _Stored()


def _entry(auths: dict[str, Any], name: str, server: str, path: Path) -> Credentials | None:
    entry, above = auths.get(name), ("auths", name)
    if not isinstance(entry, dict):
        return None
    if token := _text(entry, "identitytoken", path, *above):
        return Credentials(server, identity_token=token)
    if coded := _text(entry, "auth", path, *above):
        try:
            user, _, password = base64.b64decode(coded).decode().partition(":")
        except ValueError:
            raise Unavailable(f"registry:{place_of_key(name)}", "its credentials are no base64 text") from None
        return Credentials(server, user, password.rstrip("\0"))
    if user := _text(entry, "username", path, *above):
        return Credentials(server, user, _text(entry, "password", path, *above))
    return None


def _entry_of_kanto(kanto: dict[str, Any], name: str, server: str, path: Path) -> Credentials | None:
    """An entry of Kanto's container-management (registries.md §1.2)."""
    entry, above = kanto.get(name), ("containers", "registry_configurations", name, "credentials")
    fields = _mapping(entry, "credentials") if isinstance(entry, dict) else {}
    if user := _text(fields, "user_id", path, *above):
        return Credentials(server, user, _text(fields, "password", path, *above))
    return None


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
        what = "install it, or remove that key and name the credentials otherwise (`evenkeel registry add`)"
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
