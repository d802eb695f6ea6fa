"""The parts about registries: the access of an engine that pulls, the sizes of images, and those that commands need, the steps
of a test and the secret of a registry for an export.

Commands name no driver (`controller.wiring` has the other parts). Everything is imported when it is asked for.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from evenkeel.controller.cycle.surroundings import Sizes
    from evenkeel.controller.distribution.access import PullAccess
    from evenkeel.controller.drivers.registries.probe import Step as Step
    from evenkeel.specs.containers.observed import RemoteImage
    from evenkeel.specs.registries.entry import Entry
    from evenkeel.specs.registries.registry import Registry
    from evenkeel.specs.settings.settings import Settings

ACCESS = "registries"
"""The folder of what lets this device in, and of the key of its prints."""
ADMITTED = "auth.json"
"""The file in it with the credentials that are in force."""


def pull_access(settings: Settings) -> PullAccess:
    """How registries let in an engine that pulls, and evenkeel that asks for sizes."""
    from evenkeel.controller.distribution.access import PullAccess
    from evenkeel.controller.drivers.registries.choice import certificates_folder

    engine, admitted = settings.engine, Path(settings.state) / ACCESS / ADMITTED
    folders = [certificates_folder(engine.kind, settings.registries)]
    return PullAccess(engine.docker_config, admitted, engine.token_realms, folders)


def sizes_of_registries(settings: Settings) -> Sizes:
    """The answers of registries, without an engine between."""

    async def ask(images: Sequence[str], refused: Callable[[str], None]) -> dict[str, RemoteImage]:
        from evenkeel.controller.drivers.registry import look_up

        return await look_up(images, pull_access(settings), refused)

    return ask


def probe_registry(settings: Settings, registry: Registry, image: str = "") -> AsyncIterator[Step]:
    """The steps on the way into a registry, or into a simulated one, up to the first that is not good. `image`: one of it,
    whose manifest is asked for at the end, or ""."""
    if settings.engine.kind == "memory":
        return _simulated(settings, registry)
    from evenkeel.controller.drivers.registries.choice import around
    from evenkeel.controller.drivers.registries.probe import probe

    return probe(registry, image, around(settings.engine.kind, settings.registries, Path(settings.state) / ACCESS))


async def _simulated(settings: Settings, registry: Registry) -> AsyncIterator[Step]:
    """Every simulated registry lets everybody in; the files of the document are looked at all the same."""
    from evenkeel.controller.drivers.registries.memory import MemoryRegistries
    from evenkeel.controller.drivers.registries.probe import OTHERWISE, Step
    from evenkeel.controller.drivers.registries.values import Missing, values_of
    from evenkeel.specs.errors import DriverError

    try:
        values = values_of(registry, simulates=True)
    except Missing as missing:
        yield Step("credentials", False, missing.why, missing.remedy)
        return
    yield Step(
        "credentials", True, f"user {values.user}, and a password" if values.user else values.reference or "none"
    )
    try:
        yield Step("login", True, f"{await MemoryRegistries().login(registry, values)} (simulated)")
    except DriverError as error:
        yield Step("login", False, error.message, OTHERWISE["login"])


def secret_entry(registry: Registry) -> Entry:
    """A registry with its secret, for the file of another program. Raises EvenkeelError when the secret cannot be had. A
    helper keeps it for itself."""
    from evenkeel.controller.drivers.registries.values import Missing, kept_of, values_of
    from evenkeel.specs.codec import changed
    from evenkeel.specs.errors import EvenkeelError
    from evenkeel.specs.registries.document_text import entry_of

    found, element = entry_of(registry), f"registry:{registry.place}"
    try:
        values = values_of(changed(registry, ca="", certificate="", key=""))
        kept = kept_of(registry)
    except Missing as missing:
        raise EvenkeelError(element, missing.why) from None
    if kept is None:
        return found._replace(user=values.user, password=values.password)
    if kept.helper:
        return found._replace(helper=kept.helper)
    if (its := kept.credentials) is None:
        raise EvenkeelError(element, f"{registry.config} has no credentials for it")
    return found._replace(
        user=its.username, password=its.identity_token or its.password, token=bool(its.identity_token)
    )
