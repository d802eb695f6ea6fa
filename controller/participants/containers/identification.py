"""Identification of a desired state for containers: one look, registries included."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from evenkeel.controller.journal.journal import Journal, at_once
from evenkeel.controller.participants.components import Oversight
from evenkeel.controller.participants.containers.components import ContainerDriving
from evenkeel.controller.participants.containers.conduct import ContainersConduct, wanted
from evenkeel.controller.participants.participant import Identified, Waits
from evenkeel.reconcilers.agents.identify import RunningInstance, identify
from evenkeel.reconcilers.containers.observation import at_work, content_of, digest_of, restoring, unanswered
from evenkeel.reconcilers.containers.select import ContainersWanted
from evenkeel.reconcilers.counted import joined
from evenkeel.reconcilers.ports import Reconciler
from evenkeel.specs.codec import changed
from evenkeel.specs.containers.memory import ContainersMemory
from evenkeel.specs.containers.observed import ContainersSeen, at_containers
from evenkeel.specs.desired import DesiredState
from evenkeel.specs.errors import Refused, TimedOut, Unavailable
from evenkeel.specs.kanto.inventory import image_version


class ContainersIdentification:
    """Identifies for one engine."""

    def __init__(
        self,
        conduct: ContainersConduct,
        journal: Journal,
        reconciler: Reconciler[ContainersWanted, ContainersSeen, ContainersMemory],
        driving: ContainerDriving,
    ) -> None:
        self._conduct, self._journal, self._reconciler, self._driving = conduct, journal, reconciler, driving

    async def identify(
        self, target: DesiredState, components: Sequence[tuple[str, str]], waits: Waits, cut: asyncio.Event
    ) -> Identified | str | None:
        """See `Participant.identify`. `cut` cuts it short."""
        want = wanted(self._conduct, target)
        look = changed(at_containers(self._reconciler.look(want, self._memory())), fresh=True)
        try:
            seen = await self._driving.observe(look, Oversight(waits, cut))
        except (Unavailable, TimedOut, Refused) as error:
            return error.message
        if seen is None:
            return None
        self._forgive_images(want, seen)
        memory = self._memory()
        differences = self._reconciler.diff(want, seen, memory)
        blocked = [f"{each.subject}: {each.why}" for each in differences if each.verb == "blocked"]
        if blocked:
            return joined(blocked)
        instances = at_work(seen, memory)
        running = {
            name: RunningInstance(image_version(each.image), each.image_id, digest_of(each, seen))
            for name, each in instances.items()
        }
        followed = {each.name: each.image for each, _ in want.documents if each.image in seen.remote}
        promised = {name: seen.remote[image].digest for name, image in followed.items()}
        return Identified(
            identify(components, differences, running, want.system, promised),
            restoring(instances),
            tuple(name for name, _ in components if name in want.system),
            tuple(unanswered(look.images, seen)),
        )

    def _memory(self) -> ContainersMemory:
        return self._journal.memories.of(self._reconciler.memory)

    @at_once
    def _forgive_images(self, want: ContainersWanted, seen: ContainersSeen) -> None:
        """Forget failures of content that this desired state asks for, and of content that the engine has no more,
        because a registry may name it now."""
        asked_for = content_of({container.image for container, _ in want.documents}, seen)
        here = {*seen.images.values(), *seen.digests.values()}
        for image in self._memory().rejected:
            if image in asked_for or image not in here:
                self._journal.attempts.forgive(image, self._reconciler.domain)
