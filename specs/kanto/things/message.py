"""A message to a feature of a thing, in Ditto's envelope: `topic`, `headers`, `path`, `value`.

Messages come from anybody who may publish: reading never raises, and a message that is none is a list of problems with
their places. The original ends on many of them (recordings/things, envelope-crash-*). Keys and headers are taken in any
case, as Go does (update-manager.md §2.2).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from evenkeel.specs.codec import encode
from evenkeel.specs.problem import Flaw, Place, Problem, path_text
from evenkeel.specs.reading.secrecy import shown_path
from evenkeel.specs.reading.tree import Value
from evenkeel.specs.reading.walk import in_words, type_words
from evenkeel.specs.reading.wire import read_json

COMMANDS = "command///req/#"
"""Commands for the thing of the device itself, each on `command///req/<request>/<command>`."""
EVENTS = "e"
"""Everything that the device tells its backend."""
_LIVE = ("things", "live", "messages")
_INVALID = "messages:parameter.invalid"
_SHORT = 200


class ThingMessage(NamedTuple):
    """`thing`: `namespace/name`. `correlation`: "" without one. `waits`: its sender waits for an answer. `flaws`: of the value;
    all else is sound."""

    topic: str
    thing: str
    path: str
    correlation: str = ""
    waits: bool = False
    value: Value = None
    flaws: tuple[Flaw, ...] = ()


def request_of(topic: str) -> str | None:
    """The id of the request in a topic of a command, "" when nobody can be answered; `None` for a topic of another form."""
    levels = topic.split("/")
    return levels[4] if len(levels) == 6 and levels[:4] == COMMANDS.split("/")[:4] else None


def read_message(content: bytes, topic: str) -> ThingMessage | tuple[Problem, ...]:
    """A message that came on `topic`, or why it is none."""
    found: list[Flaw] = []
    root = read_json(content, found)
    if not isinstance(root, dict):
        found = found or [Flaw((), f"expected a mapping with `topic`, `headers` and `path`, got {type_words(root)}")]
        return placed(found, topic)
    of_value = tuple(flaw for flaw in found if flaw.path[:1] == ("value",))
    flaws = [flaw for flaw in found if flaw.path[:1] != ("value",)]
    about, path, headers = field(root, "topic"), field(root, "path"), field(root, "headers")
    for key, given in (("topic", about), ("path", path)):
        if not isinstance(given, str):
            flaws.append(Flaw((key,), f"expected a text, got {in_words(given)}"))
    if headers is not None and not isinstance(headers, dict):
        flaws.append(Flaw(("headers",), f"expected a mapping, got {type_words(headers)}"))
    headers = headers if isinstance(headers, dict) else {}
    correlation = field(headers, "correlation-id")
    if not isinstance(correlation, str | None):
        flaws.append(Flaw(("headers", "correlation-id"), f"expected a text, got {in_words(correlation)}"))
    if flaws or not isinstance(about, str) or not isinstance(path, str):
        return placed(flaws, topic)
    waits = field(headers, "response-required") is True
    return ThingMessage(about, _thing(about), path, str(correlation or ""), waits, field(root, "value"), of_value)


def _thing(topic: str) -> str:
    """The thing in a topic of a live message, "" for any other topic."""
    levels = topic.split("/")
    return "/".join(levels[:2]) if len(levels) == 6 and tuple(levels[2:5]) == _LIVE else ""


def answer(message: ThingMessage, why: str = "") -> tuple[int, bytes]:
    """The status and the content of an answer: it was taken, or it was not, and `why`."""
    headers: dict[str, Any] = {"content-type": "application/json"} if why else {}
    headers |= {"correlation-id": message.correlation} if message.correlation else {}
    whole: dict[str, Any] = {
        "topic": message.topic,
        "headers": headers | {"response-required": False},
        "path": message.path.replace("/inbox/", "/outbox/", 1),
    }
    if not why:
        return 204, encode(whole | {"status": 204})
    value = {"error": _INVALID, "status": 400, "message": why}
    return 400, encode(whole | {"value": value, "status": 400})


def event(topic: str, path: str, value: object, headers: Mapping[str, Any]) -> bytes:
    """A message that the device sends by itself."""
    return encode({"topic": topic, "headers": headers, "path": path, "value": value})


def field(owner: Mapping[str, Value], key: str) -> Value:
    """The value of a key in any case; `None` when there is none."""
    if key in owner:
        return owner[key]
    return next((value for name, value in owner.items() if name.casefold() == key.casefold()), None)


def placed(flaws: Iterable[Flaw], topic: str) -> tuple[Problem, ...]:
    """Flaws of a message as problems of its topic."""
    return tuple(
        Problem(Place(topic=topic), path_text(shown_path(flaw.path))[:_SHORT], flaw.message, flaw.hint)
        for flaw in flaws
    )
