"""Docker as a driver of the containers domain.

The looking is `observer`; here is the doing, and the judgement of failures: final (`Failed`) or worth another try (`Retry`).
What has to be said to the engine is `render`.

Every action may be performed twice. A name conflict on creation is success when the holder is what was to be created;
stopping what is stopped, or removing what is gone, is done. What was created or updated is read again: an engine that made
something else of it would be asked for the same for ever.
"""

from __future__ import annotations

import asyncio
import math
import socket
from collections.abc import AsyncIterator
from contextlib import aclosing

from evenkeel.controller.drivers.docker import parse, pull
from evenkeel.controller.drivers.docker.client import CALL_TIMEOUT_S, EngineAnswer, EngineClient
from evenkeel.controller.drivers.docker.events import events
from evenkeel.controller.drivers.docker.networks import Networks, attachment
from evenkeel.controller.drivers.docker.observer import Observer
from evenkeel.controller.drivers.docker.registries import Registries
from evenkeel.controller.drivers.docker.render import NAME_LABEL, create_body, endpoint_body, update_body
from evenkeel.controller.verify import watch_until_proven
from evenkeel.reconcilers.containers import compare
from evenkeel.reconcilers.ports import Progress
from evenkeel.specs.codec import changed
from evenkeel.specs.container import Container
from evenkeel.specs.errors import Refused, TimedOut, Unavailable
from evenkeel.specs.image import parse_image
from evenkeel.specs.observed import ContainersSeen, Look
from evenkeel.specs.plan import (
    Action,
    Connect,
    Create,
    Done,
    End,
    Failed,
    Outcome,
    Pull,
    Remove,
    Rename,
    Retry,
    Start,
    Update,
    Verify,
)

_AT_ONCE = 8
_PULL_SILENCE_S = 120.0
"""A registry that hangs makes the engine silent without limit; then the pull is begun again later."""
_PASSING = (
    "context deadline",
    "context canceled",
    "connection re",
    "timeout",
    "transport is closing",
    "shutting down",
    "device or resource busy",
)
"""Texts of engine failures that say nothing about the container."""


