"""Every fault of shape at once.

msgspec stops at the first error, and its patterns let a line break pass at the end of a text. This walker compares a
value with a type and yields all faults, each with its path and the nearest valid key or choice; msgspec converts every
value that it accepts. It knows the shapes that written types use and fails loudly on any other, so that a new kind
cannot slip through unchecked.

A faulty value is repeated only where it had to be one of certain words, a number, or a text of a certain form, and
where its place is not one of secrets. Otherwise only its type is told, because a misplaced value may be a password.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cache
from itertools import islice
from typing import Generic, TypeVar

import msgspec
from msgspec import Struct, UnsetType, inspect

from evenkeel.specs.problem import Flaw, Path, likely
from evenkeel.specs.reading import suggest
from evenkeel.specs.reading.secrecy import is_private, key_words

Written = TypeVar("Written")

MOST_FAULTS = 1000
"""The most faults that are told: nobody reads more, and suggestions take time."""


def faults(value: object, expected: type) -> Iterator[Flaw]:
    """All faults of `value` against a written type; none means that msgspec accepts it. Where there are more than MOST_FAULTS,
    the first one says so, and the others are not even counted."""
    found = list(islice(_walk(value, _inspected(expected), ()), MOST_FAULTS + 1))
    if len(found) > MOST_FAULTS:
        found[-1:] = []
        found.insert(0, Flaw((), f"has more than {MOST_FAULTS:,} problems, and not all of them are counted"))
    yield from found


class Sound(Struct, Generic[Written], frozen=True):
    """The rest of a value without its faults, made so that the meaning of the rest can be checked nevertheless.

    `spoilt` are the keys with a fault. Of a list only the entries with a fault are left out; `kept` has the original
    indexes of the others.
    """

    noun: Written
    spoilt: tuple[str | int, ...] = ()
    kept: dict[str | int, list[int]] = {}


def sound_part(value: object, expected: type[Written], found: Iterable[Flaw]) -> Sound[Written] | None:
    """`value` without the places of `found`; required texts are made up. `None` when nothing useful remains."""
    whole: type = expected
    kind = _inspected(whole)
    if not isinstance(value, dict) or not isinstance(kind, inspect.StructType):
        return None
    wrong: dict[str | int, list[str | int | None]] = {}
    for flaw in found:
        if flaw.path:
            wrong.setdefault(flaw.path[0], []).append(flaw.path[1] if len(flaw.path) > 1 else None)
    sound: dict[str, object] = {
        field.encode_name: "unknown"
        for field in kind.fields
        if field.required and isinstance(_bare(field.type), inspect.StrType)
    }
    kept: dict[str | int, list[int]] = {}
    for key, item in value.items():
        if key not in wrong:
            sound[key] = item
        elif isinstance(item, list) and None not in wrong[key]:
            kept[key] = [index for index in range(len(item)) if index not in wrong[key]]
            sound[key] = [item[index] for index in kept[key]]
    try:
        return Sound(msgspec.convert(sound, expected), tuple(wrong), kept)
    except msgspec.ValidationError:
        return None


def beyond(sound: Sound[Written], flaws: Iterable[Flaw]) -> Iterator[Flaw]:
    """The flaws in the sound part, with their original paths, except those that follow from parts that were left
    out. An unknown key may be any of those that lack."""
    whole: type = type(sound.noun)
    kind = _inspected(whole)
    known = {field.encode_name for field in kind.fields} if isinstance(kind, inspect.StructType) else set()
    has_unknown = not known.issuperset(sound.spoilt)
    for flaw in flaws:
        if flaw.lacks and (has_unknown or not set(flaw.lacks).isdisjoint(sound.spoilt)):
            continue
        match flaw.path:
            case (key, int() as index, *rest) if key in sound.kept:
                yield msgspec.structs.replace(flaw, path=(key, sound.kept[key][index], *rest))
            case (key, *_) if key in sound.spoilt:
                continue
            case _:
                yield flaw


@cache
def _inspected(expected: type) -> inspect.Type:
    return inspect.type_info(expected)


def _walk(value: object, kind: inspect.Type, path: Path) -> Iterator[Flaw]:
    match kind:
        case inspect.AnyType():
            return
        case inspect.Metadata():
            yield from _walk(value, kind.type, path)
        case inspect.StructType():
            yield from _struct(value, kind, path)
        case inspect.UnionType():
            yield from _union(value, kind, path)
        case inspect.VarTupleType() | inspect.ListType():
            if not isinstance(value, list):
                yield Flaw(path, f"expected a list, got {type_words(value)}", suggest.for_list(value, path))
                return
            if kind.min_length is not None and len(value) < kind.min_length:
                yield Flaw(path, f"expected at least {kind.min_length} entry", "leave it out, or add an entry")
            for index, item in enumerate(value):
                yield from _walk(item, kind.item_type, (*path, index))
        case inspect.DictType():
            if not isinstance(value, dict):
                yield Flaw(path, f"expected a mapping, got {type_words(value)}")
                return
            for key, item in value.items():
                yield from _walk(item, kind.value_type, (*path, key))
        case _:
            yield from _scalar(value, kind, path)


def _struct(value: object, kind: inspect.StructType, path: Path) -> Iterator[Flaw]:
    fields = {field.encode_name: field for field in kind.fields}
    if not isinstance(value, dict):
        keys = ", ".join(f"`{name}`" for name in fields)
        hint = suggest.for_mapping(value, path, {name: _choices(field.type) for name, field in fields.items()})
        yield Flaw(path, f"expected a mapping with {keys}, got {type_words(value)}", hint)
        return
    for key, item in value.items():
        if key in fields:
            yield from _walk(item, fields[key].type, (*path, key))
        else:
            yield Flaw((*path, key), key_words("unknown key", key, path), suggest.for_key(key, fields))
    for name, field in fields.items():
        if field.required and name not in value:
            yield Flaw(path, f"the key `{name}` is missing")


def _union(value: object, kind: inspect.UnionType, path: Path) -> Iterator[Flaw]:
    """One member must fit; the faults shown are those of the member that has the value's outer shape."""
    members = [member for member in kind.types if not _is_nothing(member)]
    if len(members) == 1:
        if value is not None or not any(isinstance(member, inspect.NoneType) for member in kind.types):
            yield from _walk(value, members[0], path)
        return
    if any(not any(_walk(value, member, path)) for member in kind.types):
        return
    for member in members:
        if _has_shape(value, _bare(member)):
            yield from _walk(value, member, path)
            return
    yield Flaw(
        path,
        f"expected {' or '.join(_type_name(_bare(member)) for member in members)}, got {type_words(value)}",
        suggest.for_scalar(value, path),
    )


