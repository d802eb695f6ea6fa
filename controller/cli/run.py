"""`evenkeel run`: the controller in the foreground, as a service supervisor wants it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import click

from evenkeel.controller.cli.options import SIMULATED, Options, shared_options

if TYPE_CHECKING:
    from evenkeel.specs.problem import Problem
    from evenkeel.specs.settings.settings import Settings

log = logging.getLogger(__name__)


@click.command("run")
@click.option(
    "--kanto-config",
    metavar="FILE",
    help="Settings from the config.json of Kanto's container-management (`connection`, `update_agent`) instead.",
)
@shared_options(*Options._fields)
def command(options: Options, kanto_config: str | None) -> int:
    """Be the controller: watch specs and engine, keep them one.

    Stays in the foreground and logs to standard error. SIGTERM and Ctrl-C let the step at work end first, unless the engine
    lets it wait; SIGHUP means "look again now". With `updateAgent` in the settings it serves desired states over MQTT, too.
    Under systemd (Type=notify) it says when it is ready, what its state is, and that its worker lives.
    """
    import asyncio
    import os
    import signal
    from pathlib import Path

    from evenkeel.controller.control.serve import Control
    from evenkeel.controller.journal.journal import keep_journal
    from evenkeel.controller.journal.lock import sole_controller
    from evenkeel.controller.process import logs
    from evenkeel.controller.process.notify import systemd_of
    from evenkeel.controller.wiring import build_controller, open_agents, open_domains, open_driver, open_source, serves
    from evenkeel.specs.problem import problem_text

    notes: list[Problem] = []
    settings = options.settings(kanto_config, notes)
    logs.install(settings.log.level, settings.log.format)
    for note in notes:
        log.warning("doubtful setting", extra={"fields": {"problem": problem_text(note)}})
    state = Path(settings.state)

    async def work() -> None:
        life = systemd_of(os.environ)
        driver = open_driver(settings)
        domains = open_domains(settings, driver)
        agents = open_agents(settings, journal, driver) if serves(settings) else None
        source, control = open_source(settings), Control(state)
        controller = build_controller(
            settings, journal, domains, source, life, agents=agents, lock=lock, control=control
        )
        await controller.run()

    signal.signal(
        signal.SIGHUP, signal.SIG_IGN
    )  # a reload may come before there is a loop; the controller is about to look anyway
    with sole_controller(state) as lock:
        journal = keep_journal(state)
        _introduce(settings)
        try:
            if not serves(settings):
                journal.drop_condition("BrokerReachable")
            asyncio.run(work())
        finally:
            journal.close()
    return 0


def _introduce(settings: Settings) -> None:
    """Log the configuration of this controller, for the reader of a log in which nothing happens."""
    engine = settings.engine
    where = f"{engine.kind} {engine.address}" if engine.kind != "memory" else engine.kind
    fields = {"engine": where, "specs": ", ".join(settings.specs), "state": settings.state}
    log.info("starting", extra={"fields": fields})
    if engine.kind == "memory":
        log.warning(SIMULATED, extra={"fields": {}})
