"""Well-known causes of failures, recognised in the messages of engines, shells and servers, and told without showing
these.

Output may hold secrets, so nothing of it is repeated but the name of a program that could not be run: the first word of
a command, never its arguments. Of an answer over the network only the status is told, and of the request the port and
the path without its query.
"""

from __future__ import annotations

import os
import re

from evenkeel.specs.containers.container import HttpProbe, TcpProbe
from evenkeel.specs.reading.secrecy import shown_target

_EXEC = re.compile(r'exec: "([^"]{1,200})": (.*)', re.DOTALL)
"""The message of runc and its like about a program that they cannot start (measured with Docker 20.10)."""
_TIMEOUT = re.compile(r"^Health check exceeded timeout \(((?:\d{1,9}(?:\.\d{1,9})?(?:h|m|s|ms|µs|ns))+)\)")
_NO_NAME = re.compile(r"[\s=]")
_SHELLS = {126: "it may not run a program", 127: "it does not find a program"}
"""Exit codes of shells (POSIX.1-2017, 2.8.2)."""


def exit_text(code: int, error: str = "") -> str:
    """`exit code 127`, with the engine's `error`, or else with the usual meaning of the code."""
    if error:
        return f"exit code {code}: {error}"
    return f"exit code {code}" + (f", which a shell gives when {_SHELLS[code]}" if code in _SHELLS else "")


def check_cause(code: int, output: str, program: str) -> str:
    """Why a check's command failed; "" where that is not known. It is told from the exit code (negative: the command
    was not run, or not to its end), from the engine's record of its output, and from `program`, the one that is asked
    for: a name in the output may be the container's own text."""
    not_run = _EXEC.search(output) if code in (-1, 126, 127) else None
    if not_run and not_run[1] == program:
        if "permission denied" in not_run[2]:
            return f"{_named(program)} may not be executed"
        return f"{_named(program)} is not in the container"
    if code < 0 and (late := _TIMEOUT.search(output)):
        return f"its command did not end within {late[1]}"
    return f"its command ended with {exit_text(code)}" if code > 0 else ""


def start_cause(message: str, program: str) -> str:
    """Why a container's own program could not be started, from the engine's refusal and the program that is asked for.
    "" where that is not known, and where the program is the image's."""
    not_run = _EXEC.search(message)
    if not_run is None or not_run[1] != program:
        return ""
    if "permission denied" in not_run[2]:
        return f"{_named(program)} may not be executed"
    is_absent = "no such file" in not_run[2] or "not found in" in not_run[2]
    return f"{_named(program)} is not in the container" if is_absent else ""


def _named(program: str) -> str:
    """A whole command that is written as one word is not repeated, because its arguments may be secret."""
    return f"its program {program}" if not _NO_NAME.search(program) else "its program, which is the whole command,"


def is_good_answer(status: int) -> bool:
    """Whether an HTTP check passes by an answer with this status."""
    return 200 <= status < 400


def answer_cause(probe: HttpProbe, status: int) -> str:
    """Why an HTTP check failed that got an answer."""
    return f"{_asked(probe)} answered {status}"


def late_cause(probe: HttpProbe | TcpProbe, after_s: float) -> str:
    """Why a check over the network failed that took too long."""
    return f"{_asked(probe)} timed out after {after_s:g} s"


def unanswered_cause(probe: HttpProbe | TcpProbe, why: OSError | str) -> str:
    """Why a check over the network failed that got no answer, in the system's words if the error is the system's."""
    if isinstance(why, OSError):
        number = why.errno or 0
        why = os.strerror(number).lower() if number > 0 else "the connection failed"
    return f"{_asked(probe)}: {why}"


_LONGEST_PATH = 100


def _asked(probe: HttpProbe | TcpProbe) -> str:
    if isinstance(probe, TcpProbe):
        return f"TCP :{probe.port}"
    target = shown_target(probe.path)
    return f"GET :{probe.port}{target if len(target) <= _LONGEST_PATH else target[: _LONGEST_PATH - 1] + '…'}"
