"""The process of `evenkeel run`, from its settings to its end."""

from __future__ import annotations

import logging
from typing import NamedTuple

from evenkeel.specs.problem import Problem
from evenkeel.specs.settings.settings import SIMULATED, Settings

log = logging.getLogger(__name__)


class RunSettings(NamedTuple):
    """Settings, and the warnings about them. `local`: whether domains of this device are kept, too. `password`: one that was
    given on the command line, for `mqtt.password_variable`."""

    settings: Settings
    notes: list[Problem]
    local: bool = True
    password: str = ""


def serve(settings: Settings, notes: list[Problem], local: bool = True, password: str = "") -> int:
    """Be the controller until a signal ends it; the exit code. The arguments are those of `RunSettings`. YAML that was never
    parsed is parsed in a process of its own, which leaves it in the cache; the parser would take 2 to 3 MiB for ever."""
    import asyncio
    import os
    import signal
    from pathlib import Path

    from evenkeel.controller.control.serve import Control
    from evenkeel.controller.journal.journal import keep_journal
    from evenkeel.controller.journal.lock import sole_controller
    from evenkeel.controller.process import logs
    from evenkeel.controller.process.apart import apart
    from evenkeel.controller.process.notify import systemd_of
    from evenkeel.controller.serving import open_agents
    from evenkeel.controller.wiring import (
        build_controller,
        connects,
        is_parsed,
        open_domains,
        open_driver,
        open_source,
        open_values,
    )
    from evenkeel.specs.problem import problem_text

    if password:
        os.environ[settings.mqtt.password_variable] = password
    logs.install(settings.log.level, settings.log.format)
    for note in notes:
        log.warning("doubtful setting", extra={"fields": {"problem": problem_text(note)}})
    state = Path(settings.state)

    async def work() -> None:
        life = systemd_of(os.environ)
        domains = open_domains(settings, open_driver(settings)) if local else ()
        values = open_values(settings)
        agents = open_agents(settings, journal, domains, values=values) if connects(settings) else None
        source, control = open_source(settings) if local else None, Control(state)
        controller = build_controller(
            settings, journal, domains, source, life, agents=agents, lock=lock, control=control, values=values
        )
        await controller.run()

    signal.signal(
        signal.SIGHUP, signal.SIG_IGN
    )  # a reload may come before there is a loop; the controller is about to look anyway
    with sole_controller(state) as lock:
        if local and not is_parsed(settings):
            apart(lambda: _parse(settings))
        journal = keep_journal(state)
        _introduce(settings, local=local)
        try:
            if not connects(settings):
                journal.drop_condition("BrokerReachable")
            if not settings.update_manager.enable or settings.update_manager.backend != "things":
                journal.drop_condition("ConnectorReachable")
            asyncio.run(work())
        finally:
            journal.close()
    return 0


def _parse(settings: Settings) -> bytes:
    from evenkeel.controller.wiring import read_source

    read_source(settings, readonly=False)
    return b"parsed"


def _introduce(settings: Settings, *, local: bool) -> None:
    """Log the configuration of this controller, for the reader of a log in which nothing happens."""
    engine = settings.engine
    if not local:
        fields = {"domain": settings.update_manager.domain, "broker": settings.mqtt.broker}
        log.info("starting as an update manager alone", extra={"fields": {**fields, "state": settings.state}})
        return
    where = f"{engine.kind} {engine.address}" if engine.kind != "memory" else engine.kind
    fields = {"engine": where, "specs": ", ".join(settings.specs), "state": settings.state}
    log.info("starting", extra={"fields": fields})
    if engine.kind == "memory":
        log.warning(SIMULATED, extra={"fields": {}})
