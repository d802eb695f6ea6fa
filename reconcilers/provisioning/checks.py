"""Whether an identity is in force and proven, for a doctor. No cloud is asked: a hub lets one connection in for each
device, and would cut off the connector at work."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple

from evenkeel.reconcilers.provisioning.choice import choose
from evenkeel.reconcilers.provisioning.observation import token_text
from evenkeel.reconcilers.provisioning.state import pair_of, state, target
from evenkeel.specs.provisioning.memory import ProvisioningMemory
from evenkeel.specs.provisioning.observed import ProvisionedSeen, ProvisioningSeen
from evenkeel.templates.provisioning_chain import lack_remedy, lack_text, unfit_remedy, unfit_text


class Finding(NamedTuple):
    """One thing about an identity. `remedy`: "" where nothing has to be done."""

    state: Literal["ok", "warning", "failed"]
    text: str
    remedy: str = ""


def renewing(there: ProvisionedSeen) -> str:
    """The way in which another certificate follows the one in force."""
    certificate = there.wanted.certificate if there.wanted is not None else None
    if certificate is not None and certificate.mode == "csr":
        return f"have {certificate.request} signed, which evenkeel writes, and put the certificate into {certificate.chain}"
    return _replacing(there) or "evenkeel renews it by itself; `evenkeel status` tells what it waits for"


def _replacing(there: ProvisionedSeen) -> str:
    """The remedy for a pair that somebody else makes; "" for others."""
    certificate = there.wanted.certificate if there.wanted is not None else None
    if certificate is None or not certificate.is_given:
        return ""
    return f"replace {certificate.certificate} and {certificate.key}; evenkeel never writes them"


def of_identity(there: ProvisionedSeen, seen: ProvisioningSeen, memory: ProvisioningMemory) -> Iterator[Finding]:
    """All about one identity but the time of its certificate."""
    if there.id.why:
        yield Finding("failed", there.id.why, "give the id with `deviceId.value`")
        return
    choice = choose(there, seen.now_s, seen.clock_why, memory.refused, memory.postponed.get(there.subject))
    current = there.pairs.of(there.pairs.current)
    if choice.blocked:
        yield Finding("failed", choice.blocked, _replacing(there) or "`evenkeel plan` tells where it is asked for")
    elif current is not None and current.remarks:
        rotate = f"`evenkeel provision --rotate {there.subject}`"
        yield Finding("warning", "; ".join(current.remarks), _replacing(there) or rotate)
    if there.azure.why:
        yield Finding("failed", there.azure.why, "mend the file that is named")
        return
    if not seen.clock_why and (token := token_text(there, seen.now_s)):
        why, _, remedy = token.partition("; ")
        yield Finding("failed" if there.azure.ends_s <= seen.now_s else "warning", f"it has a {why}", remedy)
    to, proven = target(there, there.pairs.current), memory.proven.get(there.subject, ())
    # A hub or a broker that has let it in knows the authority.
    is_let_in = there.pairs.current in (there.pairs.let_in, pair_of(proven) if to is not None else "")
    if current is not None and current.lacks and not is_let_in:
        yield Finding("warning", lack_text(current), lack_remedy(current, there.wanted))
    if unfit := unfit_text(there):
        yield Finding("warning", unfit, unfit_remedy(there))
    if not proven or state(there) != proven:
        why = f"{there.id.id} is not proven with what is asked for"
        yield Finding("warning" if proven else "failed", why, "`evenkeel status` tells what it waits for")
    else:
        at = f"as {to.device} at {to.hub}" if to is not None else f"as {there.id.id}"
        yield Finding("ok", f"in force and proven, {at}")
