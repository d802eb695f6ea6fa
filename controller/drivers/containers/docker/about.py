"""The engine about itself: its version, the API that is spoken with it, and its folder."""

from __future__ import annotations

from evenkeel.controller.drivers.containers.docker import answers
from evenkeel.controller.drivers.containers.docker.client import EngineClient
from evenkeel.controller.drivers.containers.docker.kinds import kind_of, version_of
from evenkeel.reconcilers.doctor.engine import EngineFacts


async def about(address: str, advice: str, timeout_s: float) -> EngineFacts:
    """Raises Unavailable, TimedOut, EngineAnswer."""
    client = EngineClient(address, timeout_s=timeout_s, advice=advice)
    try:
        found = await client.get("/info", answers.SystemAnswer)
        kind, version = kind_of(client.server), version_of(client.server) or found.get("ServerVersion", "")
        return EngineFacts(f"{kind.name} {version}".strip(), client.api, found.get("DockerRootDir", ""))
    finally:
        await client.close()
