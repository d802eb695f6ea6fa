"""Creating a container, and reading the result from the engine.

A name conflict is success when the holder is the container that was to be created, so that a creation may be tried
twice. The new container is read again, and twice before it counts as different: if the engine made something else,
evenkeel would ask for the same container for ever.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from evenkeel.controller.drivers.containers.docker.answers import Created
from evenkeel.controller.drivers.containers.docker.client import EngineAnswer, EngineClient
from evenkeel.controller.drivers.containers.docker.observer import Observer
from evenkeel.controller.drivers.containers.docker.parse import is_owner
from evenkeel.controller.drivers.containers.docker.render import as_kept
from evenkeel.controller.drivers.containers.values import Texts
from evenkeel.reconcilers.containers import compare
from evenkeel.reconcilers.containers.lacks import weakened
from evenkeel.specs.containers.actions import Create
from evenkeel.specs.containers.container import Container
from evenkeel.specs.plan import Done, Failed, Outcome, Retry
from evenkeel.specs.reading.secrecy import HIDDEN


async def create(
    client: EngineClient,
    observer: Observer,
    action: Create,
    attached: Sequence[tuple[str, str]],
    body: Mapping[str, Any],
    owner: str,
    prints: Texts = (),
) -> Outcome:
    """Create a container by `body`. `attached`: the volumes in it, each with its place; `owner`: the name of this evenkeel;
    `prints`: those of the values that were handed out to it."""
    container = action.container
    try:
        answer = await client.make("/containers/create", Created, body, {"name": action.engine_name})
    except EngineAnswer as conflict:
        if not is_name_taken(conflict):
            raise
        holder = await observer.inspect(action.engine_name)
        if (
            holder is not None
            and set(attached) <= set(holder.seen.volumes)
            and holder.seen.container == as_kept(container)
            and is_owner(holder.seen.owner, owner)
            and holder.seen.prints == prints
        ):
            return Done("was there", holder.seen.id)
        return Retry(conflict.message)
    differs = await _difference_made(observer, container, attached, answer["Id"])
    if differs:  # once more: a verdict wants more than one answer
        differs = await _difference_made(observer, container, attached, answer["Id"])
    if differs is None:
        return Retry("it disappeared while it was created")
    if differs:
        return Failed(f"the engine made something else of it: {differs}")
    warnings = list(answer.get("Warnings") or [])
    warnings.extend(weakened(container, (await observer.kind()).lacks))
    return Done("; ".join(["created", *warnings]), answer["Id"])


def is_name_taken(answer: EngineAnswer) -> bool:
    """Whether a creation failed because another container has the name; Podman says so with status 500."""
    return answer.status == 409 or answer.message.endswith("that name is already in use")


async def _difference_made(
    observer: Observer, container: Container, attached: Sequence[tuple[str, str]], instance: str
) -> str | None:
    """The difference between a container that was just created and the container that was asked for, "" without one;
    `None` when the created container is gone."""
    made = await observer.inspect(instance)
    if made is None or made.seen.container is None:
        return None
    if missing := set(attached) - set(made.seen.volumes):
        return ", ".join(f"the volume {volume} is not at {place}" for place, volume in sorted(missing))
    return "" if made.seen.container == as_kept(container) else difference_text(container, made.seen.container)


def difference_text(wanted: Container, made: Container) -> str:
    """The fields in which the engine's container differs from the wanted one, in words, without values that may be secret."""

    def words(field: compare.Field) -> str:
        if HIDDEN in (field.old, field.new):
            return f"{field.path} is another"
        return f"{field.path} is {field.new or 'not there'} instead of {field.old or 'none'}"

    return ", ".join(map(words, compare.fields(wanted, made)))
