"""Between an MQTT client and its broker: passes packets on as they are, and does harm at one of them.

Packets are counted from 1 in the order in which they pass, over both directions and all connections; pings are not counted,
because they come with time. A fault strikes once. It lives in a thread of its own, as `proxy.Proxy` does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Literal, NamedTuple

from .machine import free_port
from .serving import Serving

Kind = Literal[
    "cut before", "cut inside", "cut after", "pause", "stall", "deaf broker", "deaf client", "swallow", "duplicate", "refuse",
    "call",
]  # fmt: skip
"""`cut`: the connection is reset before, in the middle of, or after the packet. `pause`: nothing passes for a while. `stall`:
nothing passes any more, and nobody is told. `deaf`: the same for one direction. `swallow`: an acknowledgement is lost and
the connection goes on. `duplicate`: a PUBLISH comes twice, the second time with DUP. `refuse`: the connection is cut, and
the next ones are answered with `code`. `call`: somebody else does the harm (`Fault.act`), and the packet passes after it."""
CONNACK, PUBLISH, PUBACK, SUBACK = 2, 3, 4, 9
_PINGS = (12, 13)
_PAUSE_S = 2.0
_REFUSALS = 2


class Fault(NamedTuple):
    """`at`: the packet; with `swallow` and `duplicate` the first one from there on that is of the `type`, or a PUBLISH with
    QoS 1."""

    kind: Kind
    at: int
    code: int = 0
    type: int = PUBACK
    """Of the packet that is swallowed."""
    act: Callable[[], None] = lambda: None


class Packet(NamedTuple):
    """`upward`: from the client to the broker."""

    upward: bool
    raw: bytes

    @property
    def type(self) -> int:
        return self.raw[0] >> 4

    @property
    def is_certain(self) -> bool:
        """Whether it is a PUBLISH that wants an acknowledgement."""
        return self.type == PUBLISH and bool(self.raw[0] & 0b0110)

    def again(self) -> bytes:
        """With the mark of a repetition."""
        return bytes([self.raw[0] | 0b1000]) + self.raw[1:]


class MqttProxy:
    """`with MqttProxy(broker_port, fault) as proxy`: a client finds it at `proxy.port`."""

    def __init__(self, broker_port: int, fault: Fault | None = None, *, five: bool = False) -> None:
        """`five`: the client speaks MQTT 5."""
        self.port = free_port()
        self.count = 0
        self.struck: Packet | None = None
        """The packet at which the fault struck."""
        self._broker_port, self._fault, self._five = broker_port, fault, five
        self._refusals = 0
        listen = lambda connected: asyncio.start_server(connected, "127.0.0.1", self.port)  # noqa: E731
        self._serving = Serving("mqtt-proxy", listen, self._serve)

    def __enter__(self) -> MqttProxy:
        self._serving.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._serving.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = _Connection(self, reader, writer)
        try:
            await connection.run(self._broker_port)
        finally:
            connection.abort()

    def strikes(self, packet: Packet) -> Fault | None:
        """Count a packet; the fault, if this is the one."""
        if packet.type in _PINGS:
            return None
        self.count += 1
        fault = self._fault
        if fault is None or self.count < fault.at:
            return None
        fits = {"swallow": packet.type == fault.type, "duplicate": packet.is_certain}
        if not fits.get(fault.kind, True):
            return None
        self._fault, self.struck = None, packet
        self._refusals = _REFUSALS if fault.kind == "refuse" else 0
        self._code = fault.code
        return fault

    def refusal(self) -> bytes:
        """The answer to a CONNECT that is refused; nothing when it is not."""
        if not self._refusals:
            return b""
        self._refusals -= 1
        return bytes([CONNACK << 4, 3, 0, self._code, 0] if self._five else [CONNACK << 4, 2, 0, self._code])


class _Connection:
    """One of a client, and one to the broker."""

    def __init__(self, proxy: MqttProxy, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._proxy, self._client_reader, self._client = proxy, reader, writer
        self._broker: asyncio.StreamWriter | None = None
        self._open = {True: asyncio.Event(), False: asyncio.Event()}
        """By direction (upward or not): whether packets pass."""
        for direction in self._open.values():
            direction.set()

    async def run(self, port: int) -> None:
        first = await _packet(self._client_reader, upward=True)
        refusal = self._proxy.refusal()
        if refusal:
            self._client.write(refusal)
            await self._client.drain()
            await self._client_reader.read()  # a reset would overtake the answer
            return
        broker_reader, self._broker = await asyncio.open_connection("127.0.0.1", port)
        await self._pass_on(first)
        upward, downward = (
            asyncio.ensure_future(self._pump(reader, upward=up))
            for reader, up in ((self._client_reader, True), (broker_reader, False))
        )
        try:
            await asyncio.wait({upward, downward}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (upward, downward):
                task.cancel()
            await asyncio.gather(upward, downward, return_exceptions=True)

    def abort(self) -> None:
        for writer in (self._client, self._broker):
            if writer is not None:
                writer.transport.abort()

    async def _pump(self, reader: asyncio.StreamReader, *, upward: bool) -> None:
        while True:
            await self._pass_on(await _packet(reader, upward=upward))

    async def _pass_on(self, packet: Packet) -> None:
        await self._open[packet.upward].wait()
        fault = self._proxy.strikes(packet)
        match fault.kind if fault is not None else "":
            case "cut before" | "refuse":
                raise EOFError
            case "cut inside":
                await self._write(packet, packet.raw[: max(1, len(packet.raw) // 2)])
                raise EOFError
            case "cut after":
                await self._write(packet, packet.raw)
                raise EOFError
            case "pause":
                await asyncio.sleep(_PAUSE_S)
            case "stall":
                self._open[True].clear()
                self._open[False].clear()
            case "deaf broker":
                self._open[True].clear()
            case "deaf client":
                self._open[False].clear()
            case "swallow":
                return
            case "duplicate":
                await self._write(packet, packet.raw)
                await self._write(packet, packet.again())
                return
            case "call":
                assert fault is not None
                await asyncio.to_thread(fault.act)
        await self._open[packet.upward].wait()
        await self._write(packet, packet.raw)

    async def _write(self, packet: Packet, raw: bytes) -> None:
        writer = self._broker if packet.upward else self._client
        assert writer is not None
        writer.write(raw)
        await writer.drain()


async def _packet(reader: asyncio.StreamReader, *, upward: bool) -> Packet:
    """The next one whole; EOFError when there is none."""
    head = await reader.readexactly(1)
    size, shift = 0, 0
    while True:
        byte = await reader.readexactly(1)
        head += byte
        size |= (byte[0] & 0x7F) << shift
        shift += 7
        if not byte[0] & 0x80:
            return Packet(upward, head + await reader.readexactly(size))
