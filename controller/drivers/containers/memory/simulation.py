"""The memory engine at work: its containers' own behaviour, the actions on them, and the refusals.

It refuses what a real engine refuses: creating without the image, a name that is taken, starting a dead container, a host
port that is in use. Nothing here waits; latency and scripted failures are the driver's (`engine`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace

from evenkeel.controller.drivers.containers.memory import vanishing, volumes
from evenkeel.controller.drivers.containers.memory.world import (
    BY_NAME,
    DISCONNECTED,
    Image,
    Script,
    World,
    WorldContainer,
    after_ends,
    image_id,
    made_up_size,
    taken_port,
    up_s,
    uptime,
)
from evenkeel.controller.drivers.containers.values import NOTHING, Filled
from evenkeel.controller.process.clock import Now
from evenkeel.reconcilers.containers.compare import InPlace, can_update
from evenkeel.specs.codec import changed
from evenkeel.specs.containers.actions import Create, Remove, Rename, Update
from evenkeel.specs.containers.container import runs_once
from evenkeel.specs.containers.observed import AWAKE
from evenkeel.specs.errors import Refused, Unavailable
from evenkeel.specs.plan import Done, Outcome, Retry

IN_PLACE: InPlace = "finite"
"""The same as Docker's, so that a plan that is rehearsed here is the same there."""


