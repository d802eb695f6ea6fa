"""Pulling an image: the engine is asked, its stream followed, and the content compared with the digest that was wanted.

The engine sets itself no limit, so the silence of its stream is limited here. After a broken connection the engine goes on
where it was, within the same pull. A pull that is begun again begins anew, because Docker removes the layers of one that was
given up, also complete ones (measured, 20.10); so nothing is given up that still moves.
"""

from __future__ import annotations

import asyncio

from evenkeel.controller.drivers.containers.docker import pull
from evenkeel.controller.drivers.containers.docker.answers import ImageInspected, PullLine
from evenkeel.controller.drivers.containers.docker.client import EngineAnswer, EngineClient
from evenkeel.controller.drivers.containers.docker.registries import Registries
from evenkeel.reconcilers.ports import Progress
from evenkeel.specs.codec import fits, misfit
from evenkeel.specs.containers.actions import Pull
from evenkeel.specs.containers.image import parse_image
from evenkeel.specs.plan import Done, Outcome, Retry
from evenkeel.specs.reading.quantity import rough_size_text

_PULL_SILENCE_S = 30.0
"""A registry that hangs makes the engine silent without limit; then the pull is begun again. Shorter than the time limit of a
command, so that there is a second try."""
_UNPACKING_SILENCE_S = 120.0
"""An engine that has received everything is silent while it unpacks onto a slow disk."""


async def fetch(client: EngineClient, registries: Registries, action: Pull, progress: Progress) -> Outcome:
    """Pull an image, and tell bytes done and in total as they come."""
    ref = parse_image(action.image)
    query = {"fromImage": f"{ref.registry}/{ref.repository}", "tag": ref.digest or ref.tag}
    auth = await registries.auth(f"{ref.registry}/{ref.repository}")
    layers, error = pull.Layers(), ""
    try:
        async with (
            client.stream("POST", "/images/create", query, auth.headers) as lines,
            asyncio.timeout(_PULL_SILENCE_S) as limit,
        ):
            progress("pulling", 0, 0)
            async for line in lines:
                if not fits(line, PullLine):
                    why = f"POST /images/create: the answer is none of an engine: {misfit(line, PullLine)}"
                    return Retry(why, outside=True)
                error = error or line.get("error", "")
                before, layers = layers, pull.advance(layers, line)
                if layers is not before:
                    progress("pulling", layers.done, layers.total)
                if layers is not before or pull.is_waiting(line):
                    limit.reschedule(asyncio.get_running_loop().time() + _silence_s(layers))
    except TimeoutError:
        why = f"nothing has come for {_silence_s(layers):g} s, after {layers.done} of {layers.total} bytes"
        return Retry(f"{action.image} cannot be pulled: {why}", outside=True)
    except EngineAnswer as answer:
        error = answer.message
    if error:
        return pull.outcome(action.image, error, auth.words(error))
    registries.forget(action.image)
    found = await client.get(f"/images/{action.image}/json", ImageInspected)
    if not any(name.endswith(f"@{action.digest}") for name in found.get("RepoDigests") or ()) and action.digest:
        return Retry(f"{action.image} was pulled, but not the content that its registry names, {action.digest[:19]}…")
    size = f", {rough_size_text(layers.total)}" if layers.total else ""
    return Done(f"pulled {action.image}{size}")


def _silence_s(layers: pull.Layers) -> float:
    """For how long a pull may be silent at this point."""
    return _PULL_SILENCE_S if layers.is_fetching else _UNPACKING_SILENCE_S
