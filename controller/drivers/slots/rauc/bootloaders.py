"""The environment of the bootloader, in which RAUC keeps the marks of slots: whether it is there, whole, and can be written.

Variables: self-update-agent.md §13.1 (GRUB), §13.2 (U-Boot).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from evenkeel.controller.drivers.slots.rauc.configuration import Configuration
from evenkeel.controller.process.bounded import read_bounded
from evenkeel.specs.slots.finding import Finding

_ABOUT = "bootloader"
_GRUBENV = "/boot/grub/grubenv"
_GRUB_HEAD = b"# GRUB Environment Block\n"
_GRUB_BYTES = 1024
_FW_ENV = Path("/etc/fw_env.config")
_TOOLS = {"grub": "grub-editenv", "uboot": "fw_setenv", "barebox": "barebox-state", "efi": "efibootmgr"}
_PACKAGES = {
    "grub": "grub-common",
    "uboot": "libubootenv-tool",
    "barebox": "barebox-tools (dt-utils)",
    "efi": "efibootmgr",
}


class Tools(NamedTuple):
    """`which`: the path of a program, "" where there is none. `read`: the output of a command, `None` when it fails."""

    which: Callable[[str], str]
    read: Callable[[Sequence[str]], str | None]


def bootloader(settings: Configuration, bootnames: Sequence[str], tools: Tools) -> Iterator[Finding]:
    """The findings about the bootloader of this configuration, whose slots have these names."""
    kind = settings.bootloader
    if not kind:
        remedy = "write `bootloader=grub`, or what the device has, into its section `[system]`"
        yield Finding(_ABOUT, "error", "system.conf names none", remedy)
        return
    if kind == "noop":
        yield Finding(
            _ABOUT,
            "warning",
            "`noop` marks nothing, so that a failed boot does not fall back",
            "use a bootloader that counts",
        )
        return
    if kind == "custom":
        yield _custom(settings)
        return
    if kind not in _TOOLS:
        known = ", ".join((*_TOOLS, "custom", "noop"))
        yield Finding(_ABOUT, "error", f"RAUC knows no bootloader `{kind}`", f"write one of {known}")
        return
    if not tools.which(_TOOLS[kind]):
        remedy = f"install it, on Debian the package {_PACKAGES[kind]}"
        yield Finding(_ABOUT, "error", f"RAUC needs the program {_TOOLS[kind]}, which is not there", remedy)
        return
    match kind:
        case "grub":
            yield _grub(Path(settings.get("system", "grubenv") or _GRUBENV), bootnames)
        case "uboot":
            yield _uboot(bootnames, tools)
        case _:
            yield Finding(_ABOUT, "ok", f"{kind}, with {_TOOLS[kind]}")


def _grub(path: Path, bootnames: Sequence[str]) -> Finding:
    remedy = f"`grub-editenv {path} create`, and GRUB has to read that file"
    try:
        content = read_bounded(path, 64 * 1024)
    except FileNotFoundError:
        return Finding(_ABOUT, "error", f"there is no {path}, in which GRUB keeps the marks", remedy)
    except OSError as error:
        return Finding(_ABOUT, "unknown", f"{path} cannot be read: {(error.strerror or str(error)).lower()}")
    if not content.startswith(_GRUB_HEAD) or len(content) != _GRUB_BYTES:
        return Finding(_ABOUT, "error", f"{path} is damaged, so that GRUB does not read it", remedy)
    variables = dict(line.split("=", 1) for line in content.decode(errors="replace").splitlines() if "=" in line)
    order = variables.get("ORDER", "").split()
    if missing := [each for each in bootnames if each not in order]:
        names = ", ".join(missing)
        fix = f'`grub-editenv {path} set ORDER="{" ".join((*order, *missing))}"`'
        return Finding(_ABOUT, "error", f"ORDER in {path} lacks {names}, which GRUB therefore does not boot", fix)
    return Finding(_ABOUT, "ok", f"GRUB boots in the order {' '.join(order)}, by {path}")


def _uboot(bootnames: Sequence[str], tools: Tools) -> Finding:
    if not _FW_ENV.exists():
        remedy = f"write {_FW_ENV} with the place of U-Boot's environment, see its `fw_env.config` of the board"
        return Finding(
            _ABOUT, "error", f"there is no {_FW_ENV}, so that the environment of U-Boot is not found", remedy
        )
    told = tools.read(["fw_printenv", "-n", "BOOT_ORDER"])
    if told is None:
        remedy = f"see `fw_printenv`: {_FW_ENV} may name another place, or the environment was never saved (`saveenv`)"
        return Finding(_ABOUT, "error", "U-Boot's environment has no BOOT_ORDER, or cannot be read", remedy)
    order = told.split()
    if missing := [each for each in bootnames if each not in order]:
        fix = f'`fw_setenv BOOT_ORDER "{" ".join((*order, *missing))}"`, unless they were marked bad on purpose'
        return Finding(_ABOUT, "warning", f"BOOT_ORDER lacks {', '.join(missing)}, which U-Boot does not boot", fix)
    return Finding(_ABOUT, "ok", f"U-Boot boots in the order {' '.join(order)}")


def _custom(settings: Configuration) -> Finding:
    backend = settings.get("handlers", "bootloader-custom-backend")
    if not backend:
        remedy = "write `bootloader-custom-backend=` with its path into the section `[handlers]`"
        return Finding(_ABOUT, "error", "`custom` needs a program, and system.conf names none", remedy)
    path = Path(settings.path).parent / backend
    if not path.exists():
        return Finding(_ABOUT, "error", f"the program {path} is not there", "install it, or correct its path")
    return Finding(_ABOUT, "ok", f"custom, by {path}")
