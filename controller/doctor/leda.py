"""The sections of Leda's `sdv-health`, with the parts of the doctor behind them (provisioning.md §7).

Names of units and containers are those of `sdv.conf`. Where evenkeel stands in the place of a program of Leda's, that is told
instead of a failure.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import aclosing, suppress
from pathlib import Path
from typing import NamedTuple

from evenkeel.controller.doctor.checks.broker import why_not
from evenkeel.controller.doctor.checks.can import interface
from evenkeel.controller.doctor.checks.containers import DOMAIN
from evenkeel.controller.doctor.checks.hosts import asked_hosts, known_name
from evenkeel.controller.doctor.checks.ping import ping
from evenkeel.controller.doctor.checks.system import system_name
from evenkeel.controller.doctor.checks.units import has_systemd, unit_state
from evenkeel.controller.doctor.device import Device
from evenkeel.controller.doctor.runner import REPORT
from evenkeel.controller.process.defect import defect_place
from evenkeel.controller.process.listeners import listening
from evenkeel.controller.process.rights import other_user
from evenkeel.reconcilers.doctor.can import of_interface
from evenkeel.reconcilers.doctor.units import of_unit
from evenkeel.specs.doctor.finding import Detail
from evenkeel.specs.errors import EvenkeelError
from evenkeel.specs.leda.health import Variables
from evenkeel.specs.settings.doctor import is_host, is_interface
from evenkeel.specs.unit import is_unit

REPLACED = ("container-management", "kanto-update-manager", "kanto-auto-deployer", "self-update-agent", "sua")
"""Units and containers of Leda's images whose work evenkeel does."""
_KANTO = Path("/run/container-management/container-management.sock")
_LIMIT_S = 6.0
_CONNECT_S, _ANSWER_S = 2.0, 1.0
_LAST_S = 4_102_444_800.0
"""The end of 2099: a later time of a connection is none."""
_STATUS, _REQUEST, _RESPONSE = "edge/connection/remote/status", "edge/thing/request", "edge/thing/response"


class Section(NamedTuple):
    """The lines below one title."""

    title: str
    lines: tuple[Detail, ...]


async def sections(device: Device, names: Variables) -> AsyncIterator[Section]:
    """All sections in the order of the original, each as soon as it and those before it are there."""
    told: list[tuple[str, Awaitable[Sequence[Detail]]]] = [
        ("SDV Info", asyncio.to_thread(_system)),
        ("CAN Status", asyncio.to_thread(_can, names.can)),
        ("SDV Ports", asyncio.to_thread(_ports, device)),
        ("SDV Services", _units(device, names.units, is_optional=False)),
        ("SDV Optional Services", _units(device, names.units_opt, is_optional=True)),
        ("Kanto CM Containers", _containers(device, names.containers, "KANTO_CM_CONTAINERS" in names.is_set)),
        ("Kanto CM Containers (OPTIONAL)", _optional(device, names.containers_opt)),
        ("SDV Connectivity", _connectivity(device, names)),
    ]
    tasks = [(title, asyncio.ensure_future(_bounded(work))) for title, work in told]
    for title, task in tasks:
        yield Section(title, tuple(await task))


async def _bounded(work: Awaitable[Sequence[Detail]]) -> Sequence[Detail]:
    try:
        async with asyncio.timeout(_LIMIT_S):
            return await work
    except TimeoutError:
        return (Detail("all of it", "unknown", f"it did not end within {_LIMIT_S:g} s"),)
    except EvenkeelError as error:
        return (Detail("all of it", "unknown", error.message),)
    except Exception as error:  # noqa: BLE001 - a section that is broken must not hide the others
        return (Detail("all of it", "unknown", f"the section is broken: {defect_place(error)}", REPORT),)


def _system() -> Sequence[Detail]:
    found = [Detail("OS Release", "ok", system_name())]
    for name, place in (("Issue", "/etc/issue"), ("Version", "/etc/version")):
        with suppress(OSError):
            # without the escapes of agetty(8)
            text = " ".join(re.sub(r"\\.(\{[^}]*\})?", "", Path(place).read_text(errors="replace")).split())
            found.append(Detail(name, "ok", text[:200]))
    return found


