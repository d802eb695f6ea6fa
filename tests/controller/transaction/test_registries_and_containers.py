"""One revision over registries and the containers whose images come from them: order, refusals, rotation, a loss of power."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.controller.stage import Reading
from tests.virtual import run

from evenkeel.controller.cycle.domain import Domain
from evenkeel.controller.drivers.registries.engine import RegistriesEngine
from evenkeel.controller.drivers.registries.memory import MemoryRegistries
from evenkeel.controller.drivers.registries.podman import PodmanConfiguration, PodmanPlaces
from evenkeel.controller.drivers.registries.ports import Configuration
from evenkeel.reconcilers.registries import Registries
from evenkeel.specs.containers.container import Container
from evenkeel.specs.containers.normalise import normal
from evenkeel.specs.desired import Document, desired_state
from evenkeel.specs.look import Look
from evenkeel.specs.plan import Action, Outcome
from evenkeel.specs.registries.memory import RegistriesMemory
from evenkeel.specs.registries.observed import RegistriesSeen
from evenkeel.specs.registries.registry import Registry

from .mixed import Power, ScriptedDevice

HOST = "registry.example:5000"
WEB_1, WEB_2, OTHER = f"{HOST}/web:1", f"{HOST}/web:2", "ghcr.io/other:1"
MOST_ACTIONS = 12


class Domained(RegistriesEngine):
    """The driver, as the power of the device sees it."""

    def __init__(self, power: Power, configuration: Configuration, registries: MemoryRegistries, key: Path) -> None:
        super().__init__(configuration, registries, key)
        self._power = power

    async def observe(self, look: Look = Look()) -> RegistriesSeen:
        self._power.look()
        return await super().observe(look)

    async def perform(self, action: Action, progress: Callable[[str, int, int], None]) -> Outcome:
        outcome = await super().perform(action, progress)
        await self._power.note("registries", action, outcome)
        return outcome


class FilesOfPodman(PodmanConfiguration):
    """Real files, read and written in the only thread of virtual time. No Podman is asked about them."""

    is_simulated = True

    def __init__(self, folder: Path) -> None:
        self.auth_file = folder / "run" / "auth.json"
        places = PodmanPlaces(folder / "certs.d", self.auth_file, folder / "registries.conf.d")
        super().__init__(folder / "registries", "unix:///nowhere", places)


class Device(ScriptedDevice):
    """A device that is let in by a password in a file. `files`: of the engine's configuration, where it has some."""

    def __init__(self, folder: Path, files: FilesOfPodman | None = None) -> None:
        super().__init__(folder / "state")
        self.folder, self.files = folder, files
        self.registries = MemoryRegistries()
        self.registries.script.passwords[HOST] = "good"
        self.password = folder / "password"
        self.password.write_text("good\n")
        self.start()

    def start(self) -> None:
        """A new process."""
        self.driver = Domained(self.power, self.files or self.registries, self.registries, self.folder / "key")
        self.begin(Domain(Registries(), self.driver))

    def ask(self, *images: str, **registry: Any) -> None:
        """Ask for containers, and for the registry unless it is `None`."""
        self.source.readings.put_nowait(self.asking(*images, **registry))

    def asking(self, *images: str, is_asked: bool = True, **registry: Any) -> Reading:
        containers = [normal(Container(image.split("/")[-1].split(":")[0], image)) for image in images]
        documents = [Document("Container", each.name, each) for each in containers]
        if is_asked:
            fields = {"user": "ci", "password_file": str(self.password), **registry}
            documents.append(Document("Registry", "private", Registry("private", HOST, **fields)))
        return Reading(desired_state(documents))

    async def settle(self, *images: str, **registry: Any) -> None:
        self.ask(*images, **registry)
        await self.play(200)
        assert self.outcome() == (sorted(images), True, "Converged")
        self.start()
        self.power.done.clear()
        self.registries.logins.clear()


