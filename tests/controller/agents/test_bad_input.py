"""Bad input of every kind: a desired state is refused with every reason, where it stands, and what helps, to the activity that
sent it if that can be read at all; anything else is noted in the journal. Nothing is dropped without a word (A9, B24), nothing
crashes (B8), and whatever came before, the next good message is served.
"""

from __future__ import annotations

import gc
import json
import random
import tracemalloc
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import pytest
from tests.controller.agents.harness import (
    COMMAND,
    DESIRED,
    GET,
    Device,
    asked,
    command_message,
    desired_state,
    statuses,
)
from tests.sampling import THOROUGH
from tests.virtual import run

from evenkeel.controller.agents.conduct import AgentSettings
from evenkeel.reconcilers.agents.wires import kanto
from evenkeel.specs.kanto.manner import Manner

IMAGE = {"key": "image", "value": "reg.example/lamp:1"}


def component(*config: tuple[str, str], id_: str = "lamp", **more: Any) -> dict[str, Any]:
    return {"id": id_, "version": "1", "config": [IMAGE, *({"key": k, "value": v} for k, v in config)]} | more


def domain(*components: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"domains": [{"id": "containers", "components": list(components)} | more]}


def baseline(*components: str, title: str = "front") -> dict[str, Any]:
    return {"baselines": [{"title": title, "components": list(components)}]}


