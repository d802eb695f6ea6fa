"""A law: whatever files ask for, with whatever checks, limits and pushed tags, and whatever faults and hands come between, no
statement is false at the moment at which it is made.

Statements are `revision-good`, a cycle that ends settled (all that is asked for is there, and `unwell` names exactly what is
not well), the conditions `Healthy` (after each look that succeeded) and `ContentCurrent`, "last-good is in force", and exit
code 0 of `apply`. The planner breaks, too. They are held
against the memory engine's world in the same moment. What messages ask for has a law of its own
(tests/controller/agents/test_truth_law.py).
"""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.controller.device import Device, asking
from tests.sampling import THOROUGH
from tests.scripted import ACTIONS, OUTCOMES
from tests.truth import Truth
from tests.virtual import now, run

from evenkeel.controller.cli.apply import _verdict
from evenkeel.controller.cycle.endings import Ending, Progressed, Settled, Stalled, Waiting
from evenkeel.controller.drivers.containers.memory import Image
from evenkeel.controller.drivers.containers.memory.world import image_id
from evenkeel.controller.wiring import build_controller, open_domains
from evenkeel.reconcilers.containers import Containers
from evenkeel.reconcilers.containers.select import ContainersWanted
from evenkeel.specs.codec import changed
from evenkeel.specs.containers.container import Container, ExecProbe, Health, PullPolicy, Resources, Restart, TcpProbe
from evenkeel.specs.containers.difference import ContainerDifference
from evenkeel.specs.containers.memory import ContainersMemory
from evenkeel.specs.containers.normalise import normal
from evenkeel.specs.containers.observed import ContainersSeen
from evenkeel.specs.desired import DesiredState, Document, SystemContainers, desired_state
from evenkeel.specs.errors import Refused, Unavailable
from evenkeel.specs.feedback import Condition, Feedback
from evenkeel.specs.look import Look
from evenkeel.specs.settings.settings import Settings

EXAMPLES = int(os.environ.get("EVENKEEL_EXAMPLES", "1000" if THOROUGH else "0"))
"""How many random histories are tried; without it, a few that are always the same."""
NAMES = ("lamp", "horn")
TAGS = ("1", "2", "crash", "ends", "late", "flaps")
BEHAVES = {
    "crash": Image(exits_with=1),
    "ends": Image(exits_with=0, exits_after_s=8.0),
    "late": Image(exits_with=3, exits_after_s=8.0),
    "flaps": Image(exits_with=4, exits_after_s=0.7, flaps=True),
}
_OFTEN = timedelta(seconds=2), timedelta(seconds=1), 2
CHECKS = {
    "none": None,
    "command": Health(ExecProbe(("ok",)), *_OFTEN),
    "port": Health(TcpProbe(80), *_OFTEN),
    "another port": Health(TcpProbe(81), *_OFTEN),
}
MEMORY = (None, 64 * 1024**2, 128 * 1024**2)
PLATFORM = Document("SystemContainers", "platform", SystemContainers(("hand",)))
"""Beside all that is asked for: its name is no container's."""
_FAST = "/dev/shm"  # a journal syncs every write
_LONGEST_APPLY_S = 900.0
_WELL = Condition("Healthy", True, "AllWell", "")
_FIRST_PROBE_S = 4.017
_OFF_GRID_S = 0.0137
"""Looks and steps last multiples of 50 ms. A hand that came in the very moment of one would come between it and what is said
of it, which takes no time here."""


class Event(NamedTuple):
    """`after_s`: how long into what follows a hand acts."""

    kind: str
    what: str = ""
    name: str = ""
    after_s: float = 0.0
    times: int = 1
    wishes: Sequence[Container] = ()


def _wish(name: str) -> st.SearchStrategy[Container]:
    def build(tag: str, check: str, memory: int | None, policy: PullPolicy) -> Container:
        container = Container(name, f"reg.example/{name}:{tag}", health=CHECKS[check], pull_policy=policy)
        restart = Restart("no") if tag in ("ends", "late") else Restart()
        return normal(changed(container, restart=restart, resources=Resources(memory=memory)))

    return st.builds(
        build,
        st.sampled_from(["1", "1", "1", "1", "1", "flaps", *TAGS]),
        st.sampled_from(sorted(CHECKS)),
        st.sampled_from(MEMORY),
        st.sampled_from(["IfNotPresent", "Always", "Always"]),
    )


_HANDS = (
    "remove", "kill", "end", "pause", "disconnect", "remove_network", "sicken", "heal", "heal", "silence", "answer",
    "doubt", "trust",
)  # fmt: skip
_FIRST = ("push good", "push crash", "push sick", "push refused", "sicken")
_PUSHES = ("push good", "push crash", "push refused", "push sick")


