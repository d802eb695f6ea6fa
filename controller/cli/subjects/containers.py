"""Containers, as `get` and `describe` tell of them (`port.Subjects`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from evenkeel.controller.cli.subjects.port import Description, Listing

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from evenkeel.controller.cycle.domain import Domain
    from evenkeel.controller.journal.journal import Journal
    from evenkeel.reconcilers.containers.select import ContainersWanted
    from evenkeel.specs.containers.memory import ContainersMemory
    from evenkeel.specs.containers.observed import ContainerSeen, ContainersSeen
    from evenkeel.specs.desired import DesiredState
    from evenkeel.specs.output import Output
    from evenkeel.specs.settings.settings import Settings
    from evenkeel.templates.style import Role

    Containers = Domain[ContainersWanted, ContainersSeen, ContainersMemory]

_DOMAIN = "containers"


async def listing(settings: Settings, journal: Journal, now: float, *, wide: bool) -> Listing:
    """Every container of the engine, evenkeel's own first."""
    from evenkeel.controller.cli.reaching import open_domain
    from evenkeel.controller.cycle.in_force import role_in_force
    from evenkeel.specs.codec import changed
    from evenkeel.specs.desired import DesiredState

    domain: Containers
    async with open_domain(settings, _DOMAIN) as domain:
        # with the checks that are in force, by which `status` tells how containers are; those of their creation where
        # nobody knows what is
        decisions, state = domain.reconciler, journal.readable_revision(role_in_force(journal))
        want = decisions.select(state) if state is not None else None
        look = changed(decisions.look(want, journal.memories.of(decisions.memory)), here_only=True)
        seen = await domain.driver.observe(look)
        desired = journal.readable_revision("desired") or DesiredState()
        system = set(decisions.select(desired).system)
    both = [(_item(instance, system), instance) for instance in seen.containers]
    both.sort(key=lambda each: (each[0]["by"] != "evenkeel", each[0]["name"], each[0]["engineName"]))
    columns = ["NAME", "STATE", "HEALTH", "BY", "RESTARTS", "SINCE", "IMAGE"]
    if wide:
        columns[6:6] = ["ID", "ENGINE NAME", "ADDRESS", "PORTS"]
    rows = tuple(_row(item, instance, now, wide=wide) for item, instance in both)
    return Listing("Containers", seen.engine, tuple(columns), rows, tuple(item for item, _ in both), _colour)


def _item(instance: ContainerSeen, system: set[str]) -> dict[str, Any]:
    """Facts, and nothing that may hold a secret."""
    from evenkeel.specs.containers.shorthand import port_text
    from evenkeel.templates.moment import iso_value

    names = {instance.name, instance.engine_name}
    ports = instance.container.ports if instance.container is not None else instance.ports
    return {
        "name": instance.name,
        "engineName": instance.engine_name,
        "id": instance.id,
        "by": "system" if names & system else "evenkeel" if instance.container is not None else "others",
        "state": instance.state,
        "health": instance.health,
        "image": instance.image,
        "imageId": instance.image_id,
        "restarts": instance.restart_count,
        "exitCode": instance.exit_code if instance.state in ("exited", "dead", "restarting") else None,
        "error": instance.error or None,
        "address": instance.address or None,
        "ports": [port_text(port) for port in ports],
        "createdAt": iso_value(instance.created_at),
        "startedAt": iso_value(instance.started_at),
        "finishedAt": iso_value(instance.finished_at),
    }


def _row(item: dict[str, Any], instance: ContainerSeen, now: float, *, wide: bool) -> list[str]:
    from evenkeel.templates.ago import age_text

    at = instance.started_at if instance.state in ("running", "paused", "restarting") else instance.finished_at
    at = at or instance.created_at
    state = f"{item['state']} ({item['exitCode']})" if item["exitCode"] is not None else item["state"]
    health = "" if item["health"] == "none" else item["health"]
    name = item["name"]
    if not wide and item["engineName"] != name:
        name = f"{name} ({item['engineName']})"
    row = [name, state, health, item["by"], str(item["restarts"]), age_text(at, now) if at else ""]
    if wide:
        row += [item["id"][:12], item["engineName"], item["address"] or "", ",".join(item["ports"])]
    is_id = item["image"].startswith("sha256:")
    return [*row, item["image"].removeprefix("sha256:")[:12] if is_id else item["image"]]


def _colour(column: str, cell: str) -> Role | None:
    if column == "STATE":
        return "good" if cell == "running" else "bad" if cell.startswith(("exited", "dead", "restarting")) else "change"
    if column == "HEALTH":
        return {"healthy": "good", "unhealthy": "bad"}.get(cell, "faint")  # type: ignore[return-value]
    return None


