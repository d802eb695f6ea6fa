"""Health probes over the network, which evenkeel makes itself: HTTP and TCP, against a container's address, or against the port
of the host that leads to it.

A command is probed by the engine, over and over. Here each look at a container starts one probe, unless one is under
way already; the probe runs beside the look. The look waits for it only for a moment, whatever the check allows, and
otherwise reports the results of earlier probes. `Probes` remembers these, so that one late answer does not make a
container sick.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from dataclasses import dataclass
from urllib.parse import quote

from evenkeel.reconcilers.containers.causes import answer_cause, is_good_answer, late_cause, unanswered_cause
from evenkeel.reconcilers.containers.health import Probed, after_probe
from evenkeel.specs.codec import changed
from evenkeel.specs.containers.container import ExecProbe, Health, HttpProbe, published_port
from evenkeel.specs.containers.observed import CheckSeen, ContainerSeen

_MOST_HEAD_BYTES = 4096
_NO_HTTP = "the answer is no HTTP"
_SAFE = "/?&=%:@!$'()*+,;~"
"""Characters that belong to a path and its query are sent as they are."""
_OWN = {"0.0.0.0": "127.0.0.1", "::": "::1"}
"""Addresses at which all interfaces listen, and the one of them to ask at."""
_FIRST_WAIT_S, _WAIT_S = 1.0, 0.25
"""For how long a look waits for the first probe of a container, and for each later one."""


@dataclass
class _Probing:
    """The probes of one container since one start, with one check."""

    started_at: float
    check: Health
    probed: Probed | None = None
    made: int = 0
    cause: str = ""
    """Why the newest one failed."""
    at_work: asyncio.Task[None] | None = None


class Probes:
    """The probes of one engine's containers."""

    def __init__(self, look_again: Callable[[], None]) -> None:
        """`look_again` is called when a probe has a new result, and when it is time to look into a failure."""
        self._look_again = look_again
        self.at_host = False
        """Whether containers are asked at the ports that they publish, because their addresses cannot be reached."""
        self._of: dict[str, _Probing] = {}

    async def once(self, seen: ContainerSeen, check: Health | None) -> ContainerSeen:
        """A container with the result of one probe of `check`, without those before."""
        if check is None or not _is_probed(seen, check):
            return seen
        cause = await fault(check, *self._place(seen, check))
        return changed(seen, health="unhealthy" if cause else "healthy", check=CheckSeen("", not cause, cause))

    async def over_time(self, seen: ContainerSeen, check: Health | None, up_s: float) -> ContainerSeen:
        """A container with the results of the probes of `check` so far; "starting" while there is none. Another start
        or another check begins anew. `up_s`: for how many seconds it is up."""
        if check is None or not _is_probed(seen, check):
            return seen
        probing = self._of.get(seen.id)
        if probing is None or (probing.started_at, probing.check) != (seen.started_at, check):
            _end(probing)
            probing = self._of[seen.id] = _Probing(seen.started_at, check)
        if probing.at_work is None or probing.at_work.done():
            probing.at_work = asyncio.ensure_future(self._probe(probing, self._place(seen, check), up_s))
        await asyncio.wait({probing.at_work}, timeout=_FIRST_WAIT_S if probing.probed is None else _WAIT_S)
        if (probed := probing.probed) is None:
            return changed(seen, health="starting", check=CheckSeen())
        passed = probed.health == "healthy" and not probed.failures
        return changed(seen, health=probed.health, check=CheckSeen(str(probing.made), passed, probing.cause))

    def _place(self, seen: ContainerSeen, check: Health) -> tuple[str, int]:
        """The address and the port at which a check of a container is made; "" when there is no address."""
        number = check.probe.port if not isinstance(check.probe, ExecProbe) else 0
        if seen.container is not None and seen.container.network == "host":
            return "127.0.0.1", number
        if not self.at_host:
            return seen.address, number
        port = published_port(seen.container, number) if seen.container is not None else None
        return (_OWN.get(port.host_ip, port.host_ip), port.host_port) if port is not None else ("", 0)

    async def _probe(self, probing: _Probing, place: tuple[str, int], up_s: float) -> None:
        check, before = probing.check, probing.probed
        cause, loop = await fault(check, *place), asyncio.get_running_loop()
        well, probing.cause = not cause, cause
        probed = probing.probed = after_probe(check, before, well=well, now=loop.time(), up_s=up_s)
        probing.made += 1
        if before is not None and probed.health != before.health:
            self._look_again()
        if not well and probed.health != "unhealthy" and probed != before:
            loop.call_later(check.interval.total_seconds(), self._look_again)

    def forget_all_but(self, ids: Collection[str]) -> None:
        """Containers that are gone are not probed any more."""
        for id_ in [id_ for id_ in self._of if id_ not in ids]:
            _end(self._of.pop(id_))

    async def close(self) -> None:
        """End the probes that are under way."""
        probing, self._of = list(self._of.values()), {}
        for each in probing:
            _end(each)
        await asyncio.gather(*(each.at_work for each in probing if each.at_work), return_exceptions=True)


