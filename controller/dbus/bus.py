"""One connection to the system bus: made when it is first needed, and again after it was lost.

It knows D-Bus and names failures, and nothing about the services behind it. Invariants:

* Nobody pays for a bus that is not used: dbus-fast, which takes 4 MB, is imported by the first connection.
* Every call has a time limit, and never waits for a connection that has ended: dbus-fast itself would wait for ever.
* A call is not repeated here: it may have been carried out.
* Who listens to signals is told when the connection is lost (`hear(None)`), and has to listen anew. Listening is in force
  when `hearing` begins, so that no answer to a later call is missed.
* A name that is not there may be started by the bus when it is called.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from evenkeel.specs.errors import DriverError, TimedOut, Unavailable

if TYPE_CHECKING:
    from dbus_fast import Message
    from dbus_fast.aio import MessageBus

log = logging.getLogger(__name__)

SYSTEM = "unix:path=/var/run/dbus/system_bus_socket"
"""The address that the specification of D-Bus gives the system bus."""
CALL_S = 30.0
_CONNECT_S = 10.0
_LEAVE_S = 2.0
_LONGEST_MESSAGE = 2000
_DAEMON = "org.freedesktop.DBus"
_ADVICE = "is D-Bus running? `slots.bus` or DBUS_SYSTEM_BUS_ADDRESS says where it is"
_ABSENT = (f"{_DAEMON}.Error.ServiceUnknown", f"{_DAEMON}.Error.NameHasNoOwner")
_NOT_STARTED = f"{_DAEMON}.Error.Spawn."
_GONE = (f"{_DAEMON}.Error.NoReply", f"{_DAEMON}.Error.Disconnected")
_DENIED = (f"{_DAEMON}.Error.AccessDenied", f"{_DAEMON}.Error.AuthFailed")
_NO_METHOD = tuple(f"{_DAEMON}.Error.Unknown{each}" for each in ("Method", "Interface", "Object", "Property"))


class Peer(NamedTuple):
    """An object of a service: its name on the bus, its path, and the interface that is spoken to."""

    name: str
    path: str
    interface: str


class Signal(NamedTuple):
    """`sender`: the unique name of the connection that sent it. `body`: its arguments, without variants around them."""

    sender: str
    path: str
    interface: str
    member: str
    body: list[Any]


class Absent(Unavailable):
    """Nobody has the name that was called."""


class BusAnswer(DriverError):
    """The service answered and said no: `name` is that of D-Bus, `message` the service's own text."""

    def __init__(self, element: str, name: str, message: str) -> None:
        super().__init__(element, message)
        self.name = name

    @property
    def lacks_method(self) -> bool:
        """The service is too old for the call, or too new."""
        return self.name in _NO_METHOD


Hear = Callable[[Signal | None], None]
"""Is told each signal, and `None` when the connection is lost and nothing more comes. Must return at once and never raise."""


