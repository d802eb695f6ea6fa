"""What observations say beyond differences: a state worth going back to, and containers that are not well."""

from __future__ import annotations

from collections.abc import Iterator

from evenkeel.reconcilers.containers.naming import engine_name
from evenkeel.specs.desired import DesiredState, Document, desired_state
from evenkeel.specs.observed import ContainersSeen

_AT_WORK = ("running", "restarting", "paused")


def as_found(seen: ContainersSeen) -> DesiredState | None:
    """The containers of evenkeel that are at work, as if somebody had asked for them; `None` when there are none.

    Where the journal knows no last-good state, because it is new or was lost, this is what a failed revision goes back to.
    """
    documents = [
        Document("Container", instance.name, instance.container)
        for instance in seen.containers
        if instance.container is not None
        and instance.state in _AT_WORK
        and instance.engine_name == engine_name(instance.name)
    ]
    return desired_state(documents) if documents else None


def ailing(seen: ContainersSeen, now: float) -> Iterator[str]:
    """A sentence for each container of evenkeel that is unhealthy or does not stay up. `now`: epoch seconds.

    A container between two restarts looks well for a moment; after three restarts it has to stay up for a minute.
    """
    for instance in seen.containers:
        if instance.container is None:
            continue
        if instance.state == "running" and instance.health == "unhealthy":
            yield f"{instance.name} fails its health check"
        elif instance.exit_code and instance.state == "restarting":
            yield f"{instance.name} keeps ending with exit code {instance.exit_code}"
        elif instance.state == "running" and instance.restart_count >= 3 and now - instance.started_at < 60:
            yield f"{instance.name} was restarted {instance.restart_count} times"
        elif (
            instance.state == "exited"
            and instance.exit_code
            and instance.container.restart.policy in ("no", "on-failure")
        ):
            yield f"{instance.name} ended with exit code {instance.exit_code}"
