"""Settings as others may see them, in the bundle of a bug report. Settings name files with secrets and hold none, but for texts
that somebody may have put one into."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from evenkeel.specs.reading.secrecy import HIDDEN, looks_secret, shown_address
from evenkeel.specs.settings.settings import Settings
from evenkeel.specs.settings.written import written


def masked_settings(settings: Settings) -> dict[str, Any]:
    """All of them as written. Hidden are the message of the will, parts of addresses beside host and path, and texts that are
    no path where their key looks secret."""
    found: dict[str, Any] = _masked(written(settings))
    will = found["mqtt"].get("will")
    if will:
        will["payload"] = HIDDEN
    return found


def _masked(value: Any, key: str = "") -> Any:
    if isinstance(value, Mapping):
        return {name: _masked(item, name) for name, item in value.items()}
    if isinstance(value, list):
        return [_masked(item, key) for item in value]
    if not isinstance(value, str):
        return value
    if value and looks_secret(key) and not value.startswith("/"):
        return HIDDEN
    return shown_address(value)
