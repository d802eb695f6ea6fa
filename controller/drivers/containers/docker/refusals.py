"""The meaning of an engine's refusal: final, passing, or passing with a cause outside of the container.

Only messages that are known to be final are final: texts that an engine was seen to answer to a spec that cannot work
(measured with Docker 20.10.24; `docs/engines.md` has the table). Everything else may pass and counts against the tries
of a revision. The status says nothing, because engines answer 500, 400 and 409 to mistakes of a spec, to a full disk
and to their own confusion alike, and proxies answer with any status.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePath

from evenkeel.reconcilers.containers.causes import start_cause
from evenkeel.specs.containers.container import Container
from evenkeel.specs.containers.redaction import Variables, redacted
from evenkeel.specs.plan import Failed, Outcome, Retry

_FINAL = re.compile(
    "|".join(
        (
            # at the creation, 400
            r"^invalid mount config for type .*: (invalid specification|invalid mount path|invalid propagation mode)",
            r"^invalid mount config: must use either propagation mode",
            r"^duplicate mount point",
            r"^invalid port specification",
            r"^no command specified",
            r"^the working directory .* is invalid",
            r"^invalid capadd",
            r"^minimum memory(swap)? limit",
            r"^you should always set the memory limit",
            r"^invalid restart policy",
            r"^maximum retry count cannot be used",
            r"^unknown log opt",
            r"^error looking up logging plugin",
            r"^invalid signal",
            r"in healthcheck cannot be",
            r"^invalid environment variable",
            r"^bad format for add-host",
            r"^invalid ip address in add-host",
            r"^invalid reference format",
            r"^invalid container name",
            # at the start, 400 and 500
            r"start container process: (error during container init: )?exec: .*(not found in|no such file|permission denied)",
            r"unable to find user .*: no matching entries in passwd file",
            r"failed to initialize logging driver: (invalid size|max-file cannot be)",
            r"sethostname: (invalid argument|file name too long)",
            r"^bad format for links",
            # Podman, 500
            r"^container create: .*unknown capability$",
            r"invalid log driver: invalid argument$",
            r"^fill out specgen: (invalid signal|.*duplicate mount destination)",
            r"names must match .*: invalid argument$",
            r"unable to set memory limit to \d+ \(current usage",
        )
    )
)
_OUTSIDE = re.compile(
    "|".join(
        (
            r"bind source path does not exist",
            r"^container create: stat \S+: no such file or directory$",
            r"^statfs \S+: no such file or directory$",
            r"error mounting .*: not a directory",
            r"are you trying to mount a directory onto a file",
            r"it is not a shared (or slave )?mount",
            r"error gathering device information",
            r"port is already allocated",
            r"address already in use",
            r"cannot assign requested address",
            r"^network .* (not found|is ambiguous)",
            r"pool overlaps with other one",
            r"could not find an available, non-overlapping",
            r"endpoint with name .* already exists",
            r"no space left on device",
            r"disk quota exceeded",
            r"read-only file system",
            r"input/output error",
            r"too many open files",
            r"cannot allocate memory",
            r"resource temporarily unavailable",
            r"device or resource busy",
            r"x509: certificate has expired or is not yet valid: current time \S+ is before",
        )
    )
)
_ENDPOINT_ID = re.compile(r" \([0-9a-f]{64}\)")
"""The id of an endpoint differs at each try (measured, 20.10), and means nothing to people."""
_EXEC = re.compile(r'unable to start container process: (?:error during container init: )?exec: "([^"]*)": ')


def outcome(message: str, mounted: Sequence[str] = ()) -> Outcome:
    """The outcome of a step that the engine refused with this message. `mounted`: the places in the container where
    paths of the host are mounted. A program that comes from there may come late, as with a disk that is mounted after
    the engine was started."""
    lower = message.lower()
    if _OUTSIDE.search(lower) or _is_brought(message, mounted):
        return Retry(message, outside=True)
    return Failed(message) if _FINAL.search(lower) else Retry(message)


def without_values(message: str, container: Container | None, env: Variables = ()) -> str:
    """The engine's message without values of this container: the same text for the same cause. `env`: its variables that were
    handed out."""
    program = (container.command or ("",))[0] if container is not None else ""
    return start_cause(message, program) or redacted(_ENDPOINT_ID.sub("", message), container, env)


def is_about_its_state(status: int, message: str) -> bool:
    """Whether a start failed because of the state that the container is in, such as paused; Podman says so with status 500."""
    return status == 409 or message.endswith("container state improper")


def is_about_its_network(message: str) -> bool:
    """Whether a start failed because its network is gone, or because there are two of its name (measured, 20.10)."""
    lower = message.lower()
    return lower.startswith("network ") and ("not found" in lower or "is ambiguous" in lower)


def _is_brought(message: str, mounted: Sequence[str]) -> bool:
    """Whether the program that cannot be run may come from a mount of the host: by its path, or anywhere in $PATH."""
    found = _EXEC.search(message)
    if found is None:
        return False
    program = PurePath(found[1])
    return any(program.is_relative_to(place) or len(program.parts) == 1 for place in mounted)


def is_outside(message: str) -> bool:
    """Whether a failure has its cause outside of the container or image that it is about."""
    return _OUTSIDE.search(message.lower()) is not None
