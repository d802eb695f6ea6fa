"""The test bench of the recordings, in memory: the images, the absent paths, and the containers that were there before.

tests/data/recordings/README.md describes the images.
"""

from __future__ import annotations

from tests.controller.agents.harness import Device, asked

from evenkeel.controller.agents.conduct import AgentSettings
from evenkeel.controller.drivers.containers.memory import Image
from evenkeel.controller.participants.containers.conduct import ContainersConduct
from evenkeel.reconcilers.agents.wires import kanto
from evenkeel.specs.containers.container import Container
from evenkeel.specs.containers.normalise import normal
from evenkeel.specs.containers.observed import State
from evenkeel.specs.kanto.manner import Manner
from evenkeel.specs.reading.quantity import parse_duration

from .player import REGISTRY, Hands, replayed
from .recording import Recording
from .transcript import Transcript

_NO_PROGRAM = (
    "failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: "
    'exec: "/no/such/program": stat /no/such/program: no such file or directory: unknown'
)
IMAGES = {
    **{
        f"{REGISTRY}/{name}:{tag}": Image(stops_with=0)
        for name in ("lamp", "horn", "fog", "sleep", "sua", "web")
        for tag in (1, 2)
    },
    f"{REGISTRY}/stubborn:1": Image(stops_with=None),
    f"{REGISTRY}/exit1:1": Image(exits_with=1, exits_after_s=0.01),
    f"{REGISTRY}/exit0:1": Image(exits_with=0, exits_after_s=0.01),
    f"{REGISTRY}/badstart:1": Image(start_error=_NO_PROGRAM),
    f"{REGISTRY}/ghost:1": Image(pull="missing"),
    "localhost:5999/lamp:1": Image(pull="unreachable"),
    "docker.io/library/lamp:1": Image(pull="unreachable"),
    "docker.io/library/localhost:5000": Image(pull="unreachable"),
}
_ABSENT = {"/dev/does-not-exist", "/does/not/exist"}
_BROUGHT_BY_HAND: tuple[tuple[str, State], ...] = (("lamp", "running"), ("horn", "created"))


def settings_of(recording: Recording) -> AgentSettings:
    """The recorded program's flags."""
    stop_timeout = parse_duration(recording.flag("cm-deflt-ctrs-stop-timeout") or "30s")
    return AgentSettings(
        recording.flag("ua-domain") or "containers", language=kanto(Manner(stop_timeout, takes_unknown_keys=True))
    )


def conduct_of(recording: Recording) -> ContainersConduct:
    """The recorded program's flags, as far as they are about containers."""
    system = recording.flag("ua-system-containers")
    return ContainersConduct(
        recording.flag("ua-domain") or "containers",
        system_containers=(system,) if system else (),
        verbose=bool(recording.flag("ua-verbose-inventory-report")),
        reported_values="all",
    )


async def play_in_memory(recording: Recording, late: str = "") -> Transcript:
    """What evenkeel says, on a device of its own. `late`: a container of `exit1` that runs until somebody asks for the current
    state, and ends with 1 then."""
    lasting = {f"{REGISTRY}/exit1:1": Image()} if late else {}
    device = Device(settings=settings_of(recording), conduct=conduct_of(recording), catalogue={**IMAGES, **lasting})
    system = recording.flag("ua-system-containers")
    device.engine.script.absent |= _ABSENT
    if system and recording.name != "system-container-absent":
        image = f"{REGISTRY}/{system}:1"
        await device.bring("before", asked(system, image=image), config=[("systemContainers", "")])
        device.said()
    return await replayed(recording, device, _hands(recording, device, late), paced=True)


def _hands(recording: Recording, device: Device, late: str) -> Hands:
    """What was done with the command line client while these were recorded, as their notes say, and the end of `late`."""

    async def run_two() -> None:
        for name, state in _BROUGHT_BY_HAND:
            device.engine.put_foreign(normal(Container(name, f"{REGISTRY}/{name}:1")), state)

    async def stop_lamp() -> None:
        device.engine.kill("lamp", exit_code=0)

    async def end_late() -> None:
        device.engine.kill(late, exit_code=1)

    if late:
        return {_first_question(recording): end_late}
    if recording.name == "start-up-with-containers":
        return {0: run_two}
    if recording.name == "currentstate-stopped":
        return {_first_question(recording): stop_lamp}
    return {}


def _first_question(recording: Recording) -> int:
    """Number of the first line that asks for the current state when something was brought."""
    topics = [line.topic.partition("/")[2] for line in recording.lines]
    return topics.index("currentstate/get", topics.index("desiredstate"))
