"""The driver on a simulated host: what others do to its files, what comes late, and what is lost."""

from __future__ import annotations

import asyncio
import os
import pwd
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from tests.contract.provisioning_kits import SimulatedKit

from evenkeel.controller.drivers.provisioning.ports import Pair
from evenkeel.controller.process.let_in import FILE as LET_IN
from evenkeel.controller.process.let_in import LetIn, PairFiles
from evenkeel.reconcilers.provisioning.checks import of_identity
from evenkeel.reconcilers.provisioning.observation import ailing
from evenkeel.reconcilers.provisioning.rotation import proofs
from evenkeel.specs.codec import changed
from evenkeel.specs.plan import Done, Failed
from evenkeel.specs.provisioning.observed import ProvisioningLook, secret_outputs
from evenkeel.specs.provisioning.provisioning import Certificate, DeviceId, Output, Provisioning

from .apart import Box
from .device import FOLDER, Device
from .odd import ODD, odd_pair
from .openssl import DAY_S, DEVICE

OUTPUT, REQUEST, CHAIN = "/etc/connector/config.json", "/data/device.csr", "/data/signed.crt"
TEMPLATE = "{{ hub }} {{ thumbprint }}"


def registered(kit: SimulatedKit, **fields: Any) -> Provisioning:
    """A document for a device that is enrolled with whatever it shows."""
    kit.enrol()
    wish = {"certificate": Certificate("selfSigned"), "azure": kit.way(), "outputs": (Output(OUTPUT, TEMPLATE),)}
    return Provisioning("azure", FOLDER, **(wish | fields))


def signed_by_lab(kit: SimulatedKit, device: Device) -> Certificate:
    pair = kit.authority()
    return Certificate(
        "caSigned", ca=device.put("/lab/ca.crt", pair.certificate), ca_key=device.put("/lab/ca.key", pair.key)
    )


def test_a_good_pair_stays_when_its_authority_is_taken_away(kit: SimulatedKit, device: Device) -> None:
    """The key of an authority does not stay in a vehicle."""
    wanted = registered(kit, certificate=signed_by_lab(kit, device))
    device.settle(wanted)
    pair = device.names()
    for path in ("/lab/ca.key", "/lab/ca.crt"):
        device.at(path).unlink()
        assert asyncio.run(device.plan(wanted)).differences == ()
    kit.later_s = 340 * DAY_S
    assert asyncio.run(device.plan(wanted)).differences == (), "it is told, and holds nothing up"
    assert device.names() == pair
    kit.later_s = 400 * DAY_S
    (blocked,) = asyncio.run(device.plan(wanted)).differences
    assert (
        blocked.why
        == "no certificate can be made: there is no file /lab/ca.crt, which is to have the certificate of the authority"
    )


def test_an_authority_that_cannot_sign_is_told_before_and_heals(kit: SimulatedKit, device: Device) -> None:
    """No plan promises what cannot be made, and no revision fails for good."""
    signed = signed_by_lab(kit, device)
    good, short = kit.authority(), kit.foreign(days=30, name="Lab")
    for pair, why in (
        (short, "is valid from"),
        (Pair(good.certificate, short.key), "/lab/ca.key cannot sign: the key"),
    ):
        device.put(signed.ca, pair.certificate)
        device.put(signed.ca_key, pair.key)
        wanted = registered(kit, certificate=signed)
        (blocked,) = asyncio.run(device.plan(wanted)).differences
        assert (blocked.verb, why in blocked.why) == ("blocked", True), blocked.why
    device.put(signed.ca_key, good.key)
    device.settle(wanted)


def test_another_authority_of_the_same_name_signs_anew(kit: SimulatedKit, device: Device) -> None:
    wanted = registered(kit, certificate=signed_by_lab(kit, device))
    device.settle(wanted)
    before = device.names()
    signed_by_lab(kit, device)
    (update,) = asyncio.run(device.plan(wanted)).differences
    assert "its certificate was signed by Lab, and not by the authority of that name in its file" in update.why
    device.settle(wanted)
    assert device.names() != before