def _can(name: str) -> Sequence[Detail]:
    if not is_interface(name):
        return (Detail(name, "failed", "SDV_CAN is no name of an interface"),)
    return (of_interface(name, interface(name)),)


def _ports(device: Device) -> Sequence[Detail]:
    open_ = {each.port for each in listening(Path("/proc/net")) if each.protocol == "tcp"}
    kanto = Detail("Kanto CM", "ok", str(_KANTO)) if _KANTO.is_socket() else _replaced("Kanto CM", device)
    return (_port("OpenSSH", 22, open_), kanto, _port("Mosquitto Server", 1883, open_))


def _port(name: str, port: int, open_: set[int]) -> Detail:
    return Detail(name, "ok" if port in open_ else "failed", f"port {port}" + ("" if port in open_ else " is closed"))


def _replaced(name: str, device: Device) -> Detail:
    try:
        facts = device.facts
    except EvenkeelError as error:
        return Detail(
            name, "unknown", f"whether evenkeel, which does its work, is at work is not known: {error.message}"
        )
    if facts.hidden:
        told = f"whether evenkeel, which does its work, is at work cannot be seen: {facts.hidden}"
        return Detail(name, "unknown", told, other_user())
    if facts.holder is not None:
        return Detail(name, "ok", "evenkeel does its work, and is at work")
    return Detail(name, "failed", "evenkeel does its work, and is not at work", "`systemctl start evenkeel`")


async def _units(device: Device, names: Sequence[str], *, is_optional: bool) -> Sequence[Detail]:
    if not has_systemd(device):
        return tuple(
            Detail(each, "skipped" if is_optional else "unknown", "there is no systemd here") for each in names
        )
    return await asyncio.gather(*(_unit(device, each, is_optional=is_optional) for each in names))


async def _unit(device: Device, name: str, *, is_optional: bool) -> Detail:
    whole = name if is_unit(name) else f"{name}.service"
    if not is_unit(whole):
        return Detail(name, "failed", "this is no name of a unit")
    try:
        state = await unit_state(device, whole)
    except EvenkeelError as error:
        return Detail(name, "skipped" if is_optional else "unknown", error.message)
    if state.load == "not-found" and name in REPLACED:
        return _replaced(name, device)
    found = of_unit(whole, state, must=not is_optional)
    is_idle = is_optional and found.state == "failed" and state.active == "inactive"
    return Detail(name, "skipped" if is_idle else found.state, found.evidence, found.remedy)


async def _containers(device: Device, names: Sequence[str], is_set: bool) -> Sequence[Detail]:
    """`is_set`: somebody has written the names down. Those of the original include containers that its own image switches
    off."""
    states, asked = await _seen(device)
    found = []
    for name in names:
        state = states.get(name)
        if state is None and name in REPLACED:
            found.append(_replaced(name, device))
        elif state is None and not is_set and name not in asked:
            found.append(Detail(name, "skipped", "NOT FOUND, and not asked for"))
        else:
            found.append(Detail(name, "ok" if state == "running" else "warning", _word(state)))
    return tuple(found)


async def _optional(device: Device, names: Sequence[str]) -> Sequence[Detail]:
    states, _ = await _seen(device)
    return tuple(
        Detail(each, "ok" if states.get(each) == "running" else "skipped", _word(states.get(each))) for each in names
    )


def _word(state: str | None) -> str:
    """The state of a container in the words of `kanto-cm list`."""
    return state.capitalize() if state is not None else "NOT FOUND"


async def _seen(device: Device) -> tuple[dict[str, str], set[str]]:
    """The states of all containers by their names, and the names that are asked for."""
    sight = await device.sight(DOMAIN)
    states = {name: each.state for each in sight.seen.containers for name in (each.engine_name, each.name) if name}
    return states, set(sight.want.subjects)


