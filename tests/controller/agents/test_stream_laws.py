"""What holds for every conversation, whatever is sent, whoever dies, and whatever is out of reach meanwhile.

Whoever follows one activity by its id reads at most one end for each time that it began, and nothing behind the end but a new
beginning. And an update manager that sends its desired state and then each command after the success of the last gets
through, however often it dies and begins with the desired state again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import pairwise

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.controller.agents.harness import (
    COMMAND,
    COMMANDS,
    DESIRED,
    DEVICES,
    Asked,
    Device,
    PowerLoss,
    Said,
    asked,
    command_message,
    desired_state,
)
from tests.sampling import THOROUGH
from tests.virtual import WRONG_CLOCKS_S, run

from evenkeel.controller.cycle.endings import Progressed
from evenkeel.controller.drivers.containers.memory import Image
from evenkeel.specs.kanto.heard import ENDS

laws = settings(
    max_examples=400 if THOROUGH else 6,
    derandomize=not THOROUGH,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
CONTENTS: dict[str, tuple[Asked, ...]] = {
    "first": (asked("lamp"), asked("horn")),
    "next": (asked("lamp", "2"), asked("horn"), asked("fog")),
    "less": (asked("lamp", "2"),),
    "none": (),
    "bad": (asked("not a name"),),
}
BASELINES = (None, "*", "containers:lamp", "containers:remove-components", "unknown")
BEGINS = ("IDENTIFYING", "IDENTIFICATION_FAILED")

desired_states = st.tuples(st.just("desired"), st.sampled_from("ab"), st.sampled_from(sorted(CONTENTS)))
commands = st.tuples(
    st.just("command"),
    st.sampled_from("ab"),
    st.sampled_from([*COMMANDS, "ROLLBACK"]),
    st.sampled_from(BASELINES),
)
troubles = st.tuples(st.sampled_from(["engine", "registry"]), st.booleans())
cuts = st.tuples(st.just("cut"), st.integers(1, 12))
waits = st.tuples(st.just("wait"), st.sampled_from([0.0, 0.5, 3.0, 20.0, 130.0]))
clocks = st.tuples(st.just("clock"), st.sampled_from((*WRONG_CLOCKS_S, 0.0)))
moves = st.lists(st.one_of(desired_states, commands, commands, troubles, cuts, waits, clocks), max_size=14)


class Plant:
    """A device with its worker, its mains, and all that was said."""

    def __init__(self, device: Device) -> None:
        self.device = device
        self.said: list[Said] = []
        self._packet = 0
        self._worker = asyncio.create_task(self._work())

    async def _work(self) -> None:
        while True:
            try:
                await self.device.agent.work()
                while isinstance(await self.device.cycles.run(self.device.stopping), Progressed):
                    pass
            except PowerLoss:
                self.device.reboot()
                continue
            await asyncio.sleep(0.25)

    async def wait(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        self.said += self.device.said()

    async def send(self, topic: str, payload: bytes) -> None:
        """The broker delivers it until it is acknowledged."""
        self._packet += 1
        for tries in range(5):
            try:
                self.device.agent.arrived(topic, payload, packet=self._packet, duplicate=tries > 0)
            except PowerLoss:
                await self._stop()
                self.device.reboot()
                self._worker = asyncio.create_task(self._work())
            else:
                break
        await self.wait(0.0)

    async def _stop(self) -> None:
        self._worker.cancel()
        with suppress(asyncio.CancelledError, PowerLoss):
            await self._worker

    async def close(self) -> None:
        await self.wait(0.0)
        await self._stop()

    def cut_after(self, pulses: int) -> None:
        self.device.cuts.append(len(self.device.pulses) + pulses)

    def trouble(self, what: str, lasts: bool) -> None:
        if what == "engine":
            self.device.engine.script.unreachable = lasts
        else:
            images = ["reg.example/lamp:2", "reg.example/fog:1"]
            self.device.engine.catalogue.update(
                dict.fromkeys(images, Image(pull="unreachable" if lasts else "ok", stops_with=0))
            )

    async def update(self, id_: str, content: str, dies_after: Sequence[int] = ()) -> str:
        """As an update manager: the desired state, each command after the success of the last, CLEANUP after a failure. It
        dies after hearing so many messages, each time anew, and begins again. The end, or what it waited for in vain."""
        deaths = list(dies_after)
        while True:
            self.said += self.device.said()  # what was said before is no answer
            begun, heard = len(self.said), 0
            await self.send(DESIRED, desired_state(id_, *CONTENTS[content], timestamp=begun))
            sent, steps = "IDENTIFY", list(COMMANDS)
            for _ in range(4 * 600):
                answers = [each for each in self.said[begun:] if each.activity == id_]
                if deaths and len(answers) >= deaths[0]:
                    deaths.pop(0)
                    break
                fresh, heard = answers[heard:], len(answers)
                for status in (each.status for each in fresh):
                    if status in ENDS and (sent in ("CLEANUP", "IDENTIFY") or status == "COMPLETED"):
                        return status
                    expected = {"IDENTIFY": "IDENTIFIED", "ACTIVATE": "ACTIVATION_SUCCESS"}.get(sent, f"{sent}_SUCCESS")
                    if sent != "CLEANUP" and status == expected:
                        sent = steps.pop(0)
                        await self.send(COMMAND, command_message(id_, sent))
                    elif sent != "CLEANUP" and status.endswith("_FAILURE"):
                        sent = "CLEANUP"
                        await self.send(COMMAND, command_message(id_, sent))
                await self.wait(0.25)
            else:
                return f"waited in vain for the answer to {sent}"


@contextmanager
def scrapped() -> Iterator[None]:
    """A law has many devices."""
    try:
        yield
    finally:
        while DEVICES:
            DEVICES.pop().scrap()


async def planted() -> Plant:
    device = Device()
    await device.bring("before", *CONTENTS["first"])
    return Plant(device)


def check_stream(said: Sequence[Said]) -> None:
    """Of every id: behind an end stands nothing but a beginning."""
    for id_ in {each.activity for each in said}:
        stream = [each.status for each in said if each.activity == id_ and each.baseline is None]
        for before, status in pairwise(stream):
            assert before not in ENDS or status in BEGINS, (id_, stream)


@laws
@given(moves)
def test_an_end_is_the_last_word_of_an_activity(moves: list[tuple[object, ...]]) -> None:
    async def story() -> None:
        plant = await planted()
        for move in moves:
            match move:
                case ("desired", str(id_), str(content)):
                    await plant.send(DESIRED, desired_state(id_, *CONTENTS[content]))
                case ("command", str(id_), str(command), baseline):
                    assert baseline is None or isinstance(baseline, str)
                    await plant.send(COMMAND, command_message(id_, command, baseline))
                case ("cut", int(pulses)):
                    plant.cut_after(pulses)
                case ("wait", float(seconds)):
                    await plant.wait(seconds)
                case ("clock", float(ahead_s)):
                    plant.device.clock_is_ahead_s = ahead_s
                case (str(what), bool(lasts)):
                    plant.trouble(what, lasts)
        plant.trouble("engine", lasts=False)
        plant.trouble("registry", lasts=False)
        for id_, content in (("a", "next"), ("c", "first")):
            assert await plant.update(id_, content) == "COMPLETED", [each.line for each in plant.said[-12:]]
            wanted = {name: f"reg.example/{name}:{version}" for name, version, _ in CONTENTS[content]}
            await plant.wait(5.0)
            assert plant.device.running() == wanted
        await plant.close()
        check_stream(plant.said)

    with scrapped():
        run(story())


@laws
@given(
    st.lists(st.integers(1, 9), max_size=4),
    st.lists(st.integers(1, 60), max_size=2),
    st.lists(st.tuples(st.sampled_from(["engine", "registry"]), st.floats(0, 30), st.floats(0.5, 60)), max_size=2),
    st.lists(st.tuples(st.sampled_from((*WRONG_CLOCKS_S, 0.0)), st.floats(0, 30)), max_size=3),
)
def test_an_update_manager_that_begins_again_gets_through(
    deaths: list[int],
    cut_at: list[int],
    outages: list[tuple[str, float, float]],
    leaps: list[tuple[float, float]],
) -> None:
    """Or it hears of a failure, and then the device is as it was. The power is cut twice at most: a message at which the
    process ends three times is set aside, and that is answered (test_poison)."""

    async def outage(plant: Plant, what: str, begins_s: float, lasts_s: float) -> None:
        await asyncio.sleep(begins_s)
        plant.trouble(what, lasts=True)
        await asyncio.sleep(lasts_s)
        plant.trouble(what, lasts=False)

    async def leap(plant: Plant, ahead_s: float, after_s: float) -> None:
        await asyncio.sleep(after_s)
        plant.device.clock_is_ahead_s = ahead_s

    async def story() -> None:
        plant = await planted()
        for pulses in cut_at:
            plant.cut_after(pulses)
        going_on = [asyncio.create_task(outage(plant, *each)) for each in outages]
        going_on += [asyncio.create_task(leap(plant, *each)) for each in leaps]
        end = await plant.update("a", "next", deaths)
        assert end in ("COMPLETED", "INCOMPLETE"), [each.line for each in plant.said[-12:]]
        await asyncio.gather(*going_on)
        await plant.wait(150.0)
        content = "next" if end == "COMPLETED" else "first"
        assert plant.device.running() == {
            name: f"reg.example/{name}:{version}" for name, version, _ in CONTENTS[content]
        }
        await plant.close()
        check_stream(plant.said)

    with scrapped():
        run(story())
