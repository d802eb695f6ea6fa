"""Docker as a driver of the containers domain.

It performs actions and judges failures: final (`Failed`) or worth another try (`Retry`). `observer` looks, `render` writes the
requests; `fetch` and `creation` are the two long actions.

Every action may be performed twice: stopping a stopped container, or removing one that is gone, is done. A container that was
created or updated is read again, because an engine that made something else of it would be asked for the same for ever.
"""

from __future__ import annotations

import asyncio
import math
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing

from evenkeel.controller.distribution.access import NO_ACCESS, PullAccess
from evenkeel.controller.drivers.containers.docker import holding, volumes
from evenkeel.controller.drivers.containers.docker.answers import Updated
from evenkeel.controller.drivers.containers.docker.client import CALL_TIMEOUT_S, EngineAnswer, EngineClient
from evenkeel.controller.drivers.containers.docker.creation import create, difference_text
from evenkeel.controller.drivers.containers.docker.events import ends_of, events
from evenkeel.controller.drivers.containers.docker.fetch import fetch
from evenkeel.controller.drivers.containers.docker.interfaces import address_of
from evenkeel.controller.drivers.containers.docker.logs import last_output
from evenkeel.controller.drivers.containers.docker.networks import Networks, attachment
from evenkeel.controller.drivers.containers.docker.observer import LOOK_TIMEOUT_S, Observer
from evenkeel.controller.drivers.containers.docker.places import has_our_volumes
from evenkeel.controller.drivers.containers.docker.refusals import (
    is_about_its_network,
    is_about_its_state,
    outcome,
    without_values,
)
from evenkeel.controller.drivers.containers.docker.registries import AskRegistries, Registries
from evenkeel.controller.drivers.containers.docker.render import create_body, endpoint_body, update_body
from evenkeel.controller.drivers.containers.values import NOTHING, Filled, HandedOut
from evenkeel.controller.drivers.containers.verify import watch_until_proven
from evenkeel.controller.settings.provided import Provided
from evenkeel.reconcilers.containers import compare, lacks
from evenkeel.reconcilers.containers.naming import volume_name
from evenkeel.reconcilers.ports import Progress
from evenkeel.specs.codec import changed
from evenkeel.specs.containers.actions import Connect, Create, End, Pull, Remove, Rename, Start, Update, Verify
from evenkeel.specs.containers.container import Container, Health
from evenkeel.specs.containers.observed import ContainerSeen, ContainersSeen, at_containers
from evenkeel.specs.containers.redaction import without_variables
from evenkeel.specs.errors import Refused, TimedOut, Unavailable
from evenkeel.specs.look import Look
from evenkeel.specs.output import Output
from evenkeel.specs.plan import Action, Done, Failed, Outcome, Retry

_AT_ONCE = 8
_GONE = "it is not there any more"
_UNMADE = "its network could not be made"
_DOUBLED = (
    "there are several networks {}, and containers that are not evenkeel's are on more than one of them. Take them from all but"
    " one (docker network disconnect -f), and it is mended by itself"
)
_REMOVAL_LOOKS, _REMOVAL_LOOK_S = 20, 0.5
"""For how long a removal that is under way already is waited for."""
_NETWORK_KNOWN_S = 1.0
"""For how long the network need not be asked for again before a creation. It may go meanwhile, as it may after any answer;
then the start finds out, and puts the container on another one. Podman refuses the creation."""
_NO_NETWORK = "unable to find network with name"


