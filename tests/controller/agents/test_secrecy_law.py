"""A law: what a desired state has in the place of a secret is in nothing that the agent answers, reports or enters.

Secrets are random and stand in variables and commands, right and wrong; updates go well, fail, and are taken back.
"""

from __future__ import annotations

import json
import logging

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.controller.agents.harness import COMMANDS, Asked, Device, asked
from tests.sampling import examples
from tests.virtual import run

from evenkeel.controller.drivers.containers.memory import Image
from evenkeel.controller.participants.containers.conduct import ContainersConduct
from evenkeel.specs.codec import plain

words = st.text("qxzQXZ79äß王é", min_size=6, max_size=20)
WRONG = (("env", "A B={}"), ("env", "{}"), ("TOKEN={}", "1"), ("env", "TOKEN=(hidden)"), ("cmd", "(hidden)"))


@settings(max_examples=examples(10))
@given(first=words, second=words, wrong=st.sampled_from(WRONG), runs=st.booleans(), verbose=st.booleans())
def test_nothing_that_is_said_over_mqtt_has_a_secret(
    first: str, second: str, wrong: tuple[str, str], runs: bool, verbose: bool
) -> None:
    lines: list[str] = []
    handler = logging.Handler(logging.DEBUG)
    handler.emit = lambda record: lines.append(f"{record.getMessage()} {record.__dict__.get('fields')}")  # type: ignore[method-assign]

    def component(secret: str) -> Asked:
        return asked("web", "1", ("env", f"JWT={secret}"), ("env", f"N=7{secret}"), ("cmd", secret))

    async def story() -> Device:
        device = Device(conduct=ContainersConduct(verbose=verbose))
        await device.bring("a1", component(first))
        await device.inventory()
        if not runs:
            device.engine.catalogue["reg.example/web:1"] = Image(exits_with=1, exits_after_s=0.01)
        await device.desired("a2", component(second))
        await device.commands("a2", *(COMMANDS if runs else (*COMMANDS[:3], "ROLLBACK", "CLEANUP")))
        await device.settle()
        await device.inventory()
        key, value = (text.replace("{}", second) for text in wrong)
        said = await device.desired("a3", asked("web", "1", (key, value)))
        assert said[-1].status in ("IDENTIFICATION_FAILED", "IDENTIFIED")
        device.said()
        return device

    logger = logging.getLogger("evenkeel")
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    try:
        device = run(story())
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
    entries = [plain(entry) for entry in device.journal.entries(limit=100_000)]
    told = json.dumps([device.raw, entries, [plain(each) for each in device.journal.conditions()]], ensure_ascii=False)
    told += "\n".join(lines)
    assert "JWT=(hidden)" in told
    for secret in (first, second):
        assert secret not in told


def test_a_report_that_is_pasted_back_is_refused_and_takes_nothing_away() -> None:
    async def story() -> None:
        device = Device()
        await device.bring("a1", asked("web", "1", ("env", "JWT=x"), ("cmd", "serve")))
        (_, node) = (await device.inventory())["payload"]["softwareNodes"]
        config = [(each["key"], each.get("value", "")) for each in node["parameters"]]
        (said,) = (await device.desired("a2", asked("web", "1", *config)))[-1:]
        assert said.status == "IDENTIFICATION_FAILED"
        assert "stands in reports for what is not shown" in said.message
        assert dict(device.container("web").env) == {"JWT": "x"}

    run(story())


@pytest.mark.parametrize("values", ["none", "unmarked"])
def test_values_are_reported_only_where_somebody_relies_on_them(values: str) -> None:
    async def story() -> None:
        device = Device(conduct=ContainersConduct(reported_values="unmarked" if values == "unmarked" else "none"))
        await device.bring("a1", asked("web", "1", ("env", "JWT=x"), ("cmd", "serve")))
        (_, node) = (await device.inventory())["payload"]["softwareNodes"]
        shown = [each["value"] for each in node["parameters"] if each["key"] in ("env", "cmd")]
        assert shown == (["JWT=x", "serve"] if values == "unmarked" else ["JWT=(hidden)", "(hidden)"])

    run(story())
