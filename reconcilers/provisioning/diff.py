"""Wanted and seen identities → differences.

Only what the last look has shown is due; the rest shows in the next look. A pair is made before it is tried, tried before
it is in force, and in force before values and files are made of it. Nothing depends on the progress of an earlier cycle but
two facts that no look can tell: what the cloud has let in, and what was handed out."""

from __future__ import annotations

from collections.abc import Iterator

from evenkeel.reconcilers.provisioning.choice import Choice, choose
from evenkeel.reconcilers.provisioning.observation import token_text
from evenkeel.reconcilers.provisioning.rotation import new_pair
from evenkeel.reconcilers.provisioning.select import ProvisioningWanted
from evenkeel.reconcilers.provisioning.state import Target, cloud_of, hearing, named_units, pair_of, state, target
from evenkeel.reconcilers.provisioning.telling import changes
from evenkeel.specs.codec import changed
from evenkeel.specs.desired import Document, asked_at
from evenkeel.specs.plan import Change
from evenkeel.specs.problem import Place
from evenkeel.specs.provisioning.actions import (
    Forget,
    KeepId,
    Make,
    Prove,
    Provide,
    ProvisioningAction,
    Register,
    Request,
    Role,
    Switch,
    Take,
    Tidy,
    Try,
    Wait,
    Withdraw,
    Write,
)
from evenkeel.specs.provisioning.device_id import name_flaw, same_id
from evenkeel.specs.provisioning.difference import DueActions, ProvisioningDifference
from evenkeel.specs.provisioning.memory import ProvisioningMemory
from evenkeel.specs.provisioning.observed import OutputSeen, ProvisionedSeen, ProvisioningSeen
from evenkeel.specs.provisioning.provisioning import Provisioning
from evenkeel.specs.unit import Unit


def diff(
    want: ProvisioningWanted, seen: ProvisioningSeen, memory: ProvisioningMemory
) -> tuple[ProvisioningDifference, ...]:
    """The differences in order of subject."""
    found: dict[str, ProvisioningDifference] = {}
    for wanted, document in want.documents:
        there = seen.of(wanted.name)
        announces = wanted == want.documents[0][0]
        one = _Looked(wanted, document, there, seen, memory, announces=announces) if there is not None else None
        each = one.difference() if one is not None else None
        if each is not None:
            found[wanted.name] = each
    for subject, actions in _left(want, seen, memory).items():
        why = "nobody asks for it any more"
        if subject in found:
            before = found[subject]
            due = before.due._replace(clean=(*before.due.clean, *actions))
            found[subject] = changed(before, due=due) if before.verb != "blocked" else before
        elif subject in want.subjects:
            why = "what it has made before is left"
            found[subject] = ProvisioningDifference(subject, "finish", why, due=DueActions(clean=tuple(actions)))
        else:
            found[subject] = ProvisioningDifference(subject, "remove", why, due=DueActions(clean=tuple(actions)))
    _add_renewals(found, want, memory)
    return tuple(found[subject] for subject in sorted(found))


def _left(
    want: ProvisioningWanted, seen: ProvisioningSeen, memory: ProvisioningMemory
) -> dict[str, list[ProvisioningAction]]:
    """By subject: what is to be taken away of what nobody asks for. Its id, keys and certificates stay, because nobody could
    bring them back."""
    found: dict[str, list[ProvisioningAction]] = {}
    asked = {output.path for wanted, _ in want.documents for output in wanted.outputs}
    for path, subject in sorted(memory.placed.items()):
        if path not in asked:
            left = next((each for each in seen.left if each.path == path), OutputSeen(path))
            found.setdefault(subject, []).append(Withdraw(path, path in memory.keeping and not left.is_kept))
    for name in memory.provided:
        if name not in want.subjects:
            found.setdefault(name, []).append(Forget(name))
    for name in sorted((memory.proven.keys() | memory.tried.keys()) - want.subjects.keys()):
        if Forget(name) not in found.get(name, []):
            found.setdefault(name, []).append(Forget(name))
    return found


def _add_renewals(
    found: dict[str, ProvisioningDifference], want: ProvisioningWanted, memory: ProvisioningMemory
) -> None:
    """Add the units that have not heard of a change yet, to the subject that was changed."""
    named = named_units(want.subjects)
    places = {each.name: document.place for each, document in want.documents}
    for name, renewal in sorted(memory.renewals.items()):
        subject, why = renewal.subject, f"{name} has not heard of its change yet"
        there = found.get(subject) or ProvisioningDifference(subject, "finish", why, asked=places.get(subject, Place()))
        if there.verb != "blocked":
            renews = (*there.renews, (Unit(name, renewal.reload), name in named))
            found[subject] = changed(there, renews=renews)


