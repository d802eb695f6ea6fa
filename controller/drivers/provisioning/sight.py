"""Looks at one identity: its id, its pairs, the way to its cloud, and what is made of all that. No cloud is asked."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from evenkeel.controller.drivers.provisioning.answers import MOST_PEM, Answer, answer_of
from evenkeel.controller.drivers.provisioning.assignments import Assignments
from evenkeel.controller.drivers.provisioning.device_id import DeviceIds
from evenkeel.controller.drivers.provisioning.host import Host
from evenkeel.controller.drivers.provisioning.inspected import Inspections
from evenkeel.controller.drivers.provisioning.outputs import Outputs
from evenkeel.controller.drivers.provisioning.pairs import PairsLook, PairStore
from evenkeel.controller.drivers.provisioning.ports import Lack, Maker, Pair
from evenkeel.controller.drivers.provisioning.simulated import made_up
from evenkeel.controller.drivers.provisioning.sources import Sources, files_of, read_authority, sources_of
from evenkeel.controller.drivers.provisioning.values import values_of
from evenkeel.controller.process.bounded import read_bounded
from evenkeel.controller.process.causes import system_words
from evenkeel.controller.process.let_in import LetIn
from evenkeel.controller.process.prints import Printer
from evenkeel.controller.process.recall import Recall
from evenkeel.controller.process.replacing import stamp
from evenkeel.controller.process.rights import rights_of_all
from evenkeel.controller.settings.provided import Provided
from evenkeel.specs.codec import changed
from evenkeel.specs.provisioning.device_id import spelt_as
from evenkeel.specs.provisioning.observed import AzureSeen, IdSeen, Pairs, ProvisionedSeen, secret_files, secret_outputs
from evenkeel.specs.provisioning.pair import AuthoritySeen
from evenkeel.specs.provisioning.provisioning import ANNOUNCED, CERTIFICATE, Provisioning

_NAMES = (
    "/deviceid",
    *(f"/{place}/device.{end}" for place in ("current", "second", "next") for end in ("crt", "key")),
    *(f"/device{number}.{end}" for number in ("", "2") for end in ("crt", "key")),
)
"""Names in the folder that a look follows."""
_LINKS = ("/current", "/second", "/next")
"""Further names there that are watched: a link that is replaced is told by the folder that it lies in."""
SIMULATED_ID = "52-54-00-12-34-02"


class Places(NamedTuple):
    """The places of evenkeel's own files below the state directory."""

    assignments: Path
    originals: Path
    values: Path
    key: Path
    let_in: Path | None = None
    """Where the connection to a broker keeps the pair that it was let in with; `None` where it shows none."""


