"""One revision over an identity and the containers beside it: order, refusals, renewal, a loss of power at each moment."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

import pytest
from tests.controller.stage import Reading
from tests.sampling import sampled
from tests.virtual import now, run

from evenkeel.controller.cycle.domain import Domain
from evenkeel.controller.drivers.provisioning.azure.simulated import Enrolled, Script, SimulatedCloud
from evenkeel.controller.drivers.provisioning.engine import ProvisioningEngine
from evenkeel.controller.drivers.provisioning.host import Host
from evenkeel.controller.drivers.provisioning.ports import Pair
from evenkeel.controller.drivers.provisioning.simulated import SimulatedMaker, made_up
from evenkeel.controller.units import SimulatedUnits
from evenkeel.reconcilers.provisioning import ProvisioningDecisions
from evenkeel.specs.containers.container import Container
from evenkeel.specs.containers.normalise import normal
from evenkeel.specs.desired import Document, desired_state
from evenkeel.specs.look import Look
from evenkeel.specs.plan import Action, Outcome
from evenkeel.specs.provisioning.memory import ProvisioningMemory
from evenkeel.specs.provisioning.observed import ProvisionedSeen, ProvisioningLook, ProvisioningSeen
from evenkeel.specs.provisioning.pair import KeyKind, Subject
from evenkeel.specs.provisioning.provisioning import DAY_S, Azure, Certificate, Output, Provisioning
from evenkeel.specs.unit import Unit

from .mixed import Power, ScriptedDevice

SCOPE, HUB, OTHER_HUB = "0ne00AB12CD", "one.azure-devices.net", "two.azure-devices.net"
FOLDER, OUTPUT, CHAIN = "/data/var/certificates", "/etc/cloud-connector/config.json", "/data/signed.crt"
WEB_1, WEB_2 = "docker.io/library/web:1", "docker.io/library/web:2"
MOST_ACTIONS = 10


class Domained(ProvisioningEngine):
    """The driver, as the power of the device sees it."""

    def __init__(
        self, power: Power, folder: Path, cloud: SimulatedCloud, units: SimulatedUnits, at: Callable[[], float]
    ):
        host = Host(folder / "host", is_simulated=True)
        super().__init__(host, folder / "state", SimulatedMaker(), cloud, units, at)
        self._power = power

    async def observe(self, look: Look = Look()) -> ProvisioningSeen:
        self._power.look()
        return await super().observe(look)

    async def perform(self, action: Action, progress: Callable[[str, int, int], None]) -> Outcome:
        outcome = await super().perform(action, progress)
        await self._power.note("provisioning", action, outcome)
        return outcome


class Ended(SimulatedMaker):
    """An authority that ends before its certificates would."""

    def signed(self, kind: KeyKind, subject: Subject, authority: Pair) -> Pair:
        raise ValueError("the authority ends before that")


class Device(ScriptedDevice):
    """A device that is enrolled at a simulated Azure, with a container beside it. `later_s`: by how much its clock is ahead."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder / "state")
        self.folder = folder
        self.script = Script(scopes={SCOPE: HUB})
        self.cloud, self.units = SimulatedCloud(self.script, is_open=False), SimulatedUnits()
        self.later_s = 0.0
        self.start()

    def start(self) -> None:
        """A new process."""
        self.driver = Domained(self.power, self.folder, self.cloud, self.units, lambda: now() + self.later_s)
        self.begin(Domain(ProvisioningDecisions(), self.driver))

    def ask(self, image: str = WEB_1, **identity: Any) -> None:
        self.source.readings.put_nowait(self.asking(image, **identity))

    @staticmethod
    def identity(**fields: Any) -> Provisioning:
        asked: dict[str, Any] = {
            "certificate": Certificate("selfSigned"),
            "azure": Azure(id_scope=SCOPE),
            "outputs": (Output(OUTPUT, '{"key": "{{ connectionString }}"}', units=(Unit("cloud.service"),)),),
            "units": (Unit("cloud.service"),),
        }
        return Provisioning("azure", FOLDER, **(asked | fields))

    def asking(self, image: str, *, is_asked: bool = True, **fields: Any) -> Reading:
        container = normal(Container("web", image))
        documents = [Document("Container", "web", container)]
        if is_asked:
            documents.append(Document("Provisioning", "azure", self.identity(**fields)))
        return Reading(desired_state(documents))

    async def settle(self, image: str = WEB_1, **fields: Any) -> None:
        self.ask(image, **fields)
        await self.play(200)
        assert self.outcome() == ([image], True, "Converged"), self.reason()
        self.start()
        self.power.done.clear()
        self.units.heard.clear()

    def reason(self, kind: Literal["Settled", "Healthy"] = "Settled") -> str:
        if kind == "Settled":
            return super().reason()
        found = (each for each in self.journal.conditions() if (each.name, each.domain) == (kind, "provisioning"))
        return next((each.message for each in found), "")

    async def seen(self, **fields: Any) -> ProvisionedSeen:
        found = await self.driver.observe(ProvisioningLook(documents=(self.identity(**fields),)))
        return found.subjects[0]

    def output(self) -> str:
        return self.driver.host.path(OUTPUT).read_text()

    def names(self) -> tuple[str, str]:
        """What other programs read at the two names: the certificate, and its key."""
        folder = self.driver.host.path(FOLDER)
        return (folder / "device.crt").read_text(), (folder / "device.key").read_text()

    def done(self) -> list[str]:
        return [what for domain, what in self.power.done if domain == "provisioning"]