@pytest.fixture
def device(tmp_path: Path) -> Iterator[Device]:
    it = Device(tmp_path)
    yield it
    it.journal.close()


def test_a_pull_waits_until_its_registry_lets_the_device_in(device: Device) -> None:
    async def work() -> None:
        device.ask(WEB_1)
        await device.play(200)
        assert device.outcome() == ([WEB_1], True, "Converged")
        done = device.power.done
        assert [what for domain, what in done if domain == "registries"] == ["try", "admit", "login"]
        assert done.index(("registries", "admit")) < done.index(("containers", "pull"))
        assert device.journal.memories.of(RegistriesMemory).admitted == {HOST: "private"}
        assert "good" not in device.registries.world.held[HOST].values()
        assert len(device.said("revision-good")) == 1

    run(work())


def test_a_settled_device_asks_no_registry(device: Device) -> None:
    async def work() -> None:
        await device.settle(WEB_1)
        device.ask(WEB_1)
        await device.play(1000)
        assert device.registries.logins == []
        assert device.power.done == []

    run(work())


def test_a_wrong_password_fails_the_revision_and_disturbs_nothing(device: Device) -> None:
    async def work() -> None:
        await device.settle(WEB_1)
        held = dict(device.registries.world.held)
        wrong = device.folder / "wrong"
        wrong.write_text("bad\n")
        device.ask(WEB_2, password_file=str(wrong))
        await device.play(600)
        assert device.outcome() == ([WEB_1], False, "RolledBack")
        assert device.registries.world.held == held
        assert device.power.done == [], "nothing was pulled, and nothing was put in force"
        failed = device.said("revision-failed")
        assert len(failed) == 1
        assert f"{HOST} refuses the login: unauthorized: authentication required" in failed[0].message

    run(work())


def test_a_registry_that_is_away_refuses_nothing(device: Device) -> None:
    """Only what comes from there waits for it."""

    async def work() -> None:
        device.registries.script.away.add(HOST)
        device.ask(WEB_1, OTHER)
        images: list[set[str]] = []
        device.at(100, lambda: images.append(set(device.engine.world.images)))
        device.at(300, device.registries.script.away.clear)
        await device.play(800)
        assert images == [{OTHER}]
        assert device.outcome() == (sorted((WEB_1, OTHER)), True, "Converged")
        assert not device.said("revision-failed")

    run(work())


def test_a_new_password_counts_without_a_touch_of_any_container(device: Device) -> None:
    async def work() -> None:
        await device.settle(WEB_1)
        held = dict(device.registries.world.held)
        device.ask(WEB_1)
        device.at(50, device.password.write_text, "new\n")
        device.at(50, device.registries.script.passwords.update, {HOST: "new"})
        await device.play(300)
        assert device.registries.world.held != held
        assert device.power.done == [("registries", "try"), ("registries", "admit"), ("registries", "login")]
        assert device.outcome() == ([WEB_1], True, "Converged")

    run(work())


def test_other_hosts_that_may_have_the_credentials_are_tried_and_in_force(device: Device) -> None:
    """Pulls are held against what is in force."""

    async def work() -> None:
        await device.settle(WEB_1)
        held = dict(device.registries.world.held[HOST])
        device.ask(WEB_1, realms=("tokens.example",))
        await device.play(300)
        assert device.power.done == [("registries", "try"), ("registries", "admit"), ("registries", "login")]
        assert {key for key, each in device.registries.world.held[HOST].items() if held.get(key) != each} == {"realms"}
        assert device.outcome() == ([WEB_1], True, "Converged")

    run(work())


