"""Settings as somebody would have written them: the way back from `specs.settings.settings`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from evenkeel.specs.preconditions.source import ValueSource
from evenkeel.specs.reading.quantity import duration_text
from evenkeel.specs.settings.values import written_value
from evenkeel.specs.window import Window


def _written_entry(noun: Any) -> dict[str, Any]:
    if isinstance(noun, ValueSource):
        return dict(written_value(noun))
    return {key: value for key, value in written(noun).items() if value is not None}


_OF_KANTO_ONLY = ("password_key", "password_variable")
"""Settings that only a configuration of Kanto's has."""


def written(noun: Any, usual: Any = None) -> dict[str, Any]:
    """Settings, or a section of them, as somebody would have written them: all that differs from `usual`, or all."""
    found: dict[str, Any] = {}
    for name in noun.__struct_fields__:
        if name in _OF_KANTO_ONLY:
            continue
        value = getattr(noun, name)
        default = getattr(usual, name) if usual is not None else None
        if usual is not None and value == default:
            continue
        first, *rest = name.split("_")
        key = first + "".join(part.title() for part in rest)
        if isinstance(value, Window):
            found[key] = value.text
        elif hasattr(value, "__struct_fields__"):
            found[key] = written(value, default)
        elif isinstance(value, Mapping):
            found[key] = {name: _written_entry(each) for name, each in value.items()}
        elif isinstance(value, timedelta):
            found[key] = duration_text(value)
        else:
            found[key] = list(value) if isinstance(value, tuple) else value
    return found