@pytest.fixture
def device(tmp_path: Path) -> Iterator[Device]:
    it = Device(tmp_path)
    yield it
    it.journal.close()


def test_a_fresh_device_gets_an_identity_before_its_first_container(device: Device) -> None:
    async def work() -> None:
        device.ask()
        await device.play(200)
        assert device.outcome() == ([WEB_1], True, "Converged")
        assert device.done() == ["keep-id", "make", "register", "try", "switch", "provide", "write", "prove", "restart"]
        order = device.power.done
        assert order.index(("provisioning", "write")) < order.index(("containers", "create"))
        seen = await device.seen()
        pair = seen.pairs.by_sha256[seen.pairs.current]
        assert (pair.name, pair.issuer, pair.fault) == (seen.id.kept, seen.id.kept, "")
        assert device.output() == f'{{"key": "HostName={HUB};DeviceId={seen.id.kept}"}}'
        assert device.units.heard == {"cloud.service": ["restart"]}
        assert device.said("health") == []  # the container that waits for the proof is not ill

    run(work())


def test_a_settled_device_does_nothing(device: Device) -> None:
    async def work() -> None:
        await device.settle()
        before = device.names()
        device.script.away |= {HUB, "global.azure-devices-provisioning.net"}
        device.ask()
        await device.play(4000)
        assert device.power.done == []
        assert (device.names(), device.outcome()) == (before, ([WEB_1], True, "Converged"))

    run(work())


def test_a_wrong_id_scope_takes_back_nothing_that_worked(device: Device) -> None:
    async def work() -> None:
        await device.settle()
        before = device.names(), device.output()
        device.ask(WEB_2, azure=Azure(id_scope="0neWRONG"))
        await device.play(900)
        assert device.outcome() == ([WEB_1], False, "RolledBack")
        assert (device.names(), device.output()) == before
        assert ("containers", "create") not in device.power.done
        (failed,) = device.said("revision-failed")
        assert "the provisioning service refuses the registration" in failed.message

    run(work())


def test_a_device_that_is_not_entered_yet_waits_for_it(device: Device) -> None:
    """Nothing is there to go back to, and somebody has to enter its thumbprint."""

    async def work() -> None:
        device.script.scopes = {}
        device.ask()
        told: list[str] = []
        device.at(300, lambda: told.append(device.reason()))
        device.at(310, device.script.scopes.update, {SCOPE: HUB})
        await device.play(1200)
        assert "refuses the registration" in told[0]
        assert device.outcome() == ([WEB_1], True, "Converged")
        assert not device.said("revision-failed")

    run(work())


def test_renewal_is_a_rollover_beside_the_old_pair(device: Device) -> None:
    async def work() -> None:
        await device.settle()
        before = await device.seen()
        device.ask()
        device.later_s = 336 * DAY_S
        await device.play(400)
        after = await device.seen()
        assert device.done() == ["make", "register", "try", "switch", "provide", "prove", "restart", "tidy"]
        assert after.pairs.current != before.pairs.current
        assert list(after.pairs.by_sha256) == [after.pairs.current], "the old one is dropped"
        assert device.outcome() == ([WEB_1], True, "Converged")
        assert ("containers", "create") not in device.power.done
        assert device.units.heard == {"cloud.service": ["restart"]}

    run(work())


