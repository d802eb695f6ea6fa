"""`evenkeel watch`: the feedback of update agents as it comes; without a broker, what the controller does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from evenkeel.controller.cli.options import Options, on_terminal, shared_options, terminal_style
from evenkeel.controller.cli.output import echo, echo_json
from evenkeel.controller.process.streams import is_heard

if TYPE_CHECKING:
    from collections.abc import Sequence

    from evenkeel.controller.mqtt import MqttLink
    from evenkeel.specs.settings.settings import Settings


@click.command("watch")
@click.option("-o", "--output", type=click.Choice(["text", "json"]), default="text", help="How to print it.")
@click.option("--broker", metavar="URL", default="", help="Another broker than the settings': tcp://host:1883.")
@click.option("--domain", metavar="NAME", default="", help="One agent's domain. Default: those of all agents.")
@click.option("--timeout", metavar="SECONDS", type=click.FloatRange(min=0.1), help="End after so many seconds.")
@shared_options("config", "state", "verbose")
def command(options: Options, output: str, broker: str, domain: str, timeout: float | None) -> int:
    """Show live what update agents do, or the controller.

    Connects as the settings under `mqtt` say and shows the feedback of every activity, of containers and of the operating
    system: on a terminal a bar for each component, elsewhere a line for each message. With -o json each message is a line:
    topic, activityId, timestamp and payload, also those of desired states, commands and current states. One that cannot be
    read is shown as `unreadable`; of one that is too large that is the beginning, and `cutFrom` says how many bytes it had.

    Where the settings name no broker, and without --broker, it follows the controller at work, of `evenkeel run` or
    `evenkeel apply`: its entries as `evenkeel events` shows them, for all domains, and the progress of its steps. With -o
    json each entry is a line as with `evenkeel events`, and the progress of a step one of the kind `progress`. It waits for
    a controller when none is at work.

    Ctrl-C ends it.

    Exit code: 0; 1 when the broker cannot be reached.
    """
    import asyncio

    from evenkeel.controller.cli.reaching import at_broker
    from evenkeel.controller.process import logs

    settings = options.settings()
    if not broker and not settings.mqtt.is_configured:
        from pathlib import Path

        from evenkeel.controller.cli.working import watch_work

        if domain:
            raise click.UsageError("--domain is about agents on a broker, and the settings name none; --broker does")
        watch_work(Path(settings.state), output, timeout, terminal_style(), on_terminal=on_terminal())
        return 0
    settings = at_broker(settings, broker)
    if options.verbose:
        logs.install(settings.log.level, settings.log.format)
    else:
        logs.silence()
    domains = (domain,) if domain else (settings.update_agent.domain, settings.self_update_agent.domain)
    asyncio.run(_watch(settings, domains, output, timeout))
    return 0


async def _watch(settings: Settings, domains: Sequence[str], output: str, limit_s: float | None) -> None:
    import asyncio
    import signal
    from contextlib import suppress

    from evenkeel.controller.agents.commander import passing_link
    from evenkeel.controller.agents.conduct import topics_of
    from evenkeel.controller.cli.following import following
    from evenkeel.controller.cli.reaching import reached
    from evenkeel.controller.process.stopping import unless
    from evenkeel.specs.kanto.heard import heard_from

    topics = [topics_of(domain) for domain in domains]
    others = [name for each in topics for name in (each.desired, each.command, each.state)]
    link = passing_link(settings, "watch", beginnings=True)
    link.subscribe(*(each.feedback for each in topics), *(others if output == "json" else ()))
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)

    async def show() -> None:
        begun = loop.time()
        await reached(link, settings.mqtt, limit_s)
        if limit_s is not None:
            loop.call_at(begun + limit_s, stop.set)
        echo(f"watching {', '.join(each.feedback for each in topics)} at {settings.mqtt.broker}", err=True)
        with following(on_terminal() and output == "text", terminal_style(), named=True) as show_feedback:
            telling = asyncio.ensure_future(_tell_connection(link))
            try:
                async for message in link.messages():
                    await message.done()
                    if output == "json":
                        echo_json(_line(message.topic, message.payload, message.cut_from))
                    elif (heard := heard_from(message.payload)) is not None:
                        show_feedback(heard)
                    else:
                        echo(_unread_text(message.cut_from), err=True)
                    if not is_heard():
                        return
            finally:
                telling.cancel()

    async with link:
        with suppress(asyncio.CancelledError):
            await unless(stop, show())


async def _tell_connection(link: MqttLink) -> None:
    """Report on standard error the loss of the broker and its return: no message is received in between."""
    import time

    was_lost = False
    async for connected in link.connections():
        at = time.strftime("%H:%M:%S")
        if not connected:
            echo(f"{at} the connection to {link.broker} is lost: {link.why or 'it ended'}", err=True)
        elif was_lost:
            echo(f"{at} connected again; what was said meanwhile is not shown", err=True)
        was_lost = not connected


def _unread_text(cut_from: int) -> str:
    """The text for a message that is not shown. `cut_from`: the bytes of one of which only the beginning was kept, or
    0."""
    if cut_from:
        return f"a message of {cut_from:,} bytes is too large to be read; -o json shows its beginning"
    return "a message is no feedback; -o json shows its content"


def _line(topic: str, content: bytes, cut_from: int = 0) -> str:
    """One message as JSON. A message that cannot be read, or has no content, is shown as its text; of one that is too
    large, the beginning."""
    import json

    from evenkeel.specs.kanto.updateagent import read_envelope

    received = read_envelope(content, topic, answer=True)
    value = json.loads(content) if not received.problems else None
    if not isinstance(value, dict):
        cut = {"cutFrom": cut_from} if cut_from else {}
        unreadable = content.decode(errors="replace")
        return json.dumps({"topic": topic, "unreadable": unreadable, **cut}, ensure_ascii=False)
    return json.dumps(
        {
            "topic": topic,
            "activityId": received.activity_id,
            "timestamp": value.get("timestamp"),
            "payload": received.payload,
        },
        ensure_ascii=False,
    )
