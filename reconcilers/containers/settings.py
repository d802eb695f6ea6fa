"""The settings of a container that differ from the defaults, as paths and texts of its spec."""

from __future__ import annotations

from evenkeel.reconcilers.containers.compare import Field, fields, in_order
from evenkeel.specs.containers.container import Container, ExecProbe, Health, HttpProbe, condition_of, time_to_end
from evenkeel.specs.containers.normalise import normal
from evenkeel.specs.reading.quantity import duration_text
from evenkeel.specs.reading.secrecy import shown_target


def asked_texts(container: Container, *, show_values: bool = False) -> tuple[tuple[str, str], ...]:
    """In order of path, the image first. Values that `fields` hides are hidden here, too."""
    usual = normal(Container(container.name, container.image))
    found = {each.path: each.new for each in fields(usual, container, show_values=show_values) if each.new}
    if container.health is not None:
        found |= _network_check(container.health)
    if container.stable_for != usual.stable_for:
        found["stableFor"] = duration_text(container.stable_for)
    if container.pull_policy != usual.pull_policy:
        found["pullPolicy"] = container.pull_policy
    if container.image_volumes == "discard":
        found["imageVolumes"] = "discard"
    if container.depends_on:
        found["dependsOn"] = ", ".join(_dependency(container, name) for name in container.depends_on)
    if (within := time_to_end(container)) is not None:
        found["runOnce.timeout"] = duration_text(within)
    return (("image", container.image), *sorted(found.items(), key=lambda each: in_order(each[0])))


def otherwise(kept: Container | None, wish: Container | None) -> tuple[Field, ...]:
    """The settings in which `wish` differs from `kept`, in order of path; the image, for a container that only one of
    them asks for."""
    if kept is None or wish is None:
        old, new = (each.image if each is not None else "" for each in (kept, wish))
        return (Field("", old, new),) if old or new else ()
    before, after = dict(asked_texts(kept)), dict(asked_texts(wish))
    found = {path: (before.get(path, ""), after.get(path, "")) for path in {*before, *after}}
    hidden = {each.path: (each.old, each.new) for each in fields(kept, wish)}
    if _paths(kept) != _paths(wish):  # the differing part may be hidden
        hidden["health.http.path"] = found["health.http.path"]
    differing = {path: texts for path, texts in found.items() if texts[0] != texts[1]} | hidden
    return tuple(Field(path, *texts) for path, texts in sorted(differing.items(), key=lambda each: in_order(each[0])))


def _dependency(container: Container, name: str) -> str:
    condition = condition_of(container, name)
    return name if condition == "healthy" else f"{name} ({condition})"


def _paths(container: Container) -> str:
    health = container.health
    return health.probe.path if health is not None and isinstance(health.probe, HttpProbe) else ""


def _network_check(health: Health) -> dict[str, str]:
    """A command is a field already."""
    if isinstance(health.probe, ExecProbe):
        return {}
    kind = "http" if isinstance(health.probe, HttpProbe) else "tcp"
    path = {"health.http.path": shown_target(health.probe.path)} if isinstance(health.probe, HttpProbe) else {}
    return {
        f"health.{kind}.port": str(health.probe.port),
        **path,
        "health.interval": duration_text(health.interval),
        "health.timeout": duration_text(health.timeout),
        "health.retries": str(health.retries),
        "health.startPeriod": duration_text(health.start_period),
    }