def test_a_renewed_pair_that_the_hub_does_not_know_yet_waits(device: Device) -> None:
    """INV-12: the thumbprint of a certificate that has signed itself is entered by somebody; until then the old one stays."""

    async def work() -> None:
        connection = device.folder / "connection"
        connection.write_text(f"HostName={HUB};DeviceId=52-54-00-12-34-02\n")
        azure = Azure(connection_string=str(connection))
        device.script.devices[HUB, "52-54-00-12-34-02"] = entered = Enrolled()
        await device.settle(azure=azure)
        before = await device.seen(azure=azure)
        entered.thumbprints.add(before.pairs.current)
        device.ask(azure=azure)
        device.later_s = 336 * DAY_S
        await device.play(900)
        waiting = await device.seen(azure=azure)
        assert (waiting.pairs.current, waiting.held) == (before.pairs.current, before.held)
        assert waiting.pairs.by_sha256[waiting.pairs.next].sha1 in device.reason("Healthy")
        assert "revision-failed" not in {entry.kind for entry in device.journal.entries(limit=1000)}
        entered.thumbprints.add(waiting.pairs.next)
        device.start()
        device.ask(azure=azure)
        await device.play(900)
        assert (await device.seen(azure=azure)).pairs.current == waiting.pairs.next
        assert device.outcome() == ([WEB_1], True, "Converged")

    run(work())


def test_the_second_pair_follows_the_first_and_is_followed_itself(device: Device) -> None:
    async def work() -> None:
        asked: dict[str, Any] = {"certificate": Certificate("selfSigned", second=True)}
        await device.settle(**asked)
        first = await device.seen(**asked)
        device.ask(**asked)
        device.later_s = 183 * DAY_S
        await device.play(400)
        half = await device.seen(**asked)
        assert half.pairs.current == first.pairs.current
        assert half.pairs.second != first.pairs.second, "it would be due together with the first"
        device.start()
        device.ask(**asked)
        device.later_s = 336 * DAY_S
        await device.play(400)
        late = await device.seen(**asked)
        assert late.pairs.current == half.pairs.second
        assert late.pairs.second not in ("", half.pairs.second)
        assert sorted(late.pairs.by_sha256) == sorted((late.pairs.current, late.pairs.second))

    run(work())


def test_a_request_waits_for_the_signed_certificate(device: Device) -> None:
    async def work() -> None:
        asked: dict[str, Any] = {"certificate": Certificate("csr", request="/data/device.csr", chain=CHAIN)}
        device.ask(**asked)
        await device.play(400)
        assert (
            "waiting for the signed certificate in /data/signed.crt; the request is /data/device.csr" in device.reason()
        )
        assert not device.engine.running()
        device.start()
        device.ask(**asked)
        _sign(device)
        await device.play(400)
        assert device.outcome() == ([WEB_1], True, "Converged")
        seen = await device.seen(**asked)
        assert (seen.pairs.by_sha256[seen.pairs.current].issuer, seen.pairs.request) == ("Lab", "")

    run(work())


def test_a_request_in_the_place_of_a_pair_in_force_stays_until_it_is_signed(device: Device) -> None:
    """The state that is kept meanwhile asks for no request, and removed it with its key."""

    async def work() -> None:
        device.ask(certificate=Certificate("selfSigned"))
        await device.play(400)
        own = await device.seen(certificate=Certificate("selfSigned"))
        device.start()
        asked: dict[str, Any] = {"certificate": Certificate("csr", request="/data/device.csr", chain=CHAIN)}
        device.ask(**asked)
        await device.play(400)
        request = device.driver.host.path("/data/device.csr").read_text()
        device.start()
        device.ask(**asked)
        await device.play(4000)
        assert device.driver.host.path("/data/device.csr").read_text() == request
        device.start()
        device.ask(**asked)
        _sign(device)
        await device.play(400)
        assert device.outcome() == ([WEB_1], True, "Converged")
        seen = await device.seen(**asked)
        assert (seen.pairs.by_sha256[seen.pairs.current].issuer, seen.pairs.leftovers) == ("Lab", ())
        assert seen.pairs.current != own.pairs.current

    run(work())


