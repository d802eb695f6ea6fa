"""A small HTTP proxy (`CONNECT`), with a user and a password, that takes every name for this machine."""

from __future__ import annotations

import asyncio
import base64

from .machine import free_port
from .serving import Serving


class ConnectProxy:
    """`asked`: the places that somebody wanted to be connected to, and were. With `refuses`, a status, it
    connects nobody."""

    def __init__(self, user: str = "driver", password: str = "through me") -> None:
        self.port, self.asked, self.refuses = free_port(), list[str](), ""
        self._login = base64.b64encode(f"{user}:{password}".encode()).decode()
        self.address = f"http://{user}:{password.replace(' ', '%20')}@127.0.0.1:{self.port}"
        self._serving = Serving(
            "connect-proxy", lambda connected: asyncio.start_server(connected, "127.0.0.1", self.port), self._serve
        )
        self._serving.start()

    def close(self) -> None:
        self._serving.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        method, place = head.split()[:2]
        is_known = f"proxy-authorization: basic {self._login}".lower() in head.lower()
        status = "405" if method != "CONNECT" else "407" if not is_known else self.refuses
        if status:
            writer.write(f"HTTP/1.1 {status} No\r\nContent-Length: 0\r\n\r\n".encode())
            await writer.drain()
            return
        self.asked.append(place)
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", int(place.rpartition(":")[2]))
        writer.write(b"HTTP/1.1 200 Connected\r\n\r\n")
        try:
            await asyncio.gather(pour(reader, far_writer), pour(far_reader, writer))
        finally:
            far_writer.transport.abort()


async def pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """All that comes, until its end."""
    while content := await reader.read(1 << 16):
        writer.write(content)
        await writer.drain()
    writer.write_eof()