REFUSED: dict[str, tuple[Any, list[str]]] = {
    "no payload": (None, ["one domain expected in desired state specification, but got 0", "[payload.domains]"]),
    "an empty payload": ({}, ["one domain expected in desired state specification, but got 0"]),
    "a payload that is a list": ([], ["payload: expected a mapping, got a list"]),
    "no domain": ({"domains": []}, ["but got 0"]),
    "two domains": ({"domains": [{"id": "containers"}, {"id": "x"}]}, ["but got 2", "leave only `containers`"]),
    "another domain": ({"domains": [{"id": "container"}]}, [
        "domain id mismatch - expecting containers, received container", "did you mean `containers`?"]),
    "an unknown key": (domain(component(), foo=1), ["unknown key `foo`", "[payload.domains[0].foo]"]),
    "parameters instead of config": (
        domain({"id": "lamp", "version": "1", "parameters": [IMAGE]}), ["unknown key `parameters`", "did you mean `config`?"]),
    "an inventory": ({"softwareNodes": []}, ["unknown key `softwareNodes`", "this is a report of the current state"]),
    "an id with prefix": (domain(component(id_="containers:lamp")), [
        "invalid container name format : containers:lamp", "leave out `containers:`"]),
    "an id twice": (domain(component(), component()), [
        "the component `lamp` stands here again", "[payload.domains[0].components[1].id]"]),
    "no id": (domain(component(id_="")), ["the key `id` is missing"]),
    "an id that is no text": (domain(component(id_=7)), ["[payload.domains[0].components[0].id]"]),  # type: ignore[arg-type]
    "an unknown config key": (domain(component(("envv", "A=1"))), [
        "unknown key `envv`", "did you mean `env`?", "[payload.domains[0].components[0].config[1].key]"]),
    "an unknown domain key": (domain(component(), config=[{"key": "systemContainer", "value": "x"}]), [
        "unknown key `systemContainer`", "did you mean `systemContainers`?"]),
    "a bad device": (domain(component(("device", "a:b:c:d"))), [
        "incorrect configuration value for device mapping a:b:c:d", "[payload.domains[0].components[0].config[1].value]"]),
    "a bad port": (domain(component(("port", "123.456.789.000:80:80"))), ["123.456.789.000:80:80"]),
    "a port beyond 65535": (domain(component(("port", "99999:80"))), ["99999"]),
    "a range of the container's ports": (domain(component(("port", "80:70-90"))), [
        "Incorrect port mapping configuration 80:70-90", "expected one port of the container, got the range `70-90`"]),
    "one port of the host for two of the container": (domain(component(("port", "80:80"), ("port", "80:81"))), [
        "host port 80/tcp is given to two container ports"]),
    "two mounts at one place": (domain(component(("mount", "/a:/x"), ("mount", "/b:/x"))), [
        "/x is mounted twice, from /a and /b"]),
    "a host without address": (domain(component(("host", "ctr_host"))), ["expected name:address"]),
    "a host at no address": (domain(component(("host", "db:nowhere"))), ["`nowhere` is no address"]),
    "a folder of logs that is relative": (domain(component(("logPath", "logs"))), ["expected an absolute path"]),
    "a bad mount": (domain(component(("mount", "/TMP"))), ["/TMP"]),
    "a bad boolean": (domain(component(("terminal", "YES"))), ["YES"]),
    "a bad number": (domain(component(("restartPolicy", "on-failure"), ("restartMaxRetries", "X"))), ["X"]),
    "a bad size": (domain(component(("memory", "10MB"))), ["invalid format of memory - 10MB"]),
    "too little memory": (domain(component(("memory", "2.8M"))), ["minimum memory allowed is 3M"]),
    "swap without memory": (domain(component(("memorySwap", "10M"))), ["memory must be set as well"]),
    "privileged with devices": (domain(component(("privileged", "true"), ("device", "/dev/a:/dev/a"))), [
        "cannot create the container as privileged and with specified devices at the same time"]),
    "ports on the host network": (domain(component(("network", "host"), ("port", "80:80"))), [
        "cannot use port mappings when in host network mode"]),
    "a port of the host for two": (
        domain(component(("port", "80:80")), component(("port", "127.0.0.1:80:81"), id_="horn")), [
            "host port 80/tcp is taken by horn, too [payload.domains[0].components[0].config[1].value]",
            "host port 80/tcp is taken by lamp, too [payload.domains[0].components[1].config[1].value]"]),
    "an unknown capability": (domain(component(("capability", "NET_ADMN"))), [
        "Linux has no capability CAP_NET_ADMN", "did you mean `NET_ADMIN`?"]),
    "a bad variable": (domain(component(("env", "1VAR=secret"))), [
        "invalid environmental variable declaration provided : 1VAR ["]),
    "an empty image": (domain({"id": "lamp", "config": [{"key": "image", "value": ""}]}), [
        "the containers image configuration is invalid"]),
    "a baseline of nothing known": (domain(component()) | baseline("containers:horn"), [
        "problem with baseline front: cannot find container component containers:horn",
        "[payload.baselines[0].components[0]]"]),
    "a component in two baselines": (
        domain(component()) | {"baselines": [{"title": t, "components": ["containers:lamp"]} for t in "ab"]}, [
            "problem with baseline b: cannot find container component containers:lamp", "the baseline `a` has it already"]),
    "two baselines of one title": (
        domain(component(), component(id_="horn")) | {"baselines": [
            {"title": "a", "components": ["containers:lamp"]}, {"title": "a", "components": ["containers:horn"]}]},
        ["the baseline `a` stands here again"]),
    "a baseline that is called like all of them": (
        domain(component()) | {"baselines": [{"title": "*", "components": ["containers:lamp"]}]},
        ["a baseline cannot be called that", "[payload.baselines[0].title]"]),
    "a baseline that is called like another's own": (
        domain(component(), component(id_="horn")) | {"baselines": [
            {"title": "containers:horn", "components": ["containers:lamp"]}]},
        ["the component `horn` is in no baseline, so that it has one of its own, of this title"]),
    "a config that is a mapping": (domain({"id": "lamp", "config": {"image": "x:1"}}), [
        "[payload.domains[0].components[0].config]"]),
    "a value that is a number": (domain(component(("memory", 64))), ["[payload.domains[0].components[0].config[1].value]"]),  # type: ignore[arg-type]
}  # fmt: skip

STRICT = AgentSettings(language=kanto(Manner()))
"""As in files; what is only doubtful otherwise is refused."""


@pytest.mark.parametrize("name", REFUSED)
def test_refused_with_reason_and_path(name: str) -> None:
    async def story() -> None:
        payload, words = REFUSED[name]
        device = Device(settings=STRICT)
        said = await device.send(
            DESIRED, json.dumps({"activityId": "act", "timestamp": 1, "payload": payload}).encode()
        )
        assert [(each.activity, each.status) for each in said] == [("act", "IDENTIFICATION_FAILED")]
        for word in words:
            assert word in said[0].message
        assert said[0].actions == ()
        assert device.journal.mailbox("containers").activity() is None
        assert device.instances() == []
        assert any("IDENTIFICATION_FAILED" in entry for entry in device.entries("activity"))

    run(story())