def test_the_renewal_of_a_requested_certificate_holds_nothing_up(device: Device) -> None:
    async def work() -> None:
        asked: dict[str, Any] = {"certificate": Certificate("csr", request="/data/device.csr", chain=CHAIN)}
        device.ask(**asked)
        device.at(100, _sign, device)
        await device.play(400)
        device.driver.host.path(CHAIN).unlink()
        device.start()
        device.later_s = 336 * DAY_S
        device.ask(WEB_2, **asked)
        await device.play(400)
        assert device.outcome() == ([WEB_2], True, "Converged")
        assert f"{CHAIN} is waited for" in device.reason("Healthy")

    run(work())


def _sign(device: Device, starts_s: float = 0.0) -> None:
    """The authority of a lab signs the request."""
    import json

    request = json.loads(device.driver.host.path("/data/device.csr").read_text().splitlines()[1])
    ends = now() + device.later_s + 365 * DAY_S
    value = {
        "name": request["name"],
        "issuer": "Lab",
        "kind": "ec-p256",
        "key": request["key"],
        "starts_s": starts_s,
        "ends_s": ends,
    }
    text = f"-----BEGIN SIMULATED CERTIFICATE-----\n{json.dumps(value)}\n-----END SIMULATED CERTIFICATE-----\n"
    device.driver.host.path(CHAIN).write_text(text)


def test_a_clock_that_cannot_be_right_decides_nothing(device: Device) -> None:
    async def work() -> None:
        device.later_s = -now()
        device.ask()
        await device.play(300)
        assert "no certificate can be made: the clock says 1970-01-01" in device.reason()
        device.start()
        device.later_s = 0.0
        await device.settle()
        before = await device.seen()
        device.later_s = -now()
        device.ask()
        await device.play(300)
        assert (await device.seen()).pairs == before.pairs
        assert "azure may have a certificate that is not valid: the clock says 1970" in device.reason("Healthy")

    run(work())


def test_a_clock_before_1970_or_before_the_certificate_gives_nothing_up(device: Device) -> None:
    async def work() -> None:
        await device.settle()
        before = (await device.seen()).pairs, device.names(), device.output()
        current = before[0].of(before[0].current)
        assert current is not None
        for clock_s, told in (
            (
                -5 * DAY_S,
                "may have a certificate that is not valid: the clock says a time before 1970, which cannot be",
            ),
            (current.starts_s - 5 * DAY_S, "has a certificate that is not valid yet, if the clock is right"),
        ):
            device.later_s = clock_s - now()
            device.ask()
            await device.play(300)
            assert device.reason("Healthy") == f"azure {told}"
            assert device.power.done == []
            assert ((await device.seen()).pairs, device.names(), device.output()) == before
            device.start()
        device.later_s = 0.0
        device.ask()
        await device.play(300)
        assert device.reason("Healthy") == ""
        assert device.outcome() == ([WEB_1], True, "Converged")

    run(work())


def test_a_device_at_a_clock_before_1970_makes_no_certificate(device: Device) -> None:
    async def work() -> None:
        device.later_s = -5 * DAY_S - now()
        device.ask()
        await device.play(300)
        assert "no certificate can be made: the clock says a time before 1970, which cannot be" in device.reason()
        assert device.done() == []

    run(work())


def test_a_signed_certificate_waits_for_its_start(device: Device) -> None:
    async def work() -> None:
        asked: dict[str, Any] = {"certificate": Certificate("csr", request="/data/device.csr", chain=CHAIN)}
        device.ask(**asked)
        told = list[str]()
        device.at(100, _sign, device, now() + 1000)
        device.at(900, lambda: told.append(device.reason()))
        await device.play(2000)
        assert "(its certificate is not valid before 2027-01-15T08:16:40.000Z, if the clock is right)" in told[0]
        assert device.outcome() == ([WEB_1], True, "Converged")

    run(work())


def test_a_device_that_was_assigned_to_another_hub_follows_it(device: Device) -> None:
    async def work() -> None:
        await device.settle()
        device.script.scopes = {SCOPE: OTHER_HUB}
        device.script.devices.clear()
        device.ask(outputs=())  # something else to prove
        await device.play(900)
        assert device.outcome() == ([WEB_1], True, "Converged")
        seen = await device.seen(outputs=())
        assert [each.hub for each in seen.azure.assignments.values()] == [OTHER_HUB]

    run(work())


