"""The recording of Kanto's Update Manager over Things, played to evenkeel between a scripted agent and a scripted connector.

Made equal: times, names of initial reports, correlation ids, texts of errors; the nodes of a report are left out, because the
recording has them in part. Everything else is the same, the order of keys too.
"""

from __future__ import annotations

import json
import lzma
import re
from pathlib import Path
from typing import Any, NamedTuple

from tests.controller.operations.thing import Thing
from tests.places import DATA
from tests.virtual import run

from evenkeel.specs.operations.conduct import Conduct

from .update_manager_recording import UPDATE_MANAGER

_LINE = re.compile(r"\s*(\d+\.\d+)   q1 (edge/thing/\w+|e|command///\S+|vehicleupdate/\S+) (.*)$")
_IN = ("edge/thing/response", "command///req/", "vehicleupdate/")
_AGENT = {
    "slice": ("IDENTIFIED",),
    "DOWNLOAD": ("DOWNLOAD_SUCCESS",),
    "UPDATE": ("UPDATE_SUCCESS",),
    "ACTIVATE": ("ACTIVATION_SUCCESS",),
    "CLEANUP": ("CLEANUP_SUCCESS", "COMPLETED"),
}


_NODES = '"inventory"'


class Said(NamedTuple):
    """`text`: the whole as JSON, or as much of it as was recorded."""

    topic: str
    text: str


def _recorded() -> list[Said]:
    text = lzma.decompress((DATA / f"recordings/{UPDATE_MANAGER}.txt.xz").read_bytes()).decode()
    (scenario,) = re.findall(r"^#{16} scenario file e13\n(.*?)^UM exit", text, flags=re.MULTILINE | re.DOTALL)
    found = (_LINE.match(line) for line in scenario.splitlines())
    return [Said(each[2], each[3]) for each in found if each is not None]


def _equal(text: str) -> str:
    """Without what differs from run to run."""
    text = re.sub(r'"timestamp": ?\d+', '"timestamp": 0', text)
    text = re.sub(r"initial-current-state-\d+", "initial-current-state-0", text)
    text = re.sub(r'("correlation-id": )"[0-9a-f-]{36}"', r'\1"?"', text)
    return re.sub(r'("status": 400, "message": )".*?"(?=\})', r'\1"…"', text)


class _Bench(Thing):
    """The agent of `containers` answers at once, as that of the recording."""

    def __init__(self, state: Path) -> None:
        super().__init__(state, Conduct(consent=("DOWNLOAD",)), running_every_s=60.0)
        self.connector = False
        self.transcript: list[Said] = []

    def _publish_reached(self, topic: str, content: Any) -> None:
        super()._publish_reached(topic, content)
        if topic.startswith("containersupdate/desiredstate"):
            verb = (content["payload"] or {}).get("command", "slice")
            for status in _AGENT[verb]:
                component = {"id": "containers:app1", "version": "1.0"}
                done = "ACTIVATION_SUCCESS" if verb == "CLEANUP" else status
                actions = [{"component": component, "status": done, "message": "x"}]
                payload = {"status": status, "actions": actions}
                self.deliver("containersupdate/desiredstatefeedback", content["activityId"], payload)
        elif "update/" not in topic:
            text = json.dumps(content) if content is not None else '""'
            self.transcript.append(Said(topic, text))

    def reports(self, agent: Any, id_: str) -> None:
        """The second agent is not there."""


def test_the_recorded_exchange_over_things(tmp_path: Path) -> None:
    """The same messages in the same order; nothing on topics, and nothing for the same ids again."""

    async def story() -> list[tuple[Said, list[Said]]]:
        device, played = _Bench(tmp_path), []
        await device.starts()
        begins = Said("", "")
        try:
            for said in [begins, *(each for each in _recorded() if each.topic.startswith(_IN))]:
                if said != begins and device.link.hears(said.topic):
                    text = said.text
                    if device.correlation and '"correlation-id": "wrong"' not in text and "/consent" in said.topic:
                        text = re.sub(r'("correlation-id": )"[^"]+"', rf'\1"{device.correlation}"', text)
                    device.link.deliver(said.topic, text)
                await device.plays(3)
                played.append((said, list(device.transcript)))
                device.transcript.clear()
        finally:
            await device.dies()
        return played

    expected: list[tuple[Said, list[Said]]] = [(Said("", ""), [])]
    for said in _recorded():
        if said.topic.startswith(_IN):
            expected.append((said, []))
        else:
            expected[-1][1].append(said)
    played = run(story())
    assert [said for said, _ in played] == [said for said, _ in expected]
    for (said, ours), (_, theirs) in zip(played, expected, strict=True):
        assert _forms(ours) == _forms(theirs), said


def _forms(said: list[Said]) -> list[str]:
    return [f"{each.topic} {_equal(each.text).partition(_NODES)[0]}" for each in said]
