"""`evenkeel demo`: a temporary folder for the demonstration."""

from __future__ import annotations

import click

from evenkeel.controller.cli.options import on_terminal, terminal_style, terminal_width


@click.command("demo")
@click.option("--fast", is_flag=True, help="Without pauses, for tests.")
def command(fast: bool) -> int:
    """See it work on a simulated engine, in less than a minute.

    The real controller with real spec files (examples/demo): a plan, the first convergence, an update, drift that is
    repaired, a bad image that is refused and rolled back, an operating system with its reboot, one that does not boot and
    falls back, an identity whose certificate is followed by another one, and a desired state over MQTT (with mosquitto
    when it is installed, else with a broker that uv fetches, else without that). Everything happens in a temporary
    folder; no engine is needed and nothing on this machine is touched.

    Exit code: 0 when every act ended as told, 1 otherwise.
    """
    import asyncio
    import tempfile
    from pathlib import Path

    from evenkeel.controller.cli.demo.acts import Demo
    from evenkeel.controller.cli.demo.mqtt_act import Screen
    from evenkeel.controller.cli.steps import showing
    from evenkeel.controller.journal.journal import open_journal
    from evenkeel.controller.journal.lock import sole_controller
    from evenkeel.controller.process import logs
    from evenkeel.controller.settings.load import load_settings

    logs.silence()
    with tempfile.TemporaryDirectory(prefix="evenkeel-demo-") as folder:
        state, specs = Path(folder) / "state", Path(folder) / "specs"
        specs.mkdir()
        settings = load_settings(overrides={"state": str(state), "specs": [str(specs)]}, default=Path(folder) / "none")

        async def perform() -> bool:
            with showing(on_terminal(), terminal_style()) as show:
                screen = Screen(show.echo, show, min(terminal_width(), 110), terminal_style())
                return await Demo(settings, journal, screen, fast=fast).play()

        with sole_controller(state):
            journal = open_journal(state)
            try:
                return 0 if asyncio.run(perform()) else 130
            finally:
                journal.close()
