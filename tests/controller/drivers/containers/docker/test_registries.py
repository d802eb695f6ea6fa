"""Registries are asked beside the looks at the engine, and keep none of them waiting."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.engines.scripted import Peer, Server, answer, until
from tests.virtual import run

from evenkeel.controller.distribution.access import PullAccess
from evenkeel.controller.drivers.containers.docker import registries
from evenkeel.controller.drivers.containers.docker.client import EngineClient
from evenkeel.controller.drivers.containers.docker.fetch import fetch
from evenkeel.controller.drivers.containers.docker.registries import Registries
from evenkeel.specs.containers.actions import Pull
from evenkeel.specs.containers.observed import RemoteImage
from evenkeel.specs.plan import Failed

DIGEST = f"sha256:{'0' * 64}"
SLOW = [f"slow.example/app{number}:1" for number in range(12)]


class Held:
    """An engine whose registries answer when they are let; those of `silent` never do, and with a `refusal` all say that."""

    def __init__(self, folder: Path) -> None:
        self.server = Server(folder / "engine.sock")
        self.server.reply = self._reply
        self.client = EngineClient(self.server.address, limit=2)
        self.late = asyncio.Event()
        self.registries = Registries(self.client, PullAccess(str(folder / "config.json")), self.late.set)
        self.open, self.silent, self.refusal, self.digest = asyncio.Event(), "", "", DIGEST
        (folder / "config.json").write_text("{}")

    def asked(self) -> list[str]:
        return [line.partition("/distribution/")[2] for line in self.server.first_lines if "/distribution/" in line]

    async def _reply(self, peer: Peer) -> None:
        line = self.server.first_lines[-1]
        if "/distribution/" not in line and "/images/create" not in line:
            await peer.say(answer({}))
        elif self.refusal:
            await peer.say(answer({"message": self.refusal}, status="500 Internal Server Error"))
        elif self.silent and self.silent in line:
            await peer.until_gone()
        else:
            await self.open.wait()
            await peer.say(answer({"Descriptor": {"digest": self.digest}}))


@pytest.fixture
async def held(tmp_path: Path) -> AsyncIterator[Held]:
    it = Held(tmp_path)
    await it.server.start()
    yield it
    await it.registries.close()
    await it.client.close()
    await it.server.stop()


def test_they_take_no_place_from_looks_and_are_asked_a_few_at_a_time(tmp_path: Path) -> None:
    """In virtual time: what never happens is known at once."""

    async def story() -> None:
        held = Held(tmp_path)
        await held.server.start()
        try:
            looking = asyncio.ensure_future(held.registries.look_up(SLOW))
            await until(lambda: len(held.asked()) == 4)
            await held.client.call("GET", "/info")
            assert len(held.asked()) == 4
            held.open.set()
            assert await looking == {image: RemoteImage(DIGEST) for image in SLOW}
        finally:
            await held.registries.close()
            await held.client.close()
            await held.server.stop()

    run(story())


@pytest.mark.virtual
async def test_one_that_is_silent_is_not_waited_for_with_every_image(
    held: Held, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registries, "_TIMEOUT_S", 0.05)
    monkeypatch.setattr(registries, "_PATIENCE_S", 60.0)
    held.silent = "slow.example"
    assert await held.registries.look_up(SLOW) == {}
    assert len(held.asked()) == 4
    monkeypatch.setattr(registries, "_TIMEOUT_S", 60.0)
    held.open.set()
    assert await held.registries.look_up([*SLOW, "quick.example/app:1"]) == {"quick.example/app:1": RemoteImage(DIGEST)}


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ('Get "https://a.b/v2/": dial tcp 10.0.0.1:443: connect: connection refused', "connection refused"),
        ("unauthorized: authentication required", "authentication required"),
        ("manifest unknown: see https://me:secret@a.b/?token=x", "see https://(hidden)@a.b/?(hidden)"),
    ],
)
async def test_why_a_registry_was_not_asked_is_few_words(held: Held, said: str, told: str) -> None:
    """S20: nothing told it."""
    held.refusal = said
    assert held.registries.why(SLOW[0]) == "it has not answered within 15 s"
    assert await held.registries.look_up(SLOW[:1]) == {}
    assert held.registries.why(SLOW[0]) == told
    held.refusal = ""
    held.open.set()
    assert await held.registries.look_up(SLOW[:1], fresh=True)
    assert held.registries.why(SLOW[0]) == "it has not answered within 15 s"


_PASSWORD = 'pass:"word/ä'


@pytest.mark.parametrize(
    "repeated",
    [
        _PASSWORD,
        "pass%3A%22word%2F%C3%A4",
        'pass:\\"word/ä',
        'pass:\\\\\\"word/ä',
        base64.b64encode(f"ci:{_PASSWORD}".encode()).decode(),
    ],
)
async def test_words_of_an_engine_that_repeat_a_secret_are_not_shown(
    held: Held, tmp_path: Path, caplog: pytest.LogCaptureFixture, repeated: str
) -> None:
    """A registry has them, and the engine passes them on."""
    coded = base64.b64encode(f"ci:{_PASSWORD}".encode()).decode()
    (tmp_path / "config.json").write_text(json.dumps({"auths": {"slow.example": {"auth": coded}}}))
    caplog.set_level("DEBUG")
    held.refusal = f"denied: ci with {repeated} may not"
    assert await held.registries.look_up(SLOW[:1]) == {}
    assert held.registries.why(SLOW[0]) == "the engine's words are not shown, for they have a secret in them"
    outcome = await fetch(held.client, held.registries, Pull(SLOW[0], "Always", ""), lambda *given: None)
    assert isinstance(outcome, Failed), "what is shown changes nothing about what it is"
    assert not any(repeated in str(each) for each in (outcome, *(vars(record) for record in caplog.records)))


@pytest.mark.parametrize("digest", ["", "x", "sha256:x", f"{DIGEST}\n", f"{DIGEST} ", "\ud800"])
async def test_what_is_no_digest_is_no_answer(held: Held, digest: str) -> None:
    """R2: it became part of the reference of an image."""
    held.open.set()
    held.digest = digest
    assert await held.registries.look_up(SLOW[:1]) == {}
    assert held.registries.why(SLOW[0]) == "its answer is none of a registry"


@pytest.mark.virtual
async def test_an_answer_that_no_look_waited_for_is_in_the_next(held: Held, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registries, "_PATIENCE_S", 0.01)
    assert await held.registries.look_up(SLOW[:1]) == {}
    assert await held.registries.look_up(SLOW[:1]) == {}
    held.open.set()
    await asyncio.wait_for(held.late.wait(), 60)
    assert await held.registries.look_up(SLOW[:1]) == {SLOW[0]: RemoteImage(DIGEST)}
    assert len(held.asked()) == 1, "one question was under way"


async def test_the_engine_gets_what_is_in_force_for_the_image(tmp_path: Path) -> None:
    """By the longest place, and before `engine.dockerConfig`."""

    def coded(user: str) -> dict[str, str]:
        return {"auth": base64.b64encode(f"{user}:secret".encode()).decode()}

    config, admitted = tmp_path / "config.json", tmp_path / "auth.json"
    config.write_text(json.dumps({"auths": {"a.io": coded("docker"), "b.io": coded("docker")}}))
    admitted.write_text(json.dumps({"auths": {"a.io": coded("host"), "a.io/org": coded("org")}}))
    server = Server(tmp_path / "engine.sock")
    client = EngineClient(server.address, limit=1)
    registries = Registries(client, PullAccess(str(config), admitted), lambda: None)
    try:
        for place, user in (("a.io/org/img", "org"), ("a.io/img", "host"), ("b.io/img", "docker")):
            header = (await registries.auth(place)).headers["X-Registry-Auth"]
            told = {"serveraddress": place[:4], "username": user, "password": "secret"}
            assert json.loads(base64.urlsafe_b64decode(header)) == told
        assert (await registries.auth("c.io/img")).headers == {}
    finally:
        await client.close()
