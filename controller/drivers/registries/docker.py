"""The configuration that Docker, and evenkeel's own pulls from it, go by.

Credentials go with each pull, so they are in the store alone. Certificates are where dockerd looks for them at each pull.
Insecure hosts, and the mirrors of Docker Hub, are in `daemon.json`, which dockerd reads again while it runs: no container is
disturbed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from evenkeel.controller.drivers.registries.certificates import Certificates, Trust
from evenkeel.controller.drivers.registries.daemon import Daemon
from evenkeel.controller.drivers.registries.daemon_json import INSECURE, MIRRORS, DaemonFile
from evenkeel.controller.drivers.registries.lacks import Reason, lack, of_whole_hosts, once
from evenkeel.controller.drivers.registries.ours import Record
from evenkeel.controller.drivers.registries.store import Store
from evenkeel.controller.drivers.registries.values import Printer, Values
from evenkeel.controller.process.recall import Recall
from evenkeel.controller.process.replacing import check_folder, stamp
from evenkeel.specs.containers.image import DEFAULT_REGISTRY
from evenkeel.specs.registries.observed import Facet, Prints
from evenkeel.specs.registries.registry import Registry

CERTIFICATES = Path("/etc/docker/certs.d")
_NOTHING: tuple[bool, tuple[str, ...]] = (False, ())


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
        self._recall = Recall[Prints]()

    def in_force(self, places: Sequence[str], printer: Printer) -> Mapping[str, Mapping[Facet, str]]:
        loaded, found = self._daemon.of(places), dict[str, Mapping[Facet, str]]()
        of_logins = stamp(self._store.file)
        self._recall.only(places)
        for place in places:
            own, stamps = loaded.get(place, _NOTHING), (of_logins, *self._certificates.stamps(place))
            read = partial(self._prints, printer, place, own)
            found[place] = dict(self._recall.result(place, own, stamps, read))
        return found

    def lacks(self, registries: Sequence[Registry]) -> Mapping[str, Mapping[Facet, str]]:
        check, folder_is_sound = once(self._daemon.check), once(check_folder)
        return {each.name: self._lacks(each, check, folder_is_sound) for each in registries}

    def _lacks(
        self, registry: Registry, check: Callable[[str], None], folder_is_sound: Callable[[Path], None]
    ) -> Mapping[Facet, str]:
        place, found = registry.place, dict[Facet, str]()
        self._store.lacks(registry, found)
        is_whole, is_hub = "/" not in place, registry.host == DEFAULT_REGISTRY
        if registry.ca or registry.certificate:
            with Reason(found, "trust"):
                if is_hub:
                    raise lack(place, "Docker trusts the system's authorities alone for Docker Hub; leave `tls` out")
                if not is_whole:
                    raise lack(place, of_whole_hosts("certificates", registry, "tls"))
                self._certificates.check(place, folder_is_sound)
        if registry.insecure:
            with Reason(found, "insecure"):
                if is_hub:
                    raise lack(place, "Docker Hub is never insecure; leave `insecure` out")
                if not is_whole:
                    raise lack(place, of_whole_hosts("insecure registries", registry, "insecure"))
                check(INSECURE)
        if registry.mirrors:
            with Reason(found, "mirrors"):
                if place != DEFAULT_REGISTRY:
                    why = f"Docker asks mirrors for {DEFAULT_REGISTRY} alone; leave `mirrors` out"
                    raise lack(place, f"{why}, and take images from the mirror by its own name")
                if pathed := [each for each in registry.mirrors if urlsplit(each).path.strip("/")]:
                    raise lack(place, f"Docker takes no mirror with a path, as {pathed[0]}; leave the path out")
                check(MIRRORS)
        return found

    def lost(self, places: Sequence[str]) -> Mapping[str, str]:
        """dockerd has no file with credentials."""
        return {}

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
        place = registry.place
        return self._values(place, self._daemon.of([place]).get(place, _NOTHING))

    def _prints(self, printer: Printer, place: str, own: tuple[bool, tuple[str, ...]]) -> Prints:
        return printer.of(self._values(place, own))

    def _values(self, place: str, own: tuple[bool, tuple[str, ...]]) -> Values:
        login = self._store.login(place)
        trust = self._certificates.of(place) if "/" not in place else Trust()
        return Values(*login, *trust, *own, realms=self._store.realms(place))