class DockerEngine:
    """A `Driver` that speaks the Docker Engine API at `address` (`unix:///…`)."""

    def __init__(
        self,
        address: str,
        network: str = "evenkeel",
        access: PullAccess = NO_ACCESS,
        owner: str = "",
        call_timeout_s: float = CALL_TIMEOUT_S,
        look_timeout_s: float = LOOK_TIMEOUT_S,
        advice: str = "",
        ask_registries: AskRegistries | None = None,
        provided: Provided | None = None,
    ) -> None:
        """`network`: the user-defined network that stands for mode bridge. `access`: how registries let it in. `owner`: the
        name of this evenkeel among those that share the engine; it leaves the containers of the others alone.
        `call_timeout_s`: the time limit of an answer; `look_timeout_s`: that of all answers of one look. `advice`: the remedy
        when nobody listens at `address`. `ask_registries` asks registries without the engine, for one that asks none for
        others, as Podman. `provided`: the values that identities hand out to containers."""
        self._client = EngineClient(address, limit=_AT_ONCE, timeout_s=call_timeout_s, advice=advice)
        self._network, self._owner = network, owner
        self._networks, self._nudged = Networks(self._client, network), asyncio.Event()
        self._handed = HandedOut(provided)
        self._registries = Registries(self._client, access, self._nudged.set, ask_registries)
        self._observer = Observer(
            self._client, self._registries, self._networks, owner, self._nudged.set, look_timeout_s
        )

    async def observe(self, look: Look = Look()) -> ContainersSeen:
        asked = at_containers(look)
        return changed(await self._observer.observe(asked), prints=self._handed.prints(asked.provisionings))

    async def perform(self, action: Action, progress: Progress) -> Outcome:
        try:
            return await self._perform(action, progress)
        except EngineAnswer as answer:
            container = action.container if isinstance(action, Create | Connect | Verify) else None
            return _told(answer, container, self._handed.of(container) if container is not None else NOTHING)
        except Unavailable as error:
            return Retry(error.message, outside=True)
        except TimedOut as error:
            return Retry(error.message)
        except Refused as error:
            return Failed(error.message)

    async def output(self, instance: str) -> Output:
        found = await self._observer.read(instance)
        return await last_output(self._client, found) if found is not None else Output(unread=_GONE)

    async def nudges(self) -> AsyncIterator[None]:
        """One for every event about a container or its network, one whenever the engine was lost and is back, and one when a
        failed probe should be looked into."""
        following = asyncio.ensure_future(self._follow())
        try:
            while True:
                await self._nudged.wait()
                self._nudged.clear()
                if following.done():
                    following.result()
                yield
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)

    async def _follow(self) -> None:
        try:
            async with aclosing(events(self._client, self._observer.hear)) as heard:
                async for _ in heard:
                    self._nudged.set()
        finally:
            self._nudged.set()

    async def close(self) -> None:
        await self._observer.close()
        await self._registries.close()
        await self._client.close()

    # ── actions ────────────────────────────────────────────────────────────────────────────────────────────────

    async def _perform(self, action: Action, progress: Progress) -> Outcome:
        match action:
            case Pull():
                return await fetch(self._client, self._registries, action, progress)
            case Create():
                return await self._create(action)
            case Connect(instance=instance, container=container):
                return await self._connect(instance, container)
            case Start(instance=instance):
                return await self._start(instance)
            case Verify():
                return await self._verify(action, progress)
            case End():
                return await self._end(action)
            case Rename(instance=instance, engine_name=engine_name):
                return await self._rename(instance, engine_name)
            case Update():
                return await self._update(action)
            case Remove(instance=instance, volumes=names):
                return await self._remove(instance, names)
            case _:
                raise TypeError(f"not an action of containers: {action.traits.text}")

    async def _create(self, action: Create) -> Outcome:
        container, kind = action.container, await self._observer.kind()
        if reasons := lacks.refused(container, kind.lacks):
            raise Refused(f"container:{container.name}", "; ".join(reasons))
        if container.network == "bridge":
            await self._networks.ensure(within_s=_NETWORK_KNOWN_S)
        attached = await volumes.volumes_for(self._client, container, action.volumes, self._owner)
        filled = self._handed.of(container)
        if isinstance(filled, Retry):
            return filled
        word = secrets.token_hex(8)
        body = kind.asked(create_body(container, self._network, address_of, self._owner, attached, word, filled))
        for attempt in (1, 2):
            try:
                told = await create(self._client, self._observer, action, attached, body, self._owner, filled.prints)
                return changed(told, message=without_variables(told.message, filled.env))
            except EngineAnswer as answer:
                if attempt == 2 or container.network != "bridge" or _NO_NETWORK not in answer.message:
                    return _told(answer, container, filled)
                await self._networks.ensure()
        return Retry(_UNMADE, outside=True)

    async def _update(self, action: Update) -> Outcome:
        """A reservation is lifted only where there is one: cgroup v2 takes -1 for "all there is"."""
        before = await self._observer.inspect(action.instance)
        if before is None or before.seen.container is None:
            return Retry(_GONE)
        body = update_body(action.restart, action.resources)
        if body["MemoryReservation"] < 0 and before.seen.container.resources.memory_reservation is None:
            body["MemoryReservation"] = 0
        answer = await self._client.make(f"/containers/{action.instance}/update", Updated, body)
        after = await self._observer.inspect(action.instance)
        if after is not None and after.seen.container is not None:
            wanted = changed(after.seen.container, restart=action.restart, resources=action.resources)
            if compare.in_place_differs(wanted, after.seen.container):
                return Retry(f"the engine did not do it: {difference_text(wanted, after.seen.container)}")
        return Done("; ".join(["updated in place", *(answer.get("Warnings") or [])]))

    async def _connect(self, instance: str, container: Container) -> Outcome:
        found = await self._observer.read(instance)
        if found is None:
            return Retry(_GONE)
        await self._networks.join(found["Id"], attachment(found), endpoint_body(container, address_of))
        return Done("connected to its network")

    async def _verify(self, action: Verify, progress: Progress) -> Outcome:
        """The engine says whether a container was killed, because an engine that is about to end kills its containers
        first and goes on answering. Volumes that others have made are remembered before, so that an adopted container's
        data are found again."""
        name, life = action.container.name, lambda: self._client.meetings
        async with ends_of(self._client, action.instance, self._observer.ends.hear) as ends:
            looks = [await self._observer.at_this_moment(action.instance, action.container.health)]
            found = looks[0].volumes if looks[0] is not None else ()
            others = [each for each in found if each[1] != volume_name(name, each[0])]
            if action.container.image_volumes != "discard":
                await volumes.remember(self._client, name, others, self._owner)

            async def look(instance: str, check: Health | None) -> ContainerSeen | None:
                return looks.pop() if looks else await self._observer.at_this_moment(instance, check)

            async def was_killed() -> bool:
                found = await self._observer.read(action.instance)
                has_ended = found is not None and found["State"].get("Status") == "exited"
                return has_ended and await ends.was_killed(self._client.timeout_s)

            return await watch_until_proven(look, action, progress, life, was_killed)

    async def _start(self, instance: str) -> Outcome:
        """A disconnected container would start without an error, and without a network. A container whose network is
        gone, or has a double, does not start (measured, 20.10). Both are put back on their network first."""
        found = await self._observer.inspect(instance)
        if found is None or found.seen.container is None:
            return Retry(_GONE)
        if found.seen.cut_off:
            await self._connect(instance, found.seen.container)
        for attempt in (1, 2):
            try:
                await self._client.post(f"/containers/{instance}/start")
                return Done("started")
            except EngineAnswer as answer:
                if found.seen.state == "paused" and is_about_its_state(answer.status, answer.message):
                    await self._client.post(f"/containers/{instance}/unpause")
                    return Done("resumed")
                if attempt == 1 and is_about_its_network(answer.message):
                    await self._connect(instance, found.seen.container)
                    continue
                if is_about_its_network(answer.message) and "is ambiguous" in answer.message:
                    return Retry(f"{answer.message}; {_DOUBLED.format(self._network)}", outside=True)
                brought = [mount.destination for mount in found.seen.container.mounts]
                told = outcome(answer.message, brought)
                return changed(told, message=without_values(told.message, found.seen.container, found.env))
        return Retry(_UNMADE, outside=True)

    async def _end(self, action: End) -> Outcome:
        timeout_s = math.ceil(action.stop.timeout.total_seconds())
        wait_s = timeout_s + self._client.timeout_s
        path, query = f"/containers/{action.instance}/stop", {"t": str(timeout_s)}
        if not action.held_as:
            try:
                is_told = await self._client.post(path, query, timeout_s=wait_s)
            except EngineAnswer as answer:
                if "paused" not in answer.message:
                    raise
                await self._client.post(f"/containers/{action.instance}/unpause")  # Podman stops none that is paused
                is_told = await self._client.post(path, query, timeout_s=wait_s)
            if not is_told and await self._runs(action.instance):  # its successor would run beside it
                return Retry("the engine says that it is stopped, and it runs")
            return Done("stopped")
        found = await self._observer.read(action.instance)
        if found is None:
            return Retry(_GONE)
        await holding.hold(self._client, found, action.held_as, self._owner, secrets.token_hex(8))
        async with holding.until_removed(self._client, found):
            await self._client.post(path, query, timeout_s=wait_s)
        return Done("stopped, and removed by the engine")

    async def _runs(self, instance: str) -> bool:
        found = await self._observer.read(instance)
        return found is not None and found["State"].get("Status") in ("running", "paused")

    async def _rename(self, instance: str, engine_name: str) -> Outcome:
        """A container that waits to be restarted has no network, and the engine fails to tell that network of the new
        name, which leaves the container without one (measured, 20.10). So its wait is ended while it is renamed."""
        found = await self._observer.read(instance)
        if found is None:
            return Retry(_GONE)
        if found["Name"] == f"/{engine_name}":
            return Done(f"named {engine_name}")
        id_, waits = found["Id"], found["State"].get("Status") == "restarting"
        if waits:
            self._observer.keep_restarts(found)
            await self._client.post(f"/containers/{id_}/stop")
        try:
            await self._client.post(f"/containers/{id_}/rename", {"name": engine_name})
        finally:
            if waits:
                await self._client.post(f"/containers/{id_}/start")
        return Done(f"named {engine_name}")

    async def _remove(self, instance: str, names: Sequence[str]) -> Outcome:
        """With a container of evenkeel's the engine removes the volumes without a name that no other container has.
        With an adopted container that may be more than was asked for, so it removes none. Named volumes are removed
        after the container."""
        found = await self._observer.read(instance)
        if found is None:
            return _removed(names, await volumes.removed(self._client, names))
        query = {"force": "1", "v": "1" if names and has_our_volumes(found) else "0"}
        why = ""
        for _ in range(_REMOVAL_LOOKS):
            try:
                async with holding.until_removed(self._client, found):
                    await self._client.delete(f"/containers/{found['Id']}", query)
                break
            except EngineAnswer as answer:
                if answer.status == 404:
                    break
                if answer.status != 409 or "already in progress" not in answer.message:
                    raise
                why = answer.message
            await asyncio.sleep(_REMOVAL_LOOK_S)
        else:
            return Retry(why)
        return _removed(names, await volumes.removed(self._client, names))


def _removed(names: Sequence[str], left: Sequence[str]) -> Done:
    what = "removed, and its volumes with it" if names else "removed"
    return Done(f"{what}, but for {', '.join(left)}: another container has it" if left else what)


def _told(answer: EngineAnswer, container: Container | None, filled: Filled | Retry) -> Outcome:
    told, env = outcome(answer.message), filled.env if isinstance(filled, Filled) else ()
    return changed(told, message=without_values(told.message, container, env))
