"""Laws of the files domain on random wishes, worlds and power cuts, with real cycles on the file system in memory."""

from __future__ import annotations

import os
from collections.abc import Sequence

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.controller.drivers.files.bench import Bench, Cut, asking, bench
from tests.sampling import THOROUGH
from tests.virtual import run

from evenkeel.controller.cycle.endings import Ending, Settled, Stalled
from evenkeel.reconcilers.files import Files
from evenkeel.specs.desired import DesiredState, desired_state
from evenkeel.specs.files.actions import Verify
from evenkeel.specs.files.difference import STORED
from evenkeel.specs.files.file import File, digest_of
from evenkeel.specs.plan import Action, Failed, Outcome

NAMES = ("a", "b", "c")
PLACES = ("x", "y", "z", "deep/w")
CONTENTS = ("one", "two", "three")
SOURCE = "source"

EXAMPLES = int(os.environ.get("EVENKEEL_EXAMPLES", "400" if THOROUGH else "0"))
thorough = settings(
    max_examples=EXAMPLES or 50,
    derandomize=not EXAMPLES,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
cuts = st.lists(st.builds(Cut, st.integers(1, 25), st.booleans()), max_size=3, unique_by=lambda cut: cut.action)
hands = st.lists(
    st.tuples(st.sampled_from(("edit", "mode", "take", "link", "folder")), st.sampled_from(PLACES)), max_size=3
)
foreign = st.dictionaries(st.sampled_from(PLACES), st.sampled_from(CONTENTS), max_size=2)


@st.composite
def wishes(draw: st.DrawFn, overwrites: bool = True) -> tuple[File, ...]:
    """A few files at places of their own."""
    names = draw(st.lists(st.sampled_from(NAMES), unique=True))
    places = draw(st.permutations(PLACES))
    found = []
    for name, place in zip(names, places, strict=False):
        content = draw(st.sampled_from((*CONTENTS, None)))
        found.append(
            File(
                name,
                f"/srv/place/{place}",
                content,
                source="" if content is not None else f"/srv/place/{SOURCE}",
                sha256="" if content is not None or draw(st.booleans()) else digest_of(b"source"),
                mode=draw(st.sampled_from((0o644, 0o600))),
                overwrite=overwrites and draw(st.booleans()),
                notify=(name,),
            )
        )
    return tuple(found)


def place(it: Bench, there: dict[str, str]) -> None:
    it.put(SOURCE, b"source")
    for name, content in there.items():
        it.put(name, content.encode())


def spoil(it: Bench, what: Sequence[tuple[str, str]]) -> None:
    """Other people's hands."""
    for hand, name in what:
        if name not in it.tree():
            continue
        match hand:
            case "edit":
                it.put(name, b"edited")
            case "mode":
                it.put(name, it.disk.world.entries[it.at(name)].content, mode=0o777)
            case "take":
                it.take(name)
            case "link":
                it.take(name)
                it.put_link(name, "/elsewhere")
            case "folder":
                it.take(name)
                it.put_folder(name)


def wanted_tree(files: Sequence[File]) -> dict[str, str]:
    return {
        file.path.removeprefix("/srv/place/"): f"{file.mode:04o} {'source' if file.content is None else file.content}"
        for file in files
    }


def own_paths(it: Bench) -> set[str]:
    return {path.removeprefix("/srv/place/") for path in it.memory().placed}


def guard(it: Bench, overwritten: set[str]) -> None:
    """INV-07: at every action what others have made is as it was, but what may be overwritten."""
    before = {name: text for name, text in it.tree().items() if name not in overwritten | own_paths(it)}

    def check() -> None:
        there = it.tree()
        assert {name: there.get(name) for name in before} == before

    it.driver.check = check


async def assert_reached(it: Bench, ending: Ending, files: Sequence[File], others: dict[str, str]) -> None:
    """The world is what is asked for and what others have made; with nothing in the way a second plan is empty."""
    there = it.tree()
    for name, text in others.items():
        assert there[name] == text
    assert not [name for name in there if ".evenkeel-" in name], there
    if isinstance(ending, Settled):
        assert there == others | wanted_tree(files)
        plan = await it.plan(asking(*files))
        assert not plan.differences, plan
        pinned = {digest_of(b"source") for file in files if file.source}
        kept = {form.digest for form in it.memory().originals.values()}
        assert {digest_of(content.encode()) for content in it.stored()} <= pinned | kept


def overwritten_by(files: Sequence[File]) -> set[str]:
    return {file.path.removeprefix("/srv/place/") for file in files if file.overwrite}


@thorough
@given(wishes(), wishes(), foreign, hands, cuts)
def test_it_converges_through_drift_and_power_cuts(
    first: tuple[File, ...],
    then: tuple[File, ...],
    there: dict[str, str],
    spoilt: list[tuple[str, str]],
    lost: list[Cut],
) -> None:
    async def story(it: Bench) -> None:
        place(it, there)
        guard(it, overwritten_by(first))
        ending = await it.converge(asking(*first))
        blocked = {file.path for file in first} - {it.at(name) for name in own_paths(it)}
        assert isinstance(ending, Settled) or blocked
        spoil(it, spoilt)
        guard(it, overwritten_by(then))
        others = {
            name: text
            for name, text in it.tree().items()
            if (name not in own_paths(it) or text.startswith("→")) and name not in overwritten_by(then)
        }
        ending = await it.converge(asking(*then), lost)
        if isinstance(ending, Settled):
            await assert_reached(it, ending, then, {n: t for n, t in others.items() if n not in wanted_tree(then)})

    with bench("memory") as it:
        run(story(it))


@thorough
@given(wishes(overwrites=False), wishes(overwrites=False), cuts)
def test_without_others_it_always_converges(first: tuple[File, ...], then: tuple[File, ...], lost: list[Cut]) -> None:
    async def story(it: Bench) -> None:
        place(it, {})
        for files in (first, then, ()):
            ending = await it.converge(asking(*files), lost)
            assert isinstance(ending, Settled)
            await assert_reached(it, ending, files, {SOURCE: "0644 source"})
        assert it.memory() == type(it.memory())()

    with bench("memory") as it:
        run(story(it))


@thorough
@given(wishes(), wishes(), foreign, cuts)
def test_a_failed_revision_leaves_what_was_there(
    good: tuple[File, ...], bad: tuple[File, ...], there: dict[str, str], lost: list[Cut]
) -> None:
    """Also what evenkeel did not make and the revision has overwritten, with power cuts on the way there and back."""

    async def story(it: Bench) -> None:
        place(it, there)
        if not isinstance(await it.converge(asking(*good)), Settled):
            return
        before = it.tree()
        failing = {file.path for file in bad}

        def refuse(action: Action) -> Outcome | None:
            is_bad = it.journal.attempts.of(state.digest)
            over = is_bad is not None and is_bad.failed
            return Failed("scripted") if isinstance(action, Verify) and action.path in failing and not over else None

        state = asking(*bad)
        it.driver.refuses = refuse
        verified = len([each for each in it.driver.done if isinstance(each, Verify)])
        ending = await it.converge(state, lost)
        if len([each for each in it.driver.done if isinstance(each, Verify)]) > verified:
            assert isinstance(ending, Stalled)
            assert it.tree() == before
            plan = await it.plan(asking(*good))
            assert {difference.subject for difference in plan.differences} <= {STORED}

    with bench("memory") as it:
        run(story(it))


@thorough
@given(wishes(), foreign, st.randoms())
def test_the_order_of_documents_does_not_matter(files: tuple[File, ...], there: dict[str, str], random: object) -> None:
    async def story(it: Bench) -> None:
        place(it, there)
        state = asking(*files)
        documents = list(state.documents)
        random.shuffle(documents)  # type: ignore[attr-defined]
        turned = desired_state(documents)
        assert turned.digest == state.digest
        plan = await it.plan(state)
        want = Files().select(DesiredState(tuple(reversed(state.documents)), state.digest))
        seen = await it.driver.observe(Files().look(want, it.memory()))
        assert Files().plan(Files().diff(want, seen, it.memory()), seen, it.memory()) == plan

    with bench("memory") as it:
        run(story(it))
