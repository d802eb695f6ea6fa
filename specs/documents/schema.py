"""The written types as JSON Schema, for editors, and as rows, for the reference page.

Both are derived from `specs.documents.kinds`, so that a new kind appears in them by itself. The schema describes one
document; it holds what a schema can say (keys, types, ranges, patterns), and an accepted document may still contradict itself:
`specs.containers.normalise` has the last word. Only our own documents are described, Kanto's have their own tools.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import Struct

from evenkeel.specs.documents.kinds import KINDS
from evenkeel.specs.documents.written import API_VERSION, MetadataSpec
from evenkeel.specs.name import NAME_PATTERN
from evenkeel.specs.reading.quantity import DURATION_PATTERN, PERCENT_PATTERN, SIZE_PATTERN

_REFERENCE = "#/$defs/"
_TEXTS = {
    NAME_PATTERN: "name",
    SIZE_PATTERN: "size",
    DURATION_PATTERN: "duration",
    PERCENT_PATTERN: "per cent",
    "^/": "absolute path",
}
_ONE_OF = {"HealthSpec": ("exec", "http", "tcp"), "VariableSpec": ("value", "valueFrom")}
"""By definition: the keys of which exactly one is given."""

Schema = dict[str, Any]


class Row(Struct, frozen=True):
    """One key of the reference page. `default` is JSON, "required", or "" when there is none."""

    path: str
    type: str
    default: str
    description: str


class KindRows(Struct, frozen=True):
    """All keys of one kind, in the order in which they are declared."""

    kind: str
    description: str
    rows: tuple[Row, ...]


def json_schema() -> Schema:
    """JSON Schema 2020-12 for one document of any kind."""
    references, definitions = _components()
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "evenkeel document",
        "description": "Something that shall be so on this device.",
        "type": "object",
        "properties": {
            "apiVersion": {"description": "The version of this format.", "const": API_VERSION},
            "kind": {"description": "The kind of the subject.", "enum": list(KINDS)},
            "metadata": references["metadata"],
            "spec": {"description": "The wanted subject; its keys depend on `kind`.", "type": "object"},
        },
        "required": ["apiVersion", "kind", "metadata", "spec"],
        "additionalProperties": False,
        "allOf": [
            {
                "if": {"properties": {"kind": {"const": name}}, "required": ["kind"]},
                "then": {"properties": {"spec": references[name]}},
            }
            for name in KINDS
        ],
        "$defs": definitions,
    }
    plain: Schema = msgspec.json.decode(msgspec.json.encode(schema))  # defaults are tuples, to a schema they are lists
    return plain


def reference() -> tuple[KindRows, ...]:
    """The keys of every kind; those that all kinds share stand first, under the name of nothing."""
    references, definitions = _components()
    shared = (
        Row("apiVersion", f"`{API_VERSION}`", "required", "The version of this format."),
        Row("kind", _choices(list(KINDS)), "required", "The kind of the subject."),
        *_rows(references["metadata"], definitions, "metadata"),
    )
    kinds = [KindRows("", "Common to every document.", shared)]
    for name in KINDS:
        definition = _definition(references[name], definitions) or {}
        rows = tuple(_rows(references[name], definitions, "spec"))
        kinds.append(KindRows(name, definition.get("description", ""), rows))
    return tuple(kinds)


def _components() -> tuple[dict[str, Schema], dict[str, Schema]]:
    """For `metadata` and every kind a reference, and the definitions referred to."""
    types: list[type] = [MetadataSpec, *(kind.spec for kind in KINDS.values())]
    found, definitions = msgspec.json.schema_components(types, ref_template=f"{_REFERENCE}{{name}}")
    for name, keys in _ONE_OF.items():
        definitions[name]["oneOf"] = [{"required": [key]} for key in keys]
    for each in definitions.values():
        each["description"] = " ".join(each.get("description", "").split())  # a docstring of several lines is indented
    return dict(zip(("metadata", *KINDS), found, strict=True)), dict(definitions)


def _rows(schema: Schema, definitions: dict[str, Schema], path: str) -> Iterator[Row]:
    """The keys below a reference, depth first: a group of keys stands before its members."""
    definition = _definition(schema, definitions) or {}
    for key, item in definition.get("properties", {}).items():
        below = f"{path}.{key}"
        inner = _definition(item, definitions)
        default = json.dumps(item["default"], ensure_ascii=False) if "default" in item and inner is None else ""
        if key in definition.get("required", ()):
            default = "required"
        description = item.get("description") or (inner or {}).get("description", "")
        yield Row(below, _type_text(item, definitions), default, description)
        yield from _rows(item, definitions, below)
        for member in item.get("anyOf", ()):
            yield from _rows(member, definitions, below)
        for member in _members(item.get("items", {})):
            yield from _rows(member, definitions, f"{below}[]")


def _definition(schema: Schema, definitions: dict[str, Schema]) -> Schema | None:
    return definitions[schema["$ref"].removeprefix(_REFERENCE)] if "$ref" in schema else None


def _members(schema: Schema) -> list[Schema]:
    members: list[Schema] = schema.get("anyOf", [schema])
    return members


def _type_text(schema: Schema, definitions: dict[str, Schema]) -> str:
    if "enum" in schema:
        return _choices(schema["enum"])
    if "anyOf" in schema:
        return " or ".join(_type_text(member, definitions) for member in schema["anyOf"])
    match schema.get("type", "object"):
        case "string":
            return _TEXTS.get(schema.get("pattern", ""), "text")
        case "integer":
            return f"number from {schema['minimum']} to {schema['maximum']}"
        case "boolean":
            return "true or false"
        case "null":
            return "nothing"
        case "array":
            return f"list of {_member_text(schema['items'], definitions)}"
        case _:
            values = schema.get("additionalProperties")
            return f"mapping to {_member_text(values, definitions)}" if isinstance(values, dict) else "mapping"


def _member_text(schema: Schema, definitions: dict[str, Schema]) -> str:
    text = _type_text(schema, definitions)
    return f"({text})" if " or " in text else text


def _choices(values: list[str]) -> str:
    return " or ".join(f"`{value}`" for value in values)
