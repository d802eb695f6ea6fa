"""`evenkeel slots`: the slots of the operating system, and what a person may ask of them directly."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from evenkeel.controller.cli.consent import consents
from evenkeel.controller.cli.options import (
    Options,
    on_terminal,
    shared_options,
    terminal_style,
    terminal_width,
)
from evenkeel.controller.cli.output import echo, echo_lines

if TYPE_CHECKING:
    from collections.abc import Callable

    from evenkeel.controller.cycle.domain import AnyDomain
    from evenkeel.controller.journal.journal import Journal
    from evenkeel.specs.plan import Plan
    from evenkeel.specs.problem import Flaw
    from evenkeel.specs.settings.settings import Settings
    from evenkeel.specs.slots.memory import SlotsMemory
    from evenkeel.specs.slots.observed import SlotSeen, SlotsSeen
    from evenkeel.specs.slots.system import OperatingSystem

    Planning = Callable[[SlotsSeen, SlotsMemory], Plan]

_SHARED = ("config", "state", "engine")
_ANY = "any"


@click.group("slots", invoke_without_command=True)
@click.option("-o", "--output", type=click.Choice(["text", "json", "yaml"]), default="text", help="How to print them.")
@shared_options(*_SHARED)
@click.pass_context
def command(context: click.Context, options: Options, output: str) -> int | None:
    """Show the slots of the operating system; mark, boot, install by hand.

    \b
      evenkeel slots                          all slots: state, what boots next, marks, versions
      evenkeel slots check                    what of the device would keep an update from working
      evenkeel slots mark good|bad|active SLOT
      evenkeel slots boot-other               boot the other slot now
      evenkeel slots install BUNDLE           write a bundle into the slot that is not booted

    BOOTS says which slot runs (`now`) and which one the bootloader boots `next`; MARK is the bootloader's, CONTENT that of the
    updater, PROVEN evenkeel's.

    A command that changes something needs the state directory for itself, as `evenkeel apply` does: it is refused while a
    controller is at work, which is not to find slots changed below it. A document that asks for an operating system stays in
    force. A system that is booted by hand then is drift, which is told, or repaired, as the document says.

    Exit code: 0; 1 when it cannot be done, or the slots cannot be seen.
    """
    context.obj = options
    if context.invoked_subcommand is not None:
        return None
    import asyncio
    from contextlib import closing
    from pathlib import Path

    from evenkeel.controller.cli.output import echo_value
    from evenkeel.controller.cli.subjects.slots import look
    from evenkeel.controller.journal.journal import read_journal
    from evenkeel.templates.slots_described import COLUMNS, slot_colour, slot_row, slots_value
    from evenkeel.templates.tables import table_lines

    settings = options.settings()
    with closing(read_journal(Path(settings.state))) as journal:
        seen, slots = asyncio.run(look(settings, journal))
    if output != "text":
        echo_value(slots_value(seen, slots), output)
        return 0
    for line in table_lines(
        COLUMNS, [slot_row(each) for each in slots], terminal_width(), terminal_style(), slot_colour
    ):
        echo_lines(line)
    if seen.operation:
        echo(f"Note: the updater is {seen.operation}")
    _say_simulated(settings)
    return 0


@command.command("check")
@click.option("-o", "--output", type=click.Choice(["text", "json", "yaml"]), default="text", help="How to print it.")
@shared_options(*_SHARED)
def check(options: Options, output: str) -> int:
    """Say what of the device would keep an update from working, and the remedy.

    Looks at RAUC's configuration, its keyring, the bootloader's environment, the rescue slot, where RAUC keeps what it knows of
    slots, the room for bundles, and whether evenkeel may reboot the device. Nothing is changed.

    Exit code: 0 when nothing is wrong, also with warnings; 1 when something is.
    """
    import asyncio
    from contextlib import closing
    from pathlib import Path

    from evenkeel.controller.cli.output import echo_value
    from evenkeel.controller.cli.subjects.slots import look
    from evenkeel.controller.journal.journal import read_journal
    from evenkeel.controller.process.clock import system_now
    from evenkeel.controller.slots_wiring import check_slots
    from evenkeel.reconcilers.slots.checks import of_slots
    from evenkeel.specs.errors import Refused, TimedOut, Unavailable
    from evenkeel.specs.slots.finding import Finding
    from evenkeel.templates.slots_checked import finding_lines, findings_value

    settings = options.settings()
    with closing(read_journal(Path(settings.state))) as journal:
        try:
            findings = of_slots(asyncio.run(look(settings, journal))[0])
        except (Unavailable, TimedOut, Refused) as error:
            findings = (Finding("updater", "error", error.message, "on a device with RAUC: `systemctl status rauc`"),)
    findings = (*findings, *check_slots(settings, system_now()))
    if output != "text":
        echo_value(findings_value(findings), output)
    else:
        for line in finding_lines(findings, terminal_width(), terminal_style()):
            echo_lines(line)
        _say_simulated(settings)
    return int(any(each.level == "error" for each in findings))


@command.command("mark")
@click.argument("mark", type=click.Choice(["good", "bad", "active"]))
@click.argument("slot")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@shared_options(*_SHARED)
def mark(options: Options, mark: Any, slot: str, yes: bool) -> int:
    """Set a mark of the bootloader.

    SLOT is the name of a slot, or its name in the bootloader. `good`: the booted slot works. `bad`: the slot is not booted;
    refused for the booted one, and for the last good one. `active`: the slot boots next.
    """
    from evenkeel.reconcilers.slots.by_hand import marked

    return _by_hand(options, lambda seen, memory: marked(mark, _slot(slot, seen), seen, memory), yes=yes)


@command.command("boot-other")
@click.argument("slot", required=False)
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@shared_options(*_SHARED)
def boot_other(options: Options, slot: str | None, yes: bool) -> int:
    """Boot the other slot now. SLOT says which, where there are several.

    Programs that hold off a reboot are waited for, and named.
    """
    from evenkeel.reconcilers.slots.by_hand import booted, others
    from evenkeel.specs.errors import EvenkeelError

    def plan(seen: SlotsSeen, memory: SlotsMemory) -> Plan:
        found = [_slot(slot, seen)] if slot is not None else others(seen)
        if not found:
            raise EvenkeelError("slots", "there is no other slot to boot")
        if len(found) > 1:
            names = ", ".join(each.label for each in found)
            raise EvenkeelError("slots", f"there are several other slots; say which: {names}")
        if found[0].name == seen.booted:
            raise EvenkeelError(f"slot:{found[0].name}", "it is booted already")
        return booted(found[0], seen, memory)

    return _by_hand(options, plan, yes=yes)


@command.command("install")
@click.argument("bundle")
@click.option("--expect", "version", metavar="VERSION", default="", help="The version it has to have. Default: any.")
@click.option("--sha256", default="", help="The SHA-256 of the bundle, compared before the install.")
@click.option("--insecure", is_flag=True, help="Allow an address with http.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@shared_options(*_SHARED)
def install(options: Options, bundle: str, version: str, sha256: str, insecure: bool, yes: bool) -> int:
    """Write a bundle into the slot that is not booted.

    BUNDLE is a path, or an address with https. The signature and the compatible are checked first. The booted slot stays
    the one that boots next: `evenkeel slots boot-other` boots the new system.
    """
    from evenkeel.reconcilers.slots.by_hand import installed
    from evenkeel.specs.errors import EvenkeelError

    system = _system(bundle, version, sha256, insecure=insecure)

    def plan(seen: SlotsSeen, memory: SlotsMemory) -> Plan:
        found = installed(system, seen, memory)
        if isinstance(found, str):
            raise EvenkeelError("slots", found)
        return found

    return _by_hand(options, plan, yes=yes)


def _system(bundle: str, version: str, sha256: str, *, insecure: bool) -> OperatingSystem:
    """The bundle as a system. EvenkeelError when it cannot be one."""
    from pathlib import Path

    from evenkeel.specs.codec import changed
    from evenkeel.specs.documents.written import MetadataSpec
    from evenkeel.specs.errors import EvenkeelError
    from evenkeel.specs.slots.documents import operating_system
    from evenkeel.specs.slots.system import SYSTEM, shown_bundle
    from evenkeel.specs.slots.written import OperatingSystemSpec

    address = bundle if "://" in bundle else f"file://{Path(bundle).absolute()}"
    flaws: list[Flaw] = []
    spec = OperatingSystemSpec(version=version or _ANY, bundle=address, insecure=insecure)
    system = operating_system(MetadataSpec(SYSTEM), changed(spec, sha256=sha256) if sha256 else spec, flaws)
    wrong = [f"{each.message}; {each.hint}" if each.hint else each.message for each in flaws if not each.warning]
    if wrong:
        raise EvenkeelError(
            f"bundle:{shown_bundle(bundle)}", "; ".join(wrong).replace("`insecure: true`", "--insecure")
        )
    return changed(system, version=version)


def _slot(name: str, seen: SlotsSeen) -> SlotSeen:
    from evenkeel.reconcilers.slots.by_hand import named
    from evenkeel.specs.errors import EvenkeelError
    from evenkeel.specs.problem import nearest

    found = named(name, seen)
    if found is None:
        names = sorted({each.label for each in seen.slots} | {each.name for each in seen.slots})
        raise EvenkeelError(f"slot:{name}", f"there is no such slot; {nearest(name, names)}")
    return found


def _by_hand(options: Options, planning: Planning, *, yes: bool) -> int:
    """Look, plan, show, ask and perform, with the state directory held."""
    import asyncio
    from contextlib import closing
    from pathlib import Path

    from evenkeel.controller.cli.subjects.slots import DOMAIN
    from evenkeel.controller.journal.journal import keep_journal
    from evenkeel.controller.journal.lock import sole_controller
    from evenkeel.controller.process import logs
    from evenkeel.controller.wiring import open_domains

    settings = options.settings()
    logs.silence()
    state = Path(settings.state)
    with sole_controller(state), closing(keep_journal(state)) as journal, asyncio.Runner() as runner:
        domains = open_domains(settings)
        domain = next(each for each in domains if each.name == DOMAIN)
        try:
            plan = runner.run(_planned(settings, domain, journal, planning, yes=yes))
            # Outside of the loop, which would keep the first Ctrl-C from ending the question.
            if not yes and not consents():
                return 1
            return runner.run(_perform(settings, domain, journal, plan))
        finally:
            for each in domains:
                runner.run(each.driver.close())


async def _planned(settings: Settings, domain: AnyDomain, journal: Journal, planning: Planning, *, yes: bool) -> Plan:
    from evenkeel.controller.cli.reaching import awaiting_engine
    from evenkeel.controller.cycle.domain import Groundwork
    from evenkeel.templates.plan_text import plan_lines
    from evenkeel.templates.planned import planned

    memory = journal.memories.of(domain.reconciler.memory)
    with awaiting_engine(settings, domain.reconciler.words.engine):
        seen = await domain.driver.observe(domain.reconciler.look(None, memory))
        plan = planning(seen, memory)
        foreseen = await domain.foresee(plan, seen, Groundwork())
    for line in plan_lines([planned(plan, foreseen.seen)], terminal_width(), terminal_style()):
        echo_lines(line)
    for note in (*foreseen.fails_at, *foreseen.notes):
        echo(f"Note: {note}")
    _say_simulated(settings)
    return plan


async def _perform(settings: Settings, domain: AnyDomain, journal: Journal, plan: Plan) -> int:
    import asyncio
    import signal

    from evenkeel.controller.cli.steps import showing
    from evenkeel.controller.cycle.by_hand import perform
    from evenkeel.controller.cycle.stage import StageLimits
    from evenkeel.specs.feedback import Feedback

    stopping = asyncio.Event()
    for each in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(each, stopping.set)
    limits = StageLimits(settings.parallel, settings.timeouts.pull, settings.timeouts.step)
    with showing(on_terminal(), terminal_style()) as show:

        def say(entry: Feedback) -> None:
            show.entry(journal.say(entry))

        why = await perform(domain, plan, journal, say, limits, show.progress, stopping)
    if why:
        echo(f"Not done: {why}", err=True)
        return 1
    echo("Done.")
    return 0


def _say_simulated(settings: Settings) -> None:
    """Say that no slot of this device is meant, when they are simulated."""
    from evenkeel.specs.settings.slots import chosen

    if chosen(settings.slots, settings.engine.kind, settings.state).engine == "memory":
        echo("Note: these slots are simulated, and no system of this machine is changed", err=True)
