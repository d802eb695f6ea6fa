"""A law: whatever faults, hands, commands, clocks and reboots come in whatever order, no statement is false at the moment at
which it is made.

Statements are COMPLETED, `revision-good` (what becomes last-good), and a cycle that ends settled while Healthy holds. They
are held against the memory engine's world in the same moment, with nothing awaited in between. Hands act at random moments
of virtual time, in the middle of whatever is going on.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.sampling import THOROUGH
from tests.virtual import WRONG_CLOCKS_S, run

from evenkeel.controller.drivers.memory import Image, Kept
from evenkeel.controller.endings import Progressed, Settled
from evenkeel.specs.container import Container
from evenkeel.specs.errors import Refused
from evenkeel.specs.feedback import Feedback
from evenkeel.specs.plan import Action, Connect, Create, Failed, Outcome, Pull, Remove, Retry, Start, Verify

from .harness import COMMANDS, Device, asked

EXAMPLES = int(os.environ.get("EVENKEEL_EXAMPLES", "1000" if THOROUGH else "0"))
"""How many random histories are tried; without it, a few that are always the same."""
NAMES = ("lamp", "horn")
VERSIONS = ("1", "2", "crash", "sick")
CATALOGUE = {
    **{f"reg.example/{name}:crash": Image(exits_with=1) for name in NAMES},
    **{f"reg.example/{name}:late": Image(exits_with=1, exits_after_s=20.0) for name in NAMES},
}


class Event(NamedTuple):
    """`after_s`: how long into what follows a hand acts."""

    kind: str
    what: str = ""
    name: str = ""
    after_s: float = 0.0
    times: int = 1


def event() -> st.SearchStrategy[Event]:
    names, after = st.sampled_from(NAMES), st.floats(0.0, 12.0)
    hands = st.sampled_from(["remove", "kill", "pause", "disconnect", "end", "remove_network"])
    return st.one_of(
        st.builds(Event, st.just("ask"), st.sampled_from(["11", "12", "21", "1c", "2l", "1-", "-2", "--"])),
        st.builds(Event, st.just("command"), st.sampled_from([*COMMANDS, *COMMANDS, "ROLLBACK"])),
        st.builds(Event, st.just("whole")),
        st.builds(Event, st.just("hand"), hands, names, after),
        st.builds(Event, st.just("at the end"), hands, names, st.floats(0.0, 3.0)),
        st.builds(
            Event,
            st.just("fault"),
            st.sampled_from(["Pull", "Create", "Start", "Verify", "Remove", "Connect"]),
            st.sampled_from(["retry", "failed", "outside"]),
            times=st.integers(1, 4),
        ),
        st.builds(Event, st.just("away"), after_s=st.sampled_from([5.0, 60.0, 300.0])),
        st.builds(Event, st.just("clock"), st.sampled_from([str(each) for each in (*WRONG_CLOCKS_S, 0)])),
        st.builds(Event, st.just("reboot"), st.sampled_from(["process", "machine"])),
        st.builds(Event, st.just("settle"), after_s=st.sampled_from([0.0, 30.0, 600.0])),
    )


_ACTIONS: dict[str, type[Action]] = {
    "Pull": Pull, "Create": Create, "Start": Start, "Verify": Verify, "Remove": Remove, "Connect": Connect,
}  # fmt: skip
_IMAGES = {"1": "1", "2": "2", "c": "crash", "l": "late"}


class Witness:
    """A device, and what is true of it."""

    def __init__(self) -> None:
        self.device = Device(catalogue=dict(CATALOGUE))
        self.device.engine.script.perform_s, self.device.engine.script.observe_s = 0.5, 0.05  # hands come in between
        self.asked: dict[str, dict[str, str]] = {}
        self.statements = 0
        self._read = 0
        self._number = 0
        self._hands: list[asyncio.Task[None]] = []
        self._listen()

    def _listen(self) -> None:
        """Hear what is stored, in the moment in which it is stored."""
        device = self.device
        store, say = device._stored, device._say
        device.agent._wake_sender = lambda: (self._hear(), store())  # type: ignore[assignment,func-returns-value]

        def heard(feedback: Feedback) -> None:
            if feedback.kind == "revision-good":
                self._check_desired("revision-good")
            say(feedback)

        device.agent._say = heard
        device.cycles._record._tell = heard

    def _hear(self) -> None:
        rows = self.device.journal._database.all("SELECT id, payload FROM outbox WHERE id > ? ORDER BY id", self._read)
        for number, payload in rows:
            self._read = number
            content = json.loads(payload)
            if content["payload"].get("status") == "COMPLETED":
                self._check_completed(content["activityId"], content["payload"])

    # ── what is true ───────────────────────────────────────────────────────────────────────────────────────────

    def _own(self, name: str) -> list[Kept]:
        self.device.engine.running()  # lets processes end
        return [each for each in self.device.kept().values() if each.container and each.container.name == name]

    def _is_up(self, name: str, image: str) -> str:
        """Why a container does not run as it is asked for; "" when it does."""
        up = [each for each in self._own(name) if each.state == "running"]
        if [each.image for each in up] != [image]:
            return f"{name} runs {[(each.engine_name, each.image, each.state) for each in self._own(name)]}"
        if up[0].engine_name != name:
            return f"{name} runs as {up[0].engine_name}"
        return f"{name} is cut off" if self.device.engine._cut_off(up[0]) else ""

    def _check_completed(self, id_: str, payload: dict[str, Any]) -> None:
        self.statements += 1
        wanted = self.asked[id_]
        wrong = [why for name, image in wanted.items() if (why := self._is_up(name, image))]
        wrong += [f"{name} is there" for name in NAMES if name not in wanted and self._own(name)]
        assert not wrong, f"COMPLETED {id_}: {wrong}"
        desired = self.device.journal.digest("desired")
        assert desired == self.device.journal.digest("last-good") or not payload.get("actions")

    def _check_desired(self, statement: str) -> None:
        self.statements += 1
        state = self.device.journal.revision("desired")
        wanted = [each.wanted for each in state.documents if isinstance(each.wanted, Container)] if state else []
        wrong = [why for each in wanted if (why := self._is_up(each.name, each.image))]
        assert not wrong, f"{statement}: {wrong}"

    # ── what happens ───────────────────────────────────────────────────────────────────────────────────────────

    async def play(self, events: Sequence[Event]) -> None:
        for each in events:
            await self._one(each)
        for hand in self._hands:
            hand.cancel()

    async def _one(self, event: Event) -> None:
        device = self.device
        match event.kind:
            case "ask":
                self._number += 1
                self.asked[f"a{self._number}"] = wanted = {
                    name: f"reg.example/{name}:{_IMAGES[letter]}"
                    for name, letter in zip(NAMES, event.what, strict=True)
                    if letter != "-"
                }
                components = [asked(name, image.rpartition(":")[2]) for name, image in wanted.items()]
                await device.desired(f"a{self._number}", *components)
            case "command":
                await device.command(f"a{self._number}", event.what)
            case "whole":
                await device.commands(f"a{self._number}", *COMMANDS)
            case "at the end":
                await device.commands(f"a{self._number}", *COMMANDS[:-1])
                self._hands.append(asyncio.ensure_future(self._hand(event)))
                await device.command(f"a{self._number}", COMMANDS[-1])
            case "hand":
                self._hands.append(asyncio.ensure_future(self._hand(event)))
            case "fault":
                device.engine.script.failures.append(_failing(event))
            case "away":
                device.engine.script.unreachable = True
                back = lambda: setattr(device.engine.script, "unreachable", False)  # noqa: E731
                asyncio.get_running_loop().call_later(event.after_s, back)
            case "clock":
                device.clock_is_ahead_s = float(event.what)
            case "reboot":
                device.boots += event.what == "machine"
                device.reboot()
                self._listen()
                await self._settle(0.0)
            case _:
                await self._settle(event.after_s)

    async def _settle(self, after_s: float) -> None:
        await asyncio.sleep(after_s)
        await self.device.agent.work()
        ending: object = Progressed()
        while isinstance(ending, Progressed):
            ending = await self.device.cycles.run(self.device.stopping)
            healthy = any(each.name == "Healthy" and each.holds for each in self.device.journal.conditions())
            if isinstance(ending, Settled) and healthy:
                self._check_desired("settled and healthy")
        self.device.said()

    async def _hand(self, event: Event) -> None:
        await asyncio.sleep(event.after_s)
        engine = self.device.engine
        hands: dict[str, Callable[[], object]] = {
            "remove": lambda: engine.remove(event.name),
            "kill": lambda: engine.kill(event.name),
            "end": lambda: engine.kill(event.name, 0),
            "pause": lambda: engine.pause(event.name),
            "disconnect": lambda: engine.disconnect(event.name),
            "remove_network": engine.remove_network,
        }
        with suppress(Refused):
            hands[event.what]()


def _failing(event: Event) -> Callable[[Action], Outcome | None]:
    left = event.times

    def fail(action: Action) -> Outcome | None:
        nonlocal left
        if not left or not isinstance(action, _ACTIONS[event.what]):
            return None
        left -= 1
        return Failed("scripted") if event.name == "failed" else Retry("scripted", outside=event.name == "outside")

    return fail


@settings(
    max_examples=EXAMPLES or 40,
    derandomize=not EXAMPLES,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(st.lists(event(), min_size=3, max_size=25))
def test_no_statement_is_false_at_the_moment_it_is_made(events: list[Event]) -> None:
    async def story() -> None:
        witness = Witness()
        await witness.play([Event("ask", "11"), Event("whole"), Event("settle"), *events])
        assert witness.statements

    run(story())
