"""`evenkeel apply`: a whole convergence as one command, with the controller of `evenkeel run`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Coroutine, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import click

from evenkeel.controller.cli.options import (
    SHOW_VALUES,
    Options,
    check_values_may_show,
    on_terminal,
    say_simulated,
    shared_options,
    terminal_style,
    terminal_width,
)
from evenkeel.controller.cli.output import echo, echo_lines

if TYPE_CHECKING:
    from evenkeel.controller.cycle.domain import AnyDomain
    from evenkeel.controller.cycle.endings import Ending
    from evenkeel.controller.cycle.preview import Preview
    from evenkeel.controller.journal.attempts import Attempt
    from evenkeel.controller.journal.journal import Journal
    from evenkeel.controller.journal.lock import Lock
    from evenkeel.controller.loop.ports import Reading
    from evenkeel.specs.desired import DesiredState
    from evenkeel.specs.settings.settings import Settings
    from evenkeel.templates.planned import Planned


@click.command("apply")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@click.option("--retry", is_flag=True, help="Try a revision again that failed before.")
@click.option("--timeout", metavar="SECONDS", type=click.FloatRange(min=0.1), help="Stop after so many seconds.")
@click.option("--show-values", is_flag=True, help=SHOW_VALUES)
@click.option("--allow-empty", is_flag=True, help="Specs that ask for nothing mean that everything goes.")
@shared_options(*Options._fields)
def command(
    options: Options, yes: bool, retry: bool, timeout: float | None, show_values: bool, allow_empty: bool
) -> int:
    """Do it: show the plan, ask, converge, give a verdict.

    Shows the plan, asks, and then performs it: fetch, create beside the old, switch, watch the health, remove the old.
    If the new containers do not become healthy, last-good is put back. A revision that failed before is not tried
    again without --retry; last-good is kept repaired meanwhile. Ctrl-C lets the step at work end first, unless the
    engine lets it wait. A lost connection, after which nobody reads the output, does not stop the work.

    A download is shown with bytes and rate: a bar on a terminal, elsewhere a line each 10 seconds.

    Works on the same state as `evenkeel run`, so only one of them at a time; and not against a desired state that came over
    MQTT, which `evenkeel release` ends.

    Exit code: 0 everything is as desired, 1 it is not (and the text says why), 130 stopped by Ctrl-C.
    """
    return carried_out(options, yes=yes, retry=retry, limit_s=timeout, show_values=show_values, allow_empty=allow_empty)


def carried_out(
    options: Options,
    *,
    yes: bool,
    retry: bool = False,
    limit_s: float | None = None,
    show_values: bool = False,
    allow_empty: bool = False,
    lack: Callable[[], str] = str,
) -> int:
    """Do what `evenkeel apply` does; the exit code. `lack`: asked at a good end; not "", why it is not what somebody waits for
    all the same."""
    import asyncio
    import signal
    from contextlib import closing, suppress
    from pathlib import Path

    from evenkeel.controller.cli.preconditions import present_values
    from evenkeel.controller.cli.reading import check_no_message, desired_reading
    from evenkeel.controller.cycle.preview import preview
    from evenkeel.controller.journal.journal import keep_journal, read_journal
    from evenkeel.controller.journal.lock import sole_controller
    from evenkeel.controller.process import logs
    from evenkeel.controller.wiring import open_domains
    from evenkeel.specs.errors import JournalError

    if show_values:
        check_values_may_show()
    settings = options.settings()
    if options.verbose:
        logs.install(settings.log.level, settings.log.format)
    else:
        logs.silence()
    if allow_empty:
        from evenkeel.specs.codec import changed

        settings = changed(settings, empty_source_removes_all=True)
    state = Path(settings.state)
    with suppress(JournalError), closing(read_journal(state)) as reader:  # else reported below, or all is in memory
        check_no_message(settings, reader)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # a terminal that is closed does not stop it
    with sole_controller(state) as lock, closing(keep_journal(state)) as journal:
        check_no_message(settings, journal)
        if journal.loss is not None:
            echo(f"Note: works from memory, because {journal.loss.trouble.why}", err=True)
        reading = desired_reading(settings, readonly=False, allow_empty=allow_empty, journal=journal)
        with asyncio.Runner() as runner:
            domains = open_domains(settings)
            try:
                given_up = _given_up(journal, reading) if not retry else None
                good = journal.revision("last-good") if given_up is not None else None
                present = present_values(settings)
                looking = preview(domains, journal, good or reading.desired, present)
                found = runner.run(_looked(settings, looking))
                is_repaired = good is not None and good.digest != reading.desired.digest and found.does_something
                if good is not None and not is_repaired:  # as `plan`, which shows the plan of a retry
                    looking = preview(domains, journal, reading.desired, present)
                    found = runner.run(_looked(settings, looking))
                # Outside of the loop, which would keep the first Ctrl-C from ending the question.
                shown = found.texts(show_values=show_values)
                planned_for = good if good is not None and is_repaired else reading.desired
                code = _refused(
                    settings, journal, found, shown, planned_for, yes=yes, given_up=given_up, is_repaired=is_repaired
                )
                if code is not None:
                    return code
                is_first = given_up is None
                ending, stopped = runner.run(
                    _converge(settings, domains, journal, lock, reading, limit_s, retry=is_first, again=retry)
                )
                return _verdict(settings, ending, journal, stopped, lack)
            finally:
                for domain in domains:
                    runner.run(domain.driver.close())


async def _looked(settings: Settings, looking: Coroutine[Any, Any, Preview]) -> Preview:
    from evenkeel.controller.cli.reaching import awaiting_engine

    with awaiting_engine(settings):
        return await looking


def _given_up(journal: Journal, reading: Reading) -> Attempt | None:
    """The attempts at the desired revision, if it is in quarantine."""
    attempt = journal.attempts.of(reading.desired.digest)
    return attempt if attempt is not None and attempt.failed else None


def _refused(
    settings: Settings,
    journal: Journal,
    found: Preview,
    shown: Sequence[Planned],
    planned_for: DesiredState,
    *,
    yes: bool,
    given_up: Attempt | None,
    is_repaired: bool,
) -> int | None:
    """Show the plan, and ask; the exit code when it is not to be carried out. `shown`: the printed form, and
    `planned_for`: the state to which it leads. `given_up`: the attempts at a revision in quarantine, on which nothing
    is done; `shown` is then the plan of a retry, or, with `is_repaired`, of last-good, which is in force."""
    from evenkeel.specs.visible import one_line
    from evenkeel.templates.plan_text import plan_lines

    if is_repaired:
        echo(f"To repair last-good ({journal.digest('last-good')}), which is in force:")
    elif given_up is not None:
        echo("What --retry would do:")
    for line in plan_lines(shown, terminal_width(), terminal_style(), found.groups, planned_for.subjects()):
        echo_lines(line)
    for note in found.notes if found.does_something and (given_up is None or is_repaired) else ():
        echo(f"Note: {note}")
    say_simulated(settings)
    if given_up is not None:
        echo(f"revision {given_up.digest} failed before: {given_up.why}", err=True)
        _say_logs(journal, [given_up.why], given_up.digest)
        echo("error: it is not tried again as it is; --retry tries it nevertheless", err=True)
        if not is_repaired:
            return 1
    if yes or not found.does_something:
        for sentence in found.fails_at:
            echo(f"warning: {sentence}; it is tried all the same", err=True)
        return None
    if not sys.stdin.isatty():
        echo("error: nobody can be asked here; --yes does it without asking", err=True)
        return 1
    try:
        if click.confirm(one_line("; ".join([*found.fails_at, "Do it all the same?"])) if found.fails_at else "Do it?"):
            return None
        code = 1
    except click.Abort:  # Ctrl-C, or the end of the input
        echo()
        code = 130
    echo("Nothing was done.")
    return code


async def _converge(
    settings: Settings,
    domains: Sequence[AnyDomain],
    journal: Journal,
    lock: Lock,
    reading: Reading,
    limit_s: float | None,
    *,
    retry: bool,
    again: bool,
) -> tuple[Ending, list[str]]:
    """The ending, and what has stopped it. `retry`: the attempts at the revision as a whole are forgotten; `again`: those of
    groups, too."""
    import asyncio
    import signal
    from pathlib import Path

    from evenkeel.controller.cli.steps import showing
    from evenkeel.controller.control.serve import Control
    from evenkeel.controller.cycle.in_force import failed_groups
    from evenkeel.controller.wiring import build_controller
    from evenkeel.specs.feedback import Feedback

    stopped: list[str] = []
    with showing(on_terminal(), terminal_style()) as show:
        controller = build_controller(
            settings,
            journal,
            domains,
            on_entry=show.entry,
            progress=show.progress,
            lock=lock,
            control=Control(Path(settings.state)),
        )

        def stop(why: str) -> None:
            stopped.append(why)
            controller.stop()
            echo(f"{why}; finishing the step at work …", err=True)  # silence would look like a hang

        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGINT, stop, "interrupted")
        loop.add_signal_handler(signal.SIGTERM, stop, "terminated")
        if limit_s is not None:
            loop.call_later(limit_s, stop, f"no end after {limit_s:g} s")
        controller.accept(reading)
        digest = reading.desired.digest
        failure, groups = journal.attempts.of(digest), failed_groups(journal) if again else {}
        failed = [failure.why] if failure is not None and retry else list(groups.values())
        if failed and journal.attempts.forgive_all(digest):
            why = f"an operator retries it; it had failed: {'; '.join(failed)}"
            controller.say(Feedback("revision-retried", why, revision=digest))
        ending = await controller.converge(show.waits, settings.retries)
    if journal.loss is not None:
        echo(f"Nothing of this could be stored: {journal.loss.trouble.why}", err=True)
    return ending, stopped


def _verdict(
    settings: Settings, ending: Ending, journal: Journal, stopped: list[str], lack: Callable[[], str] = str
) -> int:
    """Print the ending; the exit code."""
    from evenkeel.controller.cycle.endings import Progressed, Retrying, Settled, Waiting
    from evenkeel.controller.wiring import serves
    from evenkeel.reconcilers.counted import counted
    from evenkeel.templates.activity_text import ABANDON_HINT

    match ending:
        case Settled(unwell=unwell, left_over=left_over, how=how):
            set_aside = next((each.message for each in journal.conditions() if each.name == "ContentCurrent"), "")
            if set_aside:
                echo(f"Not done: {set_aside}", err=True)
            if unwell:
                what = "Not well either" if set_aside else "Not done: everything asked for is there, but not well"
                echo(f"{what}: {counted(unwell)}", err=True)
            if set_aside or unwell:
                _say_logs(journal, [*unwell, set_aside])
                return 1
            if why := lack():
                echo(f"Not done: {why}", err=True)
                return 1
            echo(f"Done: {how}.")
            if left_over:
                echo(f"Left over, because it cannot be removed now: {left_over}", err=True)
            return 0
        case Progressed() | Retrying() | Waiting() if stopped:
            echo(f"Stopped ({stopped[0]}) before the end; `evenkeel apply` goes on from here.", err=True)
            return 130 if stopped[0] == "interrupted" else 1
        case _:
            settled = journal.condition("Settled")
            is_back = settled is not None and settled.reason == "RolledBack"
            why = getattr(ending, "why", "no more was done")
            if isinstance(ending, Waiting) and any(not serves(settings, each) for each in journal.activities()):
                why = f"{why}, and nobody serves it, because its agent is off; {ABANDON_HINT}"
            echo(f"Not done: {why}", err=True)
            if is_back:
                echo(f"last good ({journal.digest('last-good')}) is in force.", err=True)
            _say_logs(journal, [why], journal.digest("desired"))
            return 1


def _say_logs(journal: Journal, texts: Iterable[str], revision: str = "") -> None:
    """Name the command that shows the output of the containers that the texts name, or that failed in the revision."""
    from evenkeel.specs.output import logs_hint

    if said := journal.failures.with_output(revision, texts):
        echo(f"{logs_hint(*said)}.", err=True)
