"""The actions of a driver of registries, each on one place. No action and none of its facts has a secret."""

from __future__ import annotations

from msgspec import Struct

from evenkeel.specs.plan import Traits
from evenkeel.specs.registries.observed import Prints
from evenkeel.specs.registries.registry import Registry


class Try(Struct, frozen=True, tag="try"):
    """Log in with what is asked for, before it is in force. `prints`: the values that were seen. Disturbs nothing."""

    registry: Registry
    prints: Prints

    @property
    def traits(self) -> Traits:
        place = self.registry.place
        return Traits(
            f"log in to {place} with what is asked for",
            {"action": "try", "registry": place},
            source=self.registry.host,
            by="the registry",
            may_be_cut=True,
        )


class Admit(Struct, frozen=True, tag="admit"):
    """Put what is asked for in force, for all that the engine does from then on: no engine is restarted, and no container is
    disturbed. `prints`: the values that were seen. `good`: the document of that name in last-good."""

    registry: Registry
    prints: Prints
    good: Registry | None = None

    @property
    def traits(self) -> Traits:
        place = self.registry.place
        return Traits(f"let pulls use {place}", {"action": "admit", "registry": place}, opens=place)


class Restore(Struct, frozen=True, tag="restore"):
    """Put what is in force back into a file of the engine's that has lost it. No registry is asked, for nothing is new.
    `prints`: the values in force that were seen."""

    registry: Registry
    prints: Prints

    @property
    def traits(self) -> Traits:
        place = self.registry.place
        return Traits(f"let the engine's other pulls use {place} again", {"action": "restore", "registry": place})


class Login(Struct, frozen=True, tag="login"):
    """Log in with what is in force, to prove it. `prints`: the values that are in force; `kept`: the print of what the file
    of others had that keeps the credentials (`RegistrySeen`)."""

    registry: Registry
    prints: Prints
    kept: str = ""

    @property
    def traits(self) -> Traits:
        place = self.registry.place
        return Traits(f"log in to {place}", {"action": "login", "registry": place}, by="the registry", may_be_cut=True)


class Withdraw(Struct, frozen=True, tag="withdraw"):
    """Take out of force what evenkeel has put there for a place. Entries of others stay."""

    place: str

    @property
    def traits(self) -> Traits:
        return Traits(f"forget {self.place}", {"action": "withdraw", "registry": self.place})


RegistryAction = Try | Admit | Restore | Login | Withdraw