class DockerEngine:
    """A `Driver` that speaks the Docker Engine API at `address` (`unix:///…`)."""

    def __init__(self, address: str, network: str = "evenkeel", docker_config: str = "", owner: str = "") -> None:
        """`network`: the user-defined network that stands for mode bridge. `docker_config`: registry credentials. `owner`:
        the name of this evenkeel among those that share the engine; it leaves the containers of the others alone."""
        self._client = EngineClient(address, limit=_AT_ONCE)
        self._network, self._owner = network, owner
        self._networks, self._nudged = Networks(self._client, network), asyncio.Event()
        self._registries = Registries(self._client, docker_config)
        self._observer = Observer(self._client, self._registries, self._networks, owner, self._nudged.set)

    async def observe(self, look: Look = Look()) -> ContainersSeen:
        return await self._observer.observe(look)

    async def perform(self, action: Action, progress: Progress) -> Outcome:
        try:
            return await self._perform(action, progress)
        except EngineAnswer as answer:
            if _is_passing(answer):
                return Retry(answer.message)
            return Failed(answer.message)
        except (Unavailable, TimedOut) as error:
            return Retry(error.message)
        except Refused as error:
            return Failed(error.message)

    async def nudges(self) -> AsyncIterator[None]:
        """One for every event about a container, one whenever the engine was lost and is back, and one when a failed probe
        should be looked into."""
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
            async with aclosing(events(self._client)) as heard:
                async for _ in heard:
                    self._nudged.set()
        finally:
            self._nudged.set()

    async def close(self) -> None:
        await self._observer.close()
        await self._client.close()

    # ── actions ────────────────────────────────────────────────────────────────────────────────────────────────

    async def _perform(self, action: Action, progress: Progress) -> Outcome:
        match action:
            case Pull():
                return await self._pull(action, progress)
            case Create():
                return await self._create(action)
            case Connect(instance=instance, container=container):
                return await self._connect(instance, container)
            case Start(instance=instance):
                return await self._start(instance)
            case Verify():
                return await watch_until_proven(self._observer.at_this_moment, action, progress)
            case End(instance=instance, stop=stop):
                timeout_s = math.ceil(stop.timeout.total_seconds())
                await self._client.post(
                    f"/containers/{instance}/stop", {"t": str(timeout_s)}, timeout_s=timeout_s + CALL_TIMEOUT_S
                )
                return Done("stopped")
            case Rename(instance=instance, engine_name=engine_name):
                return await self._rename(instance, engine_name)
            case Update():
                return await self._update(action)
            case Remove(instance=instance):
                return await self._remove(instance)

    async def _pull(self, action: Pull, progress: Progress) -> Outcome:
        ref = parse_image(action.image)
        query = {"fromImage": f"{ref.registry}/{ref.repository}", "tag": ref.digest or ref.tag}
        headers = await self._registries.auth(ref.registry)
        layers, error = pull.Layers(), ""
        try:
            async with self._client.stream(
                "POST", "/images/create", query, headers, silence_s=_PULL_SILENCE_S
            ) as lines:
                async for line in lines:
                    error = error or str(line.get("error") or "")
                    layers = pull.advance(layers, line)
                    progress("pulling", layers.done, layers.total)
        except EngineAnswer as answer:
            error = answer.message
        if error:
            text = f"{action.image} cannot be pulled: {error}"
            return Failed(text) if pull.failure(error) == "refused" else Retry(text)
        self._registries.forget(action.image)
        found = await self._client.get(f"/images/{action.image}/json")
        if not any(name.endswith(f"@{action.digest}") for name in found.get("RepoDigests") or ()) and action.digest:
            return Retry(
                f"{action.image} was pulled, but not the content that its registry names, {action.digest[:19]}…"
            )
        return Done(f"pulled {action.image}")

    async def _create(self, action: Create) -> Outcome:
        container = action.container
        if container.network == "bridge":
            await self._networks.ensure()
        body = create_body(container, self._network, _address_of, self._owner)
        try:
            _, answer = await self._client.call("POST", "/containers/create", {"name": action.engine_name}, body)
        except EngineAnswer as conflict:
            if conflict.status != 409:
                raise
            holder = await self._observer.inspect(action.engine_name)
            if holder is not None and holder.seen.container == container and holder.seen.owner in ("", self._owner):
                return Done("was there", holder.seen.id)
            return Retry(conflict.message)
        made = await self._observer.inspect(answer["Id"])
        if made is None or made.seen.container is None:
            return Retry("it disappeared while it was created")
        if made.seen.container != container:
            return Failed(f"the engine made something else of it: {_what_differs(container, made.seen.container)}")
        warnings = answer.get("Warnings") or []
        if container.log.path:
            warnings.append("the engine keeps logs in its own folder; log.path has no effect")
        return Done("; ".join(["created", *warnings]), answer["Id"])

    async def _update(self, action: Update) -> Outcome:
        """A reservation is lifted only where there is one: cgroup v2 takes -1 for "all there is"."""
        before = await self._observer.inspect(action.instance)
        if before is None or before.seen.container is None:
            return Retry("it is not there any more")
        body = update_body(action.restart, action.resources)
        if body["MemoryReservation"] < 0 and before.seen.container.resources.memory_reservation is None:
            body["MemoryReservation"] = 0
        _, answer = await self._client.call("POST", f"/containers/{action.instance}/update", body=body)
        after = await self._observer.inspect(action.instance)
        if after is not None and after.seen.container is not None:
            wanted = changed(after.seen.container, restart=action.restart, resources=action.resources)
            if compare.in_place_differs(wanted, after.seen.container):
                return Failed(f"the engine made something else of it: {_what_differs(wanted, after.seen.container)}")
        return Done("; ".join(["updated in place", *((answer or {}).get("Warnings") or [])]))

    async def _connect(self, instance: str, container: Container) -> Outcome:
        found = await self._client.get(f"/containers/{instance}/json")
        await self._networks.join(found["Id"], attachment(found), endpoint_body(container, _address_of))
        return Done("connected to its network")

    async def _start(self, instance: str) -> Outcome:
        """One that was disconnected from its network would start without a word, and without a network; one whose network is
        gone, or has a double, does not start (measured, 20.10). Both are put back on it first."""
        found = await self._observer.inspect(instance)
        if found is None or found.seen.container is None:
            return Retry("it is not there any more")
        if found.seen.cut_off:
            await self._connect(instance, found.seen.container)
        for attempt in (1, 2):
            try:
                await self._client.post(f"/containers/{instance}/start")
                return Done("started")
            except EngineAnswer as answer:
                if answer.status == 409 and "paused" in answer.message:
                    await self._client.post(f"/containers/{instance}/unpause")
                    return Done("resumed")
                if attempt == 1 and _is_about_its_network(answer):
                    await self._connect(instance, found.seen.container)
                    continue
                if answer.status == 400:
                    return Failed(answer.message)
                raise
        return Retry("its network could not be made")

    async def _rename(self, instance: str, engine_name: str) -> Outcome:
        """One that waits to be restarted has no network, and the engine fails to tell that network of the new name, which
        leaves it without one (measured, 20.10). So its wait is ended for as long as it takes."""
        found = await self._client.get(f"/containers/{instance}/json")
        if found["Name"] == f"/{engine_name}":
            return Done(f"named {engine_name}")
        id_, waits = found["Id"], found["State"].get("Status") == "restarting"
        if waits:
            await self._client.post(f"/containers/{id_}/stop")
        try:
            await self._client.post(f"/containers/{id_}/rename", {"name": engine_name})
        except EngineAnswer as answer:
            if answer.status == 409:
                return Retry(answer.message)
            raise
        finally:
            if waits:
                await self._client.post(f"/containers/{id_}/start")
        return Done(f"named {engine_name}")

    async def _remove(self, instance: str) -> Outcome:
        """With the volumes that the engine made for it and nobody named, which nobody could find again; those of a container
        that was adopted stay, because they are older than evenkeel's word for it."""
        try:
            found = await self._client.get(f"/containers/{instance}/json")
            volumes = "1" if NAME_LABEL in (found["Config"].get("Labels") or {}) else "0"
            query = {"force": "1", "v": volumes}
            await self._client.call("DELETE", f"/containers/{instance}", query)
        except EngineAnswer as answer:
            if answer.status != 404:
                raise
        return Done("removed")


