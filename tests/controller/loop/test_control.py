"""Commands speak to the controller at work over a socket in the state directory, and to no process id."""

from __future__ import annotations

import asyncio
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import pytest
from tests.until import until

from evenkeel.controller.control.ask import NAME, ask, ask_to_look_again
from evenkeel.controller.control.serve import Control


def served(state: Path, work: Callable[[list[str]], Awaitable[None]]) -> list[str]:
    """Do something while a controller listens; what it was asked."""
    asked: list[str] = []

    async def main() -> None:
        control = Control(state)
        control.answer("look", lambda: asked.append("look") or b"ok\n")  # type: ignore[func-returns-value]
        serving = asyncio.create_task(control.serve())
        await asyncio.to_thread(until, (state / NAME).exists)
        await work(asked)
        serving.cancel()
        with suppress(asyncio.CancelledError):
            await serving

    asyncio.run(main())
    return asked


async def _ask(state: Path, request: str = "look") -> bytes | None:
    return await asyncio.to_thread(ask, state, request)


@pytest.mark.parametrize("depth", [0, 20])
def test_it_is_asked_to_look_again_wherever_the_directory_lies(tmp_path: Path, depth: int) -> None:
    """20: deeper than an address of a socket may be long."""
    state = tmp_path.joinpath(*(["a-folder-with-a-long-name"] * depth), "state")
    state.mkdir(parents=True)

    async def work(asked: list[str]) -> None:
        assert await _ask(state) == b"ok\n"
        assert await _ask(state, "unheard") == b"unknown request\n"
        assert await _ask(state, "x" * 100_000) is not None
        assert stat.S_IMODE((state / NAME).stat().st_mode) == 0o600

    assert served(state, work) == ["look"]
    assert not (state / NAME).exists()


def test_without_a_controller_nobody_answers_and_nothing_is_made(tmp_path: Path) -> None:
    assert not ask_to_look_again(tmp_path)
    assert not ask_to_look_again(tmp_path / "absent")
    assert list(tmp_path.iterdir()) == []


def test_the_socket_of_one_that_was_killed_is_no_hindrance(tmp_path: Path) -> None:
    killed = """
import os, socket, sys
channel = socket.socket(socket.AF_UNIX)
channel.bind(sys.argv[1])
os.kill(os.getpid(), 9)
"""
    subprocess.run([sys.executable, "-c", killed, str(tmp_path / NAME)])
    assert (tmp_path / NAME).exists()
    assert not ask_to_look_again(tmp_path)
    (tmp_path / NAME).rename(tmp_path / "left")

    async def work(asked: list[str]) -> None:
        assert await _ask(tmp_path) == b"ok\n"

    (tmp_path / "left").rename(tmp_path / "other")
    assert served(tmp_path, work) == ["look"]


def test_an_answer_without_an_end_is_none(tmp_path: Path) -> None:
    """R1: it was read until memory ended."""
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / NAME))
        listening.listen()
        sent = 0

        def endless() -> None:
            nonlocal sent
            channel, _ = listening.accept()
            with channel, suppress(OSError):
                while sent < 256 * 1024**2:
                    sent += channel.send(bytes(65536))

        thread = threading.Thread(target=endless)
        thread.start()
        assert ask(tmp_path, "status") is None
        thread.join()
        assert sent < 64 * 1024**2