async def _connectivity(device: Device, names: Variables) -> Sequence[Detail]:
    pinged, looked_up, (connector, device_id) = await asyncio.gather(
        _ping(device, names), _names(device), _connector(device)
    )
    return (pinged, looked_up, connector, device_id)


async def _ping(device: Device, names: Variables) -> Detail:
    host = names.ping if "SDV_PING_HOST" in names.is_set else device.settings.doctor.ping
    if not host:
        return Detail("Ping [Internet]", "skipped", "neither SDV_PING_HOST nor `doctor.ping` names a host")
    if not is_host(host):
        return Detail("Ping [Internet]", "failed", "SDV_PING_HOST is no host")
    found = await ping(host, wait_s=1)
    return Detail("Ping [Internet]", found.state, found.evidence, found.remedy)


async def _names(device: Device) -> Detail:
    label = "DNS Lookup [Internet]"
    hosts = [host for host, _ in await asked_hosts(device) if host != "localhost" and not host[-1:].isdecimal()]
    if not hosts:
        return Detail(label, "skipped", "no registry, broker or host of `doctor.hosts` has a name to look up")
    unknown = [host for host in hosts if isinstance(await known_name(host), str)]
    return (
        Detail(label, "failed", f"not known: {', '.join(unknown)}")
        if unknown
        else Detail(label, "ok", ", ".join(hosts))
    )


async def _connector(device: Device) -> tuple[Detail, Detail]:
    from evenkeel.controller.agents.commander import passing_link
    from evenkeel.specs.kanto.things.identity import Identity, read_identity

    heard: dict[str, bytes] = {}
    link = passing_link(device.settings, "health", beginnings=True)
    for topic in (_STATUS, _RESPONSE):
        link.subscribe(topic)
    async with link:
        if why := await why_not(link, _CONNECT_S):
            return Detail("Cloud Connector", "failed", f"the broker: {why}"), Detail(
                "Device ID:", "failed", "no broker"
            )
        # an own iterator: a cancelled one is exhausted
        with suppress(TimeoutError):
            async with asyncio.timeout(_ANSWER_S), aclosing(link.messages()) as messages:  # type: ignore[type-var]
                await link.publish(_REQUEST, b"{}")
                async for message in messages:
                    await message.done()
                    heard[message.topic] = message.payload
                    if len(heard) > 1:
                        break
    found = read_identity(heard[_RESPONSE]) if _RESPONSE in heard else ()
    answer = Detail("Device ID:", "warning", "Connector did not respond")
    if isinstance(found, Identity):
        answer = Detail("Device ID:", "ok", found.device)
    return _status(heard.get(_STATUS)), answer


def _status(content: bytes | None) -> Detail:
    """The retained status of the connection to the cloud (provisioning.md §5.7)."""
    from evenkeel.templates.moment import iso_text

    name = "Cloud Connector"
    try:
        value = json.loads(content or b"")
        is_up, at, cause = value.get("connected"), value.get("timestamp"), value.get("cause")
        is_time = isinstance(at, int | float) and at is not True and 0 < at < _LAST_S
    except (ValueError, AttributeError, RecursionError):
        return Detail(name, "warning", "no status" if not content else "its status cannot be read")
    since = iso_text(at) if is_time else "an unknown time"
    if is_up is True:
        return Detail(name, "ok", f"connected since {since}")
    return Detail(name, "warning", f"not connected since {since}" + (f": {cause}" if isinstance(cause, str) else ""))


async def last_lines(device: Device, name: str, count: int) -> list[str] | None:
    """The last lines that a container has written, without what its spec marks as secret; `None` where it is not there."""
    from evenkeel.controller.cycle.stage import output
    from evenkeel.reconcilers.capabilities import watched

    try:
        domain, want, _, seen = await device.sight(DOMAIN)
    except EvenkeelError:
        return None
    instance = next((each for each in seen.containers if name in (each.name, each.engine_name)), None)
    if instance is None:
        return None
    found = await output(domain.driver, instance.id, lambda error: type(error).__name__)
    found = watched(domain.reconciler).discreet(found, instance.name, [want])
    return [found.unread] if found.unread else list(found.lines[-count:])
