"""Topics on which the broker does not take what it is sent, as MQTT 5 says, and when they are tried again.

The broker's access list may be corrected at any time, which ends no connection. So messages for such a topic wait, in their
order, and the oldest of them is tried again and again. Other topics go on.
"""

from __future__ import annotations

from typing import NamedTuple

_FIRST_S, _LONGEST_S = 1.0, 60.0
_ITS_OWN_FAULT = ("payload format invalid",)
"""What another try of the same message does not change."""


class _Denial(NamedTuple):
    why: str
    tries: int
    due_at: float


class Denials:
    """Of one connection's topics. Times are those of the event loop."""

    def __init__(self) -> None:
        self._of: dict[str, _Denial] = {}

    def met(self, topic: str, why: str, now: float) -> bool:
        """The broker has refused a message; whether that is new."""
        before = self._of.get(topic)
        tries = before.tries + 1 if before is not None else 1
        wait_s: float = min(_LONGEST_S, _FIRST_S * 2 ** min(tries - 1, 10))
        self._of[topic] = _Denial(why, tries, now + wait_s)
        return before is None

    def over(self, topic: str) -> bool:
        """The broker has taken a message; whether it did not before."""
        return self._of.pop(topic, None) is not None

    def waiting(self, now: float) -> tuple[str, ...]:
        """The topics that are not to be tried yet."""
        return tuple(topic for topic, denial in self._of.items() if denial.due_at > now)

    def due_in_s(self, now: float) -> float | None:
        """In how many seconds the next of those that wait is to be tried again; `None` when none waits."""
        return min((denial.due_at - now for denial in self._of.values() if denial.due_at > now), default=None)

    def try_now(self) -> None:
        """The connection is another one: rights may be, too."""
        self._of = {topic: denial._replace(due_at=0.0) for topic, denial in self._of.items()}

    @property
    def why(self) -> str:
        """What is refused and why; "" when nothing is."""
        return "; ".join(
            f"{topic}: {denial.why}, and what is to be said there waits" for topic, denial in self._of.items()
        )


def may_pass(why: str) -> bool:
    """Whether what was refused may be taken later."""
    return not any(each in why.lower() for each in _ITS_OWN_FAULT)
