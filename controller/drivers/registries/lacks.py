"""Why an engine cannot do what a document asks for."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar

from evenkeel.specs.errors import Refused
from evenkeel.specs.registries.observed import Facet
from evenkeel.specs.registries.registry import Registry

Given = ParamSpec("Given")
Result = TypeVar("Result")


def lack(place: str, why: str) -> Refused:
    """The facets that cannot be put in force for a place."""
    return Refused(f"registry:{place}", why)


def of_whole_hosts(what: str, registry: Registry, key: str) -> str:
    """The sentence about what an engine has for hosts, and not for a part of one."""
    remedy = f"write `{key}` into a document for {registry.host}"
    return f"the engine knows {what} of whole hosts, and not of {registry.place}; {remedy}"


class Reason:
    """A context: a refusal meanwhile, or a file that cannot be read, is the reason why a facet lacks."""

    def __init__(self, found: dict[Facet, str], facet: Facet) -> None:
        self._found, self._facet = found, facet

    def __enter__(self) -> None: ...

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        if isinstance(error, Refused):
            self._found[self._facet] = error.message
        elif isinstance(error, OSError):
            name = error.filename or "a file"
            self._found[self._facet] = f"{name} cannot be read: {error.strerror}; correct it, or remove it"
        else:
            return False
        return True


def once(work: Callable[Given, Result]) -> Callable[Given, Result]:
    """The same function, carried out once for the same arguments: its result, or its failure, counts from then on. One look
    at twenty registries reads a file that they share once."""
    results, refusals = dict[object, Result](), dict[object, Refused | OSError]()

    def remembered(*given: Given.args, **named: Given.kwargs) -> Result:
        key = given, tuple(named.items())
        if key in refusals:
            raise refusals[key]
        if key not in results:
            try:
                results[key] = work(*given, **named)
            except (Refused, OSError) as error:
                refusals[key] = error
                raise
        return results[key]

    return remembered
