"""Feedback as it is read, and our documents in Kanto's words."""

from __future__ import annotations

from datetime import timedelta

import pytest

from evenkeel.specs.codec import changed
from evenkeel.specs.containers.container import Container, Stop
from evenkeel.specs.documents.decode import decode_file
from evenkeel.specs.documents.join import desired_from
from evenkeel.specs.kanto.desired import desired_state_drafts
from evenkeel.specs.kanto.heard import Heard, HeardAction, heard_from
from evenkeel.specs.kanto.translate import kanto_payload
from evenkeel.specs.problem import Flaw


def test_feedback_is_read_as_far_as_it_can_be() -> None:
    content = (
        b'{"activityId":"a","timestamp":1,"payload":{"status":"DOWNLOADING","baseline":"b","message":"m","actions":'
        b'[{"component":{"id":"containers:x","version":"1"},"status":"DOWNLOADING","progress":140,"message":"n"},'
        b'{"status":"IDENTIFIED","progress":"half"},7]}}'
    )
    actions = (HeardAction("containers:x", "1", "DOWNLOADING", 100, "n"), HeardAction("", "", "IDENTIFIED", 0, ""))
    assert heard_from(content) == Heard("a", "DOWNLOADING", "b", "m", actions)


@pytest.mark.parametrize(
    "content",
    [b"", b"\xff", b"[]", b"{}", b'{"payload":{"softwareNodes":[]}}', b'{"payload":{"status":7}}', b"{" * 9000],
)
def test_what_is_no_feedback_is_none(content: bytes) -> None:
    assert heard_from(content) is None


SAYABLE = """
apiVersion: evenkeel/v1
kind: Container
metadata: {name: web}
spec:
  image: registry.example:5000/web@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
  command: [serve, "--port", "80"]
  env: {A: "1", B: "x=y"}
  ports: ["127.0.0.1:8080-8090:80/udp"]
  mounts: ["/data:/data"]
  capabilities: [NET_ADMIN]
  hostName: front
  restart: {policy: on-failure, maxRetries: 3, timeout: 90s}
  resources: {memory: 64M, memorySwap: 128M}
  log: {maxFiles: 3, maxSize: 1M}
---
apiVersion: evenkeel/v1
kind: SystemContainers
metadata: {name: mine}
spec: {names: [sua, other]}
"""


def test_what_kanto_has_words_for_comes_back_as_it_was() -> None:
    state, problems = desired_from([decode_file(SAYABLE.encode(), "x.yaml")])
    assert not problems
    flaws: list[Flaw] = []
    payload = kanto_payload(state, flaws)
    assert flaws == []
    drafts = {draft.kind: draft.wanted for draft in desired_state_drafts(payload, flaws)}
    expected = {document.kind: document.wanted for document in state.documents}
    container = expected["Container"]
    assert isinstance(container, Container)
    assert container.stop == Stop()
    longer = changed(container, stop=Stop(timeout=timedelta(seconds=30)))
    assert drafts == {**expected, "Container": longer}, "what asks for no time of its own to end gets Kanto's"


@pytest.mark.parametrize(
    ("line", "key"),
    [("stableFor: 1m", "stableFor"), ("dependsOn: [a]", "dependsOn"), ("health: {tcp: {port: 80}}", "health"),
     ("stop: {signal: SIGINT}", "stop"), ("stop: {timeout: 1m}", "stop"), ("pullPolicy: Never", "pullPolicy"),
     ("imageVolumes: discard", "imageVolumes"), ("runOnce: true\n  restart: {policy: \"no\"}", "runOnce"),
     ("dependsOn: [{name: a, condition: started}]", "dependsOn")],
)  # fmt: skip
def test_what_gets_lost_is_named(line: str, key: str) -> None:
    documents = [
        f"apiVersion: evenkeel/v1\nkind: Container\nmetadata: {{name: {name}}}\nspec:\n  image: x:1\n" for name in "ab"
    ]
    state, problems = desired_from([decode_file(f"{documents[0]}---\n{documents[1]}  {line}\n".encode(), "x.yaml")])
    assert not problems
    flaws: list[Flaw] = []
    kanto_payload(state, flaws)
    assert [flaw.path for flaw in flaws] == [("b", key)]


def test_the_end_in_the_word_of_ledas_original() -> None:
    heard = heard_from(
        b'{"activityId": "a", "timestamp": 1, "payload": {"status": "COMPLETE", "message": "Self-update completed."}}'
    )
    assert heard == Heard("a", "COMPLETED", message="Self-update completed.")
