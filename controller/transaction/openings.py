"""The places to fetch from that another domain has yet to open: a pull waits for the registry that it comes from, and for no
other one."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from evenkeel.specs.codec import changed
from evenkeel.specs.desired import DesiredState
from evenkeel.specs.plan import Plan, Stage, is_fetched_from

Places = Callable[[DesiredState], Mapping[str, str]]
"""By subject of a domain: the beginning of what is fetched through it, once a state is reached."""


class Openings:
    """The openings of all domains on their way to a state."""

    def __init__(
        self, wake_others: Callable[[str], None], changing: Callable[[str, DesiredState], Collection[str]]
    ) -> None:
        """`wake_others` is called with the domain that has opened something. `changing`: the subjects of a domain that
        change on the way to a state."""
        self._wake_others, self._changing = wake_others, changing
        self._places: dict[str, Places] = {}
        self._left: dict[str, tuple[str, frozenset[str]]] = {}
        """By domain: the digest of the state for which it has looked last, and what it has yet to open for it."""

    def join(self, domain: str, places: Places) -> None:
        """One more domain takes part."""
        self._places[domain] = places

    def report(self, domain: str, state: DesiredState, plan: Plan) -> None:
        """Record what a domain has yet to open on its way to a state, after a look."""
        steps = (step for stage in plan.stages for step in stage.steps)
        left = state.digest, frozenset(step.action.traits.opens for step in steps) - {""}
        if self._left.get(domain, ("", frozenset())) != left:
            self._left[domain] = left
            self._wake_others(domain)

    def open_steps(self, domain: str, state: DesiredState, stage: Stage) -> Stage | str:
        """The steps of a stage of one domain that need not wait for another one; or why all of them have to."""
        closed = {place: name for name in self._places if name != domain for place in self._closed(name, state)}
        waits = {
            step.id: f"{name} ({place})"
            for step in (stage.steps if closed else ())
            for place, name in closed.items()
            if is_fetched_from(step.action.traits.fetches, place)
        }
        steps = tuple(step for step in stage.steps if step.id not in waits)
        if not steps:
            return f"{stage.phase} waits for {', '.join(sorted(set(waits.values())))}"
        return changed(stage, steps=steps) if waits else stage

    def _closed(self, domain: str, state: DesiredState) -> Collection[str]:
        """The places that a domain has yet to open; before it has looked, those of all subjects that change."""
        digest, left = self._left.get(domain, ("", frozenset[str]()))
        if digest == state.digest:
            return left
        places = self._places[domain](state)
        return {places[subject] for subject in self._changing(domain, state) if subject in places} if places else ()
