"""Update agents as an update manager sees them: evenkeel's own, Kanto's and Leda's original. Pure; each says and
forgets what it does.

Kanto's and Leda's are those of update-manager.md §9: a way back that is refused or silent, no memory over a restart,
`COMPLETE`. Asked again in the middle, evenkeel's and Kanto's begin with DOWNLOAD; Leda's says nothing and waits for its next
command (self-update-agent.md §4.1).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from evenkeel.reconcilers.operations.statuses import ANSWERS, WORKING
from evenkeel.specs.operations.events import AgentFeedback
from evenkeel.specs.operations.operation import ToldAction

_WORKING = {command: status for status, command in WORKING.items()}
_WELL = {command: status for status, (command, _) in ANSWERS.items() if status.endswith("_SUCCESS")}
BADLY = {command: status for status, (command, _) in ANSWERS.items() if status.endswith("_FAILURE")}
_AFTER = {"DOWNLOAD": "IDENTIFIED", "UPDATE": "DOWNLOAD_SUCCESS", "ACTIVATE": "UPDATE_SUCCESS"}
_BACK_AFTER = ("DOWNLOAD_SUCCESS", "UPDATE_SUCCESS", "ACTIVATION_FAILURE", "ACTIVATION_SUCCESS")


Kind = Literal["local", "evenkeel", "kanto", "leda", "keeping"]
"""`local`: evenkeel's own on the device of the manager. `keeping`: another one, which remembers as evenkeel's, and says how
far it is when it is asked again."""


class Agent:
    """One agent, which brings its component from version "1" to "2". `runs`: what runs; `next`: what would run after a
    reboot."""

    def __init__(
        self,
        domain: str,
        kind: Kind = "local",
        *,
        fails: str = "",
        silent: str = "",
        boots_badly: bool = False,
        stays: bool = False,
        apart: bool = False,
        component: str = "",
        version: str = "2",
        reboots: bool = False,
    ) -> None:
        """`stays`: what was activated boots again, although it was taken back. `apart`: it does not boot with the device of the
        manager. `version`: what is asked for, "" to be without the component. `reboots`: it takes a reboot, as that of
        self-update does in any case."""
        self.apart, self.version, self.reboots = apart, version, reboots or domain == "self-update"
        self.domain, self.kind, self._fails, self._silent, self._boots_badly = domain, kind, fails, silent, boots_badly
        self._stays = stays
        name = "os-image" if kind == "leda" or domain == "self-update" else "app"
        self.component = f"{domain}:{component or name}"
        self.components = (self.component,)
        self.runs, self.next = "1", "1"
        self.status = ""
        self.commands: list[str] = []
        self._begun = False
        self._is_questioned = False
        """Whether the question of a new connection has followed its desired state. It wipes the target of Leda's busy agent
        (self-update-agent.md §4.2)."""
        self._has_target = True

    def fail(self, command: str) -> None:
        """This command fails from now on."""
        self._fails = command

    def hush(self, command: str) -> None:
        """This command is not answered from now on; "": each is."""
        self._silent = command

    def slice(self, *, repeated: bool = False) -> Iterator[AgentFeedback]:
        """The desired state arrives. `repeated`: as a message that was not acknowledged, and not because of a new connection,
        which a question for the current state follows."""
        if self.status and self.kind == "leda":
            if not repeated:
                self._has_target, self._is_questioned = self._is_questioned, True
            return
        if self.status and self.kind == "keeping":
            yield self._say(self.status)
            return
        yield self._say("IDENTIFYING")
        if self._silent == "IDENTIFY":
            return
        if self._fails == "IDENTIFY":
            yield AgentFeedback(self.domain, "IDENTIFICATION_FAILED", message="no such thing")
            return
        if self.runs == self.version and not (self.status and self.kind == "evenkeel"):
            yield AgentFeedback(self.domain, "COMPLETED" if self.kind == "leda" else "IDENTIFIED")
            return
        self.status = "IDENTIFIED"
        yield self._say("IDENTIFIED")

    def versions(self) -> dict[str, str]:
        """The version of its component that runs."""
        return {self.component: self.runs}

    def command(self, command: str, baseline: str = "") -> Iterator[AgentFeedback]:
        """A command arrives. It is for everything, whatever `baseline` says, and no answer names one."""
        self.commands.append(command)
        if not self.status or self._silent == command:
            return
        if command == "ROLLBACK" and self.kind == "leda":
            self.status, self.next = "", self.runs
            return
        refused = command in _AFTER and self.status != _AFTER[command]
        if command == "ROLLBACK" and self.status not in _BACK_AFTER:
            refused = self.kind == "kanto" or not self._begun
        if refused:
            yield self._say(BADLY[command], f"{command} is possible only after status X is reported")
            return
        yield self._say(_WORKING[command])
        if self._fails == command or (command in ("DOWNLOAD", "UPDATE") and not self._has_target):
            self.status = BADLY[command]
            yield self._say(self.status, f"{command} went wrong")
            if command == "CLEANUP":
                yield from self._end("INCOMPLETE")
            return
        was, self.status, self._begun = self.status, _WELL[command], command != "CLEANUP"
        self._do(command)
        yield self._say(self.status)
        if command == "CLEANUP":
            yield from self._end(
                "COMPLETED" if was == "ACTIVATION_SUCCESS" and self.runs == self.version else "INCOMPLETE"
            )

    def _do(self, command: str) -> None:
        if command == "ACTIVATE":
            self.next = self.version
            self.runs = self.runs if self.reboots else self.version
        elif command == "ROLLBACK":
            self.next = self.version if self._stays else "1"
            self.runs = self.runs if self.reboots else "1"

    def _end(self, how: str) -> Iterator[AgentFeedback]:
        self.status = ""
        yield self._say("COMPLETE" if how == "COMPLETED" and self.kind == "leda" else how)

    def restart(self) -> None:
        """The process begins anew."""
        if self.kind in ("kanto", "leda"):
            self.status = ""

    def boot(self) -> None:
        """The device begins anew. A bootloader falls back from what does not boot."""
        if self.next == self.version and self._boots_badly:
            self.next = self.runs
        self.runs = self.next
        self.restart()

    def _say(self, status: str, message: str = "") -> AgentFeedback:
        told = ToldAction(self.component, self.version, status if status in ANSWERS else "IDENTIFIED")
        return AgentFeedback(self.domain, status, "", message, (told,))
