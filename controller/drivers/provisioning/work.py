"""The actions on identities. Each looks again before it acts, and does nothing that was not seen."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from evenkeel.controller.drivers.provisioning.answers import MOST_PEM
from evenkeel.controller.drivers.provisioning.ports import Access, Cloud, Enrolment, Hub, Lack, Pair
from evenkeel.controller.drivers.provisioning.room import alone
from evenkeel.controller.drivers.provisioning.sight import Sight
from evenkeel.controller.drivers.provisioning.sources import Sources, read_authority, read_pair, sources_of
from evenkeel.controller.drivers.provisioning.values import values_of
from evenkeel.controller.process.bounded import read_bounded
from evenkeel.controller.process.replacing import put_own
from evenkeel.controller.settings.provided import Handed
from evenkeel.specs.errors import Refused
from evenkeel.specs.plan import Action, Done, Failed, Outcome, Retry
from evenkeel.specs.provisioning.actions import (
    Follow,
    Forget,
    KeepId,
    Make,
    Prove,
    Provide,
    Register,
    Request,
    Switch,
    Take,
    Tidy,
    Try,
    Wait,
    Withdraw,
    Write,
)
from evenkeel.specs.provisioning.observed import ProvisionedSeen
from evenkeel.specs.provisioning.provisioning import Certificate, Provisioning
from evenkeel.templates.provisioning_chain import lack_remedy, lack_text

InThread = Callable[[Callable[[], Any]], Awaitable[Any]]
_CHANGED = Retry("it has changed since it was looked at")
_REQUEST = b"REQUEST-----"
"""The end of the line with which a request begins (RFC 7468 §7); a simulated one has it, too."""
_AGAIN_S = 60.0
"""So long after somebody was waited for, the next look is worth it; a file that comes ends the wait at once."""


class Work:
    """The actions over one host and one cloud. `in_thread` runs what may block."""

    def __init__(self, sight: Sight, cloud: Cloud, in_thread: InThread) -> None:
        self._sight, self._cloud, self._in_thread = sight, cloud, in_thread

    async def perform(self, action: Action) -> Outcome:
        """The outcome of an action. Raises Refused, Unavailable, TimedOut, OSError, and ValueError for what cannot be made."""
        try:
            match action:
                case Wait(what=what, why=why):
                    return Retry(f"waiting for {what}" + (f" ({why})" if why else ""), _AGAIN_S, outside=True)
                case Register():
                    return await self._register(action)
                case Try() | Prove():
                    return await self._connect(action)
                case _:
                    outcome: Outcome = await self._in_thread(lambda: self._alone(action))
                    return outcome
        except Lack as lack:
            return Retry(str(lack), outside=True)

    # ── files ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def _alone(self, action: Action) -> Outcome:
        """An action on files, while no other process of evenkeel changes the folder: `evenkeel provision` may, too."""
        wanted = getattr(action, "wanted", None)
        if not isinstance(wanted, Provisioning):
            return self._on_files(action)
        with alone(self._sight.host.path(wanted.folder)):
            return self._on_files(action)

    def _on_files(self, action: Action) -> Outcome:
        match action:
            case KeepId(wanted=wanted, id=identity, announces=announces):
                self._sight.ids.keep(self._sight.host.path(wanted.folder), identity, announces=announces)
                return Done(f"this device is {identity}")
            case Make():
                return self._make(action)
            case Follow(wanted=wanted, sha256=sha256):
                self._sight.store(wanted.folder).switch("next", sha256)
                return Done(f"certificate {sha256} is to follow")
            case Request(wanted=wanted, name=name):
                return self._request(wanted, name)
            case Take(wanted=wanted, sha256=sha256, plain=plain):
                return self._take(wanted, sha256, plain=plain)
            case Switch(wanted=wanted, sha256=sha256):
                return self._switch(wanted, sha256)
            case Provide(wanted=wanted, values=values):
                return self._provide(wanted, values)
            case Write():
                return self._write(action)
            case Withdraw(path=path, is_theirs=is_theirs):
                return Done(f"{path} was not replaced" if is_theirs else self._sight.outputs.withdraw(path))
            case Forget(name=name):
                self._sight.provided.forget(name)
                return Done(f"the values of {name} are forgotten")
            case Tidy():
                return self._tidy(action)
            case _:
                return Failed(f"nobody can {action.traits.text}")

    def _make(self, action: Make) -> Outcome:
        wanted, one = action.wanted, _certificate(action.wanted)
        if one.mode == "caSigned":
            authority = read_authority(self._sight.host, one.ca, one.ca_key)
            pair = self._sight.maker.signed(one.key_kind, action.subject, authority)
        else:
            pair = self._sight.maker.self_signed(one.key_kind, action.subject)
        store = self._sight.store(wanted.folder)
        sha256 = store.add(pair)
        if action.role in store.look().plain:
            store.take_in(action.role)
        store.switch(action.role, sha256)
        seen = store.look().pairs[sha256]
        which = "second certificate" if action.role == "second" else "certificate"
        return Done(f"{which} {seen.sha256} (SHA-1 {seen.sha1})")

    def _request(self, wanted: Provisioning, name: str) -> Outcome:
        one, store = _certificate(wanted), self._sight.store(wanted.folder)
        kept = store.request()
        is_kept = kept.certificate and store.requested_for() == name
        request = kept if is_kept else self._sight.maker.request(one.key_kind, name)
        place = self._sight.host.path(one.request)
        if place.exists() and (before := read_bounded(place, MOST_PEM)) and _REQUEST not in before:
            raise Lack(f"{one.request} is there, and is no request: it stays; name another file, or take it away")
        store.keep_request(request, name)
        put_own(place, request.certificate, 0o644)
        return Done(f"the request is {one.request}; {one.chain} is waited for")

    def _take(self, wanted: Provisioning, sha256: str, *, plain: bool) -> Outcome:
        one, store = _certificate(wanted), self._sight.store(wanted.folder)
        if plain:
            return Done(f"certificate {store.take_in('current')} is taken in")
        looked = store.look()
        if looked.current == sha256:
            answer = self._sight.answer(wanted, looked)
            if answer.seen is None or answer.seen.sha256 != sha256:
                return _CHANGED
            return Done(f"certificate {store.add(answer.pair)} has its chain")
        found = store.finish_request(self._sight.host.read(one.chain, MOST_PEM))
        if found != sha256:
            return _CHANGED
        return Done(f"certificate {found} is taken in")

    def _switch(self, wanted: Provisioning, sha256: str) -> Outcome:
        store = self._sight.store(wanted.folder)
        found = store.look()
        for role in found.plain:
            store.take_in(role)
        store.switch("current", sha256)
        if found.second == sha256:
            store.clear("second")
        return Done(f"certificate {sha256} is in force")

    def _tidy(self, action: Tidy) -> Outcome:
        wanted, store = action.wanted, self._sight.store(action.wanted.folder)
        if wanted.certificate is not None and wanted.certificate.mode != "files":
            store.tidy()
            if wanted.certificate.mode != "csr":
                store.drop_request()
            if action.second:
                store.clear("second")
            for sha256 in action.pairs:
                store.drop(sha256)
        there = self._sight.look_again(wanted)
        if there.azure.asked:
            key = there.azure.key(there.pairs.current)
            self._sight.assignments.keep_only(wanted.name, there.azure.asked, key)
        return Done("what nobody needs any more is removed")

    def _provide(self, wanted: Provisioning, expected: str) -> Outcome:
        self._sight.printer.keep()
        values = self._values(wanted)
        if values is None or self._sight.values_print(values) != expected:
            return _CHANGED
        prints = {name: self._sight.printer.of("value", name, text) for name, text in values.items()}
        self._sight.provided.put(wanted.name, Handed(expected, values, prints))
        return Done(f"{len(values)} values are handed out")

    def _write(self, action: Write) -> Outcome:
        self._sight.printer.keep()
        values = self._values(action.wanted)
        output = next((each for each in action.wanted.outputs if each.path == action.path), None)
        if values is None or output is None:
            return _CHANGED
        is_written = self._sight.outputs.write(output, values, action.content, keeps=action.keeps)
        return Done(f"{action.path} is written") if is_written else _CHANGED

    def _values(self, wanted: Provisioning) -> dict[str, str] | None:
        there, sources = self._looked(wanted)
        return values_of(wanted, there.id, there.pairs, there.azure, sources)

    def _looked(self, wanted: Provisioning) -> tuple[ProvisionedSeen, Sources | None]:
        there = self._sight.look_again(wanted)
        azure = wanted.azure
        return there, sources_of(azure, self._sight.host, there.id.id) if azure is not None else None

    # ── the cloud ──────────────────────────────────────────────────────────────────────────────────────────────────

    async def _register(self, action: Register) -> Outcome:
        there, sources, pair = await self._in_thread(lambda: self._shown(action.wanted, action.sha256))
        azure = action.wanted.azure
        if azure is None:
            return _CHANGED
        registration, access = azure.registration or action.id, Access(pair, sources.key, "", sources.authorities)
        if pair is not None:
            access = access._replace(name=there.pairs.by_sha256[action.sha256].name)
        enrolment = Enrolment(
            azure.host, azure.port, azure.transport, sources.id_scope, registration, access, bool(azure.group_key)
        )
        assignment = await self._cloud.register(enrolment)

        def keep() -> None:
            self._sight.printer.keep()
            self._sight.assignments.put(action.wanted.name, there.azure.asked, action.sha256, assignment)

        await self._in_thread(keep)
        return Done(f"assigned to {assignment.hub} as {assignment.device}")

    async def _connect(self, action: Try | Prove) -> Outcome:
        if not action.hub:
            return Done(await self._in_thread(lambda: self._unasked(action.wanted)))
        there, sources, pair = await self._in_thread(lambda: self._shown(action.wanted, action.sha256))
        wanted, azure = action.wanted, action.wanted.azure
        if azure is None:
            return _CHANGED
        access = sources.hub_access(pair, azure.registration or there.id.id, is_group_key=bool(azure.group_key))
        gateway = sources.connection.gateway if sources.connection is not None else ""
        try:
            words = await self._cloud.connect(Hub(action.hub, azure.hub_port, action.device, access, gateway))
        except Refused as refused:
            is_asked_again = isinstance(action, Prove) and action.again
            if azure.is_registered and not is_asked_again:  # the device may belong to another hub by now
                key, name = action.sha256, wanted.name
                await self._in_thread(lambda: self._sight.assignments.drop(name, there.azure.asked, key))
                if isinstance(action, Prove):
                    return Retry(f"{refused.message}; {there.azure.service} is asked again", outside=True)
            thumbprints = f"; its thumbprint is {there.pairs.by_sha256[action.sha256].sha1}" if pair is not None else ""
            raise Refused(refused.element, f"{refused.message}{thumbprints}") from None
        await self._in_thread(self._sight.printer.keep)
        return Done(words)

    def _unasked(self, wanted: Provisioning) -> str:
        """The words about what is in force, and is shown to no cloud."""
        self._sight.printer.keep()
        pairs = self._sight.look_again(wanted).pairs
        current = pairs.of(pairs.current)
        if current is None or not current.lacks:
            return "it is in force"
        return f"it is in force; {lack_text(current)}; {lack_remedy(current, wanted)}"

    def _shown(self, wanted: Provisioning, sha256: str) -> tuple[ProvisionedSeen, Sources, Pair | None]:
        there, sources = self._looked(wanted)
        if sources is None:
            raise Lack("no cloud is asked for any more")
        return there, sources, self._pair(wanted, sha256) if sha256 else None

    def _pair(self, wanted: Provisioning, sha256: str) -> Pair:
        one = _certificate(wanted)
        if one.mode == "files":
            return read_pair(self._sight.host, one.certificate, one.key, "this device")
        return self._sight.store(wanted.folder).read(sha256)


def _certificate(wanted: Provisioning) -> Certificate:
    if wanted.certificate is None:
        raise Lack("no certificate is asked for any more")
    return wanted.certificate
