"""The states that run in the domains, beside those that are asked for: what was there before the first revision, and what runs
where no stored state can tell what is in force."""

from __future__ import annotations

from collections.abc import Iterable

from evenkeel.specs.desired import DesiredState, desired_state


class Standing:
    """The states that run, by domain."""

    def __init__(self) -> None:
        self._before: dict[str, DesiredState | None] = {}
        """The state at work at the last look, while there is no last-good."""
        self._now: dict[str, tuple[int, DesiredState | None]] = {}
        """The state that runs, and after how many disturbances it was looked at."""

    def forget(self, domain: str) -> None:
        """Nothing is asked of a domain, and nothing of it is there."""
        self._before.pop(domain, None)
        self._now.pop(domain, None)

    def set_as_found(self, domain: str, found: DesiredState | None) -> None:
        """Record the state at work in a domain before the first step for a first revision."""
        self._before[domain] = found

    def as_found(self) -> DesiredState | None:
        """The state at work in all domains before the first step; `None` when nothing was."""
        return _joined(self._before.values())

    def report(self, domain: str, found: DesiredState | None, disturbances: int) -> bool:
        """Record the state that runs in a domain now, after so many disturbances; whether that is news."""
        is_new = self._now.get(domain) != (disturbances, found)
        self._now[domain] = disturbances, found
        return is_new

    def running(self, domains: int, disturbances: int) -> DesiredState | None:
        """The state that runs in all of so many domains once each was looked at since the last disturbance; `None` until
        then, or when nothing runs."""
        newest = [found for at, found in self._now.values() if at == disturbances]
        return _joined(newest) if len(newest) == domains else None


def _joined(states: Iterable[DesiredState | None]) -> DesiredState | None:
    documents = [each for state in states if state is not None for each in state.documents]
    return desired_state(documents) if documents else None
