"""Checks of a device with RAUC that D-Bus cannot answer: its configuration, the keyring, the place of its records.

Nothing is changed. A fact that cannot be looked at is `unknown`, and no fault.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from evenkeel.controller.drivers.slots.rauc.bootloaders import Tools, bootloader
from evenkeel.controller.drivers.slots.rauc.configuration import CONFIGURATIONS, Configuration, configuration
from evenkeel.controller.process.bounded import read_bounded
from evenkeel.controller.process.certificates import ends
from evenkeel.controller.process.rights import other_user
from evenkeel.specs.slots.finding import Finding

_SOON_S = 90 * 86400.0
_MOST_BYTES = 4 * 1024**2
_TOOL_S = 10.0
_DATA = "/data/rauc"


class Device(NamedTuple):
    """The device that the checks look at. `configurations`: places of system.conf; `root`: a path on the file system that is
    booted; `store`: the folder of bundles."""

    configurations: Sequence[Path] = CONFIGURATIONS
    root: Path = Path("/")
    store: Path = Path("/var/lib/evenkeel/bundles")


def check_device(device: Device, now: float, tools: Tools | None = None) -> tuple[Finding, ...]:
    """All findings. `now`: seconds since 1970. Blocks."""
    settings = configuration(device.configurations)
    if not settings.path:
        return (_no_configuration(device),)
    bootnames = [
        keys["bootname"] for name, keys in settings.sections.items() if name.startswith("slot.") and "bootname" in keys
    ]
    return (
        *_configuration(settings, bootnames),
        *bootloader(settings, bootnames, tools or Tools(lambda name: shutil.which(name) or "", _read)),
        *_keyring(settings, now),
        _records(settings, device),
        *_store(device),
    )


def _no_configuration(device: Device) -> Finding:
    places = " and ".join(str(each) for each in device.configurations)
    remedy = "install RAUC with a configuration for this device; evenkeel has to see it, also from a container"
    if any(each.exists() for each in device.configurations):
        return Finding("system.conf", "unknown", f"it cannot be read ({places})", other_user())
    return Finding("system.conf", "error", f"there is none: {places} are not there", remedy)


def _configuration(settings: Configuration, bootnames: Sequence[str]) -> Iterator[Finding]:
    about = "system.conf"
    if not settings.get("system", "compatible"):
        remedy = "write `compatible=` into its section `[system]`, with the text that bundles for this device have"
        yield Finding(
            about, "error", f"{settings.path} has no `compatible`, which keeps bundles for others out", remedy
        )
    elif len(set(bootnames)) < 2:
        remedy = "give both slots `[slot.rootfs.0]` and `[slot.rootfs.1]` a `bootname` of their own"
        yield Finding(about, "error", f"{settings.path} has {len(set(bootnames))} slots with a `bootname`", remedy)
    else:
        yield Finding(about, "ok", f"{settings.path}: {settings.get('system', 'compatible')}")
    if not settings.keeps_primary:
        yield Finding(
            "activation",
            "warning",
            "RAUC lets a slot boot next as soon as it was written; a loss of power before evenkeel takes that back boots it",
            f"write `activate-installed=false` into the section `[system]` of {settings.path}",
        )
    else:
        yield Finding("activation", "ok", "RAUC leaves to evenkeel which slot boots next")


def _keyring(settings: Configuration, now: float) -> Iterator[Finding]:
    about, folder = "keyring", Path(settings.path).parent
    named = [settings.get("keyring", key) for key in ("path", "directory")]
    if not any(named):
        remedy = "write `path=` into its section `[keyring]`, with the certificates that bundles are signed by"
        yield Finding(about, "error", f"{settings.path} names no keyring, so that no bundle can be trusted", remedy)
        return
    files = [folder / named[0]] if named[0] else []
    if named[1]:
        files += sorted((folder / named[1]).glob("*"))
    for path in files:
        try:
            moments = ends(read_bounded(path, _MOST_BYTES))
        except ValueError as error:
            yield Finding(about, "error", f"{path}: {error}", "put the certificate there, as PEM")
        except FileNotFoundError:
            yield Finding(about, "error", f"{path} is not there", "put the certificate there, as PEM")
        except OSError as error:
            yield Finding(about, "unknown", f"{path} cannot be read: {(error.strerror or str(error)).lower()}")
        else:
            yield _validity(path, min(moments), max(moments), now, settings)


def _validity(path: Path, first: float, last: float, now: float, settings: Configuration) -> Finding:
    about, remedy = (
        "keyring",
        "put a newer certificate beside it before that, by an update that is signed with this one",
    )
    if last <= now:
        by_signing = settings.get("keyring", "use-bundle-signing-time") in ("true", "1")
        text = f"all certificates of {path} have ended, the last one on {_day(last)}"
        if by_signing:
            return Finding(about, "warning", f"{text}; only bundles that were signed before count", remedy)
        return Finding(about, "error", f"{text}, so that RAUC refuses every bundle", "replace it; check the clock, too")
    if first <= now + _SOON_S:
        word = "has ended" if first <= now else "ends"
        return Finding(about, "warning", f"a certificate of {path} {word} on {_day(first)}", remedy)
    return Finding(about, "ok", f"{path} is good until {_day(first)}")


def _records(settings: Configuration, device: Device) -> Finding:
    """Where RAUC keeps what it knows of slots (A20): it has to be on storage that all slots share."""
    about, file = "data-directory", settings.get("system", "statusfile")
    named = settings.get("system", "data-directory") or (str(Path(file).parent) if file and file != "per-slot" else "")
    remedy = f"write `data-directory={_DATA}` into the section `[system]`, on a partition that all slots share"
    if not named:
        text = "system.conf names none: each slot has its own records, and those of the booted one alone are known"
        return Finding(about, "warning", text, remedy)
    own, root = _file_system(Path(named)), _file_system(device.root)
    if own is None:
        return Finding(about, "unknown", f"{named} cannot be looked at")
    if own == root:
        text = f"{named} is on the file system of the booted slot: another slot has other records"
        return Finding(about, "error", text, f"mount a shared partition there, or {remedy}")
    return Finding(about, "ok", f"{named}, on a file system of its own")


def _store(device: Device) -> Iterator[Finding]:
    own, root = _file_system(device.store), _file_system(device.root)
    if own is not None and own == root:
        text = f"{device.store} is on the file system of the booted slot: a reboot into the other one loses what is fetched"
        remedy = (
            "let `slots.store` in the settings, and better the state directory, be on a partition that all slots share"
        )
        yield Finding("folder of bundles", "warning", text, remedy)


def _file_system(path: Path) -> int | None:
    """The device number of the file system at a path, or at the nearest folder above it that is there."""
    for each in (path, *path.parents):
        try:
            return each.stat().st_dev
        except FileNotFoundError:
            continue
        except OSError:
            return None
    return None


def _day(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d")


def _read(command: Sequence[str]) -> str | None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_TOOL_S, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None
