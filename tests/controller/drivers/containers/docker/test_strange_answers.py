"""Whatever an engine answers, or a proxy before it, the driver says that the engine cannot be asked, or tells the world."""

from __future__ import annotations

import asyncio
import copy
import json
from contextlib import aclosing
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.controller.drivers.containers.docker.recorded_engine import (
    ADOPTED,
    ANSWERS,
    IMAGE,
    INSPECTED,
    NAME,
    STREAMS,
    RecordedEngine,
    body,
    recorded_engine,
)
from tests.controller.drivers.containers.docker.rig import container
from tests.engines.scripted import PING, Peer
from tests.sampling import examples

from evenkeel.specs.codec import plain
from evenkeel.specs.containers.actions import Connect, Create, End, Pull, Remove, Rename, Start, Update, Verify
from evenkeel.specs.containers.container import Resources, Restart, Stop
from evenkeel.specs.containers.observed import ContainersLook, ContainersSeen
from evenkeel.specs.errors import TimedOut, Unavailable
from evenkeel.specs.plan import Action, Done, Failed, Retry

LOOK = ContainersLook(adopted=ADOPTED, images=(IMAGE,), fresh=True)
WEB = container(NAME, "web:1", stable_for=timedelta(milliseconds=1))
ACTIONS: tuple[Action, ...] = (
    Pull(IMAGE, "Always", "sha256:" + "0" * 64),
    Create(WEB, NAME),
    Connect(NAME, WEB),
    Start(NAME),
    Update(NAME, Restart("always"), Resources(64 << 20, None, 64 << 20)),
    Rename(NAME, "other"),
    End(NAME, Stop()),
    Remove(NAME),
    Verify(NAME, WEB),
)
HEADS = {
    "nothing": b"HTTP/1.1 204 No Content\r\n\r\n",
    "moved": b"HTTP/1.1 301 Moved Permanently\r\nLocation: /\r\nContent-Length: 0\r\n\r\n",
    "not modified": b"HTTP/1.1 304 Not Modified\r\n\r\n",
    "a page": b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 6\r\n\r\n<html>",
    "no JSON": b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 3\r\n\r\n{x}",
    "deep": b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n" + b"[" * 100_000,
    "a deep no": b"HTTP/1.1 500 No\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n"
    + b"[" * 100_000,
    "a long no": b"HTTP/1.1 500 No\r\nContent-Length: 1000000\r\n\r\n" + b"x" * 1_000_000,
    "cut": b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 300\r\n\r\n[{",
    "another protocol": b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
    "silence": b"",
}
WEB_ID = INSPECTED[NAME]["Id"]
LOOKING = (
    "GET /containers/json",
    "GET /images/json",
    "GET /version",
    "GET /info",
    f"GET /distribution/{IMAGE}/json",
    f"GET /containers/{WEB_ID}/json",
    f"GET /containers/{INSPECTED['fplain']['Id']}/json",
    f"GET /images/{INSPECTED['fplain']['Image']}/json",
)
ACTING = [
    asked
    for asked in ANSWERS
    if not asked.startswith("GET") or NAME in asked or WEB_ID in asked or "/networks" in asked
]
texts = st.text(st.characters(), max_size=5)
"""With halves of surrogate pairs, which JSON can hold and UTF-8 cannot."""
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.just(10**400) | st.floats(allow_nan=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=5,
)


async def look(engine: RecordedEngine) -> ContainersSeen | str:
    """The world, or why the engine cannot be asked."""
    try:
        seen = await engine.driver.observe(LOOK)
    except (Unavailable, TimedOut) as error:
        str(error).encode()
        return str(error)
    json.dumps(plain(seen), ensure_ascii=False).encode()  # every text of it can be stored
    return seen


async def do_all(engine: RecordedEngine) -> None:
    for action in ACTIONS:
        outcome = await engine.driver.perform(action, lambda *_: None)
        assert isinstance(outcome, Done | Retry | Failed)
        assert len(outcome.message) < 10_000
        outcome.message.encode()


async def test_the_recorded_answers_are_understood() -> None:
    async with recorded_engine() as engine:
        seen = await look(engine)
        assert isinstance(seen, ContainersSeen)
        assert {each.engine_name for each in seen.containers if each.container} == {*INSPECTED}
        assert seen.remote
        outcomes = [await engine.driver.perform(action, lambda *_: None) for action in ACTIONS]
        assert isinstance(outcomes[3], Done)


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("asked", LOOKING)
async def test_an_answer_that_is_none_is_a_failure_of_the_engine_and_names_the_request(asked: str, head: str) -> None:
    async with recorded_engine() as engine:
        engine.strange[asked] = HEADS[head]
        seen = await look(engine)
        if isinstance(seen, str):
            assert "GET /" in seen
            assert len(seen) < 3000
        else:
            assert (
                asked.partition("/json")[0].endswith((IMAGE, "/info")) or "/images/" in asked or "/containers/" in asked
            )
            assert len(seen.containers) == len(INSPECTED)
        engine.strange.clear()
        assert isinstance(await look(engine), ContainersSeen), "it goes on when the engine is well again"


@pytest.mark.parametrize("head", ["nothing", "moved", "a page", "deep", "a deep no", "cut"])
@pytest.mark.parametrize("asked", ACTING)
async def test_no_answer_to_an_action_is_more_than_an_outcome(asked: str, head: str) -> None:
    async with recorded_engine() as engine:
        engine.strange[asked] = HEADS[head]
        await do_all(engine)


@given(st.sampled_from(sorted(ANSWERS)), values)
@settings(max_examples=examples(15))
def test_any_json_at_any_place(asked: str, value: object) -> None:
    async def work() -> None:
        async with recorded_engine() as engine:
            engine.strange[asked] = body(asked, value)
            await look(engine)
            await do_all(engine)

    asyncio.run(work())


@given(st.data(), values)
@settings(max_examples=examples(15))
def test_any_json_in_the_middle_of_a_true_answer(data: st.DataObject, value: object) -> None:
    asked = data.draw(st.sampled_from([asked for asked, found in ANSWERS.items() if found]))
    changed = copy.deepcopy(ANSWERS[asked])
    here: Any = changed
    while True:
        keys = list(here) if isinstance(here, dict) else range(len(here))
        key = data.draw(st.sampled_from(keys))
        if not here[key] or not isinstance(here[key], dict | list) or data.draw(st.booleans()):
            break
        here = here[key]
    here[key] = value

    async def work() -> None:
        async with recorded_engine() as engine:
            engine.strange[asked] = body(asked, changed[0] if asked in STREAMS else changed)
            await look(engine)
            await do_all(engine)

    asyncio.run(work())


def _halved(value: Any) -> Any:
    """The same, with half a surrogate pair at the end of each text."""
    match value:
        case str():
            return f"{value}\ud800"
        case list():
            return [_halved(each) for each in value]
        case dict():
            return {key: _halved(each) for key, each in value.items()}
    return value


@pytest.mark.parametrize("asked", sorted(ANSWERS))
async def test_half_a_character_in_a_text_is_no_defect(asked: str) -> None:
    async with recorded_engine() as engine:
        answer = _halved(ANSWERS[asked])
        engine.strange[asked] = body(asked, answer[0] if asked in STREAMS and answer else answer)
        await look(engine)
        await do_all(engine)
        no = body("", {"message": "no \ud800 way"}).replace(b"200 OK", b"500 No")
        engine.strange[asked] = no
        await look(engine)
        await do_all(engine)
        if asked == "GET /containers/json":
            assert "no \ufffd way" in str(await look(engine))


@pytest.mark.parametrize("head", HEADS)
async def test_no_answer_ends_the_following_of_events(head: str) -> None:
    async with recorded_engine() as engine:
        engine.strange["GET /events"] = HEADS[head]
        async with aclosing(engine.driver.nudges()) as nudges:  # type: ignore[type-var]
            for _ in range(4):
                await asyncio.wait_for(anext(nudges), 60)


@pytest.mark.parametrize("ping", [b"1.9", b"1.39", b"x", b""])
async def test_an_engine_that_is_too_old_ends_nothing_and_is_asked_again(ping: bytes) -> None:
    async with recorded_engine() as engine:
        engine.server.ping = PING.replace(b"1.41", ping)
        async with aclosing(engine.driver.nudges()) as nudges:  # type: ignore[type-var]
            await asyncio.wait_for(anext(nudges), 60)
            why = await look(engine)
            assert isinstance(why, str)
            assert "too old" in why or "which engine API" in why
            for action in ACTIONS:
                assert isinstance(await engine.driver.perform(action, lambda *_: None), Retry), "it may be replaced"
            engine.server.ping = PING
            assert isinstance(await look(engine), ContainersSeen)
            await asyncio.wait_for(anext(nudges), 60)


async def test_an_engine_that_was_replaced_by_an_old_one_behind_a_kept_connection_is_asked_anew() -> None:
    """A proxy before the engine keeps its connections to the clients."""
    async with recorded_engine() as engine:
        await look(engine)
        no = b'{"message": "client version 1.41 is too new. Maximum supported API version is 1.38"}'
        engine.strange["GET /images/json"] = b"HTTP/1.1 400 Bad Request\r\nContent-Length: %d\r\n\r\n%s" % (len(no), no)
        engine.server.ping = PING.replace(b"1.41", b"1.38")
        assert "too new" in str(await look(engine))
        assert "too old: it speaks API 1.38" in str(await look(engine))
        engine.strange.clear()
        engine.server.ping = PING
        assert isinstance(await look(engine), ContainersSeen)


async def test_a_container_that_is_listed_and_cannot_be_found_is_no_observation() -> None:
    """It would be missing from what is seen, and made a second time."""
    async with recorded_engine() as engine:
        gone = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
        for name in (NAME, INSPECTED[NAME]["Id"]):
            engine.strange[f"GET /containers/{name}/json"] = gone
        assert "it is listed" in str(await look(engine))
        for action in (Verify(NAME, WEB), Remove(NAME)):
            assert isinstance(await engine.driver.perform(action, lambda *_: None), Retry)


async def test_an_answer_about_another_container_is_none() -> None:
    async with recorded_engine() as engine:
        id_ = INSPECTED[NAME]["Id"]
        engine.strange[f"GET /containers/{id_}/json"] = body("", INSPECTED["plain"])
        assert "the answer is about" in str(await look(engine))


@pytest.mark.parametrize("value", [None, []])
@pytest.mark.parametrize("asked", ["GET /containers/json", "GET /images/json"])
async def test_a_list_that_is_empty_in_one_answer_alone_hides_nothing(asked: str, value: object) -> None:
    """V9: one empty list, in the middle of a switch, and a second new container was made."""
    async with recorded_engine() as engine:
        whole = await engine.driver.observe(LOOK)
        assert whole.containers
        assert whole.images
        reply, empty = engine.server.reply, [body(asked, value)]

        async def empty_once(peer: Peer) -> None:
            if empty and engine.server.asked[-1].partition("?")[0].endswith(asked.removeprefix("GET ")):
                await peer.say(empty.pop())
                peer.drop()
            else:
                await reply(peer)

        engine.server.reply = empty_once
        seen = await engine.driver.observe(LOOK)
        assert not empty
        assert [each.id for each in seen.containers] == [each.id for each in whole.containers]
        assert seen.images == whole.images
