"""Answers of the Docker Engine API → observations. Pure.

The list of containers has the owner of each container and, for foreign containers, everything that is shown. The
inspection of a container has its state, and its settings (`configuration`).
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime

from evenkeel.controller.drivers.containers.docker import answers
from evenkeel.controller.drivers.containers.docker.checks import health_of, newest_check
from evenkeel.controller.drivers.containers.docker.configuration import Abilities, container_of, handed_out, image_of
from evenkeel.controller.drivers.containers.docker.places import other_volumes_of, volumes_of
from evenkeel.controller.drivers.containers.docker.published import published
from evenkeel.controller.drivers.containers.docker.refusals import without_values
from evenkeel.controller.drivers.containers.docker.render import (
    HOLDS_LABEL,
    NAME_LABEL,
    OWNER_LABEL,
    asked_from,
    prints_from,
)
from evenkeel.controller.drivers.containers.docker.unspoken import unspoken
from evenkeel.specs.containers.image import DIGEST_PATTERN, parse_image
from evenkeel.specs.containers.observed import ContainerSeen, State

_STATES: dict[str, State] = {
    "created": "created",
    "running": "running",
    "paused": "paused",
    "restarting": "restarting",
    "exited": "exited",
    "removing": "dead",
    "dead": "dead",
}
_TASK_IS_LEFT = re.compile(r"\btask [0-9a-f]{64}: already exists")


def is_ours(entry: answers.ContainerEntry, owner: str = "") -> bool:
    """Whether an entry of the container list was created by this evenkeel: by `owner`, or by one that did not say."""
    labels = entry.get("Labels") or {}
    return NAME_LABEL in labels and is_owner(labels.get(OWNER_LABEL, ""), owner)


def is_owner(label: str, owner: str) -> bool:
    """Whether a label names this owner, or none. Earlier versions wrote the path of the state directory as it was spelled, so
    that a link to it counts, too. A label that is no path is a name from the settings."""
    return label in ("", owner) or (label.startswith("/") and os.path.realpath(label) == owner)


def entry_name(entry: answers.ContainerEntry) -> str:
    """The engine's name of an entry of the container list; of several (legacy links) the plain one."""
    names = [name.removeprefix("/") for name in entry.get("Names") or () if name.count("/") == 1]
    return names[0] if names else str(entry["Id"])[:12]


def subject_of(entry: answers.ContainerEntry) -> str:
    """The name that evenkeel gave an entry of the container list; for a foreign one, the engine's name."""
    return str((entry.get("Labels") or {}).get(NAME_LABEL) or entry_name(entry))


def parse_foreign(entry: answers.ContainerEntry) -> ContainerSeen:
    """A container of others, from the list alone. When its tag names another image by now, the list has the image's id in the
    form of a reference."""
    name, image = entry_name(entry), entry.get("Image", "")
    return ContainerSeen(
        id=entry["Id"],
        name=name,
        engine_name=name,
        image_id=entry.get("ImageID", ""),
        state=_STATES.get(entry.get("State", ""), "dead"),
        image=image if re.fullmatch(DIGEST_PATTERN, image) else image_of(image),
        created_at=float(entry.get("Created") or 0),
        owner=(entry.get("Labels") or {}).get(OWNER_LABEL, ""),
        ports=published(entry.get("Ports") or ()),
    )


def parse_container(
    inspected: answers.Inspected,
    network: str,
    image_config: answers.Config | None = None,
    abilities: Abilities = Abilities(),  # noqa: B008 - a value
    subject: str = "",
) -> ContainerSeen:
    """A container of evenkeel's, or one to adopt, from its inspection. KeyError, TypeError or ValueError for an answer that no
    engine should give.

    `network`: the user-defined network that stands for mode bridge. `image_config`: the `Config` of its image, needed for a
    container without a label that can be read. `abilities`: which limits the engine keeps.
    `subject`: the name under which it was adopted; its name in the engine changes in a switch.
    """
    config, state = inspected["Config"], inspected["State"]
    labels = config.get("Labels") or {}
    engine_name = str(inspected["Name"]).removeprefix("/")
    name = subject or labels.get(NAME_LABEL) or engine_name
    asked = asked_from(labels)
    container = container_of(name, inspected, network, asked, image_config or {}, abilities)
    return ContainerSeen(
        id=inspected["Id"],
        name=name,
        engine_name=engine_name,
        image_id=inspected.get("Image", ""),
        state="dead" if cannot_be_started(state.get("Error") or "") else _STATES.get(state.get("Status", ""), "dead"),
        container=container,
        image=image_of(config.get("Image", "")),
        health=health_of(state),
        check=newest_check(state, container.health),
        exit_code=state.get("ExitCode") or 0,
        error=without_values(state.get("Error") or "", container, handed_out(config)),
        restart_count=inspected.get("RestartCount") or 0,
        created_at=parse_time(inspected.get("Created", "")),
        started_at=parse_time(state.get("StartedAt", "")),
        finished_at=parse_time(state.get("FinishedAt", "")),
        address=next(filter(None, (each.get("IPAddress") for each in answers.endpoints(inspected).values())), ""),
        owner=labels.get(OWNER_LABEL, ""),
        unspoken=unspoken(inspected, network, image_config or {}) if asked is None else (),
        device_name=config.get("Hostname") or "" if inspected["HostConfig"].get("NetworkMode") == "host" else "",
        volumes=volumes_of(inspected, image_config or {}),
        other_volumes=other_volumes_of(inspected, image_config or {}) if asked is None else (),
        vanishes=bool(inspected["HostConfig"].get("AutoRemove")),
        holds=labels.get(HOLDS_LABEL, ""),
        prints=prints_from(labels),
    )


def cannot_be_started(error: str) -> bool:
    """Whether a container can never be started again, as this failure of its start tells: the engine was killed in the
    middle of an earlier start, and the remains of that are below it (measured, 20.10; only a reboot ends it)."""
    return _TASK_IS_LEFT.search(error) is not None


def lost_limits(inspected: answers.Inspected) -> bool:
    """Whether a container has not the limits it was created with: somebody changed them, or the engine cannot keep them."""
    asked = asked_from(inspected["Config"].get("Labels") or {})
    if asked is None or asked.resources.memory is None:
        return False
    host = inspected["HostConfig"]
    lost_swap = (asked.resources.memory_swap or 0) > 0 > (host.get("MemorySwap") or 0)
    return not host.get("Memory") or lost_swap


def parse_images(entries: Sequence[answers.ImageEntry]) -> tuple[dict[str, str], dict[str, str]]:
    """References and repository digests of local images, both in normal form, to image ids."""
    images: dict[str, str] = {}
    digests: dict[str, str] = {}
    for entry in entries:
        for tag in entry.get("RepoTags") or ():
            if tag != "<none>:<none>":
                images[image_of(tag)] = entry["Id"]
        for digest in entry.get("RepoDigests") or ():
            with suppress(ValueError):  # `<none>@…`, or of a kind that nobody can ask for here
                ref = parse_image(digest)
                digests[f"{ref.registry}/{ref.repository}@{ref.digest}"] = entry["Id"]
    return images, digests


def parse_time(text: str) -> float:
    """RFC 3339 with nanoseconds → epoch seconds; 0 for the engine's zero time."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return 0.0
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() if moment.year > 1 else 0.0
