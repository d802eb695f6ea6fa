"""The part of the demonstration about an identity: what the simulated host and the simulated engine have of it.

The rotation is that of `evenkeel provision --rotate`: a pair is made by the driver, and the controller at work does the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from evenkeel.controller.cycle.domain import AnyDomain
from evenkeel.controller.provisioning_wiring import simulated_identities
from evenkeel.reconcilers.provisioning.rotation import rotation
from evenkeel.specs.errors import Bug
from evenkeel.specs.provisioning.observed import ProvisioningLook
from evenkeel.specs.provisioning.provisioning import Provisioning

if TYPE_CHECKING:
    from evenkeel.controller.wiring import MemoryEngine

CONNECTOR = "cloud-connector"


class Identity:
    """The identity of the simulated host, and the container that uses it."""

    def __init__(self, domains: Sequence[AnyDomain], engine: MemoryEngine, wanted: Provisioning) -> None:
        self._driver, self._engine, self._wanted = simulated_identities(domains), engine, wanted

    def certificate(self) -> str:
        """The digits with which the thumbprint of the certificate in force begins; "" for none."""
        link = self._driver.host.path(self._wanted.folder) / "current"
        return link.readlink().name if link.is_symlink() else ""

    def has_one(self) -> bool:
        """Whether no other pair is kept."""
        return len(list((self._driver.host.path(self._wanted.folder) / "pairs").iterdir())) == 1

    def handed_over(self) -> str:
        """The connection string that the connector was created with."""
        found = (each for each in self._engine.world.containers.values() if each.engine_name == CONNECTOR)
        return next((text for each in found for _, text in each.handed), "")

    def began_at(self) -> float:
        """When the connector was started last, in seconds since the epoch."""
        found = (each for each in self._engine.world.containers.values() if each.engine_name == CONNECTOR)
        return max((each.started_at for each in found), default=0.0)

    async def rotate(self, say: Callable[[str], None]) -> None:
        """Make the pair that is to follow. Bug when there can be none."""
        seen = await self._driver.observe(ProvisioningLook(documents=(self._wanted,)))
        action = rotation(seen.subjects[0], seen)
        if action is None:
            raise Bug("demo", "a rotation is under way already")
        say(f"{self._wanted.name}: {action.traits.text}; what is in force stays until it is let in.")
        await self._driver.perform(action, lambda message, done, total: None)
