"""Differences, actions, steps and plans: what has to happen, as values.

A plan can be printed, stored, compared and thrown away; it cannot be executed from here. An action is one thing that a
driver can do to one container or image; a step puts it into a phase and an order; a stage is a set of steps without order
between them, after which the world is looked at again.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from msgspec import Struct

from evenkeel.specs.containers.container import Container, PullPolicy, Resources, Restart, Stop
from evenkeel.specs.containers.observed import ContainersSeen, image_size
from evenkeel.specs.containers.output import Output
from evenkeel.specs.problem import Place

Verb = Literal["create", "recreate", "update", "connect", "start", "finish", "remove", "keep", "blocked"]
"""What a plan has in store for a subject. `connect`: it is put back on its network. `finish`: right already, but proof, a
name or the removal of an old instance is outstanding. `keep`: never touched. `blocked`: asked for, but nothing may be done."""


class Phase(StrEnum):
    """Gates of a plan, in order; from a file all stand open, from MQTT each command opens one."""

    DOWNLOAD = "DOWNLOAD"
    UPDATE = "UPDATE"
    ACTIVATE = "ACTIVATE"
    VERIFY = "VERIFY"
    CLEANUP = "CLEANUP"


IN_PLACE = "changes in place"
"""Why a change needs no new container."""
ALTERABLE = ("resources.", "restart.")
"""What the paths begin with of all that an engine may be able to change in place."""


class Change(Struct, frozen=True):
    """One difference. `path` is in the words of the spec (`resources.memory`), `old` and `new` are texts for people;
    of what may be secret they say only that it is there."""

    subject: str
    path: str
    old: str
    new: str
    why: str
    asked: Place = Place()


class VolumeFate(Struct, frozen=True):
    """What becomes of what is in a volume that an instance has at `place`, when the instance goes: its successor has the volume
    (`carried`), the volume stays behind (`left`), or it is removed (`removed`)."""

    place: str
    volume: str
    fate: Literal["carried", "left", "removed"]


class Difference(Struct, frozen=True):
    """All that differs for one subject, and which instances are concerned.

    `candidate` is the id of the instance that is, or is to become, the one; "" while it has to be created. `others` are
    ids of instances that it replaces; `lost` is what of them no spec can say, in words. `away_s`: for how many seconds the
    subject was away at its last switch, or usually is, and `away_most_s`: for how many it may be, because what is replaced is
    given so long to end; `None` when nothing that is at work is replaced. `container` is what is wanted, `None` when nobody
    wants the subject. `volumes`: what becomes of the volumes of `others`. `compared`: the id of the instance that `changes`
    tells the differences to.
    """

    subject: str
    verb: Verb
    why: str
    container: Container | None = None
    candidate: str = ""
    others: tuple[str, ...] = ()
    changes: tuple[Change, ...] = ()
    asked: Place = Place()
    update: bool = False
    connect: bool = False
    start: bool = False
    verify: bool = False
    lost: tuple[str, ...] = ()
    away_s: float | None = None
    away_most_s: float | None = None
    volumes: tuple[VolumeFate, ...] = ()
    compared: str = ""


class Pull(Struct, frozen=True, tag="pull"):
    """Fetch an image. Disturbs nothing. `digest`: the content that its registry has just named, if it was asked; other
    content, from a mirror that lags behind, is not what was to be fetched."""

    image: str
    policy: PullPolicy
    digest: str = ""


class Create(Struct, frozen=True, tag="create"):
    """Create an instance under `engine_name`, not started. `volumes`: places, and the volumes of its predecessor that it gets
    there."""

    container: Container
    engine_name: str
    volumes: tuple[tuple[str, str], ...] = ()


class Rename(Struct, frozen=True, tag="rename"):
    """Give an instance another name in the engine."""

    instance: str
    engine_name: str


class Connect(Struct, frozen=True, tag="connect"):
    """Put an instance back on its network, which is made if it is gone. Nothing that runs is stopped."""

    instance: str
    container: Container


class Start(Struct, frozen=True, tag="start"):
    """Start a created or ended instance, resume a paused one."""

    instance: str


class End(Struct, frozen=True, tag="stop"):
    """Stop a running or paused instance; SIGKILL after the timeout. `held_as`: not "", the engine then removes it, and a
    container of this subject has its volumes before."""

    instance: str
    stop: Stop
    held_as: str = ""


class Update(Struct, frozen=True, tag="update"):
    """Change limits and restart policy of an instance in place. `is_limited`: other limits for a process that runs, which may
    not bear them, and has to be proven anew."""

    instance: str
    restart: Restart
    resources: Resources
    is_limited: bool = False


class Verify(Struct, frozen=True, tag="verify"):
    """Watch an instance until its health is proven or disproven."""

    instance: str
    container: Container


class Remove(Struct, frozen=True, tag="remove"):
    """Remove an instance; by force if it runs. Its volumes stay, but for `volumes` that nobody else has. `left`: places, and
    the volumes in which what was there stays behind, for whoever looks for it afterwards."""

    instance: str
    volumes: tuple[str, ...] = ()
    left: tuple[tuple[str, str], ...] = ()


Action = Pull | Create | Rename | Connect | Start | End | Update | Verify | Remove


class Step(Struct, frozen=True):
    """An action with its place in the order. `needs` names steps that must have ended well before."""

    id: str
    subject: str
    phase: Phase
    action: Action
    needs: tuple[str, ...] = ()


class Stage(Struct, frozen=True):
    """Steps of one phase without order between them."""

    phase: Phase
    steps: tuple[Step, ...]


class Plan(Struct, frozen=True):
    """What differs and what will be done about it. No stages: nothing to do."""

    domain: str
    differences: tuple[Difference, ...] = ()
    stages: tuple[Stage, ...] = ()


def pulls(plan: Plan) -> tuple[str, ...]:
    """References that will be pulled, each once."""
    actions = [step.action for stage in plan.stages for step in stage.steps]
    return tuple(dict.fromkeys(action.image for action in actions if isinstance(action, Pull)))


def pulled_for(difference: Difference, plan: Plan) -> str:
    """The reference that will be pulled for a subject, maybe for others, too; "" when none is."""
    container = difference.container
    if container is None or difference.candidate or difference.verb in ("keep", "blocked"):
        return ""
    return container.image if container.image in pulls(plan) else ""


def pull_sizes(plan: Plan, seen: ContainersSeen) -> tuple[int, int]:
    """Bytes to pull as far as they are known, and how many images of unknown size."""
    sizes = [image_size(image, seen) for image in pulls(plan)]
    return sum(sizes), sizes.count(0)


class Done(Struct, frozen=True, tag="done"):
    """The step ended well; `instance` is the id of what it created, if it did."""

    message: str = ""
    instance: str = ""


class Retry(Struct, frozen=True, tag="retry"):
    """The step may succeed later. `after_s`: not before so many seconds; 0 leaves it to the back-off. `outside`: the cause
    lies outside of the subject (a device, a path or a port of the host, the network, the disk, memory), so that it may pass
    without a change of the spec. `defect`: evenkeel itself broke."""

    message: str
    after_s: float = 0.0
    outside: bool = False
    defect: bool = False


class Failed(Struct, frozen=True, tag="failed"):
    """The step will not succeed for this revision. `output`: what the instance has said last, where it was watched."""

    message: str
    output: Output | None = None


Outcome = Done | Retry | Failed


class History(Struct, frozen=True):
    """What the journal remembers and planning needs.

    `proven` maps ids of instances whose health was proven to the network check they were proven with
    (`container.check_digest`): another check needs another proof. `stopped`: ids that evenkeel itself stopped and has not
    started since, so that an ended process is told from an interrupted switch. `watched`: ids whose proof was begun and has
    not come to a verdict, so that one that ended meanwhile may have been ended with its engine or its device. `switch_s`: for
    how many seconds a subject was away when it was last switched. `rejected` maps ids of images that were pushed again under
    a tag in force, and failed, to the reason. `made` numbers instances in the order in which evenkeel created them; one
    without a number is the youngest, because its creation was interrupted. Dates do not tell the order, because clocks are
    set. `stop_s`: how many seconds a subject that is wanted no more was last to be given to end;
    `discards`: such subjects that were last asked for with `imageVolumes: discard`. `ends` maps ids of instances
    to what names the newest end that was seen (`observed.end_of`) and its exit code, which does not show any more once they
    were started again.
    """

    proven: dict[str, str] = {}
    stopped: tuple[str, ...] = ()
    watched: tuple[str, ...] = ()
    switch_s: dict[str, float] = {}
    rejected: dict[str, str] = {}
    made: dict[str, int] = {}
    stop_s: dict[str, float] = {}
    discards: tuple[str, ...] = ()
    ends: dict[str, tuple[str, int]] = {}
