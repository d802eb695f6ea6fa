"""RAUC's own settings, `system.conf`: what its D-Bus interface does not tell.

The file is GLib's key file: sections in brackets, `key=value`, comments after `#` at the beginning of a line. evenkeel may run
where it cannot be read, as in a container: then nothing is known, and the defaults of RAUC are assumed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from evenkeel.controller.process.bounded import read_bounded

CONFIGURATIONS = (Path("/etc/rauc/system.conf"), Path("/run/rauc/system.conf"), Path("/usr/lib/rauc/system.conf"))
"""Where RAUC looks, in order; the latter two since 1.13."""
_GRUBENV = "/boot/grub/grubenv"
_MOST_BYTES = 1024**2
_YES, _NO = ("true", "1"), ("false", "0")


class Configuration(NamedTuple):
    """`path`: the file that was read, "" when none could be. `sections`: names → keys → values as they are written."""

    path: str = ""
    sections: Mapping[str, Mapping[str, str]] = {}

    def get(self, section: str, key: str) -> str:
        """A value, "" for one that is not there."""
        return self.sections.get(section, {}).get(key, "")

    @property
    def bootloader(self) -> str:
        """`grub`, `uboot`, `barebox`, `efi`, `custom` or `noop`."""
        return self.get("system", "bootloader")

    @property
    def grubenv(self) -> str:
        """The file of GRUB's environment; "" with another bootloader."""
        return (self.get("system", "grubenv") or _GRUBENV) if self.bootloader == "grub" else ""

    @property
    def keyring(self) -> str:
        """The file with the certificates that bundles are trusted by; a relative path begins at the folder of `path`."""
        return self.get("keyring", "path")

    @property
    def keeps_primary(self) -> bool:
        """Whether an install leaves the mark for the next boot as it is. RAUC's default is that it does not."""
        return self.get("system", "activate-installed") in _NO

    def is_readonly(self, slot: str) -> bool:
        """Whether RAUC does not write this slot, by its name."""
        return self.get(f"slot.{slot}", "readonly") in _YES


def configuration(paths: Sequence[Path] = CONFIGURATIONS) -> Configuration:
    """The first of these files that can be read. Blocks."""
    for path in paths:
        try:
            content = read_bounded(path, _MOST_BYTES)
        except OSError:
            continue
        return Configuration(str(path), _sections(content.decode(errors="replace")))
    return Configuration()


def _sections(text: str) -> dict[str, dict[str, str]]:
    sections: dict[str, dict[str, str]] = {}
    section: dict[str, str] = {}
    for line in text.splitlines():
        written = line.strip()
        if not written or written.startswith("#"):
            continue
        if written.startswith("[") and written.endswith("]"):
            section = sections.setdefault(written[1:-1], {})
        elif "=" in written:
            key, _, value = written.partition("=")
            section[key.strip()] = value.strip()
    return sections
