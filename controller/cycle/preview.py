"""What a controller would do now, without one: observe and decide, and nothing else.

The same pure functions as in a cycle, over what is asked, a journal that is only read, and one look at the engine. When
something is to be pulled its registry is asked how large it is, because that is worth knowing before somebody says yes.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

from evenkeel.controller.cycle.proven import kept_text, proven_in
from evenkeel.controller.journal.journal import Journal
from evenkeel.reconcilers.containers.foresight import Host, foreseen, paths_of, starting
from evenkeel.reconcilers.ports import Driver, Former, Reconciler, Remembered, Want
from evenkeel.specs.codec import changed
from evenkeel.specs.containers.difference import pulls
from evenkeel.specs.containers.observed import ContainersSeen, RemoteImage, image_size
from evenkeel.specs.desired import DesiredState
from evenkeel.specs.plan import Plan

Sizes = Callable[[Sequence[str], Callable[[str], None]], Awaitable[dict[str, RemoteImage]]]
"""What registries say of images; those that do not answer are absent. The second argument is told why."""


Surroundings = Callable[[Sequence[str]], Host]
"""The host of the engine; the argument is paths that are looked for."""


class Preview(NamedTuple):
    """A plan, what it was made from, and what has to be said about it. `fails_at`: what it would fail at now, which is
    among the notes."""

    plan: Plan
    seen: ContainersSeen
    notes: tuple[str, ...]
    fails_at: tuple[str, ...] = ()


async def preview(
    reconciler: Reconciler[Want, ContainersSeen, Remembered],
    driver: Driver[ContainersSeen],
    journal: Journal,
    desired: DesiredState,
    sizes: Sizes,
    surroundings: Surroundings = lambda paths: Host(),
) -> Preview:
    """The plan from what is to `desired`, and what it would fail at now. Raises Unavailable, TimedOut, JournalError."""
    want, memory = reconciler.select(desired), journal.memories.of(reconciler.memory)
    seen = await driver.observe(reconciler.look(want, memory))
    differences = reconciler.diff(want, seen, memory)
    good = journal.readable_revision("last-good")
    former = Former(reconciler.select(good) if good is not None else None, want)
    plan = reconciler.plan(differences, seen, memory, former)
    unknown = [image for image in pulls(plan) if not image_size(image, seen)]
    refused: list[str] = []
    if unknown:
        seen = changed(seen, remote={**seen.remote, **await sizes(unknown, refused.append)})
    kept = "the content before is kept until the tag names another one or somebody runs `evenkeel retry`"
    aside = tuple(f"{name}: {each.why}; {kept}" for name, each in reconciler.set_aside(want, seen, memory, {}).items())
    fails_at = foreseen(plan, seen, surroundings(paths_of(starting(plan))))
    return Preview(plan, seen, (*notes(journal, reconciler.domain, desired), *aside, *fails_at, *refused), fails_at)


def notes(journal: Journal, domain: str, desired: DesiredState) -> tuple[str, ...]:
    """What is remembered of this revision, in sentences."""
    attempt = journal.attempts.of(desired.digest)
    if attempt is None:
        return ()
    if not attempt.failed:
        times = "once" if attempt.failures == 1 else f"{attempt.failures} times"
        return (f"revision {desired.digest} failed {times} so far: {attempt.why}",)
    good = journal.digest("last-good")
    kept = f"the controller keeps {good} (last good)" if good and good != desired.digest else ""
    kept = kept or kept_text(proven_in(journal, domain, desired.digest))
    return (
        f"revision {desired.digest} failed before: {attempt.why}",
        f"{kept} until the specs change or somebody runs `evenkeel retry`; the plan is what a retry would do",
    )
