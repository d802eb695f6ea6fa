"""A device with the provisioning domain alone: what is asked for is followed by looks, plans and actions, without a journal."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from evenkeel.controller.drivers.provisioning.engine import ProvisioningEngine
from evenkeel.controller.drivers.provisioning.ports import Pair
from evenkeel.reconcilers.provisioning import ProvisioningDecisions
from evenkeel.specs.desired import Document, desired_state
from evenkeel.specs.plan import Done, Failed, Outcome, Plan, Retry, Step
from evenkeel.specs.provisioning.memory import ProvisioningMemory
from evenkeel.specs.provisioning.observed import ProvisionedSeen
from evenkeel.specs.provisioning.provisioning import Provisioning

from .openssl import DEVICE

FOLDER = "/data/var/certificates"
_MOST_STAGES = 40
_DECISIONS = ProvisioningDecisions()


class Device:
    """`begin`: makes the driver of a new process. `root`: the folder that stands for `/`. `done`: the names of the actions that
    were done, `said`: what they told; `trouble`: what the last one met, or `None`."""

    def __init__(self, root: Path, begin: Callable[[], ProvisioningEngine]) -> None:
        self.root, self._begin = root, begin
        self.memory = ProvisioningMemory()
        self.done, self.said = list[str](), list[str]()
        self.trouble: Retry | Failed | None = None
        self.between: Callable[[], None] = lambda: None
        if not root.exists():
            _fresh(root)
        self.driver = begin()

    async def restart(self) -> None:
        """A new process."""
        await self.driver.close()
        self.driver = self._begin()

    def at(self, path: str) -> Path:
        return self.root / path.lstrip("/")

    def put(self, path: str, content: str | bytes) -> str:
        """Somebody writes a file; its path."""
        self.at(path).parent.mkdir(parents=True, exist_ok=True)
        self.at(path).write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def names(self) -> Pair:
        """The files as other programs read them."""
        folder = self.at(FOLDER)
        return Pair((folder / "device.crt").read_bytes(), (folder / "device.key").read_bytes())

    async def plan(self, *wanted: Provisioning) -> Plan:
        want = _DECISIONS.select(desired_state([Document("Provisioning", each.name, each) for each in wanted]))
        seen = await self.driver.observe(_DECISIONS.look(want, self.memory))
        return _DECISIONS.plan(_DECISIONS.diff(want, seen, self.memory), seen, self.memory)

    async def look(self, wanted: Provisioning) -> ProvisionedSeen:
        want = _DECISIONS.select(desired_state([Document("Provisioning", wanted.name, wanted)]))
        (found,) = (await self.driver.observe(_DECISIONS.look(want, self.memory))).subjects
        return found

    async def perform(self, step: Step) -> Outcome:
        self.begins(step)
        outcome = await self.driver.perform(step.action, lambda *given: None)
        self.ended(step, outcome)
        return outcome

    def begins(self, step: Step) -> None:
        self.memory = _DECISIONS.memory_before(step, self.memory)

    def ended(self, step: Step, outcome: Outcome) -> None:
        self.memory = _DECISIONS.memory_after(step, outcome, self.memory)

    async def follow(self, *wanted: Provisioning, restarts: bool = False, most: int = 1000) -> list[str]:
        """Do all that is due, until nothing is, or something cannot be done; the actions that were done. `restarts`: each
        action, and each look, has a process of its own; `most`: so many actions at most."""
        begun, self.trouble = len(self.done), None
        for _ in range(_MOST_STAGES):
            plan = await self.plan(*wanted)
            if not plan.stages:
                return self.done[begun:]
            for step in plan.stages[0].steps:
                if len(self.done) - begun >= most:
                    return self.done[begun:]
                outcome = await self.perform(step)
                self.between()
                if restarts:
                    await self.restart()
                if not isinstance(outcome, Done):
                    self.trouble = outcome
                    return self.done[begun:]
                self.done.append(step.action.traits.facts["action"])
                self.said.append(outcome.message)
        raise AssertionError(f"no end: {self.done[begun:]}")

    def settle(self, *wanted: Provisioning, restarts: bool = False) -> list[str]:
        """The same, with nothing left to do."""

        async def work() -> list[str]:
            found = await self.follow(*wanted, restarts=restarts)
            assert self.trouble is None, self.trouble
            return found

        return asyncio.run(work())


def _fresh(root: Path) -> None:
    """A device that has nothing but a network interface."""
    interface = root / "sys/devices/pci0/net/eth0"
    interface.mkdir(parents=True)
    (interface / "type").write_text("1\n")
    (interface / "address").write_text(DEVICE.replace("-", ":") + "\n")
    (root / "sys/class/net").mkdir(parents=True)
    (root / "sys/class/net/eth0").symlink_to("../../devices/pci0/net/eth0")
    (root / "etc").mkdir()
