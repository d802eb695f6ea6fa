"""The configuration that Podman, and evenkeel's own pulls from it, go by.

Credentials go with each pull of evenkeel's, and are in Podman's `auth.json`, too, for all other pulls. Certificates are where
Podman looks for them at each pull. Insecure places and mirrors are in a file of evenkeel's own among its drop-ins.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from evenkeel.controller.drivers.registries.certificates import Certificates
from evenkeel.controller.drivers.registries.daemon import Daemon
from evenkeel.controller.drivers.registries.lacks import lack, of_whole_hosts, reason
from evenkeel.controller.drivers.registries.ours import Record
from evenkeel.controller.drivers.registries.podman_auth import AuthFile
from evenkeel.controller.drivers.registries.podman_conf import ConfFile, Entry
from evenkeel.controller.drivers.registries.store import Login, Store
from evenkeel.controller.drivers.registries.values import Printer, Values
from evenkeel.specs.registries.observed import Facet
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

    def in_force(self, places: Sequence[str], printer: Printer) -> Mapping[str, Mapping[Facet, str]]:
        return {place: dict(printer.of(self._values(place))) for place in places}

    def lacks(self, registry: Registry) -> Mapping[Facet, str]:
        place, found = registry.place, dict[Facet, str]()
        if registry.has_credentials:
            with reason(found, "credentials"):
                self._auth.check(place)
        if registry.ca or registry.certificate:
            with reason(found, "trust"):
                if "/" in place:
                    raise lack(place, of_whole_hosts("certificates", registry, "tls"))
                self._certificates.check(place)
        asked: dict[Facet, bool] = {"insecure": registry.insecure, "mirrors": bool(registry.mirrors)}
        for facet in (each for each in asked if asked[each]):
            with reason(found, facet):
                self._conf.check(place)
        return found

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
        return self._values(registry.place)

    def _values(self, place: str) -> Values:
        login = self._store.login(place)
        if not self._auth.has(place, login):
            login = _HALF
        trust = self._certificates.of(place) if "/" not in place else ()
        return Values(*login, *(trust or (b"", b"", b"")), *self._conf.of(place), self._store.realms(place))