def events() -> st.SearchStrategy[list[Event]]:
    asks = st.tuples(_wish("lamp"), st.none() | _wish("horn")).map(
        lambda both: Event("ask", wishes=[each for each in both if each is not None])
    )
    names, after = st.sampled_from(NAMES), st.floats(0.0, 12.0)
    push = st.builds(lambda what, name, s: Event("hand", what, name, s), st.sampled_from(_PUSHES), names, after)
    follow = st.sampled_from([0.0, 5.0, 30.0, 600.0]).map(lambda s: Event("follow", after_s=s))
    waits = st.sampled_from([0.0, 5.0, 30.0, 600.0])
    fault = st.builds(
        lambda what, how, times: Event("fault", what, how, times=times),
        st.sampled_from(sorted(ACTIONS)),
        st.sampled_from(sorted(OUTCOMES)),
        st.integers(1, 6),
    )
    event = st.one_of(
        asks,
        asks,
        st.builds(lambda what, name, s: Event("hand", what, name, s), st.sampled_from(_HANDS), names, after),
        st.builds(lambda what, name, s: Event("hand", what, name, s), st.sampled_from(_HANDS), names, after),
        st.builds(
            lambda middle, where, times: Event("defect", middle, where, times=times),
            st.sampled_from(["", "middle", "middle"]),
            st.sampled_from(["new", "new", "any"]),
            st.integers(1, 8),
        ),
        push,
        follow,
        follow,
        waits.map(lambda s: Event("apply", after_s=s)),
        fault,
        st.sampled_from([Event("away", after_s=5.0), Event("away", after_s=60.0), Event("restart")]),
    )
    return st.lists(event, min_size=3, max_size=20)


class Broken(Containers):
    """Decisions that break so many times: where they are about a state that has both names, or in the middle of a switch."""

    left, middle, where = 0, False, "new"

    def __init__(self) -> None:
        super().__init__(("system",))
        self.is_new: Callable[[Sequence[Container]], bool] = lambda _: True

    def diff(
        self, want: ContainersWanted, seen: ContainersSeen, memory: ContainersMemory
    ) -> tuple[ContainerDifference, ...]:
        names = [each.name for each in seen.containers]
        at_a_switch = any(
            names.count(name) > 1
            and all(each.state not in ("running", "restarting") for each in seen.containers if each.name == name)
            for name in NAMES
        )
        about = [container for container, _ in want.documents]
        if self.left and (at_a_switch or not self.middle) and (self.where == "any" or self.is_new(about)):
            self.left -= 1
            raise KeyError("scripted")
        return super().diff(want, seen, memory)


class Heard(Device):
    """A device of which everything is heard in the moment in which it is said."""

    def __init__(self, state: Path, hear: Callable[[Feedback], None]) -> None:
        self._hear = hear
        super().__init__(state, {})

    def _say(self, feedback: Feedback) -> None:
        super()._say(feedback)
        self._hear(feedback)


