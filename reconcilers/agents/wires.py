"""The protocols of update agents: how messages are read, and how activities are told. Pure.

An activity keeps the name of its protocol (`Activity.wire`), so that everybody who ends it tells it alike.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import NamedTuple

from evenkeel.reconcilers.agents import kanto as _kanto
from evenkeel.reconcilers.agents import leda as _leda
from evenkeel.reconcilers.agents import leda_request
from evenkeel.reconcilers.agents.request import Request, read_request
from evenkeel.specs.kanto import updateagent
from evenkeel.specs.kanto.activity import Activity, Status, Wire
from evenkeel.specs.kanto.manner import Manner as KantoManner
from evenkeel.specs.leda import messages
from evenkeel.specs.leda.desired import Manner as LedaManner
from evenkeel.specs.problem import Problem

FeedbackMessage = updateagent.FeedbackMessage | messages.FeedbackMessage
Command = updateagent.Command | tuple[Problem, ...]
"""A command, or the problems of a message that is none."""


class _Words(NamedTuple):
    feedback: Callable[[Activity, Status, str, str], FeedbackMessage]
    notice: Callable[[Status, str], FeedbackMessage]


_WORDS: Mapping[Wire, _Words] = {
    "kanto": _Words(_kanto.feedback, _kanto.notice),
    "leda": _Words(_leda.feedback, _leda.notice),
}


def feedback(activity: Activity, status: Status, message: str = "", baseline: str = "") -> FeedbackMessage:
    """The feedback message with `status` of an activity, or of one of its baselines, in the words of its protocol."""
    return _WORDS[activity.wire].feedback(activity, status, message, baseline)


def notice(wire: Wire, status: Status, message: str = "") -> FeedbackMessage:
    """The feedback message about a desired state that is no activity, or none yet."""
    return _WORDS[wire].notice(status, message)


class Language(NamedTuple):
    """The messages of one agent. `request` reads a desired state from its payload, its topic and the domain, `command`
    a command from its payload and its topic. `announces_refusals`: IDENTIFYING is told also of a desired state that is
    refused at once."""

    wire: Wire
    request: Callable[[bytes, str, str], Request]
    command: Callable[[bytes, str], Command]
    announces_refusals: bool = False


def kanto(manner: KantoManner) -> Language:
    """The messages of Kanto's Containers Update Agent."""
    return Language("kanto", partial(_read_kanto, manner), _read_kanto_command)


def leda(manner: LedaManner) -> Language:
    """The messages of Leda's Self Update Agent."""
    return Language("leda", partial(_read_leda, manner), leda_request.read_command, announces_refusals=True)


def _read_kanto(manner: KantoManner, payload: bytes, topic: str, domain: str) -> Request:
    return read_request(payload, topic, domain, manner)


def _read_kanto_command(payload: bytes, topic: str) -> Command:
    return updateagent.read_command(payload, topic)


def _read_leda(manner: LedaManner, payload: bytes, topic: str, domain: str) -> Request:
    return leda_request.read_request(payload, topic, domain, manner)
