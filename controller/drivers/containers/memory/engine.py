"""A container engine in memory: the embedded default, and the kit that others test with.

It is no mock. It keeps a world of images and containers and refuses what an engine refuses: creating without the image, a
name that is taken, starting what is paused, a host port that is in use, removing what is not there. Latency, pull speed and
failures can be scripted, and somebody else's hands can be played (`kill`, `remove`, `put_foreign`), which is what drift is.

Time is the event loop's, so that a test on a virtual loop waits for nothing. With `store` the world outlives the process,
as an engine outlives its controller; without it, it ends with the process.
"""

from __future__ import annotations

import asyncio
import hashlib
import math
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path

from evenkeel.controller.drivers.containers.memory import vanishing, volumes
from evenkeel.controller.drivers.containers.memory.saying import check_in_force, failed_check, is_well, said
from evenkeel.controller.drivers.containers.memory.world import (
    BY_NAME,
    DEVICE_NAME,
    DISCONNECTED,
    FOREIGN,
    Image,
    Kept,
    Script,
    World,
    after_ends,
    foreign_id,
    image_id,
    made_up_size,
    repo_digest,
    stored_world,
    taken_port,
    up_s,
    uptime,
)
from evenkeel.controller.drivers.containers.verify import watch_until_proven
from evenkeel.controller.process.atomic import write_atomically
from evenkeel.controller.process.clock import Now, system_now
from evenkeel.reconcilers.containers.compare import InPlace, can_update
from evenkeel.reconcilers.containers.foresight import Host, Listener
from evenkeel.reconcilers.containers.naming import engine_name as plain_name
from evenkeel.reconcilers.ports import Progress
from evenkeel.specs.codec import changed, encode
from evenkeel.specs.containers.actions import Connect, Create, End, Pull, Remove, Rename, Start, Update, Verify
from evenkeel.specs.containers.container import Container, ExecProbe, Health, host_ports
from evenkeel.specs.containers.observed import (
    AWAKE,
    LATELY_S,
    CheckSeen,
    ContainerSeen,
    ContainersLook,
    ContainersSeen,
    HealthSeen,
    RemoteImage,
    State,
    at_containers,
)
from evenkeel.specs.errors import Refused, TimedOut, Unavailable
from evenkeel.specs.look import Look
from evenkeel.specs.output import Output
from evenkeel.specs.plan import Action, Done, Failed, Outcome, Retry

_IN_PLACE: InPlace = "finite"
"""As Docker: what is rehearsed here must not be another plan there."""


