"""An update manager among its agents: events and effects in turn, with restarts wherever a test wants them."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Iterator, Sequence

from tests.reconcilers.operations.agents import Agent
from tests.reconcilers.operations.baselines import BaselineAgent

from evenkeel.reconcilers.operations.orchestration import Step, after, begin
from evenkeel.reconcilers.operations.waiting import timers
from evenkeel.specs.kanto.activity import Command
from evenkeel.specs.operations.conduct import Conduct
from evenkeel.specs.operations.events import (
    AgentFeedback,
    Answered,
    AskOwner,
    AskState,
    Effect,
    Elapsed,
    Ended,
    Event,
    Judged,
    Reboot,
    Reported,
    Resumed,
    Say,
    SendCommand,
    SendSlice,
    Timer,
)
from evenkeel.specs.operations.operation import ENDS, BaselinePart, DomainPart, Group, Operation

CONDUCT = Conduct(reboots=("self-update",), rank={"self-update": 1})
_MOST = 10_000


def _line(what: Event | Effect) -> str:
    """An event or an effect in one line, without the actions of an agent."""
    values = [
        value for name, value in zip(what._fields, what, strict=True) if name != "actions" and value not in ("", ())
    ]
    return " ".join([type(what).__name__, *map(str, values)])


class Stuck(Exception):
    """Nothing happens any more, and no timer runs."""


class World:
    """`said`: what the sender was told, each status once in a row. `answers`: the owner's answers by command."""

    def __init__(
        self,
        agents: Sequence[Agent | BaselineAgent],
        conduct: Conduct = CONDUCT,
        answers: Callable[[Command], bool] = lambda command: True,
    ) -> None:
        self.agents = {agent.domain: agent for agent in agents}
        keeps = [agent.domain for agent in agents if agent.kind == "local"]
        self.conduct, self._answers = conduct._replace(keeps=keeps), answers
        self.said: list[tuple[str, str]] = []
        self.steps: list[tuple[str, list[str]]] = []
        """Each event, and the effects that followed from it."""
        self.done: list[str] = []
        """Commands in the order in which they were carried out, and the reboot."""
        self.operation: Operation | None = None
        self.is_over = False
        self._now_s, self._ends = 0.0, dict[Timer, float]()
        self.effects = 0
        """The number of effects that were carried out, or were about to be."""
        self._repeated: Effect | None = None
        self._events: deque[Event] = deque()
        self._met: Event | None = None
        """The last event; a broker that it was not acknowledged to sends it again."""
        self._effects: deque[Effect] = deque()

    # ── by itself ──────────────────────────────────────────────────────────────────────────────────────────────────

    def run(
        self, baselines: Sequence[BaselinePart] = (), interrupt: Callable[[int, Effect], str] = lambda n, e: ""
    ) -> None:
        """One operation to its end. `interrupt`: "", or where the manager dies: `before` or `after` this effect, or `torn`
        from it; `without power`, before it, with the whole device."""
        parts = [DomainPart(each.domain, b"{}", each.components) for each in self.agents.values()]
        self._take("asked", begin("act", "digest", parts, baselines))
        number = 0
        for _ in range(_MOST):
            if self._effects:
                effect = self._effects[0]
                where = interrupt(number, effect)
                number += 1
                self.effects = number
                if where not in ("before", "without power"):
                    self._carry_out(self._effects.popleft())
                if where == "torn":
                    self._effects.appendleft(effect)
                    self._repeated = effect
                if where:
                    self._die(is_torn=where == "torn", has_power=where != "without power")
            elif self._events:
                self._meet(self._events.popleft())
            elif self.is_over:
                return
            elif unmet := [each.title for each in self._groups() if each.unmet]:
                self._events.append(Judged(unmet[0]))
            else:
                self._wait()
        raise Stuck("it turns in circles")

    def _groups(self) -> tuple[Group, ...]:
        return self.operation.groups if self.operation is not None else ()

    def _take(self, what: str, step: Step) -> None:
        self.operation = step.operation
        self.steps.append((what, [_line(each) for each in step.effects]))
        self._effects.extend(step.effects)

    def _meet(self, event: Event) -> None:
        assert self.operation is not None
        self._met = event
        self._take(_line(event), after(self.operation, event, self.conduct))

    def _wait(self) -> None:
        """The timer that runs out first."""
        assert self.operation is not None
        wanted = timers(self.operation, self.conduct)
        self._ends = {timer: self._ends.get(timer, self._now_s + timer.seconds) for timer in wanted}
        if not self._ends:
            raise Stuck(self.operation)
        timer, self._now_s = min(self._ends.items(), key=lambda each: each[1])
        del self._ends[timer]
        self._events.append(Elapsed(timer))

    def _die(self, *, is_torn: bool, has_power: bool) -> None:
        """The manager begins anew: what was stored is there, also the effects that were not carried out (they are an outbox),
        and what agents said meanwhile was kept by the broker. Torn, an effect was carried out and not taken off the outbox,
        and the broker was not told that the message before it was dealt with: both come again."""
        assert self.operation is not None
        if is_torn and isinstance(self._met, AgentFeedback) and self.agents[self._met.domain].kind != "local":
            self._events.appendleft(self._met)
        if not has_power:
            self._boot()
        if self.operation.status not in ENDS:
            self._events.appendleft(Resumed(rebooted=not has_power))

    def _boot(self) -> None:
        for agent in self.agents.values():
            if not agent.apart:
                agent.boot()
        self._events.clear()

    def can_be_torn(self, effect: Effect) -> bool:
        """Whether an effect may be carried out and still be due. A message for an agent of this device is stored together with
        the operation, and the reboot leaves it as it was in any case."""
        match effect:
            case SendSlice(domain) | SendCommand(domain) | AskState(domain):
                return self.agents[domain].kind != "local"
            case Say() | AskOwner():
                return True
            case _:
                return False

    # ── effects ────────────────────────────────────────────────────────────────────────────────────────────────────

    def _carry_out(self, effect: Effect) -> None:
        match effect:
            case Say(status, message):
                if not self.said or self.said[-1] != (status, message):
                    self.said.append((status, message))
            case SendSlice(domain):
                self._events.extend(self.agents[domain].slice(repeated=effect is self._repeated))
            case SendCommand(domain, command, baseline):
                self.done.append(f"{domain} {command} {baseline}".rstrip())
                self._events.extend(self.agents[domain].command(command, baseline))
            case AskState(domain):
                self._events.append(Reported(domain, self.agents[domain].versions()))
            case AskOwner(command):
                self.done.append(f"owner {command}")
                self._events.append(Answered(command, self._answers(command)))
            case Reboot():
                self.done.append("reboot")
                self._boot()
                self._events.append(Resumed(rebooted=True))
            case Ended():
                self.is_over = True
            case _:
                pass

    # ── what came of it ────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def statuses(self) -> list[str]:
        """In their order, each once in a row."""
        return [status for status, _ in itertools.groupby(status for status, _ in self.said)]

    @property
    def end(self) -> tuple[str, str]:
        return self.said[-1]

    @property
    def seconds(self) -> float:
        """The time that was waited in all."""
        return self._now_s

    def runs(self) -> dict[str, str]:
        return {agent.domain: agent.runs for agent in self.agents.values()}

    def ends(self) -> Iterator[str]:
        return (status for status, _ in self.said if status in ENDS)