def test_a_new_password_that_is_refused_leaves_the_former_one_in_force(device: Device) -> None:
    """It is told, and tried again: the registry may hear of it later than the device."""

    async def work() -> None:
        await device.settle(WEB_1)
        held = dict(device.registries.world.held)
        device.ask(WEB_1)
        device.at(50, device.password.write_text, "new\n")
        found: list[tuple[Any, str]] = []
        device.at(300, lambda: found.append((dict(device.registries.world.held), device.reason())))
        device.at(310, device.registries.script.passwords.update, {HOST: "new"})
        await device.play(1500)
        assert found[0][0] == held
        assert "refuses the login" in found[0][1]
        assert device.registries.world.held != held
        assert device.outcome() == ([WEB_1], True, "Converged")
        assert not device.said("revision-failed"), "no revision is to blame"

    run(work())


def test_what_nobody_asks_for_any_more_is_withdrawn_after_the_proof(device: Device) -> None:
    async def work() -> None:
        await device.settle(WEB_1)
        device.ask(OTHER, is_asked=False)
        await device.play(300)
        assert device.registries.world.held == {}
        assert device.outcome() == ([OTHER], True, "Converged")
        assert device.power.done.index(("registries", "withdraw")) > device.power.done.index(("containers", "verify"))
        assert device.journal.memories.of(RegistriesMemory) == RegistriesMemory()

    run(work())


def test_a_container_that_does_not_come_up_takes_the_registry_back(device: Device) -> None:
    async def work() -> None:
        await device.settle(WEB_1)
        held = dict(device.registries.world.held)
        other = device.folder / "other"
        other.write_text("good")
        device.engine.ill.add(WEB_2)
        device.ask(WEB_2, password_file=str(other), user="another")
        await device.play(600)
        assert device.outcome() == ([WEB_1], False, "RolledBack")
        assert device.registries.world.held == held

    run(work())


def refuse(device: Device) -> None:
    """From now on the registry lets nobody in."""
    device.registries.script.refuses[HOST] = "unauthorized: nobody comes in"


def after(device: Device, number: int, act: str, then: Callable[[], object]) -> None:
    """Do something right after an act of the driver of a number, counted from now on."""
    perform, left = device.driver.perform, number

    async def performed(action: Action, progress: Callable[[str, int, int], None]) -> Outcome:
        nonlocal left
        outcome = await perform(action, progress)
        left -= action.traits.facts["action"] == act
        if left == 0:
            left = -1
            then()
        return outcome

    device.driver.perform = performed  # type: ignore[method-assign]


@pytest.mark.parametrize("moment", ["after the admission", "after the login", "after the second one"])
def test_a_registry_that_changes_its_mind_keeps_nobody_from_the_way_back(device: Device, moment: str) -> None:
    """The credentials of last-good are in force after a revision has failed, whatever the registry says meanwhile. Its
    refusal was one of the way back, too, and those of the failed revision stayed."""

    async def work() -> None:
        await device.settle(WEB_1)
        held = dict(device.registries.world.held)
        device.engine.ill.add(WEB_2)
        device.engine.ends_after_s = 2
        device.ask(WEB_2, user="another")
        match moment:
            case "after the admission":
                after(device, 1, "admit", lambda: refuse(device))
            case "after the login":
                after(device, 1, "login", lambda: refuse(device))
            case _:
                after(device, 1, "login", lambda: device.ask(WEB_2, user="yet another"))
                after(device, 2, "login", lambda: refuse(device))
        await device.play(900)
        assert device.registries.world.held == held
        assert device.outcome() == ([WEB_1], False, "RolledBack")
        assert HOST in device.registries.script.refuses, "the moment came"
        device.start()
        device.ask(WEB_1)
        device.registries.logins.clear()
        await device.play(300)
        assert device.outcome() == ([WEB_1], True, "Converged")
        assert device.registries.logins == []

    run(work())


