"""What the driver concludes from an engine that says it is Podman. The texts are those of Podman 4.3.1."""

from __future__ import annotations

from pathlib import Path

from tests.engines.scripted import Peer, Server, answer

from evenkeel.controller.drivers.containers.docker import DockerEngine

_VERSION = {
    "Platform": {"Name": "linux/amd64/debian-12"},
    "Components": [{"Name": "Podman Engine", "Version": "4.3.1", "Details": {"APIVersion": "4.3.1"}}],
    "Version": "4.3.1",
    "ApiVersion": "1.41",
}


async def test_podman_changes_nothing_in_place(tmp_path: Path) -> None:
    """Its copy of the API has no update, so a new container takes the place of the old one."""
    server = Server(tmp_path / "podman.sock")

    async def reply(peer: Peer) -> None:
        await peer.send(answer(_VERSION if "/version" in server.asked[-1] else []))

    server.reply = reply
    await server.start()
    engine = DockerEngine(server.address)
    for _ in range(2):
        seen = await engine.observe()
        assert (seen.engine, seen.in_place) == ("podman 4.3.1", "none")
    await engine.close()
    await server.stop()
