"""The life of one desired state on the wire, from identification to clean-up, as a value that can be stored.

An activity outlives the process and the connection: everything that is needed to answer the next command, to report
truthfully and to go back is in here. Vocabulary and statuses are Kanto's (container-management.md §1.2, §2).
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from evenkeel.specs.desired import DesiredState

Command = Literal["DOWNLOAD", "UPDATE", "ACTIVATE", "ROLLBACK", "CLEANUP"]
ActionKind = Literal["create", "recreate", "update", "check", "destroy", "install"]
"""`install` is about an operating system in a slot, all others are about containers."""
Wire = Literal["kanto", "leda"]
"""The protocols of update agents: that of Kanto's Containers Update Agent, and that of Leda's Self Update Agent."""
Status = Literal[
    "IDENTIFYING",
    "IDENTIFIED",
    "IDENTIFICATION_FAILED",
    "COMPLETED",
    "INCOMPLETE",
    "SUPERSEDED",
    "DOWNLOADING",
    "DOWNLOAD_SUCCESS",
    "DOWNLOAD_FAILURE",
    "UPDATING",
    "UPDATE_SUCCESS",
    "UPDATE_FAILURE",
    "ACTIVATING",
    "ACTIVATION_SUCCESS",
    "ACTIVATION_FAILURE",
    "ROLLBACK",
    "ROLLBACK_SUCCESS",
    "ROLLBACK_FAILURE",
    "CLEANUP",
    "CLEANUP_SUCCESS",
    "CLEANUP_FAILURE",
]
ActionStatus = Literal[
    "IDENTIFIED",
    "DOWNLOADING",
    "DOWNLOAD_SUCCESS",
    "DOWNLOAD_FAILURE",
    "UPDATING",
    "UPDATE_SUCCESS",
    "UPDATE_FAILURE",
    "ACTIVATING",
    "ACTIVATION_SUCCESS",
    "ACTIVATION_FAILURE",
    "REMOVING",
    "REMOVAL_SUCCESS",
    "REMOVAL_FAILURE",
]


class ActivityAction(Struct, frozen=True, omit_defaults=True):
    """The action on one component. `progress` is 0 to 100, 0 unknown.

    `digest` names the content that is meant by the image, from when that is settled: it was checked when the action was
    identified, or fetched; "" when the engine knows none. `promised` is the registry's content when the action was
    identified, "" when it did not answer. `image_before` is the id of the image that was at work. `size` is the number of bytes
    to fetch, 0 unknown.

    `begun`: it was begun before the activity was asked for again. `failure` is why it failed first, and `failed_at` the
    command that did, kept through a rollback; "" is UPDATE. `waits_for` is the trouble that is being waited out right
    now; on the wire it stands in the place of `message`.
    """

    subject: str
    version: str
    kind: ActionKind
    status: ActionStatus
    message: str
    progress: int = 0
    digest: str | None = None
    promised: str = ""
    image_before: str = ""
    begun: bool = False
    failure: str = ""
    failed_at: Command | Literal[""] = ""
    waits_for: str = ""
    size: int = 0


class Baseline(Struct, frozen=True, omit_defaults=True):
    """Components that are commanded together. `closed`: its clean-up is over; `good`: and it was activated before.
    `proven`: it was activated before the activity was asked for again, and nothing has undone that since."""

    title: str
    subjects: tuple[str, ...]
    status: Status = "IDENTIFIED"
    closed: bool = False
    good: bool = False
    proven: bool = False


class Activity(Struct, frozen=True, omit_defaults=True):
    """An open operation. `target` is the state that was asked for, `before` the state when it was identified first.

    `addressed` is the baseline of the command at work ("" and "*" are all), `command` that command, "" when none is.
    `content` is the digest of its desired state. `alone`: the agent goes on by itself, without commands. `because`: why
    it is ended without a command. `notes`: the message of its IDENTIFIED. Times are epoch seconds, for people;
    `touched_boot` and `touched_up_s` say when it was touched last in seconds since the boot of that id. `tries`: how
    often the look before its end was begun and raised an error, or ended with the process, in the boot `tried_in`. `wire`: the
    protocol in which it is told.
    """

    id: str
    topic: str
    domain: str
    target: DesiredState
    before: DesiredState
    actions: tuple[ActivityAction, ...]
    baselines: tuple[Baseline, ...]
    begun_at: float
    touched_at: float
    addressed: str = ""
    command: Command | Literal[""] = ""
    content: str = ""
    alone: bool = False
    because: str = ""
    notes: str = ""
    touched_boot: str = ""
    touched_up_s: float = 0.0
    tries: int = 0
    tried_in: str = ""
    wire: Wire = "kanto"


_LONGEST_NAME = 200


def name_of(id_: str) -> str:
    """A name of an activity for sentences, of bounded length: a sender may leave the id out, or send a very long
    one."""
    return (id_ if len(id_) <= _LONGEST_NAME else f"{id_[:_LONGEST_NAME]}…") or "(no activityId)"
