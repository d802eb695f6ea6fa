"""The present values for preconditions: of topics, files and windows.

Topics belong to the connection of the update manager, which subscribes to `topics` and hands each message to `receive`. Of a
topic only the last message is kept, and only what its values are made of. Files are read when somebody asks, because what reads
/sys or /run is right only then. Ages are measured by the time since boot: it goes on while the device sleeps, and a device that
finds the time of day does not make a value younger.

Nothing is decided here: whether a value counts follows from what is observed (`specs.preconditions.observed`).
"""

from __future__ import annotations

import asyncio
import logging
import os
import stat
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from contextlib import aclosing, suppress
from pathlib import Path
from posixpath import dirname
from typing import Any, NamedTuple

from evenkeel.controller.process.clock import Clock, Now, second_of_day, system_clock, system_now
from evenkeel.specs.preconditions.json_path import JsonPath
from evenkeel.specs.preconditions.observed import MOST_CONTENT, Lacking, Observed, value_in
from evenkeel.specs.preconditions.source import FileSource, TopicSource, ValueSource, WindowSource
from evenkeel.specs.window import Window

log = logging.getLogger(__name__)

NOT_CONNECTED = "not connected to the broker"

_STEP_MS, _DEBOUNCE_MS = 50, 500
_DEAF_S = 60.0
"""The pause until the next attempt where inotify is not available."""
_FILES_S = 10.0
"""Files are looked at so often, too: files of /sys and of a network make no event."""
_LONGEST_WAIT_S = 60.0
"""Nothing is waited for longer: the local clock may be set, and a device may sleep."""
_SHORTEST_WAIT_S = 0.05
_AHEAD_S = 60.0
"""A file may have been changed so far in the future; clocks are corrected by so much all the time."""


class _Message(NamedTuple):
    """The last message of a topic. `parts`: of each path that values need, the value, or a Lacking. `at_s`: the time since boot
    when it came; `None` when it was a retained one, which may be of any age."""

    parts: Mapping[JsonPath | None, Any]
    at_s: float | None


