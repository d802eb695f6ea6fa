"""Engines that the `docker` command would use and evenkeel does not: those of Docker's contexts.

An operator who has set one of them would look for the mistake in the wrong place when the engine is away, so the error
names them.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from evenkeel.controller.process.bounded import read_regular


def passed_over() -> str:
    """The settings that do not count, as the end of a sentence; "" when there are none."""
    found = ["$DOCKER_CONTEXT"] if os.environ.get("DOCKER_CONTEXT") else []
    if _context() not in ("", "default"):
        found.append("the context of the docker command")
    return f"; evenkeel does not look at {' and '.join(found)}" if found else ""


def _context() -> str:
    """The context that `docker context use` wrote."""
    folder = os.environ.get("DOCKER_CONFIG")
    try:
        content = read_regular((Path(folder) if folder else Path.home() / ".docker") / "config.json")
        config = json.loads(content)
    except (OSError, ValueError, RuntimeError, RecursionError):
        return ""
    context = config.get("currentContext") if isinstance(config, dict) else None
    return context if isinstance(context, str) else ""