def test_a_second_pair_in_plain_files_follows_the_first(kit: SimulatedKit, device: Device) -> None:
    """As the manual way of Leda makes them (provisioning.md §1)."""
    first, second = kit.foreign(days=20), kit.foreign(days=200)
    for number, pair in (("", first), ("2", second)):
        for end, content in zip(("crt", "key"), pair, strict=True):
            device.put(f"{FOLDER}/device{number}.{end}", content)
    wanted = registered(kit, certificate=Certificate("selfSigned", second=True))
    device.settle(wanted)
    assert device.names() == second
    seen = asyncio.run(device.look(wanted))
    assert len(seen.pairs.by_sha256) == 2


def test_a_second_pair_in_plain_files_that_is_due_is_replaced(kit: SimulatedKit, device: Device) -> None:
    for end, content in zip(("crt", "key"), kit.foreign(days=20), strict=True):
        device.put(f"{FOLDER}/device2.{end}", content)
    wanted = registered(kit, certificate=Certificate("selfSigned", second=True))
    device.settle(wanted)
    seen = asyncio.run(device.look(wanted))
    assert len(seen.pairs.by_sha256) == 2


def test_an_id_that_comes_late_is_seen(kit: SimulatedKit, device: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    """The driver of a network interface may be loaded after evenkeel began."""
    monkeypatch.setattr("evenkeel.controller.process.recall._QUIET_NS", 0)
    interface = device.at("/sys/class/net/eth0")
    target = interface.readlink()
    interface.unlink()
    device.driver.host.is_simulated = False
    wanted = registered(kit)
    (blocked,) = asyncio.run(device.plan(wanted)).differences
    assert "no network interface has an address" in blocked.why
    interface.symlink_to(target)
    assert device.settle(wanted)[0] == "keep-id"


def test_a_user_that_comes_late_is_seen(kit: SimulatedKit, device: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("evenkeel.controller.process.recall._QUIET_NS", 0)
    device.driver.host.is_simulated = False
    wanted = registered(kit, outputs=(Output(OUTPUT, TEMPLATE, owner="connector"),))
    device.settle(registered(kit, outputs=()))
    (blocked,) = asyncio.run(device.plan(wanted)).differences
    assert blocked.why == f"{OUTPUT}: there is no user `connector`; create it, or take another `owner`"
    root = pwd.getpwnam("root")
    monkeypatch.setattr(pwd, "getpwnam", lambda name: root)
    device.settle(wanted)
    assert device.at(OUTPUT).exists()


def test_another_id_needs_another_request(kit: SimulatedKit, device: Device) -> None:
    wanted = registered(kit, certificate=Certificate("csr", request=REQUEST, chain=CHAIN))
    asyncio.run(device.follow(wanted))
    before = device.at(REQUEST).read_bytes()
    other = changed(wanted, device_id=DeviceId("another-one"))
    assert "request" in asyncio.run(device.follow(other))
    assert device.at(REQUEST).read_bytes() != before


def test_a_request_that_was_lost_is_written_again(kit: SimulatedKit, device: Device) -> None:
    wanted = registered(kit, certificate=Certificate("csr", request=REQUEST, chain=CHAIN))
    asyncio.run(device.follow(wanted))
    before = device.at(REQUEST).read_bytes()
    device.at(REQUEST).unlink()
    asyncio.run(device.follow(wanted))
    assert device.at(REQUEST).read_bytes() == before


def test_a_loss_of_power_before_a_file_is_replaced_loses_it_not(kit: SimulatedKit, device: Device) -> None:
    """INV-08 of files: what somebody else has made is overwritten only after it was kept."""
    device.put(OUTPUT, "somebody's")
    wanted = registered(kit, outputs=(Output(OUTPUT, TEMPLATE, overwrite=True),))
    asyncio.run(device.follow(wanted, most=6))
    step = next(step for stage in asyncio.run(device.plan(wanted)).stages for step in stage.steps)
    assert step.action.traits.facts["action"] == "write"
    from evenkeel.reconcilers.provisioning.remembering import memory_before

    device.memory = memory_before(step, device.memory)  # and here the power goes
    asyncio.run(device.restart())
    device.settle(wanted)
    assert device.at(OUTPUT).read_text() != "somebody's"
    device.settle()
    assert device.at(OUTPUT).read_text() == "somebody's"


def test_a_loss_of_power_and_nobody_asks_any_more(kit: SimulatedKit, device: Device) -> None:
    device.put(OUTPUT, "somebody's")
    wanted = registered(kit, outputs=(Output(OUTPUT, TEMPLATE, overwrite=True),))
    asyncio.run(device.follow(wanted, most=6))
    step = next(step for stage in asyncio.run(device.plan(wanted)).stages for step in stage.steps)
    from evenkeel.reconcilers.provisioning.remembering import memory_before

    device.memory = memory_before(step, device.memory)
    asyncio.run(device.restart())
    device.settle()
    assert device.at(OUTPUT).read_text() == "somebody's"


def test_the_former_pair_comes_back_when_the_hub_refuses_the_new_one(kit: SimulatedKit, device: Device) -> None:
    """After it had let it in: somebody took the wrong thumbprint out."""
    device.put("/data/connection", f"HostName={kit.hubs[0]};DeviceId={DEVICE}")
    wanted = registered(kit, azure=kit.way(connection_string="/data/connection"))
    kit.enter()
    device.settle(wanted)
    old = device.names()
    kit.later_s = 340 * DAY_S
    assert asyncio.run(device.follow(wanted, most=3)) == ["make", "try", "switch"]
    assert device.names() != old
    kit.enter(old.certificate)
    asyncio.run(device.follow(wanted))
    assert isinstance(device.trouble, Failed)
    asyncio.run(device.follow(wanted))
    assert device.names() == old, "one that works is better than one that does not"


def test_two_identities_with_different_ids_come_to_rest(kit: SimulatedKit, device: Device) -> None:
    """Other programs are told the id of the first one."""
    one = registered(kit, device_id=DeviceId("one"), azure=None, outputs=())
    two = changed(one, name="two", folder="/data/two", device_id=DeviceId("two"))
    device.settle(one, two)
    assert [device.at(path).read_text() for path in (f"{FOLDER}/deviceid", "/data/two/deviceid")] == ["one\n", "two\n"]
    assert device.at("/etc/deviceid").read_text() == "one\n"


def test_a_hub_that_refuses_a_proven_pair_for_a_while_does_not_make_it_useless(
    kit: SimulatedKit, device: Device
) -> None:
    """Somebody has disabled the device, and enables it again."""
    device.put("/data/connection", f"HostName={kit.hubs[0]};DeviceId={DEVICE}")
    wanted = registered(kit, azure=kit.way(connection_string="/data/connection"))
    kit.enter()
    device.settle(wanted)
    pair = device.names()
    kit.forget()
    more = changed(wanted, outputs=(Output(OUTPUT, "{{ hub }}"),))
    asyncio.run(device.follow(more))
    assert isinstance(device.trouble, Failed)
    kit.enter(pair.certificate)
    device.settle(more)
    assert device.names() == pair


def test_what_others_change_on_a_simulated_host_wakes_at_once(kit: SimulatedKit, device: Device) -> None:
    """A rotation by another process is nothing but a link; a file of a document lies below the root of the host."""
    signed = signed_by_lab(kit, device)
    wanted = registered(kit, certificate=signed)
    device.settle(wanted)
    store = device.driver.sight.store(FOLDER)

    async def scenario() -> None:
        await device.look(wanted)
        nudges = device.driver.nudges()
        for change in (
            lambda: store.switch("next", store.look().current),
            lambda: device.put(signed.ca, "another one"),
            lambda: (device.at(FOLDER) / "device.crt").write_bytes(b"written through the link"),
        ):
            nudge = asyncio.ensure_future(anext(nudges))
            await asyncio.sleep(0.3)
            assert not nudge.done()
            change()
            async with asyncio.timeout(30):
                await nudge
        await nudges.aclose()  # type: ignore[attr-defined]

    asyncio.run(scenario())


@pytest.mark.parametrize("is_theirs", [False, True])
def test_a_second_pair_goes_when_nobody_asks_for_it(kit: SimulatedKit, device: Device, is_theirs: bool) -> None:
    device.settle(registered(kit, certificate=Certificate("selfSigned", second=True)))
    second, current = [device.at(FOLDER) / f"device2.{end}" for end in ("crt", "key")], device.names()
    if is_theirs:
        for path in second:
            content = path.read_bytes()
            path.unlink()
            path.write_bytes(content)
    assert device.settle(registered(kit)) == ["provide", "prove", *([] if is_theirs else ["tidy"])]
    assert [path.exists() for path in second] == [is_theirs] * 2
    assert device.names() == current
    assert device.settle(registered(kit)) == []


def test_the_pair_that_the_broker_knows_stays_until_it_knows_the_next_one(kit: SimulatedKit, device: Device) -> None:
    """Evenkeel's own connection may have to go back to it."""
    wanted, kept = registered(kit), LetIn(kit.state / LET_IN)

    def let_in() -> None:
        certificate, key = (device.at(FOLDER) / f"device.{end}" for end in ("crt", "key"))
        kept.put(PairFiles(certificate.resolve(), key.resolve()))

    device.settle(wanted)
    let_in()
    kit.later_s = 340 * DAY_S
    device.settle(wanted)
    assert len(asyncio.run(device.look(wanted)).pairs.by_sha256) == 2
    let_in()
    assert device.settle(wanted) == ["tidy"]
    assert len(asyncio.run(device.look(wanted)).pairs.by_sha256) == 1


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"certificate": Certificate("files", certificate="/bad", key="/bad")}, "/bad cannot be read: is a directory"),
        (
            {"outputs": (Output("/etc/x", template_file="/bad"),)},
            "/bad, which is to have a template, cannot be read: is a directory",
        ),
        ({"folder": "/bad"}, "/bad/deviceid cannot be read: is a directory; it is to have the device id"),
        ({"folder": "/worse"}, "/worse/pairs cannot be read: not a directory"),
        (
            {"certificate": Certificate("csr", request=REQUEST, chain="/bad")},
            "/bad cannot be read: is a directory",
        ),
    ],
)
def test_a_path_that_cannot_be_read_is_the_matter_of_its_document(
    kit: SimulatedKit, device: Device, fields: dict[str, Any], why: str
) -> None:
    device.at("/bad/deviceid").mkdir(parents=True)
    device.put("/worse/pairs", "a file")
    other = Provisioning("other", "/data/other", certificate=Certificate("selfSigned"))
    one = Provisioning("worse", FOLDER, certificate=Certificate("selfSigned"))
    asyncio.run(device.follow(changed(one, **fields), other))
    assert list(device.at("/data/other/pairs").iterdir()), "the other one is worked at"
    told = [each.why for each in asyncio.run(device.plan(changed(one, **fields), other)).differences]
    trouble = [device.trouble.message] if device.trouble is not None else []
    assert any(why in each for each in (*told, *trouble)), (told, trouble)