def test_what_is_too_large_is_answered_and_supersedes_nothing() -> None:
    async def story() -> None:
        device = Device()
        await device.desired("open", asked("lamp"))
        beginning = b'{"activityId":"large","timestamp":1,"payload":{"domains":[{"id":"containers","compo'
        for retained in (False, True, True):
            device.agent.arrived_cut(DESIRED, beginning, 5_000_000, retained=retained)
        device.agent.arrived_cut(COMMAND, b'{"activityId":"open"', 5_000_000)
        await device.agent.work()
        said = device.said()
        assert [(each.activity, each.status) for each in said] == [("large", "IDENTIFICATION_FAILED")] * 2
        assert said[0].message == "the message is larger than 4 MiB: 5000000 bytes"
        assert device.entries("message-ignored") == [said[0].message]
        assert statuses(await device.command("open", "DOWNLOAD")) == ["DOWNLOADING", "DOWNLOAD_SUCCESS"]

    run(story())


def test_an_activity_that_is_too_long_is_refused_and_repeated_nowhere_else() -> None:
    """Whoever sent a desired state is answered in the name it gave; everything else is noted."""

    async def story() -> None:
        device = Device()
        await device.desired("open", asked("lamp"))
        longer = "x" * 1001
        said = await device.send(DESIRED, desired_state(longer, asked("lamp"), asked("horn")))
        assert [(each.activity, each.status) for each in said] == [(longer, "IDENTIFICATION_FAILED")]
        assert said[0].message == "activityId: expected at most 1000 characters, got 1001; a UUID has 36"
        states = len(device.states)
        assert await device.send(COMMAND, command_message(longer, "DOWNLOAD")) == []
        assert await device.send(GET, json.dumps({"activityId": longer}).encode()) == []
        assert len(device.states) == states
        ignored = device.entries("message-ignored")
        assert len(ignored) == 2
        assert all("activityId: expected at most 1000 characters, got 1001" in entry for entry in ignored)
        assert max(map(len, [*ignored, *device.entries("activity")])) < 500
        assert device.instances() == []
        assert statuses(await device.command("open", "DOWNLOAD")) == ["DOWNLOADING", "DOWNLOAD_SUCCESS"]
        longest = "x" * 1000
        assert statuses(await device.desired(longest, asked("horn")))[-1] == "IDENTIFIED"

    run(story())


TOLD: dict[str, tuple[dict[str, Any], str]] = {
    "a range on the wrong side": (
        domain(component(("port", "localhost:55555:30555-30555/tcp"))),
        "read as 30555-30555 of the host to 55555 of the container",
    ),
    "a key without effect": (domain(component(("restartTimeout", "20s"))), "`restartTimeout` has no effect"),
    "a size that is none": (domain(component(("logMaxSize", "0M"))), "0M means the default, 100M"),
    "logs that nobody writes": (
        domain(component(("logDriver", "none"), ("logMaxFiles", "2"))),
        "`logMaxFiles` has no effect when the log driver is none",
    ),
    "a baseline without domain": (domain(component()) | baseline("lamp"), "write `containers:lamp`"),
    "a key twice": (
        domain(component(("memory", "64M"), ("memory", "32M"))),
        "`memory` is given again further down, and only the last one counts [payload.domains[0].components[0].config[1]",
    ),
    "the domain's key twice": (
        domain(component(), config=[{"key": "systemContainers", "value": name} for name in "ab"]),
        "`systemContainers` is given again further down, and only the last one counts [payload.domains[0].config[0]",
    ),
}


@pytest.mark.parametrize("name", TOLD)
def test_what_is_taken_with_a_doubt_says_so(name: str) -> None:
    """Valid, but perhaps not what was meant: IDENTIFIED carries the doubt; Kanto's message is always empty there."""

    async def story() -> None:
        payload, words = TOLD[name]
        said = await Device().send(DESIRED, json.dumps({"activityId": "act", "payload": payload}).encode())
        assert statuses(said) == ["IDENTIFYING", "IDENTIFIED"]
        assert words in said[1].message

    run(story())


def test_a_value_of_several_lines_is_passed_on() -> None:
    """Kanto rejects it; an engine takes it, and certificates and keys are such texts."""

    async def story() -> None:
        device = Device()
        await device.bring("a", asked("lamp", "1", ("env", "CERT=-----BEGIN\nabc\n-----END\n")))
        assert device.container("lamp").env == (("CERT", "-----BEGIN\nabc\n-----END\n"),)

    run(story())


def test_every_reason_is_given() -> None:
    async def story() -> None:
        device = Device(settings=STRICT)
        wrong = domain(
            component(("device", "/dev/x:"), ("port", "80"), ("colour", "red")),
            component(("memory", "1")),
            component(("env", "A B=1"), ("env", "1B=1"), id_="containers:horn"),
        )
        said = await device.send(DESIRED, json.dumps({"activityId": "a", "payload": wrong}).encode())
        for word in (
            "/dev/x",
            "`colour`",
            "memory - 1",
            "provided : (hidden)",
            "provided : 1B",
            "containers:horn",
            "stands here again",
        ):
            assert word in said[0].message
        assert said[0].message.count("[payload.domains[0].components[") >= 8

    run(story())


