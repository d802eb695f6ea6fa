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
_BADLY = {command: status for status, (command, _) in ANSWERS.items() if status.endswith("_FAILURE")}
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
    ) -> None:
        """`stays`: what was activated boots again, although it was taken back. `apart`: it does not boot with the device of the
        manager."""
        self.apart = apart
        self.domain, self.kind, self._fails, self._silent, self._boots_badly = domain, kind, fails, silent, boots_badly
        self._stays = stays
        self.component = f"{domain}:os-image" if kind == "leda" or domain == "self-update" else f"{domain}:app"
        self.runs, self.next = "1", "1"
        self.status = ""
        self.commands: list[str] = []
        self._begun = False
        self._is_questioned = False
        """Whether the question of a new connection has followed its desired state. It wipes the target of Leda's busy agent
        (self-update-agent.md §4.2)."""
        self._has_target = True

    @property
    def reboots(self) -> bool:
        return self.domain == "self-update"

    def fail(self, command: str) -> None:
        """This command fails from now on."""
        self._fails = command

    def hush(self, command: str) -> None:
        """This command is not answered from now on; "": each is."""
        self._silent = command

    def slice(self) -> Iterator[AgentFeedback]:
        """The desired state arrives."""
        if self.status and self.kind == "leda":
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
        if self.runs == "2" and not (self.status and self.kind == "evenkeel"):
            yield AgentFeedback(self.domain, "COMPLETED" if self.kind == "leda" else "IDENTIFIED")
            return
        self.status = "IDENTIFIED"
        yield self._say("IDENTIFIED")

    def command(self, command: str) -> Iterator[AgentFeedback]:
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
            yield self._say(_BADLY[command], f"{command} is possible only after another status")
            return
        yield self._say(_WORKING[command])
        if self._fails == command or (command in ("DOWNLOAD", "UPDATE") and not self._has_target):
            self.status = _BADLY[command]
            yield self._say(self.status, f"{command} went wrong")
            if command == "CLEANUP":
                yield from self._end("INCOMPLETE")
            return
        was, self.status, self._begun = self.status, _WELL[command], command != "CLEANUP"
        self._do(command)
        yield self._say(self.status)
        if command == "CLEANUP":
            yield from self._end("COMPLETED" if was == "ACTIVATION_SUCCESS" and self.runs == "2" else "INCOMPLETE")

    def _do(self, command: str) -> None:
        if command == "ACTIVATE":
            self.next = "2"
            self.runs = self.runs if self.reboots else "2"
        elif command == "ROLLBACK":
            self.next = "2" if self._stays else "1"
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
        if self.next == "2" and self._boots_badly:
            self.next = self.runs
        self.runs = self.next
        self.restart()

    def _say(self, status: str, message: str = "") -> AgentFeedback:
        told = ToldAction(self.component, "2", status if status in ANSWERS else "IDENTIFIED")
        return AgentFeedback(self.domain, status, "", message, (told,))
