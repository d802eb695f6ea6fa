"""An engine that answers with what a real one was recorded to answer, and at one place with whatever a test wants."""

from __future__ import annotations

import copy
import json
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.controller.drivers.containers.docker.inspecting import RECORDED
from tests.engines.scripted import CHUNKED, NO_CONTENT, Peer, Server, answer, chunk

from evenkeel.controller.drivers.containers.docker import DockerEngine
from evenkeel.controller.drivers.containers.docker.render import OWNER_LABEL


def _nearby(inspected: dict[str, Any]) -> dict[str, Any]:
    """The same at an address at which a probe is refused at once. The recorded one may be another machine's."""
    networks = inspected["NetworkSettings"]["Networks"]
    for each in (inspected["NetworkSettings"], *networks.values()):
        if each.get("IPAddress"):
            each["IPAddress"] = "127.0.0.254"
    return inspected


INSPECTED: dict[str, dict[str, Any]] = {
    each["inspect"]["Name"].removeprefix("/"): _nearby(copy.deepcopy(each["inspect"]))
    for kind in ("ours", "others")
    for each in RECORDED[kind].values()
}
ADOPTED = {each["inspect"]["Id"]: name for name, each in RECORDED["others"].items()}
NAME, IMAGE = "web", "docker.io/library/web:1"
NETWORK = {"Id": "a" * 64, "Name": "evenkeel", "Labels": {"dev.evenkeel.name": "evenkeel"}}
CONTAINERS = [
    {
        "Id": each["Id"],
        "Names": [each["Name"]],
        "Labels": each["Config"]["Labels"],
        "Image": each["Config"]["Image"],
        "ImageID": each["Image"],
        "State": each["State"]["Status"],
        "Created": 1_795_446_885,
    }
    for each in INSPECTED.values()
]
PULLED = [{"id": "a", "status": "Downloading", "progressDetail": {"current": 1, "total": 2}}, {"status": "Digest: x"}]

ANSWERS: dict[str, Any] = {
    "GET /containers/json": CONTAINERS,
    "GET /images/json": RECORDED["imageList"],
    "GET /version": {"Version": "20.10.24", "Components": [{"Name": "Engine"}]},
    "GET /info": {"MemoryLimit": True, "SwapLimit": False},
    "GET /networks": [NETWORK],
    "GET /distribution/docker.io/library/web:1/json": {"Descriptor": {"digest": "sha256:" + "0" * 64}},
    "GET /images/docker.io/library/web:1/json": RECORDED["images"]["web:1"],
    **{f"GET /images/{each['Id']}/json": each for each in RECORDED["images"].values()},
    **{f"GET /containers/{name}/json": each for name, each in INSPECTED.items()},
    **{f"GET /containers/{each['Id']}/json": each for each in INSPECTED.values()},
    "POST /containers/create": {"Id": INSPECTED[NAME]["Id"], "Warnings": []},
    f"POST /containers/{NAME}/update": {"Warnings": None},
    "POST /networks/create": {"Id": NETWORK["Id"], "Warning": ""},
    f"POST /networks/{NETWORK['Id']}/connect": None,
    f"POST /containers/{NAME}/start": None,
    f"POST /containers/{NAME}/stop": None,
    f"POST /containers/{INSPECTED[NAME]['Id']}/rename": None,
    f"DELETE /containers/{INSPECTED[NAME]['Id']}": None,
    "POST /images/create": PULLED,
    "GET /events": [{"Type": "container"}],
}
"""JSON by request; `None` is an answer without content."""
STREAMS = ("POST /images/create", "GET /events")


class RecordedEngine:
    """`strange`: whole answers by request, instead of the recorded ones."""

    def __init__(self, folder: Path) -> None:
        self.server = Server(folder / "engine.sock")
        self.server.reply = self._reply
        self.strange: dict[str, bytes] = {}
        self.driver = DockerEngine(self.server.address, owner="")

    async def _reply(self, peer: Peer) -> None:
        method, target, *_ = self.server.asked[-1].split(" ")
        asked = f"{method} {target.partition('?')[0].removeprefix('/v1.41')}"
        await peer.say(self.strange.get(asked, _answer(asked)))
        if asked in STREAMS or asked in self.strange:
            peer.drop()


def _answer(asked: str) -> bytes:
    if asked not in ANSWERS:
        return answer({"message": f"no such thing: {asked}"}, "404 Not Found")
    if asked in STREAMS:
        return CHUNKED + b"".join(chunk(json.dumps(each).encode() + b"\n") for each in ANSWERS[asked]) + b"0\r\n\r\n"
    return NO_CONTENT if ANSWERS[asked] is None else answer(ANSWERS[asked])


def body(asked: str, value: object) -> bytes:
    """An answer with this JSON; in a stream, one object of it."""
    content = json.dumps(value).encode()
    if asked in STREAMS:
        return CHUNKED + chunk(content + b"\n") + b"0\r\n\r\n"
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (
        len(content),
        content,
    )


@asynccontextmanager
async def recorded_engine() -> AsyncIterator[RecordedEngine]:
    with tempfile.TemporaryDirectory() as folder:
        it = RecordedEngine(Path(folder))
        await it.server.start()
        try:
            yield it
        finally:
            await it.driver.close()
            await it.server.stop()


assert all(each["Labels"].get(OWNER_LABEL, "") == "" for each in CONTAINERS), "they would be of another owner"
