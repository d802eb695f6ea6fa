"""Topics on which the broker refuses messages, as MQTT 5 says, and the times of further tries.

The broker's access list may be corrected at any time, which ends no connection. So messages for such a topic wait, in
their order, and the oldest of them is tried again and again. Other topics go on.
"""

from __future__ import annotations

from typing import NamedTuple

_FIRST_S, _LONGEST_S = 1.0, 60.0
_ITS_OWN_FAULT = ("payload format invalid",)
"""Reasons that lie in the message itself, so that another try does not help."""


class _Denial(NamedTuple):
    why: str
    tries: int
    due_at: float


class Denials:
    """The refused topics of one connection. Times are those of the event loop."""

    def __init__(self) -> None:
        self._of: dict[str, _Denial] = {}

    def add(self, topic: str, why: str, now: float) -> bool:
        """Note that the broker has refused a message; True when its topic was not refused before."""
        before = self._of.get(topic)
        tries = before.tries + 1 if before is not None else 1
        wait_s: float = min(_LONGEST_S, _FIRST_S * 2 ** min(tries - 1, 10))
        self._of[topic] = _Denial(why, tries, now + wait_s)
        return before is None

    def over(self, topic: str) -> bool:
        """The broker has taken a message; True when its topic was refused before."""
        return self._of.pop(topic, None) is not None

    def waiting(self, now: float) -> tuple[str, ...]:
        """The topics whose next try is not due yet."""
        return tuple(topic for topic, denial in self._of.items() if denial.due_at > now)

    def due_in_s(self, now: float) -> float | None:
        """Seconds until the next topic is due; `None` when none waits."""
        return min((denial.due_at - now for denial in self._of.values() if denial.due_at > now), default=None)

    def try_now(self) -> None:
        """Make all topics due: the rights on a new connection may be others."""
        self._of = {topic: denial._replace(due_at=0.0) for topic, denial in self._of.items()}

    @property
    def why(self) -> str:
        """The refused topics with the reasons; "" when there are none."""
        return "; ".join(
            f"{topic}: {denial.why}, and what is to be said there waits" for topic, denial in self._of.items()
        )


def may_pass(why: str) -> bool:
    """Whether a refused message may be taken later."""
    return not any(each in why.lower() for each in _ITS_OWN_FAULT)