GARBAGE: dict[str, tuple[bytes, str]] = {
    "blanks": (b" \n", ""),
    "no JSON": (b"hello", ""),
    "half a message": (b'{"activityId":"act-1","timestamp":1,"payload":{"domains":[', "act-1"),
    "bytes that are no text": (b'{"activityId":"act-1","payload":"\xff\xfe"}', "act-1"),
    "a list": (b"[1,2]", ""),
    "a number": (b"7", ""),
    "null": (b"null", ""),
    "nested without end": (b'{"activityId":"act-1","payload":' + b"[" * 100_000, "act-1"),
    "an activity that is a number": (b'{"activityId":7,"payload":{}}', ""),
    "half a character": (b'{"activityId":"a\\ud800b","payload":{}}', "a\ufffdb"),
    "equal keys": (b'{"activityId":"act-1","payload":{},"payload":{"domains":[]}}', "act-1"),
    "a time that is none": (b'{"activityId":"act-1","timestamp":"now","payload":{}}', "act-1"),
    "a number beyond": (b'{"activityId":"act-1","timestamp":1e999,"payload":{}}', "act-1"),
    "a payload that is a text": (b'{"activityId":"act-1","payload":"{}"}', "act-1"),
    "no message, the payload alone": (json.dumps(domain(component())).encode(), ""),
    "five megabytes": (b'{"activityId":"act-1","payload":{"x":"' + b"x" * 5_000_000 + b'"}}', "act-1"),
}


@pytest.mark.parametrize("name", GARBAGE)
def test_garbage_as_desired_state_is_answered(name: str) -> None:
    """Kanto writes a line into its log and says nothing; whoever waits for an answer waits for ever."""

    async def story() -> None:
        content, activity = GARBAGE[name]
        device = Device()
        said = await device.send(DESIRED, content)
        assert [(each.activity, each.status) for each in said] == [(activity, "IDENTIFICATION_FAILED")]
        assert said[0].message
        assert len(said[0].message) < 10_000
        await is_served(device)

    run(story())


def test_clearing_a_retained_desired_state_is_no_desired_state() -> None:
    """`mosquitto_pub -r -n` got IDENTIFICATION_FAILED of an activity without id (O19); Kanto writes a line into its log."""

    async def story() -> None:
        device = Device()
        await device.desired("open", asked("lamp"))
        before = device.journal.mailbox("containers").activity()
        assert await device.send(DESIRED, b"") == []
        assert device.journal.mailbox("containers").activity() == before
        (noted,) = device.entries("message-ignored")
        assert "as when a retained desired state is cleared" in noted
        assert len(device.entries("activity")) == 1
        await is_served(device)

    run(story())


@pytest.mark.parametrize("name", [*GARBAGE, "nothing"])
@pytest.mark.parametrize("topic", [COMMAND, GET, "containersupdate/nobody/knows"])
def test_garbage_elsewhere_is_noted(name: str, topic: str) -> None:
    """As with Kanto nothing is published; there is no word for it. The journal has it."""

    async def story() -> None:
        content = GARBAGE[name][0] if name in GARBAGE else b""
        device = Device()
        await device.desired("open", asked("lamp"))
        before = device.journal.mailbox("containers").activity()
        said = await device.send(topic, content)
        assert said == []
        assert device.journal.mailbox("containers").activity() == before
        noted = device.entries("message-ignored")
        assert len(noted) == 1 or (topic == GET and device.states)
        assert all(len(entry) < 10_000 for entry in noted)
        await is_served(device)

    run(story())


COMMANDS_THAT_ARE_NONE: dict[str, dict[str, Any] | list[Any] | str | None] = {
    "no payload": None,
    "an empty payload": {},
    "an unknown command": {"command": "DO"},
    "a command in small letters": {"command": "download"},
    "a command that is null": {"command": None},
    "a command that is a list": {"command": ["DOWNLOAD"]},
    "a baseline that is a number": {"command": "DOWNLOAD", "baseline": 7},
    "a payload that is a list": [],
    "a payload that is a text": "DOWNLOAD",
}


