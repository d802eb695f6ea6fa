"""Hints for faults of shape: the words that lead to something valid.

A hint has to do that in one step, because people type it as it is. So a number in the place of a duration or a size
becomes the text for it, a word in the place of a mapping becomes the mapping, and the keys of compose files and of
Kubernetes become evenkeel's. Pure text; `specs.reading.walk` finds the faults.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from decimal import Decimal

from evenkeel.specs.documents.lacking import for_lacking
from evenkeel.specs.name import NAME_PATTERN
from evenkeel.specs.problem import Path, nearest
from evenkeel.specs.reading.quantity import (
    DURATION_PATTERN,
    PERCENT_PATTERN,
    SIZE_PATTERN,
    SWAP_PATTERN,
    parse_duration,
    parse_size,
    size_text,
)
from evenkeel.specs.reading.secrecy import is_private

_ELSEWHERE = {
    "annotations": "metadata.labels",
    "args": "command",
    "cap_add": "capabilities",
    "cmd": "command",
    "container_name": "metadata.name",
    "environment": "env",
    "healthcheck": "health",
    "imagepullpolicy": "pullPolicy",
    "labels": "metadata.labels",
    "livenessprobe": "health",
    "logging": "log",
    "mem_limit": "resources.memory",
    "mem_reservation": "resources.memoryReservation",
    "memswap_limit": "resources.memorySwap",
    "network_mode": "network",
    "readinessprobe": "health",
    "restartpolicy": "restart",
    "startupprobe": "health",
    "stdin_open": "interactive",
    "stop_grace_period": "stop.timeout",
    "stop_signal": "stop.signal",
    "terminationgraceperiodseconds": "stop.timeout",
    "tty": "terminal",
    "volumemounts": "mounts",
    "volumes": "mounts",
}
"""Keys of compose files and of Kubernetes, in lower case, and evenkeel's word for each; `metadata` stands beside `spec`."""

_WORDS = {
    "service_completed_successfully": "completed",
    "service_healthy": "healthy",
    "service_started": "started",
}
"""Words of compose files in the place of one of certain words, and evenkeel's word for each."""

_FORMS = {
    "maxUnavailable": "write a number, for example 2, or a share, for example 25%",
    "runOnce": "write `runOnce: true`, or `runOnce: {timeout: 10m}`",
}
"""Keys that may have values of different types, and the forms of these."""

_COMMANDS = ("command", "exec")
"""Keys whose list holds the words of a command."""

_EXAMPLES = {
    SIZE_PATTERN: "expected a size with a unit, for example 64M, 1.5G or 512K",
    DURATION_PATTERN: "expected a duration with a unit, for example 30s, 1m30s or 500ms",
    NAME_PATTERN: "expected letters, digits and _ . -, beginning with a letter, a digit or _",
    "^/": "expected an absolute path",
    "^[rwm]{1,3}$": "expected permissions made of r, w and m",
    SWAP_PATTERN: "expected a size with a unit, for example 512M, or unlimited",
    PERCENT_PATTERN: "expected a number, for example 2, or a share from 1% to 100%",
    r"^(SIG[A-Z0-9+-]+|[1-9]\d?)$": "expected a signal, for example SIGTERM or 15",
}
_NOUNS = {SIZE_PATTERN: "a size", SWAP_PATTERN: "a size", DURATION_PATTERN: "a duration"}
_UNITS = {"sec": "s", "second": "s", "min": "m", "minute": "m", "hr": "h", "hour": "h"}
_FOLLOWING = {"d": "h", "day": "h", "h": "m", "m": "s", "s": "ms"}
_LONGEST = 60
"""The longest text that is repeated in a hint."""


def for_key(key: str, known: Iterable[str]) -> str:
    """A hint for a key that is not known."""
    known = tuple(known)
    word = _ELSEWHERE.get(key.lower(), "")
    place = word.partition(".")[0]
    is_there = place in known or (place == "metadata" and "image" in known)
    return f"did you mean `{word}`?" if is_there else for_lacking(key, known) or nearest(key, known)


def noun(pattern: str | None) -> str:
    """The name that people have for a text of this pattern."""
    return _NOUNS.get(pattern or "", "a text")


