"""What an engine itself tells of one container: what there was of it and what ran, at every moment, in the engine's own order.

Nobody has to look at the right moment: the engine keeps its last events, with times. A request that the proxy saw is put
between them by the same clock of the same machine.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

from tests.engines.dockerd import Dockerd
from tests.engines.proxy import Proxy

_NAME_LABEL = "dev.evenkeel.name"


class Moment(NamedTuple):
    """Something happened to an instance: `what` is create, start, die, destroy and others, as the engine calls them."""

    at_ns: int
    what: str
    id: str


class Gap(NamedTuple):
    """A time without a running instance. `happened`: to instances, after the one that ran last had ended and up to its end.
    `writes`: what was asked of the engine meanwhile, but for looks, each as its last
    word (`stop`, `start`, `connect`, …; `remove`). `looks`: how often all containers were listed."""

    is_over: bool
    happened: tuple[str, ...]
    writes: tuple[str, ...]
    looks: int


class Account(NamedTuple):
    """Of one turn. `absences`: how often there was no instance any more, running or not. `touched`: the names of other
    containers that something happened to."""

    moments: tuple[Moment, ...]
    absences: int
    gaps: tuple[Gap, ...]
    touched: tuple[str, ...]

    def happened(self, *what: str) -> list[str]:
        return [each.what for each in self.moments if each.what in what]


class Chronicle:
    """All that happens to containers, read again and again in a thread of its own: of all that has happened an engine keeps the
    last 256 events, and more happens while many containers are switched."""

    def __init__(self, dockerd: Dockerd) -> None:
        self._dockerd, self._read_ns = dockerd, time.time_ns()
        self._found: dict[tuple[int, str, str], Any] = {}
        self._reading, self._ends = threading.Lock(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="chronicle", daemon=True)

    def __enter__(self) -> Chronicle:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ends.set()
        self._thread.join(60)

    def events(self) -> list[Any]:
        """All since the beginning, in the order in which they happened."""
        self._read()
        return [self._found[key] for key in sorted(self._found)]

    def _run(self) -> None:
        while not self._ends.wait(0.3):
            self._read()

    def _read(self) -> None:
        with self._reading:
            until_ns = time.time_ns()
            for event in _events(self._dockerd, self._read_ns, until_ns):
                self._found[event["timeNano"], event["Actor"]["ID"], event["Action"]] = event
            self._read_ns = until_ns - _AGAIN_NS


_AGAIN_NS = 10**9
"""What has just happened may be told a moment later; so it is read twice."""


class Accounting:
    """Begins when it is made."""

    def __init__(
        self, dockerd: Dockerd, proxy: Proxy, name: str, beside: Sequence[str] = (), chronicle: Chronicle | None = None
    ) -> None:
        """`beside`: names of containers that something may happen to, too. `chronicle`: where more happens than the engine
        keeps."""
        self._chronicle = chronicle
        self._dockerd, self._proxy, self._name, self._beside = dockerd, proxy, name, beside
        listed = dockerd.api("GET", "/containers/json", all=True)[1]
        mine = {each["Id"]: each["State"] for each in listed if each["Labels"].get(_NAME_LABEL) == name}
        self._there, self._running = set(mine), {id_ for id_, state in mine.items() if state == "running"}
        self._since_ns, self._asked = time.time_ns(), len(proxy.asked_at_ns)

    def end(self) -> Account:
        moments, touched = list[Moment](), set[str]()
        for event in self._events():
            labels = event["Actor"]["Attributes"]
            if labels.get(_NAME_LABEL) == self._name:
                moments.append(Moment(event["timeNano"], event["Action"], event["Actor"]["ID"]))
            elif labels.get(_NAME_LABEL) not in self._beside:
                touched.add(labels["name"])
        absences, gaps = self._folded(moments)
        found = tuple(self._gap(moments, *each) for each in gaps)
        return Account(tuple(moments), absences, found, tuple(sorted(touched)))

    def _events(self) -> list[Any]:
        """What happened to containers since the beginning; of all that has happened an engine keeps the last 256."""
        if self._chronicle is not None:
            return [event for event in self._chronicle.events() if event["timeNano"] > self._since_ns]
        return _events(self._dockerd, self._since_ns, time.time_ns())

    def _folded(self, moments: Sequence[Moment]) -> tuple[int, list[tuple[int, int]]]:
        """How often nothing was there any more, and from when to when nothing ran; 0 for a gap that has no end."""
        there, running = set(self._there), set(self._running)
        absences, gaps = 0, list[tuple[int, int]]()
        for each in moments:
            before = (bool(there), bool(running))
            match each.what:
                case "create":
                    there.add(each.id)
                case "destroy":
                    there.discard(each.id)
                case "start":
                    running.add(each.id)
                case "die":
                    running.discard(each.id)
                case _:
                    pass
            absences += before[0] and not there
            if before[1] and not running:
                gaps.append((each.at_ns, 0))
            elif running and gaps and not gaps[-1][1]:
                gaps[-1] = (gaps[-1][0], each.at_ns)
        return absences, gaps

    def _gap(self, moments: Sequence[Moment], begun_ns: int, ended_ns: int) -> Gap:
        lives = ("create", "start", "die", "destroy", "rename")
        happened = [
            each.what
            for each in moments
            if each.what in lives and each.at_ns > begun_ns and (not ended_ns or each.at_ns <= ended_ns)
        ]
        asked = [
            what
            for at_ns, what in self._proxy.asked_at_ns[self._asked :]
            if at_ns > begun_ns and (not ended_ns or at_ns < ended_ns)
        ]
        writes = tuple(_word(each) for each in asked if not each.startswith(("GET", "HEAD")))
        return Gap(ended_ns > 0, tuple(happened), writes, asked.count("GET /containers/json"))


def _events(dockerd: Dockerd, since_ns: int, until_ns: int) -> list[Any]:
    since, until = _seconds(since_ns), _seconds(until_ns)
    found = dockerd.api("GET", "/events", since=since, until=until, filters={"type": ["container"]})[1]
    return found if isinstance(found, list) else [found] if found else []


def _seconds(ns: int) -> str:
    return f"{ns // 10**9}.{ns % 10**9:09d}"


def _word(asked: str) -> str:
    return "remove" if asked.startswith("DELETE") else asked.rpartition("/")[2]
