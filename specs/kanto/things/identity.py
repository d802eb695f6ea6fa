"""The device as its backend knows it: the edge connector answers `edge/thing/request` with the ids of its thing.

The original takes any JSON object, and works under the thing `:` when ids are missing (recordings/things,
handshake-bad-answers). Here such an answer is no answer, and its faults are told.
"""

from __future__ import annotations

from typing import NamedTuple

from evenkeel.specs.kanto.things.message import field, placed
from evenkeel.specs.problem import Flaw, Problem
from evenkeel.specs.reading.tree import Value
from evenkeel.specs.reading.walk import in_words, type_words
from evenkeel.specs.reading.wire import read_json

REQUEST, RESPONSE = "edge/thing/request", "edge/thing/response"
_LONGEST = 256
"""In characters; Ditto takes no longer id."""


class Identity(NamedTuple):
    """`device`: the id of the thing, `namespace:name`."""

    device: str
    tenant: str = ""
    policy: str = ""

    @property
    def thing(self) -> str:
        """The thing in Ditto's topics, `namespace/name`; the namespace ends at the first colon."""
        namespace, _, name = self.device.partition(":")
        return f"{namespace}/{name}"


def read_identity(content: bytes) -> Identity | tuple[Problem, ...]:
    """The ids in an answer on `edge/thing/response`, or why there are none."""
    flaws: list[Flaw] = []
    value = read_json(content, flaws)
    if isinstance(value, dict):
        found = Identity(*(_id(value, key, flaws) for key in ("deviceId", "tenantId", "policyId")))
        _check_device(value, found.device, flaws)
    else:
        found = Identity("")
        if not flaws:
            flaws.append(
                Flaw((), f"expected a mapping with `deviceId`, `tenantId` and `policyId`, got {type_words(value)}")
            )
    return placed(flaws, RESPONSE) if flaws else found


def _id(value: dict[str, Value], key: str, flaws: list[Flaw]) -> str:
    found = field(value, key)
    if found is not None and not isinstance(found, str):
        flaws.append(Flaw((key,), f"expected a text, got {in_words(found)}"))
    return found if isinstance(found, str) else ""


def _check_device(value: dict[str, Value], device: str, flaws: list[Flaw]) -> None:
    path, given = ("deviceId",), field(value, "deviceId")
    hint = "the id of a thing is `namespace:name`"
    if given is None or given == "":
        flaws.append(Flaw(path, "is missing", hint))
    elif device and (not device.partition(":")[2] or "/" in device or len(device) > _LONGEST):
        flaws.append(Flaw(path, f"expected the id of a thing, got {in_words(device[:_LONGEST])}", hint))
