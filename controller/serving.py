"""The update agents of this device on their broker: which there are, and how they fit together.

Each is a role of the one connection and an agent of its domain's worker. Every part is imported when it is asked for,
because a controller without a broker must not load any of this.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from evenkeel.controller.process.clock import Clock, Now, second_of_day, system_clock, system_now
from evenkeel.controller.wiring import reconciler

if TYPE_CHECKING:
    from datetime import timedelta

    from evenkeel.controller.agents.conduct import AgentSettings
    from evenkeel.controller.agents.role import AgentRole
    from evenkeel.controller.cycle.domain import AnyDomain
    from evenkeel.controller.journal.journal import Journal
    from evenkeel.controller.loop.controller import Controller
    from evenkeel.controller.loop.ports import Serving
    from evenkeel.controller.mqtt.router import Router
    from evenkeel.controller.operations.backend import Backend
    from evenkeel.controller.operations.conduct import OperationsConduct
    from evenkeel.controller.operations.role import OperationsRole
    from evenkeel.controller.operations.values import Values
    from evenkeel.controller.participants.participant import Participant
    from evenkeel.controller.process.machine import Machine
    from evenkeel.specs.settings.settings import Settings
    from evenkeel.specs.settings.update_manager import UpdateManagerSettings


def open_agents(
    settings: Settings,
    journal: Journal,
    domains: Sequence[AnyDomain],
    now: Now = system_now,
    values: Values | None = None,
) -> Callable[[Controller], Serving]:
    """The update agents on their broker, for the controller whose workers they share. `domains`: those of the
    controller. `values`: those of preconditions, fed from the broker."""
    from evenkeel.controller.loop.ports import Serving
    from evenkeel.controller.mqtt import MqttLink
    from evenkeel.controller.mqtt.router import Router
    from evenkeel.controller.operations.values import Values
    from evenkeel.controller.operations.values_role import ValuesRole
    from evenkeel.controller.process.let_in import FILE as LET_IN
    from evenkeel.controller.process.let_in import LetIn
    from evenkeel.controller.slots_wiring import machine

    def build(controller: Controller) -> Serving:
        let_in = LetIn(Path(settings.state) / LET_IN)
        link = MqttLink(settings.mqtt, backoff=settings.backoff, beginnings=True, let_in=let_in)
        router = Router(link, journal, controller.say, controller.defects)
        roles = tuple(agent_roles(settings, journal, domains, controller, router, now))
        for role in roles:
            router.add(role)
        if settings.update_manager.enable:
            agents = {each.wire_domain: each for each in roles}
            device, present = machine(settings, domains), values or Values({})
            conduct = _conduct(settings.update_manager)
            router.add(operations_role(conduct, agents, journal, controller, router, device, present, now))
        elif values is not None:
            router.add(ValuesRole(values))
        return Serving(roles, router.serve, commands=bool(roles) or settings.update_manager.enable)

    return build


def agent_roles(
    settings: Settings,
    journal: Journal,
    domains: Sequence[AnyDomain],
    controller: Controller,
    router: Router,
    now: Now,
    clock: Clock = system_clock,
) -> Iterator[AgentRole]:
    """The roles that the settings ask for."""
    by_name = {domain.name: domain for domain in domains}
    build = _Builder(journal, controller, router, now, clock)
    if settings.update_agent.enable:
        yield _containers_role(settings, by_name["containers"], build)
    if settings.self_update_agent.enable:
        yield _self_update_role(settings, by_name["slots"], build)


def operations_role(
    conduct: OperationsConduct,
    agents: Mapping[str, AgentRole],
    journal: Journal,
    controller: Controller,
    router: Router,
    machine: Machine,
    present: Values,
    now: Now = system_now,
    clock: Clock = system_clock,
    second_of_day: Callable[[], float] = second_of_day,
) -> OperationsRole:
    """The update manager. `agents`: those of this device, by their domains on the wire; all others of its conduct are reached
    over the broker. `machine`: the device, which it may reboot. `present`: the values of preconditions."""
    from functools import partial

    from evenkeel.controller.agents.conduct import topics_of
    from evenkeel.controller.mqtt import Message
    from evenkeel.controller.operations.conduct import operations_topics
    from evenkeel.controller.operations.orchestrator import Lines, Orchestrator
    from evenkeel.controller.operations.reboot import Reboots
    from evenkeel.controller.operations.role import OperationsRole
    from evenkeel.controller.operations.topics import Topics

    def hand(role: AgentRole, topic: str, payload: bytes) -> None:
        router.hand(role, Message(topic, payload, retained=False, duplicate=False, acknowledge=lambda: None))

    conduct = conduct._replace(decisions=conduct.decisions._replace(keeps=tuple(agents)))
    topics = operations_topics(conduct.domain)
    lines = Lines(
        {domain: topics_of(domain) for domain in conduct.agents},
        {domain: partial(hand, role) for domain, role in agents.items() if domain in conduct.agents},
    )
    orchestrator = Orchestrator(conduct, topics, lines, journal, controller.say, router.wake, machine.boot, now)
    reboots = Reboots(machine, conduct.reboots_after_s, conduct.reboot_window, controller.say, second_of_day)
    backend: Backend = Topics(conduct.domain, topics, orchestrator, journal, controller.say)
    if conduct.backend == "things":
        from evenkeel.controller.operations.things import Things

        backend = things = Things(conduct.domain, topics, orchestrator, journal, controller.say, router.wake)
        router.wrap(things)
    return OperationsRole(
        conduct, backend, lines, orchestrator, reboots, present, journal, controller.defects, controller.say, clock
    )


def _conduct(asked: UpdateManagerSettings) -> OperationsConduct:
    """The behaviour of the update manager, by the settings."""
    from importlib.metadata import version

    from evenkeel.controller.operations.conduct import OperationsConduct
    from evenkeel.specs.operations.conduct import Conduct

    reboots = tuple(domain for domain, each in asked.agents.items() if each.reboot_required)
    ranks = {domain: each.rank for domain, each in asked.agents.items() if each.rank is not None}
    decisions = Conduct(
        reboots,
        rank=dict.fromkeys(reboots, 0) | ranks,
        consent=asked.owner_consent.commands,
        failures=asked.failures,
        unknown_domains=asked.unknown_domains,
        phase_timeout_s=asked.phase_timeout.total_seconds(),
        consent_timeout_s=asked.owner_consent.timeout.total_seconds(),
    )
    return OperationsConduct(
        asked.domain,
        {domain: each.read_timeout.total_seconds() for domain, each in asked.agents.items()},
        decisions,
        asked.report_feedback_interval.total_seconds(),
        asked.current_state_delay.total_seconds(),
        asked.reboot.after.total_seconds() if asked.reboot.enable else None,
        asked.new_desired_state == "supersede",
        version("evenkeel"),
        asked.backend,
        asked.reboot.window,
    )


class _Builder:
    """The parts that all roles share."""

    def __init__(self, journal: Journal, controller: Controller, router: Router, now: Now, clock: Clock) -> None:
        self.journal, self.controller, self._router = journal, controller, router
        self._now, self._clock = now, clock

    def role(self, own: AgentSettings, participant: Participant, debounce: timedelta, name: str) -> AgentRole:
        """One agent as a role. `name`: in reports of its defects."""
        from evenkeel.controller.agents.agent import UpdateAgent
        from evenkeel.controller.agents.role import AgentRole

        controller, router = self.controller, self._router
        worker, mail = controller.worker(participant.domain), self.journal.mailbox(participant.domain)
        agent = UpdateAgent(
            own,
            self.journal,
            participant,
            controller.stopping,
            controller.say,
            worker.wake,
            router.wake,
            self._now,
            self._clock,
        )
        return AgentRole(agent, mail, router.wake, controller.defects, debounce, name)


def _containers_role(settings: Settings, domain: AnyDomain, build: _Builder) -> AgentRole:
    """As Kanto's Containers Update Agent."""
    from evenkeel.controller.agents.conduct import AgentSettings
    from evenkeel.controller.participants.containers.conduct import ContainersConduct
    from evenkeel.controller.participants.containers.participant import containers_participant
    from evenkeel.reconcilers.agents.wires import kanto
    from evenkeel.specs.kanto.manner import Manner

    asked = settings.update_agent
    manner = Manner(asked.stop_timeout, asked.unknown_keys == "accept")
    own = AgentSettings(asked.domain, asked.operation_timeout, asked.autonomous.after, kanto(manner))
    conduct = ContainersConduct(
        domain=asked.domain,
        system_containers=asked.system_containers,
        protected=settings.system_containers,
        verbose=asked.verbose_inventory,
        reported_values="unmarked" if asked.report_values else "none",
        at_once=settings.parallel,
    )
    controller, decisions = build.controller, reconciler(settings)
    worker = controller.worker(domain.name)
    participant = containers_participant(
        conduct, build.journal, domain.driver, decisions, worker.cycles, controller.stopping, worker.signs.looks
    )
    return build.role(own, participant, asked.report_debounce, "update agent")


def _self_update_role(settings: Settings, domain: AnyDomain, build: _Builder) -> AgentRole:
    """As Leda's Self Update Agent."""
    from importlib.metadata import version

    from evenkeel.controller.agents.conduct import AgentSettings
    from evenkeel.controller.participants.slots.conduct import SlotsConduct
    from evenkeel.controller.participants.slots.participant import slots_participant
    from evenkeel.reconcilers.agents.wires import leda
    from evenkeel.specs.leda.desired import Manner

    asked = settings.self_update_agent
    manner = Manner(("https", *asked.allow), asked.reboot)
    own = AgentSettings(asked.domain, asked.operation_timeout, asked.autonomous.after, leda(manner))
    conduct = SlotsConduct(asked.domain, f"evenkeel-{version('evenkeel')}", asked.reboot)
    controller = build.controller
    worker = controller.worker(domain.name)
    participant = slots_participant(
        conduct,
        build.journal,
        domain.driver,
        domain.reconciler,
        worker.cycles,
        controller.stopping,
        worker.signs.looks,
    )
    return build.role(own, participant, asked.report_debounce, "self update agent")