def test_a_given_certificate_that_the_library_cannot_read_is_the_matter_of_its_document(tmp_path: Path) -> None:
    device, pair = Box(tmp_path, is_real=True), odd_pair(ODD["an extension twice"])
    given = Certificate("files", certificate="/given.crt", key="/given.key")
    device.put(given.certificate, pair.certificate)
    device.put(given.key, pair.key)
    one = Provisioning("one", FOLDER, certificate=given)
    other = Provisioning("other", "/data/other", certificate=Certificate("selfSigned"))
    device.settle(one, other)
    (blocked,) = asyncio.run(device.plan(one, other)).differences
    assert blocked.why == "/given.crt and /given.key: it has the extension 1.2.3.4 twice, which no certificate may have"
    assert device.at("/data/other/device.crt").exists()
    asyncio.run(device.driver.close())


@pytest.mark.parametrize(
    "template",
    [
        "{{ thumbprint }} {{ secondThumbprint }}",
        "{{ thumbprint }} {% if secondThumbprint is defined %}{{ secondThumbprint }}{% endif %}",
    ],
)
def test_an_output_with_both_thumbprints_follows_a_rotation(kit: SimulatedKit, device: Device, template: str) -> None:
    """The second pair comes into force, and another one has to be made before the template can be filled."""
    output = Output(OUTPUT, template)
    wanted = registered(kit, certificate=Certificate("selfSigned", second=True), azure=None, outputs=(output,))
    device.settle(wanted)
    before = device.at(OUTPUT).read_text().split()
    store, written = device.driver.sight.store(FOLDER), set[str]()
    store.switch("next", store.look().second)
    device.between = lambda: written.add(device.at(OUTPUT).read_text())
    device.settle(wanted)
    after = device.at(OUTPUT).read_text().split()
    assert after[0] == before[1]
    assert after[1] not in before
    assert written == {" ".join(before), " ".join(after)}, "and never half of it"