async def description(settings: Settings, journal: Journal, name: str, *, show_values: bool) -> Description:
    """One container, with its instances, and the newest output of a check that is a command."""
    from evenkeel.controller.cli.reaching import open_domain
    from evenkeel.controller.cli.subjects.facts import facts_of, look_at, unknown_subject
    from evenkeel.reconcilers.capabilities import watched
    from evenkeel.reconcilers.containers.instances import is_proven
    from evenkeel.reconcilers.containers.reveal import revealed_difference
    from evenkeel.reconcilers.containers.select import protects
    from evenkeel.reconcilers.containers.settings import asked_texts, otherwise
    from evenkeel.specs.containers.difference import ContainerDifference
    from evenkeel.specs.containers.observed import ContainersSeen
    from evenkeel.specs.desired import DesiredState
    from evenkeel.specs.errors import Refused, TimedOut, Unavailable
    from evenkeel.templates.containers_described import ContainerOwn, Instance
    from evenkeel.templates.describe_text import Described

    facts = facts_of(settings, journal, _DOMAIN, name)
    said: Mapping[str, Output] = {}
    domain: Containers
    async with open_domain(settings, _DOMAIN) as domain:
        decisions = domain.reconciler
        want, memory, seen, away = await look_at(domain, journal, facts.state, ContainersSeen(""))
        try:
            said = await _said(domain, want, seen, name)
        except (Unavailable, TimedOut, Refused) as error:
            away = error
    desired = decisions.select(journal.revision("desired") or DesiredState()).subjects
    container, wish = want.subjects.get(name), desired.get(name)
    instances = [each for each in seen.containers if name in (each.name, each.engine_name)]
    last, is_system = journal.failures.last(name), name in want.system
    is_asked = container is not None or wish is not None or is_system
    if not (is_asked or instances or last is not None or facts.happened):
        failed = (each.subject for each in journal.failures.all())
        there = (each.name for each in seen.containers)
        raise away or unknown_subject(journal, _DOMAIN, name, {*want.subjects, *want.system, *there, *failed})
    shown = container if container is not None else wish
    ailment = watched(decisions).ailing(seen, memory).get(name) if away is None else None
    differences = decisions.diff(want, seen, memory) if away is None else ()
    difference = next((each for each in differences if each.subject == name), None)
    if show_values and isinstance(difference, ContainerDifference):
        difference = revealed_difference(difference, seen)
    protecting = next((each for each in facts.state.documents if protects(each, name)), None)
    by = _whose(name, want, instances, is_asked=container is not None, is_away=away is not None)
    own = ContainerOwn(
        name,
        tuple(
            Instance(
                each,
                each.container is not None and is_proven(each, container or each.container, memory),
                said[each.id].check if each.id in said else (),
            )
            for each in instances
        ),
        by == "evenkeel",
        _notified_by(facts.state, name),
        last,
        is_system,
        protecting.place if protecting is not None else None,
    )
    document = facts.document or facts.wish
    return Description(
        Described(
            "container",
            name,
            by,
            own,
            document.place if document is not None else None,
            asked_texts(shown, show_values=show_values) if shown is not None else (),
            facts.roles,
            facts.group,
            ailment.why if ailment is not None else "",
            difference,
            facts.failure,
            facts.given_up,
            facts.blocked,
            otherwise(container, wish) if facts.in_force == "last-good" else (),
            facts.in_force,
            facts.entries,
            str(away) if away is not None else "",
            facts.steps,
        ),
        away,
    )


async def _said(domain: Containers, want: ContainersWanted, seen: ContainersSeen, name: str) -> dict[str, Output]:
    """By id the newest output of each container of this name whose check is a command."""
    from evenkeel.controller.cycle.stage import output
    from evenkeel.specs.containers.container import ExecProbe
    from evenkeel.specs.containers.output import as_marked

    said = {}
    for each in seen.containers:
        health = each.container.health if each.container is not None else None
        is_asked = name in (each.name, each.engine_name) and each.check is not None
        if is_asked and health is not None and isinstance(health.probe, ExecProbe):
            of_it = (container for container, _ in want.documents if container.name == each.name)
            newest = await output(domain.driver, each.id, lambda error: type(error).__name__)
            said[each.id] = as_marked(newest, of_it)
    return said


def _notified_by(state: DesiredState, name: str) -> tuple[str, ...]:
    """The subjects of other domains after whose change this container begins anew."""
    from evenkeel.specs.documents.kinds import KINDS

    return tuple(
        each.name
        for each in state.subjects().values()
        for reference in KINDS[each.kind].refers(each.wanted)
        if name in reference.names and not reference.is_need
    )


def _whose(
    name: str, want: ContainersWanted, instances: Sequence[ContainerSeen], *, is_asked: bool, is_away: bool
) -> str:
    """By what is there, as `get` has it: that a container is asked for does not make one of others evenkeel's."""
    if name in want.system:
        return "system"
    if instances:
        return "evenkeel" if any(each.container is not None for each in instances) else "others"
    return "evenkeel" if is_asked else "unknown" if is_away else "nobody"
