"""Health probes over the network: one try of an HTTP or TCP probe against a container's address."""

from __future__ import annotations

import asyncio
from urllib.parse import quote

from evenkeel.specs.container import Health, HttpProbe, TcpProbe

_MOST_HEAD_BYTES = 4096
_SAFE = "/?&=%:@!$'()*+,;~"
"""What is a path and a query already stays as it is."""


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
