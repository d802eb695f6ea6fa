"""An update agent that is commanded by baselines, as Kanto's and evenkeel's own are (container-management.md §2.3, §2.4, W8).

Each baseline has a state of its own, and one of removals is always there. Feedback names the baseline of the command, and has
the actions of all. With the last baseline the operation ends: Kanto's agent tells the success of that one alone, evenkeel's
that of all.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tests.reconcilers.operations.agents import BADLY, Agent, Kind

from evenkeel.specs.kanto.heard import ENDS
from evenkeel.specs.operations.events import AgentFeedback
from evenkeel.specs.operations.operation import ToldAction


class BaselineAgent:
    """An agent of one domain. `components`: the name of each component → its baseline, "" when it stands in none. `fails`:
    component → the command that fails in its baseline. `removes`: a component that nobody asks for any more."""

    reboots = apart = False

    def __init__(
        self,
        domain: str,
        components: Mapping[str, str],
        kind: Kind = "local",
        *,
        fails: Mapping[str, str] | None = None,
        removes: str = "",
    ) -> None:
        self.domain, self.kind = domain, kind
        failing = fails or {}
        self.machines = {
            title or f"{domain}:{name}": Agent(domain, kind, fails=failing.get(name, ""), component=name)
            for name, title in components.items()
        }
        """One for each baseline, by its title."""
        self._removals = f"{domain}:remove-components"
        self.machines[self._removals] = Agent(domain, kind, component=removes or "nothing", version="")
        self.components = tuple(f"{domain}:{name}" for name in components)
        self._told = (*self.components, f"{domain}:{removes}") if removes else self.components
        self.commands: list[str] = []
        self._open: set[str] = set()
        """The titles of the baselines that are not cleaned up."""
        self._ends: list[str] = []
        """How each that was cleaned up has ended."""

    @property
    def runs(self) -> str:
        return ", ".join(f"{name} {version or 'gone'}" for name, version in self.versions().items())

    def versions(self) -> dict[str, str]:
        """The version of each component that runs."""
        found = {each.component: each.runs for each in self.machines.values()}
        return {name: found[name] for name in self._told}

    def slice(self, *, repeated: bool = False) -> Iterator[AgentFeedback]:
        yield AgentFeedback(self.domain, "IDENTIFYING")
        if not self._open and all(each.runs == each.version for each in self._acting()):
            yield AgentFeedback(self.domain, "IDENTIFIED")
            return
        for each in self.machines.values():
            each.status = "IDENTIFIED"
        self._open, self._ends = set(self.machines), []
        yield AgentFeedback(self.domain, "IDENTIFIED", actions=self._actions())

    def command(self, command: str, baseline: str = "") -> Iterator[AgentFeedback]:
        self.commands.append(f"{command} {baseline}".strip())
        if not self._open:
            return
        if baseline not in ("", "*", *self._open):
            status = "CLEANUP" if command == "CLEANUP" else BADLY[command]
            yield AgentFeedback(self.domain, status, baseline, f"Unknown baseline {baseline}", self._actions())
            return
        for title in sorted(self._open) if baseline in ("", "*") else [baseline]:
            for told in self.machines[title].command(command):
                if told.status in ENDS or told.status == "COMPLETE":
                    self._open.discard(title)
                    is_idle = self.machines[title] not in self._acting() and self.kind != "kanto"
                    self._ends.append("COMPLETED" if is_idle else told.status)
                else:
                    yield told._replace(baseline=baseline, actions=self._actions())
        if not self._open:
            counts = self._ends if self.kind != "kanto" else self._ends[-1:]
            well = all(each == "COMPLETED" for each in counts)
            yield AgentFeedback(self.domain, "COMPLETED" if well else "INCOMPLETE", actions=self._actions())

    def restart(self) -> None:
        """The process begins anew."""
        for each in self.machines.values():
            each.restart()
        if self.kind == "kanto":
            self._open = set()

    def boot(self) -> None:
        """The device begins anew."""
        self.restart()

    def _acting(self) -> list[Agent]:
        return [each for each in self.machines.values() if each.component in self._told]

    def _actions(self) -> tuple[ToldAction, ...]:
        return tuple(
            ToldAction(each.component, each.version or "1", each.status or "IDENTIFIED") for each in self._acting()
        )
