"""Nouns ⇄ JSON, for evenkeel's own data: the journal, the caches, and output for programs.

Documents of people are decoded elsewhere, by `specs.documents.decode`, with a place for every fault. This module loads
nothing of that, so that a status need not either.
"""

from __future__ import annotations

from typing import Any, TypeGuard, TypeVar

import msgspec

from evenkeel.specs.reading.sound import sound

Noun = TypeVar("Noun")


def encode(noun: object) -> bytes:
    """A noun, or plain values, as compact JSON; also of texts that UTF-8 cannot express."""
    try:
        return msgspec.json.encode(noun)
    except UnicodeEncodeError:
        return msgspec.json.encode(sound(msgspec.to_builtins(noun)))


def decode(content: bytes | str, expected: type[Noun]) -> Noun:
    """The noun in `content`; ValueError when it is none. For our own data only: it reports one fault, without place."""
    return msgspec.json.decode(content, type=expected)


def camel(field: str) -> str:
    """The key of a noun's field in documents of people: `stable_for` → `stableFor`."""
    first, *rest = field.split("_")
    return first + "".join(part.capitalize() for part in rest)


def fields_of(content: bytes) -> dict[str, bytes]:
    """The fields of a JSON object, each as its JSON; ValueError when it is none."""
    return {field: bytes(raw) for field, raw in msgspec.json.decode(content, type=dict[str, msgspec.Raw]).items()}


def items_of(content: bytes) -> list[bytes]:
    """The items of a JSON list, each as its JSON; ValueError when it is none."""
    return [bytes(raw) for raw in msgspec.json.decode(content, type=list[msgspec.Raw])]


def is_sound(content: bytes) -> bool:
    """Whether content is JSON at all, of whatever noun."""
    try:
        msgspec.json.decode(content)
    except (ValueError, RecursionError):
        return False
    return True


def misfit(value: object, shape: Any) -> str:
    """The differences between plain values from elsewhere and a type such as a TypedDict, in words; "" when there are
    none. Keys that the type does not have are ignored."""
    try:
        msgspec.convert(value, shape)
    except (ValueError, RecursionError) as error:
        return str(error) or type(error).__name__
    return ""


def fits(value: object, shape: type[Noun]) -> TypeGuard[Noun]:
    """Whether plain values are of a type, by `misfit`."""
    return not misfit(value, shape)


def prepare() -> None:
    """Let msgspec learn all types now. It does so when it first meets one, and two threads that do it at once crash the
    process (0.22.0, seen at 2 of 36 starts): call this before there is a second thread."""
    from evenkeel.specs.desired import Decoded, DesiredState
    from evenkeel.specs.documents.kinds import KINDS
    from evenkeel.specs.documents.written import MetadataSpec

    for noun in (Decoded, DesiredState, MetadataSpec, *(kind.spec for kind in KINDS.values())):
        msgspec.json.Decoder(noun)


def plain(noun: object) -> Any:
    """A noun as plain values (mappings, lists, texts, numbers), in the words of its JSON form."""
    return msgspec.to_builtins(noun)


def changed(noun: Noun, **fields: object) -> Noun:
    """A copy of a noun with other values in some fields."""
    return msgspec.structs.replace(noun, **fields)  # type: ignore[type-var]
