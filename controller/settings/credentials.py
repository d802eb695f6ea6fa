"""Registry credentials from Docker's own configuration: `auths`, `credHelpers` and `credsStore` of config.json.

Read anew for every pull, so that a changed file counts at once and no secret stays in memory. A secret goes into one header
of one request and nowhere else; a helper program gets the registry's name on its standard input.
Format: registries.md §3.1.
"""

from __future__ import annotations

import asyncio
import base64
import os
from pathlib import Path
from typing import Any, NamedTuple

from evenkeel.specs.errors import Unavailable
from evenkeel.specs.reading.sound import foreign_json

_HUB = "https://index.docker.io/v1/"
_PROGRAM_TIMEOUT_S = 20


def config_path(configured: str) -> Path:
    """The file that counts: the configured one, `$DOCKER_CONFIG/config.json`, or the one in the home folder.

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
    """What a registry is shown: a user with a password, or an identity token. Its text form says nothing."""

    server: str
    username: str = ""
    password: str = ""
    identity_token: str = ""

    def __repr__(self) -> str:
        return f"Credentials(server={self.server!r}, …)"


async def credentials_for(registry: str, path: Path) -> Credentials | None:
    """The credentials for a registry host; `None` when there are none.

    Raises Unavailable when the file or a helper cannot be read: a pull without its credentials would fail for a reason
    that is not the true one.
    """
    server = _HUB if registry == "docker.io" else registry
    config = _read(path)
    own = _mapping(config, "credHelpers").get(registry)
    helper = own or config.get("credsStore")
    key = f"credHelpers.{registry}" if own else "credsStore"
    found = await _ask_program(str(helper), server, f"`{key}` of {path}") if helper else None
    return found or _stored(config, registry, server)


def _read(path: Path) -> dict[str, Any]:
    try:
        config = foreign_json(path.read_bytes()) if path.exists() else {}
    except (OSError, ValueError, RecursionError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no JSON"
        raise Unavailable(f"file:{path}", f"registry credentials in {path} cannot be read: {reason}") from None
    return config if isinstance(config, dict) else {}


def _mapping(config: dict[str, Any], key: str) -> dict[str, Any]:
    found = config.get(key)
    return found if isinstance(found, dict) else {}


def _host(name: str) -> str:
    """Docker writes registries as hosts, and as addresses of old (`https://host/v1/`)."""
    return name.removeprefix("https://").removeprefix("http://").partition("/")[0]


def _stored(config: dict[str, Any], registry: str, server: str) -> Credentials | None:
    auths = _mapping(config, "auths")
    for name in sorted(auths, key=lambda name: (name != server, name)):
        entry = auths[name]
        if not isinstance(entry, dict) or _host(name) not in (registry, _host(server)):
            continue
        if entry.get("identitytoken"):
            return Credentials(server, identity_token=str(entry["identitytoken"]))
        if entry.get("auth"):
            try:
                user, _, password = base64.b64decode(str(entry["auth"])).decode().partition(":")
            except ValueError:
                raise Unavailable(f"registry:{registry}", "its credentials are no base64 text") from None
            return Credentials(server, user, password.rstrip("\0"))
        if entry.get("username"):
            return Credentials(server, str(entry["username"]), str(entry.get("password", "")))
    return None


async def _ask_program(suffix: str, server: str, named_by: str) -> Credentials | None:
    """What `docker-credential-<suffix> get` answers; `None` when it knows nothing of the registry. `named_by`: where the
    helper is configured; a desktop writes its own there, and the file is then copied to a device without it.

    A helper is quick or it hangs; one that hangs is killed, also when nobody waits for its answer any more.
    """
    program = f"docker-credential-{suffix}"
    element, whose = f"program:{program}", f"the credential helper {program}, which {named_by} names"
    try:
        process = await asyncio.create_subprocess_exec(
            program,
            "get",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
    except FileNotFoundError:
        what = "install it, or remove that key and log in again"
        raise Unavailable(element, f"{whose}, is not in the PATH here; {what}") from None
    except OSError as error:
        raise Unavailable(element, f"{whose}, cannot be run: {error.strerror}") from None
    except ValueError:  # a name that is none of a file
        raise Unavailable(element, f"{whose}, cannot be run: no file can have that name") from None
    try:
        async with asyncio.timeout(_PROGRAM_TIMEOUT_S):
            answer, _ = await process.communicate(server.encode())
    except TimeoutError:
        raise Unavailable(element, f"{whose}, did not answer within {_PROGRAM_TIMEOUT_S} s") from None
    except OSError as error:
        raise Unavailable(element, f"{whose}, gave no credentials: {error.strerror}") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0:
        return None
    try:
        found = foreign_json(answer)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise Unavailable(element, f"{whose}, did not answer with a JSON object")
    if found.get("Username") == "<token>":
        return Credentials(server, identity_token=str(found.get("Secret", "")))
    return Credentials(server, str(found.get("Username", "")), str(found.get("Secret", "")))
