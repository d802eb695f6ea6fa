"""The observation of a driver: the world as it was just now, never cached across stages.

The same `Container` in normal form stands for a container of an engine and for one that is asked for; around it stand
the facts that nobody asks for, such as ids and states. An absent or unreachable engine is not described here: drivers
raise `Unavailable`, and nothing is decided on an empty observation that is really a missing one.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct, field

from evenkeel.specs.containers.container import Container, Health, Port
from evenkeel.specs.look import Look

State = Literal["created", "running", "paused", "restarting", "exited", "dead"]
AWAKE: tuple[State, ...] = ("running", "restarting", "paused")
"""The states of a container that has a process, or will have one again by itself."""
LATELY_S = 60.0
"""A process that was started less than this many seconds ago may still end as its predecessor did."""
HealthSeen = Literal["none", "starting", "healthy", "unhealthy"]


class CheckSeen(Struct, frozen=True):
    """The newest result of a health check. `last` is its name, "" while there is none: another name is a newer result.
    `passed`: it was good; a single bad one does not make a container unhealthy. `cause`: why it was bad, where that is
    well known."""

    last: str = ""
    passed: bool = False
    cause: str = ""


class ContainerSeen(Struct, frozen=True):
    """One container as the engine reports it.

        `name` is the name evenkeel gave (several instances may share it while one replaces another), `engine_name` the one
        that is unique in the engine. `container` is `None` for containers of others, which are only known by name; `owner`
        is the state directory of the evenkeel that created it. `unspoken` has, in words, the settings of an adopted one
        that no spec can express and that a new container in its place does not have. `cut_off` says why it cannot be
        reached over the network that it has to be on, "" when it can.

        Times are seconds since the epoch, 0 when there is none. They are for people; nothing is decided by them, because
        clocks are set. `lately_started`: its process is up for less than `LATELY_S`, by a clock that is never set.
        `ended_with`: the exit code of its newest end, which the engine told as it happened and does not tell any more once
        it is up again; `None` when it was not heard. `check` is the newest result of its check while it runs; `None` when
    it has no check. `ended_alone`: it has ended with exit code 0 and by itself, as far as its engine has told of all
        since its start; false where the look did not ask (`ContainersLook.ends`) or the engine does not know. `device_name` is
        the device's own name for a container on the network of its device; else "".

        `volumes` are those that it has because an image declares them: the places inside, and the volumes' names;
        `other_volumes` are those of an adopted one that no spec can ask for. `vanishes`: the engine removes it when it
        ends, and with it the volumes without a name that no other container has. `holds`: the id of the instance whose
        volumes it was created to have; it never starts. `ports` are those that a container of others publishes.

        `prints`: variables with values that were handed out, and the print of each value that it was created with.
    """

    id: str
    name: str
    engine_name: str
    image_id: str
    state: State
    container: Container | None = None
    image: str = ""
    health: HealthSeen = "none"
    exit_code: int = 0
    error: str = ""
    restart_count: int = 0
    created_at: float = 0.0
    started_at: float = 0.0
    finished_at: float = 0.0
    lately_started: bool = False
    ended_with: int | None = None
    ended_alone: bool = False
    address: str = ""
    owner: str = ""
    unspoken: tuple[str, ...] = ()
    cut_off: str = ""
    device_name: str = ""
    check: CheckSeen | None = None
    volumes: tuple[tuple[str, str], ...] = ()
    other_volumes: tuple[tuple[str, str], ...] = ()
    vanishes: bool = False
    holds: str = ""
    ports: tuple[Port, ...] = ()
    prints: tuple[tuple[str, str], ...] = ()


class ContainersLook(Look, frozen=True):
    """The questions of one look at a container engine.

    `adopted` maps ids of instances that count as evenkeel's own, although it did not create them, to their subjects.
    `images` are references whose digest the registry is asked for. `checks` are the health checks now asked for, by
    subject: a network check is probed as it stands here, whatever the container was created with, and a subject without
    one is not probed. `None` means the checks of the creation. `ends` are ids of instances of which it matters whether they
    have ended by themselves. `limits`: it matters which limits the kernel below the engine keeps.
    `provisionings`: documents whose values are handed out to containers.
    """

    adopted: dict[str, str] = field(default_factory=dict)
    images: tuple[str, ...] = ()
    checks: dict[str, Health] | None = None
    ends: tuple[str, ...] = ()
    limits: bool = False
    provisionings: tuple[str, ...] = ()

    @property
    def engine(self) -> str:
        return "the engine, or a registry," if self.images and not self.here_only else "the engine"


def at_containers(look: Look) -> ContainersLook:
    """A look of this domain; one that asks for nothing else becomes one."""
    return look if isinstance(look, ContainersLook) else ContainersLook(look.subject, look.fresh, look.here_only)


class RemoteImage(Struct, frozen=True):
    """The registry's answer about a reference: the digest it names now, and compressed bytes (0: unknown)."""

    digest: str
    size: int = 0


Lack = Literal[
    "links",
    "unset-env",
    "port-ranges",
    "unlimited-swap",
    "domain-name",
    "log-options",
    "exec-words",
    "addresses",
    "low-ports",
    "limits",
    "rights",
    "log-path",
    "restart-limit",
    "split-seconds",
    "memory-limits",
    "swap-limits",
    "pull-progress",
]
"""Abilities that an engine lacks, or has in part: links to other containers by names of one's own; taking away a variable that
the image sets; one port out of a range; a limit of memory without one of swap; a domain name; options of a log besides its
size; arguments with spaces in the command of a check. Without root also: addresses of containers that others reach; ports below
1024; limits of memory; the rights of root. A folder of one's own for logs; a longest wait between two starts; parts of a second
to end in. Where the kernel has no control groups for them: limits of memory, or of swap. Word of the part
of an image that has come."""


class ContainersSeen(Struct, frozen=True):
    """One look at one engine.

    `images` maps the normal form of every local reference to its image id, `digests` every known repository digest
    (`registry/repository@sha256:…`) to its image id, `remote` has the answers of registries about references, and
    `unasked` why there is none about the others. `only`: if set, own containers of other subjects are missing from this
    observation. `in_place` says which limits the engine changes without a restart: all, only from one finite value to
    another, or none. `reconnects`: the engine puts a container back on its network, so that no new one is needed.
    `lacks`: what else the engine cannot do. `prints`: by document and value, the prints of the values that are handed out now;
    no value stands in an observation.
    """

    engine: str
    in_place: Literal["all", "finite", "none"] = "all"
    reconnects: bool = True
    lacks: tuple[Lack, ...] = ()
    containers: tuple[ContainerSeen, ...] = ()
    images: dict[str, str] = {}
    digests: dict[str, str] = {}
    remote: dict[str, RemoteImage] = {}
    unasked: dict[str, str] = {}
    only: str = ""
    prints: dict[str, dict[str, str]] = {}


def end_of(instance: ContainerSeen) -> str:
    """A name of the newest end of an instance's process: another name is a newer end; "" before the first."""
    has_ended = instance.restart_count or instance.finished_at
    return f"{instance.restart_count} {instance.finished_at}" if has_ended else ""


def image_size(image: str, seen: ContainersSeen) -> int:
    """Compressed bytes of the image that the registry has under a reference; 0 when that is not known."""
    return seen.remote[image].size if image in seen.remote else 0
