"""A `Maker` in a process of its own, which ends with each call: `cryptography` takes 14 MiB, which a daemon would keep.

The call and the answer are JSON over pipes, because arguments, environments and files of a process are seen by others. A
process that has threads cannot fork itself in peace (`controller.process.apart`), so that this is a new one: 0.12 s of
processor time and 30 MiB while it lives (x86-64, measured), plus the time of a new key. It changes nothing on the disk, and
may be ended at any moment.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from evenkeel.controller.drivers.provisioning.ports import Maker, Pair
from evenkeel.specs.codec import decode, encode, fields_of
from evenkeel.specs.errors import Refused, TimedOut, Unavailable
from evenkeel.specs.provisioning.pair import AuthoritySeen, KeyKind, PairSeen, Subject

ELEMENT = "certificates"
MISSING = "cryptography is not installed; install it with `pip install 'evenkeel[identity]'`"
_PATIENCE_S = 120.0
"""RSA with 4096 bits takes 0.1 to 5 s on a laptop, and several times that on a small device."""


class MakerApart:
    """A `Maker` whose calls block until their process has ended. Raises ValueError with the reason for what cannot be read or
    made, Refused when `cryptography` is missing, TimedOut after 120 s, and Unavailable when the process was ended."""

    def __init__(self, patience_s: float = _PATIENCE_S) -> None:
        self._patience_s = patience_s
        self._under_way = set[subprocess.Popen[bytes]]()

    def self_signed(self, kind: KeyKind, subject: Subject) -> Pair:
        return decode(self._call("self_signed", kind, subject), Pair)

    def signed(self, kind: KeyKind, subject: Subject, authority: Pair) -> Pair:
        return decode(self._call("signed", kind, subject, authority), Pair)

    def request(self, kind: KeyKind, name: str, key: bytes = b"") -> Pair:
        return decode(self._call("request", kind, name, key), Pair)

    def inspect(self, pair: Pair) -> PairSeen:
        return decode(self._call("inspect", pair), PairSeen)

    def authority(self, pair: Pair, certificates: tuple[bytes, ...]) -> AuthoritySeen:
        return decode(self._call("authority", pair, certificates), AuthoritySeen)

    def end(self) -> None:
        """End the calls that are under way in other threads: they raise Unavailable."""
        for each in tuple(self._under_way):
            with suppress(ProcessLookupError):
                each.kill()

    def _call(self, name: str, *given: object) -> bytes:
        command = [sys.executable, "-P", "-m", __name__]  # -P: no module from the current folder
        try:
            process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd="/"
            )
        except OSError as error:
            raise Unavailable(ELEMENT, f"{sys.executable} cannot be started: {error.strerror}") from error
        self._under_way.add(process)
        try:
            answer, errors = process.communicate(encode({"name": name, "given": given}), self._patience_s)
        except subprocess.TimeoutExpired:
            raise TimedOut(ELEMENT, f"not made within {self._patience_s:.0f} s") from None
        finally:
            self._under_way.discard(process)
            if process.poll() is None:
                process.kill()
                process.communicate()
        return _value(process.returncode, answer, errors)


def _value(code: int, answer: bytes, errors: bytes) -> bytes:
    try:
        found = fields_of(answer)
    except ValueError:
        # of a traceback only the kind of the error: its text might quote what was given
        lines = errors.decode(errors="replace").strip().splitlines() or [""]
        kind = f" ({lines[-1].partition(':')[0]})" if code > 0 and lines[-1] else ""
        raise Unavailable(ELEMENT, f"the process for certificates ended with {code}{kind}, and no answer") from None
    if "missing" in found:
        raise Refused(ELEMENT, MISSING)
    if "flaw" in found:
        raise ValueError(decode(found["flaw"], str))
    return found["value"]


# ── in the other process ───────────────────────────────────────────────────────────────────────────────────────────


_Given = Callable[[int, Any], Any]
"""The argument of this number, of an expected type."""

_CALLS: dict[str, Callable[[Maker, _Given], object]] = {
    "self_signed": lambda maker, of: maker.self_signed(of(0, KeyKind), of(1, Subject)),
    "signed": lambda maker, of: maker.signed(of(0, KeyKind), of(1, Subject), of(2, Pair)),
    "request": lambda maker, of: maker.request(of(0, KeyKind), of(1, str), of(2, bytes)),
    "inspect": lambda maker, of: maker.inspect(of(0, Pair)),
    "authority": lambda maker, of: maker.authority(of(0, Pair), of(1, tuple[bytes, ...])),
}


def answer(call: bytes) -> bytes:
    """The answer to a call: `value`, or `flaw`, the reason why there is none, or `missing`."""
    try:
        from evenkeel.controller.drivers.provisioning.certificates import Certificates
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "cryptography":
            raise
        return encode({"missing": True})
    fields = fields_of(call)
    given = decode(fields["given"], list[Any])

    def of(number: int, expected: Any) -> Any:
        return decode(encode(given[number]), expected)

    try:
        return encode({"value": _CALLS[decode(fields["name"], str)](Certificates(), of)})
    except ValueError as error:
        return encode({"flaw": str(error)})


def main() -> None:
    """Answer the one call on standard input."""
    import warnings

    warnings.simplefilter("ignore")  # of certificates that others made
    result = answer(sys.stdin.buffer.read())
    with suppress(BrokenPipeError):  # nobody waits any more
        while result:
            result = result[os.write(1, result) :]


if __name__ == "__main__":
    main()
