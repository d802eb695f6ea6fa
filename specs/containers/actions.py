"""The actions of a container engine, each on one container or image.

Every action has its traits for the controller (`specs.plan.Action`): its words, how long it takes by itself, and
whether it may be cut short.
"""

from __future__ import annotations

from msgspec import Struct

from evenkeel.specs.containers.container import (
    Container,
    PullPolicy,
    Resources,
    Restart,
    Stop,
    longest_proof,
    runs_once,
)
from evenkeel.specs.containers.output import as_marked
from evenkeel.specs.output import Output
from evenkeel.specs.plan import Traits


class Pull(Struct, frozen=True, tag="pull"):
    """Fetch an image, of which the full name is given. Disturbs nothing. `digest`: the content that its registry has just
    named, if it was asked. Other content, from a mirror that lags behind, is not accepted."""

    image: str
    policy: PullPolicy
    digest: str = ""

    @property
    def traits(self) -> Traits:
        return Traits(
            f"pull {self.image}",
            {"action": "pull", "image": self.image},
            fetches=self.image,
            source=self.image.partition("/")[0],
            may_be_cut=True,
        )


class Create(Struct, frozen=True, tag="create"):
    """Create an instance under `engine_name`, not started. `volumes`: places, and the volumes of its predecessor that it gets
    there."""

    container: Container
    engine_name: str
    volumes: tuple[tuple[str, str], ...] = ()

    @property
    def traits(self) -> Traits:
        return Traits(
            f"create {self.engine_name} from {self.container.image}",
            {"action": "create", "image": self.container.image, "engineName": self.engine_name},
        )


class Rename(Struct, frozen=True, tag="rename"):
    """Give an instance another name in the engine."""

    instance: str
    engine_name: str

    @property
    def traits(self) -> Traits:
        return Traits(
            f"give {self.instance[:12]} the name {self.engine_name}",
            {"action": "rename", "instance": self.instance, "engineName": self.engine_name},
        )


class Connect(Struct, frozen=True, tag="connect"):
    """Put an instance back on its network, which is made if it is gone. Nothing that runs is stopped."""

    instance: str
    container: Container

    @property
    def traits(self) -> Traits:
        return Traits(f"connect {self.instance[:12]} to its network", {"action": "connect", "instance": self.instance})


class Start(Struct, frozen=True, tag="start"):
    """Start a created or ended instance, resume a paused one."""

    instance: str

    @property
    def traits(self) -> Traits:
        return Traits(f"start {self.instance[:12]}", {"action": "start", "instance": self.instance}, away="ends")


class End(Struct, frozen=True, tag="stop"):
    """Stop a running or paused instance; SIGKILL after the timeout. `held_as`: not "", the engine then removes it, and a
    container of this subject has its volumes before."""

    instance: str
    stop: Stop
    held_as: str = ""

    @property
    def traits(self) -> Traits:
        return Traits(
            f"stop {self.instance[:12]} with {self.stop.signal}",
            {"action": "stop", "instance": self.instance},
            own_s=self.stop.timeout.total_seconds(),
            away="begins",
        )


class Update(Struct, frozen=True, tag="update"):
    """Change limits and restart policy of an instance in place. `is_limited`: other limits for a process that runs, which may
    not bear them, and has to be proven anew."""

    instance: str
    restart: Restart
    resources: Resources
    is_limited: bool = False

    @property
    def traits(self) -> Traits:
        return Traits(f"update {self.instance[:12]} in place", {"action": "update", "instance": self.instance})


class Verify(Struct, frozen=True, tag="verify"):
    """Watch an instance until its health is proven or disproven."""

    instance: str
    container: Container

    @property
    def traits(self) -> Traits:
        return Traits(
            f"watch {self.instance[:12]} until it {'has ended' if runs_once(self.container) else 'is proven'}",
            {"action": "verify", "instance": self.instance},
            own_s=longest_proof(self.container).total_seconds(),
            may_be_cut=True,
        )

    def discreet(self, output: Output) -> Output:
        """Output without the values that the container's spec marks as secret."""
        return as_marked(output, [self.container])


class Remove(Struct, frozen=True, tag="remove"):
    """Remove an instance; by force if it runs. Its volumes stay, but for those of `volumes` that no other container
    has. `left`: places, and the volumes that stay behind with their content, which is told afterwards."""

    instance: str
    volumes: tuple[str, ...] = ()
    left: tuple[tuple[str, str], ...] = ()

    @property
    def traits(self) -> Traits:
        return Traits(
            f"remove {self.instance[:12]}",
            {"action": "remove", "instance": self.instance},
            afterwards=tuple(f"the data at {place} stay in volume {volume}" for place, volume in self.left),
        )


ContainerAction = Pull | Create | Rename | Connect | Start | End | Update | Verify | Remove