def test_what_nobody_asks_for_any_more_is_taken_away_but_keys(device: Device) -> None:
    async def work() -> None:
        path = device.driver.host.path(OUTPUT)
        path.parent.mkdir(parents=True)
        path.write_text("mine")
        output = Output(OUTPUT, "{{ deviceId }}", overwrite=True)
        await device.settle(outputs=(output,))
        assert device.output() == "52-54-00-12-34-02"
        before = device.names()
        device.ask(is_asked=False)
        await device.play(300)
        assert device.output() == "mine"
        assert device.driver.sight.provided.all() == {}
        assert device.names() == before
        assert device.journal.memories.of(ProvisioningMemory) == ProvisioningMemory()

    run(work())


def test_a_file_of_somebody_else_is_not_replaced(device: Device) -> None:
    async def work() -> None:
        path = device.driver.host.path(OUTPUT)
        path.parent.mkdir(parents=True)
        path.write_text("mine")
        device.ask()
        await device.play(300)
        assert device.output() == "mine"
        assert f"{OUTPUT} is there, and evenkeel did not make it" in device.reason()

    run(work())


def test_a_container_that_does_not_come_up_takes_the_identity_back(device: Device) -> None:
    async def work() -> None:
        await device.settle()
        before = device.names(), device.output()
        device.engine.ill.add(WEB_2.removeprefix("docker.io/library/"))
        device.script.scopes = {SCOPE: HUB, "0neOTHER": OTHER_HUB}
        device.ask(WEB_2, azure=Azure(id_scope="0neOTHER"))
        device.at(60, lambda: device.script.devices.update({(HUB, "52-54-00-12-34-02"): Enrolled()}))
        await device.play(900)
        assert device.outcome() == ([WEB_1], False, "RolledBack")
        assert (device.names(), device.output()) == before

    run(work())


@pytest.mark.parametrize("actions", sampled(range(1, MOST_ACTIONS + 1), 5, "identity and containers"))
def test_a_loss_of_power_after_any_action_of_a_rollover(device: Device, actions: int) -> None:
    """Both names belong together at each moment, and the device ends with one pair that its hub knows."""

    async def work() -> None:
        await device.settle()
        old = device.names()
        device.ask(WEB_2)
        device.later_s = 336 * DAY_S
        await device.die(actions)
        assert device.names() == old or all(each not in old for each in device.names())
        device.start()
        device.ask(WEB_2)
        await device.play(900)
        assert device.outcome() == ([WEB_2], True, "Converged")
        seen = await device.seen()
        assert list(seen.pairs.by_sha256) == [seen.pairs.current]
        assert device.names() != old
        assert "restart" in device.units.heard["cloud.service"]

    run(work())


def test_a_renewal_that_waits_for_somebody_holds_no_revision_up(device: Device) -> None:
    async def work() -> None:
        connection = device.folder / "connection"
        connection.write_text(f"HostName={HUB};DeviceId=52-54-00-12-34-02\n")
        azure = Azure(connection_string=str(connection))
        device.script.devices[HUB, "52-54-00-12-34-02"] = entered = Enrolled()
        await device.settle(azure=azure)
        before = await device.seen(azure=azure)
        entered.thumbprints.add(before.pairs.current)
        device.ask(azure=azure)
        device.later_s = 336 * DAY_S
        await device.play(900)
        tries = len(device.said("step-failed"))
        assert tries <= 5, "the hub is asked less and less often"
        device.start()
        device.ask(WEB_2, azure=azure)
        await device.play(900)
        assert device.outcome() == ([WEB_2], True, "Converged")
        assert not device.said("revision-failed")
        assert (await device.seen(azure=azure)).pairs.current == before.pairs.current

    run(work())


def test_a_renewal_whose_authority_ends_holds_no_revision_up(device: Device) -> None:
    async def work() -> None:
        pair = made_up("Lab")
        for name, content in (("ca.crt", pair.certificate), ("ca.key", pair.key)):
            (device.folder / name).write_bytes(content)
        certificate = Certificate("caSigned", ca=str(device.folder / "ca.crt"), ca_key=str(device.folder / "ca.key"))
        await device.settle(certificate=certificate)
        device.driver.sight.maker = Ended()
        device.ask(WEB_2, certificate=certificate)
        device.later_s = 336 * DAY_S
        await device.play(900)
        assert device.outcome() == ([WEB_2], True, "Converged")
        assert device.reason("Healthy") == "azure has a certificate that ends in 29 d (the authority ends before that)"

    run(work())
