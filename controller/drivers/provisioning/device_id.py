"""The id of this device: the one that is kept with its certificates, the one that other programs read, or a new one.

An update of the operating system changes the slot, and with it /etc (provisioning.md §2.5); the kept id outlives that.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from evenkeel.controller.process.bounded import read_bounded
from evenkeel.controller.process.replacing import put_own
from evenkeel.specs.provisioning.device_id import address_id, device_flaw, device_suggestion, machine_id
from evenkeel.specs.provisioning.observed import IdSeen
from evenkeel.specs.provisioning.provisioning import ANNOUNCED, DeviceId, Spelling

KEPT = "deviceid"
"""The name of the file in the folder of certificates."""
_MOST_BYTES = 4096
_ETHERNET = "1"
"""The type of an interface with such an address (linux/if_arp.h); CAN has 280, the loopback 772."""
_VIRTUAL = "/devices/virtual/"


class DeviceIds:
    """The ids of one device. `root`: the folder that stands for `/`."""

    def __init__(self, root: Path = Path("/")) -> None:
        self._root = root

    def look(self, folder: Path, wanted: DeviceId) -> IdSeen:
        """The id of the device, and why there is none. Raises OSError for a file that is there and cannot be read."""
        kept, announced = _line(folder / KEPT), _line(self._root / ANNOUNCED.lstrip("/"))
        for text, file in ((wanted.value, ""), (kept, f"{folder / KEPT}"), (announced, ANNOUNCED)):
            if text:
                flaw = _flaw(text, file)
                return IdSeen("" if flaw else text, kept, announced, flaw)
        found = self._made(wanted)
        return IdSeen(found, kept, announced, "" if found else self._why(wanted))

    def keep(self, folder: Path, identity: str, *, announces: bool = True) -> None:
        """Write the id into the folder of certificates, and where other programs read it (`announces`). A file that has it
        stays. Raises OSError; the kept one comes first."""
        for path in (folder / KEPT, self._root / ANNOUNCED.lstrip("/"))[: 2 if announces else 1]:
            if _line(path) != identity:
                put_own(path, f"{identity}\n".encode(), 0o644)

    def _made(self, wanted: DeviceId) -> str:
        if wanted.origin == "mac" and (found := next(self._addresses(wanted.spelling), "")):
            return found
        with suppress(OSError):
            return machine_id(read_bounded(self._root / "etc/machine-id", _MOST_BYTES))
        return ""

    def _addresses(self, spelling: Spelling) -> Iterator[str]:
        """Ids made of the addresses of interfaces that are devices, in the order of their names."""
        folder = self._root / "sys/class/net"
        for each in sorted(folder.iterdir()) if folder.is_dir() else ():
            with suppress(OSError, UnicodeDecodeError):
                is_device = each.is_symlink() and _VIRTUAL not in f"/{each.readlink()}/"
                if not is_device or (each / "type").read_text().strip() != _ETHERNET:
                    continue
                if found := address_id((each / "address").read_text(), spelling):
                    yield found

    def _why(self, wanted: DeviceId) -> str:
        missing = "no network interface has an address of its own, and " if wanted.origin == "mac" else ""
        return f"{missing}/etc/machine-id identifies no machine; give the id with `deviceId.value`"


def _line(path: Path) -> str:
    """The first line of a file; "" for none."""
    try:
        return next(iter(read_bounded(path, _MOST_BYTES).decode(errors="replace").strip().splitlines()), "").strip()
    except (FileNotFoundError, NotADirectoryError):
        return ""


def _flaw(text: str, file: str) -> str:
    flaw = device_flaw(text)
    if not flaw:
        return ""
    better = device_suggestion(text)
    where = f"{file} has `{text}`" if file else f"the device id is `{text}`"
    return f"{where}: {flaw}" + (f"; write `{better}`" if better else "")