class Witness:
    """A device, and what is true of it."""

    def __init__(self, state: Path, *, tells_ends: bool) -> None:
        self.device = Heard(state, self._heard)
        engine = self.device.engine
        engine.catalogue.update({f"reg.example/{name}:{tag}": each for name in NAMES for tag, each in BEHAVES.items()})
        engine.script.tells_ends = tells_ends
        engine.script.perform_s, engine.script.observe_s, engine.script.pull_rate = 0.5, 0.05, 1e8
        self.truth = Truth(engine)
        self.statements = 0
        self.false: list[str] = []
        """Statements that were false. Whoever makes one might survive an exception, as a defect of its own."""
        self._hands: list[asyncio.Task[None]] = []
        self._asked, self._had_good = "", False
        self._ill_before: dict[str, frozenset[str]] = {}
        """Who was ill in the look before a revision first disturbed anything."""
        self._ill_at_look = frozenset[str]()
        self._ailing_at_look: dict[str, str] = {}
        """Who was not well at the last look, by what `Healthy` promises."""
        self._held_up: set[str] = set()
        """Who was down when a cycle ended without progress, and is down since."""
        self._ours: set[str] = set()
        """Beginnings of the ids of instances that evenkeel itself stopped."""
        self.plans = self.device.containers = Broken()
        self.plans.is_new = self._is_new
        self.device.start()
        looks = engine.observe

        async def observe(look: Look = Look()) -> ContainersSeen:
            self._check_healthy()
            seen = await looks(look)
            self._ill_at_look = frozenset(
                each.name for each in self._desired() if self.truth.unwell(each) or self.truth.in_doubt(each)
            )
            self._ailing_at_look = self._ailing()
            return seen

        engine.observe = observe  # type: ignore[method-assign]

    # ── what is true ───────────────────────────────────────────────────────────────────────────────────────────

    def _must_not(self, statement: str, wrong: Sequence[str]) -> None:
        self.statements += 1
        self.false += [f"{statement}: {why}" for why in wrong if why]

    def _containers(self, state: DesiredState | None) -> list[Container]:
        return [each.wanted for each in state.documents if isinstance(each.wanted, Container)] if state else []

    def _desired(self) -> list[Container]:
        return self._containers(self.device.journal.revision("desired"))

    def _is_new(self, about: Sequence[Container]) -> bool:
        """Whether this is what is desired, and not last-good."""
        journal = self.device.journal
        return journal.digest("last-good") not in ("", journal.digest("desired")) and list(about) == self._desired()

    def _in_force(self) -> list[Container]:
        journal = self.device.journal
        attempt, good = journal.attempts.of(journal.digest("desired")), journal.revision("last-good")
        return self._containers(good) if attempt is not None and attempt.failed and good else self._desired()

    def _ailing(self) -> dict[str, str]:
        asked = [*self._desired(), *self._containers(self.device.journal.revision("last-good"))]
        self._held_up = {name for name in self._held_up if self.truth.is_down(name)}
        found = {
            each.name: self.truth.ailing(
                each.name, [other for other in asked if other.name == each.name], self._held_up, self._ours
            )
            for each in self._in_force()
        }
        return {name: why for name, why in found.items() if why}

    def _check_healthy(self) -> None:
        """What `Healthy` says since the last look, which has succeeded unless it says that nobody could look."""
        healthy = {each.name: each for each in self.device.journal.conditions()}.get("Healthy")
        if healthy is not None and healthy.holds:
            self._must_not("healthy", list(self._ailing_at_look.values()))

    def _is_over(self, ending: Ending | None) -> None:
        """A cycle has ended; `None` when it broke."""
        self._check_healthy()
        if not isinstance(ending, Progressed):
            self._held_up |= {each.name for each in self._in_force() if self.truth.is_down(each.name)}

    def _heard(self, feedback: Feedback) -> None:
        journal, wanted = self.device.journal, self._desired()
        digest = journal.digest("desired")
        match feedback.kind, feedback.message.split():
            case "step-started", ["stop", instance, *_]:
                self._ours.add(instance)
            case "step-started", ["start", instance]:
                self._ours.discard(instance)
            case _:
                pass
        if feedback.kind == "step-started" and feedback.phase != "DOWNLOAD" and feedback.revision == digest:
            self._ill_before.setdefault(digest, self._ill_at_look)
        if feedback.kind == "revision-failed":
            self._ill_before.clear()
        if feedback.kind == "revision-good":
            before = self._ill_before.get(digest)
            others = [each for each in wanted if each.name not in (self._ill_at_look if before is None else before)]
            self._must_not("revision-good", [self.truth.not_there(each) for each in wanted])
            self._must_not("revision-good", [self.truth.unwell(each) for each in others])
            if before is not None and self._had_good:
                self._must_not("revision-good", [self.truth.in_doubt(each) for each in others])

    def _begins(self) -> None:
        """A cycle begins."""
        digest = self.device.journal.digest("desired")
        if digest != self._asked:  # what is asked for again finds another device
            self._asked, self._ill_before = digest, {}
        self._had_good = self.device.journal.digest("last-good") != ""

    def _named_now(self, wanted: Container) -> str:
        """The id of the content that the registry has under the tag; "" when it does not say, or nobody is to follow it."""
        offered = self.device.engine.simulation.offered(wanted.image)
        return image_id(wanted.image, offered.version) if _follows(wanted) and offered.pull == "ok" else ""

    def _runs(self, name: str) -> str:
        return next((each.image_id for each in self.truth.own(name) if each.engine_name == name), "")

    def _of_content(self, wanted: Sequence[Container]) -> list[str]:
        """What `ContentCurrent` says wrongly, or does not say, by one and the same look."""
        told = next((each.set_aside for each in self.device.journal.conditions() if each.name == "ContentCurrent"), {})
        wrong = [f"{name} is told of, and is not asked for" for name in told.keys() - {each.name for each in wanted}]
        for each in wanted:
            named, runs = self._named_now(each), self._runs(each.name)
            if not named:
                continue
            if each.name in told and named == runs:
                wrong.append(f"{each.name} runs what is told to have been set aside")
            if each.name not in told and named != runs:
                wrong.append(f"{each.name} runs other content than its tag names, and nobody is told")
        return wrong

    def _check(self, ending: Ending) -> None:
        """What a cycle has said, right after it."""
        conditions = {each.name: each for each in self.device.journal.conditions()}
        wanted = self._desired()
        self._check_exit_code(Settings(), ending, [])  # as if it were the last cycle of `apply`
        if isinstance(ending, Settled):
            unwell = {each.name: why for each in wanted if (why := self.truth.unwell(each))}
            names = f"unwell is {unwell} and said to be {dict(ending.unwell)}"
            wrong = [self.truth.not_there(each) for each in wanted]
            wrong += ["" if unwell.keys() == ending.unwell.keys() else names, *self._of_content(wanted)]
            wrong += ["" if conditions["Settled"].holds else "the condition does not hold"]
            healthy = conditions["Healthy"]
            wrong += [f"well, but {unwell}" if unwell and healthy.holds else ""]
            is_alarm = not (healthy.holds or unwell or ending.left_over or healthy.reason == "Unknown")
            wrong += [f"{healthy.message}, but all are well" if is_alarm else ""]
            unasked = [name for name in NAMES if name not in {each.name for each in wanted} and self._runs(name)]
            wrong += [f"{name} is there" for name in unasked if name not in ending.left_over]
            self._must_not("settled", wrong)
        elif conditions["Settled"].reason == "RolledBack" and conditions["EngineReachable"].holds:
            good = self._containers(self.device.journal.revision("last-good"))
            self._must_not("rolled back", [*map(self.truth.not_there, good), *self._of_content(good)])
        elif isinstance(ending, Stalled) and conditions["Settled"].reason == "RevisionFailed":
            kept = self._containers(self.device.journal.revision("proven"))
            if conditions["EngineReachable"].holds and "kept up" in conditions["Settled"].message:
                self._must_not("kept up", [*map(self.truth.not_there, kept)])

    # ── what happens ───────────────────────────────────────────────────────────────────────────────────────────

    async def play(self, events: Sequence[Event]) -> None:
        for each in events:
            await self._one(each)
            assert not self.false, self.false

    def end(self) -> None:
        """Hands that have not come yet do nothing any more."""
        for hand in self._hands:
            hand.cancel()

    async def _one(self, event: Event) -> None:
        device, loop = self.device, asyncio.get_running_loop()
        match event.kind:
            case "ask":
                device.journal.put("desired", desired_state([*asking(*event.wishes).documents, PLATFORM]), "files")
            case "follow":
                await asyncio.sleep(event.after_s)
                await self._follow()
            case "apply":
                await asyncio.sleep(event.after_s)
                await self._apply()
            case "hand":
                self._hands.append(asyncio.ensure_future(self._hand(event)))
            case "fault":
                device.fail(OUTCOMES[event.name], ACTIONS[event.what], event.times)
            case "away":
                device.engine.script.unreachable = True
                loop.call_later(event.after_s, setattr, device.engine.script, "unreachable", False)
            case "defect":
                self.plans.where, self.plans.middle, self.plans.left = event.name, bool(event.what), event.times
            case "restart":
                self._probe_slowly()
                device.start()
                self._is_another_process()

    def _is_another_process(self) -> None:
        """It may be in the middle of a switch, unless it is known that somebody is not well."""
        if self.device.conditions().get("Healthy", _WELL).holds:
            self._held_up.clear()

    def _probe_slowly(self) -> None:
        """The first probes of another process take their time, and nobody knows before what they will tell."""
        for name in NAMES:
            self._behave(name, newest_check="none yet")
            asyncio.get_running_loop().call_later(_FIRST_PROBE_S, partial(self._behave, name, newest_check="passed"))

    async def _follow(self) -> None:
        ending: Ending = Progressed()
        for _ in range(60):
            self._begins()
            try:
                ending = await self.device.cycle()
            except KeyError:  # as the controller's loop, which tries again later
                self._is_over(None)
                break
            self._is_over(ending)
            self._check(ending)
            if isinstance(ending, Waiting):
                await asyncio.sleep(ending.again_s)
            elif not isinstance(ending, Progressed):
                break

    async def _apply(self) -> None:
        """As the command does it, and its exit code."""
        device, stopped = self.device, list[str]()
        options = Settings(state=str(device.state))
        controller = build_controller(
            options, device.journal, open_domains(options, device.engine), on_entry=self._heard, now=now
        )

        def stop() -> None:
            stopped.append("no end")
            controller.stop()

        device.journal.attempts.forgive_all(device.journal.digest("desired"))
        self._begins()
        self._is_another_process()
        self._ill_before.clear()
        limit = asyncio.get_running_loop().call_later(_LONGEST_APPLY_S, stop)
        ending = await controller.converge(tries=options.retries)
        limit.cancel()
        self._check_exit_code(options, ending, stopped)

    def _check_exit_code(self, options: Settings, ending: Ending, stopped: list[str]) -> None:
        """Exit code 0 says that everything that is asked for is there, proven and well."""
        if _verdict(options, ending, self.device.journal, stopped) == 0:
            wanted = self._desired()
            wrong = [*map(self.truth.not_there, wanted), *map(self.truth.unwell, wanted)]
            wrong += [
                f"{each.name} runs other content than its tag names"
                for each in wanted
                if self._named_now(each) not in ("", self._runs(each.name))
            ]
            self._must_not("apply: exit code 0", wrong)

    async def _hand(self, event: Event) -> None:
        await asyncio.sleep(event.after_s + _OFF_GRID_S)
        engine, name = self.device.engine, event.name
        hands: dict[str, Callable[[], object]] = {
            "remove": lambda: engine.remove(name),
            "kill": lambda: engine.kill(name),
            "end": lambda: engine.kill(name, 0),
            "pause": lambda: engine.pause(name),
            "disconnect": lambda: engine.disconnect(name),
            "remove_network": engine.remove_network,
            "sicken": lambda: self._behave(name, healthy=False),
            "heal": lambda: self._behave(name, healthy=True),
            "doubt": lambda: self._behave(name, newest_check="failed"),
            "trust": lambda: self._behave(name, newest_check="passed"),
            "silence": lambda: self._offer(name, pull="unreachable"),
            "answer": lambda: self._offer(name, pull="ok"),
            "push good": lambda: self._push(name),
            "push crash": lambda: self._push(name, exits_with=1),
            "push sick": lambda: self._push(name, healthy=False),
            "push refused": lambda: self._push(name, start_error="no command specified"),
        }
        with suppress(Refused, Unavailable):
            hands[event.what]()

    def _offer(self, name: str, **behaviour: Any) -> None:
        for tag in TAGS:
            image = f"reg.example/{name}:{tag}"
            self.device.engine.catalogue[image] = replace(self.device.engine.simulation.offered(image), **behaviour)

    def _behave(self, name: str, **behaviour: Any) -> None:
        """Whatever runs of a name, or is fetched later, behaves so from now on."""
        self._offer(name, **behaviour)
        pulled = self.device.engine.world.pulled
        for content in {each.image_id for each in self.truth.own(name)} & pulled.keys():
            pulled[content] = replace(pulled[content], **behaviour)

    def _push(self, name: str, **behaviour: Any) -> None:
        """The tag that most ask for names other content from now on."""
        image = f"reg.example/{name}:1"
        before = self.device.engine.simulation.offered(image)
        self.device.engine.catalogue[image] = Image(version=before.version + 1, pull=before.pull, **behaviour)