def test_a_file_that_is_lost_before_the_way_back_keeps_nobody_from_it(tmp_path: Path) -> None:
    """What is in force is put back into the file of the engine's, and then what is good, without a trial of either."""
    files = FilesOfPodman(tmp_path)
    device = Device(tmp_path, files)

    def lose() -> None:
        files.auth_file.unlink()
        refuse(device)
        device.registries.logins.clear()

    async def work() -> None:
        await device.settle(WEB_1)
        before = files.auth_file.read_text()
        device.engine.ill.add(WEB_2)
        device.engine.ends_after_s = 2
        device.ask(WEB_2, user="another")
        after(device, 1, "login", lose)
        await device.play(900)
        assert files.auth_file.read_text() == before
        assert device.registries.logins == []
        assert device.outcome() == ([WEB_1], False, "RolledBack")
        done = [action for domain, action in device.power.done if domain == "registries"]
        assert done == ["try", "admit", "login", "restore", "admit"]

    try:
        run(work())
    finally:
        device.journal.close()


def test_what_was_good_before_last_good_is_tried_again(device: Device) -> None:
    async def work() -> None:
        await device.settle(WEB_1)
        await device.settle(WEB_1, user="another")
        held = dict(device.registries.world.held)
        refuse(device)
        device.ask(WEB_1)
        await device.play(300)
        assert device.registries.world.held == held
        assert device.outcome() == ([WEB_1], False, "RolledBack")

    run(work())


def test_a_former_password_is_tried_again(device: Device) -> None:
    """A password file may be laid back by mistake."""

    async def work() -> None:
        await device.settle(WEB_1)
        device.password.write_text("new\n")
        device.registries.script.passwords[HOST] = "new"
        await device.settle(WEB_1)
        held = dict(device.registries.world.held)
        device.password.write_text("good\n")
        device.ask(WEB_1)
        await device.play(300)
        assert device.registries.world.held == held
        assert "refuses the login" in device.reason()

    run(work())


@pytest.mark.parametrize("is_good", [True, False])
@pytest.mark.parametrize("actions", range(1, MOST_ACTIONS + 1))
def test_a_loss_of_power_after_any_action(device: Device, actions: int, *, is_good: bool) -> None:
    async def work() -> None:
        await device.settle(WEB_1)
        held = dict(device.registries.world.held)
        if not is_good:
            device.engine.ill.add(WEB_2)
        asked: dict[str, Any] = {"user": "another"}
        device.ask(WEB_2, **asked)
        await device.die(actions)
        device.start()
        device.ask(WEB_2, **asked)
        await device.play(900)
        expected = ([WEB_2], True, "Converged") if is_good else ([WEB_1], False, "RolledBack")
        assert device.outcome() == expected
        assert (device.registries.world.held == held) is not is_good

    run(work())


@pytest.mark.parametrize("password", ["good", "wrong"])
def test_a_file_that_a_boot_takes_away_is_written_again_and_nobody_is_alarmed(tmp_path: Path, password: str) -> None:
    """Podman's `auth.json` is in `/run`. What is in force counts, and no registry is asked about it, for none may be there yet.
    A new password that is refused has nothing to do with it."""
    files = FilesOfPodman(tmp_path)
    device = Device(tmp_path, files)

    async def work() -> None:
        await device.settle(WEB_1)
        before = files.auth_file.read_text()
        files.auth_file.unlink()
        files.auth_file.parent.rmdir()
        if password == "good":
            device.registries.script.away.add(HOST)
        else:
            device.password.write_text("wrong")
        told = len(device.journal.entries(limit=100_000))
        device.ask(WEB_1)
        await device.play(200)
        assert files.auth_file.read_text() == before
        assert files.auth_file.stat().st_mode & 0o777 == 0o600
        assert device.power.done[0] == ("registries", "restore")
        if password == "good":
            assert device.power.done == [("registries", "restore")]
            assert device.registries.logins == []
            assert device.outcome() == ([WEB_1], True, "Converged")
            new = list(device.journal.entries(limit=100_000))[told:]
            assert "drift" not in {entry.kind for entry in new}
            (plan,) = (entry for entry in new if entry.kind == "plan")
            assert f"{files.auth_file} has no entry for {HOST} any more, as after a boot" in plan.message

    try:
        run(work())
    finally:
        device.journal.close()
