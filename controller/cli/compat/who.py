"""`evenkeel compat sdv-device-info`: who this device is, with the commands and lines of Leda's tool (provisioning.md §9).

The connection string is never shown. The connector is asked at the broker of the settings.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import click

from evenkeel.controller.cli.options import NO_DEVICE, Options, say_simulated, terminal_style
from evenkeel.controller.cli.output import echo, echo_lines
from evenkeel.specs.errors import EvenkeelError

if TYPE_CHECKING:
    from evenkeel.specs.kanto.things.identity import Identity as Connector
    from evenkeel.specs.provisioning.pair import PairSeen
    from evenkeel.specs.settings.settings import Settings
    from evenkeel.templates.provisioning_described import Identity
    from evenkeel.templates.style import Style

_ANSWER_S = 1.0
_OPTIONS = {"--ansi": "", "-a": "", "--norestart": "", "-n": "", "--verbose": "", "-v": ""}
_HELP = """sdv-device-info v0.2
Usage: sdv-device-info [options] [command]
Show SDV device configuration information

Commands:
 show                 : Display configuration (default command)
 help                 : This message
 env                  : Format output for use in scripts

Options:
 --ansi | -a      : Don't use colored output.
 --norestart | -n : Do not automatically restart services
 --verbose | -v   : Enable verbose mode.
 --help | -h      : This message."""


class _Known(NamedTuple):
    """The identity by the files of this device; `None` where they cannot be read, because of `error`."""

    identity: Identity | None
    error: EvenkeelError | OSError | None = None


@click.command(
    "sdv-device-info",
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False, "help_option_names": []},
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def sdv_who(arguments: tuple[str, ...]) -> int:
    """Show who this device is, as Leda's sdv-device-info does.

    \b
      sdv-device-info [options] [show | env | help]

    `env` prints KEY=value: FULL_CONNECTION_IDENTIFIER, TENANT_ID, CLOUD_HUB, DEVICE_ID, HUB_HOSTNAME. They are those that the
    connector answers with; where none answers within a second, those that evenkeel knows. A value that a shell could execute is
    in quotes, for `eval "$(sdv-device-info env)"`.

    Options: --ansi (-a) has no colours; --norestart (-n) and --verbose (-v) have no effect; --help (-h).

    Exit code: 0; 1 for what is not in the grammar, when a file cannot be read, and when it cannot be printed. The
    answer of the connector is printed all the same, for a user who may not read the files, too.
    """
    from evenkeel.controller.process import logs

    words = [each for each in arguments if each not in _OPTIONS]
    if any(each in ("--help", "-h", "help") for each in words):
        echo_lines(_HELP)
        return 0
    if unknown := [each for each in words if each not in ("show", "env")]:
        echo(f"sdv-device-info has no `{unknown[0]}`; `sdv-device-info help` shows what it has", err=True)
        return 1
    command = words[-1] if words else "show"
    echo(f"Note: `evenkeel identity show{' -o env' if command == 'env' else ''}` has all of it, and more", err=True)
    logs.silence()
    settings = (click.get_current_context().find_object(Options) or Options()).settings()
    say_simulated(settings, NO_DEVICE)
    known = _known(settings)
    connector, why = _ask_connector(settings)
    if command == "env":
        if connector is None and known.error is not None:
            raise known.error
        from evenkeel.templates.provisioning_described import environment_lines

        for line in environment_lines(_environment(known.identity, connector)):
            echo(line)
        return 0
    is_plain = any(each in ("--ansi", "-a") for each in arguments)
    from evenkeel.templates.style import PLAIN

    for line in _lines(settings, known, connector, why, PLAIN if is_plain else terminal_style()):
        echo_lines(line)
    return int(known.error is not None)


def _known(settings: Settings) -> _Known:
    from evenkeel.controller.cli.identity import first_identity

    try:
        return _Known(first_identity(settings))
    except (EvenkeelError, OSError) as error:
        return _Known(None, error)


def _environment(one: Identity | None, connector: Connector | None) -> dict[str, str]:
    from evenkeel.templates.provisioning_described import environment

    known = environment(one) if one is not None else {}
    names = ("FULL_CONNECTION_IDENTIFIER", "TENANT_ID", "CLOUD_HUB", "DEVICE_ID", "HUB_HOSTNAME")
    found = {name: known.get(name, "") for name in names}
    if connector is None:
        return found
    namespace, hub, device = (*connector.device.split(":"), "", "")[:3]
    told = connector.device, connector.tenant, namespace, device or found["DEVICE_ID"], hub
    return dict(zip(names, told, strict=True))


def _ask_connector(settings: Settings) -> tuple[Connector | None, str]:
    """The ids that the edge connector answers with, or why there are none."""
    import asyncio

    try:
        return asyncio.run(_asked(settings))
    except EvenkeelError as error:
        return None, error.message


async def _asked(settings: Settings) -> tuple[Connector | None, str]:
    import asyncio
    from contextlib import aclosing, suppress

    from evenkeel.controller.agents.commander import connected, passing_link
    from evenkeel.specs.kanto.things.identity import REQUEST, RESPONSE, Identity, read_identity
    from evenkeel.specs.problem import problems_text

    why = f"Time out waiting for reply after {_ANSWER_S:g} s"
    link = passing_link(settings, "device-info")
    link.subscribe(RESPONSE)
    async with link:
        await connected(link, f"broker:{settings.mqtt.broker}", _ANSWER_S)
        with suppress(TimeoutError):
            async with asyncio.timeout(_ANSWER_S), aclosing(link.messages()) as messages:  # type: ignore[type-var]
                await link.publish(REQUEST, b"", qos=0)
                async for message in messages:
                    await message.done()
                    found = read_identity(message.payload)
                    if isinstance(found, Identity):
                        return found, ""
                    why = f"The reply is none: {problems_text(found, '; ')}"
                why = "The connection was closed"
    return None, why


def _lines(
    settings: Settings,
    known: _Known,
    connector: Connector | None,
    why: str,
    style: Style,
) -> Iterator[str]:
    from evenkeel.specs.kanto.things.identity import REQUEST
    from evenkeel.specs.provisioning.provisioning import ANNOUNCED

    yield "[Device Information - Cloud Connector]"
    yield _line("Mosquitto Hostname:", settings.mqtt.broker, style)
    yield _line("Mosquitto Topic:", REQUEST, style)
    if connector is None:
        yield _line("Status:", f"ERROR ({why})", style, bad=True)
    else:
        told = _environment(known.identity, connector)
        for word, key in (
            ("Connection Identifier:", "FULL_CONNECTION_IDENTIFIER"),
            ("Tenant ID:", "TENANT_ID"),
            ("Cloud Backend:", "CLOUD_HUB"),
            ("Device ID:", "DEVICE_ID"),
            ("IoT Hub:", "HUB_HOSTNAME"),
        ):
            yield _line(word, told[key], style)
    yield "[Device Information - Configuration]"
    one = known.identity
    if one is None:
        yield _line("Status:", f"ERROR ({known.error})", style, bad=True)
        return
    azure, ids = one.wanted.azure, one.there.id
    if ids.id:
        place = ANNOUNCED if ids.announced == ids.id else f"{one.wanted.folder}/deviceid"
        yield _line("Device Id:", ids.id, style, f" (in {place})" if ids.id in (ids.announced, ids.kept) else "")
    if azure is not None and azure.connection_string:
        yield _line("Connection String:", "(hidden)", style, f" (in {azure.connection_string})")
    if azure is not None and one.there.azure.id_scope:
        yield _line(
            "DPS Id Scope:",
            one.there.azure.id_scope,
            style,
            f" (in {azure.id_scope_file})" if azure.id_scope_file else "",
        )
    pairs = list(_pairs(one))
    for which, pair in pairs:
        yield from _certificate(one, which, pair, style)
    yield "[Device Certificate Fingerprints]"
    for number, (_, pair) in enumerate(pairs, 1):
        if pair is not None:
            yield _line(f"Fingerprint {number}:", pair.sha1, style)


def _pairs(one: Identity) -> Iterator[tuple[str, PairSeen | None]]:
    """The two pairs of the original, and the one that is to follow: it is the first while none is in force."""
    yield ("current", one.current) if one.current is not None or one.next is None else ("next", one.next)
    yield "second", one.second
    if one.current is not None and one.next is not None:
        yield "next", one.next


def _certificate(one: Identity, which: str, pair: PairSeen | None, style: Style) -> Iterator[str]:
    files = one.files(which)
    yield "[Device Certificate Information]"
    if pair is None:
        yield _line("Key file:", f"ERROR ({files.key} not found)", style, bad=True)
        yield _line("Certificate file:", f"ERROR ({files.certificate} not found)", style, bad=True)
        return
    yield _line("Key file:", files.key, style)
    yield _line("Certificate file:", files.certificate, style)
    yield _line("Common Name:", f"subject=CN = {pair.name}", style)
    yield _line("Issuer:", f"issuer=CN = {pair.issuer}", style)
    yield _line("Start Date:", _date(pair.starts_s), style)
    yield _line("End Date:", _date(pair.ends_s), style)


def _line(word: str, value: str, style: Style, behind: str = "", *, bad: bool = False) -> str:
    from evenkeel.specs.visible import one_line
    from evenkeel.templates.style import paint

    return f"  * {word:<23} : {paint(one_line(value), 'bad' if bad else 'change', style)}{one_line(behind)}"


def _date(at: float) -> str:
    """A moment as openssl prints it."""
    from datetime import UTC, datetime

    moment = datetime.fromtimestamp(at, UTC)
    return f"{moment:%b} {moment.day:2} {moment:%H:%M:%S %Y} GMT"
