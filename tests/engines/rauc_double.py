"""RAUC as a double on a real bus, for what Debian 12's 1.8 cannot do: newer interfaces, streaming, and trouble in the middle.

It keeps the rules of the real one (self-update-agent.md §12): one thing at a time, everything else refused; an unknown
argument is an error; a refused second install makes it say `idle`; texts are those of RAUC. Its bootloader is GRUB's, as in
`rauc.py`. A bundle is a file of JSON here.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dbus_fast import Message, Variant
from tests.until import soon, until

from .bundles import COMPATIBLE
from .dbus_double import PROPERTIES, Answer, Double, No, unknown_method

NAME = "de.pengutronix.rauc"
INTERFACE = f"{NAME}.Installer"
RESCUE = "rescue"
_ERROR = "org.gtk.GDBus.UnmappedGError.Quark._g_2dio_2derror_2dquark.Code30"
_BUSY = "already processing a different method"
_SINCE = {
    "ignore-compatible": 5,
    **dict.fromkeys(("tls-cert", "tls-key", "tls-ca", "tls-no-verify", "http-headers"), 7),
    "transaction-id": 10,
    "ignore-version-limit": 12,
    "require-manifest-hash": 14,
}
"""Arguments of InstallBundle and InspectBundle, and the minor version that has them first."""
_FAULTS = {
    "wrong-ca": "signature verification failed: Verify error: unable to get local issuer certificate",
    "expired": "signature verification failed: Verify error: certificate has expired",
    "not-yet-valid": "signature verification failed: Verify error: certificate is not yet valid",
    "truncated": "Invalid bundle format: Signature size is 0",
    "no-bundle": "Invalid bundle format: Signature size (4336799815442382346) exceeds bundle size",
    "format": "Bundle format 'verity' not allowed",
    "manifest": "Failed to load manifest: Key file contains line “no manifest” which is not a key-value pair",
    "newer-rauc": "Failed to check manifest: Minimum RAUC version in manifest (9.0) is newer than current version (1.15)",
}
_FAULTS_OF_INSTALLS = {
    "rejected": "Bundle rejected: Hook returned: 'not on this device'",
    "minimum-version": "Version mismatch: Expected at least '9.0' but bundle manifest has '1.5.0'",
}
_STEPS = ((20, "Checking bundle"), (40, "Checking manifest contents"), (60, "Determining target install group"))


@dataclass
class Slot:
    """`facts`: the entries of the status file."""

    name: str
    bootname: str
    device: str
    version: str = ""
    boots: bool = True
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class JsonBundle:
    path: Path
    version: str


class RaucDouble:
    """`minor`: it is RAUC 1.`minor`. `activates`: `activate-installed` of its system.conf. `streams`: built with streaming.
    `served`: bundles by address; `asks_for`: what their server wants to see, headers or the files of a certificate
    and its key. `full`: writing fails for want of space."""

    def __init__(
        self, address: str, folder: Path, minor: int = 15, *, activates: bool = True, streams: bool = True
    ) -> None:
        self.folder, self.minor, self.activates, self.streams = folder, minor, activates, streams
        self.booted, self.boot, self.also_booted = "A", uuid.uuid4().hex, ""
        self.slots = {
            "A": Slot("rootfs.0", "A", "/dev/mmcblk0p2", "1.4.2"),
            "B": Slot("rootfs.1", "B", "/dev/mmcblk0p3", "0.0.0"),
            RESCUE: Slot("rescue.0", "", "/dev/mmcblk0p1", "rescue"),
        }
        self.os_release = folder / "os-release"
        self.values = {"ORDER": "A B", "A_OK": "1", "A_TRY": "0", "B_OK": "1", "B_TRY": "0"}
        self.served: dict[str, Path] = {}
        self.asks_for: list[str] = []
        self.full = False
        self.configuration = folder / "system.conf"
        self.configuration.write_text(
            f"[system]\ncompatible={COMPATIBLE}\nbootloader=grub\nactivate-installed={str(activates).lower()}\n"
        )
        self._held: set[str] = set()
        self._at: set[str] = set()
        self._busy, self._operation, self._last_error, self._progress = False, "idle", "", [0, "", 0]
        self.double = Double(address, NAME, self._answer)

    # -- the device -------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        self.os_release.write_text(f"VERSION_ID={self.slots[self.booted].version}\n")
        self._busy, self._operation, self._last_error = False, "idle", ""
        self.double.start()

    def kill(self) -> None:
        """It ends in the middle of whatever it does."""
        self.double.crash()

    def variables(self) -> dict[str, str]:
        return dict(self.values)

    def set_variables(self, values: dict[str, str]) -> None:
        self.values |= values

    def content(self, bootname: str) -> str:
        return self.slots[bootname].version

    def next_boot(self) -> str:
        values = dict(self.values)
        return self._bootloader(values)

    def reboot(self) -> str:
        self.kill()
        self.booted = self._bootloader(self.values)
        self.start()
        self.boot = uuid.uuid4().hex
        return self.booted

    def _bootloader(self, values: dict[str, str]) -> str:
        while True:
            name = _first(values)
            if not name:
                return RESCUE
            values[f"{name}_TRY"] = "1"
            if self.slots[name].boots and self.slots[name].version:
                return name

    def hold(self, point: str) -> None:
        """See `Rauc.hold`."""
        self._at.discard(point)
        self._held.add(point)

    def wait_at(self, point: str) -> None:
        until(lambda: point in self._at, what=f"an installation comes to {point}")

    def go_on(self, point: str) -> None:
        self._held.discard(point)

    def bundle(self, version: str, fault: str = "", *, panics: bool = False) -> JsonBundle:
        """As `Bundles.make`."""
        path = self.folder / f"{version}{'-panics' * panics}-{fault or 'good'}.raucb"
        compatible = "another device" if fault == "wrong-compatible" else COMPATIBLE
        slot_class = "nothing" if fault == "no-slot" else "rootfs"
        manifest = {"compatible": compatible, "version": version, "class": slot_class, "panics": panics, "fault": fault}
        path.write_text(json.dumps(manifest))
        return JsonBundle(path, version)

    # -- the interface ----------------------------------------------------------------------------------------------------

    async def _answer(self, message: Message) -> Answer:
        match message.interface, message.member, message.body:
            case "org.freedesktop.DBus.Introspectable", "Introspect", []:
                return "s", [self._description()]
            case interface, "GetAll", [str()] if interface == PROPERTIES:
                return "a{sv}", [self._properties()]
            case _, "InstallBundle", [str(source), dict(given)]:
                return await self._begin(source, given)
            case _, "InspectBundle", [str(source), dict(given)] if self.minor >= 9:
                return "a{sv}", [self._inspected(source, given)]
            case _, "Info", [str(source)]:
                try:
                    self._rest()
                    found = self._opened(source, {})
                except No as error:
                    raise No(_ERROR, error.text if self.minor >= 9 else "rauc info error") from error
                return "ss", [found["compatible"], found["version"]]
            case _, "GetSlotStatus", []:
                self._rest()
                return "a(sa{sv})", [[[slot.name, self._told(slot)] for slot in self.slots.values()]]
            case _, "GetPrimary", []:
                self._rest()
                return "s", [self._primary()]
            case _, "Mark", [str(state), str(name)]:
                self._rest()
                return "ss", self._mark(state, name)
            case _:
                raise unknown_method(message)

    def _description(self) -> str:
        methods = ["InstallBundle", "Info", "Mark", "GetSlotStatus", "GetPrimary"]
        methods += ["InspectBundle"] * (self.minor >= 9) + ["GetArtifactStatus"] * (self.minor >= 13)
        lines = [f'<method name="{name}"></method>' for name in methods]
        lines += ['<property type="s" name="SystemVersion" access="read"/>'] * (self.minor >= 16)
        return f'<node><interface name="{INTERFACE}">{"".join(lines)}</interface></node>'

    def _properties(self) -> dict[str, Variant]:
        texts = {"Operation": self._operation, "LastError": self._last_error, "Compatible": COMPATIBLE, "Variant": ""}
        texts["BootSlot"] = self.booted
        return {name: Variant("s", value) for name, value in texts.items()} | {
            "Progress": Variant("(isi)", self._progress)
        }

    def _rest(self) -> None:
        if self._busy:
            raise No(_ERROR, _BUSY)

    def _told(self, slot: Slot) -> dict[str, Variant]:
        is_booted = slot in (self.slots[self.booted], self.slots.get(self.also_booted))
        state = "booted" if is_booted else "inactive"
        texts = {"class": slot.name.partition(".")[0], "device": slot.device, "type": "raw", "state": state}
        if slot.bootname:
            is_good = self.values[f"{slot.bootname}_OK"] == "1" and self.values[f"{slot.bootname}_TRY"] == "0"
            texts |= {"bootname": slot.bootname, "boot-status": "good" if is_good else "bad"}
        counts = {key: Variant("u", value) for key, value in slot.facts.items() if key.endswith(".count")}
        more = {key: Variant("s", value) for key, value in slot.facts.items() if not key.endswith(".count")}
        return {**{key: Variant("s", value) for key, value in texts.items()}, **more, **counts}

    def _primary(self) -> str:
        name = _first(self.values)
        if not name:
            order = self.values["ORDER"]
            raise No(_ERROR, f"Failed getting primary slot: grub backend: No bootable slot found in ORDER '{order}'")
        return self.slots[name].name

    def _mark(self, state: str, name: str) -> list[str]:
        found = next((slot for slot in self.slots.values() if slot.name == name), None)
        if name == "booted":
            found = self.slots.get(self.booted)
        if found is None:
            raise No(_ERROR, f"No slot with class rootfs and name {name} found")
        self.values |= {f"{found.bootname}_OK": "0" if state == "bad" else "1", f"{found.bootname}_TRY": "0"}
        if state == "active":
            self._activate(found)
        return [found.name, f"marked slot(s) {found.name} as {state}"]

    def _activate(self, slot: Slot) -> None:
        rest = [name for name in self.values["ORDER"].split() if name != slot.bootname]
        self.values |= {
            "ORDER": " ".join([slot.bootname, *rest]),
            f"{slot.bootname}_OK": "1",
            f"{slot.bootname}_TRY": "0",
        }
        slot.facts["activated.count"] = slot.facts.get("activated.count", 0) + 1
        slot.facts["activated.timestamp"] = "2026-11-27T00:00:00Z"

    # -- bundles and installations ----------------------------------------------------------------------------------------

    def _opened(self, source: str, given: dict[str, Variant]) -> dict[str, Any]:
        for key in given:
            if _SINCE.get(key, 99) > self.minor:
                raise No(_ERROR, f"Unsupported key: {key}")
        path = Path(source)
        if source.startswith("http"):
            if not self.streams:
                raise No(_ERROR, "remote bundle: configured without --enable-streaming")
            if source not in self.served:
                raise No(_ERROR, "Failed to stream bundle: HTTP response code 404")
            shown = [*given["http-headers"].value] if "http-headers" in given else []
            shown += [given[key].value for key in ("tls-cert", "tls-key") if key in given]
            if self.asks_for and shown != self.asks_for:
                raise No(_ERROR, "Failed to stream bundle: HTTP response code 401")
            path = self.served[source]
        try:
            manifest = json.loads(path.read_text())
        except OSError as error:
            raise No(_ERROR, f"Failed to open file {path}: {error.strerror}") from error
        except ValueError as error:
            raise No(_ERROR, _FAULTS["no-bundle"]) from error
        if manifest["fault"] in _FAULTS:
            raise No(_ERROR, _FAULTS[manifest["fault"]])
        return manifest

    def _inspected(self, source: str, given: dict[str, Variant]) -> dict[str, Variant]:
        self._rest()
        found = self._opened(source, given)
        update = {key: Variant("s", found[key]) for key in ("compatible", "version")}
        told = {"update": Variant("a{sv}", update)}
        if self.minor >= 10:
            image = {"slot-class": Variant("s", found["class"]), "size": Variant("t", 262144)}
            told |= {"manifest-hash": Variant("s", "0" * 64), "images": Variant("aa{sv}", [image])}
        return told

    async def _begin(self, source: str, given: dict[str, Variant]) -> Answer:
        if self._busy:
            self._set(Operation="idle")  # the defect of the real one, up to 1.15
            raise No(_ERROR, _BUSY.capitalize())
        for key in given:
            if _SINCE.get(key, 99) > self.minor:
                raise No(_ERROR, f"Unsupported key: {key}")
        self._busy = True
        self._set(Operation="installing", LastError="")
        self.double.spawn(self._install(source, given))
        return "", []

    async def _install(self, source: str, given: dict[str, Variant]) -> None:
        try:
            await self._write(source, given)
        except No as error:
            self._tell(100, "Installing failed.")
            self._set(LastError=error.text)
            code = 1
        else:
            self._tell(100, "Installing done.")
            code = 0
        self._busy = False
        self.double.emit("/", INTERFACE, "Completed", "i", [code])
        self._set(Operation="idle")

    async def _write(self, source: str, given: dict[str, Variant]) -> None:
        found = self._opened(source, given)
        for per_cent, words in _STEPS:
            self._tell(per_cent, words)
        if found["compatible"] != COMPATIBLE:
            theirs = found["compatible"]
            raise No(
                _ERROR,
                f"Installation error: Compatible mismatch: Expected '{COMPATIBLE}' but bundle manifest has '{theirs}'",
            )
        if found["fault"] in _FAULTS_OF_INSTALLS:
            raise No(_ERROR, _FAULTS_OF_INSTALLS[found["fault"]])
        if found["class"] != "rootfs":
            raise No(_ERROR, f"Installation error: No target slot for class {found['class']} of image system.img found")
        target = next(slot for name, slot in self.slots.items() if name not in (self.booted, RESCUE))
        self.values |= {f"{target.bootname}_OK": "0", f"{target.bootname}_TRY": "0"}
        target.facts |= {"status": "pending", "bundle.version": found["version"], "bundle.compatible": COMPATIBLE}
        await self._pause("pre-install")
        self._tell(80, f"Copying image to {target.name}")
        target.version = ""  # torn
        await self._pause("half")
        if self.full:
            raise No(_ERROR, f"Installation error: Failed updating slot {target.name}: No space left on device")
        target.version, target.boots = found["version"], not found["panics"]
        target.facts |= {"status": "ok", "sha256": hashlib.sha256(found["version"].encode()).hexdigest()}
        target.facts |= {"installed.timestamp": "2026-11-27T00:00:00Z"}
        target.facts["installed.count"] = target.facts.get("installed.count", 0) + 1
        if "transaction-id" in given:
            target.facts["installed.transaction"] = given["transaction-id"].value
        if self.activates:
            self._activate(target)
        self._tell(99, "Updating slots done.")
        await self._pause("post-install")

    async def _pause(self, point: str) -> None:
        self._at.add(point)
        await soon(lambda: point not in self._held)

    def _tell(self, per_cent: int, words: str) -> None:
        self._progress = [per_cent, words, 1]
        self.double.changed("/", INTERFACE, {"Progress": Variant("(isi)", self._progress)})

    def _set(self, **properties: str) -> None:
        self._operation = properties.get("Operation", self._operation)
        self._last_error = properties.get("LastError", self._last_error)
        self.double.changed("/", INTERFACE, {name: Variant("s", value) for name, value in properties.items()})


def _first(values: dict[str, str]) -> str:
    able = (name for name in values["ORDER"].split() if (values[f"{name}_OK"], values[f"{name}_TRY"]) == ("1", "0"))
    return next(able, "")
