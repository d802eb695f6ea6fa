"""Docker Compose on the same engine, as the thing to compare with: it creates and starts, and proves nothing."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from pathlib import Path

_TIMEOUT_S = 600


def compose_command() -> list[str]:
    """The command of Docker Compose: version 1, or the plugin. Empty where neither is installed."""
    if found := shutil.which("docker-compose"):
        return [found]
    done = (
        subprocess.run(["docker", "compose", "version"], capture_output=True, check=False)
        if shutil.which("docker")
        else None
    )
    return ["docker", "compose"] if done is not None and not done.returncode else []


class Compose:
    """One project of `count` containers of an image that is there."""

    def __init__(self, folder: Path, engine: str, count: int, image: str) -> None:
        """`engine`: its address, as DOCKER_HOST takes it."""
        self._count, self._image, self._file = count, image, folder / f"compose-{count}.json"
        self._command = [*compose_command(), "-p", f"bench{count}", "-f", str(self._file)]
        self._environment = {**os.environ, "DOCKER_HOST": engine, "COMPOSE_HTTP_TIMEOUT": str(_TIMEOUT_S)}

    def up_s(self, version: str = "1") -> float:
        """Seconds of `up -d`: from nothing, or, with another version than before, of all containers anew."""
        services = {
            f"app-{number}": {
                "image": self._image,
                "container_name": f"composed-{number}",
                "environment": {"VERSION": version},
            }
            for number in range(self._count)
        }
        self._file.write_text(json.dumps({"version": "3", "services": services}))
        begun = time.monotonic()
        self._run("up", "-d")
        return time.monotonic() - begun

    def down(self) -> None:
        """Remove everything."""
        self._run("down", "-t", "0")

    def _run(self, *arguments: str) -> None:
        done = subprocess.run(
            [*self._command, *arguments], env=self._environment, capture_output=True, check=False, timeout=_TIMEOUT_S
        )
        if done.returncode:
            raise RuntimeError(
                f"{self._command[0]} {arguments[0]} ended with {done.returncode}: {done.stderr.decode()}"
            )