def _scalar(value: object, kind: inspect.Type, path: Path) -> Iterator[Flaw]:
    is_free = isinstance(kind, inspect.StrType) and kind.pattern is None
    found = type_words(value) if is_free or is_private(path) else in_words(value)
    match kind:
        case inspect.StrType():
            if not isinstance(value, str):
                if isinstance(value, bool):
                    hint = "put it into quotes" if kind.pattern is None else suggest.for_pattern(kind.pattern)
                else:
                    hint = suggest.for_number(value, kind.pattern) if isinstance(value, int | float) else ""
                yield Flaw(path, f"expected {suggest.noun(kind.pattern)}, got {found}", hint)
            elif kind.pattern and not re.search(_to_the_end(kind.pattern), value):
                yield Flaw(path, f"{found} does not fit", suggest.for_text(value, kind.pattern))
            elif kind.min_length and len(value) < kind.min_length:
                yield Flaw(path, "expected a text that is not empty")
            elif kind.max_length and len(value) > kind.max_length:
                yield Flaw(path, f"expected a text of at most {kind.max_length} characters")
        case inspect.IntType():
            if not isinstance(value, int) or isinstance(value, bool):
                hint = "leave the quotes out" if isinstance(value, str) and value.isdecimal() else ""
                yield Flaw(path, f"expected a whole number, got {found}", hint)
            elif (kind.ge is not None and value < kind.ge) or (kind.le is not None and value > kind.le):
                yield Flaw(path, f"expected a number from {kind.ge} to {kind.le}, got {value}")
        case inspect.BoolType():
            if not isinstance(value, bool):
                yield Flaw(path, f"expected true or false, got {found}")
        case inspect.LiteralType():
            if value not in kind.values:
                choices = [str(choice) for choice in kind.values]
                yield Flaw(path, f"expected one of {', '.join(choices)}; got {found}", _near(value, choices))
        case inspect.NoneType():
            if value is not None:
                yield Flaw(path, f"expected nothing, got {found}")
        case inspect.CustomType() if kind.cls is UnsetType:
            yield Flaw(path, f"expected nothing, got {found}")
        case _:
            raise TypeError(f"the walker does not know {kind}")


def _bare(kind: inspect.Type) -> inspect.Type:
    while isinstance(kind, inspect.Metadata):
        kind = kind.type
    return kind


def _choices(kind: inspect.Type) -> tuple[object, ...]:
    bare = _bare(kind)
    if isinstance(bare, inspect.UnionType):
        members = [member for member in bare.types if not _is_nothing(member)]
        return _choices(members[0]) if len(members) == 1 else ()
    return tuple(bare.values) if isinstance(bare, inspect.LiteralType) else ()


def _is_nothing(kind: inspect.Type) -> bool:
    return isinstance(kind, inspect.NoneType) or (isinstance(kind, inspect.CustomType) and kind.cls is UnsetType)


def _has_shape(value: object, kind: inspect.Type) -> bool:
    match kind:
        case inspect.StructType() | inspect.DictType():
            return isinstance(value, dict)
        case inspect.VarTupleType() | inspect.ListType():
            return isinstance(value, list)
        case inspect.StrType():
            return isinstance(value, str)
        case inspect.LiteralType():
            return isinstance(value, str)
        case inspect.IntType():
            return isinstance(value, int) and not isinstance(value, bool)
        case inspect.BoolType():
            return isinstance(value, bool)
        case _:
            return False


def _type_name(kind: inspect.Type) -> str:
    match kind:
        case inspect.StructType() | inspect.DictType():
            return "a mapping"
        case inspect.VarTupleType() | inspect.ListType():
            return "a list"
        case inspect.StrType():
            return "a text"
        case inspect.IntType():
            return "a whole number"
        case inspect.BoolType():
            return "true or false"
        case _:
            return "nothing"


def in_words(value: object) -> str:
    """A value in a message, shortened. Only for values that cannot be secret."""
    match value:
        case bool():
            return "true" if value else "false"
        case str() if len(value) <= 40:
            return f"the text `{value}`"
        case int() | float() if len(str(value)) <= 40:
            return f"the number {value}"
        case _:
            return type_words(value)


def type_words(value: object) -> str:
    """The type of a value in words; nothing of the value."""
    match value:
        case None:
            return "nothing"
        case bool():
            return "true or false"
        case str():
            return "a text"
        case int() | float():
            return "a number"
        case list():
            return "a list"
        case dict():
            return "a mapping"
        case _:
            return "something else"


def _near(value: object, choices: list[str]) -> str:
    return suggest.for_word(value, choices) or likely(value, choices) if isinstance(value, str) else ""


def _to_the_end(pattern: str) -> str:
    """In JSON Schema `$` means the end, to Python also the place before a last line break."""
    return rf"{pattern[:-1]}\Z" if pattern.endswith("$") else pattern
