"""Another domain as a witness of a proof: its look, and what its own decisions make of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from evenkeel.reconcilers.capabilities import watched
from evenkeel.reconcilers.ports import AnyReconciler, Driver
from evenkeel.specs.codec import changed


class DomainWitness:
    """A `Witness`: the subjects of a domain, by its reconciler and its driver. It has no memory: a subject that was stopped
    on purpose is not well either. One that is new is not waited for: its own domain starts it only once the system is
    proven, and proves it then, before the revision is good."""

    def __init__(self, reconciler: AnyReconciler, driver: Driver[Any]) -> None:
        self._reconciler, self._driver, self._watched = reconciler, driver, watched(reconciler)

    async def unwell(self, names: Sequence[str]) -> Mapping[str, str]:
        memory = self._reconciler.memory()
        seen = await self._driver.observe(changed(self._reconciler.look(None, memory), here_only=True))
        found = dict(self._watched.undecided(seen, memory))
        for ailments in (self._reconciler.down(seen, memory, names), self._watched.ailing(seen, memory)):
            found |= {name: each.why for name, each in ailments.items() if not each.is_new}
        return {name: found[name] for name in names if name in found}
