"""The desired states of update agents, for those who ask an agent for something: the other side of `wires`. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

from evenkeel.reconcilers.counted import listed
from evenkeel.specs.desired import DesiredState
from evenkeel.specs.kanto.desired import desired_state_drafts
from evenkeel.specs.kanto.manner import Manner as KantoManner
from evenkeel.specs.kanto.payload import payload_of, payload_path
from evenkeel.specs.kanto.translate import kanto_payload
from evenkeel.specs.leda.desired import Manner as LedaManner
from evenkeel.specs.leda.desired import asked_system
from evenkeel.specs.leda.translate import leda_payload
from evenkeel.specs.problem import Flaw


class Speech(NamedTuple):
    """The words of one agent. `kinds`: documents that it has words for. `check` appends the flaws of a desired state, with
    paths of that value, with or without its envelope; `payload` says documents, and appends what it cannot say, with the path
    `(name, setting)`. Both are given the agent's domain."""

    kinds: tuple[str, ...]
    check: Callable[[Mapping[str, object], list[Flaw], str], None]
    payload: Callable[[DesiredState, list[Flaw], str], dict[str, Any]]


def kanto(manner: KantoManner) -> Speech:
    """The words of Kanto's Containers Update Agent."""
    return Speech(("Container", "SystemContainers", "Baseline"), partial(_check_kanto, manner), kanto_payload)


def leda() -> Speech:
    """The words of Leda's Self Update Agent. Which addresses it allows is its own affair."""
    return Speech(("OperatingSystem",), _check_leda, leda_payload)


def _check_kanto(manner: KantoManner, value: Mapping[str, object], flaws: list[Flaw], domain: str) -> None:
    desired_state_drafts(value, flaws, domain, manner)


def _check_leda(value: Mapping[str, object], flaws: list[Flaw], domain: str) -> None:
    payload, root, found = payload_of(value), payload_path(value), list[Flaw]()
    asked = asked_system(payload, found, domain, LedaManner(("https", "http", "file")))
    flaws.extend(Flaw((*root, *each.path[1:]), each.message, each.hint, each.warning) for each in found)
    if asked is not None and asked.passed_over:
        flaws.append(Flaw(root, f"these settings are passed over: {listed(asked.passed_over)}", warning=True))