def for_number(value: float, pattern: str | None) -> str:
    """The text form of a number, where a text is expected."""
    if pattern == DURATION_PATTERN:
        return _if_duration(f"{value}s") or for_pattern(pattern)
    if pattern in (SIZE_PATTERN, SWAP_PATTERN):
        if pattern == SWAP_PATTERN and value == -1:
            return "write `unlimited`"
        return _size_of(value) or for_pattern(pattern)
    return "put it into quotes"


def for_text(text: str, pattern: str) -> str:
    """The right form of a text that does not match its pattern."""
    if len(text) <= _LONGEST and pattern in (SIZE_PATTERN, SWAP_PATTERN):
        return _size_meant(text) or for_pattern(pattern)
    if len(text) <= _LONGEST and pattern == DURATION_PATTERN:
        return _duration_meant(text) or for_pattern(pattern)
    return for_pattern(pattern)


def for_pattern(pattern: str) -> str:
    """An example of a text of this pattern."""
    return _EXAMPLES.get(pattern, f"expected the form {pattern}")


def for_mapping(value: object, path: Path, choices: Mapping[str, Collection[object]]) -> str:
    """The mapping for a word that one of its keys may have; `choices` are the keys that allow certain words only."""
    if not path or not isinstance(value, str):
        return ""
    fitting = [key for key, words in choices.items() if value in words]
    return f"write `{path[-1]}: {{{fitting[0]}: {value}}}`" if fitting else ""


def for_word(value: str, choices: Collection[str]) -> str:
    """The word of these that a word of compose files means."""
    word = _WORDS.get(value.lower(), "")
    return f"did you mean `{word}`?" if word in choices else ""


def for_list(value: object, path: Path) -> str:
    """The list form of a text, and of the mapping of a compose file. The words of a command are not repeated: they may be
    secret."""
    if isinstance(value, dict) and path and path[-1] == "dependsOn":
        return "write a list with an entry `{name: …, condition: healthy}` for each"
    if not isinstance(value, str):
        return ""
    if not path or path[-1] not in _COMMANDS:
        return "put a `-` before each entry"
    return "write a list with an entry for each word"


def for_scalar(value: object, path: Path) -> str:
    """A hint for a value of another type than the two that may stand there: variables are texts."""
    if path and path[-1] in _FORMS:
        return _FORMS[str(path[-1])]
    if len(path) > 1 and path[-2] == "ports" and isinstance(value, int) and 0 < value < 65536:
        return f'write "{value}:{value}"'
    return "put it into quotes" if isinstance(value, int | float) and is_private(path) else ""


def _if_duration(text: str) -> str:
    try:
        parse_duration(text)
    except ValueError:
        return ""
    return f"write `{text}`"


def _if_size(text: str) -> str:
    try:
        parse_size(text)
    except ValueError:
        return ""
    return f"write `{text}`"


def _size_of(value: float) -> str:
    """A number of bytes, exactly; a small one was meant in some unit."""
    if not 0 <= value < 1024:
        exact = size_text(int(value)) if value == int(value) else ""
        return _if_size(f"{(Decimal(int(value)) / 1024).normalize():f}K" if exact.endswith("B") else exact)
    return _if_size(f"{value:g}M").replace("write", "write a unit, for example")


def _size_meant(text: str) -> str:
    match = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?) ?([kKmMgGtT]?)(?:i?[bB]|i)?", text)
    if match is None:
        return ""
    if match[2] in ("t", "T"):
        return _if_size(f"{(Decimal(match[1]) * 1024).normalize():f}G")
    return _if_size(f"{match[1]}{match[2].upper()}") if match[2] else _size_of(float(match[1]))


def _duration_meant(text: str) -> str:
    """Spaces, capitals and long words for units left out; days as hours. A last number without a unit has the next one."""
    found = re.findall(r"([0-9]+(?:\.[0-9]+)?)([a-z]*)", "".join(text.lower().split()))
    parts, following = [], "s"
    for number, written in found:
        unit = written if written in ("ms", "us", "s") else written.removesuffix("s")
        unit = _UNITS.get(unit, unit) or following
        following = _FOLLOWING.get(unit, "s")
        if unit in ("d", "day"):
            number, unit = f"{(Decimal(number) * 24).normalize():f}", "h"
        parts.append(f"{number}{unit}")
    return _if_duration("".join(parts))
