"""The drivers' parts that commands about registries need: the steps of a test, and the secret of a registry for an export.

Commands name no driver (`controller.wiring` is for the others). Everything is imported when it is asked for.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from evenkeel.controller.drivers.registries.probe import Step as Step
    from evenkeel.specs.registries.entry import Entry
    from evenkeel.specs.registries.registry import Registry
    from evenkeel.specs.settings.settings import Settings

ACCESS = "registries"
"""The folder of what lets this device in, and of the key of its prints."""
ADMITTED = "auth.json"
"""The file in it with the credentials that are in force."""


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
    from evenkeel.controller.drivers.registries.values import Missing, values_of
    from evenkeel.specs.codec import changed
    from evenkeel.specs.errors import EvenkeelError
    from evenkeel.specs.registries.document_text import entry_of

    found = entry_of(registry)
    if registry.config:
        return _in_file(registry, found)
    try:
        values = values_of(changed(registry, ca="", certificate="", key=""))
    except Missing as missing:
        raise EvenkeelError(f"registry:{registry.place}", missing.why) from None
    return found._replace(user=values.user, password=values.password)


def _in_file(registry: Registry, found: Entry) -> Entry:
    """The credentials in a file of Docker, Podman or Kanto; of several places there that cover it the longest counts."""
    from evenkeel.controller.process.bounded import read_bounded
    from evenkeel.specs.errors import EvenkeelError
    from evenkeel.specs.kanto.registries import kanto_entries
    from evenkeel.specs.reading.sound import foreign_json
    from evenkeel.specs.registries.entry import docker_entries, form_of
    from evenkeel.specs.registries.registry import longest

    element = f"registry:{registry.place}"
    try:
        value = foreign_json(read_bounded(Path(registry.config)))
    except (OSError, ValueError, RecursionError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no JSON"
        raise EvenkeelError(element, f"its credentials in {registry.config} cannot be read: {reason}") from None
    entries = kanto_entries(value, []) if form_of(value) == "kanto" else docker_entries(value, [])
    known = {each.place: each for each in entries if each.password or each.helper}
    place = longest(known, registry.place)
    if place is None:
        raise EvenkeelError(element, f"{registry.config} has no credentials for it")
    one = known[place]
    return found._replace(user=one.user, password=one.password, helper=one.helper, token=one.token)
