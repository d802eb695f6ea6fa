"""A law: whatever faults, hands, commands, clocks, reboots and pushes come in whatever order, no statement is false at the
moment at which it is made.

Statements are what feedback says of an activity and of each of its components, `revision-good` (what becomes last-good), and a
cycle that ends settled. They are held against the memory engine's world in the same moment, with nothing awaited in between.
Hands act at random moments of virtual time, in the middle of whatever is going on.

A statement of one component is held strictly when it is made. A statement of all of them comes when the last is done, seconds
after others were looked at: what hands did to those since the command began, and what ends by itself, does not make it false.
Only COMPLETED and `revision-good` come from one look at all, and are held strictly.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any, NamedTuple

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.controller.agents.harness import COMMANDS, Device, asked
from tests.sampling import THOROUGH
from tests.scripted import ACTIONS, OUTCOMES
from tests.truth import Truth
from tests.virtual import WRONG_CLOCKS_S, run

from evenkeel.controller.cycle.endings import Progressed, Settled
from evenkeel.controller.drivers.containers.memory import Image, WorldContainer
from evenkeel.controller.drivers.containers.memory.world import image_id
from evenkeel.controller.loop.acceptance import Acceptance
from evenkeel.reconcilers.agents.commands import IDENTIFIED_TEXT
from evenkeel.specs.containers.container import Container, ExecProbe, Health, TcpProbe
from evenkeel.specs.containers.normalise import normal
from evenkeel.specs.desired import DesiredState, Document, desired_state
from evenkeel.specs.errors import Refused, Unavailable
from evenkeel.specs.feedback import Feedback
from evenkeel.specs.problem import Place, Problem
from evenkeel.specs.reading.quantity import parse_size

EXAMPLES = int(os.environ.get("EVENKEEL_EXAMPLES", "1000" if THOROUGH else "0"))
"""How many random histories are tried; without it, a few that are always the same."""
NAMES = ("lamp", "horn")
CATALOGUE = {
    **{f"reg.example/{name}:crash": Image(exits_with=1) for name in NAMES},
    **{f"reg.example/{name}:late": Image(exits_with=1, exits_after_s=20.0) for name in NAMES},
}
CHECKS = {
    "e": Health(ExecProbe(("ok",)), timedelta(seconds=2), timedelta(seconds=1), 2),
    "t": Health(TcpProbe(80), timedelta(seconds=2), timedelta(seconds=1), 2),
    "u": Health(TcpProbe(81), timedelta(seconds=2), timedelta(seconds=1), 3),
    "-": None,
}
ROLLED_BACK = "rollback succeeded"


class Event(NamedTuple):
    """`after_s`: how long into what follows a hand acts."""

    kind: str
    what: str = ""
    name: str = ""
    after_s: float = 0.0
    times: int = 1


class Files(NamedTuple):
    """What a source found."""

    desired: DesiredState
    problems: Sequence[Problem] = ()
    is_empty: bool = False
    missing: Sequence[str] = ()
    paths: Sequence[str] = ()
    nothing: Sequence[Place] = ()


class Wish(NamedTuple):
    """One component, as it is asked for."""

    image: str
    memory: int | None


class Instance(NamedTuple):
    """What makes an instance another than the next."""

    content: str
    image: str
    memory: int | None


ASKED = ("11", "12", "21", "1c", "2l", "1-", "-2", "--", "m1", "1n", "n1", "m2")
HANDS = ("remove", "kill", "pause", "disconnect", "end", "remove_network", "sicken", "heal")
PUSHES = ("push good", "push crash", "push late")


_NO, _NONE_S, _ONCE = st.just(""), st.just(0.0), st.just(1)


def _happens(
    kind: str,
    what: st.SearchStrategy[str] = _NO,
    name: st.SearchStrategy[str] = _NO,
    after_s: st.SearchStrategy[float] = _NONE_S,
    times: st.SearchStrategy[int] = _ONCE,
) -> st.SearchStrategy[Event]:
    return st.builds(Event, st.just(kind), what, name, after_s, times)


def event() -> st.SearchStrategy[Event]:
    names, after = st.sampled_from(NAMES), st.floats(0.0, 12.0)
    return st.one_of(
        _happens("ask", st.sampled_from(ASKED)),
        _happens("ask", st.sampled_from(["again", "anew"])),
        _happens("command", st.sampled_from([*COMMANDS, *COMMANDS, "ROLLBACK"])),
        _happens("whole"),
        _happens("back", st.sampled_from(["DOWNLOAD", "UPDATE", "ACTIVATE"])),
        _happens("hand", st.sampled_from(HANDS), names, after),
        _happens("hand", st.sampled_from(PUSHES), names, after),
        _happens("at the end", st.sampled_from(HANDS), names, st.floats(0.0, 3.0)),
        _happens(
            "fault",
            st.sampled_from(sorted(ACTIONS)),
            st.sampled_from(["retry", "failed", "outside"]),
            times=st.integers(1, 4),
        ),
        _happens("away", after_s=st.sampled_from([5.0, 60.0, 300.0])),
        _happens("clock", st.sampled_from([str(each) for each in (*WRONG_CLOCKS_S, 0)])),
        _happens("reboot", st.sampled_from(["process", "machine"])),
        _happens("settle", after_s=st.sampled_from([0.0, 30.0, 600.0])),
    )


_BEGINNINGS = st.sampled_from(
    [
        [Event("ask", "11"), Event("whole"), Event("settle")],
        [Event("files", "et"), Event("settle"), Event("ask", "11")],
        [Event("files", "u-"), Event("settle"), Event("ask", "m1"), Event("command", "DOWNLOAD")],
    ]
)
"""Only files can ask for health checks: what a message then replaces has some."""
_IMAGES = {"1": "1", "2": "2", "c": "crash", "l": "late", "m": "1", "n": "1"}
_MEMORY = {"m": "64M", "n": "128M"}


class Heard(Device):
    """A device of which everything is heard in the moment in which it is stored."""

    def __init__(self, hear: Callable[[], None], hear_good: Callable[[], None]) -> None:
        self._hear, self._hear_good = hear, hear_good
        super().__init__(catalogue=dict(CATALOGUE))

    def _stored(self) -> None:
        super()._stored()
        self._hear()

    def _say(self, feedback: Feedback) -> None:
        if feedback.kind == "revision-good":
            self._hear_good()
        super()._say(feedback)


class Witness:
    """A device, and what is true of it."""

    def __init__(self) -> None:
        self.device = Heard(self._hear, self._check_good)
        self.device.engine.script.perform_s, self.device.engine.script.observe_s = 0.5, 0.05  # hands come in between
        self.truth = Truth(self.device.engine)
        self.asked: dict[str, dict[str, Wish]] = {}
        self.asked_at: dict[str, float] = {}
        self.statements = 0
        self._read = 0
        self._number = 0
        self._what = ""
        """What was asked for last."""
        self._hands: list[asyncio.Task[None]] = []
        self._pushed: dict[str, list[tuple[float, int]]] = {}
        """By image, when it became which version."""
        self._touched: dict[str, float] = {}
        """By name, when other hands did something to it."""
        self._began_at = 0.0
        """When the command at work came."""
        self._before: dict[str, dict[str, list[Instance]]] = {}
        """By activity and name, what was there when it was identified."""
        self._fetched: dict[str, dict[str, set[str]]] = {}
        """By activity and image, the content that was fetched for it."""
        self._told: dict[str, dict[str, tuple[str, bool]]] = {}
        """By activity and name, the status that was told last, and whether it was that of a way back."""
        self._checks: dict[str, set[str]] = {}
        """By activity, what it only checks: nothing of that is taken back."""
        self._activated: dict[str, set[str]] = {}
        """By activity, what is activated according to what was said: nothing has failed or gone back since."""
        self._last_good = ""
        self.false: list[str] = []
        """Statements that were false. Whoever makes one might survive an exception, as a defect of its own."""

    def _hear(self) -> None:
        for number, message in self.device.journal.outbox.first(1000, self._read):
            self._read = number
            content = json.loads(message.payload)
            if "status" in content["payload"]:
                self._check(content["activityId"], content["payload"])
        self._last_good = self.device.journal.digest("last-good")

    # ── what is true ───────────────────────────────────────────────────────────────────────────────────────────

    def _contents(self, id_: str, image: str) -> set[str]:
        """The ids of what is meant by this image: what was fetched, or until then what it named since it was asked for."""
        if image in self._fetched.get(id_, {}):
            return self._fetched[id_][image]
        versions = self._pushed.get(image, [(0.0, 1)])
        then = [version for at, version in versions if at <= self.asked_at[id_]][-1]
        return {image_id(image, then)} | {image_id(image, v) for at, v in versions if at > self.asked_at[id_]}

    def _is_touched(self, name: str) -> bool:
        return self._touched.get(name, -1.0) >= self._began_at

    def _not_active(self, id_: str, name: str) -> str:
        """Why a component is not at work as the activity asks for it, on the content that it asked for."""
        wish = self.asked[id_][name]
        why = self.truth.not_up(name, wish.image, self._contents(id_, wish.image))
        memory = [_instance(each).memory for each in self.truth.own(name) if each.state == "running"]
        return why or ("" if memory == [wish.memory] else f"{name} has {memory}, and {wish.memory} was asked for")

    def _not_as_before(self, id_: str, name: str) -> str:
        """Why something else is there than before the activity."""
        before, own = self._before[id_][name], self.truth.own(name)
        if not before:
            return f"{name} is there" if own else ""
        up = [each for each in own if each.state in ("running", "restarting")]
        if len(up) != 1 or _instance(up[0]) not in before or (len(before) == 1 and len(own) != 1):
            return f"{name} was {before} and is {[(_instance(each), each.state) for each in own]}"
        return f"{name} is cut off" if self.device.engine.simulation.cut_off(up[0]) else ""

    def _check(self, id_: str, payload: dict[str, Any]) -> None:
        status, wrong = payload["status"], []
        actions = {each["component"]["id"].partition(":")[2]: each for each in payload.get("actions", ())}
        if status == "IDENTIFIED":
            there = {name: [_instance(each) for each in self.truth.own(name)] for name in NAMES}
            self._before.setdefault(id_, there)
            self._checks[id_] = {
                name for name, each in actions.items() if each.get("message") == IDENTIFIED_TEXT["check"]
            }
            self._told[id_], self._fetched[id_] = {}, {}
        for name, action in actions.items():
            said = action["status"], ROLLED_BACK in action.get("message", "")
            told = self._told[id_].get(name, ("", False))
            if said[0] != told[0] or (
                said[1] and not told[1]
            ):  # a text gives way to what is waited for, and comes back
                self._told[id_][name] = said
                self.statements += 1
                if action["status"] == "ACTIVATION_FAILURE":
                    self._activated.get(id_, set()).discard(name)
                wrong.append(self._wrong_of_one(id_, name, action["status"], action.get("message", "")))
        is_refused = "is possible only after" in payload.get("message", "")
        if status == "ROLLBACK" or (status.endswith("_FAILURE") and status != "CLEANUP_FAILURE" and not is_refused):
            self._activated.pop(id_, None)
        match status:
            case "ACTIVATION_SUCCESS":
                self._activated[id_] = set(self.asked[id_])
                wrong += [self._wrong_of_all(id_, name) for name in self.asked[id_] if name in actions]
            case "ROLLBACK_SUCCESS":
                back = actions.keys() - self._checks[id_]
                wrong += [self._excused(name, self._not_as_before(id_, name)) for name in back]
            case "CLEANUP_SUCCESS":
                wrong += [self._unclean(id_, name, action) for name, action in actions.items()]
            case "COMPLETED":
                wrong += [self._not_active(id_, name) for name in self.asked[id_]]
                wrong += [f"{name} is there" for name in NAMES if name not in self.asked[id_] and self.truth.own(name)]
                desired = self.device.journal.digest("desired")
                assert desired == self.device.journal.digest("last-good") or not actions
            case "INCOMPLETE":
                wrong += self._wrong_of_last_good(id_, actions)
        if status in ("COMPLETED", "INCOMPLETE", "SUPERSEDED", "IDENTIFICATION_FAILED"):
            self._before.pop(id_, None)
            self._activated.pop(id_, None)
        self.statements += status.endswith(("_SUCCESS", "COMPLETED"))
        self._must_not(f"{status} of {id_}", wrong)

    def _must_not(self, statement: str, wrong: Sequence[str]) -> None:
        self.false += [f"{statement}: {why}" for why in wrong if why]

    def _wrong_of_one(self, id_: str, name: str, status: str, message: str) -> str:
        """Why what is said of one component is false."""
        wish, own = self.asked[id_].get(name), self.truth.own(name)
        awake = [each for each in own if each.state in ("running", "restarting", "paused")]
        match status:
            case "DOWNLOAD_SUCCESS":
                assert wish is not None
                contents = self._contents(id_, wish.image)  # limits may come in place, with UPDATE
                there = {each.image_id for each in own if each.image == wish.image} & contents
                self._fetched[id_][wish.image] = there
                return "" if there else f"{name} was not created: {own}"
            case "UPDATE_SUCCESS":
                if wish is None:
                    return f"{name} is not stopped: {awake}" if awake else ""
                others = [each for each in awake if _instance(each)[1:] != (wish.image, wish.memory)]
                return f"old instances of {name} are not stopped, or not updated: {others}" if others else ""
            case "ACTIVATION_SUCCESS":
                return self._not_active(id_, name)
            case "REMOVAL_SUCCESS":
                return f"{name} is there" if own else ""
            case "UPDATE_FAILURE" if ROLLED_BACK in message:
                return self._not_as_before(id_, name)
        return ""

    def _wrong_of_all(self, id_: str, name: str) -> str:
        return self._excused(name, self._not_active(id_, name))

    def _excused(self, name: str, why: str) -> str:
        """What is wrong with one component among others, unless others did it after it was looked at."""
        return "" if self._is_touched(name) or self.truth.ends_by_itself(name) else why

    def _unclean(self, id_: str, name: str, action: dict[str, Any]) -> str:
        """Why a component is neither as it was asked for and alone, where it was activated, nor as it was before. What one
        activity activated together is taken back together; the statuses of its components tell how far each had come."""
        if action["status"] == "REMOVAL_SUCCESS":
            return f"{name} is there" if self.truth.own(name) else ""
        if name in self._activated.get(id_, ()):
            left = f"an old {name} is there" if len(self.truth.own(name)) > 1 else ""
            return self._excused(name, left or self._not_active(id_, name))
        return "" if name in self._checks[id_] else self._excused(name, self._not_as_before(id_, name))

    def _wrong_of_last_good(self, id_: str, actions: dict[str, Any]) -> list[str]:
        """What is last-good after an activity that was not completed is what was so before, or what runs."""
        good = self.device.journal.revision("last-good")
        if good is None or good.digest == self._last_good:
            return []
        self.statements += 1
        wrong = []
        for each in good.documents:
            if not isinstance(each.wanted, Container) or each.name not in actions:
                continue
            strict = each.name in self._activated.get(id_, ())
            why = self.truth.not_up(each.name, each.wanted.image)
            failed = actions[each.name]["status"] == "REMOVAL_FAILURE"  # it could not be taken back, which was said
            wrong.append(
                f"last-good: {why}" if why and (strict or not (failed or self._touched.get(each.name))) else ""
            )
        return wrong

    def _wanted(self) -> list[Container]:
        state = self.device.journal.revision("desired")
        return [each.wanted for each in state.documents if isinstance(each.wanted, Container)] if state else []

    def _check_good(self) -> None:
        """A revision is good when all that it asks for is at work, and nothing that was well before it is unwell."""
        self.statements += 1
        before = self.device.journal.attempts.sick_before(self.device.journal.digest("desired"), "containers") or ()
        wrong = [self.truth.not_there(each) for each in self._wanted()]
        wrong += [self.truth.unwell(each) for each in self._wanted() if each.name not in before]
        self._must_not("revision-good", wrong)

    def _check_settled(self, settled: Settled) -> None:
        """Everything that is asked for is there, and what is not well is named."""
        self.statements += 1
        wrong = [why for each in self._wanted() if (why := self.truth.not_there(each))]
        assert not wrong, f"settled: {wrong}"
        unwell = {each.name: why for each in self._wanted() if (why := self.truth.unwell(each))}
        assert unwell.keys() == settled.unwell.keys(), f"settled, unwell: {unwell}, said: {settled.unwell}"
        conditions = {each.name: each for each in self.device.journal.conditions()}
        assert conditions["Settled"].holds
        assert not (unwell and conditions["Healthy"].holds), unwell

    # ── what happens ───────────────────────────────────────────────────────────────────────────────────────────

    async def play(self, events: Sequence[Event]) -> None:
        for each in events:
            await self._one(each)
            assert not self.false, self.false
        for hand in self._hands:
            hand.cancel()

    async def _one(self, event: Event) -> None:
        device = self.device
        match event.kind:
            case "ask":
                await self._ask(event.what)
            case "files":
                self._accept(event.what)
            case "command":
                await self._command(event.what)
            case "whole":
                for command in COMMANDS:
                    await self._command(command)
            case "back":
                for command in (*COMMANDS[: COMMANDS.index(event.what) + 1], "ROLLBACK"):
                    await self._command(command)
            case "at the end":
                for command in COMMANDS[:-1]:
                    await self._command(command)
                self._hands.append(asyncio.ensure_future(self._hand(event)))
                await self._command(COMMANDS[-1])
            case "hand":
                self._hands.append(asyncio.ensure_future(self._hand(event)))
            case "fault":
                device.fail(ACTIONS[event.what], times=event.times, outcome=lambda _: OUTCOMES[event.name])
            case "away":
                device.engine.script.unreachable = True
                back = lambda: setattr(device.engine.script, "unreachable", False)  # noqa: E731
                asyncio.get_running_loop().call_later(event.after_s, back)
            case "clock":
                device.clock_is_ahead_s = float(event.what)
            case "reboot":
                device.boots += event.what == "machine"
                device.reboot()
                await self._settle(0.0)
            case _:
                await self._settle(event.after_s)

    async def _ask(self, what: str) -> None:
        """`again`: the same under the same id; `anew`: the same under another."""
        if what != "again":
            self._number += 1
        id_ = f"a{self._number}"
        if what in ("again", "anew"):
            what = self._what
        self._what = what
        wanted = {name: letter for name, letter in zip(NAMES, what, strict=True) if letter != "-"}
        components = []
        for name, letter in wanted.items():
            memory = [("memory", _MEMORY[letter])] if letter in _MEMORY else []
            components.append(asked(name, _IMAGES[letter], *memory))
        self.asked[id_] = {
            name: Wish(
                f"reg.example/{name}:{_IMAGES[letter]}", parse_size(_MEMORY[letter]) if letter in _MEMORY else None
            )
            for name, letter in wanted.items()
        }
        self.asked_at.setdefault(id_, asyncio.get_running_loop().time())
        await self.device.desired(id_, *components)

    async def _command(self, command: str) -> None:
        self._began_at = asyncio.get_running_loop().time()
        await self.device.command(f"a{self._number}", command)

    def _accept(self, checks: str) -> None:
        """Files ask for all, with these checks."""
        containers = [
            normal(Container(name, f"reg.example/{name}:1", health=CHECKS[check]))
            for name, check in zip(NAMES, checks, strict=True)
        ]
        state = desired_state([Document("Container", each.name, each) for each in containers])
        gate = Acceptance(self.device.journal, self.device._say, empty_removes_all=False, serves=True)
        gate.accept(Files(state))

    async def _settle(self, after_s: float) -> None:
        await asyncio.sleep(after_s)
        await self.device.agent.work()
        ending: object = Progressed()
        while isinstance(ending, Progressed):
            ending = await self.device.cycles.run(self.device.stopping)
            if isinstance(ending, Settled):
                self._check_settled(ending)
        self.device.said()

    async def _hand(self, event: Event) -> None:
        await asyncio.sleep(event.after_s)
        engine, name = self.device.engine, event.name
        for touched in NAMES if event.what == "remove_network" else (name,):
            self._touched[touched] = asyncio.get_running_loop().time()
        hands: dict[str, Callable[[], object]] = {
            "remove": lambda: engine.remove(event.name),
            "kill": lambda: engine.kill(event.name),
            "end": lambda: engine.kill(event.name, 0),
            "pause": lambda: engine.pause(event.name),
            "disconnect": lambda: engine.disconnect(event.name),
            "remove_network": engine.remove_network,
            "sicken": lambda: self._heal(name, False),
            "heal": lambda: self._heal(name, True),
            "push good": lambda: self._push(name),
            "push crash": lambda: self._push(name, exits_with=1),
            "push late": lambda: self._push(name, exits_with=1, exits_after_s=20.0),
        }
        with suppress(Refused, Unavailable):
            hands[event.what]()

    def _heal(self, name: str, healthy: bool) -> None:
        """Whatever runs of a name fails its checks from now on, or passes them."""
        engine, start = self.device.engine, f"reg.example/{name}:"
        ours = {each.image_id for each in self.truth.own(name)}
        for tag in ("1", "2", "crash", "late"):
            image = start + tag
            engine.catalogue[image] = replace(engine.simulation.offered(image), healthy=healthy)
        for content in ours & engine.world.pulled.keys():
            engine.world.pulled[content] = replace(engine.world.pulled[content], healthy=healthy)

    def _push(self, name: str, **behaviour: Any) -> None:
        """The tag that most ask for names other content from now on."""
        image = f"reg.example/{name}:1"
        pushed = self._pushed.setdefault(image, [(0.0, 1)])
        pushed.append((asyncio.get_running_loop().time(), len(pushed) + 1))
        self.device.engine.catalogue[image] = Image(version=len(pushed), **behaviour)


def _instance(kept: WorldContainer) -> Instance:
    return Instance(kept.image_id, kept.image, kept.container.resources.memory if kept.container else None)


@settings(
    max_examples=EXAMPLES or 30,
    derandomize=not EXAMPLES,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(_BEGINNINGS, st.lists(event(), min_size=3, max_size=25))
def test_no_statement_is_false_at_the_moment_it_is_made(beginning: list[Event], events: list[Event]) -> None:
    async def story() -> None:
        witness = Witness()
        await witness.play([*beginning, *events])
        assert witness.statements

    run(story())
