"""The demonstration: the real controller, real spec files, a simulated engine, in less than a minute.

A story in nine acts. It prints the output of the commands, and runs the work of `evenkeel run`: files change, the
controller notices, plans, converges. Each act ends only when the engine's world is as the text claims, and the whole
fails otherwise: the demonstration is a test, too.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from evenkeel import templates
from evenkeel.controller.cli.demo.identity_act import CONNECTOR, Identity
from evenkeel.controller.cli.demo.mqtt_act import Screen, play_over_mqtt
from evenkeel.controller.cycle.preview import preview
from evenkeel.controller.journal.journal import Journal
from evenkeel.controller.process.clock import system_now
from evenkeel.controller.slots_wiring import simulated_slots
from evenkeel.controller.wiring import (
    build_controller,
    open_domains,
    open_source,
    read_files,
    simulated_engine,
)
from evenkeel.specs.containers.container import Container
from evenkeel.specs.containers.normalise import normal
from evenkeel.specs.errors import Bug
from evenkeel.specs.feedback import Feedback
from evenkeel.specs.provisioning.provisioning import Provisioning
from evenkeel.specs.settings.settings import Settings
from evenkeel.templates.plan_text import plan_lines
from evenkeel.templates.status_text import Failure, Status, status_lines
from evenkeel.templates.style import paint

SPECS = Path(templates.__file__).parent / "demo"
_BROKER = "ghcr.io/eclipse/kuksa.val/databroker"
_SERVICES = "ghcr.io/eclipse/kuksa.val.services"
_AGENT = "ghcr.io/eclipse-leda/leda-contrib-self-update-agent/self-update-agent:v0.1.0"
_LIMIT_S = 120.0

_FIRST = {
    "databroker": f"{_BROKER}:0.2.4",
    "hvac": f"{_SERVICES}/hvac_service:v0.1.0",
    "seat-service": f"{_SERVICES}/seat_service:v0.3.0",
    "self-update-agent": _AGENT,
}
_UPDATED = {
    "databroker": f"{_BROKER}:0.2.5",
    "feeder": "ghcr.io/eclipse/kuksa.val.feeders/dbc2val:v0.1.1",
    "seat-service": f"{_SERVICES}/seat_service:v0.3.0",
    "self-update-agent": _AGENT,
}


class Demo:
    """One performance. `settings.specs` names one folder, which is written to; the state directory is to be empty."""

    def __init__(self, settings: Settings, journal: Journal, screen: Screen, *, fast: bool) -> None:
        self._settings, self._journal, self._screen = settings, journal, screen
        self._pause_s = 0.0 if fast else 0.7
        self._engine, image, script = simulated_engine(state=settings.state)
        self._engine.catalogue = {
            f"{_BROKER}:0.2.4": image(41_000_000),
            f"{_BROKER}:0.2.5": image(43_000_000),
            f"{_BROKER}:0.2.6": image(44_000_000, exits_with=1, exits_after_s=0.3),
        }
        self._engine.script = script(pull_rate=2e9) if fast else script(perform_s=0.08, pull_rate=45_000_000)
        self._engine.put_foreign(normal(Container("self-update-agent", _AGENT)))
        self._domains = open_domains(self._settings, self._engine)
        self._slots, bundle = simulated_slots(self._domains)
        broken = "https://updates.example.com/os-1.6.0.raucb"
        self._slots.world.served[broken] = bundle("1.6.0", boots=False)
        self._slots.store.piece_s = self._slots.updater.piece_s = 0.001 if fast else 0.1
        self._slots.machine.reboot_s = 0.1 if fast else 1.5
        self._news = asyncio.Event()

    async def play(self) -> bool:
        """Play all acts; False when it was stopped. Bug when an act does not end as expected."""
        controller = build_controller(
            self._settings,
            self._journal,
            self._domains,
            open_source(self._settings),
            on_entry=self._entry,
            progress=self._screen.show.progress,
        )
        self._tell("This is evenkeel on a simulated engine. Nothing on this machine is touched.")
        await self._plan("first", {"create": 3, "keep": 1})
        work = asyncio.create_task(controller.run())
        acts = asyncio.create_task(self._acts(controller.look))
        try:
            await asyncio.wait((acts, work), return_when=asyncio.FIRST_COMPLETED)
            if not acts.done():
                return False
            acts.result()
        finally:
            acts.cancel()
            controller.stop()
            await work
        self._head("A desired state over MQTT")
        await play_over_mqtt(
            self._settings, self._journal, self._engine, self._engine.running, SPECS / "message.json", self._screen
        )
        self._tell(
            "\nTry it with your own files: evenkeel plan --specs DIR; evenkeel apply --engine docker --specs DIR"
        )
        return True

    # ── the acts ───────────────────────────────────────────────────────────────────────────────────────────────

    async def _acts(self, look: Callable[[], None]) -> None:
        self._head("A new device converges")
        self._tell("Fetch everything, create, start in order of dependencies, and believe nothing before it is proven.")
        await self._converge("first", _FIRST)

        self._head("An update")
        self._tell(
            "Somebody edits the files: a new databroker, more memory for the seat, a feeder, and no hvac any more."
        )
        await self._plan("update", {"create": 1, "recreate": 1, "update": 1, "remove": 1, "keep": 1})
        await self._converge("update", _UPDATED)

        self._head("Drift")
        self._tell(
            "Other hands: seat-service is killed and feeder is removed, past evenkeel. It sees that and repairs it."
        )
        self._engine.kill("seat-service")
        self._engine.remove("feeder")
        self._check("drift was injected", "feeder" not in self._engine.running())
        await self._until("drift is repaired", lambda: self._engine.running() == _UPDATED and self._settled())
        await self._pause()

        self._head("A bad image")
        self._tell(
            "databroker 0.2.6 ends right after its start. The plan cannot know that; the watch over its health does."
        )
        await self._plan("broken", {"recreate": 1, "keep": 1})
        good, after = self._journal.digest("last-good"), self._journal.last_seq()
        self._ask("broken")
        await self._until("the bad image is rolled back", lambda: self._reason() == "RolledBack")
        self._check("what was good is at work", self._engine.running() == _UPDATED)
        self._check("last good is what it was", self._journal.digest("last-good") == good)
        self._check("the bad revision is remembered", bool(self._failure()))
        kinds = [entry.kind for entry in self._journal.entries(after)]
        self._check("it was said in order", _in_order(kinds, ("revision-failed", "rolling-back", "rolled-back")))
        await self._pause()
        self._tell("\nThis is what `evenkeel status` says about it now:")
        for line in self._status():
            self._screen.echo(f"    {line}".rstrip())
        await self._pause()

        self._head("Repaired by going back in the files")
        self._tell("The version is taken back: what is asked for is what runs, so there is nothing to do.")
        self._ask("update")
        await self._until("all is as asked", lambda: self._settled() and self._journal.digest("desired") == good)
        self._tell("Settled.")

        self._head("An operating system")
        self._tell(
            "Somebody asks for another system, too. It goes into the slot that is not booted; this simulated device reboots."
        )
        await self._plan("system", {"install": 1, "keep": 1}, "update")
        self._ask("system")
        await self._until("the new system runs", lambda: self._system() == "1.5.0" and self._settled())
        self._tell("Settled: slot B runs 1.5.0, was well after the boot, and is marked good.")
        await self._pause()

        self._head("A system that does not boot")
        self._tell("The kernel of 1.6.0 panics. The bootloader tries it, and goes back to the other slot by itself.")
        self._ask("fallback")
        await self._until("the fallback is told", lambda: self._reason() == "RolledBack")
        self._check("the system before runs", self._system() == "1.5.0")
        self._check("no container was touched", self._engine.running() == _UPDATED)
        failure = self._failure()
        self._check("the fallback is called one", failure is not None and "fell back" in failure.why)
        await self._pause()
        self._ask("system")
        await self._until("all is as asked again", self._settled)
        self._tell(
            "\nBack in the files, and settled. `evenkeel get os` shows both systems, `evenkeel slots` all slots."
        )
        await self._pause()

        self._head("An identity")
        self._tell(
            "A registry, an identity at a simulated Azure, and the program that connects, in one revision. The key and the"
            " certificate are made and tried first."
        )
        await self._plan("identity", {"create": 3, "keep": 1}, "update", "system")
        self._ask("identity")
        await self._until("the connector runs", lambda: CONNECTOR in self._engine.running() and self._settled())
        await self._rotate(Identity(self._domains, self._engine, self._identity()), look)

    async def _rotate(self, identity: Identity, look: Callable[[], None]) -> None:
        """One certificate follows another one. `look`: as the command does, have the controller look."""
        first, began_at = identity.certificate(), identity.began_at()
        self._check("the connector knows its hub", "simulated.azure-devices.net" in identity.handed_over())
        self._tell(f"Settled: the hub lets the device in with the certificate {first}….")
        self._screen.echo(paint("\n$ evenkeel provision --rotate", "faint", self._screen.style))
        await identity.rotate(self._tell)
        look()
        await self._until("the rollover is done", lambda: identity.certificate() != first and identity.has_one())
        await self._until("the connector began anew", lambda: identity.began_at() > began_at and self._settled())
        self._tell(f"Settled: {identity.certificate()}… is in force, and the connector began anew with it.")
        await self._pause()

    # ── what acts are made of ──────────────────────────────────────────────────────────────────────────────────

    async def _plan(self, act: str, verbs: dict[str, int], *others: str) -> None:
        """Show the plan for files that are not in force yet, beside those of `others`."""
        desired = read_files([str(SPECS / each) for each in (*others, act)]).desired
        found = await preview(self._domains, self._journal, desired)
        self._screen.echo(paint("\n$ evenkeel plan", "faint", self._screen.style))
        for line in plan_lines(found.texts(), self._screen.width, self._screen.style):
            self._screen.echo(line)
        shown = [difference.verb for each in found.plans for difference in each.plan.differences]
        self._check(f"the plan is {verbs}", {verb: shown.count(verb) for verb in shown} == verbs)
        await self._pause(2)

    async def _converge(self, act: str, world: dict[str, str]) -> None:
        self._ask(act)
        await self._until(f"{act} is converged", lambda: self._engine.running() == world and self._settled())
        names = {kept.engine_name for kept in self._engine.world.containers.values()}
        self._check("nothing else is left", names == set(world))
        self._tell("Settled: everything asked for is there and proven.")
        await self._pause()

    def _ask(self, act: str) -> None:
        """Replace the files that the controller watches."""
        folder = Path(self._settings.specs[0])
        for file in sorted((SPECS / act).iterdir()):
            shutil.copy(file, folder / f".{file.name}")
            (folder / f".{file.name}").replace(folder / file.name)
        self._asked = read_files([str(folder)]).desired.digest

    def _identity(self) -> Provisioning:
        """The identity that the files ask for."""
        found = read_files([str(self._settings.specs[0])]).desired.documents
        return next(each.wanted for each in found if isinstance(each.wanted, Provisioning))

    def _settled(self) -> bool:
        """Whether the newest files are in force, and the device has reached them."""
        return self._reason() == "Converged" and self._journal.digest("last-good") == self._asked

    def _system(self) -> str:
        """The version of the system that runs."""
        running = self._slots.world.running()
        return running.version if running is not None else ""

    def _reason(self) -> str:
        conditions = {condition.name: condition for condition in self._journal.conditions()}
        return conditions["Settled"].reason if "Settled" in conditions else ""

    def _failure(self) -> Failure | None:
        attempt = self._journal.attempts.of(self._journal.digest("desired"))
        return Failure(attempt.digest, attempt.why, attempt.failures, attempt.at, attempt.failed) if attempt else None

    def _status(self) -> tuple[str, ...]:
        import os

        status = Status(
            state=self._settings.state,
            specs=self._settings.specs,
            engine="memory",
            pid=os.getpid(),
            desired=self._journal.digest("desired"),
            last_good=self._journal.digest("last-good"),
            conditions=self._journal.conditions(),
            failure=self._failure(),
        )
        return status_lines(status, system_now(), self._screen.width - 4, self._screen.style)

    async def _until(self, what: str, holds: Callable[[], bool]) -> None:
        try:
            async with asyncio.timeout(_LIMIT_S):
                while not holds():
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            raise Bug("demo", f"{what}: not so after {_LIMIT_S:g} s") from None

    def _check(self, what: str, holds: bool) -> None:
        if not holds:
            raise Bug("demo", f"{what}: not so")

    def _entry(self, entry: Feedback) -> None:
        self._screen.show.entry(entry)
        self._news.set()

    def _head(self, text: str) -> None:
        self._screen.echo("\n" + paint(text, "strong", self._screen.style))

    def _tell(self, text: str) -> None:
        self._screen.echo(text)

    async def _pause(self, times: float = 1.0) -> None:
        await asyncio.sleep(self._pause_s * times)


def _in_order(found: Sequence[str], wanted: tuple[str, ...]) -> bool:
    """Whether `wanted` appears in `found` in this order, with anything between."""
    rest = iter(found)
    return all(kind in rest for kind in wanted)
