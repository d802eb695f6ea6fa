"""The JSON Schema: a golden copy, and that it agrees with the reader about what is right."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.json import JSONSnapshotExtension

from evenkeel.specs.documents.decode import decode_file
from evenkeel.specs.documents.kinds import KINDS
from evenkeel.specs.documents.schema import json_schema, reference
from evenkeel.specs.problem import errors

SCHEMA = json_schema()
TYPES: dict[str, Any] = {
    "object": dict,
    "array": list,
    "string": str,
    "boolean": bool,
    "integer": int,
    "null": type(None),
}


def fits(value: Any, schema: dict[str, Any]) -> bool:
    """As much of JSON Schema as ours uses; a keyword that is not known here fails loudly."""
    return all(_fits(value, keyword, argument, schema) for keyword, argument in schema.items())


def _fits(value: Any, keyword: str, argument: Any, schema: dict[str, Any]) -> bool:
    mapping = value if isinstance(value, dict) else {}
    match keyword:
        case "$schema" | "$defs" | "title" | "description" | "default" | "then":
            return True
        case "$ref":
            return fits(value, SCHEMA["$defs"][argument.removeprefix("#/$defs/")])
        case "type":
            return isinstance(value, TYPES[argument]) and (argument != "integer" or not isinstance(value, bool))
        case "const":
            return bool(value == argument)
        case "enum":
            return value in argument
        case "anyOf":
            return any(fits(value, each) for each in argument)
        case "allOf":
            return all(fits(value, each) for each in argument)
        case "oneOf":
            return sum(fits(value, each) for each in argument) == 1
        case "if":
            return not fits(value, argument) or fits(value, schema["then"])
        case "required":
            return not isinstance(value, dict) or all(key in value for key in argument)
        case "properties":
            return all(fits(mapping[key], each) for key, each in argument.items() if key in mapping)
        case "additionalProperties":
            rest = [item for key, item in mapping.items() if key not in schema.get("properties", {})]
            return not rest if argument is False else all(fits(item, argument) for item in rest)
        case "items":
            return not isinstance(value, list) or all(fits(item, argument) for item in value)
        case "minItems":
            return not isinstance(value, list) or len(value) >= argument
        case "minLength":
            return not isinstance(value, str) or len(value) >= argument
        case "maxLength":
            return not isinstance(value, str) or len(value) <= argument
        case "minimum":
            return not isinstance(value, int) or value >= argument
        case "maximum":
            return not isinstance(value, int) or value <= argument
        case "pattern":
            return not isinstance(value, str) or re.search(argument, value) is not None
        case _:
            raise AssertionError(f"unknown keyword {keyword}")


def document(**spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "evenkeel/v1",
        "kind": "Container",
        "metadata": {"name": "web"},
        "spec": {"image": "nginx", **spec},
    }


RIGHT = [
    document(),
    document(env={"A": None, "B": "1"}, extraHosts={"a": "host_ip"}),
    document(env=["A=1"], extraHosts=["a:host_ip"], command=[]),
    document(
        ports=["80:80", {"hostPort": 1, "containerPort": 2, "hostPortEnd": 3, "hostIp": "::1", "protocol": "udp"}]
    ),
    document(mounts=["/a:/b", {"source": "/a", "destination": "/c", "propagation": "slave", "readOnly": True}]),
    document(devices=["/dev/a", {"hostPath": "/dev/b", "containerPath": "/dev/c", "permissions": "r"}]),
    document(restart={"policy": "on-failure", "maxRetries": 3, "timeout": "1m30s"}),
    document(resources={"memory": "64M", "memoryReservation": "1.5 m", "memorySwap": "unlimited"}),
    document(log={"driver": "none"}, stop={"signal": "9", "timeout": "0s"}, stableFor="0s", pullPolicy="Never"),
    document(health={"exec": ["true"]}, dependsOn=[]),
    document(health={"http": {"port": 1, "path": "/x"}, "retries": 1}),
    document(runOnce=True),
    document(runOnce={"timeout": "1h"}, restart={"policy": "on-failure"}),
    document() | {"metadata": {"name": "a", "labels": {"b": ""}}},
    document() | {"kind": "SystemContainers", "spec": {"names": []}},
]
WRONG = [
    *(document(**{key: 1.5}) for key in ("image", "env", "ports", "network", "health", "terminal", "stableFor")),
    document(immage="x"),
    document(image=""),
    document(ports=[80]),
    document(ports=[{"hostPort": 0, "containerPort": 1}]),
    document(ports=[{"hostPort": 1}]),
    document(env={"A": 1}),
    document(mounts=[{"source": "a", "destination": "/b"}]),
    document(restart={"policy": "sometimes"}),
    document(restart={"maxRetries": True}),
    document(resources={"memory": "64"}),
    document(health={"interval": "1s"}),
    document(health={"exec": []}),
    document(health={"exec": ["x"], "tcp": {"port": 1}}),
    document(dependsOn=["a b"]),
    document(dependsOn=[{"condition": "started"}]),
    document(dependsOn=[{"name": "b", "condition": "service_started"}]),
    document(runOnce="10m"),
    document(runOnce={"timeout": 5}),
    document() | {"kind": "Contaner"},
    document() | {"apiVersion": "v1"},
    document() | {"metadata": {}},
    document() | {"metadata": {"name": "x" * 201}},
    document() | {"status": {}},
    document() | {"kind": "SystemContainers"},
    {key: value for key, value in document().items() if key != "spec"},
    [],
]


def test_the_schema(snapshot: SnapshotAssertion) -> None:
    assert snapshot(extension_class=JSONSnapshotExtension) == SCHEMA
    assert json.loads(json.dumps(SCHEMA)) == SCHEMA


@pytest.mark.parametrize("value", RIGHT)
def test_what_is_right_is_right_to_schema_and_reader(value: object) -> None:
    assert errors(decode_file(json.dumps(value).encode(), "x.json").problems) == ()
    assert fits(value, SCHEMA)


@pytest.mark.parametrize("value", WRONG)
def test_what_is_wrong_is_wrong_to_schema_and_reader(value: object) -> None:
    assert errors(decode_file(json.dumps(value).encode(), "x.json").problems)
    assert not fits(value, SCHEMA)


def test_every_kind_and_every_key_is_described() -> None:
    assert SCHEMA["properties"]["kind"]["enum"] == list(KINDS)
    assert [each["if"]["properties"]["kind"]["const"] for each in SCHEMA["allOf"]] == list(KINDS)
    for name, definition in SCHEMA["$defs"].items():
        assert definition["additionalProperties"] is False, name
        assert definition["description"], name


def test_the_reference(snapshot: SnapshotAssertion) -> None:
    lines = [f"{row.path} | {row.type} | {row.default}" for kind in reference() for row in kind.rows]
    assert lines == snapshot
    assert [kind.kind for kind in reference()] == ["", *KINDS]
