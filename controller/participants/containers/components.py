"""The components of the containers domain: each is driven with the settled content of its image, and judged.

A verdict comes from a look at the very instance (`reconcilers.containers.standing`), never from the steps that were
performed on it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from evenkeel.controller.participants.components import Interrupted, Oversight
from evenkeel.controller.participants.containers.conduct import (
    ContainerCycles,
    ContainersConduct,
    wanted,
    wanted_before,
)
from evenkeel.controller.participants.containers.pins import ImagePins, as_pinned, named, unpinned, with_rejected
from evenkeel.controller.participants.driving import Driving, View
from evenkeel.controller.process.stopping import unless
from evenkeel.reconcilers.containers.commanded import gives_way as steps_aside
from evenkeel.reconcilers.containers.commanded import opens
from evenkeel.reconcilers.containers.observation import digest_of, is_restless, youngest
from evenkeel.reconcilers.containers.select import ContainersWanted
from evenkeel.reconcilers.containers.standing import standing
from evenkeel.reconcilers.gate import all_open
from evenkeel.reconcilers.ports import Driver
from evenkeel.reconcilers.standing import Standing
from evenkeel.specs.codec import changed
from evenkeel.specs.containers.actions import Verify
from evenkeel.specs.containers.container import Container
from evenkeel.specs.containers.memory import ContainersMemory
from evenkeel.specs.containers.observed import ContainerSeen, ContainersSeen, at_containers
from evenkeel.specs.kanto.activity import Activity, ActivityAction, Command
from evenkeel.specs.look import Look
from evenkeel.specs.plan import Done

_CLEANUP_PATIENCE_S = 10.0
"""An old instance that cannot be removed now is removed later, by cycles."""

ContainerDriving = Driving[ContainersWanted, ContainersSeen, ContainersMemory]


class ContainerComponents:
    """The `Components` of one engine."""

    def __init__(
        self,
        conduct: ContainersConduct,
        driver: Driver[ContainersSeen],
        cycles: ContainerCycles,
        driving: ContainerDriving,
    ) -> None:
        self._conduct, self._driver, self._cycles, self._driving = conduct, driver, cycles, driving
        self._watched: dict[str, int] = {}
        """Instances that stayed up while they were watched → their restarts until then."""

    def begin(self, revision: str) -> None:
        self._driving.begin(revision)

    def wanted(self, activity: Activity) -> ContainersWanted:
        return wanted(self._conduct, activity.target)

    def wanted_before(self, activity: Activity) -> ContainersWanted:
        return wanted_before(self._conduct, activity)

    async def standing(self, action: ActivityAction, want: ContainersWanted, oversight: Oversight) -> Standing:
        """The standing of a component now. The end of one that is started again and again shows only with time."""
        seen = await self._driving.look_at(self._look(_only(action, want), action.subject), oversight)
        if isinstance(seen, str):
            return Standing("unknown", seen)
        return await self._judged(action, want, seen, oversight.cut)

    async def _judged(
        self, action: ActivityAction, want: ContainersWanted, seen: ContainersSeen, cut: asyncio.Event
    ) -> Standing:
        restless = self._restless(action, seen)
        if restless is not None and restless.container is not None:
            why = await self._watch(restless.id, restless.container, cut)
            if why:
                return Standing("sick", why)
            self._watched[restless.id] = restless.restart_count
        return self._by(action, want, seen)

    async def standings(
        self, actions: Sequence[ActivityAction], want: ContainersWanted, oversight: Oversight
    ) -> dict[str, Standing]:
        """The standing of several components by one and the same look, by subject. A restless one has to be watched
        before it can be judged, and is away until then."""
        seen = await self._driving.look_at(self._look(want, ""), oversight)
        if isinstance(seen, str):
            return {action.subject: Standing("unknown", seen) for action in actions}
        return {
            action.subject: Standing("away", "it is started again and again")
            if self._restless(action, seen)
            else self._by(action, want, seen)
            for action in actions
        }

    def _look(self, want: ContainersWanted, subject: str) -> Look:
        return changed(self._cycles.look(want), here_only=True, subject=subject)

    def _bare_look(self, subject: str) -> Look:
        """A look at the instances of one subject, without probes of their checks."""
        return changed(at_containers(self._cycles.look(None)), subject=subject, checks={})

    def _restless(self, action: ActivityAction, seen: ContainersSeen) -> ContainerSeen | None:
        """An instance that is started again and again, and was not watched since its last restart."""
        for each in seen.containers:
            if each.name == action.subject and is_restless(each) and not each.exit_code:
                return each if self._watched.get(each.id) != each.restart_count else None
        return None

    def _by(self, action: ActivityAction, want: ContainersWanted, seen: ContainersSeen) -> Standing:
        meant = changed(seen, remote=named(_meant(action, want).pinned))
        own = _unwatched(meant, self._watched)
        return standing(action.subject, _only(action, want), own, self._cycles.memory())

    async def _watch(self, instance: str, container: Container, cut: asyncio.Event) -> str:
        """The reason why the instance does not stay up; "" when it does."""
        watching = self._driver.perform(Verify(instance, container), lambda message, done, total: self._driving.alive())
        proof = await unless(cut, watching)
        if proof is None:
            raise Interrupted
        return "" if isinstance(proof, Done) else proof.message

    async def drive(
        self,
        action: ActivityAction,
        want: ContainersWanted,
        command: Command,
        oversight: Oversight,
    ) -> str:
        seen = await self._drive(action, want, command, oversight)
        return seen if isinstance(seen, str) else ""

    async def fetch(
        self,
        action: ActivityAction,
        want: ContainersWanted,
        oversight: Oversight,
    ) -> tuple[str, str]:
        seen = await self._drive(action, want, "DOWNLOAD", oversight)
        if isinstance(seen, str):
            return "", seen
        newest = youngest(action.subject, _only(action, want), seen, self._cycles.memory())
        return digest_of(newest, seen) if newest else "", ""

    async def put_up(
        self,
        action: ActivityAction,
        want: ContainersWanted,
        command: Command,
        oversight: Oversight,
    ) -> tuple[str, Standing]:
        """See `Components.put_up`. The look in which nothing was left to do is judged; without one there is another."""
        seen = await self._drive(action, want, command, oversight)
        if isinstance(seen, str):
            return seen, await self.standing(action, want, oversight)
        return "", await self._judged(action, want, seen, oversight.cut)

    async def _drive(
        self,
        action: ActivityAction,
        want: ContainersWanted,
        command: Command,
        oversight: Oversight,
    ) -> ContainersSeen | str:
        patience_s = self._driving.patience_s
        if command == "CLEANUP":
            patience_s = min(patience_s, _CLEANUP_PATIENCE_S)
        only, view = _only(action, want), _view(_meant(action, want))
        return await self._driving.drive(action.subject, only, opens(command), view, patience_s, oversight)

    async def restore(
        self,
        action: ActivityAction,
        before: ContainersWanted,
        oversight: Oversight,
        *,
        gives_way: bool = False,
    ) -> str:
        """See `Components.restore`. Without a look nothing is done: newer content under the same tag would be taken for
        the former one."""
        newer: tuple[str, ...] = ()
        if action.image_before:
            seen = await self._driving.look_at(self._bare_look(action.subject), oversight)
            if isinstance(seen, str):
                return seen
            own = {each.image_id for each in seen.containers if each.name == action.subject}
            newer = tuple(sorted(own - {action.image_before}))
        is_open = steps_aside if gives_way else all_open
        only, view = _only(action, before), _view(ImagePins(rejected=newer))
        end = await self._driving.drive(action.subject, only, is_open, view, self._driving.patience_s, oversight)
        return end if isinstance(end, str) else ""


def _view(pins: ImagePins) -> View[ContainersSeen, ContainersMemory]:
    return View(
        lambda look: unpinned(at_containers(look), pins),
        lambda seen: as_pinned(seen, pins),
        lambda memory: with_rejected(memory, pins),
    )


def _only(action: ActivityAction, want: ContainersWanted) -> ContainersWanted:
    """The want of one component: no others are compared, no others' images looked up."""
    return want._replace(documents=tuple(each for each in want.documents if each[0].name == action.subject))


def _meant(action: ActivityAction, want: ContainersWanted) -> ImagePins:
    """The content of the image: once it is settled, that; until then the content that is found, or was at the
    identification."""
    images = [container.image for container, _ in want.documents if container.name == action.subject]
    if action.digest is None:
        return ImagePins(fallback=dict.fromkeys(images, action.promised))
    return ImagePins(dict.fromkeys(images, action.digest))


def _unwatched(seen: ContainersSeen, watched: Mapping[str, int]) -> ContainersSeen:
    """The observation without restarts of instances that were watched since."""
    return changed(
        seen,
        containers=tuple(
            changed(each, restart_count=0) if watched.get(each.id) == each.restart_count else each
            for each in seen.containers
        ),
    )
