"""The engine's frames, and output that is too long to be read whole."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from tests.controller.drivers.containers.docker.rig import SECOND, Rig, container
from tests.engines.dockerd import Dockerd
from tests.engines.images import build

from evenkeel.controller.drivers.containers.docker.logs import unframed
from evenkeel.specs.containers.actions import Create, Start, Verify
from evenkeel.specs.containers.container import Restart
from evenkeel.specs.containers.output import MOST_CHARACTERS
from evenkeel.specs.plan import Done, Failed


@given(st.lists(st.tuples(st.sampled_from([1, 2]), st.binary(max_size=40)), max_size=8), st.data())
def test_frames_are_undone_also_where_they_are_cut_short(frames: list[tuple[int, bytes]], data: st.DataObject) -> None:
    framed = b"".join(bytes([stream, 0, 0, 0]) + len(text).to_bytes(4, "big") + text for stream, text in frames)
    text = b"".join(text for _, text in frames)
    assert unframed(framed) == text
    cut = data.draw(st.integers(0, len(framed)))
    assert text.startswith(unframed(framed[:cut]))


async def test_the_last_lines_are_found_behind_lines_without_end(clean_dockerd: Dockerd, rig: Rig) -> None:
    """Forty lines of this are four megabytes; the last ones are what is wanted."""
    long = "i=0; while [ $i -lt 40 ]; do head -c 100000 /dev/zero | tr '\\0' x; echo; i=$((i+1)); done"
    script = f"{long}; echo over $MARKED; exit 1"
    clean_dockerd.load(build("wordy:1", ["/bin/sh", "-c", script]))
    secret = {"env": (("MARKED", "hunter2"),), "secrets": ("MARKED",)}
    wordy = container("web", "wordy:1", restart=Restart("no"), stable_for=60 * SECOND, **secret)
    assert isinstance(await rig.perform(Create(wordy, "web")), Done)
    assert isinstance(await rig.perform(Start("web")), Done)
    verdict = await rig.perform(Verify("web", wordy))
    assert verdict == Failed("it ended with exit code 1")
    said = await rig.engine.output("web")
    assert said.lines[-1] == "over (env.MARKED)"
    assert said.exit_code == 1
    assert all(len(line) <= MOST_CHARACTERS for line in said.lines)