class Sight:
    """Looks at the identities of one host."""

    def __init__(self, host: Host, places: Places, maker: Maker) -> None:
        self.host, self.maker = host, maker
        self.printer = Printer(places.key)
        self.assignments = Assignments(places.assignments)
        self.provided = Provided(places.values)
        self.outputs = Outputs(host, places.originals, self.printer)
        self._let_in = LetIn(places.let_in) if places.let_in is not None else None
        self._inspections = Inspections(maker.inspect)
        self.ids = DeviceIds(host.root)
        self._recall = Recall[ProvisionedSeen]()
        self._own = tuple(map(str, (places.assignments, places.originals, places.values)))
        self._broker = (str(places.let_in),) if places.let_in is not None else ()
        self._stores: dict[str, PairStore] = {}
        self._authorities: dict[str, tuple[object, AuthoritySeen]] = {}

    def store(self, folder: str) -> PairStore:
        """The pairs in a folder."""
        if folder not in self._stores:
            self._stores[folder] = PairStore(self.host.path(folder), self._inspections)
        return self._stores[folder]

    @staticmethod
    def _files(wanted: Provisioning) -> tuple[str, ...]:
        """The files that a document names, and those that are made for it."""
        one = wanted.certificate
        named = (one.ca, one.ca_key, one.request, one.chain, one.certificate, one.key) if one is not None else ()
        azure = files_of(wanted.azure) if wanted.azure is not None else ()
        templates = (output.template_file for output in wanted.outputs)
        made = (f"{wanted.folder}/{CERTIFICATE}", *(output.path for output in wanted.outputs))
        return tuple(path for path in (*named, *azure, *templates, *made) if path)

    def watched(self, wanted: Provisioning) -> Iterator[str]:
        """The paths on this machine where a change by others is worth a look."""
        yield from self._read_files(wanted)
        yield from (f"{self.host.path(wanted.folder)}{name}" for name in _LINKS)
        yield from self._broker

    def look(self, wanted: Provisioning) -> ProvisionedSeen:
        """One document, read again where any of its files has changed. Raises OSError, and what a `Maker` raises but
        ValueError."""
        stamps = tuple(map(stamp, (*self._read_files(wanted), *self._own, *self._broker)))
        found = self._recall.result(wanted.name, wanted, stamps, lambda: self.look_again(wanted))
        if _obstacle(found):  # it may end without a change of a file: an interface or a user that comes late
            self._recall.forget(wanted.name)
        return found

    def _read_files(self, wanted: Provisioning) -> Iterator[str]:
        """All that a look reads, but evenkeel's own files: files, and folders whose times change with the names in them."""
        folder, root = str(self.host.path(wanted.folder)), str(self.host.root).rstrip("/")
        for name in ("", "/pairs", "/pairs/request", *_NAMES):
            yield f"{folder}{name}"
        yield from (f"{root}{path}" for path in self._files(wanted))
        if self.host.is_simulated:  # which reads those of this machine where it has none (`Host.read`)
            yield from self._files(wanted)
        yield f"{root}{ANNOUNCED}"

    def look_again(self, wanted: Provisioning) -> ProvisionedSeen:
        """One document. Raises as `look` does."""
        ids = self._ids(wanted)
        pairs, sources = self._pairs_or_why(wanted, ids.id), None
        authority = self._authority(wanted, pairs)
        azure = AzureSeen()
        try:
            sources = sources_of(wanted.azure, self.host, ids.id) if wanted.azure is not None else None
        except Lack as lack:
            azure = AzureSeen(why=str(lack))
        if not ids.kept and not wanted.device_id.value:
            ids = _as_known(ids, pairs, sources)
        ids = changed(ids, is_readonly=self._is_readonly(ids))
        if sources is not None:
            azure = self._azure(wanted, sources, ids.id)
        values = values_of(wanted, ids, pairs, azure, sources)
        outputs = tuple(self.outputs.look(output, wanted, values) for output in wanted.outputs)
        held = self.provided.all().get(wanted.name)
        key = azure.key(pairs.current)
        return ProvisionedSeen(
            wanted.name,
            wanted,
            ids,
            pairs,
            authority,
            azure,
            asked=self.values_print(values) if values is not None else "",
            held=held.print if held is not None else "",
            outputs=outputs,
            unneeded=self.assignments.others(wanted.name, azure.asked, key) if azure.asked else 0,
            open_secrets=tuple(self._open_secrets((*secret_files(wanted, azure), *secret_outputs(wanted, outputs)))),
        )

    def _open_secrets(self, paths: Iterable[str]) -> Iterator[str]:
        """Files with secrets that everybody may read. Those of a simulated host are made up."""
        for path in paths if not self.host.is_simulated else ():
            with suppress(OSError):  # one that is not there, or cannot be seen, is told by those who read it
                if rights_of_all(self.host.path(path), self.host.root) & stat.S_IROTH:
                    yield path

    def _ids(self, wanted: Provisioning) -> IdSeen:
        try:
            found = self.ids.look(self.host.path(wanted.folder), wanted.device_id)
        except OSError as error:
            why = f"{self.host.name_of(error) or wanted.folder} cannot be read: {system_words(error)}"
            return IdSeen(why=f"{why}; it is to have the device id")
        is_made_up = self.host.is_simulated and not found.id
        return changed(found, id=SIMULATED_ID, why="") if is_made_up else found

    def _is_readonly(self, ids: IdSeen) -> bool:
        """Whether other programs cannot be told of the id: the system is mounted read-only, as many are. The kept id counts."""
        is_told = self.host.is_simulated or ids.announced == ids.id
        return not is_told and not os.access(self.host.path(ANNOUNCED).parent, os.W_OK)

    def values_print(self, values: Mapping[str, str]) -> str:
        """The print of all values."""
        return self.printer.of("values", *(text for pair in sorted(values.items()) for text in pair))

    def _pairs_or_why(self, wanted: Provisioning, device: str) -> Pairs:
        """Files that nobody can read are the matter of one document."""
        try:
            return self._pairs(wanted, device)
        except OSError as error:
            one = wanted.certificate
            given = f"{one.certificate} or {one.key}" if one is not None and one.is_given else wanted.folder
            return Pairs(why=f"{self.host.name_of(error) or given} cannot be read: {system_words(error)}")

    def _pairs(self, wanted: Provisioning, device: str) -> Pairs:
        certificate = wanted.certificate
        if certificate is None:
            return Pairs()
        if certificate.mode == "files":
            at = self.host.origin(certificate.certificate), self.host.origin(certificate.key)
            given = self._inspections.of(*at)
            if given is None and self.host.is_simulated:
                given = self._inspections.of_pair(made_up(device))
            if given is None:
                return Pairs()
            name = given.seen.sha256 or given.digest
            return Pairs({name: given.seen}, current=name)
        store = self.store(wanted.folder)
        found = store.look()
        is_requested = bool(found.request) and certificate.mode == "csr"
        request = store.request() if is_requested else Pair(b"", b"")
        is_asked = is_requested and self._is_there(certificate.request, found.request)
        is_asked = is_asked and store.requested_for() in (device, "")
        # While a request waits, what it is to replace is kept in force, and another document asks for that.
        is_left = bool(found.request) and not is_requested and store.requested_beside() != found.current
        answer = self.answer(wanted, found) if certificate.mode == "csr" else Answer()
        let_in = self._let_in.pair() if self._let_in is not None else None
        return Pairs(
            by_sha256=found.pairs,
            current=found.current,
            second=found.second,
            next=found.next,
            request=self.printer.of("request", request.certificate) if is_asked else "",
            signed=answer.seen,
            signed_why=answer.why,
            is_plain="current" in found.plain,
            leftovers=(*found.leftovers, *(("pairs/request",) if is_left else ())),
            is_second_left=bool(found.second) and "second" not in found.plain and not certificate.second,
            let_in=store.at(let_in.certificate) if let_in is not None else "",
            is_second_plain="second" in found.plain,
        )

    def answer(self, wanted: Provisioning, found: PairsLook) -> Answer:
        """The file `chain` of a document. `found`: a look at its pairs. Raises as `look` does."""
        chain = wanted.certificate.chain if wanted.certificate is not None else ""
        return answer_of(chain, self.host, self.store(wanted.folder), self._inspections, found)

    def _is_there(self, path: str, content: bytes) -> bool:
        """Whether a file of the host has this content."""
        try:
            return read_bounded(self.host.path(path), MOST_PEM) == content
        except OSError:  # writing it tells why it cannot be read
            return False

    def _authority(self, wanted: Provisioning, pairs: Pairs) -> AuthoritySeen:
        """The authority of a lab, which is inspected anew when it, or a pair, is another one."""
        one = wanted.certificate
        if one is None or one.mode != "caSigned":
            return AuthoritySeen()
        try:
            pair = read_authority(self.host, one.ca, one.ca_key)
        except Lack as lack:
            return AuthoritySeen(why=str(lack))
        made = tuple(sorted(sha256 for sha256, seen in pairs.by_sha256.items() if not seen.fault))
        known = pair.certificate, self.printer.of("authority", pair.key), made
        before = self._authorities.get(wanted.name)
        if before is not None and before[0] == known:
            return before[1]
        store = self.store(wanted.folder)
        found = self.maker.authority(pair, tuple(store.read(sha256).certificate for sha256 in made))
        if found.why:
            found = AuthoritySeen(why=f"{one.ca} with {one.ca_key} cannot sign: {found.why}")
        self._authorities[wanted.name] = known, found
        return found

    def _azure(self, wanted: Provisioning, sources: Sources, device: str) -> AzureSeen:
        azure = wanted.azure
        assert azure is not None
        if sources.connection is not None:
            one = sources.connection
            asked = self.printer.of("connection", one.host, one.device, one.key, one.token, one.gateway)
            seen = AzureSeen(asked, by=sources.by, hub=one.host, device=one.device, service=one.host)
            if not one.token:
                return seen
            return changed(seen, ends_s=one.ends_s, written_s=self.host.written_s(azure.connection_string))
        registration = azure.registration or device
        asked = self.printer.of("registration", azure.host, sources.id_scope, registration, sources.key)
        service = f"{azure.host} (id scope {sources.id_scope})"
        assignments = self.assignments.of(wanted.name, asked)
        return AzureSeen(asked, by=sources.by, assignments=assignments, service=service, id_scope=sources.id_scope)


def _as_known(ids: IdSeen, pairs: Pairs, sources: Sources | None) -> IdSeen:
    """The id in the spelling by which a cloud may know the device: another slot may have made it (provisioning.md §2.5)."""
    current, connection = pairs.of(pairs.current), sources.connection if sources is not None else None
    known = [current.name] if current is not None and not current.fault else []
    known += [connection.device] if connection is not None else []
    return changed(ids, id=spelt_as(ids.id, known))


def _obstacle(found: ProvisionedSeen) -> str:
    why = found.id.why or found.pairs.why or found.authority.why or found.azure.why
    return why or "".join(each.why for each in found.outputs)