def test_a_template_in_a_file_that_names_what_never_comes_is_told(kit: SimulatedKit, device: Device) -> None:
    output = Output(OUTPUT, template_file=device.put("/data/t", "{{ deviceId }} {{ idScope }}"))
    (blocked,) = asyncio.run(device.plan(registered(kit, azure=None, outputs=(output,)))).differences
    assert blocked.why.endswith(
        "names `idScope`, which `azure` never has, because it has no `azure.dps`; take another value, or add `azure.dps`"
    )


def test_a_template_that_takes_a_value_apart_waits_for_it(kit: SimulatedKit, device: Device) -> None:
    """Before there are values, it was filled with empty ones; an error then stopped all that leads to the values."""
    output = Output(OUTPUT, '{{ connectionString.split(";")[1] }}')
    device.settle(registered(kit, outputs=(output,)))
    assert device.at(OUTPUT).read_text() == f"DeviceId={DEVICE}"


def test_a_token_that_ends_is_told(kit: SimulatedKit, device: Device) -> None:
    """The doctor warns before, `Healthy` tells afterwards, for nobody else would; one that has ended is not tried."""
    ends_s = int(time.time()) + 10 * DAY_S
    way = f"HostName={kit.hubs[0]};DeviceId={DEVICE};SharedAccessSignature=SharedAccessSignature sr=h&sig=s&se={ends_s:.0f}"
    device.put("/data/connection", way)
    os.utime(device.at("/data/connection"), (0, ends_s - 365 * DAY_S))
    kit.enter()
    wanted = registered(kit, certificate=None, azure=kit.way(connection_string="/data/connection"), outputs=())
    device.settle(wanted)

    def told() -> tuple[str, list[str]]:
        look = ProvisioningLook(documents=(wanted,))
        seen = asyncio.run(device.driver.observe(look))
        ailment = ailing(seen, device.memory).get("azure")
        findings = of_identity(seen.subjects[0], seen, device.memory)
        return ailment.why if ailment is not None else "", [each.state for each in findings]

    remedy = "write a connection string with a new one into /data/connection"
    assert told() == ("", ["ok"])
    kit.later_s = 8.5 * DAY_S
    assert told() == ("", ["warning", "ok"])
    os.utime(device.at("/data/connection"), (0, ends_s - 3 * DAY_S))
    assert told() == ("", ["ok"]), "it was written for three days, and half of them are left"
    kit.later_s = 11 * DAY_S
    assert told() == (f"has a token that ended; {remedy}", ["failed", "ok"])
    assert asyncio.run(device.plan(wanted)).differences == (), "it holds nothing else up"
    (prove,) = proofs(asyncio.run(device.look(wanted)))
    kit.enter(key="a2V5")
    outcome = asyncio.run(device.driver.perform(prove, lambda *given: None))
    refused = f"the hub does not let this device in: not authorized; it has a token that ended; {remedy}"
    assert outcome == Failed(refused)
    kit.enter()
    device.put("/data/connection", way + "0;GatewayHostName=gate")
    device.settle(wanted)
    device.put("/data/connection", way)
    (blocked,) = asyncio.run(device.plan(wanted)).differences
    assert (blocked.verb, blocked.why) == ("blocked", f"it has a token that ended; {remedy}")


