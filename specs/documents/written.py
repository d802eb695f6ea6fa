"""The parts that every document has, and the types of texts that all kinds share: the shapes behind the JSON Schema.

The written type of a kind stands in the room of its domain (`specs.containers.written`, `specs.files.written`) and is
made of these. Written types hold shape only (keys, types, ranges, texts that match a pattern) and the prose that
editors show.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from evenkeel.specs.name import NAME_PATTERN
from evenkeel.specs.reading.quantity import DURATION_PATTERN, SIZE_PATTERN

API_VERSION = "evenkeel/v1"

Name = Annotated[str, Meta(pattern=NAME_PATTERN, max_length=200, description="A name: letters, digits and `_ . -`.")]
Size = Annotated[str, Meta(pattern=SIZE_PATTERN, description="A size with a binary unit: `64M`, `1.5G`, `512K`.")]
Duration = Annotated[
    str, Meta(pattern=DURATION_PATTERN, description="A duration with a unit: `30s`, `1m30s`, `500ms`.")
]
AbsolutePath = Annotated[str, Meta(pattern="^/", description="An absolute path.")]
Text = Annotated[str, Meta(min_length=1)]


class MetadataSpec(Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """The identity of a document."""

    name: Name
    labels: Annotated[dict[str, str], Meta(description="Free texts; a container carries them as labels.")] = {}
