"""Desired states of Kanto for tests, and what is wrong with them."""

from __future__ import annotations

from typing import Any

from evenkeel.specs.containers.container import Container
from evenkeel.specs.kanto import desired as kanto
from evenkeel.specs.problem import Flaw, path_text

MIB = 1024**2
PRIVILEGED = "cannot create the container as privileged and with {} at the same time - choose one of the options"


def config(*settings: str | tuple[str, str]) -> list[dict[str, str]]:
    """`"key=value"` → `{"key": "key", "value": "value"}`."""
    pairs = [setting.partition("=")[::2] if isinstance(setting, str) else setting for setting in settings]
    return [{"key": key, "value": value} for key, value in pairs]


def component(*settings: str, name: str = "web", version: str = "1") -> dict[str, Any]:
    return {"id": name, "version": version, "config": config(*settings)}


def message(*components: dict[str, Any], **payload: Any) -> dict[str, Any]:
    domains = [{"id": "containers", "components": list(components)}]
    return {"activityId": "a", "timestamp": 1, "payload": {"domains": domains, **payload}}


def container(*settings: str) -> Container:
    flaws: list[Flaw] = []
    drafts = kanto.desired_state_drafts(message(component(*settings)), flaws)
    assert flaws == []
    (draft,) = drafts
    assert isinstance(draft.wanted, Container)
    return draft.wanted


def complaints(value: object) -> list[str]:
    """What is wrong, without the way to the component."""
    flaws: list[Flaw] = []
    kanto.desired_state_drafts(value, flaws)
    texts = []
    for flaw in flaws:
        where = path_text(flaw.path).removeprefix("payload.").removeprefix("domains[0].").removeprefix("components[0].")
        texts.append(
            (f"{where}: " if where else "")
            + flaw.message
            + (f"; {flaw.hint}" if flaw.hint else "")
            + (" (warning)" * flaw.warning)
        )
    return texts
