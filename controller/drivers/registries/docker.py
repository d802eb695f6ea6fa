"""The configuration that Docker, and evenkeel's own pulls from it, go by.

Credentials go with each pull, so they are in the store alone. Certificates are where dockerd looks for them at each pull.
Insecure hosts, and the mirrors of Docker Hub, are in `daemon.json`, which dockerd reads again while it runs: no container is
disturbed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from evenkeel.controller.drivers.registries.certificates import Certificates
from evenkeel.controller.drivers.registries.daemon import Daemon
from evenkeel.controller.drivers.registries.daemon_json import INSECURE, MIRRORS, DaemonFile
from evenkeel.controller.drivers.registries.lacks import lack, of_whole_hosts, reason
from evenkeel.controller.drivers.registries.ours import Record
from evenkeel.controller.drivers.registries.store import Store
from evenkeel.controller.drivers.registries.values import Printer, Values
from evenkeel.specs.containers.image import DEFAULT_REGISTRY
from evenkeel.specs.registries.observed import Facet
from evenkeel.specs.registries.registry import Registry

CERTIFICATES = Path("/etc/docker/certs.d")


class DockerConfiguration:
    """A `Configuration`."""

    name = "docker"
    is_simulated = False

    def __init__(
        self, folder: Path, address: str, certificates: Path = CERTIFICATES, daemon_file: Path | None = None
    ) -> None:
        """`folder`: for the store. `address`: of the engine. `daemon_file`: `None` for the one that dockerd says it reads."""
        record = Record(folder / "docker.json")
        self._store, self._certificates = Store(folder), Certificates(certificates, record)
        self._daemon = DaemonFile(Daemon(address, "dockerd"), record, daemon_file)

    def in_force(self, places: Sequence[str], printer: Printer) -> Mapping[str, Mapping[Facet, str]]:
        return {place: dict(printer.of(self._values(place))) for place in places}

    def lacks(self, registry: Registry) -> Mapping[Facet, str]:
        place, found = registry.place, dict[Facet, str]()
        is_whole, is_hub = "/" not in place, registry.host == DEFAULT_REGISTRY
        if registry.ca or registry.certificate:
            with reason(found, "trust"):
                if is_hub:
                    raise lack(place, "Docker trusts the system's authorities alone for Docker Hub; leave `tls` out")
                if not is_whole:
                    raise lack(place, of_whole_hosts("certificates", registry, "tls"))
                self._certificates.check(place)
        if registry.insecure:
            with reason(found, "insecure"):
                if is_hub:
                    raise lack(place, "Docker Hub is never insecure; leave `insecure` out")
                if not is_whole:
                    raise lack(place, of_whole_hosts("insecure registries", registry, "insecure"))
                self._daemon.check(INSECURE)
        if registry.mirrors:
            with reason(found, "mirrors"):
                if place != DEFAULT_REGISTRY:
                    why = f"Docker asks mirrors for {DEFAULT_REGISTRY} alone; leave `mirrors` out"
                    raise lack(place, f"{why}, and take images from the mirror by its own name")
                if pathed := [each for each in registry.mirrors if urlsplit(each).path.strip("/")]:
                    raise lack(place, f"Docker takes no mirror with a path, as {pathed[0]}; leave the path out")
                self._daemon.check(MIRRORS)
        return found

    def admit(self, registry: Registry, values: Values, printer: Printer) -> None:
        place = registry.place
        if "/" not in place:
            self._certificates.put(place, values)
            self._daemon.put(place, insecure=values.insecure, mirrors=values.mirrors)
        self._store.put(place, values)

    def withdraw(self, place: str) -> None:
        self._store.put(place, Values())
        if "/" not in place:
            self._daemon.put(place, insecure=False, mirrors=())
            self._certificates.put(place, Values())

    def values(self, registry: Registry) -> Values:
        return self._values(registry.place)

    def _values(self, place: str) -> Values:
        login, realms = self._store.login(place), self._store.realms(place)
        if "/" in place:
            return Values(*login, realms=realms)
        return Values(*login, *self._certificates.of(place), *self._daemon.of(place), realms)
