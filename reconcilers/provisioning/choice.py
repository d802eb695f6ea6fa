"""Which pair of a key and a certificate is to be in force, and what has to be done for that. Pure, and by an injected time.

A pair that is good stays, whatever was asked of the next one. A new one is made beside it, and put in force once the cloud
has let it in. A clock that cannot be right decides nothing: no pair is made, and none is given up, by it.

A certificate may begin in the future of a clock that can be right. Then either the clock was wrong when it was made, or the
clock is wrong now, and nobody on the device can tell which. So such a pair is never put in force, and never removed while it
may be the good one. One that is in force stays, and where it begins more than a week from now, another one is made beside it
and tried as any renewal is.

INV-12  a pair that is in force and good is replaced only by one that was tried
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

from evenkeel.specs.provisioning.device_id import same_id
from evenkeel.specs.provisioning.memory import Postponement
from evenkeel.specs.provisioning.observed import Pairs, ProvisionedSeen
from evenkeel.specs.provisioning.pair import PATIENCE_S, AuthoritySeen, PairSeen
from evenkeel.specs.provisioning.provisioning import DAY_S, Certificate
from evenkeel.templates.moment import iso_text

EXPIRED = "its certificate has expired"
Step = Literal["", "make", "request", "wait", "take", "take-plain", "switch"]


class Choice(NamedTuple):
    """The pair that is to be in force. `sha256`: its thumbprint, "" while it is not there. `step`: what is to be done for it;
    "" when it is in force. `why`: the reason why the one in force does not stay, or "". `blocked`: not "", why no pair can be
    had. `second`: another pair is to be made and kept ready. `holds`: the pair that is in force may stay for now."""

    sha256: str = ""
    step: Step = ""
    why: str = ""
    blocked: str = ""
    second: bool = False
    holds: bool = False

    @property
    def successor(self) -> str:
        """The pair that is to follow the one in force, by its thumbprint; `next` for one that is to be made, `second` for one
        that is to be made and kept ready, "" for none."""
        if self.step == "switch":
            return self.sha256
        return "next" if self.step == "make" else "second" if self.second else ""


class Judge(NamedTuple):
    """The judgement of pairs for one document at one time. `is_timed`: the time may decide."""

    certificate: Certificate
    id: str
    authority: AuthoritySeen
    now_s: float
    is_timed: bool
    refused: Mapping[str, str]

    def unfit(self, pair: PairSeen) -> str:
        """The reason why a pair cannot be in force; "" when it can."""
        mode = self.certificate.mode
        if pair.fault:
            return pair.fault
        if pair.name != self.id:
            why = f"its certificate is for {pair.name or 'nobody'}, and the device id is {self.id}"
            return why + (": another spelling is another device to a cloud" if self.is_spelt_otherwise(pair) else "")
        if self.is_timed and self.now_s > pair.ends_s:
            return EXPIRED
        if mode == "selfSigned" and pair.issuer != pair.name:
            return f"its certificate was signed by {pair.issuer}, and `selfSigned` is asked for"
        if mode == "caSigned" and self.authority.name and pair.sha256 not in self.authority.signed:
            is_named_alike = pair.issuer == self.authority.name
            other = "the authority of that name in its file" if is_named_alike else self.authority.name
            return f"its certificate was signed by {pair.issuer}, and not by {other}"
        if mode == "csr" and pair.issuer == pair.name:
            return "its certificate has signed itself, and `csr` is asked for"
        return self.refused.get(pair.sha256, "")

    def too_early(self, pair: PairSeen) -> str:
        """The reason why a certificate cannot be tried yet; "" when it can. Either the clock of those who made it was wrong, or
        that of this device is, or it is meant for later."""
        if not self.is_timed or self.now_s >= pair.starts_s:
            return ""
        return f"its certificate is not valid before {iso_text(pair.starts_s)}, if the clock is right"

    def far_too_early(self, pair: PairSeen) -> str:
        """The reason why a pair in force that begins later needs another one beside it; "" where it is waited for. Nobody makes
        one where an authority that is not on the device has to sign."""
        is_made_here = self.certificate.mode in ("selfSigned", "caSigned")
        is_far = self.now_s < pair.starts_s - PATIENCE_S
        return self.too_early(pair) if is_made_here and is_far else ""

    def fits(self, pair: PairSeen | None) -> bool:
        """Whether a pair can be put in force now."""
        return pair is not None and not self.unfit(pair) and not self.too_early(pair)

    def serves(self, pair: PairSeen | None) -> bool:
        """Whether a pair can follow the one in force, and would not be due itself."""
        return pair is not None and self.fits(pair) and not self.is_due(pair)

    def follows(self, pairs: Pairs) -> bool:
        """Whether the pair that is called the next one can follow the one in force. One that begins long before a
        current one that is valid was made while the clock was set back (`far_too_early`); the second one may be older."""
        current, following = pairs.of(pairs.current), pairs.of(pairs.next)
        if following is None or pairs.next == pairs.current or not self.serves(following):
            return False
        is_older = current is not None and following.starts_s < current.starts_s - PATIENCE_S
        return not is_older or not self.is_timed or pairs.next == pairs.second or not self.fits(current)

    def is_spelt_otherwise(self, pair: PairSeen) -> bool:
        """Whether a pair without a fault is for this device, by another spelling of its id."""
        return not pair.fault and pair.name != self.id and same_id(pair.name, self.id)

    def holds(self, pair: PairSeen | None) -> bool:
        """Whether a pair that is in force may stay for now."""
        return pair is not None and not self.unfit(pair)

    def is_due(self, pair: PairSeen, before_s: float | None = None) -> bool:
        """Whether a pair is to be followed by another one; `before_s`: so long before its end."""
        before_s = self.certificate.renew_before_s if before_s is None else before_s
        return self.is_timed and self.now_s >= pair.ends_s - before_s


def choose(
    there: ProvisionedSeen,
    now_s: float,
    clock_why: str,
    refused: Mapping[str, str],
    postponed: Postponement | None = None,
) -> Choice:
    """The choice for a document that was looked at. `postponed`: the renewal that could not be had, and is not tried before its
    time, as long as the pair in force holds."""
    wanted = there.wanted
    if wanted is None or wanted.certificate is None:
        return Choice()
    judge = Judge(wanted.certificate, there.id.id, there.authority, now_s, not clock_why, refused)
    holds = judge.holds(there.pairs.of(there.pairs.current))
    choice = _chosen(there, wanted.certificate, judge, clock_why)._replace(holds=holds)
    if postponed is None or not holds or postponed.successor != choice.successor or not postponed.holds(now_s):
        return choice
    return Choice(there.pairs.current, why=postponed.why, holds=True)


def _chosen(there: ProvisionedSeen, certificate: Certificate, judge: Judge, clock_why: str) -> Choice:
    pairs = there.pairs
    if pairs.why:
        return Choice(blocked=pairs.why)
    current = pairs.of(pairs.current)
    why = judge.unfit(current) if current is not None else "there is none"
    if certificate.mode == "files":
        if current is None:
            return Choice(blocked=f"there is no pair in {certificate.certificate} and {certificate.key}")
        way = f"; ask for `deviceId.value: {current.name}`" if judge.is_spelt_otherwise(current) else ""
        return Choice(
            pairs.current, blocked=f"{certificate.certificate} and {certificate.key}: {why}{way}" if why else ""
        )
    if current is not None and not why and pairs.is_plain:
        return Choice(pairs.current, "take-plain", "it lies in plain files")
    if current is not None and (pairs.is_plain or not there.id.kept) and judge.is_spelt_otherwise(current):
        # Something else has made it, or the id that it was made for is lost, and a cloud may know the device by it.
        return Choice(blocked=f"{why}; ask for `deviceId.value: {current.name}`, or take its files away")
    if current is not None and not why and judge.is_due(current):
        why = "its certificate ends soon"
    if current is not None and not why:
        why = judge.far_too_early(current)
    candidate = _candidate(there, judge, needed=bool(why))
    if candidate:
        return Choice(candidate, "switch", why or "another one is ready")
    second = _needs_second(there, judge) and not clock_why
    if not why and pairs.signed is not None and pairs.signed.sha256 == pairs.current:
        return Choice(pairs.current, "take", "its file has further certificates now")
    if not why and not clock_why and certificate.mode == "csr" and (pairs.request or pairs.signed is not None):
        return _by_request(there, judge, "another one was requested", has_current=True)
    if not why:
        return Choice(pairs.current, second=second)
    if trouble := clock_why or authority_trouble(there, judge.now_s):
        trouble = f"no certificate can be made: {trouble}"
        return Choice(pairs.current, why=trouble) if judge.holds(current) else Choice(blocked=trouble)
    if certificate.mode == "csr":
        return _by_request(there, judge, why, has_current=judge.holds(current))
    # A second one beside a first one may be known to a hub: it stays until the clock has shown itself right by the first one.
    is_free = current is None or pairs.of(pairs.second) is None
    return Choice(step="make", why=why, second=second and is_free)


def authority_trouble(there: ProvisionedSeen, now_s: float) -> str:
    """The reason why the authority of a lab cannot sign the next certificate now; "" when it can, or is not needed."""
    one, authority = there.wanted.certificate if there.wanted is not None else None, there.authority
    if one is None or one.mode != "caSigned" or authority.why:
        return authority.why
    if authority.starts_s <= now_s and now_s + one.valid_s <= authority.ends_s:
        return ""
    return (
        f"{one.ca} is valid from {iso_text(authority.starts_s)} until {iso_text(authority.ends_s)}, which is not all of the "
        f"next {one.valid_s / DAY_S:g} days; ask for fewer `validityDays`, or renew it"
    )


def _candidate(there: ProvisionedSeen, judge: Judge, *, needed: bool) -> str:
    """The pair to put in force instead; "" for none. The one that is called the next counts, also without need. Then comes the
    second one, which is known to the hub already, then any former one that still is good. Where the one in force was refused,
    a former one that ends soon is better than none."""
    pairs = there.pairs

    def serves(sha256: str, *, soon: bool = False) -> bool:
        pair = pairs.of(sha256)
        return sha256 != pairs.current and (judge.fits(pair) if soon else judge.serves(pair))

    if judge.follows(pairs):
        return pairs.next
    if not needed:
        return ""
    if judge.certificate.second and serves(pairs.second):
        return pairs.second
    others = {sha256: pair for sha256, pair in pairs.by_sha256.items() if sha256 != pairs.second}
    further = [pair for sha256, pair in others.items() if serves(sha256)]
    is_refused = pairs.current in judge.refused
    further = further or [pair for sha256, pair in others.items() if is_refused and serves(sha256, soon=True)]
    return max(further, key=lambda pair: (pair.ends_s, pair.sha256)).sha256 if further else ""


def _needs_second(there: ProvisionedSeen, judge: Judge) -> bool:
    """Whether the pair that is kept ready is missing. It is renewed after half of its time, so that it is not due together with
    the one in force."""
    pairs, certificate = there.pairs, judge.certificate
    if not certificate.second or certificate.mode != "selfSigned":
        return False
    pair = pairs.of(pairs.second)
    if pair is None or pairs.second == pairs.current or not judge.fits(pair):
        return True
    return judge.is_due(pair, max(certificate.renew_before_s, certificate.valid_s / 2))


def _by_request(there: ProvisionedSeen, judge: Judge, why: str, *, has_current: bool) -> Choice:
    """The way over a request that somebody signs. While a good pair is in force, nothing has to wait for that."""
    pairs = there.pairs
    signed = pairs.signed
    trouble = pairs.signed_why
    if signed is not None:
        trouble = judge.unfit(signed) or judge.too_early(signed) or ("it ends too soon" if judge.is_due(signed) else "")
        if not trouble:
            return Choice(signed.sha256, "take", why)
    if not pairs.request:
        return Choice(step="request", why=why)
    if has_current:
        return Choice(pairs.current, why=trouble)
    return Choice(step="wait", why=trouble or why)
