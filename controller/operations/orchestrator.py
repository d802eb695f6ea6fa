"""The update manager: operations are begun, every event is met, and its effects are carried out.

`reconcilers.operations.orchestration` decides. An operation and the messages that follow from an event are stored in
one write, so that no crash separates them. Messages of agents of this device are stored with their activities, and a
broker keeps those of the others until they are acknowledged.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from itertools import product
from typing import NamedTuple

from evenkeel.controller.agents.conduct import Topics
from evenkeel.controller.journal.journal import Journal, at_once
from evenkeel.controller.journal.outbox import Outgoing
from evenkeel.controller.journal.unreadable import set_aside_unreadable_operation
from evenkeel.controller.operations.conduct import OperationsConduct, OperationsTopics
from evenkeel.controller.operations.narrator import Narrator
from evenkeel.controller.operations.queue import Queue
from evenkeel.controller.operations.reports import Reports
from evenkeel.controller.process.clock import Now
from evenkeel.reconcilers.counted import joined
from evenkeel.reconcilers.operations.inventory import Report, versions
from evenkeel.reconcilers.operations.orchestration import Step, after, begin, superseded
from evenkeel.reconcilers.operations.parts import differs
from evenkeel.reconcilers.operations.splitting import Demand, read_demand
from evenkeel.reconcilers.operations.statuses import FREEING
from evenkeel.specs.codec import changed, encode
from evenkeel.specs.feedback import Condition, Feedback
from evenkeel.specs.kanto.activity import name_of
from evenkeel.specs.kanto.heard import Heard as Told
from evenkeel.specs.kanto.updateagent import Envelope, command_bytes, desired_bytes, question_bytes
from evenkeel.specs.operations import events
from evenkeel.specs.operations.operation import ENDS, Operation, Status, ToldAction

_REASONS: Mapping[Status, str] = {
    "COMPLETED": "Completed",
    "INCOMPLETE": "Incomplete",
    "IDENTIFICATION_FAILED": "IdentificationFailed",
    "SUPERSEDED": "Superseded",
}


class Lines(NamedTuple):
    """The ways to the agents. `topics`: of each domain's agent. `local`: the domains whose agents are on this device, with a
    function that hands them a message; the others are reached over the broker."""

    topics: Mapping[str, Topics]
    local: Mapping[str, Callable[[str, bytes], None]]


class Orchestrator:
    """The operations of one update manager, one at a time."""

    def __init__(
        self,
        conduct: OperationsConduct,
        topics: OperationsTopics,
        lines: Lines,
        journal: Journal,
        say: Callable[[Feedback], None],
        wake_sender: Callable[[], None],
        boot: Callable[[], str],
        now: Now,
    ) -> None:
        """`boot`: the id of this boot of the device."""
        self._conduct, self._topics, self._lines, self._journal = conduct, topics, lines, journal
        self._say, self._wake_sender, self._boot, self._now = say, wake_sender, boot, now
        self._queue = Queue(journal.mailbox(f"{conduct.domain} operations"), topics.desired, self.read)
        self._operation: Operation | None = None
        self._answer = b""
        """The last answer of the owner. The same again, as a broker may deliver it, answers no other question (B-13)."""
        self.narrator = Narrator(topics.feedback, conduct.running_every_s, self._publish, now)
        self.reports = Reports(
            (conduct.domain, conduct.version),
            conduct.agents,
            conduct.state_delay_s,
            self._ask_state,
            self._report,
            self._is_late,
            now,
        )
        self.on_step: Callable[[], None] = lambda: None
        """Called after each event."""
        self.changed = asyncio.Event()
        """Set when timers may have changed."""
        self.told = asyncio.Event()
        """Set when something was told, so that RUNNING may be due."""
        self.needs_reboot = asyncio.Event()
        """Set when a reboot may be due."""

    @property
    def operation(self) -> Operation | None:
        """The open operation."""
        return self._operation

    # ── desired states ─────────────────────────────────────────────────────────────────────────────────────────────

    def read(self, payload: bytes) -> Demand:
        """The content of a message with a desired state, for the agents that there are."""
        return read_demand(payload, self._topics.desired, self._conduct.agents, self._conduct.decisions)

    @at_once
    def desired(self, demand: Demand, payload: bytes) -> str:
        """Take in a desired state: it begins, waits, takes the place of the one at work, or is refused. The one at work again
        changes nothing, and is told how far it is (INT-4). Returns why it is passed over without an answer, "" when it is
        not."""
        running = self._operation
        is_same = running is not None and running.id == demand.activity_id
        if demand.reasons and is_same:
            return f"{joined(demand.reasons)}; the operation of this id goes on"
        if demand.reasons:
            self._refuse(demand.activity_id, joined(demand.reasons))
        elif running is None:
            self._begin(demand)
        elif is_same and running.content == demand.content:
            self.narrator.tell(running, running.status, running.notes)
        elif self._conduct.supersedes or is_same:
            self._operation = None
            follows = [part.domain for part in demand.parts]
            self._follow(superseded(running, name_of(demand.activity_id), follows), goes_on=is_same)
            self._begin(demand)
        elif why := self._queue.add(demand, payload):
            self._refuse(demand.activity_id, why)
        else:
            text = f"{name_of(demand.activity_id)}: waits for the end of {name_of(running.id)}"
            self._say(Feedback("operation", text))
        return ""

    def refuse(self, activity_id: str, why: str) -> None:
        """Refuse a desired state that cannot be read at all."""
        if self._operation is None or self._operation.id != activity_id:
            self._refuse(activity_id, why)

    def _begin(self, demand: Demand) -> None:
        self._say(Feedback("operation", f"{name_of(demand.activity_id)}: begins"))
        step = begin(demand.activity_id, demand.content, demand.parts, demand.baselines, demand.notes)
        self._follow(step)

    @at_once
    def _begin_next(self) -> None:
        while self._operation is None and (demand := self._queue.take()) is not None:
            if demand.reasons:  # the agents are others now
                self._refuse(demand.activity_id, joined(demand.reasons))
            else:
                self._begin(demand)

    def _refuse(self, activity_id: str, why: str) -> None:
        self._say(Feedback("operation", f"{name_of(activity_id)}: IDENTIFICATION_FAILED, {why}"))
        self.narrator.refuse(activity_id, "IDENTIFICATION_FAILED", why)

    # ── what is told ───────────────────────────────────────────────────────────────────────────────────────────────

    def cancel(self, activity_id: str, command: str) -> str:
        """Somebody commands from outside: ROLLBACK or CLEANUP end the operation, and take everything back. Returns why this one
        does not, "" when it does."""
        running = self._operation
        if running is None or running.id != activity_id:
            return f"{command} for {name_of(activity_id)}, which is not at work"
        if command not in ("ROLLBACK", "CLEANUP"):
            return f"{command}: an update manager gives this command itself"
        self.meet(events.Cancelled(f"it was cancelled by {command}"))
        return ""

    def answer(self, activity_id: str, command: str, status: str, payload: bytes, *, has_time: bool) -> str:
        """The owner's answer. `command`: the one that it is about, "" where the answer does not say it. `has_time`: it has a
        timestamp, so that two answers differ. Returns why it does not count, "" when it does."""
        running = self._operation
        question = running.question if running is not None and running.id == activity_id else ""
        if not question or command not in ("", question) or (has_time and payload == self._answer):
            return f"{status} for {name_of(activity_id)} answers no open question"
        self._answer = payload
        why = "" if status == "APPROVED" else f"the owner answered {status or 'nothing'} to {question}"
        self.meet(events.Answered(question, not why, why))
        return ""

    @property
    def asks_owner(self) -> bool:
        """Whether a question to the owner is open."""
        return self._operation is not None and self._operation.question != ""

    def ask_owner_again(self) -> None:
        """Ask the owner the open question, because others can hear it now."""
        running = self._operation
        if running is not None and running.question:
            self._ask_owner(running, running.question)

    def feedback(self, domain: str, told: Told) -> None:
        """Feedback of an agent. That of other activities is about somebody else's commands."""
        self._is_there(domain)
        running = self._operation
        if running is not None and running.id == told.activity_id:
            actions = tuple(ToldAction(*each) for each in told.actions if each.component)
            self.meet(events.AgentFeedback(domain, told.status, told.baseline, told.message, actions))

    def reported(self, domain: str, report: Report, *, retained: bool = False) -> None:
        """A report of an agent's current state. One that the broker kept may be from before a reboot, and answers nothing. An
        agent that introduces itself may have forgotten the operation, unless it answers the question of a new connection."""
        if not retained:
            self._is_there(domain)
        self.reports.add(domain, report)
        running = self._operation
        if running is None or retained:
            return
        if report.activity_id == running.id:
            self.meet(events.Reported(domain, versions(report.state)))
        elif report.introduces and not self.reports.is_answer(report) and domain not in self._lines.local:
            self.meet(events.Restarted(domain))

    def resume(self) -> None:
        """Go on with the operation that was open when the process ended; with the next one that waits, if none was."""
        stored = self._journal.operations.of(self._conduct.domain)
        if stored is None:
            self._free_unreadable()
            self._begin_next()
            return
        self._operation = stored.operation
        rebooted = stored.boot != self._boot()
        self._say(Feedback("operation", f"{name_of(stored.operation.id)}: goes on" + ", after a reboot" * rebooted))
        self.meet(events.Resumed(rebooted))

    @at_once
    def _free_unreadable(self) -> None:
        """End an operation that cannot be read any more. Its agents may be anywhere in it, and take back what they can."""
        where = self._conduct.domain, self._say, self._now(), self._topics.feedback
        id_ = set_aside_unreadable_operation(self._journal, *where)
        for domain, command in product(self._lines.topics, FREEING) if id_ is not None else ():
            self._send(domain, self._lines.topics[domain].command, command_bytes(id_ or "", self._now_ms(), command))

    @at_once
    def meet(self, event: events.Event) -> None:
        """All that follows from an event."""
        if self._operation is not None:
            self._follow(after(self._operation, event, self._conduct.decisions))

    # ── what follows ───────────────────────────────────────────────────────────────────────────────────────────────

    def _follow(self, step: Step, *, goes_on: bool = False) -> None:
        """Store an operation, and carry out its effects. `goes_on`: its id does, and no end of it is told."""
        operation, before = step.operation, self._operation
        if operation.question and (before is None or before.question != operation.question):
            operation = changed(operation, asked_ms=self._now_ms())
        if operation.status in ENDS:
            self._operation = None
            self._journal.operations.drop(self._conduct.domain)
        elif before is None or differs(before, operation):
            self._operation = operation
            self._journal.operations.keep(self._conduct.domain, operation, self._boot())
        else:
            self._operation = operation
        for effect in step.effects:
            if not (goes_on and isinstance(effect, events.Say)):
                self._carry_out(operation, effect, goes_on=goes_on)
        self.changed.set()
        self.told.set()
        self.on_step()

    def announce(self, text: str) -> None:
        """Tell the sender of the open operation what it waits for, in words."""
        if self._operation is not None:
            self.narrator.announce(self._operation, text)

    def _carry_out(self, operation: Operation, effect: events.Effect, *, goes_on: bool) -> None:
        id_, now_ms = operation.id, self._now_ms()
        match effect:
            case events.SendSlice(domain):
                part = operation.part(domain)
                if part is not None:
                    self._send(domain, self._lines.topics[domain].desired, desired_bytes(id_, now_ms, part.slice))
            case events.SendCommand(domain, command, baseline):
                self._send(domain, self._lines.topics[domain].command, command_bytes(id_, now_ms, command, baseline))
            case events.AskState(domain):
                self._ask_state(domain, id_)
            case events.Say(status, message):
                if status == "RUNNING" and message:
                    self.narrator.announce(operation, message)
                else:
                    self.narrator.tell(operation, status, message)
                if status in ENDS:
                    self._tell_end(operation, status, message)
            case events.AskOwner(command):
                self._ask_owner(operation, command)
            case events.WithdrawQuestion():  # an answer to one that was told finds no open question any more
                self._journal.outbox.withdraw(self._topics.question)
            case events.Reboot():
                self.needs_reboot.set()
            case events.Ended() if not goes_on:
                self.reports.ask(id_)
                asyncio.get_running_loop().call_soon(self._begin_next)
            case events.Ended():
                pass

    def _tell_end(self, operation: Operation, status: Status, message: str) -> None:
        text = f"{name_of(operation.id)}: {status}" + (f", {message}" if message else "")
        self._say(Feedback("operation", text))
        self._journal.drop_condition("OperationCompleted")  # each end is news with a time of its own
        condition = Condition("OperationCompleted", status == "COMPLETED", _REASONS[status], f"operation {text}")
        self._journal.set_condition(condition)

    def _ask_owner(self, operation: Operation, command: str) -> None:
        """The same question again, as after a restart, is the same message."""
        content = encode(Envelope(operation.id, operation.asked_ms or self._now_ms(), {"command": command}))
        self._publish(Outgoing(self._topics.question, content))
        self._say(Feedback("operation", f"{name_of(operation.id)}: the owner is asked about {command}"))

    def _send(self, domain: str, topic: str, payload: bytes) -> None:
        if domain in self._lines.local:
            self._lines.local[domain](topic, payload)
        else:
            self._publish(Outgoing(topic, payload))

    def _ask_state(self, domain: str, activity_id: str) -> None:
        self._send(domain, self._lines.topics[domain].get, question_bytes(activity_id, self._now_ms()))

    def _report(self, payload: bytes, latest: bool) -> None:
        latest = latest or self._journal.outbox.is_full(self._topics.state)
        self._publish(Outgoing(self._topics.state, payload, retain=True, latest=latest))

    def _publish(self, message: Outgoing) -> None:
        self._journal.outbox.send(message)
        self._wake_sender()

    # ── agents that are away ───────────────────────────────────────────────────────────────────────────────────────

    def _is_there(self, domain: str) -> None:
        if domain not in self._lines.local:
            self._journal.set_condition(Condition("AgentReachable", True, "Answers", "", domain=domain))

    def _is_late(self, domain: str, seconds: float) -> None:
        if domain not in self._lines.local:
            why = f"the agent of {domain} did not answer within {seconds:g} s"
            self._journal.set_condition(Condition("AgentReachable", False, "Silent", why, domain=domain))

    def _now_ms(self) -> int:
        return int(self._now() * 1000)
