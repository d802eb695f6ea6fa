"""How identities are: what ails one that is there, and which are not there at all."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from evenkeel.reconcilers.ports import Ailment
from evenkeel.reconcilers.provisioning.choice import EXPIRED, choose
from evenkeel.specs.provisioning.memory import ProvisioningMemory
from evenkeel.specs.provisioning.observed import AzureSeen, ProvisionedSeen, ProvisioningSeen
from evenkeel.specs.provisioning.provisioning import DAY_S
from evenkeel.templates.ago import ago_text

_TOKEN_SOON_S = 7 * DAY_S
"""So long before its end, at the most, a token is told of: nobody but a person, or another program, makes the next one."""
_TOKEN_PART = 3
"""A token that another program renews in time is no matter, however short it lives: it is told of in the last third of the time
that it had when it was written."""


def ailing(seen: ProvisioningSeen, memory: ProvisioningMemory) -> dict[str, Ailment]:
    """Identities that are proven, and that somebody has to do something for. None of it speaks against a change."""
    found = {}
    for there in seen.subjects:
        reasons = list(_reasons(there, seen, memory)) if there.subject in memory.proven else []
        if reasons:
            found[there.subject] = Ailment("; ".join(reasons), refutes=False)
    return found


def _reasons(there: ProvisionedSeen, seen: ProvisioningSeen, memory: ProvisioningMemory) -> Iterator[str]:
    if 0 < there.azure.ends_s <= seen.now_s and not seen.clock_why:  # one that another program renews always ends soon
        yield f"has a {token_text(there, seen.now_s)}"
    for path in there.open_secrets:
        yield f"has a secret that everybody on this device may read; `chmod o-r {path}`"
    current = there.pairs.of(there.pairs.current)
    certificate = there.wanted.certificate if there.wanted is not None else None
    if current is None or certificate is None:
        return
    if seen.clock_why:
        yield f"may have a certificate that is not valid: {seen.clock_why}"
        return
    if seen.now_s < current.starts_s:
        yield "has a certificate that is not valid yet, if the clock is right"
        return
    left_s, postponed = current.ends_s - seen.now_s, memory.postponed.get(there.subject)
    if left_s > certificate.renew_before_s:
        if postponed is not None:
            yield f"waits for its next certificate: {postponed.why}"
        return
    ends = "has expired" if left_s < 0 else f"ends in {ago_text(left_s)}"
    choice = choose(there, seen.now_s, seen.clock_why, memory.refused, postponed)
    waits = certificate.mode == "csr" and there.pairs.request
    how = f"; {certificate.chain} is waited for, the request is {certificate.request}" if waits else ""
    trouble = choice.blocked or (choice.why if choice.sha256 == there.pairs.current else "")
    says_more = bool(trouble) and not trouble.endswith(EXPIRED)
    yield f"has a certificate that {ends}{how}" + (f" ({trouble})" if says_more else "")


def token_text(there: ProvisionedSeen, now_s: float) -> str:
    """The words about a token that has ended, or ends soon, and the file that has it; "" for one that holds, and for none."""
    azure, left_s = there.wanted.azure if there.wanted is not None else None, there.azure.ends_s - now_s
    if azure is None or not there.azure.ends_s or left_s > _soon_s(there.azure, now_s):
        return ""
    ends = "ended" if left_s <= 0 else f"ends in {ago_text(left_s)}"
    return f"token that {ends}; write a connection string with a new one into {azure.connection_string}"


def _soon_s(azure: AzureSeen, now_s: float) -> float:
    """So long before its end a token is told of. A file of the future tells nothing of its token."""
    is_known = azure.written_s <= now_s
    return min(_TOKEN_SOON_S, max(azure.ends_s - azure.written_s, 0.0) / _TOKEN_PART) if is_known else _TOKEN_SOON_S


def down(memory: ProvisioningMemory, expected: Collection[str]) -> dict[str, Ailment]:
    """The expected identities of which nothing was proven yet. That does not refute a change."""
    return {
        name: Ailment("is not in force", refutes=False, is_new=True)
        for name in sorted(expected)
        if name not in memory.proven
    }
