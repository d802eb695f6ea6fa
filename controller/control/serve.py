"""The socket in the state directory by which commands (`asking`) speak to the controller at work.

A request is one line, an answer is everything after it. `look`: look again now, because the journal was changed.
`status`: the work of the controller, with the conditions that it would have stored when it works from memory. `values`: those
that preconditions name. Only the
owner of the directory, and root, can connect. No signal is ever sent to a process id that was read from a file: it may
belong to another container's process.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from evenkeel.controller.control.ask import NAME, short_path

log = logging.getLogger(__name__)

_LIMIT_S = 5.0
_AGAIN_S = 10.0
_MOST_ASKED = 256


class Control:
    """The socket of one controller."""

    def __init__(self, state: Path) -> None:
        self._state = state
        self._answers: dict[str, Callable[[], bytes]] = {}

    def answer(self, request: str, act: Callable[[], bytes]) -> None:
        """Let `act` make the answer to a request."""
        self._answers[request] = act

    async def serve(self) -> None:
        """Listen until cancelled; again whenever the socket is no longer at its place."""
        while True:
            try:
                listening, place = self._bind()
            except OSError as error:  # such as a full disk, on which the lock's file reports
                log.debug("no control socket", extra={"fields": {"why": error.strerror or str(error)}})
                await asyncio.sleep(_AGAIN_S)
                continue
            server = await asyncio.start_unix_server(self._serve_one, sock=listening, limit=_MOST_ASKED)
            try:
                await self._while_in_place(place)
            finally:
                server.close()
                if _place(self._state) == place:
                    with suppress(OSError):
                        (self._state / NAME).unlink()

    async def _while_in_place(self, place: tuple[int, int] | None) -> None:
        while True:
            await asyncio.sleep(_AGAIN_S)
            if _place(self._state) != place:
                return

    def _bind(self) -> tuple[socket.socket, tuple[int, int] | None]:
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        try:
            with suppress(FileNotFoundError):
                (self._state / NAME).unlink()  # of an earlier process: the holder of the lock is the only one
            with short_path(self._state) as path:
                listening.bind(path)
                (self._state / NAME).chmod(0o600)
            listening.listen(8)
        except BaseException:
            listening.close()
            raise
        return listening, _place(self._state)

    async def _serve_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with suppress(TimeoutError, ValueError, ConnectionError):
                async with asyncio.timeout(_LIMIT_S):
                    request = (await reader.readline()).decode(errors="replace").strip()
                    act = self._answers.get(request)
                    writer.write(act() if act is not None else b"unknown request\n")
                    await writer.drain()
        finally:
            writer.close()


def _place(state: Path) -> tuple[int, int] | None:
    try:
        found = (state / NAME).lstat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