def test_another_id_on_a_read_only_system_is_told(kit: SimulatedKit, device: Device) -> None:
    """The kept id was shown as that of `/etc/deviceid`, which has another one."""
    wanted, etc = Provisioning("azure", FOLDER, certificate=Certificate("selfSigned")), device.at("/etc")
    device.put(f"{FOLDER}/deviceid", f"{DEVICE}\n")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", etc], check=True)
    try:
        device.put("/etc/deviceid", "other\n")
        subprocess.run(["mount", "-o", "remount,ro", etc], check=True)
        device.driver.host.is_simulated = False
        device.settle(wanted)
        ids = asyncio.run(device.look(wanted)).id
        assert (ids.id, ids.kept, ids.announced, ids.is_readonly) == (DEVICE, DEVICE, "other", True)
        assert asyncio.run(device.plan(wanted)).stages == ()
        asyncio.run(device.driver.close())
    finally:
        subprocess.run(["umount", "-l", etc], check=True)


@pytest.mark.parametrize("spelling", [DEVICE, DEVICE.replace("-", "")])
def test_a_first_set_up_on_a_read_only_system(kit: SimulatedKit, device: Device, spelling: str) -> None:
    """The kept id counts there, also one that gets the spelling of a certificate that is there."""
    given = kit.foreign(days=90, name=spelling)
    device.put(f"{FOLDER}/device.crt", given.certificate)
    device.put(f"{FOLDER}/device.key", given.key)
    etc = device.at("/etc")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "ro,size=64k", "tmpfs", etc], check=True)
    try:
        device.driver.host.is_simulated = False
        device.settle(Provisioning("azure", FOLDER, certificate=Certificate("selfSigned")))
        assert (device.at(f"{FOLDER}/deviceid").read_text(), list(etc.iterdir())) == (f"{spelling}\n", [])
        asyncio.run(device.driver.close())
    finally:
        subprocess.run(["umount", "-l", etc], check=True)


