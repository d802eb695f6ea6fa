"""Why an engine cannot do what a document asks for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from evenkeel.specs.errors import Refused
from evenkeel.specs.registries.observed import Facet
from evenkeel.specs.registries.registry import Registry


def lack(place: str, why: str) -> Refused:
    """The facets that cannot be put in force for a place."""
    return Refused(f"registry:{place}", why)


def of_whole_hosts(what: str, registry: Registry, key: str) -> str:
    """The sentence about what an engine has for hosts, and not for a part of one."""
    remedy = f"write `{key}` into a document for {registry.host}"
    return f"the engine knows {what} of whole hosts, and not of {registry.place}; {remedy}"


@contextmanager
def reason(found: dict[Facet, str], facet: Facet) -> Iterator[None]:
    """A refusal meanwhile is the reason why a facet lacks."""
    try:
        yield
    except Refused as error:
        found[facet] = error.message
