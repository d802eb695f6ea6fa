"""Update agents and the update manager: whether each answers when it is asked for the current state."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping

from evenkeel.controller.doctor.check import NotApplicable
from evenkeel.controller.doctor.checks.broker import why_not
from evenkeel.controller.doctor.device import Device
from evenkeel.specs.doctor.finding import Detail, Finding, finding_of
from evenkeel.specs.kanto.topics import topic_prefix
from evenkeel.specs.settings.settings import Settings

_CONNECT_S, _ANSWER_S = 2.0, 2.5


async def look(device: Device) -> Finding:
    """By the question that every agent of Kanto's answers (update-manager.md §2.8). A report that the broker keeps is no
    answer: it may be from an agent that is gone."""
    asked = domains(device.settings)
    if not asked:
        raise NotApplicable("the settings have neither an update agent nor an update manager")
    at_work = device.facts.holder is not None or bool(device.facts.hidden)
    answers = await _ask(device, list(asked))
    if isinstance(answers, str):
        return Finding("unknown", f"the broker cannot be used: {answers}", "look at the check `broker` first")
    return finding_of([_detail(name, asked[name], name in answers, at_work=at_work) for name in asked], "")


def domains(settings: Settings) -> Mapping[str, bool]:
    """The domains that are asked, each with whether this device itself answers. Over Things the update manager has no topic for
    it."""
    if not settings.mqtt.enabled:
        return {}
    agents, manager = (settings.update_agent, settings.self_update_agent), settings.update_manager
    own = {each.domain: True for each in agents if each.enable}
    if not manager.enable:
        return own
    return {**dict.fromkeys(manager.agents, False), **own}


async def _ask(device: Device, asked: list[str]) -> set[str] | str:
    """The domains that have answered; or the reason why the broker cannot be used."""
    from contextlib import aclosing

    from evenkeel.controller.agents.commander import passing_link
    from evenkeel.specs.kanto.updateagent import question_bytes, read_envelope

    question, waiting = f"doctor-{os.urandom(6).hex()}", {f"{topic_prefix(each)}/currentstate": each for each in asked}
    answers = set[str]()
    link = passing_link(device.settings, "doctor", beginnings=True)
    for topic in waiting:
        link.subscribe(topic)
    async with link:
        if why := await why_not(link, _CONNECT_S):
            return why
        try:
            # an own iterator: a cancelled one is exhausted
            async with asyncio.timeout(_ANSWER_S), aclosing(link.messages()) as messages:  # type: ignore[type-var]
                for topic in waiting:
                    await link.publish(f"{topic}/get", question_bytes(question, int(device.now() * 1000)))
                async for message in messages:
                    await message.done()
                    if read_envelope(message.payload, message.topic, answer=True).activity_id == question:
                        answers.add(waiting[message.topic])
                    if len(answers) == len(asked):
                        break
        except TimeoutError:
            pass
    return answers


def _detail(domain: str, is_own: bool, answers: bool, *, at_work: bool) -> Detail:
    if answers:
        return Detail(domain, "ok", "it answers")
    told = f"it does not answer within {_ANSWER_S:g} s"
    if is_own and not at_work:
        return Detail(domain, "failed", f"{told}: no controller is at work here", "`evenkeel run`")
    if is_own:
        return Detail(domain, "failed", told, "`evenkeel status` tells whether it is let in by the broker")
    return Detail(domain, "failed", told, "look whether the agent of this domain runs, and at which broker")
