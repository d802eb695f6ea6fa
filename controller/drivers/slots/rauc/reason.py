"""Why RAUC refuses a bundle, where its D-Bus interface does not say: `rauc info` checks it in the same way, and does."""

from __future__ import annotations

import shutil
from pathlib import Path

from evenkeel.controller.drivers.slots.command import run
from evenkeel.controller.drivers.slots.rauc.installer import INSPECT_S

_MAGIC = b"hsqs"
"""The beginning of squashfs, which every bundle is."""


async def reason(bundle: str, configuration: str) -> str:
    """RAUC's words about a bundle that it has refused. `configuration`: the path of system.conf, "" for RAUC's own choice."""
    tool = shutil.which("rauc")
    if tool is None:
        return _own_words(Path(bundle))
    at = ("-c", configuration) if configuration else ()
    try:
        ended = await run((tool, *at, "info", bundle), INSPECT_S)
    except (OSError, TimeoutError):
        return _own_words(Path(bundle))
    if ended.code == 0:
        return "RAUC did not check the bundle; it may be at work on something else"
    lines = [line.strip() for line in ended.output.splitlines() if line.strip() and not line.startswith("rauc-Message")]
    return lines[-1] if lines else _own_words(Path(bundle))


def _own_words(bundle: Path) -> str:
    try:
        with bundle.open("rb") as file:
            if file.read(len(_MAGIC)) != _MAGIC:
                return "Invalid bundle format: it does not begin as one"
    except OSError as error:
        return f"{bundle}: {(error.strerror or str(error)).lower()}"
    return f"RAUC does not say why it refuses the bundle; `rauc info {bundle}` does"