def _is_passing(answer: EngineAnswer) -> bool:
    """Whether a refusal says nothing about what was asked for: look again, and try again."""
    lower = answer.message.lower()
    if answer.status >= 500:
        return any(text in lower for text in _PASSING) or parse.cannot_be_started(lower)  # it will be seen to be dead
    return answer.status == 404 or (answer.status == 409 and "remov" in lower)


def _is_about_its_network(answer: EngineAnswer) -> bool:
    """Whether a start failed because its network is gone, or because there are two of its name (measured, 20.10)."""
    lower = answer.message.lower()
    return lower.startswith("network ") and ("not found" in lower or "is ambiguous" in lower)


def _what_differs(wanted: Container, made: Container) -> str:
    found = compare.fields(wanted, made)
    return ", ".join(f"{field.path} is {field.new or 'not there'} instead of {field.old or 'none'}" for field in found)


def _address_of(interface: str) -> str:
    """The first IPv4 address of an interface of the host (Kanto's `host_ip_<interface>`)."""
    import fcntl
    import struct

    request = struct.pack("256s", interface.encode()[:15])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        try:
            answer = fcntl.ioctl(asking.fileno(), 0x8915, request)  # SIOCGIFADDR
        except OSError:
            raise Refused(
                f"interface:{interface}", f"the host has no interface {interface} with an IPv4 address"
            ) from None
    return socket.inet_ntoa(answer[20:24])