@pytest.mark.parametrize("name", COMMANDS_THAT_ARE_NONE)
def test_a_command_that_is_none_changes_nothing(name: str) -> None:
    async def story() -> None:
        device = Device()
        await device.desired("act", asked("lamp"))
        payload = COMMANDS_THAT_ARE_NONE[name]
        said = await device.send(
            COMMAND, json.dumps({"activityId": "act", "timestamp": 1, "payload": payload}).encode()
        )
        assert said == []
        assert len(device.entries("message-ignored")) == 1
        assert (await device.command("act", "DOWNLOAD"))[-1].status == "DOWNLOAD_SUCCESS"

    run(story())


def test_who_leaves_the_id_out_is_called_so() -> None:
    async def story() -> None:
        device = Device()
        await device.desired("", asked("lamp"))
        await device.command("other", "DOWNLOAD")
        await device.command("", "CLEANUP")
        assert device.entries("activity") == [
            "(no activityId): IDENTIFIED, 1 action",
            "(no activityId): INCOMPLETE",
        ]
        assert device.entries("message-ignored") == [
            "DOWNLOAD for activity other, but activity (no activityId) is open"
        ]

    run(story())


def test_nulls_are_what_go_makes_of_them() -> None:
    """Nothing there; also where a number or text would be kept with the activity."""

    async def story() -> None:
        device = Device()
        payload = {
            "baselines": None,
            "domains": [{"id": "containers", "config": None, "components": [component(version=None)]}],
        }
        said = await device.send(
            DESIRED, json.dumps({"activityId": None, "timestamp": None, "payload": payload}).encode()
        )
        assert statuses(said) == ["IDENTIFYING", "IDENTIFIED"]
        assert said[0].activity == ""
        device.reboot()
        said = [each for name in ("DOWNLOAD", "CLEANUP") for each in await device.command("", name)]
        assert said[-1].status == "INCOMPLETE"

    run(story())


def test_long_texts_of_strangers_are_not_repeated_at_length() -> None:
    async def story() -> None:
        device = Device()
        long = "x" * 1_000_000
        wrong = domain(*(component((long, long), id_=f"{long}{n}:") for n in range(2)))
        said = await device.send(DESIRED, json.dumps({"activityId": "a", "payload": wrong}).encode())
        assert said[0].status == "IDENTIFICATION_FAILED"
        assert len(said[0].message) < 50_000
        assert sum(len(entry) for entry in device.entries("activity")) < 100_000

    run(story())


def test_a_crowd_of_mistakes_is_named_up_to_a_point() -> None:
    async def story() -> None:
        device = Device()
        wrong = domain(*(component(("port", "x"), id_=f"c{n}") for n in range(5000)))
        said = await device.send(DESIRED, json.dumps({"activityId": "a", "payload": wrong}).encode())
        assert said[0].status == "IDENTIFICATION_FAILED"
        assert len(said[0].message) < 100_000

    run(story())


# ── a thousand of each ─────────────────────────────────────────────────────────────────────────────────────────────

WORDS = [
    *("activityId", "timestamp", "payload", "domains", "baselines", "components", "config", "id", "version", "key", "value"),
    *("title", "command", "baseline", "containers", "DOWNLOAD", "UPDATE", "ACTIVATE", "ROLLBACK", "CLEANUP", "*", "", "image"),
    *("env", "port", "memory", "restartPolicy", "systemContainers", "lamp", "containers:lamp", "x:1", "80:80", "\0", "é"),
    "\ud83d",
]  # fmt: skip


def random_value(dice: random.Random, depth: int) -> Any:
    kind = dice.randrange(9 if depth else 6)
    if kind == 0:
        return dice.choice([None, True, False, 0, -1, 1e308, 10**30, 3.5])
    if kind < 6:
        return dice.choice(WORDS)
    if kind == 6:
        return [random_value(dice, depth - 1) for _ in range(dice.randrange(4))]
    return {dice.choice(WORDS): random_value(dice, depth - 1) for _ in range(dice.randrange(5))}


def changed_somewhere(dice: random.Random, value: Any) -> Any:
    """A message in which one thing is another."""
    if isinstance(value, dict) and value and dice.random() < 0.85:
        key = dice.choice(list(value))
        if dice.random() < 0.1:
            return {dice.choice(WORDS) if name == key else name: item for name, item in value.items()}
        return value | {key: changed_somewhere(dice, value[key])}
    if isinstance(value, list) and value and dice.random() < 0.85:
        index = dice.randrange(len(value))
        return [changed_somewhere(dice, item) if i == index else item for i, item in enumerate(value)]
    return random_value(dice, 3)