class Values:
    """The values of the settings, as they are now. `changes` needs a running loop; the rest does not."""

    def __init__(
        self,
        sources: Mapping[str, ValueSource],
        clock: Clock = system_clock,
        now: Now = system_now,
        second_of_day: Callable[[], float] = second_of_day,
    ) -> None:
        self._sources = dict(sources)
        self._clock, self._now, self._second_of_day = clock, now, second_of_day
        self._messages: dict[str, _Message] = {}
        self._connected = False
        self._paths: dict[str, list[JsonPath | None]] = {}
        for source in self._sources.values():
            if isinstance(source, TopicSource):
                self._paths.setdefault(source.topic, []).append(source.path)
        self._woken: set[asyncio.Event] = set()

    @property
    def topics(self) -> tuple[str, ...]:
        """The topics to subscribe to, each once."""
        return tuple(self._paths)

    def receive(self, topic: str, payload: bytes, at_s: float, *, retained: bool = False) -> None:
        """A message came at this time since boot. `retained`: the broker has kept it for an unknown time."""
        if topic not in self._paths:
            return
        parts: dict[JsonPath | None, Any] = {}
        for path in self._paths[topic]:
            try:
                parts[path] = value_in(payload, path)
            except Lacking as lacking:
                parts[path] = lacking
        self._messages[topic] = _Message(parts, None if retained else at_s)
        self._wake()

    def connect(self) -> None:
        """The topics are subscribed to. Messages count from now on."""
        self._connected = True
        self._wake()

    def disconnect(self) -> None:
        """The connection to the broker is gone. Values received before are forgotten, because their changes are missed."""
        self._connected = False
        self._messages.clear()
        self._wake()

    def present(self) -> dict[str, Observed]:
        """Each value by its name. Files are read; a regular file of at most 64 KiB does not block."""
        up_s = self._clock().up_s
        return {name: self._observed(source, up_s) for name, source in self._sources.items()}

    async def changes(self) -> AsyncGenerator[None, None]:
        """Something whenever a value may count otherwise than before: another value, one that has become stale, unknown or
        known. Without end. Values that only grow older are no change. Close it (`aclosing`), because it watches folders."""
        woken = asyncio.Event()
        self._woken.add(woken)
        watch = asyncio.create_task(self._watch(woken)) if self._folders() else None
        try:
            before = self.present()
            while True:
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._wait_s(before)):
                        await woken.wait()
                await asyncio.sleep(_SHORTEST_WAIT_S)  # a burst of messages is one change
                woken.clear()
                after = self.present()
                if _verdicts(after) != _verdicts(before):
                    yield
                before = after
        finally:
            self._woken.discard(woken)
            if watch is not None:
                watch.cancel()
                await asyncio.gather(watch, return_exceptions=True)

    def _wake(self) -> None:
        for event in self._woken:
            event.set()

    # ── one value ──────────────────────────────────────────────────────────────────────────────────────────────────

    def _observed(self, source: ValueSource, up_s: float) -> Observed:
        match source:
            case WindowSource():
                return Observed(source.window.wait_s(self._second_of_day()) == 0)
            case TopicSource():
                return self._of_topic(source, up_s)
            case FileSource():
                return self._of_file(source)

    def _of_topic(self, source: TopicSource, up_s: float) -> Observed:
        message = self._messages.get(source.topic)
        if message is None:
            why = f"nothing was received on {source.topic}" if self._connected else NOT_CONNECTED
            return Observed(unknown=why)
        value = message.parts[source.path]
        if isinstance(value, Lacking):
            return Observed(unknown=f"{value} (in the last message on {source.topic})")
        if message.at_s is None:
            if source.max_age is not None:
                return Observed(unknown=f"only a retained message is there of {source.topic}, which may be of any age")
            return Observed(value)
        return _aged(value, max(up_s - message.at_s, 0.0), source)

    def _of_file(self, source: FileSource) -> Observed:
        try:
            content, changed_at = _content(source.file)
            value = value_in(content, source.path)
        except Lacking as lacking:
            return Observed(unknown=f"{lacking} (in {source.file})")
        except OSError as error:
            return Observed(unknown=f"{source.file}: {error.strerror or error}")
        age_s = self._now() - changed_at
        if age_s < -_AHEAD_S and source.max_age is not None:
            return Observed(unknown=f"{source.file} was changed in the future, so that its age is not known")
        return _aged(value, max(age_s, 0.0), source)

    # ── waiting ────────────────────────────────────────────────────────────────────────────────────────────────────

    def _wait_s(self, present: Mapping[str, Observed]) -> float:
        """Seconds until a value may change by itself."""
        waits = [_LONGEST_WAIT_S, *self._waits(present)]
        return max(min(waits), _SHORTEST_WAIT_S)

    def _waits(self, present: Mapping[str, Observed]) -> Iterator[float]:
        second = self._second_of_day()
        for name, source in self._sources.items():
            observed = present[name]
            if isinstance(source, WindowSource):
                yield _flip_s(source.window, second)
            elif observed.counts and observed.max_age_s is not None and observed.age_s is not None:
                yield observed.max_age_s - observed.age_s + _SHORTEST_WAIT_S
            if isinstance(source, FileSource):
                yield _FILES_S

    def _folders(self) -> tuple[str, ...]:
        files = [source.file for source in self._sources.values() if isinstance(source, FileSource)]
        return tuple(sorted({dirname(file) for file in files if Path(file).parent.is_dir()}))

    async def _watch(self, woken: asyncio.Event) -> None:
        """Set the event when something happens to a file; without end."""
        from evenkeel.controller.process.folders import WatchBroke, happenings

        files = {source.file for source in self._sources.values() if isinstance(source, FileSource)}
        while True:
            try:
                async with aclosing(happenings(self._folders(), _STEP_MS, _DEBOUNCE_MS)) as events:
                    woken.set()  # what happened before the watch stood
                    async for paths in events:
                        if files & paths:
                            woken.set()
            except (OSError, RuntimeError, WatchBroke) as error:
                log.debug("cannot watch files", extra={"fields": {"why": str(error)}})
            await asyncio.sleep(_DEAF_S)


def _aged(value: Any, age_s: float, source: TopicSource | FileSource) -> Observed:
    max_age_s = None if source.max_age is None else source.max_age.total_seconds()
    return Observed(value, age_s, max_age_s)


def _verdicts(present: Mapping[str, Observed]) -> dict[str, tuple[str, str, bool]]:
    """Of each value what preconditions go by: the value, why it is unknown, and whether it is stale."""
    return {name: (repr(each.value), each.unknown, each.is_stale) for name, each in present.items()}


def _flip_s(window: Window, second: float) -> float:
    """Seconds until a window opens or closes."""
    return window.wait_s(second) or Window(window.end, window.start).wait_s(second)


def _content(file: str) -> tuple[bytes, float]:
    """The content of a regular file, and when it was changed (seconds since the epoch). Raises OSError, Lacking."""
    descriptor = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        state = os.fstat(descriptor)
        if not stat.S_ISREG(state.st_mode):
            raise Lacking("no regular file")
        return os.read(descriptor, MOST_CONTENT + 1), state.st_mtime
    finally:
        os.close(descriptor)
