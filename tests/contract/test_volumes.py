"""A19: what is in a volume that an image declares survives, on every engine, or the plan says before that it goes."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.sampling import SEED, THOROUGH
from tests.virtual import now, run

from evenkeel.controller.cycle.endings import Retrying, Settled, Stalled
from evenkeel.reconcilers.containers.naming import volume_name
from evenkeel.specs.containers.container import RestartPolicy
from evenkeel.specs.containers.difference import VolumeFate

from .kits import PLACE, Kit, MemoryKit
from .volume_device import NAME, OWN, Cut, Device, Wish

MB = 1 << 20
DOCKER = pytest.param("docker", marks=pytest.mark.engine)
DOCKER_WHEN_THOROUGH = pytest.mark.parametrize("kit", ["memory", *([DOCKER] if THOROUGH else [])], indirect=True)
_FAST = "/dev/shm" if Path("/dev/shm").is_dir() else None


@pytest.fixture
async def device(kit: Kit, tmp_path: Path) -> AsyncIterator[Device]:
    """A device on which the container is there and has written."""
    it = Device(kit, tmp_path)
    assert await it.ask(Wish()) == Settled()
    it.write("precious")
    yield it
    await it.close()


async def test_a_new_container_has_the_volume_of_the_old_one(device: Device) -> None:
    """For another tag, another variable, a limit that is taken away, and an image that declares nothing any more."""
    assert await device.ask(Wish(memory=64 * MB)) == Settled()
    for wish in (Wish("db:2"), Wish("db:2", level="b"), Wish("sleeper:1")):
        assert await device.fates(wish) == (VolumeFate(PLACE, OWN, "carried"),)
        assert await device.ask(wish) == Settled()
        assert (device.volume, device.text) == (OWN, "precious")


async def test_what_a_failed_successor_shared_is_there_after_it_was_taken_back(device: Device) -> None:
    assert isinstance(await device.ask(Wish("bad:1")), Stalled)
    assert (device.volume, device.text) == (OWN, "precious")


async def test_a_failed_successor_that_would_discard_has_discarded_nothing(device: Device) -> None:
    assert await device.fates(Wish("bad:1", discards=True)) == (VolumeFate(PLACE, OWN, "removed"),)
    assert isinstance(await device.ask(Wish("bad:1", discards=True)), Stalled)
    assert (device.volume, device.text) == (OWN, "precious")


@DOCKER_WHEN_THOROUGH
async def test_going_back_to_discard_deletes_nothing_that_the_failed_one_was_to_keep(device: Device) -> None:
    assert await device.ask(Wish(discards=True)) == Settled()
    await device.kit.somebody("remove", NAME)
    assert isinstance(await device.ask(Wish("bad:1")), Stalled)
    assert device.kit.contents()[OWN] == "precious"


@DOCKER_WHEN_THOROUGH
async def test_going_back_from_discard_finds_what_was_there_before_the_failed_one(device: Device) -> None:
    """Somebody had removed the container, so that only its volume was left; what is gone back to got the empty one of what had
    failed."""
    await device.kit.somebody("remove", NAME)
    assert isinstance(await device.ask(Wish("bad:1", discards=True)), Stalled)
    assert (device.volume, device.text) == (OWN, "precious")


@DOCKER_WHEN_THOROUGH
@pytest.mark.parametrize("action", [1, 2, 3, 4, 5])
async def test_who_asks_to_keep_it_in_the_middle_of_a_switch_keeps_it(device: Device, action: int) -> None:
    """V7: what had begun to replace it was to discard it, and is not good yet."""
    wish = Wish("db:2", discards=True)
    await device.ask_until_cut(wish, Cut(action, after=True))
    assert VolumeFate(PLACE, OWN, "carried") in await device.fates(Wish("db:2"))
    assert await device.ask(Wish("db:2")) == Settled()
    assert (device.volume, device.text) == (OWN, "precious")


async def test_what_is_removed_leaves_its_volume_and_finds_it_again(device: Device) -> None:
    assert await device.fates(None) == (VolumeFate(PLACE, OWN, "left"),)
    assert await device.ask(None) == Settled()
    assert device.kit.contents()[OWN] == "precious"
    assert await device.ask(Wish("db:2")) == Settled()
    assert (device.volume, device.text) == (OWN, "precious")


async def test_discard_is_a_fresh_volume_each_time_and_none_afterwards(device: Device) -> None:
    assert await device.plan(Wish(discards=True)) == await device.plan(Wish()), "that alone changes nothing"
    assert await device.ask(Wish(discards=True)) == Settled()
    assert device.text == "precious"
    wish = Wish("db:2", discards=True)
    assert await device.fates(wish) == (VolumeFate(PLACE, OWN, "removed"),)
    assert await device.ask(wish) == Settled()
    assert device.text == ""
    device.write("fleeting")
    first = device.volume
    assert await device.fates(None) == (VolumeFate(PLACE, first, "removed"),)
    assert await device.ask(None) == Settled()
    assert device.kit.contents() == {}


async def test_who_asks_to_keep_it_before_it_goes_keeps_it(device: Device) -> None:
    """Also what was created to be discarded, whose label says so for ever."""
    assert await device.ask(Wish("db:2", discards=True)) == Settled()
    device.write("dear after all")
    fresh = device.volume
    assert await device.ask(Wish("db:2")) == Settled()
    assert await device.fates(None) == (VolumeFate(PLACE, fresh, "left"),)
    assert await device.ask(Wish("db:1")) == Settled()
    assert (device.volume, device.text) == (fresh, "dear after all")
    assert await device.ask(None) == Settled()
    assert device.kit.contents()[fresh] == "dear after all"


async def test_where_a_spec_mounts_something_the_volume_stays_behind(device: Device) -> None:
    assert await device.fates(Wish(is_mounted=True)) == (VolumeFate(PLACE, OWN, "left"),)
    assert await device.ask(Wish(is_mounted=True)) == Settled()
    assert device.volume == ""
    assert await device.ask(Wish()) == Settled()
    assert (device.volume, device.text) == (OWN, "precious")


async def test_a_volume_without_a_name_of_an_adopted_container_is_carried_over(kit: Kit, tmp_path: Path) -> None:
    device, old = await adopted(kit, tmp_path, vanishes=False)
    assert await device.fates(Wish("db:2")) == (VolumeFate(PLACE, old, "carried"),)
    assert [difference.lost for difference in (await device.plan(Wish("db:2"))).differences] == [()]
    for wish in (Wish("db:2"), Wish("db:1")):
        assert await device.ask(wish) == Settled()
        assert (device.volume, device.text) == (old, "precious")
    assert await device.ask(None) == Settled()
    assert kit.contents()[old] == "precious"
    await device.close()


AS_RUN = Wish(level=None)
"""What somebody has run, word for word."""


async def adopted(kit: Kit, folder: Path, *, vanishes: bool = True) -> tuple[Device, str]:
    """A device on which somebody has run the container (with `--rm`), which has written and was adopted; and its volume."""
    device = Device(kit, folder)
    await device.adopt(vanishes=vanishes)
    device.write("precious")
    return device, device.volume


async def test_what_vanishes_when_it_is_stopped_leaves_its_volume(kit: Kit, tmp_path: Path) -> None:
    """H1: `docker run --rm`. The engine takes its volumes along when it ends, unless another container has them."""
    device, old = await adopted(kit, tmp_path)
    assert await device.fates(None) == (VolumeFate(PLACE, old, "left"),)
    assert await device.ask(None) == Settled()
    assert (await device.observe()).containers == ()
    assert kit.contents()[old] == "precious"
    await device.close()


@pytest.mark.parametrize("wish", [*([None] if THOROUGH else []), Wish("db:2")])
async def test_what_no_spec_can_ask_for_is_left_where_an_operator_finds_it(
    kit: Kit, tmp_path: Path, wish: Wish | None
) -> None:
    """S24: `docker run --rm -v /logs`. The plan names the volume before, the entries name it afterwards."""
    device = Device(kit, tmp_path)
    await device.adopt(vanishes=True, volume_at="/logs")
    left = kit.volumes(NAME)["/logs"]
    kit.write(left, "precious")
    assert VolumeFate("/logs", left, "left") in await device.fates(wish)
    assert await device.ask(wish) == Settled()
    assert kit.contents()[left] == "precious"
    assert left not in kit.volumes(NAME).values()
    told = [each.message for each in device.journal.entries() if each.kind == "step-done" and left in each.message]
    assert told
    assert all(f"the data at /logs stay in volume {left}" in each for each in told)
    await device.close()


@DOCKER_WHEN_THOROUGH
async def test_where_a_spec_mounts_something_the_volume_of_what_vanishes_stays_behind(kit: Kit, tmp_path: Path) -> None:
    device, old = await adopted(kit, tmp_path)
    assert await device.fates(Wish(is_mounted=True)) == (VolumeFate(PLACE, old, "left"),)
    assert await device.ask(Wish(is_mounted=True)) == Settled()
    assert kit.contents()[old] == "precious"
    assert [each.engine_name for each in (await device.observe()).containers] == [NAME]
    await device.close()


@pytest.mark.parametrize("discards", [*([False] if THOROUGH else []), True])
async def test_what_vanishes_is_created_again_when_its_successor_fails(
    kit: Kit, tmp_path: Path, discards: bool
) -> None:
    device, old = await adopted(kit, tmp_path)
    assert isinstance(await device.ask(Wish("bad:1", discards=discards)), Stalled)
    assert (device.volume, device.text) == (old, "precious")
    for _ in range(60):
        if len((await device.observe()).containers) == 1:
            break
        await asyncio.sleep(0.5)
        await device.step()  # a leftover that a busy engine did not remove at once is removed in a later cycle
    seen = (await device.observe()).containers
    told = "\n".join(f"{each.kind}: {each.message}" for each in device.journal.entries())
    assert [(each.engine_name, each.state) for each in seen] == [(NAME, "running")], f"{seen}\n{told}"
    await device.close()


@DOCKER_WHEN_THOROUGH
async def test_of_what_vanishes_an_engine_changes_no_restart_policy(kit: Kit, tmp_path: Path) -> None:
    """So it is replaced."""
    device, old = await adopted(kit, tmp_path)
    wish = Wish(restart="always")
    ((verb, changes),) = [(each.verb, each.changes) for each in (await device.plan(wish)).differences]
    assert verb == "recreate"
    assert "restart.policy" in {change.path for change in changes}
    assert await device.ask(wish) == Settled()
    assert (device.volume, device.text) == (old, "precious")
    await device.close()


@pytest.mark.parametrize("wish", [*([Wish("db:2")] if THOROUGH else []), AS_RUN])
async def test_what_an_adopted_one_had_is_found_again_after_somebody_removed_the_container(
    kit: Kit, tmp_path: Path, wish: Wish
) -> None:
    """L6: also when evenkeel has not replaced it yet."""
    device, old = await adopted(kit, tmp_path, vanishes=False)
    assert await device.ask(wish) == Settled()
    await kit.somebody("remove", NAME)
    assert await device.ask(wish) == Settled()
    assert (device.volume, device.text) == (old, "precious")

    assert await device.ask(wish._replace(is_mounted=True)) == Settled()
    assert await device.ask(wish) == Settled()
    assert (device.volume, device.text) == (old, "precious")
    await device.close()


async def test_what_is_kept_from_a_change_on_is_found_again_after_somebody_removed_the_container(
    device: Device,
) -> None:
    """R3: the change alone was nothing to do, and an older volume, or an empty one, was taken afterwards."""
    wish = Wish("db:2", discards=True)
    assert await device.ask(wish) == Settled()
    fresh = device.volume
    device.write("dear after all")
    kept = wish._replace(discards=False)
    ((verb, why),) = [(each.verb, each.why) for each in (await device.plan(kept)).differences]
    assert (verb, why) == ("finish", "what is in its volumes is to be kept from now on")
    assert await device.ask(kept) == Settled()
    assert (await device.plan(kept)).differences == ()
    assert device.volume == fresh, "it was not replaced"
    await device.kit.somebody("remove", NAME)
    assert await device.ask(kept) == Settled()
    assert (device.volume, device.text) == (fresh, "dear after all")


@DOCKER_WHEN_THOROUGH
async def test_what_is_gone_is_not_looked_for(kit: Kit, tmp_path: Path) -> None:
    """A volume that somebody removed is not made again under its old name, and no longer remembered."""
    device, old = await adopted(kit, tmp_path, vanishes=False)
    assert await device.ask(Wish()) == Settled()
    await kit.somebody("remove", NAME)
    await kit.somebody_removes_volume(old)
    assert await device.ask(Wish()) == Settled()
    assert device.volume == OWN
    kit.write(old, "of somebody else")
    await kit.somebody("remove", NAME)
    assert await device.ask(Wish()) == Settled()
    assert device.volume == OWN
    await device.close()


async def test_a_volume_of_somebody_elses_is_not_used_without_a_word(kit: Kit, tmp_path: Path) -> None:
    kit.write(OWN, "not yours")
    device = Device(kit, tmp_path)
    device.want(Wish())
    ending = await device.step()
    assert isinstance(ending, Retrying)
    assert f"the volume {OWN}" in ending.why
    assert "made by somebody else" in ending.why
    assert kit.volumes(NAME) == {}
    assert kit.contents() == {OWN: "not yours"}
    await device.close()


def test_names_of_volumes_are_welcome_everywhere_and_differ() -> None:
    long = "n" * 200
    names = [
        volume_name(name, place) for name in ("_a", "a", long) for place in ("/", "/a b", "/a-b", "/a/b", "/" + long)
    ]
    assert len(set(names)) == len(names)
    assert all(len(name) <= 255 and name.isascii() for name in names)
    assert volume_name("db", "/var/lib/x") == "evenkeel_db_var-lib-x-32bc7614"


# ── a law ──────────────────────────────────────────────────────────────────────────────────────────────────────────

History = list[tuple[str, Wish, Cut | None]]
WHAT = ("ask", "ask", "ask", "remove", "adopt", "adopt --rm", "rm -f")
IMAGES = ("db:1", "db:1", "db:2", "sleeper:1", "bad:1")
LEVELS, MEMORIES, RARELY = ("a", "b", None), (None, 64 * MB), (False, False, True)
RESTARTS: tuple[RestartPolicy, ...] = ("no", "no", "always")

wishes = st.builds(
    Wish, *map(st.sampled_from, (IMAGES, LEVELS, MEMORIES, RARELY, RARELY)), restart=st.sampled_from(RESTARTS)
)
cuts = st.none() | st.builds(Cut, st.integers(1, 12), st.booleans())
histories = st.lists(st.tuples(st.sampled_from(WHAT), wishes, cuts), max_size=8)


def drawn(number: int, steps: int) -> History:
    """A history of the seed."""
    dice = Random(f"{SEED} volumes {number}")

    def wish() -> Wish:
        image, level, memory = dice.choice(IMAGES), dice.choice(LEVELS), dice.choice(MEMORIES)
        return Wish(image, level, memory, dice.choice(RARELY), dice.choice(RARELY), dice.choice(RESTARTS))

    def cut() -> Cut | None:
        return Cut(dice.randint(1, 12), dice.random() < 0.5) if dice.random() < 0.5 else None

    return [(dice.choice(WHAT), wish(), cut()) for _ in range(steps)]


async def live(device: Device, history: History) -> None:
    """Each wish after the other, each time with something new in the volume before. `adopt --rm`: what was run with that;
    `rm -f`: somebody removes the container by hand."""
    for number, (what, wish, cut) in enumerate(history):
        is_there = await device.is_there()
        if what.startswith("adopt") and not is_there:
            await device.adopt(vanishes=what == "adopt --rm")
        if device.volume:
            device.write(f"text {number}")
        if what == "rm -f" and is_there:
            await device.kit.somebody("remove", NAME)
            device.is_adopted = False
        if wish.image == "bad:1":
            wish = wish._replace(restart="no")
        await device.ask_truly(None if what == "remove" else wish, cut)


def live_on_memory(history: History) -> None:
    """As `live`, on a device of its own with the memory engine."""

    async def scenario(folder: Path) -> None:
        device = Device(MemoryKit(), folder, now)
        await live(device, history)
        await device.close()

    with tempfile.TemporaryDirectory(dir=_FAST) as folder:
        run(scenario(Path(folder)))


@pytest.mark.timeout(3600)
@settings(max_examples=1000 if THOROUGH else 25)
@given(histories)
def test_what_a_volume_held_is_there_or_the_plan_said_that_it_goes(history: History) -> None:
    live_on_memory(history)


BAD = Wish("bad:1")
HISTORIES: dict[str, History] = {
    "what the first that keeps began is found, not what the failed one before it would discard": [
        ("ask", BAD._replace(memory=64 * MB, discards=True), None),
        ("ask", BAD, None),
        ("rm -f", Wish(), None),
    ],
    "V7: what stepped aside with a volume to discard is not taken for what is to keep the data of its successor": [
        ("ask", BAD._replace(memory=64 * MB, discards=True), None),
        ("ask", BAD, None),
        ("ask", BAD._replace(memory=64 * MB), None),
        ("rm -f", Wish(), None),
    ],
    "V7: nor after its successor was removed by hand": [
        ("ask", BAD._replace(memory=64 * MB, discards=True), None),
        ("ask", BAD, None),
        ("rm -f", BAD._replace(memory=128 * MB), None),
        ("ask", Wish(), None),
    ],
    "V7: what was to be kept from a change on is carried over, although the proof failed": [
        ("ask", BAD._replace(discards=True), None),
        ("ask", BAD, None),
        ("ask", BAD._replace(memory=64 * MB), None),
        ("ask", Wish(), None),
    ],
    "V7: and it is not discarded afterwards": [
        ("ask", BAD._replace(discards=True), None),
        ("ask", BAD, None),
        ("ask", BAD._replace(memory=64 * MB, discards=True), None),
        ("rm -f", Wish(), None),
    ],
}


@pytest.mark.parametrize("history", HISTORIES.values(), ids=HISTORIES)
def test_a_history_that_the_law_found(history: History) -> None:
    live_on_memory(history)


@pytest.mark.parametrize("what", ["adopt", "adopt --rm"])
def test_an_adopted_one_is_gone_back_to_beside_a_last_good_revision_without_it(what: str) -> None:
    async def scenario(folder: Path) -> None:
        device = Device(MemoryKit(), folder, now)
        await device.ask_truly(None)
        await device.adopt(vanishes=what == "adopt --rm")
        device.write("precious")
        had = device.volume
        await device.ask_truly(Wish("bad:1", discards=True))
        assert (device.volume, device.text) == (had, "precious")
        await device.ask_truly(Wish("db:2"))
        assert (device.volume, device.text) == (had, "precious")
        await device.close()

    with tempfile.TemporaryDirectory(dir=_FAST) as folder:
        run(scenario(Path(folder)))


def test_an_adopted_one_stays_when_what_asks_for_it_is_in_quarantine() -> None:
    """The last good revision, which does not ask for it, is in force."""

    async def scenario(folder: Path) -> None:
        device = Device(MemoryKit(), folder, now)
        for wish in (None, Wish("bad:1"), None):
            await device.ask_truly(wish)
        await device.adopt()
        device.write("precious")
        had = device.volume
        await device.ask_truly(Wish("bad:1"))
        assert (device.volume, device.text) == (had, "precious")
        await device.close()

    with tempfile.TemporaryDirectory(dir=_FAST) as folder:
        run(scenario(Path(folder)))


@pytest.mark.parametrize("kit", [DOCKER], indirect=True)
@pytest.mark.parametrize("number", range(20 if THOROUGH else 1))
async def test_so_it_is_on_docker(kit: Kit, tmp_path: Path, number: int) -> None:
    device = Device(kit, tmp_path)
    await live(device, drawn(number, 8 if THOROUGH else 4))
    await device.close()
