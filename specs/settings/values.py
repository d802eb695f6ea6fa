"""The section `updateManager.values` of the settings: the values that preconditions may name, and their sources."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated

from msgspec import Meta, Struct

from evenkeel.specs.documents.written import AbsolutePath, Duration
from evenkeel.specs.preconditions.json_path import BadPath, JsonPath, json_path_text, parse_json_path
from evenkeel.specs.preconditions.source import FileSource, TopicSource, ValueSource, WindowSource
from evenkeel.specs.problem import Flaw, Path
from evenkeel.specs.reading.quantity import duration_text
from evenkeel.specs.settings.texts import duration_from
from evenkeel.specs.window import WINDOW_PATTERN, window_from

NAME_PATTERN = r"^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*$"
MOST_VALUES = 100
ROOT: Path = ("updateManager", "values")

_LONGEST_NAME = 100
_LONGEST_TOPIC = 65_535
_RESERVED = re.findall(
    r"\w+",
    "as break const continue else false for function if import in let loop namespace null package return true var void"
    " while AND OR",
)
"""Words of CEL, and Kanto's functions: no part of a name."""
_TAKEN = re.findall(
    r"\w+", "bool bytes cel double duration dyn google int list map null_type string timestamp type uint"
)
"""Names of CEL's own, which a value cannot have."""


class ValueSpec(Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """The source of one value that preconditions may name: one of `topic`, `file` and `window`."""

    topic: Annotated[str, Meta(description="The last message on this topic of the broker.")] | None = None
    file: Annotated[AbsolutePath, Meta(description="The content of this file.")] | None = None
    window: (
        Annotated[
            str,
            Meta(
                extra_json_schema={"pattern": WINDOW_PATTERN},
                description="`true` in this part of the day, in local time, as `02:00-04:30`, and `false` otherwise.",
            ),
        ]
        | None
    ) = None
    path: (
        Annotated[
            str,
            Meta(
                description="The place of the value in JSON, as `$.data.speed` or `$['a b'][0]`. Default: the whole content, "
                "as JSON where it is JSON, else as a text."
            ),
        ]
        | None
    ) = None
    max_age: (
        Annotated[
            Duration,
            Meta(
                description="An older value does not count. The age is the time since the message came, or since the file was "
                "changed. Default: any age."
            ),
        ]
        | None
    ) = None


def values_from(specs: Mapping[str, ValueSpec], flaws: list[Flaw]) -> dict[str, ValueSource]:
    """The source of each value by its name. Flaws below `updateManager.values` are appended."""
    if len(specs) > MOST_VALUES:
        flaws.append(Flaw(ROOT, f"expected at most {MOST_VALUES} values, got {len(specs):,}"))
    found: dict[str, ValueSource] = {}
    for name, spec in specs.items():
        flaws.extend(_name_flaws(name, specs))
        source = _source(spec, (*ROOT, name), flaws)
        if source is not None:
            found[name] = source
    return found


def _name_flaws(name: str, names: Mapping[str, object]) -> Iterator[Flaw]:
    path = (*ROOT, name)
    if len(name) > _LONGEST_NAME or not re.fullmatch(NAME_PATTERN.strip("^$"), name):
        likely = re.sub(r"[^A-Za-z0-9_.]", "_", name)
        usable = len(name) <= _LONGEST_NAME and re.fullmatch(NAME_PATTERN.strip("^$"), likely) is not None
        hint = f"write `{likely}`" if usable else "for example `vehicle.speed`"
        yield Flaw(path, "a name has letters, digits, `_`, and dots between its parts", hint)
        return
    if (word := next((part for part in name.split(".") if part in _RESERVED), "")) or name.split(".")[0] in _TAKEN:
        yield Flaw(path, f"`{word or name.split('.')[0]}` is a word of CEL", f"write for example `{name}_value`")
    if outer := next((each for each in names if name.startswith(f"{each}.")), ""):
        message = f"`{outer}` is a value, too, so that `{name}` might be a part of it"
        yield Flaw(path, message, "give one of them another name")


def _source(spec: ValueSpec, path: Path, flaws: list[Flaw]) -> ValueSource | None:
    given = [key for key in ("topic", "file", "window") if getattr(spec, key) is not None]
    if len(given) != 1:
        hint = "write `topic: …`, `file: …` or `window: …`" if not given else "write each value with a name of its own"
        message = "expected a source" if not given else f"`{given[1]}` is a second source, beside `{given[0]}`"
        flaws.append(Flaw(path if not given else (*path, given[1]), message, hint))
        return None
    if spec.window is not None:
        return _window(spec, spec.window, path, flaws)
    place = None if spec.path is None else _place(spec.path, (*path, "path"), flaws)
    max_age = None if spec.max_age is None else duration_from(spec.max_age, (*path, "maxAge"), flaws)
    if spec.file is not None:
        return FileSource(spec.file, place, max_age)
    topic = spec.topic or ""
    if any(sign in topic for sign in "+#"):
        flaws.append(Flaw((*path, "topic"), "a value has one topic, without wildcards"))
    elif not topic or "\0" in topic or len(topic.encode(errors="replace")) > _LONGEST_TOPIC:
        flaws.append(Flaw((*path, "topic"), "expected a topic", "for example vehicle/speed"))
    return TopicSource(topic, place, max_age)


def _window(spec: ValueSpec, text: str, path: Path, flaws: list[Flaw]) -> WindowSource | None:
    for key, value in (("path", spec.path), ("maxAge", spec.max_age)):
        if value is not None:
            flaws.append(Flaw((*path, key), "means nothing for a window", "leave it out"))
    window = window_from(text, (*path, "window"), flaws)
    return WindowSource(window) if window is not None else None


def _place(text: str, path: Path, flaws: list[Flaw]) -> JsonPath | None:
    try:
        return parse_json_path(text)
    except BadPath as error:
        flaws.append(Flaw(path, str(error), "for example `$.data.speed`"))
        return None


def unheard_values(topics: Sequence[str], *, has_broker: bool) -> Iterator[Flaw]:
    """A warning where values of topics can never be known."""
    if topics and not has_broker:
        message = "values of topics are unknown without a broker, so that no precondition with one holds"
        yield Flaw(ROOT, message, "write `mqtt: {enabled: true}`", warning=True)


def written_value(source: ValueSource) -> dict[str, str]:
    """A source as somebody would have written it."""
    if isinstance(source, WindowSource):
        return {"window": source.window.text}
    found = {"topic": source.topic} if isinstance(source, TopicSource) else {"file": source.file}
    if source.path is not None:
        found["path"] = json_path_text(source.path)
    if source.max_age is not None:
        found["maxAge"] = duration_text(source.max_age)
    return found
