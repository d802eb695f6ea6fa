"""What is remembered of a revision, and what a plan would fail at, in sentences."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from evenkeel.controller.cycle.preview import preview, revision_notes
from evenkeel.controller.drivers.containers.memory import MemoryEngine, Script
from evenkeel.controller.journal.journal import open_journal, read_journal
from evenkeel.controller.wiring import open_domains
from evenkeel.specs.containers.container import Container, Mount
from evenkeel.specs.containers.normalise import normal
from evenkeel.specs.desired import Document, desired_state
from evenkeel.specs.files.file import File
from evenkeel.specs.provisioning.provisioning import Certificate, Output, Provisioning
from evenkeel.specs.settings.settings import EngineSettings, Settings


def test_failures_are_counted_in_words(tmp_path: Path) -> None:
    journal, state = open_journal(tmp_path), desired_state(())
    try:
        assert revision_notes(journal, ["containers"], state) == ()
        found = []
        for _ in range(2):
            journal.attempts.count(state.digest, "no answer")
            found += revision_notes(journal, ["containers"], state)
    finally:
        journal.close()
    assert found == [
        f"revision {state.digest} failed once so far: no answer",
        f"revision {state.digest} failed 2 times so far: no answer",
    ]


async def test_what_other_documents_put_on_the_host_is_no_lack(tmp_path: Path) -> None:
    """An identity plans its folder, its pair and its outputs before any value is known; a file brings its folders along."""
    given = ("/etc/app/conf", "/etc/app", "/data/id", "/data/id/device.key", "/etc/out", "/data/id/device2.key")
    engine = MemoryEngine(script=Script(absent={*given, "/nowhere"}))
    mounts = tuple(Mount(f"/at{number}", path) for number, path in enumerate((*given, "/nowhere")))
    identity = Provisioning(
        "id", "/data/id", certificate=Certificate("selfSigned"), outputs=(Output("/etc/out", "{{ deviceId }}"),)
    )
    wanted = (
        normal(Container("web", "docker.io/library/web:1", mounts=mounts)),
        File("conf", "/etc/app/conf", "x"),
        identity,
    )
    desired = desired_state([Document(type(each).__name__, each.name, each) for each in wanted])
    domains = open_domains(Settings(state=str(tmp_path), engine=EngineSettings(kind="memory")), engine)
    with closing(read_journal(tmp_path)) as journal:
        found = await preview(domains, journal, desired)
    assert list(found.fails_at) == [
        f"web cannot be created now: its mount source {path} is not there"
        for path in ("/data/id/device2.key", "/nowhere")
    ]
