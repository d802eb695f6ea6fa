"""Addresses of brokers, and contradictions in the sections `mqtt` and `updateAgent`."""

from __future__ import annotations

import traceback
from typing import Any

import pytest

from evenkeel.specs.problem import Flaw, path_text
from evenkeel.specs.settings.mqtt import BrokerAddress, broker_address
from evenkeel.specs.settings.settings import settings_from


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("tcp://localhost:1883", BrokerAddress("localhost", 1883)),
        ("mqtt://10.0.0.1", BrokerAddress("10.0.0.1", 1883)),
        ("TCP://Broker.Example/", BrokerAddress("broker.example", 1883)),
        ("tcp://[fe80::1]:1884", BrokerAddress("fe80::1", 1884)),
        ("ssl://b", BrokerAddress("b", 8883, tls=True)),
        ("tls://b:1", BrokerAddress("b", 1, tls=True)),
        ("mqtts://b", BrokerAddress("b", 8883, tls=True)),
        ("mqtt+ssl://b", BrokerAddress("b", 8883, tls=True)),
        ("tcps://b", BrokerAddress("b", 8883, tls=True)),
        ("ws://b", BrokerAddress("b", 80, websocket=True, path="/mqtt")),
        ("wss://b:9001/a/b?c=d", BrokerAddress("b", 9001, tls=True, websocket=True, path="/a/b?c=d")),
    ],
)
def test_addresses_are_taken_apart(url: str, address: BrokerAddress) -> None:
    assert broker_address(url) == address


WRONG = """
localhost localhost:1883 http://b tcp:// tcp://:1883 tcp://b:0 tcp://b:x tcp://b:70000 tcp://b/path ssl://b?x=y tcp://[b
unix:///run/b.sock tcp://me:s3cret@b tcp://me:s3cret@[b tcp://me:s3cret@b:x
"""


@pytest.mark.parametrize("url", ["", *WRONG.split()])
def test_what_is_no_address_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(ValueError, match=r"^(expected|an address holds neither)") as raised:
        broker_address(url)
    assert "s3cret" not in "".join(traceback.format_exception(raised.value))


def faults(**section: Any) -> list[str]:
    flaws: list[Flaw] = []
    settings_from(section, flaws)
    return [f"{path_text(flaw.path)}: {flaw.message}" for flaw in flaws]


@pytest.mark.parametrize(
    ("section", "expected"),
    [
        ({"broker": "http://b"}, ["mqtt.broker: expected an address such as tcp://localhost:1883 or ssl://broker.example:8883"]),
        ({"version": 4}, ["mqtt.version: expected `3.1.1` or `5`"]),
        ({"version": "3.1"}, ["mqtt.version: expected `3.1.1` or `5`"]),
        ({"version": "5"}, []),
        ({"keepAlive": "19h"}, ["mqtt.keepAlive: expected a duration of at most 18h12m15s"]),
        ({"keepAlive": "0s"}, ["mqtt.keepAlive: expected a duration of at least 1s, got 0s"]),
        ({"passwordFile": "/p"}, ["mqtt.passwordFile: a password needs a user"]),
        ({"username": "u", "usernameFile": "/u"}, ["mqtt.usernameFile: `username` says it already"]),
        ({"username": "u", "passwordFile": "p"}, ["mqtt.passwordFile: expected an absolute path"]),
        ({"tls": {"rootCa": "/ca"}}, ["mqtt.tls: certificates are of no use without encryption"]),
        ({"broker": "ssl://b", "tls": {"clientCert": "/c"}}, ["mqtt.tls: `clientCert` and `clientKey` go together"]),
        ({"will": {"topic": "a/#"}}, ["mqtt.will.topic: a topic to publish to has no wildcards"]),
        ({"will": {}}, ["mqtt.will: the key `topic` is missing"]),
        ({"brokr": "tcp://b"}, ["mqtt.brokr: unknown key `brokr`"]),
    ],
)  # fmt: skip
def test_what_contradicts_itself_is_said(section: dict[str, Any], expected: list[str]) -> None:
    assert faults(mqtt=section) == expected


def test_an_agent_needs_a_broker() -> None:
    assert faults(updateAgent={"enable": True}) == ["updateAgent.enable: the agent needs a broker"]
    assert faults(updateAgent={"enable": True}, mqtt={"enabled": True}) == []
    assert faults(updateAgent={"autonomous": {"after": "0s"}, "operationTimeout": "1ms"}) == [
        "updateAgent.operationTimeout: expected a duration of at least 1s, got 1ms",
        "updateAgent.autonomous.after: expected a duration of at least 1s, got 0s",
    ]


def test_the_self_update_agent_needs_a_broker_and_topics_of_its_own() -> None:
    assert faults(selfUpdateAgent={"enable": True}) == ["selfUpdateAgent.enable: the agent needs a broker"]
    both = {"enable": True, "domain": "device"}
    assert faults(mqtt={"enabled": True}, updateAgent=both, selfUpdateAgent=both) == [
        "selfUpdateAgent.domain: `updateAgent` has the domain `device`, too"
    ]
    assert faults(mqtt={"enabled": True}, selfUpdateAgent={"enable": True, "allow": ["http"]}) == []


def test_an_address_that_the_self_update_agent_cannot_allow() -> None:
    (fault,) = faults(mqtt={"enabled": True}, selfUpdateAgent={"enable": True, "allow": ["ftp"]})
    assert fault.startswith("selfUpdateAgent.allow[0]: ")