class SystemBus:
    """`address` as D-Bus writes it; "" is the system bus, where DBUS_SYSTEM_BUS_ADDRESS says or at its usual place."""

    def __init__(self, address: str = "") -> None:
        self._address = address
        self._bus: MessageBus | None = None
        self._connecting = asyncio.Lock()
        self._hearing: dict[object, tuple[Peer, str, Hear]] = {}
        self._watching: asyncio.Task[None] | None = None

    @property
    def address(self) -> str:
        if self._address:
            return self._address
        import os

        return os.environ.get("DBUS_SYSTEM_BUS_ADDRESS", "") or SYSTEM

    @property
    def element(self) -> str:
        return f"bus:{self.address}"

    async def call(
        self, peer: Peer, member: str, signature: str = "", *arguments: object, timeout_s: float | None = None
    ) -> list[Any]:
        """The values of an answer, without variants around them. `timeout_s`: `CALL_S` by default. Raises `Unavailable` or
        `TimedOut` when there is no answer, `BusAnswer` for a no."""
        from dbus_fast import Message, unpack_variants

        message = Message(
            destination=peer.name,
            path=peer.path,
            interface=peer.interface,
            member=member,
            signature=signature,
            body=list(arguments),
        )
        answer = await self._ask(message, CALL_S if timeout_s is None else timeout_s)
        body = unpack_variants(answer.body)
        assert isinstance(body, list)
        return body

    async def properties(self, peer: Peer) -> dict[str, Any]:
        """All properties of an interface."""
        at = Peer(peer.name, peer.path, f"{_DAEMON}.Properties")
        (found,) = await self.call(at, "GetAll", "s", peer.interface)
        return dict(found)

    async def described(self, peer: Peer) -> str:
        """The service's own description of its object, XML."""
        (found,) = await self.call(Peer(peer.name, peer.path, f"{_DAEMON}.Introspectable"), "Introspect")
        return str(found)

    async def owner(self, name: str) -> str:
        """The unique name of the connection that has a name; "" when nobody has it."""
        try:
            (found,) = await self.call(_OF_DAEMON, "GetNameOwner", "s", name)
        except Absent:
            return ""
        return str(found)

    @asynccontextmanager
    async def hearing(self, peer: Peer, member: str, hear: Hear, first: str = "") -> AsyncIterator[None]:
        """Listen to a signal. `first`: only those with this first argument."""
        rule = f"type='signal',sender='{peer.name}',path='{peer.path}',interface='{peer.interface}',member='{member}'"
        if first:
            rule += f",arg0='{first}'"
        key = object()
        bus = await self._connected()
        self._hearing[key] = peer, member, _with_first(hear, first)
        try:
            await self.call(_OF_DAEMON, "AddMatch", "s", rule)
            yield
        finally:
            self._hearing.pop(key, None)
            if self._bus is bus and bus.connected:
                with suppress(DriverError):
                    await self.call(_OF_DAEMON, "RemoveMatch", "s", rule, timeout_s=_LEAVE_S)

    async def close(self) -> None:
        """End the connection. A later call makes another one."""
        bus, watching, self._bus, self._watching = self._bus, self._watching, None, None
        if bus is not None and bus.connected:
            bus.disconnect()
        if watching is not None:
            await asyncio.wait((watching,), timeout=_CONNECT_S)

    # -- the connection --------------------------------------------------------------------------------------------------

    async def _ask(self, message: Message, timeout_s: float) -> Message:
        what = f"{message.interface}.{message.member}"
        bus = await self._connected()
        try:
            async with asyncio.timeout(timeout_s):
                answer = await bus.call(message)
        except TimeoutError as error:
            raise TimedOut(
                self.element, f"{message.destination} did not answer {what} within {timeout_s:g} s"
            ) from error
        except (OSError, EOFError) as error:
            raise self._lost(what) from error
        if answer is None:  # this process has ended the connection
            raise self._lost(what)
        if answer.error_name is not None:
            raise self._no(answer, message, what)
        return answer

    def _lost(self, what: str) -> Unavailable:
        return Unavailable(self.element, f"the connection to D-Bus ended before an answer to {what}")

    def _no(self, answer: Message, message: Message, what: str) -> DriverError:
        name, told = str(answer.error_name), str(answer.body[0]) if answer.body else ""
        told = told[:_LONGEST_MESSAGE]
        if name in _ABSENT:
            return Absent(self.element, f"no {message.destination} on D-Bus; is it installed and running?")
        if name.startswith(_NOT_STARTED):
            return Unavailable(self.element, f"D-Bus could not start {message.destination}: {told}")
        if name in _GONE:
            return Unavailable(self.element, f"{message.destination} ended before an answer to {what}")
        if name in _DENIED:
            return Unavailable(
                self.element, f"D-Bus does not let this user call {what} of {message.destination}: {told}"
            )
        return BusAnswer(self.element, name, told or name)

    async def _connected(self) -> MessageBus:
        async with self._connecting:
            if self._bus is None or not self._bus.connected:
                self._bus = await self._connect()
                self._watching = asyncio.create_task(self._until_lost(self._bus))
            return self._bus

    async def _connect(self) -> MessageBus:
        from dbus_fast import AuthError, InvalidAddressError

        from evenkeel.controller.dbus.connection import Connection

        try:
            async with asyncio.timeout(_CONNECT_S):
                bus = await Connection(bus_address=self.address).connect()
        except TimeoutError as error:
            raise TimedOut(self.element, f"D-Bus did not answer within {_CONNECT_S:g} s") from error
        except (FileNotFoundError, ConnectionRefusedError) as error:
            why = "there is no such socket" if isinstance(error, FileNotFoundError) else "nobody listens there"
            raise Unavailable(self.element, f"{why}; {_ADVICE}") from error
        except (AuthError, InvalidAddressError, OSError, EOFError) as error:
            raise Unavailable(self.element, f"no connection to D-Bus: {error or 'it ended'}") from error
        bus.add_message_handler(self._arrived)
        return bus

    async def _until_lost(self, bus: MessageBus) -> None:
        with suppress(OSError, EOFError):
            await bus.wait_for_disconnect()  # type: ignore[no-untyped-call]
        log.debug("the connection to D-Bus ended")
        for _, _, hear in tuple(self._hearing.values()):
            hear(None)

    def _arrived(self, message: Message) -> None:
        from dbus_fast import MessageType, unpack_variants

        if message.message_type is not MessageType.SIGNAL:
            return
        place = message.path, message.interface, message.member
        for peer, member, hear in tuple(self._hearing.values()):
            if (peer.path, peer.interface, member) == place:
                body = unpack_variants(message.body)
                assert isinstance(body, list)
                hear(Signal(message.sender or "", peer.path, peer.interface, member, body))


_OF_DAEMON = Peer(_DAEMON, "/org/freedesktop/DBus", _DAEMON)


@asynccontextmanager
async def owners(bus: SystemBus, name: str, hear: Hear) -> AsyncIterator[None]:
    """Listen to who has a name: a service comes, goes, or is another one."""
    async with bus.hearing(_OF_DAEMON, "NameOwnerChanged", hear, first=name):
        yield


@asynccontextmanager
async def changes(bus: SystemBus, peer: Peer, hear: Hear) -> AsyncIterator[None]:
    """Listen to changes of the properties of an interface; the second argument has their new values."""
    at = Peer(peer.name, peer.path, f"{_DAEMON}.Properties")
    async with bus.hearing(at, "PropertiesChanged", hear, first=peer.interface):
        yield


def variant(signature: str, value: object) -> object:
    """An argument of a type that the method does not fix."""
    from dbus_fast import Variant

    return Variant(signature, value)


def _with_first(hear: Hear, first: str) -> Hear:
    if not first:
        return hear
    return lambda signal: hear(signal) if signal is None or signal.body[:1] == [first] else None
