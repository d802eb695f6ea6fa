"""Actions that somebody asks for, and no plan: a pair that is to follow the one in force before its time, and another proof."""

from __future__ import annotations

from evenkeel.reconcilers.provisioning.choice import Judge, authority_trouble
from evenkeel.reconcilers.provisioning.state import state, target
from evenkeel.specs.provisioning.actions import Follow, Make, Prove, Register, Request, Role
from evenkeel.specs.provisioning.observed import ProvisionedSeen, ProvisioningSeen
from evenkeel.specs.provisioning.pair import EARLY_S, Subject
from evenkeel.specs.provisioning.provisioning import Provisioning


def new_pair(wanted: Provisioning, identity: str, now_s: float, role: Role) -> Make:
    """The action that makes a pair for an identity. `now_s`: seconds since the epoch."""
    valid_s = wanted.certificate.valid_s if wanted.certificate is not None else 0.0
    return Make(wanted, role, Subject(identity, now_s - EARLY_S, now_s + valid_s))


def rotation(there: ProvisionedSeen, seen: ProvisioningSeen) -> Follow | Make | Request | None:
    """The first action of a rotation; `None` when one is under way already. ValueError with the reason where there can be
    none."""
    wanted, pairs = there.wanted, there.pairs
    if wanted is None or wanted.certificate is None:
        raise ValueError("no certificate is asked for")
    certificate = wanted.certificate
    if certificate.mode == "files":
        raise ValueError(f"its certificate is given: replace {certificate.certificate} and {certificate.key}")
    if not pairs.current:
        raise ValueError("no certificate is in force yet; `evenkeel provision` finishes that first")
    if pairs.is_plain:
        raise ValueError("the certificate that is there was not taken in yet; `evenkeel provision` does that first")
    judge = Judge(certificate, there.id.id, there.authority, seen.now_s, not seen.clock_why, {})
    if judge.follows(pairs) or (certificate.mode == "csr" and pairs.request):
        return None
    if seen.clock_why:
        raise ValueError(seen.clock_why)
    if certificate.mode == "csr":
        return Request(wanted, there.id.id)
    if trouble := authority_trouble(there, seen.now_s):
        raise ValueError(trouble)
    second = pairs.of(pairs.second)
    if certificate.second and pairs.second != pairs.current and judge.serves(second):
        return Follow(wanted, pairs.second)
    return new_pair(wanted, there.id.id, seen.now_s, "next")


def proofs(there: ProvisionedSeen) -> tuple[Register | Prove, ...]:
    """The actions that ask the cloud again about what is in force: the assignment first, where a service makes it. ValueError
    with the reason where there is nobody to ask."""
    wanted, to = there.wanted, target(there, there.pairs.current)
    if wanted is None or wanted.azure is None or to is None:
        raise ValueError("it is shown to no cloud, so that there is nobody to ask")
    prove = Prove(wanted, state(there), to.hub, to.device, to.key, again=True)
    if not wanted.azure.is_registered:
        return (prove,)
    return Register(wanted, there.id.id, to.key, there.azure.service, waits=False), prove
