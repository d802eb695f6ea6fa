"""The last act of the demonstration: a desired state over MQTT, and the feedback of the device.

A real broker: mosquitto when it is installed, else amqtt in an environment of its own when uv can make one. Without
either, the act says so and is skipped. The controller is started anew on the state of the earlier acts, now with an
update agent. The commander is that of `evenkeel publish --drive`.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from evenkeel.controller.agents.commander import Commander, connected, passing_link
from evenkeel.controller.cli.following import Following
from evenkeel.controller.cli.steps import Show
from evenkeel.controller.journal.journal import Journal
from evenkeel.controller.serving import open_agents
from evenkeel.controller.wiring import build_controller, open_domains, open_source
from evenkeel.specs.codec import changed
from evenkeel.specs.errors import Bug
from evenkeel.specs.kanto.topics import topic_prefix
from evenkeel.specs.settings.mqtt import MqttSettings, UpdateAgentSettings
from evenkeel.specs.settings.settings import Settings
from evenkeel.templates.style import PLAIN, Style, paint

if TYPE_CHECKING:
    from evenkeel.reconcilers.ports import Driver
    from evenkeel.specs.containers.observed import ContainersSeen

_AMQTT = "amqtt==0.12.1"
_START_S = {"mosquitto": 5.0, "uvx": 12.0}
_LIMIT_S = 120.0
Echo = Callable[[str], None]


@asynccontextmanager
async def broker(folder: Path, say: Echo) -> AsyncIterator[int | None]:
    """The port of a broker on the loopback address, `None` when this machine has none; it ends with the context."""
    port = _free_port()
    command = _command(folder, port)
    if command is None:
        say(
            "Skipped: there is no mosquitto here, and no uv to fetch another broker. On Debian: apt-get install mosquitto"
        )
        yield None
        return
    process = await asyncio.create_subprocess_exec(
        *command, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        name = Path(command[0]).name
        if await _answers(process, port, _START_S.get(name, 12.0)):
            yield port
        else:
            say(f"Skipped: the broker did not come up ({' '.join(command[:4])}).")
            yield None
    finally:
        if process.returncode is None:
            process.terminate()
            with suppress(TimeoutError):
                async with asyncio.timeout(5):
                    await process.wait()
        if process.returncode is None:
            process.kill()
            await process.wait()


def _command(folder: Path, port: int) -> list[str] | None:
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])
    mosquitto = shutil.which("mosquitto", path=path)
    if mosquitto is not None:
        config = folder / "mosquitto.conf"
        config.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\n")
        return [mosquitto, "-c", str(config)]
    uvx = shutil.which("uvx")
    if uvx is not None:
        config = folder / "amqtt.yaml"
        listener = {"type": "tcp", "bind": f"127.0.0.1:{port}"}
        plugins = {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}}
        config.write_text(json.dumps({"listeners": {"default": listener}, "plugins": plugins}))
        return [uvx, "--quiet", "--from", _AMQTT, "amqtt", "-c", str(config)]
    return None


class Screen(NamedTuple):
    """The screen of the demonstration."""

    echo: Echo
    show: Show
    width: int = 100
    style: Style = PLAIN


async def play_over_mqtt(
    settings: Settings,
    journal: Journal,
    engine: Driver[ContainersSeen],
    running: Callable[[], dict[str, str]],
    message: Path,
    screen: Screen,
) -> None:
    """Play the act; Bug when it does not end as expected. `running`: image by name of the containers that run on the
    engine."""
    sent = json.loads(message.read_bytes())  # noqa: ASYNC240 - a kilobyte of our own
    screen.echo(
        "An update manager asks for another hvac and more memory for the seat, and not for the feeder. The device says how"
        " far it is."
    )
    async with broker(Path(settings.state).parent, screen.echo) as port:
        if port is None:
            return
        screen.echo(paint("\n$ evenkeel publish message.json --drive", "faint", screen.style))
        mqtt = MqttSettings(enabled=True, broker=f"tcp://127.0.0.1:{port}", client_id="evenkeel-demo")
        served = changed(settings, mqtt=mqtt, update_agent=UpdateAgentSettings(enable=True))
        domains = open_domains(served, engine)
        agents = open_agents(served, journal, domains)
        controller = build_controller(served, journal, domains, open_source(served), agents=agents)
        work = asyncio.create_task(controller.run())
        try:
            async with asyncio.timeout(_LIMIT_S):
                await _publish(served, sent, screen)
        except TimeoutError:
            raise Bug("demo", f"the activity has no end after {_LIMIT_S:g} s") from None
        finally:
            controller.stop()
            await work
    asked = {_name(each): _image(each) for each in sent["payload"]["domains"][0]["components"]}
    found = {name: image for name, image in running().items() if name != "self-update-agent"}
    origin = next((journal.origin("message", domain) for domain in journal.overruled()), None)
    if found != asked or origin is None or origin.activity != sent["activityId"]:
        raise Bug("demo", "the device is not as asked over MQTT")
    screen.echo("It stays in force, whatever the files say, until somebody runs `evenkeel release`.")


def _name(component: dict[str, Any]) -> str:
    return str(component["id"])


def _image(component: dict[str, Any]) -> str:
    return next(str(entry["value"]) for entry in component["config"] if entry["key"] == "image")


async def _publish(settings: Settings, sent: dict[str, Any], screen: Screen) -> None:
    link = passing_link(settings, "demo")
    link.subscribe(f"{topic_prefix(settings.update_agent.domain)}/currentstate")
    commander = Commander(link, settings.update_agent.domain)
    async with link:
        await connected(link, f"broker:{settings.mqtt.broker}", 10)
        async for state in link.messages():
            await state.done()
            break  # the agent has answered: it is subscribed
        told = Following(lambda line: screen.echo(f"    {line}"), screen.style).feedback
        end = await commander.carry_out(sent["activityId"], sent["payload"], drive=True, on_feedback=told)
    if end.status != "COMPLETED":
        raise Bug("demo", f"the activity ended with {end.status}")


async def _answers(process: asyncio.subprocess.Process, port: int, limit_s: float) -> bool:
    deadline = asyncio.get_running_loop().time() + limit_s
    while process.returncode is None and asyncio.get_running_loop().time() < deadline:
        with suppress(OSError):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
            return True
        await asyncio.sleep(0.05)
    return False


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])
