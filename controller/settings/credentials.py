"""Registry credentials from Docker's own configuration: `auths`, `credHelpers` and `credsStore` of config.json.

Read anew for every pull, so that a changed file counts at once and no secret stays in memory. A secret goes into one header
of one request and nowhere else; a helper program gets the registry's name on its standard input.
Format: registries.md §3.1.
"""

from __future__ import annotations

import asyncio
import base64
import os
import signal
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from evenkeel.controller.process.bounded import read_bounded
from evenkeel.controller.process.waiting import waiting_for
from evenkeel.specs.errors import Unavailable
from evenkeel.specs.reading.sound import foreign_json
from evenkeel.specs.reading.walk import type_words

_HUB = "https://index.docker.io/v1/"
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
    """The credentials for a registry: a user with a password, or an identity token. The text form shows nothing."""

    server: str
    username: str = ""
    password: str = ""
    identity_token: str = ""

    def __repr__(self) -> str:
        return f"Credentials(server={self.server!r}, …)"


async def credentials_for(registry: str, path: Path) -> Credentials | None:
    """The credentials for a registry host; `None` when there are none.

    Raises Unavailable when the file or a helper cannot be read: a pull without its credentials would fail for a
    misleading reason.
    """
    server = _HUB if registry == "docker.io" else registry
    config = _read(path)
    own = _text(_mapping(config, "credHelpers"), registry, path, "credHelpers")
    helper = own or _text(config, "credsStore", path)
    key = f"credHelpers.{registry}" if own else "credsStore"
    found = await _ask_program(helper, server, f"`{key}` of {path}") if helper else None
    return found or _stored(config, registry, server, path)


def _read(path: Path) -> dict[str, Any]:
    try:
        config = foreign_json(read_bounded(path)) if path.exists() else {}
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


def _host(name: str) -> str:
    """The host of a registry. Docker writes registries as hosts, and in old files as addresses (`https://host/v1/`)."""
    return name.removeprefix("https://").removeprefix("http://").partition("/")[0]


def _stored(config: dict[str, Any], registry: str, server: str, path: Path) -> Credentials | None:
    auths = _mapping(config, "auths")
    for name in sorted(auths, key=lambda name: (name != server, name)):
        entry = auths[name]
        if not isinstance(entry, dict) or _host(name) not in (registry, _host(server)):
            continue
        above = ("auths", name)
        if token := _text(entry, "identitytoken", path, *above):
            return Credentials(server, identity_token=token)
        if coded := _text(entry, "auth", path, *above):
            try:
                user, _, password = base64.b64decode(coded).decode().partition(":")
            except ValueError:
                raise Unavailable(f"registry:{registry}", "its credentials are no base64 text") from None
            return Credentials(server, user, password.rstrip("\0"))
        if user := _text(entry, "username", path, *above):
            return Credentials(server, user, _text(entry, "password", path, *above))
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
        what = "install it, or remove that key and log in again"
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