def test_a_key_that_everybody_may_read_is_told(
    kit: SimulatedKit, device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("evenkeel.controller.process.recall._QUIET_NS", 0)
    given = kit.foreign(days=90)
    for path, content in (("/given.crt", given.certificate), ("/given.key", given.key)):
        device.at(device.put(path, content)).chmod(0o644)
    files = Certificate("files", certificate="/given.crt", key="/given.key")
    device.put("/data/connection", f"HostName={kit.hubs[0]};DeviceId={DEVICE}")
    device.at("/data/connection").chmod(0o644)  # it has no secret
    kit.enter(given.certificate)
    wanted = registered(kit, certificate=files, azure=kit.way(connection_string="/data/connection"), outputs=())
    device.driver.host.is_simulated = False
    device.settle(wanted)

    def told() -> str:
        seen = asyncio.run(device.driver.observe(ProvisioningLook(documents=(wanted,))))
        return "".join(each.why for each in ailing(seen, device.memory).values())

    assert told() == "has a secret that everybody on this device may read; `chmod o-r /given.key`"
    device.at("/given.key").chmod(0o640)
    assert told() == ""
    device.put("/data/connection", "HostName=h;SharedAccessKey=a2V5")
    assert told() == "has a secret that everybody on this device may read; `chmod o-r /data/connection`", (
        "it may have one"
    )


def test_a_key_is_in_no_file_for_everybody(kit: SimulatedKit, device: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the file of the connection string tells whether there is a key."""
    monkeypatch.setattr("evenkeel.controller.process.recall._QUIET_NS", 0)
    way = f"HostName={kit.hubs[0]};DeviceId={DEVICE}"
    device.put("/data/connection", way)
    template = device.put("/data/template", "{{ connectionString }}")
    kit.enter()

    def asked(mode: int) -> Provisioning:
        output = Output(OUTPUT, template_file=template, mode=mode)
        return registered(kit, azure=kit.way(connection_string="/data/connection"), outputs=(output,))

    device.driver.host.is_simulated = False
    device.settle(asked(0o644))
    assert device.at(OUTPUT).read_text() == way
    assert (asyncio.run(device.look(asked(0o644)))).open_secrets == ()
    device.put("/data/connection", f"{way};SharedAccessKey=a2V5")
    device.at("/data/connection").chmod(0o600)
    (blocked,) = asyncio.run(device.plan(asked(0o644))).differences
    told = "mode 0644 lets everybody on this device read it, and it has `connectionString`, which is secret"
    assert (blocked.verb, blocked.why) == (
        "blocked",
        f'{OUTPUT}: {told}; write `mode: "0600"`, or `mode: "0640"` with the `group` of the program that reads it',
    )
    assert device.at(OUTPUT).read_text() == way
    assert asyncio.run(device.look(asked(0o644))).open_secrets == ()
    device.put(OUTPUT, f"{way};SharedAccessKey=a2V5")  # as a former evenkeel has written such files
    there = asyncio.run(device.look(asked(0o644)))
    assert there.open_secrets == secret_outputs(asked(0o644), there.outputs) == (OUTPUT,)
    device.settle(asked(0o640))
    assert "a2V5" in device.at(OUTPUT).read_text()
    assert device.at(OUTPUT).stat().st_mode & 0o777 == 0o640


def test_another_proof_finds_that_the_device_was_moved(kit: SimulatedKit, device: Device) -> None:
    """The former hub may let it in still: the service is asked first."""
    wanted = registered(kit)
    device.settle(wanted)
    kit.enrol(hub=kit.hubs[1])
    assert device.settle(wanted) == [], "a settled device asks nobody"
    register, _ = proofs(asyncio.run(device.look(wanted)))
    outcome = asyncio.run(device.driver.perform(register, lambda *given: None))
    assert isinstance(outcome, Done)
    assert device.settle(wanted) == ["try", "provide", "write", "prove"]
    assert device.at(OUTPUT).read_text().startswith(kit.hubs[1])


def test_another_proof_that_is_refused_leaves_what_is_in_force(kit: SimulatedKit, device: Device) -> None:
    """The assignment was dropped, and the same one by the service then counted as proven, though no hub was asked."""
    wanted = registered(kit)
    device.settle(wanted)
    register, prove = proofs(asyncio.run(device.look(wanted)))
    assert isinstance(asyncio.run(device.driver.perform(register, lambda *given: None)), Done)
    kit.forget()
    before = asyncio.run(device.look(wanted))
    outcome = asyncio.run(device.driver.perform(prove, lambda *given: None))
    assert isinstance(outcome, Failed)
    assert "the hub does not let this device in" in outcome.message
    assert asyncio.run(device.look(wanted)) == before
    assert device.settle(wanted) == []