def _follows(wanted: Container) -> bool:
    return wanted.pull_policy == "Always"


@settings(
    max_examples=EXAMPLES or 20,
    derandomize=not EXAMPLES,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(
    _wish("lamp"),
    _wish("lamp"),
    _wish("horn"),
    st.lists(st.sampled_from(_FIRST), min_size=1, max_size=3),
    st.sampled_from(["sicken", "doubt", "defect"]),
    st.booleans(),
    events(),
)
def test_no_statement_is_false_at_the_moment_it_is_made(
    lamp: Container,
    other: Container,
    horn: Container,
    hands: list[str],
    trouble: str,
    tells_ends: bool,
    events: list[Event],
) -> None:
    async def story(state: Path) -> None:
        witness = Witness(state, tells_ends=tells_ends)
        try:
            await witness.play([Event("ask", wishes=[lamp, horn]), Event("follow")])
            for hand in hands:
                await witness.play([Event("hand", hand, "lamp"), Event("follow", after_s=1.0)])
            spoilt = Event("hand", trouble, "horn", 1.5)
            if trouble == "defect":
                spoilt = Event("defect", "middle", "new", times=8)
            begins = [Event("ask", wishes=[other, horn]), spoilt, Event("follow")]
            await witness.play([*begins, *events, Event("follow")])
            witness.end()
        finally:
            witness.device.journal.close()

    folder = Path(tempfile.mkdtemp(prefix="ek-truth-", dir=_FAST if Path(_FAST).is_dir() else None))
    try:
        run(story(folder / "state"))
    finally:
        shutil.rmtree(folder)