def payloads(seed: int, good: Callable[[random.Random], bytes]) -> Iterator[bytes]:
    dice = random.Random(seed)
    while True:
        kind = dice.randrange(6)
        message = good(dice)
        if kind == 0:
            yield dice.randbytes(dice.randrange(200))
        elif kind == 1:
            yield message[: dice.randrange(len(message))]
        elif kind == 2:
            spoilt = bytearray(message)
            for _ in range(dice.randrange(1, 4)):
                spoilt[dice.randrange(len(spoilt))] = dice.randrange(256)
            yield bytes(spoilt)
        elif kind == 3:
            yield json.dumps(random_value(dice, 5)).encode()
        else:
            yield json.dumps(changed_somewhere(dice, json.loads(message))).encode()


def good_desired(dice: random.Random) -> bytes:
    lamp = asked("lamp", str(dice.randrange(3)), ("env", "A=1"), ("port", "8080:80"), ("memory", "64M"))
    return desired_state(
        dice.choice("ab"),
        lamp,
        asked("horn"),
        baselines={"front": ["containers:lamp"]},
        config=[("systemContainers", "sua")],
    )


def good_command(dice: random.Random) -> bytes:
    command = dice.choice(["DOWNLOAD", "UPDATE", "ACTIVATE", "ROLLBACK", "CLEANUP"])
    return command_message(dice.choice("ab"), command, dice.choice([None, "", "*", "front", "nope", "containers:horn"]))


def good_get(dice: random.Random) -> bytes:
    return json.dumps({"activityId": dice.choice("ab"), "timestamp": 1}).encode()


MAKERS: dict[str, Callable[[random.Random], bytes]] = {DESIRED: good_desired, COMMAND: good_command, GET: good_get}


_LAP = 50
"""Messages between two looks at the memory, each from a beginning that was traced as well. What leaks grows in every lap; what
else happens in this process, such as a table that grows, does so in one."""


@pytest.mark.parametrize("seed", [1, 2] if THOROUGH else [1])
@pytest.mark.parametrize("topic", MAKERS)
def test_many_of_each(topic: str, seed: int) -> None:
    """No crash, also not at the next start; memory stays as it is; the next good message is served."""

    async def story() -> None:
        device = Device()
        await device.bring("before", asked("lamp"))
        await device.desired("a", asked("lamp", "2"), asked("horn"), baselines={"front": ["containers:lamp"]})
        stream = payloads(seed, MAKERS[topic])
        kept = list[int]()
        tracemalloc.start()
        try:
            for _ in range(2 + (18 if THOROUGH else 4)):
                for _ in range(_LAP):
                    await device.send(topic, next(stream))
                device.raw.clear()
                device.states.clear()
                device.pulses.clear()
                device.reboot()
                gc.collect()
                kept.append(tracemalloc.get_traced_memory()[0])
        finally:
            tracemalloc.stop()
        grown = [
            after - before for before, after in pairwise(kept[1:])
        ]  # after two laps, what is loaded once is loaded
        assert min(grown) < 100 * _LAP, f"more bytes in each lap: {grown}"
        device.reboot()
        await device.agent.work()
        await device.settle()
        await is_served(device)

    run(story())


def test_all_topics_at_once_while_the_agent_works() -> None:
    """In any order, and with the power cut now and then; whoever follows the rules is served afterwards."""

    async def story() -> None:
        device = Device()
        dice = random.Random(7)
        streams = {topic: payloads(number, maker) for number, (topic, maker) in enumerate(MAKERS.items())}
        device.cuts = [20 * 3**n for n in range(8)]
        for _ in range(400):
            topic = dice.choice(list(MAKERS))
            content = next(streams[topic]) if dice.random() < 0.5 else MAKERS[topic](dice)
            await device.send(topic, content)
        device.cuts = []
        await device.settle()
        await is_served(device)

    run(story())


async def is_served(device: Device) -> None:
    """A good desired state goes all the way."""
    device.said()
    said = await device.desired("good", asked("good"))
    assert [each.status for each in said if each.activity == "good"] == ["IDENTIFYING", "IDENTIFIED"]
    said = [
        each for name in ("DOWNLOAD", "UPDATE", "ACTIVATE", "CLEANUP") for each in await device.command("good", name)
    ]
    assert said[-1].status == "COMPLETED"
    assert device.running()["good"] == "reg.example/good:1"
    assert (await device.inventory("q"))["activityId"] == "q"
