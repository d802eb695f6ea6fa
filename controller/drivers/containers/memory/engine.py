"""A container engine in memory: the embedded default, and the kit that others test with.

It is no mock: it keeps a world of images and containers, and refuses what an engine refuses (`simulation`). Latency, pull speed
and failures can be scripted, and other people's hands can be played (`kill`, `remove`, `put_foreign`), which is how drift
comes about.

Time is the event loop's, so that a test on a virtual loop waits for nothing. With `store` the world outlives the process,
as an engine outlives its controller; without it, it ends with the process.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path

from evenkeel.controller.drivers.containers.memory import vanishing, volumes
from evenkeel.controller.drivers.containers.memory.saying import output_of
from evenkeel.controller.drivers.containers.memory.simulation import IN_PLACE, Simulation
from evenkeel.controller.drivers.containers.memory.view import observation
from evenkeel.controller.drivers.containers.memory.world import (
    DISCONNECTED,
    Image,
    Script,
    World,
    WorldContainer,
    foreign_id,
    image_id,
    repo_digest,
    stored_world,
    uptime,
)
from evenkeel.controller.drivers.containers.values import HandedOut
from evenkeel.controller.drivers.containers.verify import watch_until_proven
from evenkeel.controller.process.atomic import write_atomically
from evenkeel.controller.process.clock import Now, system_now
from evenkeel.controller.settings.provided import Provided
from evenkeel.reconcilers.containers.foresight import Host, Listener
from evenkeel.reconcilers.containers.naming import engine_name as plain_name
from evenkeel.reconcilers.ports import Progress
from evenkeel.specs.codec import changed, encode
from evenkeel.specs.containers.actions import Connect, Create, End, Pull, Remove, Rename, Start, Update, Verify
from evenkeel.specs.containers.container import Container, Health, host_ports
from evenkeel.specs.containers.observed import (
    AWAKE,
    ContainerSeen,
    ContainersLook,
    ContainersSeen,
    RemoteImage,
    State,
    at_containers,
)
from evenkeel.specs.errors import Refused, TimedOut, Unavailable
from evenkeel.specs.look import Look
from evenkeel.specs.output import Output
from evenkeel.specs.plan import Action, Done, Failed, Outcome, Retry


class MemoryEngine:
    """A `Driver` of the containers domain; the public methods beyond the port are other people's hands."""

    def __init__(
        self,
        catalogue: dict[str, Image] | None = None,
        script: Script | None = None,
        store: Path | None = None,
        now: Now = system_now,
        provided: Provided | None = None,
    ) -> None:
        """`provided`: the values that identities hand out to containers."""
        self.catalogue, self.script = catalogue or {}, script or Script()
        self._store, self._now, self._handed = store, now, HandedOut(provided)
        self._changed = asyncio.Event()
        self.world, self._lives = World(), 1
        if store is not None and store.exists():
            self.world = stored_world(store)

    @property
    def simulation(self) -> Simulation:
        """The world as it is now, and what can be done to it."""
        return Simulation(self.world, self.catalogue, self.script, self._now, self._touched)

    # ── the port ───────────────────────────────────────────────────────────────────────────────────────────────

    async def observe(self, look: Look = Look()) -> ContainersSeen:
        look = at_containers(look)
        await asyncio.sleep(self.script.observe_s)
        if self.script.unreachable:
            raise Unavailable("engine:memory", "is scripted to be unreachable")
        simulation = self.simulation
        offered = {ref: simulation.offered(ref) for ref in (() if look.here_only else look.images)}
        present = sorted(simulation.present(), key=lambda kept: kept.id)
        found = [observation(simulation, kept, look) for kept in present]
        return ContainersSeen(
            engine="memory (simulated)",
            in_place=IN_PLACE,
            containers=tuple(each for each in found if each.container is None or look.subject in ("", each.name)),
            images={ref: image_id(ref, version) for ref, version in self.world.images.items()},
            digests={repo_digest(ref, version): image_id(ref, version) for ref, version in self.world.images.items()},
            remote={ref: _remote(ref, image) for ref, image in offered.items() if image.pull == "ok"},
            unasked={ref: image.pull for ref, image in offered.items() if image.pull != "ok"},
            only=look.subject,
            prints=self._handed.prints(look.provisionings),
        )

    async def perform(self, action: Action, progress: Progress) -> Outcome:
        try:
            await asyncio.sleep(self.script.perform_s)
            if self.script.unreachable:
                return Retry("is scripted to be unreachable", outside=True)
            for failure in self.script.failures:
                scripted = failure(action)
                if scripted is not None:
                    return scripted
            return await self._perform(action, progress)
        except (Unavailable, TimedOut) as error:
            return Retry(error.message)
        except Refused as error:
            return Failed(error.message)

    async def output(self, instance: str) -> Output:
        if self.script.unreachable:
            raise Unavailable("engine:memory", "is scripted to be unreachable")
        kept = self.simulation.named(instance)
        return output_of(kept, self.simulation.behaviour(kept)) if kept else Output(unread="it is not there any more")

    async def nudges(self) -> AsyncIterator[None]:
        while True:
            await self._changed.wait()
            self._changed.clear()
            yield

    async def close(self) -> None:
        self._save()

    async def _perform(self, action: Action, progress: Progress) -> Outcome:
        match action:
            case Pull():
                return await self._pull(action, progress)
            case Create():
                filled = self._handed.of(action.container)
                return filled if isinstance(filled, Retry) else self.simulation.create(action, filled)
            case Verify():
                return await self._verify(action, progress)
            case Connect():
                kept = self.simulation.find(action.instance)
                self.simulation.put(self.simulation.connected(kept))
                return Done("connected to its network")
            case Start():
                return self.simulation.start(action.instance)
            case End():
                return await self._stop(action)
            case Rename():
                return self.simulation.rename(action)
            case Update():
                return self.simulation.update(action)
            case Remove():
                return self.simulation.remove(action)
            case _:
                raise TypeError(f"not an action of containers: {action.traits.text}")

    async def _pull(self, action: Pull, progress: Progress) -> Outcome:
        image = self.simulation.offered(action.image)
        if image.pull == "unreachable":
            raise Unavailable(f"image:{action.image}", "the registry cannot be reached")
        if image.pull == "missing":
            raise Refused(f"image:{action.image}", f"manifest for {action.image} not found")
        takes_s = image.size / self.script.pull_rate
        steps = max(10, math.ceil(takes_s))  # an engine tells about every second of it
        for step in range(steps + 1):
            progress("pulling", image.size * step // steps, image.size)
            if step < steps:
                await asyncio.sleep(takes_s / steps)
        if action.digest and not repo_digest(action.image, image.version).endswith(f"@{action.digest}"):
            return Retry(
                f"{action.image} was pulled, but not the content that its registry names, {action.digest[:19]}…"
            )
        self.world.images[action.image] = image.version
        self.world.pulled[image_id(action.image, image.version)] = image
        self._touched()
        return Done(f"pulled {action.image}")

    async def _stop(self, action: End) -> Outcome:
        kept = self.simulation.find(action.instance)
        exit_code = self.simulation.behaviour(kept).stops_with
        if kept.state in AWAKE and exit_code is None:
            await asyncio.sleep(action.stop.timeout.total_seconds())
            kept, exit_code = self.simulation.find(action.instance), 137
        if action.held_as:
            vanishing.hold(self.world, kept, action.held_as)
        if kept.state in AWAKE and exit_code is not None:
            self.simulation.end(replace(kept, state="exited", exit_code=exit_code, finished_at=self._now()))
        return Done("stopped")

    async def _verify(self, action: Verify, progress: Progress) -> Outcome:
        if (kept := self.simulation.named(action.instance)) is not None:
            volumes.remember(self.world.volumes, action.container, kept.volumes)

        async def was_killed() -> bool:
            return any(kept.was_killed for kept in self.simulation.present() if kept.id == action.instance)

        return await watch_until_proven(self._look_at, action, progress, lambda: self._lives, was_killed)

    async def _look_at(self, instance: str, check: Health | None) -> ContainerSeen | None:
        kept = self.simulation.named(instance)
        if kept is None:
            return None
        checks = {kept.container.name: check} if kept.container and check else {}
        return observation(self.simulation, kept, ContainersLook(checks=checks))

    def _touched(self) -> None:
        self._save()
        self._changed.set()

    def _save(self) -> None:
        if self._store is not None:
            write_atomically(self._store, encode(self.world), mode=0o600)

    # ── other people's hands ───────────────────────────────────────────────────────────────────────────────────

    def _named(self, name: str) -> WorldContainer:
        return self.simulation.find(plain_name(name))

    def kill(self, name: str, exit_code: int = 137) -> None:
        """Somebody has the engine end a container's process. A restart policy does not start it again after that."""
        self._kill(self._named(name), exit_code)

    def _kill(self, kept: WorldContainer, exit_code: int, *, with_volumes: bool = True) -> None:
        killed = replace(kept, state="exited", exit_code=exit_code, finished_at=self._now(), was_killed=True)
        self.simulation.end(killed, with_volumes=with_volumes)

    def restart(self, *, in_order: bool = False) -> None:
        """The engine is killed and comes back: its containers are killed, and only those with the policy `always` are started.
        `in_order`: it is told to end, and tells its containers to."""
        self._lives += 1
        for kept in self.simulation.present():
            if kept.state in AWAKE:
                exit_code = self.simulation.behaviour(kept).stops_with if in_order else None
                self._kill(kept, 137 if exit_code is None else exit_code, with_volumes=False)
                if kept.container is not None and kept.container.restart.policy == "always":
                    self.simulation.start(kept.id)

    def pause(self, name: str) -> None:
        """Somebody pauses a container."""
        self.simulation.put(replace(self._named(name), state="paused"))

    def remove(self, name: str) -> None:
        """Somebody removes a container by force."""
        del self.world.containers[self._named(name).id]
        self._touched()

    def rename(self, name: str, engine_name: str) -> None:
        """Somebody gives a container another name."""
        self.simulation.put(replace(self._named(name), engine_name=engine_name))

    def change(self, name: str, **fields: object) -> None:
        """Somebody changes limits or restart policy of a container."""
        kept = self._named(name)
        assert kept.container is not None
        self.simulation.put(replace(kept, container=changed(kept.container, **fields)))

    def disconnect(self, name: str) -> None:
        """Somebody takes a container from its network."""
        self.simulation.put(replace(self._named(name), network=DISCONNECTED))

    def remove_network(self) -> None:
        """Somebody removes the network of mode bridge. An engine wants running containers to be disconnected before; the others
        go on pointing to it."""
        for kept in self.simulation.present():
            if kept.state in AWAKE:
                self.world.containers[kept.id] = replace(kept, network=DISCONNECTED)
        self.world.network = 0
        self._touched()

    def put_foreign(
        self,
        container: Container,
        state: State = "running",
        unspoken: tuple[str, ...] = (),
        *,
        vanishes: bool = False,
    ) -> None:
        """Somebody else runs a container. `unspoken`: its settings that no spec can say. `vanishes`: as with `--rm`."""
        id_ = foreign_id(container.name)
        kept = WorldContainer(
            id_, plain_name(container.name), image_id(container.image, 1), container, state, container.image
        )
        self.world.images.setdefault(container.image, 1)
        places = volumes.without_names(self.world.volumes, self.simulation.behaviour(kept).volumes, id_)
        up = replace(kept, created_at=self._now(), started_at=self._now(), up_at=uptime())
        self.simulation.put(replace(up, unspoken=unspoken, volumes=places, vanishes=vanishes))

    def volume_at(self, name: str, place: str) -> volumes.Volume:
        """The volume that a container has at a place, to be written to and read."""
        return self.world.volumes[dict(self._named(name).volumes)[place]]

    def host(self, paths: Sequence[str]) -> Host:
        """The simulated host. Its paths are all there but the scripted `absent` ones; its ports are those of containers."""
        listeners = tuple(
            Listener(port.protocol, port.host_ip, number, kept.engine_name)
            for kept in self.simulation.present()
            if kept.state in AWAKE and kept.container is not None
            for port in kept.container.ports
            for number in host_ports(port)
        )
        return Host(tuple(path for path in paths if path in self.script.absent), listeners)

    def running(self) -> dict[str, str]:
        """Engine names of the containers that run → their images."""
        up = (kept for kept in self.simulation.present() if kept.state in ("running", "restarting"))
        return {kept.engine_name: kept.image for kept in up}


def _remote(ref: str, image: Image) -> RemoteImage:
    return RemoteImage(repo_digest(ref, image.version).partition("@")[2], image.size)