@dataclass(frozen=True)
class Simulation:
    """A world with what is offered and scripted for it. `touched` is called after every change."""

    world: World
    catalogue: dict[str, Image]
    script: Script
    now: Now
    touched: Callable[[], None]

    def present(self) -> list[WorldContainer]:
        """All containers, after the processes that end by themselves have ended."""
        for kept in list(self.world.containers.values()):
            image = self.behaviour(kept)
            ends = image.exits_with is not None and up_s(kept) >= image.exits_after_s
            if kept.state in ("running", "restarting") and ends and image.exits_with is not None:
                policy = kept.container.restart.policy if kept.container else "no"
                again = policy in ("always", "unless-stopped") or (policy == "on-failure" and image.exits_with != 0)
                state, count = after_ends(kept, image) if again else ("exited", kept.restart_count)
                again = again and state != "exited"
                is_known = kept.finished_at and kept.restart_count == count and (again or kept.state == state)
                at, code = kept.finished_at if is_known else self.now(), 0 if state == "running" else image.exits_with
                ended = replace(kept, state=state, exit_code=code, restart_count=count, finished_at=at)
                vanishing.end(self.world, ended)
        return list(self.world.containers.values())

    def named(self, instance: str) -> WorldContainer | None:
        """The container of this id or name in the engine, `None` when there is none."""
        return next((kept for kept in self.present() if instance in (kept.id, kept.engine_name)), None)

    def find(self, instance: str) -> WorldContainer:
        """The container of this id or name in the engine; Unavailable when there is none."""
        kept = self.named(instance)
        if kept is None:
            raise Unavailable(f"container:{instance}", "no such container")
        return kept

    def offered(self, ref: str) -> Image:
        """The registry's image under a reference."""
        default = Image(pull="missing") if self.script.shut_registry else Image(size=made_up_size(ref))
        return self.catalogue.get(ref, default)

    def behaviour(self, kept: WorldContainer) -> Image:
        """The behaviour of a container. The image that it was created from decides, although its tag may have been
        pushed again. One that runs once ends well where nothing else is known of its image."""
        offered = self.offered(kept.image)
        if kept.image not in self.catalogue and kept.container is not None and runs_once(kept.container):
            return replace(offered, exits_with=0, exits_after_s=1.0)
        if kept.image_id == image_id(kept.image, offered.version):
            return offered
        return self.world.pulled.get(kept.image_id, offered)

    def put(self, kept: WorldContainer) -> None:
        """Add or replace a container."""
        self.world.containers[kept.id] = kept
        self.touched()

    def end(self, kept: WorldContainer, *, with_volumes: bool = True) -> None:
        """Replace a container by how it has ended; one that vanishes then is removed, `with_volumes` or without."""
        vanishing.end(self.world, kept, with_volumes=with_volumes)
        self.touched()

    def _check_name(self, name: str, but: str = "") -> None:
        for kept in self.present():
            if kept.engine_name == name and kept.id != but:
                raise Unavailable(f"container:{name}", f"the name is in use by {kept.id}")

    def create(self, action: Create, filled: Filled = NOTHING) -> Outcome:
        """A container from a local image, with the volumes that the image declares. `filled`: its variables with values that
        are handed out."""
        container = action.container
        if container.image not in self.world.images:
            raise Unavailable(f"container:{container.name}", f"no such image: {container.image}")
        for mount in container.mounts:
            if mount.source in self.script.absent:
                return Retry(f"bind source path does not exist: {mount.source}", outside=True)
        for kept in self.present():
            is_it = kept.engine_name == action.engine_name and kept.container == container
            if is_it and set(action.volumes) <= set(kept.volumes) and kept.prints == filled.prints:
                return Done("was there", kept.id)
        self._check_name(action.engine_name)
        self.world.created += 1
        id_ = hashlib.sha256(f"{self.world.created} {action.engine_name}".encode()).hexdigest()[:12]
        content = image_id(container.image, self.world.images[container.image])
        created = WorldContainer(
            id_, action.engine_name, content, container, image=container.image, created_at=self.now()
        )
        declared = self.behaviour(created).volumes
        places = volumes.attached(self.world.volumes, container, declared, action.volumes, id_)
        self.put(replace(created, volumes=places, handed=filled.env, prints=filled.prints))
        return Done("created", id_)

    def start(self, instance: str) -> Outcome:
        """Start a container on its network, unless the container or the host has a fault that prevents it."""
        kept = self.find(instance)
        if kept.state in ("running", "restarting"):
            return Done("was running", kept.id)
        if kept.state == "dead":
            raise Unavailable(f"container:{kept.engine_name}", "is dead and cannot be started")
        if error := self.behaviour(kept).start_error:
            self.put(replace(kept, error=error))
            raise Refused(f"container:{kept.engine_name}", error)
        if hindrance := self._hindrance(kept):
            self.put(replace(kept, error=hindrance))
            return Retry(hindrance, outside=True)
        kept = self.connected(kept)
        started = replace(kept, state="running", started_at=self.now(), up_at=uptime())
        self.put(replace(started, exit_code=0, error="", restart_count=0, was_killed=False))
        return Done("started", kept.id)

    def _hindrance(self, kept: WorldContainer) -> str:
        """The reason why a container cannot be started now although nothing is wrong with it; "" when it can."""
        for device in kept.container.devices if kept.container else ():
            if device.host_path in self.script.absent:
                custom = f'while adding custom device "{device.host_path}"'
                return f"error gathering device information {custom}: no such file or directory"
        awake = [other for other in self.present() if other.id != kept.id and other.state in AWAKE]
        return next((taken for other in awake if (taken := taken_port(kept, other))), "")

    def connected(self, kept: WorldContainer) -> WorldContainer:
        """The container on the network of mode bridge, which is made if it is gone."""
        if kept.container is None or kept.container.network == "host":
            return kept
        if not self.world.network:
            self.world.networks += 1
            self.world.network = self.world.networks
        return replace(kept, network=self.world.network)

    def cut_off(self, kept: WorldContainer) -> str:
        """The reason why a container has no network though it should; "" when it has one."""
        if kept.container is None or kept.container.network == "host":
            return ""
        if kept.network == DISCONNECTED:
            return "it is on no network"
        return "its network is gone" if kept.network not in (BY_NAME, self.world.network) else ""

    def rename(self, action: Rename) -> Outcome:
        """Rename a container, if the new name is free."""
        kept = self.find(action.instance)
        self._check_name(action.engine_name, kept.id)
        self.put(replace(kept, engine_name=action.engine_name))
        return Done(f"named {action.engine_name}")

    def update(self, action: Update) -> Outcome:
        """Other limits and another restart policy, as far as Docker would change them."""
        kept = self.find(action.instance)
        assert kept.container is not None
        place = f"container:{kept.engine_name}"
        if kept.vanishes and action.restart.policy != "no":
            raise Unavailable(place, "no restart policy for one that is removed when it ends")
        if not can_update(action.resources, kept.container.resources, IN_PLACE):
            raise Unavailable(place, "limits change in place from one value to another only")
        self.put(replace(kept, container=changed(kept.container, restart=action.restart, resources=action.resources)))
        return Done("updated in place")

    def remove(self, action: Remove) -> Outcome:
        """The container is gone, and those of its `volumes` that no other container has."""
        if (kept := self.named(action.instance)) is not None:
            del self.world.containers[kept.id]
        having = (each.volumes for each in self.world.containers.values())
        volumes.removed(self.world.volumes, action.volumes, having)
        self.touched()
        return Done("removed")
