"""What is true in the memory engine's world: read from the world itself, never from what evenkeel thinks of it.

The laws of truth hold statements against this in the very moment in which they are made. Each answer is a sentence that says
what is wrong, "" when nothing is.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from evenkeel.controller.drivers.containers.memory import MemoryEngine, WorldContainer
from evenkeel.specs.containers.container import Container, ExecProbe

_UP = ("running", "restarting")
_LASTING = ("always", "unless-stopped")


class Truth:
    """What is true of containers by their names."""

    def __init__(self, engine: MemoryEngine) -> None:
        self.engine = engine

    def own(self, name: str) -> list[WorldContainer]:
        """Every instance of a name."""
        self.engine.running()  # lets processes end
        return [
            each for each in self.engine.world.containers.values() if each.container and each.container.name == name
        ]

    def ends_by_itself(self, name: str) -> bool:
        """Whether an instance of this name is of content that does not run for ever."""
        return any(self.engine.simulation.behaviour(each).exits_with is not None for each in self.own(name))

    def not_up(self, name: str, image: str, contents: Collection[str] = ()) -> str:
        """Why a container does not run under its name, alone, of this image, on its network. `contents`: the ids of content
        that the image may have."""
        up = [each for each in self.own(name) if each.state == "running"]
        if [each.image for each in up] != [image]:
            return f"{name} runs {self._texts(name)}"
        (only,) = up
        if only.engine_name != name:
            return f"{name} runs as {only.engine_name}"
        if contents and only.image_id not in contents:
            return f"{name} runs other content than is asked for: {only.image_id[:15]}"
        return f"{name} is cut off" if self.engine.simulation.cut_off(only) else ""

    def not_there(self, wanted: Container, contents: Collection[str] = ()) -> str:
        """Why a container is not there as it is asked for: one instance of it, under its name, of this image with these limits
        and this restart policy, on its network, and at work, unless its policy let it end."""
        own = [each for each in self.own(wanted.name) if each.engine_name == wanted.name]
        others = [each for each in self.own(wanted.name) if each.engine_name != wanted.name]
        if not own or own[0].container is None or any(each.state in _UP for each in others):
            return f"{wanted.name} is {self._texts(wanted.name)}"
        (only,), is_as = own, own[0].container
        asked = (wanted.image, wanted.resources, wanted.restart.policy)
        if (is_as.image, is_as.resources, is_as.restart.policy) != asked:
            return f"{wanted.name} is of {is_as.image} with {is_as.resources} and {is_as.restart}"
        if contents and only.image_id not in contents:
            return f"{wanted.name} is of other content than is asked for: {only.image_id[:15]}"
        if only.state in _UP and self.engine.simulation.cut_off(only):
            return f"{wanted.name} is cut off"
        if only.state in _UP:
            return ""
        if only.state != "exited" or wanted.restart.policy in _LASTING:
            return f"{wanted.name} is {only.state}"
        lasted_s = only.finished_at - only.started_at
        is_unproven = only.was_killed and lasted_s < wanted.stable_for.total_seconds()
        return f"{wanted.name} was stopped by others after {lasted_s:g} s" if is_unproven else ""

    def unwell(self, wanted: Container) -> str:
        """Why a container that is there is not well. One that ends well and is started again each time was proven so."""
        for each in self.own(wanted.name):
            if each.engine_name != wanted.name:  # an old one, left over
                continue
            check = _check(wanted, each)
            if each.state == "running" and check and not self.engine.simulation.behaviour(each).healthy:
                return f"{wanted.name} fails its check"
            if each.state == "running" and each.restart_count:  # one that flaps
                return f"{wanted.name} was started again"
            if each.state in ("restarting", "exited") and each.exit_code:
                return f"{wanted.name} ended with exit code {each.exit_code}"
        return ""

    def ailing(self, name: str, asked: Sequence[Container], held_up: Collection[str], by_us: Collection[str]) -> str:
        """Why `Healthy` must not hold for a container that is there, by the checks that are `asked` for. One that is up nowhere
        is well while evenkeel is at a switch of it: unless the switch is `held_up`, or an instance is down that was neither
        stopped `by_us` (beginnings of ids) nor let end."""
        own = self.own(name)
        for each in own:
            if each.state not in _UP:
                continue
            if self.engine.simulation.cut_off(each):
                return f"{name} is cut off"
            if each.state == "restarting" and each.exit_code:
                return f"{name} keeps ending"
            if each.state == "running" and each.restart_count:  # one that flaps
                return f"{name} was started again"
            behaves = self.engine.simulation.behaviour(each)
            fails = each.state == "running" and not behaves.healthy and behaves.newest_check != "none yet"
            if fails and asked and all(_check(wanted, each) for wanted in asked):
                return f"{name} fails its check"
        if not self.is_down(name):
            return ""
        others = [each for each in own if each.state != "created" and not _ended_well(each)]
        if name in held_up or any(each.id[:12] not in by_us for each in others):
            return f"{name} is down: {self._texts(name)}"
        return ""

    def is_down(self, name: str) -> bool:
        """Whether instances are there and none is up, unless one has ended as its policy lets it and none is to follow."""
        own = self.own(name)
        is_over = any(_ended_well(each) for each in own) and not any(each.state == "created" for each in own)
        return bool(own) and not is_over and not any(each.state in _UP for each in own)

    def in_doubt(self, wanted: Container) -> str:
        """Why nobody knows whether a container that runs is well: its newest check failed, if not often enough."""
        for each in self.own(wanted.name):
            runs = each.engine_name == wanted.name and each.state == "running"
            if runs and _check(wanted, each) and self.engine.simulation.behaviour(each).newest_check == "failed":
                return f"{wanted.name} has failed its newest check"
        return ""

    def _texts(self, name: str) -> list[tuple[str, str, str]]:
        return [(each.engine_name, each.image, each.state) for each in self.own(name)]


def _ended_well(each: WorldContainer) -> bool:
    """Whether it ended as its policy lets it."""
    return (
        each.state == "exited" and not each.exit_code and bool(each.container and each.container.restart.policy == "no")
    )


def _check(wanted: Container, kept: WorldContainer) -> bool:
    """Whether a check is in force: a command as it was created with, a network check as it is asked for now."""
    created_with = kept.container.health if kept.container else None
    if created_with is not None and isinstance(created_with.probe, ExecProbe):
        return True
    return wanted.health is not None and not isinstance(wanted.health.probe, ExecProbe)
