"""Health probes over the network, which are evenkeel's own to make: HTTP and TCP, against a container's address.

A command is probed by the engine, over and over; here there is one try with each look at the containers, and `Probes`
remembers what the tries before it told, so that one answer that is late does not make a container sick.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from urllib.parse import quote

from evenkeel.controller.clock import Now, system_now
from evenkeel.reconcilers.containers.health import Probed, after_probe
from evenkeel.specs.codec import changed
from evenkeel.specs.container import ExecProbe, Health, HttpProbe, TcpProbe
from evenkeel.specs.observed import ContainerSeen

_MOST_HEAD_BYTES = 4096
_SAFE = "/?&=%:@!$'()*+,;~"
"""What is a path and a query already stays as it is."""


class Probes:
    """The probes of one engine's containers."""

    def __init__(self, look_again: Callable[[], None], now: Now = system_now) -> None:
        """`look_again` is called when it is time to look into a failure."""
        self._look_again, self._now = look_again, now
        self._known: dict[str, tuple[float, Probed]] = {}
        """By id, with the time of the start that it is about: who was started again is another one."""

    async def once(self, seen: ContainerSeen, check: Health | None) -> ContainerSeen:
        """A container with what one probe of `check` tells, whatever was known before."""
        if check is None or not _is_probed(seen, check):
            return seen
        return changed(seen, health="healthy" if await is_healthy(check, _address(seen)) else "unhealthy")

    async def over_time(self, seen: ContainerSeen, check: Health | None) -> ContainerSeen:
        """A container with what one more probe of `check` tells together with those before it."""
        if check is None or not _is_probed(seen, check):
            return seen
        well, loop = await is_healthy(check, _address(seen)), asyncio.get_running_loop()
        start, known = self._known.get(seen.id, (0.0, None))
        before = known if start == seen.started_at else None
        probed = after_probe(check, before, well=well, now=loop.time(), up_s=self._now() - seen.started_at)
        if not well and probed.health != "unhealthy" and probed != before:
            loop.call_later(check.interval.total_seconds(), self._look_again)
        self._known[seen.id] = seen.started_at, probed
        return changed(seen, health=probed.health)

    def forget_all_but(self, ids: Collection[str]) -> None:
        """Containers that are gone."""
        self._known = {id_: probed for id_, probed in self._known.items() if id_ in ids}


def _is_probed(seen: ContainerSeen, check: Health) -> bool:
    """Whether the check has to be made here: the container is up, and the engine does not make it."""
    return seen.state == "running" and not isinstance(check.probe, ExecProbe)


def _address(seen: ContainerSeen) -> str:
    return "127.0.0.1" if seen.container is not None and seen.container.network == "host" else seen.address


async def is_healthy(health: Health, address: str) -> bool:
    """Whether one try succeeds within the check's timeout. Never raises for what the container does.

    A container without an address has no health: "" would be asked of the host itself.
    """
    if not address:
        return False
    try:
        async with asyncio.timeout(health.timeout.total_seconds()):
            match health.probe:
                case TcpProbe(port=port):
                    _, writer = await asyncio.open_connection(address, port)
                    await _close(writer)
                    return True
                case HttpProbe(port=port, path=path):
                    return 200 <= await _status(address, port, path) < 400
                case _:
                    raise ValueError("commands are probed by the engine")
    except (OSError, TimeoutError):
        return False


async def _status(address: str, port: int, path: str) -> int:
    """The status of a GET, read with h11; 0 when what answers does not speak HTTP."""
    import h11

    reader, writer = await asyncio.open_connection(address, port)
    try:
        connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=_MOST_HEAD_BYTES * 4)
        host = f"[{address}]" if ":" in address else address
        headers = [("Host", f"{host}:{port}"), ("Connection", "close"), ("User-Agent", "evenkeel")]
        request = connection.send(h11.Request(method="GET", target=quote(path, safe=_SAFE), headers=headers))
        writer.write((request or b"") + (connection.send(h11.EndOfMessage()) or b""))
        await writer.drain()
        while True:
            event = connection.next_event()
            if isinstance(event, h11.Response):
                return event.status_code
            if event is h11.NEED_DATA:
                connection.receive_data(await reader.read(_MOST_HEAD_BYTES))
            elif not isinstance(event, h11.InformationalResponse):
                return 0
    except h11.ProtocolError:
        return 0
    finally:
        await _close(writer)


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    try:
        await writer.wait_closed()
    except OSError:
        return
