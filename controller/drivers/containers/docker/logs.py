"""The last lines that a container has written, and the last output of its check, as the engine has kept them.

With a terminal (`tty`) the engine gives the bytes as they were written, else frames: a header of eight bytes, of which
the last four are the length of the rest (Engine API, ContainerAttach; measured with 20.10, which does not tell the two
apart by their content type). Drivers such as `none` cannot be read, and the engine says so.
"""

from __future__ import annotations

from evenkeel.controller.drivers.containers.docker import answers
from evenkeel.controller.drivers.containers.docker.client import EngineAnswer, EngineClient
from evenkeel.controller.drivers.containers.docker.configuration import variable
from evenkeel.controller.drivers.containers.docker.render import asked_from
from evenkeel.specs.containers.output import MOST_LINES, last_lines
from evenkeel.specs.containers.redaction import marked
from evenkeel.specs.output import Output

_MOST_BYTES = 256 << 10
"""The limit of one answer. Lines may be of any length: when the last ones are too long, fewer are asked for."""
_HEADER_BYTES = 8
_UP = ("running", "paused", "created")


async def last_output(client: EngineClient, found: answers.Inspected) -> Output:
    """The last output of a container that was inspected."""
    state, config = found["State"], found["Config"]
    asked = asked_from(config.get("Labels") or {})
    env, secret = [variable(each) for each in config.get("Env") or ()], marked(asked) if asked is not None else ()
    results = (state.get("Health") or {}).get("Log") or ()
    check = last_lines(results[-1].get("Output", ""), env, secret) if results else ()
    code = None if state.get("Status") in _UP else state.get("ExitCode")
    try:
        text = await _text(client, found["Id"], is_tty=config.get("Tty", False))
    except EngineAnswer as answer:
        return Output(check=check, unread=answer.message, exit_code=code)
    return Output(last_lines(text, env, secret), check, exit_code=code)


async def _text(client: EngineClient, id_: str, *, is_tty: bool) -> str:
    content = b""
    for lines in (MOST_LINES, 4, 1):
        query = {"stdout": "1", "stderr": "1", "tail": str(lines)}
        content = await client.content(f"/containers/{id_}/logs", query, _MOST_BYTES)
        if len(content) <= _MOST_BYTES:
            break
    return (content if is_tty else unframed(content)).decode(errors="replace")


def unframed(content: bytes) -> bytes:
    """The content of the frames of both streams, in the order in which they came; a last one may be cut short."""
    text, at = bytearray(), 0
    while at + _HEADER_BYTES <= len(content):
        length = int.from_bytes(content[at + 4 : at + _HEADER_BYTES], "big")
        at += _HEADER_BYTES
        text += content[at : at + length]
        at += length
    return bytes(text)
