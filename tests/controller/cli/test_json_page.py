"""The reference of what `plan`, `status`, `get` and `describe` print for programs names every key that they print."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from tests.places import ROOT

from evenkeel.controller.drivers.containers.memory import Image

from .command import Device, spec

pytestmark = pytest.mark.e2e

REFERENCE = ROOT / "docs" / "reference"
FREE = ("spec", "verbs")
"""Mappings whose keys are those of specs, or verbs."""
FILE = (
    "apiVersion: evenkeel/v1\nkind: File\nmetadata: {name: conf}\n"
    "spec: {path: /etc/conf, content: one, notify: [web, {unit: a.service}]}\n"
)
GROUP = "apiVersion: evenkeel/v1\nkind: Baseline\nmetadata: {name: front}\nspec: {members: [web]}\n"
SYSTEM = (
    "apiVersion: evenkeel/v1\nkind: OperatingSystem\nmetadata: {name: os}\n"
    "spec: {version: '2.0', bundle: 'file:///os.raucb', health: {stableFor: 100ms}}\n"
)
REGISTRY = (
    "apiVersion: evenkeel/v1\nkind: Registry\nmetadata: {name: lab}\n"
    "spec: {host: 'lab:5000', credentials: {user: ci, passwordFile: /p}}\n"
)
CRASHER = "docker.io/library/crasher:1"


def keys(value: Any) -> Iterator[str]:
    if isinstance(value, list):
        for each in value:
            yield from keys(each)
    if isinstance(value, dict):
        yield from value
        for key, each in value.items():
            yield from keys(each) if key not in FREE else ()


def documented(page: str) -> set[str]:
    prose = re.sub(r"```.*?```", "", (REFERENCE / page).read_text(), flags=re.DOTALL)
    code = " ".join(re.findall(r"`([^`]+)`", prose))
    return set(re.findall(r"\w+", code))


def test_every_key_is_documented(device: Device) -> None:
    more = 'ports: ["8080:80"]\nhealth: {exec: [ask], interval: 1s}'
    device.settings(retries=1)
    device.put_image(CRASHER, Image(volumes=("/tapes",)))
    device.write(FILE, GROUP, SYSTEM, spec("web", CRASHER, more), spec("wiki"))
    planned = set(keys(json.loads(device.run("plan", "-o", "json", ok=2).stdout)))
    device.write(FILE, GROUP, REGISTRY, spec("web", CRASHER, more), spec("wiki"))
    device.run("apply", "--yes")
    device.put_image(CRASHER, Image(exits_with=3, volumes=("/tapes",)))
    device.write(
        FILE.replace("one", "two"),
        GROUP,
        REGISTRY,
        SYSTEM.replace("2.0", "1.0.0"),
        spec("web", f"{CRASHER}2", more),
        spec("wiki"),
    )
    device.put_image(f"{CRASHER}2", Image(exits_with=3, output="no"))
    device.run("apply", "--yes", ok=1)
    planned |= set(keys(json.loads(device.run("plan", "-o", "json", ok=2).stdout)))
    printed = set()
    for command in (
        ("status",),
        ("get", "containers"),
        ("get", "files"),
        ("get", "baselines"),
        ("describe", "container", "web"),
        ("describe", "file", "conf"),
        ("get", "registries"),
        ("describe", "registry", "lab"),
        ("registry", "test", "lab"),
        ("get", "os"),
        ("describe", "os", "os"),
        ("slots",),
        ("slots", "check"),
    ):
        printed |= set(keys(json.loads(device.run(*command, "-o", "json").stdout)))
    assert {"lastFailure", "revision", "places", "notDone", "instances", "hostPort", "volume", "group"} <= printed
    assert {"stages", "group", "fate", "domain"} <= planned
    assert planned - documented("plan.md") == set()
    assert printed - documented("json.md") == set()