def _end(probing: _Probing | None) -> None:
    if probing is not None and probing.at_work is not None:
        probing.at_work.cancel()


def _is_probed(seen: ContainerSeen, check: Health) -> bool:
    """Whether evenkeel has to make the check: the container is up, and the engine does not make it."""
    return seen.state == "running" and not isinstance(check.probe, ExecProbe)


async def fault(check: Health, address: str, port: int = 0) -> str:
    """Why one try of a check over the network fails, "" when it succeeds within the check's timeout. Never raises for
    anything that the container does. `port`: where the check's port is found at this address, by default the same.

    A container without an address has no health: a request to "" would go to the host itself.
    """
    probe = check.probe
    if isinstance(probe, ExecProbe):
        raise ValueError("commands are probed by the engine")
    if not address:
        return unanswered_cause(probe, "the container has no address")
    try:
        async with asyncio.timeout(check.timeout.total_seconds()):
            if isinstance(probe, HttpProbe):
                return await _http_fault(probe, address, port or probe.port)
            _, writer = await asyncio.open_connection(address, port or probe.port)
            await _close(writer)
            return ""
    except TimeoutError as late:
        return unanswered_cause(probe, late) if late.errno else late_cause(probe, check.timeout.total_seconds())
    except OSError as error:
        return unanswered_cause(probe, error)


async def _http_fault(probe: HttpProbe, address: str, port: int) -> str:
    """The reason why a GET, read with h11, has no good answer; "" when it has one."""
    import h11

    reader, writer = await asyncio.open_connection(address, port)
    has_answered = False
    try:
        connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=_MOST_HEAD_BYTES * 4)
        host = f"[{address}]" if ":" in address else address
        headers = [("Host", f"{host}:{port}"), ("Connection", "close"), ("User-Agent", "evenkeel")]
        request = connection.send(h11.Request(method="GET", target=quote(probe.path, safe=_SAFE), headers=headers))
        writer.write((request or b"") + (connection.send(h11.EndOfMessage()) or b""))
        await writer.drain()
        while True:
            event = connection.next_event()
            if isinstance(event, h11.Response):
                status = event.status_code
                return "" if is_good_answer(status) else answer_cause(probe, status)
            if event is h11.NEED_DATA:
                received = await reader.read(_MOST_HEAD_BYTES)
                if not received and not has_answered:
                    return unanswered_cause(probe, "the connection was closed without an answer")
                has_answered = True
                connection.receive_data(received)
            elif not isinstance(event, h11.InformationalResponse):
                return unanswered_cause(probe, _NO_HTTP)
    except h11.ProtocolError:
        return unanswered_cause(probe, _NO_HTTP)
    finally:
        await _close(writer)


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    try:
        await writer.wait_closed()
    except OSError:
        return
