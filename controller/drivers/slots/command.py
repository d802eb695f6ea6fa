"""Running a command of the device: bounded in time and output. One that does not end in time is ended, with its group."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Sequence
from contextlib import suppress
from typing import BinaryIO, NamedTuple

_MOST_BYTES = 64 * 1024
_REST_S = 0.5
"""A process that the command has left behind may keep the pipe open; what was written before is read within this time."""
_LOCALE = {"LC_ALL": "C.UTF-8"}
"""Messages come as they were written for everybody."""


class Ended(NamedTuple):
    """`code`: negative for a signal. `output`: the beginning of what it wrote, standard output and error together."""

    code: int
    output: str


async def run(command: Sequence[str], timeout_s: float) -> Ended:
    """Raises OSError when it cannot be started, TimeoutError when it does not end in time. Cancelled, it is ended, too."""
    inner, outer = os.pipe()
    output = bytearray()
    with os.fdopen(inner, "rb", buffering=0) as inlet:
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=outer,
                stderr=outer,
                env={**os.environ, **_LOCALE},
                process_group=0,
            )
        finally:
            os.close(outer)
        reading = asyncio.create_task(_read(inlet, output))
        try:
            async with asyncio.timeout(timeout_s):
                code = await process.wait()
            await asyncio.wait((reading,), timeout=_REST_S)
        finally:
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                await process.wait()
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
    return Ended(code, output.decode(errors="replace"))


async def _read(inlet: BinaryIO, output: bytearray) -> None:
    """Everything is read, and the beginning kept: a command must not wait for a full pipe."""
    reader, loop = asyncio.StreamReader(), asyncio.get_running_loop()
    transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), inlet)
    try:
        while piece := await reader.read(8192):
            output += piece[: max(0, _MOST_BYTES - len(output))]
    finally:
        transport.close()