class MemoryEngine:
    """A `Driver` of the containers domain; the public methods beyond the port are other people's hands."""

    def __init__(
        self,
        catalogue: dict[str, Image] | None = None,
        script: Script | None = None,
        store: Path | None = None,
        now: Now = system_now,
    ) -> None:
        self.catalogue, self.script = catalogue or {}, script or Script()
        self._store, self._now = store, now
        self._changed = asyncio.Event()
        self.world, self._lives = World(), 1
        if store is not None and store.exists():
            self.world = stored_world(store)

    # ── the port ───────────────────────────────────────────────────────────────────────────────────────────────

    async def observe(self, look: Look = Look()) -> ContainersSeen:
        look = at_containers(look)
        await asyncio.sleep(self.script.observe_s)
        if self.script.unreachable:
            raise Unavailable("engine:memory", "is scripted to be unreachable")
        offered = {ref: self._offered(ref) for ref in (() if look.here_only else look.images)}
        return ContainersSeen(
            engine="memory (simulated)",
            in_place=_IN_PLACE,
            containers=tuple(
                seen
                for kept in sorted(self._present(), key=lambda kept: kept.id)
                if (seen := self._seen(kept, look)).container is None or look.subject in ("", seen.name)
            ),
            images={ref: image_id(ref, version) for ref, version in self.world.images.items()},
            digests={repo_digest(ref, version): image_id(ref, version) for ref, version in self.world.images.items()},
            remote={ref: _remote(ref, image) for ref, image in offered.items() if image.pull == "ok"},
            unasked={ref: image.pull for ref, image in offered.items() if image.pull != "ok"},
            only=look.subject,
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
        found = [kept for kept in self._present() if instance in (kept.id, kept.engine_name)]
        return said(found[0], self._behaviour(found[0])) if found else Output(unread="it is not there any more")

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
                return self._create(action)
            case Verify():
                return await self._verify(action, progress)
            case Connect():
                self._put(self._connected(self._find(action.instance)))
                return Done("connected to its network")
            case Start():
                return self._start(action.instance)
            case End():
                return await self._stop(action)
            case Rename():
                kept = self._find(action.instance)
                self._check_name(action.engine_name, kept.id)
                self._put(replace(kept, engine_name=action.engine_name))
                return Done(f"named {action.engine_name}")
            case Update():
                kept = self._find(action.instance)
                assert kept.container is not None
                if kept.vanishes and action.restart.policy != "no":
                    raise Unavailable(
                        f"container:{kept.engine_name}", "no restart policy for one that is removed when it ends"
                    )
                if not can_update(action.resources, kept.container.resources, _IN_PLACE):
                    raise Unavailable(
                        f"container:{kept.engine_name}", "limits change in place from one value to another only"
                    )
                new = changed(kept.container, restart=action.restart, resources=action.resources)
                self._put(replace(kept, container=new))
                return Done("updated in place")
            case Remove():
                found = [kept for kept in self._present() if action.instance in (kept.id, kept.engine_name)]
                for kept in found:
                    del self.world.containers[kept.id]
                having = (kept.volumes for kept in self.world.containers.values())
                volumes.removed(self.world.volumes, action.volumes, having)
                self._touched()
                return Done("removed")
            case _:
                raise TypeError(f"not an action of containers: {action.traits.text}")

    async def _pull(self, action: Pull, progress: Progress) -> Outcome:
        image = self._offered(action.image)
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

    def _create(self, action: Create) -> Outcome:
        container = action.container
        if container.image not in self.world.images:
            raise Unavailable(f"container:{container.name}", f"no such image: {container.image}")
        for mount in container.mounts:
            if mount.source in self.script.absent:
                return Retry(f"bind source path does not exist: {mount.source}", outside=True)
        for kept in self._present():
            is_it = kept.engine_name == action.engine_name and kept.container == container
            if is_it and set(action.volumes) <= set(kept.volumes):
                return Done("was there", kept.id)
        self._check_name(action.engine_name)
        self.world.created += 1
        id_ = hashlib.sha256(f"{self.world.created} {action.engine_name}".encode()).hexdigest()[:12]
        content = image_id(container.image, self.world.images[container.image])
        created = Kept(id_, action.engine_name, content, container, image=container.image, created_at=self._now())
        declared = self._behaviour(created).volumes
        places = volumes.attached(self.world.volumes, container, declared, action.volumes, id_)
        self._put(replace(created, volumes=places))
        return Done("created", id_)

    def _start(self, instance: str) -> Outcome:
        kept = self._find(instance)
        if kept.state in ("running", "restarting"):
            return Done("was running", kept.id)
        if kept.state == "dead":
            raise Unavailable(f"container:{kept.engine_name}", "is dead and cannot be started")
        if error := self._behaviour(kept).start_error:
            self._put(replace(kept, error=error))
            raise Refused(f"container:{kept.engine_name}", error)
        if hindrance := self._hindrance(kept):
            self._put(replace(kept, error=hindrance))
            return Retry(hindrance, outside=True)
        kept = self._connected(kept)
        started = replace(kept, state="running", started_at=self._now(), up_at=uptime())
        self._put(replace(started, exit_code=0, error="", restart_count=0, was_killed=False))
        return Done("started", kept.id)

    def _connected(self, kept: Kept) -> Kept:
        """On the network of mode bridge, which is made if it is gone."""
        if kept.container is None or kept.container.network == "host":
            return kept
        if not self.world.network:
            self.world.networks += 1
            self.world.network = self.world.networks
        return replace(kept, network=self.world.network)

    def _cut_off(self, kept: Kept) -> str:
        if kept.container is None or kept.container.network == "host":
            return ""
        if kept.network == DISCONNECTED:
            return "it is on no network"
        return "its network is gone" if kept.network not in (BY_NAME, self.world.network) else ""

    async def _stop(self, action: End) -> Outcome:
        kept = self._find(action.instance)
        exit_code = self._behaviour(kept).stops_with
        if kept.state in AWAKE and exit_code is None:
            await asyncio.sleep(action.stop.timeout.total_seconds())
            kept, exit_code = self._find(action.instance), 137
        if action.held_as:
            vanishing.hold(self.world, kept, action.held_as)
        if kept.state in AWAKE and exit_code is not None:
            self._end(replace(kept, state="exited", exit_code=exit_code, finished_at=self._now()))
        return Done("stopped")

    async def _verify(self, action: Verify, progress: Progress) -> Outcome:
        for kept in self._present():
            if action.instance in (kept.id, kept.engine_name):
                volumes.remember(self.world.volumes, action.container, kept.volumes)

        async def was_killed() -> bool:
            return any(kept.was_killed for kept in self._present() if kept.id == action.instance)

        return await watch_until_proven(self._look_at, action, progress, lambda: self._lives, was_killed)

    def _hindrance(self, kept: Kept) -> str:
        """Why a container cannot be started now although nothing is wrong with it; "" when it can."""
        for device in kept.container.devices if kept.container else ():
            if device.host_path in self.script.absent:
                custom = f'while adding custom device "{device.host_path}"'
                return f"error gathering device information {custom}: no such file or directory"
        awake = [other for other in self._present() if other.id != kept.id and other.state in AWAKE]
        return next((taken for other in awake if (taken := taken_port(kept, other))), "")

    def _check_name(self, name: str, but: str = "") -> None:
        for kept in self._present():
            if kept.engine_name == name and kept.id != but:
                raise Unavailable(f"container:{name}", f"the name is in use by {kept.id}")

    # ── what is there ──────────────────────────────────────────────────────────────────────────────────────────

    def _present(self) -> list[Kept]:
        """All containers, after processes that end by themselves have been let end."""
        for kept in list(self.world.containers.values()):
            image = self._behaviour(kept)
            ends = image.exits_with is not None and up_s(kept) >= image.exits_after_s
            if kept.state in ("running", "restarting") and ends and image.exits_with is not None:
                policy = kept.container.restart.policy if kept.container else "no"
                again = policy in ("always", "unless-stopped") or (policy == "on-failure" and image.exits_with != 0)
                state, count = after_ends(kept, image) if again else ("exited", kept.restart_count)
                is_known = kept.finished_at and kept.restart_count == count and (again or kept.state == state)
                at, code = kept.finished_at if is_known else self._now(), 0 if state == "running" else image.exits_with
                ended = replace(kept, state=state, exit_code=code, restart_count=count, finished_at=at)
                vanishing.end(self.world, ended)
        return list(self.world.containers.values())

    def _seen(self, kept: Kept, look: ContainersLook) -> ContainerSeen:
        """Its own creations tell their subject by themselves; of another's only `adopted` does."""
        container = kept.container
        foreign = FOREIGN in kept.id and kept.id not in look.adopted
        if container is not None and kept.id in look.adopted:
            container = changed(container, name=look.adopted[kept.id])
        cut_off = "" if foreign else self._cut_off(kept)
        health: HealthSeen = "none"
        newest = None
        check = check_in_force(container, look) if container is not None else None
        if check is not None and kept.state == "running":
            deaf = cut_off and not isinstance(check.probe, ExecProbe)
            health = "healthy" if is_well(check, self._behaviour(kept)) and not deaf else "unhealthy"
            said = self._behaviour(kept).newest_check
            number = str(int(up_s(kept) // max(check.interval.total_seconds(), 0.001)))
            newest = CheckSeen("" if said == "none yet" else number, health == "healthy" and said == "passed")
            newest = failed_check(newest, check, self._behaviour(kept))
            health = "starting" if said == "none yet" else health
        return ContainerSeen(
            id=kept.id,
            name=container.name if container is not None and not foreign else kept.engine_name,
            engine_name=kept.engine_name,
            image_id=kept.image_id,
            state=kept.state,
            container=None if foreign else container,
            image=kept.image,
            health=health,
            check=newest,
            exit_code=kept.exit_code,
            error=kept.error,
            restart_count=kept.restart_count,
            created_at=kept.created_at,
            started_at=kept.started_at,
            lately_started=kept.state == "running" and (up_s(kept) < LATELY_S or self._behaviour(kept).flaps),
            ended_with=self._heard(kept),
            finished_at=kept.finished_at,
            unspoken=() if foreign else kept.unspoken,
            cut_off=cut_off,
            device_name=DEVICE_NAME if container is not None and container.network == "host" else "",
            volumes=() if foreign else kept.volumes,
            other_volumes=() if foreign else kept.other_volumes,
            vanishes=not foreign and kept.vanishes,
            holds=kept.holds,
            ports=container.ports if foreign and container is not None else (),
        )

    def _heard(self, kept: Kept) -> int | None:
        """The exit code of its newest end, as somebody heard who listened."""
        is_back = kept.state == "running" and kept.restart_count > 0 and self.script.tells_ends
        return self._behaviour(kept).exits_with if is_back else None

    async def _look_at(self, instance: str, check: Health | None) -> ContainerSeen | None:
        found = [kept for kept in self._present() if instance in (kept.id, kept.engine_name)]
        if not found:
            return None
        container = found[0].container
        return self._seen(found[0], ContainersLook(checks={container.name: check} if container and check else {}))

    def _find(self, instance: str) -> Kept:
        for kept in self._present():
            if instance in (kept.id, kept.engine_name):
                return kept
        raise Unavailable(f"container:{instance}", "no such container")

    def _offered(self, ref: str) -> Image:
        default = Image(pull="missing") if self.script.shut_registry else Image(size=made_up_size(ref))
        return self.catalogue.get(ref, default)

    def _behaviour(self, kept: Kept) -> Image:
        """How the image of a container behaves, though its tag may have been pushed again since."""
        offered = self._offered(kept.image)
        if kept.image_id == image_id(kept.image, offered.version):
            return offered
        return self.world.pulled.get(kept.image_id, offered)

    def _put(self, kept: Kept) -> None:
        self.world.containers[kept.id] = kept
        self._touched()

    def _end(self, kept: Kept, *, with_volumes: bool = True) -> None:
        vanishing.end(self.world, kept, with_volumes=with_volumes)
        self._touched()

    def _touched(self) -> None:
        self._save()
        self._changed.set()

    def _save(self) -> None:
        if self._store is not None:
            write_atomically(self._store, encode(self.world), mode=0o600)

    # ── other people's hands ───────────────────────────────────────────────────────────────────────────────────

    def kill(self, name: str, exit_code: int = 137) -> None:
        """Somebody has the engine end a container's process; it does not restart what was stopped by hand."""
        self._kill(self._find(plain_name(name)), exit_code)

    def _kill(self, kept: Kept, exit_code: int, *, with_volumes: bool = True) -> None:
        killed = replace(kept, state="exited", exit_code=exit_code, finished_at=self._now(), was_killed=True)
        self._end(killed, with_volumes=with_volumes)

    def restart(self, *, in_order: bool = False) -> None:
        """The engine is killed and comes back: it has killed what was left over, and starts only what always has to run.
        `in_order`: it is told to end, and tells its containers to."""
        self._lives += 1
        for kept in self._present():
            if kept.state in AWAKE:
                exit_code = self._behaviour(kept).stops_with if in_order else None
                self._kill(kept, 137 if exit_code is None else exit_code, with_volumes=False)
                if kept.container is not None and kept.container.restart.policy == "always":
                    self._start(kept.id)

    def pause(self, name: str) -> None:
        """Somebody pauses a container."""
        self._put(replace(self._find(plain_name(name)), state="paused"))

    def remove(self, name: str) -> None:
        """Somebody removes a container by force."""
        del self.world.containers[self._find(plain_name(name)).id]
        self._touched()

    def rename(self, name: str, engine_name: str) -> None:
        """Somebody gives a container another name."""
        self._put(replace(self._find(plain_name(name)), engine_name=engine_name))

    def change(self, name: str, **fields: object) -> None:
        """Somebody changes limits or restart policy of a container."""
        kept = self._find(plain_name(name))
        assert kept.container is not None
        self._put(replace(kept, container=changed(kept.container, **fields)))

    def disconnect(self, name: str) -> None:
        """Somebody takes a container from its network."""
        self._put(replace(self._find(plain_name(name)), network=DISCONNECTED))

    def remove_network(self) -> None:
        """Somebody removes the network of mode bridge. An engine asks for what runs to be taken from it before; what does not
        run goes on pointing to it."""
        for kept in self._present():
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
        """Somebody else runs a container. `unspoken`: what it has that no spec can say. `vanishes`: as with `--rm`."""
        id_ = foreign_id(container.name)
        kept = Kept(id_, plain_name(container.name), image_id(container.image, 1), container, state, container.image)
        self.world.images.setdefault(container.image, 1)
        places = volumes.without_names(self.world.volumes, self._behaviour(kept).volumes, id_)
        up = replace(kept, created_at=self._now(), started_at=self._now(), up_at=uptime())
        self._put(replace(up, unspoken=unspoken, volumes=places, vanishes=vanishes))

    def volume_at(self, name: str, place: str) -> volumes.Volume:
        """The volume that a container has at a place, to be written to and read."""
        return self.world.volumes[dict(self._find(plain_name(name)).volumes)[place]]

    def host(self, paths: Sequence[str]) -> Host:
        """The simulated host: its paths are all there but those that were taken away, its ports are those of containers."""
        listeners = tuple(
            Listener(port.protocol, port.host_ip, number, kept.engine_name)
            for kept in self._present()
            if kept.state in AWAKE and kept.container is not None
            for port in kept.container.ports
            for number in host_ports(port)
        )
        return Host(tuple(path for path in paths if path in self.script.absent), listeners)

    def running(self) -> dict[str, str]:
        """Engine names of what runs → images."""
        return {kept.engine_name: kept.image for kept in self._present() if kept.state in ("running", "restarting")}


def _remote(ref: str, image: Image) -> RemoteImage:
    return RemoteImage(repo_digest(ref, image.version).partition("@")[2], image.size)