class _Looked:
    """One document, what there is for it, and what is remembered of it. `announces`: other programs are told its id; two
    documents with different ids would take turns for ever."""

    def __init__(
        self,
        wanted: Provisioning,
        document: Document,
        there: ProvisionedSeen,
        seen: ProvisioningSeen,
        memory: ProvisioningMemory,
        *,
        announces: bool,
    ) -> None:
        self.announces = announces
        if (
            not announces or there.id.is_readonly
        ):  # what other programs are told is not its business, or cannot be changed
            there = changed(there, id=changed(there.id, announced=there.id.id))
        self.wanted, self.document, self.there, self.memory = wanted, document, there, memory
        self.now_s, self.clock_why = seen.now_s, seen.clock_why
        self.proven = memory.proven.get(wanted.name, ())
        self.choice = choice_of(there, seen, memory)
        """The pair that is to be in force."""
        self.to = target(there, self.choice.sha256 or there.pairs.current)
        """The target at the cloud; `None` without a cloud."""

    def difference(self) -> ProvisioningDifference | None:
        for key, why in self._obstacles():
            if why:
                at = asked_at(self.document, key)
                return ProvisioningDifference(self.wanted.name, "blocked", why, asked=at)
        due = DueActions(self._fetch(), self._prepare(), self._switch(), self._prove(), self._clean())
        if not any(due):
            return None
        differing: tuple[Change, ...] = changes(
            self.wanted, self.document, self.there, self.choice, self.to, self.proven
        )
        name, place = self.wanted.name, self.document.place
        if differing:
            verb = "update" if self.proven or self.there.held else "create"
            why = ", ".join(dict.fromkeys(each.why for each in differing))
            return ProvisioningDifference(name, verb, why, differing, place, due=due)
        why = "it is in force, and was not proven yet" if due.prove else "something is left to tidy"
        if due.fetch:
            why = "something is left to prepare"
        return ProvisioningDifference(name, "finish", why, asked=place, due=due)

    def _obstacles(self) -> Iterator[tuple[str, str]]:
        """The keys and reasons of what cannot be had at all."""
        there, azure = self.there, self.there.azure
        yield "deviceId", there.id.why
        if self.wanted.certificate is not None and (flaw := name_flaw(there.id.id)):
            yield (
                "deviceId",
                f"the device id cannot be that of a certificate: {flaw}; give another one with `deviceId.value`",
            )
        yield "certificate", self.choice.blocked
        if self.wanted.azure is not None:
            yield "azure", azure.why
            if self.clock_why and self.to is not None and self.to.print != cloud_of(self.proven):
                # Nobody's certificate is valid for it, and a token would have ended: a refusal would say nothing.
                yield "azure", f"the cloud is not asked: {self.clock_why}"
            is_asked = self.to is not None and self.to.print != cloud_of(self.proven)
            if azure.ends_s and is_asked and not self.clock_why and azure.ends_s <= self.now_s:
                yield "azure.connectionString", f"it has a {token_text(there, self.now_s)}"
            if azure.device and azure.device != there.id.id:
                why = f"it is for the device {azure.device}, and this one is {there.id.id}"
                way = f", which is another spelling: ask for `deviceId.value: {azure.device}`"
                yield "azure.connectionString", why + (way if same_id(azure.device, there.id.id) else "")
            if azure.by == "certificate" and self.wanted.certificate is None:
                yield "azure", "the connection string has no key, and no `certificate` is asked for"
        for output in self.wanted.outputs:
            found = there.output(output.path)
            yield "outputs", found.why if not found.why or output.path in found.why else f"{output.path}: {found.why}"
            is_placed = output.path in self.memory.placed and output.path not in self.memory.keeping
            is_foreign = found.held and not is_placed and not found.is_kept and found.held != found.asked
            if is_foreign and not output.overwrite:
                yield "outputs", f"{output.path} is there, and evenkeel did not make it; see `overwrite`"

    @property
    def _waits(self) -> bool:
        """Whether a refusal is not final: nothing was ever let in, or the pair alone is new, and somebody has yet to enter
        it."""
        return not cloud_of(self.proven) or self._renews_s > 0

    @property
    def _renews_s(self) -> float:
        """Not 0 where what is in force was proven and holds, so that all that is about its pair can be postponed."""
        current = self.there.pairs.current
        to = target(self.there, current)
        is_proven = pair_of(self.proven) == current and (to is None or to.print == cloud_of(self.proven))
        return self.now_s if self.choice.holds and self.choice.successor and is_proven else 0.0

    def _fetch(self) -> tuple[ProvisioningAction, ...]:
        """Everything up to a pair that was tried. Disturbs nothing."""
        found, there, choice, wanted = list[ProvisioningAction](), self.there, self.choice, self.wanted
        if there.id.id != there.id.kept or there.id.id != there.id.announced:
            announces = self.announces and there.id.id != there.id.announced
            found.append(KeepId(wanted, there.id.id, announces))
        certificate = wanted.certificate
        if certificate is not None:
            match choice.step:
                case "make":
                    found.append(self._make("next"))
                case "request":
                    found.append(Request(wanted, there.id.id))
                case "wait":
                    what = f"the signed certificate in {certificate.chain}; the request is {certificate.request}"
                    found.append(Wait(what, choice.why))
                case "take" | "take-plain":
                    found.append(Take(wanted, choice.sha256, plain=choice.step == "take-plain"))
                case _:
                    pass
            if choice.second:
                found.append(self._make("second"))
        if self.to is None or choice.step not in ("", "switch"):
            return tuple(found)
        to = self.to
        if not to.hub:
            service = there.azure.service
            found.append(Register(wanted, there.id.id, to.key, service, self._waits, self._renews_s))
        elif to.print != cloud_of(self.proven) and self.memory.tried.get(wanted.name) != to.print:
            found.append(Try(wanted, to.hub, to.device, to.key, to.print, self._waits, self._renews_s))
        return tuple(found)

    def _make(self, role: Role) -> Make:
        made = new_pair(self.wanted, self.there.id.id, self.now_s, role)
        return changed(made, renews_s=self._renews_s)

    def _prepare(self) -> tuple[ProvisioningAction, ...]:
        """The pair in force, the values, and files where none is: nobody who is at work is disturbed by these."""
        if self.choice.step == "switch":
            return (Switch(self.wanted, self.choice.sha256),)
        if self.choice.step:
            return ()
        found = list[ProvisioningAction]()
        if self.there.asked and self.there.asked != self.there.held:
            found.append(Provide(self.wanted, self.there.asked))
        found += self._writes(replace=False)
        return tuple(found)

    def _switch(self) -> tuple[ProvisioningAction, ...]:
        return self._writes(replace=True) if not self.choice.step else ()

    def _writes(self, *, replace: bool) -> tuple[Write, ...]:
        found = []
        for output in self.wanted.outputs:
            there = self.there.output(output.path)
            if there.asked and there.asked != there.held and bool(there.held) == replace:
                is_theirs = output.path not in self.memory.placed or output.path in self.memory.keeping
                keeps = replace and is_theirs and not there.is_kept
                found.append(Write(self.wanted, output.path, there.asked, keeps))
        return tuple(found)

    def _prove(self) -> tuple[ProvisioningAction, ...]:
        """The proof of what is in force, once all of it is."""
        now, to = state(self.there), self.to
        if self.choice.step or now == self.proven or (to is not None and not to.hub):
            return ()
        notify, units = hearing(self.wanted, self.proven, now)
        at = to if to is not None else Target("", "", "", "")
        return (Prove(self.wanted, now, at.hub, at.device, at.key, notify, units),)

    def _clean(self) -> tuple[ProvisioningAction, ...]:
        """The removal of what nobody needs once the pair in force is proven."""
        pairs, choice = self.there.pairs, self.choice
        is_proven = self.wanted.certificate is None or (not choice.step and pair_of(self.proven) == pairs.current)
        if not is_proven or state(self.there) != self.proven:
            return ()
        second = "" if pairs.is_second_left else pairs.second
        needed = {pairs.current, second, pairs.next, choice.sha256, pairs.let_in, *self._spared()}
        unneeded = tuple(sorted(sha256 for sha256 in pairs.by_sha256 if sha256 not in needed))
        if not unneeded and not pairs.leftovers and not self.there.unneeded and not pairs.is_second_left:
            return ()
        return (Tidy(self.wanted, unneeded, pairs.leftovers, pairs.is_second_left),)

    def _spared(self) -> Iterator[str]:
        """Pairs that stay although nobody names them, because a clock may be, or may have been, wrong. As long as the one in
        force is not valid, that is each of them. Later it is those that are not valid yet, until a cloud has let in the one in
        force, and no other one is waited for. Where no cloud sees it, nobody has proven it: those that begin later stay."""
        pairs = self.there.pairs
        current = pairs.of(pairs.current)
        is_wrong = bool(self.clock_why) or (current is not None and self.now_s < current.starts_s)
        is_shown = self.to is not None and self.to.key == pairs.current and bool(pairs.current)
        for sha256, pair in pairs.by_sha256.items():
            is_early, is_later = self.now_s < pair.starts_s, current is not None and pair.starts_s > current.starts_s
            if is_wrong or (is_early and not (is_shown and not pairs.next)) or (is_later and not is_shown):
                yield sha256


def choice_of(there: ProvisionedSeen, seen: ProvisioningSeen, memory: ProvisioningMemory) -> Choice:
    """The choice for a document that was looked at."""
    postponed = memory.postponed.get(there.subject)
    return choose(there, seen.now_s, seen.clock_why, memory.refused, postponed)
