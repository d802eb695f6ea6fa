"""Differences of one identity: what is due by what was seen and remembered, and what cannot be had."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import pytest

from evenkeel.reconcilers.provisioning.diff import diff
from evenkeel.reconcilers.provisioning.remembering import memory_after, memory_before
from evenkeel.reconcilers.provisioning.select import select
from evenkeel.reconcilers.provisioning.state import state
from evenkeel.specs.codec import changed
from evenkeel.specs.desired import Document, desired_state
from evenkeel.specs.plan import Done, Failed, Outcome, Phase, Retry, Step
from evenkeel.specs.provisioning.actions import Make, Prove, ProvisioningAction, Register, Try, Withdraw, Write
from evenkeel.specs.provisioning.cloud import Assignment
from evenkeel.specs.provisioning.difference import ProvisioningDifference
from evenkeel.specs.provisioning.memory import Postponement, ProvisioningMemory
from evenkeel.specs.provisioning.observed import AzureSeen, IdSeen, OutputSeen, Pairs, ProvisionedSeen, ProvisioningSeen
from evenkeel.specs.provisioning.pair import PairSeen, Subject
from evenkeel.specs.provisioning.provisioning import DAY_S, Azure, Certificate, Output, Provisioning

DEVICE, HUB, PATH, NOW_S = "device-1", "one.azure-devices.net", "/etc/out", 1_900_000_000.0
SERVICE = "dps.example (id scope 0neABC)"
WANTED = Provisioning(
    "azure",
    "/data",
    certificate=Certificate("selfSigned"),
    azure=Azure(id_scope="0neABC"),
    outputs=(Output(PATH, "{{ hub }}"),),
)


def pair(name: str, days: float = 300) -> PairSeen:
    return PairSeen(name, f"{name}-sha1", DEVICE, DEVICE, 0.0, NOW_S + days * DAY_S, "ec-p256")


def assigned(*pairs: str, hub: str = HUB) -> AzureSeen:
    return AzureSeen("asked", assignments={each: Assignment(hub, DEVICE) for each in pairs}, service=SERVICE)


SETTLED = ProvisionedSeen(
    "azure",
    WANTED,
    IdSeen(DEVICE, DEVICE, DEVICE),
    Pairs({"first": pair("first")}, "first"),
    azure=assigned("first"),
    asked="values",
    held="values",
    outputs=(OutputSeen(PATH, "file", "file"),),
)
PROVEN = ProvisioningMemory(placed={PATH: "azure"}, provided=("azure",), proven={"azure": state(SETTLED)})
DUE = Pairs({"first": pair("first", 20)}, "first")
FOLLOWED = Pairs({"first": pair("first", 20), "next": pair("next")}, "first", next="next")
LEFT = Pairs({"first": pair("first"), "other": pair("other")}, "first", "other", is_second_left=True)
LEFT_WHY = "the second certificate and its key are removed; where the cloud has its thumbprint other-sha1, take it out"
FRESH = ProvisionedSeen("azure", WANTED, IdSeen(DEVICE), azure=assigned(), outputs=(OutputSeen(PATH),))


class Case(NamedTuple):
    """A case. `seen`: what differs from `SETTLED`; `due`: the names of the actions in the order of their phases."""

    verb: str
    due: tuple[str, ...] = ()
    seen: Mapping[str, Any] = {}
    memory: ProvisioningMemory = PROVEN
    why: str = ""
    clock_why: str = ""


TRIED = changed(PROVEN, tried={"azure": f"asked next {HUB} {DEVICE}"})
THEIRS = (OutputSeen(PATH, "file", "theirs"),)
CASES = {
    "a fresh device": Case(
        "create", ("keep-id", "make"), {"pairs": Pairs(), "id": IdSeen(DEVICE), "held": ""}, ProvisioningMemory()
    ),
    "a pair that nobody knows": Case(
        "update", ("register", "switch"), {"pairs": Pairs({"next": pair("next")}, next="next"), "azure": assigned()}
    ),
    "a renewal": Case("update", ("make",), {"pairs": DUE}),
    "a renewal that has its pair": Case("update", ("register", "switch"), {"pairs": FOLLOWED}),
    "that is assigned": Case("update", ("try", "switch"), {"pairs": FOLLOWED, "azure": assigned("first", "next")}),
    "that was let in": Case("update", ("switch",), {"pairs": FOLLOWED, "azure": assigned("first", "next")}, TRIED),
    "a renewal that is postponed": Case(
        "", (), {"pairs": DUE}, changed(PROVEN, postponed={"azure": Postponement("next", NOW_S + 60, 1, "refused")})
    ),
    "another service": Case("update", ("register",), {"azure": changed(assigned(), asked="another")}),
    "other values": Case("update", ("provide",), {"asked": "others"}),
    "another content": Case("update", ("write",), {"outputs": (OutputSeen(PATH, "new", "file"),)}),
    "what is in force and not proven": Case(
        "finish", ("prove",), {}, changed(PROVEN, proven={"azure": (*state(SETTLED)[:-1], (f"output {PATH}", "old"))})
    ),
    "pairs that nobody needs": Case(
        "finish", ("tidy",), {"pairs": Pairs({"first": pair("first"), "old": pair("old")}, "first")}
    ),
    "a pair that the broker may ask for again": Case(
        "", (), {"pairs": Pairs({"first": pair("first"), "old": pair("old")}, "first", let_in="old")}
    ),
    "leftovers": Case("finish", ("tidy",), {"pairs": changed(SETTLED.pairs, leftovers=("next",))}),
    "a good pair in plain files": Case("update", ("take",), {"pairs": changed(SETTLED.pairs, is_plain=True)}),
    "a second pair that nobody asks for": Case("update", ("tidy",), {"pairs": LEFT}, why=LEFT_WHY),
    "no id": Case("blocked", why="no address", seen={"id": IdSeen(why="no address")}),
    "an id that is too long for a certificate": Case(
        "blocked",
        why="the device id cannot be that of a certificate: it has 65 characters, and the common name of a certificate has at "
        "most 64; give another one with `deviceId.value`",
        seen={"id": IdSeen("x" * 65)},
    ),
    "another device's connection string": Case(
        "blocked",
        why=f"it is for the device other, and this one is {DEVICE}",
        seen={"azure": AzureSeen("asked", hub=HUB, device="other")},
    ),
    "a file of somebody else": Case(
        "blocked",
        why=f"{PATH} is there, and evenkeel did not make it; see `overwrite`",
        seen={"outputs": THEIRS},
        memory=changed(PROVEN, placed={}),
    ),
    "a file of somebody else that was about to be replaced": Case(
        "blocked",
        why=f"{PATH} is there, and evenkeel did not make it; see `overwrite`",
        seen={"outputs": THEIRS},
        memory=changed(PROVEN, keeping=(PATH,)),
    ),
    "a clock that cannot be right": Case("", clock_why="the clock says 1970"),
    "and a cloud that has to be asked": Case(
        "blocked",
        why="the cloud is not asked: the clock says 1970",
        clock_why="the clock says 1970",
        seen={"azure": changed(assigned("first"), asked="another")},
    ),
}


def differences(
    there: ProvisionedSeen, memory: ProvisioningMemory, clock_why: str = "", *, is_asked: bool = True
) -> tuple[ProvisioningDifference, ...]:
    asked = [Document("Provisioning", "azure", there.wanted or WANTED)] if is_asked else []
    left = () if is_asked else there.outputs
    return diff(select(desired_state(asked)), ProvisioningSeen("here", NOW_S, clock_why, (there,), left), memory)


def actions(found: tuple[ProvisioningDifference, ...]) -> list[ProvisioningAction]:
    return [action for each in found for phase in each.due for action in phase]


@pytest.mark.parametrize("name", CASES)
def test_case(name: str) -> None:
    case = CASES[name]
    found = differences(changed(SETTLED, **case.seen), case.memory, case.clock_why)
    assert "".join(each.verb for each in found) == case.verb
    assert tuple(each.traits.facts["action"] for each in actions(found)) == case.due
    assert not case.why or found[0].why == case.why
    assert [each for difference in found for each in difference.changes if each.old == each.new] == []


def test_a_settled_identity_has_none() -> None:
    assert differences(SETTLED, PROVEN) == ()


# --- what a refusal means ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seen", "memory", "waits", "renews"),
    [
        ({"pairs": FOLLOWED}, PROVEN, True, True),
        ({"pairs": FOLLOWED, "azure": assigned("first", "next")}, PROVEN, True, True),
        ({"azure": changed(assigned(), asked="another")}, PROVEN, False, False),
        ({"pairs": FOLLOWED, "azure": changed(assigned(), asked="another")}, PROVEN, False, False),
        ({"azure": assigned()}, ProvisioningMemory(), True, False),
    ],
    ids=["renewal", "renewal, assigned", "another service", "renewal at another service", "first"],
)
def test_a_refusal_is_final_for_a_change_alone(
    seen: dict[str, Any], memory: ProvisioningMemory, waits: bool, renews: bool
) -> None:
    (asked,) = (
        each for each in actions(differences(changed(SETTLED, **seen), memory)) if isinstance(each, Register | Try)
    )
    assert (asked.waits, asked.renews_s > 0) == (waits, renews)


def after(action: Any, outcome: Outcome, memory: ProvisioningMemory) -> ProvisioningMemory:
    return memory_after(Step("1", "azure", Phase.DOWNLOAD, action), outcome, memory)


def test_a_renewal_is_tried_less_and_less_often_and_then_no_more_postponed() -> None:
    make = Make(WANTED, "next", Subject(DEVICE, 0.0, 1.0), NOW_S)
    memory, pauses = PROVEN, []
    for _ in range(9):
        memory = after(make, Retry("busy"), memory)
        pauses.append(memory.postponed["azure"].until_s - NOW_S)
    assert pauses == [60, 120, 240, 480, 960, 1920, 3600, 3600, 3600]
    other = Try(WANTED, HUB, DEVICE, "next", "target", True, NOW_S)
    assert after(other, Retry("refused"), memory).postponed["azure"] == Postponement(
        "next", NOW_S + 7200 / 2, 10, "refused"
    )
    assert after(other, Done(), memory).postponed == {}
    assert after(changed(make, renews_s=0.0), Failed("no"), PROVEN) == PROVEN


def test_a_pair_that_was_proven_before_is_not_refused_for_good() -> None:
    for sha256, refused in (("first", {}), ("next", {"next": "no"})):
        prove = Prove(WANTED, state(SETTLED), HUB, DEVICE, sha256)
        assert after(prove, Failed("no"), PROVEN).refused == refused
        assert after(prove, Retry("away"), PROVEN).refused == {}


def test_a_file_of_somebody_else_is_theirs_until_it_is_kept() -> None:
    write = Step("1", "azure", Phase.ACTIVATE, Write(WANTED, PATH, "file", keeps=True))
    memory = memory_before(write, changed(PROVEN, placed={}))
    assert (memory.placed, memory.keeping) == ({PATH: "azure"}, (PATH,))
    wanted = changed(WANTED, outputs=(changed(WANTED.outputs[0], overwrite=True),))
    for is_kept in (False, True):
        there = changed(SETTLED, wanted=wanted, outputs=(OutputSeen(PATH, "file", "theirs", is_kept=is_kept),))
        again = next(each for each in actions(differences(there, memory)) if isinstance(each, Write))
        assert again == Write(wanted, PATH, "file", keeps=not is_kept)
        gone, *_ = actions(differences(there, memory, is_asked=False))
        assert gone == Withdraw(PATH, is_theirs=not is_kept)
    done = memory_after(write, Done(), memory)
    assert (done.placed, done.keeping) == ({PATH: "azure"}, ())
    assert after(Withdraw(PATH, True), Done(), memory).keeping == ()
