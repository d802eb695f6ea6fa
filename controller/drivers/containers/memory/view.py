"""A container of the memory engine as an observation."""

from __future__ import annotations

from evenkeel.controller.drivers.containers.memory.saying import check_in_force, failed_check, is_well
from evenkeel.controller.drivers.containers.memory.simulation import Simulation
from evenkeel.controller.drivers.containers.memory.world import DEVICE_NAME, FOREIGN, WorldContainer, up_s
from evenkeel.specs.codec import changed
from evenkeel.specs.containers.container import ExecProbe
from evenkeel.specs.containers.observed import LATELY_S, CheckSeen, ContainerSeen, ContainersLook, HealthSeen
from evenkeel.specs.containers.redaction import without_variables


def observation(simulation: Simulation, kept: WorldContainer, look: ContainersLook) -> ContainerSeen:
    """The observation of a container. An own container has its subject; a foreign one has a subject from
    `look.adopted`, or none."""
    container, behaviour = kept.container, simulation.behaviour(kept)
    foreign = FOREIGN in kept.id and kept.id not in look.adopted
    if container is not None and kept.id in look.adopted:
        container = changed(container, name=look.adopted[kept.id])
    cut_off = "" if foreign else simulation.cut_off(kept)
    health: HealthSeen = "none"
    newest = None
    check = check_in_force(container, look) if container is not None else None
    if check is not None and kept.state == "running":
        deaf = cut_off and not isinstance(check.probe, ExecProbe)
        health = "healthy" if is_well(check, behaviour) and not deaf else "unhealthy"
        said = behaviour.newest_check
        number = str(int(up_s(kept) // max(check.interval.total_seconds(), 0.001)))
        newest = CheckSeen("" if said == "none yet" else number, health == "healthy" and said == "passed")
        newest = failed_check(newest, check, behaviour)
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
        error=without_variables(kept.error, kept.handed),
        restart_count=kept.restart_count,
        created_at=kept.created_at,
        started_at=kept.started_at,
        lately_started=kept.state == "running" and (up_s(kept) < LATELY_S or behaviour.flaps),
        ended_with=_end_heard(simulation, kept),
        ended_alone=kept.id in look.ends and kept.state == "exited" and not (kept.exit_code or kept.was_killed),
        finished_at=kept.finished_at,
        unspoken=() if foreign else kept.unspoken,
        cut_off=cut_off,
        device_name=DEVICE_NAME if container is not None and container.network == "host" else "",
        volumes=() if foreign else kept.volumes,
        other_volumes=() if foreign else kept.other_volumes,
        vanishes=not foreign and kept.vanishes,
        holds=kept.holds,
        prints=kept.prints,
        ports=container.ports if foreign and container is not None else (),
    )


def _end_heard(simulation: Simulation, kept: WorldContainer) -> int | None:
    """The exit code of a container's newest end, if it was started again since; `None` when the end was not noticed."""
    is_back = kept.state == "running" and kept.restart_count > 0 and simulation.script.tells_ends
    return simulation.behaviour(kept).exits_with if is_back else None
