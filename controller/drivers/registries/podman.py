"""The configuration that Podman, and evenkeel's own pulls from it, go by.

Credentials go with each pull of evenkeel's, and are in Podman's `auth.json`, too, for all other pulls. Certificates are where
Podman looks for them at each pull. Insecure places and mirrors are in a file of evenkeel's own among its drop-ins.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from evenkeel.controller.drivers.registries.certificates import Certificates, Trust
from evenkeel.controller.drivers.registries.daemon import Daemon
from evenkeel.controller.drivers.registries.lacks import Reason, lack, of_whole_hosts, once
from evenkeel.controller.drivers.registries.ours import Record
from evenkeel.controller.drivers.registries.podman_auth import AuthFile, Spot, has_entries
from evenkeel.controller.drivers.registries.podman_conf import ConfFile, Entry
from evenkeel.controller.drivers.registries.store import Login, Store
from evenkeel.controller.drivers.registries.values import Printer, Values
from evenkeel.controller.process.recall import Recall
from evenkeel.controller.process.replacing import check_folder, stamp
from evenkeel.specs.registries.observed import Facet, Prints
from evenkeel.specs.registries.registry import Registry

_HALF = Login(reference="half of it is in force")


class PodmanPlaces(NamedTuple):
    """Where Podman looks. `drop_ins`: a folder like `registries.conf.d`."""

    certificates: Path
    auth_file: Path
    drop_ins: Path


class PodmanConfiguration:
    """A `Configuration`."""

    name = "podman"
    is_simulated = False

    def __init__(self, folder: Path, address: str, places: PodmanPlaces) -> None:
        """`folder`: for the store. `address`: of the engine."""
        record = Record(folder / "podman.json")
        self._store, self._certificates = Store(folder), Certificates(places.certificates, record)
        self._auth = AuthFile(places.auth_file, record)
        self._conf = ConfFile(Daemon(address, "podman"), record, places.drop_ins)
        self._of_logins = self._store.file, places.auth_file, record.file
        self._recall, self._spots = Recall[Prints](), Recall[Collection[Spot]]()

    def in_force(self, places: Sequence[str], printer: Printer) -> Mapping[str, Mapping[Facet, str]]:
        loaded, found = self._conf.of(places), dict[str, Mapping[Facet, str]]()
        of_logins = tuple(map(stamp, self._of_logins))
        self._recall.only(places)
        for place in places:
            own, stamps = loaded.get(place, Entry()), (*of_logins, *self._certificates.stamps(place))
            read = partial(self._prints, printer, place, own)
            found[place] = dict(self._recall.result(place, own, stamps, read))
        return found

    def lacks(self, registries: Sequence[Registry]) -> Mapping[str, Mapping[Facet, str]]:
        logins, entries, folder_is_sound = once(self._logins), once(self._conf.theirs), once(check_folder)
        found = dict[str, Mapping[Facet, str]]()
        for registry in registries:
            place, its = registry.place, dict[Facet, str]()
            found[registry.name] = its
            self._store.lacks(registry, its)
            if registry.has_credentials:
                with Reason(its, "credentials"):
                    self._auth.check(place, logins())
            if registry.ca or registry.certificate:
                with Reason(its, "trust"):
                    if "/" in place:
                        raise lack(place, of_whole_hosts("certificates", registry, "tls"))
                    self._certificates.check(place, folder_is_sound)
            asked: dict[Facet, bool] = {"insecure": registry.insecure, "mirrors": bool(registry.mirrors)}
            for facet in (each for each in asked if asked[each]):
                with Reason(its, facet):
                    self._conf.check(place, entries())
        return found

    def _logins(self) -> Collection[Spot]:
        """The entries of others in the file of credentials. Raises as `AuthFile.theirs`."""
        return self._spots.result("", None, tuple(map(stamp, self._of_logins)), self._auth.theirs)

    def lost(self, places: Sequence[str]) -> Mapping[str, str]:
        missing = self._auth.missing(places)
        return {place: str(self._auth.file) for place in missing if has_entries(place, self._store.login(place))}

    def admit(self, registry: Registry, values: Values, printer: Printer) -> None:
        self._put(registry.place, values)

    def withdraw(self, place: str) -> None:
        self._put(place, Values())

    def _put(self, place: str, values: Values) -> None:
        if "/" not in place:
            self._certificates.put(place, values)
        self._conf.put(place, Entry(values.insecure, values.mirrors))
        self._auth.put(place, Login(values.user, values.password, values.reference))
        self._store.put(place, values)

    def values(self, registry: Registry) -> Values:
        place = registry.place
        return self._values(place, self._conf.of([place]).get(place, Entry()))

    def _prints(self, printer: Printer, place: str, own: Entry) -> Prints:
        return printer.of(self._values(place, own))

    def _values(self, place: str, own: Entry) -> Values:
        login = self._store.login(place)
        if not self._auth.has(place, login) and place not in self.lost([place]):
            login = _HALF
        trust = self._certificates.of(place) if "/" not in place else Trust()
        return Values(*login, *trust, *own, realms=self._store.realms(place))
