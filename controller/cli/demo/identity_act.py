"""The part of the demonstration about an identity: what the simulated host and the simulated engine have of it.

The rotation is that of `evenkeel provision --rotate`: a pair is made by the driver, and the controller at work does the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from evenkeel.controller.cycle.domain import AnyDomain
from evenkeel.controller.provisioning_wiring import simulated_identities
from evenkeel.reconcilers.provisioning.rotation import rotation
from evenkeel.specs.errors import Bug
from evenkeel.specs.provisioning.observed import ProvisioningLook
from evenkeel.specs.provisioning.provisioning import Provisioning

CONNECTOR = "cloud-connector"


class Instance(Protocol):
    """A container of the simulated engine. `handed`: its variables with the values that were handed out to it."""

    @property
    def engine_name(self) -> str: ...
    @property
    def started_at(self) -> float: ...
    @property
    def handed(self) -> tuple[tuple[str, str], ...]: ...


class Identity:
    """The identity of the simulated host, and the container that uses it."""

    def __init__(
        self, domains: Sequence[AnyDomain], instances: Callable[[], Iterable[Instance]], wanted: Provisioning
    ) -> None:
        self._driver, self._instances, self._wanted = simulated_identities(domains), instances, wanted

    def certificate(self) -> str:
        """The digits with which the thumbprint of the certificate in force begins; "" for none."""
        link = self._driver.host.path(self._wanted.folder) / "current"
        return link.readlink().name if link.is_symlink() else ""

    def has_one(self) -> bool:
        """Whether no other pair is kept."""
        return len(list((self._driver.host.path(self._wanted.folder) / "pairs").iterdir())) == 1

    def handed_over(self) -> str:
        """The connection string that the connector was created with."""
        return next((text for each in self._connectors() for _, text in each.handed), "")

    def began_at(self) -> float:
        """The time of the connector's last start, in seconds since the epoch; 0.0 for none."""
        return max((each.started_at for each in self._connectors()), default=0.0)

    def _connectors(self) -> list[Instance]:
        return [each for each in self._instances() if each.engine_name == CONNECTOR]

    async def rotate(self, say: Callable[[str], None]) -> None:
        """Make the pair that is to follow. Bug when there can be none."""
        seen = await self._driver.observe(ProvisioningLook(documents=(self._wanted,)))
        action = rotation(seen.subjects[0], seen)
        if action is None:
            raise Bug("demo", "a rotation is under way already")
        say(f"{self._wanted.name}: {action.traits.text}; what is in force stays until it is let in.")
        await self._driver.perform(action, lambda message, done, total: None)
