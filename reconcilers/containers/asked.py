"""What a container is asked to be beyond the defaults, as the paths and texts of its spec."""

from __future__ import annotations

from evenkeel.reconcilers.containers.compare import fields
from evenkeel.specs.container import Container, ExecProbe, Health, HttpProbe
from evenkeel.specs.normalise import normal
from evenkeel.specs.quantity import duration_text
from evenkeel.specs.secrecy import shown_address


def asked_texts(container: Container, *, show_values: bool = False) -> tuple[tuple[str, str], ...]:
    """In order of path, the image first. What `fields` hides is hidden here, too."""
    usual = normal(Container(container.name, container.image))
    found = {each.path: each.new for each in fields(usual, container, show_values=show_values) if each.new}
    if container.health is not None:
        found |= _network_check(container.health)
    if container.stable_for != usual.stable_for:
        found["stableFor"] = duration_text(container.stable_for)
    if container.pull_policy != usual.pull_policy:
        found["pullPolicy"] = container.pull_policy
    if container.depends_on:
        found["dependsOn"] = ", ".join(container.depends_on)
    return (("image", container.image), *sorted(found.items()))


def _network_check(health: Health) -> dict[str, str]:
    """A command is a field already."""
    if isinstance(health.probe, ExecProbe):
        return {}
    kind = "http" if isinstance(health.probe, HttpProbe) else "tcp"
    path = {"health.http.path": shown_address(health.probe.path)} if isinstance(health.probe, HttpProbe) else {}
    return {
        f"health.{kind}.port": str(health.probe.port),
        **path,
        "health.interval": duration_text(health.interval),
        "health.timeout": duration_text(health.timeout),
        "health.retries": str(health.retries),
        "health.startPeriod": duration_text(health.start_period),
    }
