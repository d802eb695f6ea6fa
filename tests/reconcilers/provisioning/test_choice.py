"""The pair that is to be in force, and what is to be done for that: by what lies there, at one time."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from evenkeel.reconcilers.provisioning.choice import Choice, choose
from evenkeel.reconcilers.provisioning.observation import ailing
from evenkeel.specs.provisioning.memory import Postponement, ProvisioningMemory
from evenkeel.specs.provisioning.observed import IdSeen, Pairs, ProvisionedSeen, ProvisioningSeen
from evenkeel.specs.provisioning.pair import AuthoritySeen, PairSeen
from evenkeel.specs.provisioning.provisioning import DAY_S, Certificate, Mode, Provisioning

DEVICE, LAB = "52-54-00-12-34-02", "Lab"
NOW_S = 1_900_000_000.0
CLOCK = "the clock says 1970-01-01 00:00:00, which cannot be"
REFUSED = "the hub does not let this device in: not authorized"
ENDS_SOON, NONE = "its certificate ends soon", "there is none"
TOO_EARLY = "its certificate is not valid before 2030-03-18T17:46:40.000Z, if the clock is right"
IN_YEARS = "its certificate is not valid before 2040-03-14T17:46:40.000Z, if the clock is right"
FAULT = "the key is not that of the certificate"


def pair(name: str) -> PairSeen:
    """A pair by the words of its name: `old` ends soon, `gone` has expired, `early` begins tomorrow, `future` in ten years,
    `late` has begun later than others, `lab` was signed by an authority; the rest tells it from others."""
    words = name.split()
    days = 20 if "old" in words else -1 if "gone" in words else 300
    issuer = LAB if "lab" in words else "Foreign" if "foreign" in words else DEVICE
    called = "another-device" if "other" in words else DEVICE
    issuer = called if issuer == DEVICE else issuer
    fault = FAULT if "faulty" in words else ""
    starts_s = NOW_S + DAY_S if "early" in words else NOW_S + 3650 * DAY_S if "future" in words else 0.0
    starts_s = NOW_S - 30 * DAY_S if "late" in words else starts_s
    days += 3650 if "future" in words else 0
    return PairSeen(name, name, called, issuer, starts_s, NOW_S + days * DAY_S + len(name), "ec-p256", fault=fault)


class Case(NamedTuple):
    """A case. `pairs`: the names of those in force, ready and next come first in `roles`, each "" for none; `more`: further
    ones."""

    choice: Choice
    mode: Mode = "selfSigned"
    current: str = ""
    second: str = ""
    next: str = ""
    more: tuple[str, ...] = ()
    is_plain: bool = False
    wants_second: bool = False
    refused: tuple[str, ...] = ()
    request: str = ""
    signed: str = ""
    clock_why: str = ""
    authority_why: str = ""
    authority: AuthoritySeen = AuthoritySeen(LAB, "", 0.0, NOW_S + 3650 * DAY_S, ("lab", "lab old"))
    postponed: Postponement | None = None


MAKE_FIRST = Choice(step="make", why=NONE)
RENEW = Choice(step="make", why=ENDS_SOON, holds=True)
STAYS = Choice("good", holds=True)
LATER = Postponement("next", NOW_S + 1, 1, REFUSED)

CASES: dict[str, Case] = {
    "nothing is there": Case(MAKE_FIRST),
    "nothing is there, and a second one is wanted": Case(Choice(step="make", why=NONE, second=True), wants_second=True),
    "a good one stays": Case(STAYS, current="good"),
    "a good one in plain files is taken in": Case(
        Choice("good", "take-plain", "it lies in plain files", holds=True), current="good", is_plain=True
    ),
    "one in plain files that is not good is replaced": Case(
        Choice(step="make", why=FAULT), current="faulty", is_plain=True
    ),
    "one that ends soon is followed": Case(RENEW, current="old"),
    "one that has expired is replaced": Case(Choice(step="make", why="its certificate has expired"), current="gone"),
    "one of another device is replaced": Case(
        Choice(step="make", why=f"its certificate is for another-device, and the device id is {DEVICE}"),
        current="other",
    ),
    "one that is called the next comes, also without need": Case(
        Choice("new", "switch", "another one is ready", holds=True), current="good", next="new"
    ),
    "a next one that has a fault does not": Case(STAYS, current="good", next="faulty"),
    "a next one that was refused in force does not": Case(STAYS, current="good", next="new", refused=("new",)),
    "a former one does not come without need": Case(STAYS, current="good", more=("new",)),
    "one that was made and is called nothing serves": Case(
        Choice("new", "switch", ENDS_SOON, holds=True), current="old", more=("new",)
    ),
    "the second one follows": Case(
        Choice("new", "switch", ENDS_SOON, holds=True), current="old", second="new", wants_second=True
    ),
    "a second one that nobody asks for does not": Case(RENEW, current="old", second="new"),
    "a second one is made": Case(Choice("good", second=True, holds=True), current="good", wants_second=True),
    "a second one that ends soon is made anew": Case(
        Choice("good", second=True, holds=True), current="good", second="old", wants_second=True
    ),
    "after a refusal the former one comes back, although it ends soon": Case(
        Choice("old", "switch", REFUSED), current="new", more=("old", "gone"), refused=("new",)
    ),
    "after a refusal, and with no other one, another one is made": Case(
        Choice(step="make", why=REFUSED), current="new", more=("gone",), refused=("new",)
    ),
    "a renewal is postponed": Case(Choice("old", why=REFUSED, holds=True), current="old", postponed=LATER),
    "but not for ever": Case(RENEW, current="old", postponed=Postponement("next", NOW_S, 1, REFUSED)),
    "and another one than that is not": Case(
        Choice("new", "switch", ENDS_SOON, holds=True), current="old", next="new", postponed=LATER
    ),
    "nor is the first one": Case(MAKE_FIRST, postponed=LATER),
    "a clock that cannot be right makes none": Case(
        Choice(blocked=f"no certificate can be made: {CLOCK}"), clock_why=CLOCK
    ),
    "and gives none up": Case(Choice("gone", holds=True), current="gone", clock_why=CLOCK),
    "nor takes one in": Case(
        Choice("lab", holds=True), mode="csr", current="lab", request="asked", signed="lab x", clock_why=CLOCK
    ),
    "one in force that is not valid yet stays": Case(Choice("early", holds=True), current="early"),
    "one in force that begins in years is followed": Case(
        Choice(step="make", why=IN_YEARS, holds=True), current="future", more=("future x",)
    ),
    "by the second one, if that is valid": Case(
        Choice("new", "switch", IN_YEARS, holds=True), current="future", second="new", wants_second=True
    ),
    "where nobody on the device signs it stays": Case(
        Choice("lab future", holds=True), mode="csr", current="lab future"
    ),
    "a clock that cannot be right tells nothing of it": Case(
        Choice("future", holds=True), current="future", clock_why=CLOCK
    ),
    "a next one that begins in years does not come": Case(STAYS, current="good", next="future"),
    "and holds up no renewal": Case(RENEW, current="old", next="future"),
    "nor does one that was made while the clock was set back": Case(
        Choice("late", holds=True), current="late", next="new"
    ),
    "which comes where it is needed": Case(
        Choice("new", "switch", ENDS_SOON, holds=True), current="late old", next="new"
    ),
    "a second one that begins in years is made anew": Case(
        Choice("good", second=True, holds=True), current="good", second="future", wants_second=True
    ),
    "a second one that seems to have expired waits until the first one is in force": Case(
        Choice(step="make", why="its certificate has expired"), current="gone", second="gone x", wants_second=True
    ),
    "an authority signs": Case(MAKE_FIRST, mode="caSigned"),
    "one of another authority is replaced": Case(
        Choice(step="make", why=f"its certificate was signed by Foreign, and not by {LAB}"),
        mode="caSigned",
        current="foreign",
    ),
    "one of another authority of the same name is replaced, too": Case(
        Choice(
            step="make", why=f"its certificate was signed by {LAB}, and not by the authority of that name in its file"
        ),
        mode="caSigned",
        current="lab x",
    ),
    "an authority that ends before its certificate is told": Case(
        Choice(
            blocked="no certificate can be made: /ca.crt is valid from 1970-01-01T00:00:00.000Z until "
            "2030-04-16T17:46:40.000Z, which is not all of the next 365 days; ask for fewer `validityDays`, or renew it"
        ),
        mode="caSigned",
        authority=AuthoritySeen(LAB, "", 0.0, NOW_S + 30 * DAY_S),
    ),
    "and holds nothing up": Case(
        Choice("lab", holds=True),
        mode="caSigned",
        current="lab",
        authority=AuthoritySeen(LAB, "", 0.0, NOW_S, ("lab",)),
    ),
    "one by an authority stays when that is taken away": Case(
        Choice("lab", holds=True), mode="caSigned", current="lab", authority_why="there is no file /ca.crt"
    ),
    "also when it ends soon": Case(
        Choice("lab old", why="no certificate can be made: there is no file /ca.crt", holds=True),
        mode="caSigned",
        current="lab old",
        authority_why="there is no file /ca.crt",
    ),
    "one by an authority where another mode is asked for": Case(
        Choice(step="make", why=f"its certificate was signed by {LAB}, and `selfSigned` is asked for"), current="lab"
    ),
    "a request is written": Case(Choice(step="request", why=NONE), mode="csr"),
    "a request is waited for": Case(Choice(step="wait", why=NONE), mode="csr", request="asked"),
    "its certificate is taken in": Case(Choice("lab", "take", NONE), mode="csr", request="asked", signed="lab"),
    "also when the request was removed": Case(Choice("lab", "take", NONE), mode="csr", signed="lab"),
    "also when nothing is due, for somebody has asked for another one": Case(
        Choice("lab x", "take", "another one was requested", holds=True), mode="csr", current="lab", signed="lab x"
    ),
    "a certificate that does not fit is told": Case(
        Choice(step="wait", why=f"its certificate is for another-device, and the device id is {DEVICE}"),
        mode="csr",
        request="asked",
        signed="lab other",
    ),
    "one that is not valid yet is waited for": Case(
        Choice(step="wait", why=TOO_EARLY), mode="csr", request="asked", signed="lab early"
    ),
    "and takes the place of none": Case(
        Choice("lab", why=TOO_EARLY, holds=True), mode="csr", current="lab", request="asked", signed="lab early"
    ),
    "the renewal of a request holds nothing up": Case(
        Choice("lab old", why="", holds=True), mode="csr", current="lab old", request="asked"
    ),
    "nor does its certificate that ends too soon": Case(
        Choice("lab old", why="it ends too soon", holds=True),
        mode="csr",
        current="lab old",
        request="asked",
        signed="lab old x",
    ),
    "files are checked": Case(
        Choice("faulty", blocked=f"/given.crt and /given.key: {FAULT}"), mode="files", current="faulty"
    ),
    "files are waited for": Case(Choice(blocked="there is no pair in /given.crt and /given.key"), mode="files"),
    "files stay": Case(Choice("lab", holds=True), mode="files", current="lab"),
}


@pytest.mark.parametrize("name", CASES)
def test_case(name: str) -> None:
    case = CASES[name]
    certificate = Certificate(
        case.mode,
        ca="/ca.crt",
        second=case.wants_second,
        certificate="/given.crt",
        key="/given.key",
        request="/request",
        chain="/chain",
    )
    names = (case.current, case.second, case.next, *case.more)
    pairs = Pairs(
        {each: pair(each) for each in names if each},
        case.current,
        case.second,
        case.next,
        case.request,
        pair(case.signed) if case.signed else None,
        is_plain=case.is_plain,
    )
    there = ProvisionedSeen(
        "azure",
        Provisioning("azure", "/data", certificate=certificate),
        IdSeen(DEVICE),
        pairs,
        authority=AuthoritySeen(why=case.authority_why) if case.authority_why else case.authority,
    )
    found = choose(there, NOW_S, case.clock_why, dict.fromkeys(case.refused, REFUSED), case.postponed)
    assert found == case.choice


def test_a_certificate_that_has_expired_is_told_once() -> None:
    given = Certificate("files", certificate="/given.crt", key="/given.key")
    wanted = Provisioning("azure", "/data", certificate=given)
    there = ProvisionedSeen("azure", wanted, IdSeen(DEVICE), Pairs({"gone": pair("gone")}, "gone"))
    found = ailing(
        ProvisioningSeen("", NOW_S, subjects=(there,)), ProvisioningMemory(proven={"azure": (("pair", "gone"),)})
    )
    assert found["azure"].why == "has a certificate that has expired"
