"""What goes wrong between a controller and its engine: lost connections, wrong answers, and answers that take their time.

A fault happens to one request. It says whether the request reaches the engine all the same, and what the client gets: its own
answer, cut, doubled or late, or another one.
"""

from __future__ import annotations

import json
from typing import Literal, NamedTuple


class Fault(NamedTuple):
    """`reaches`: the request is passed on, and the engine does what it asks for. `how`: with its own answer (`cut` to a part,
    `doubled`, `late`, a byte at a time as `trickle`), with `other` bytes, with nothing (`closed`), or `never`."""

    reaches: bool
    how: Literal["closed", "cut", "doubled", "late", "trickle", "never", "other"]
    part: float = 1.0
    other: bytes = b""


def _other(status: str, body: bytes, kind: str = "application/json", *, reaches: bool = False) -> Fault:
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
    return Fault(reaches, "other", other=head.encode() + body)


def _no(status: str, message: object = "boom", *, reaches: bool = False) -> Fault:
    return _other(status, json.dumps({"message": message}).encode(), reaches=reaches)


CONNECTION = {
    "closed before": Fault(False, "closed"),
    "closed after": Fault(True, "closed"),
    "cut at 30 %": Fault(True, "cut", 0.3),
    "cut at 95 %": Fault(True, "cut", 0.95),
    "doubled": Fault(True, "doubled"),
    "bytes": Fault(False, "other", other=b"SSH-2.0-OpenSSH_9.2\r\n\r\n"),
    "bytes after": Fault(True, "other", other=b"\x00\xff" * 100),
}
NO = {
    f"{status[:3]}{' after' if reaches else ''}": _no(status, reaches=reaches)
    for status in ("500 Internal Server Error", "400 Bad Request", "404 Not Found", "409 Conflict")
    for reaches in (False, True)
} | {
    "503 page": _other("503 Service Unavailable", b"<html><h1>busy</h1></html>", "text/html"),
    "503 page after": _other("503 Service Unavailable", b"<html><h1>busy</h1></html>", "text/html", reaches=True),
    "500 object": _no("500 Internal Server Error", {"a": 1}),
    "500 nothing": _other("500 Internal Server Error", b""),
    "500 long": _no("500 Internal Server Error", "x" * 5_000_000),
}
BODY = {
    "garbage": _other("200 OK", b"{x"),
    "null": _other("200 OK", b"null"),
    "list": _other("200 OK", b"[]"),
    "list of null": _other("200 OK", b"[null]"),
    "object": _other("200 OK", b"{}"),
    "text": _other("200 OK", b'"x"'),
    "deep": _other("200 OK", b"[" * 100_000),
    "page": _other("200 OK", b"<html>", "text/html"),
    "204": Fault(False, "other", other=b"HTTP/1.1 204 No Content\r\n\r\n"),
    "301": Fault(False, "other", other=b"HTTP/1.1 301 Moved Permanently\r\nLocation: /\r\nContent-Length: 0\r\n\r\n"),
    "304": Fault(False, "other", other=b"HTTP/1.1 304 Not Modified\r\n\r\n"),
    "null after": _other("200 OK", b"null", reaches=True),
    "object after": _other("200 OK", b"{}", reaches=True),
    "40 MB": _other("200 OK", b"x" * 40_000_000),
}
TIME = {
    "late": Fault(True, "late"),
    "never": Fault(False, "never"),
    "never after": Fault(True, "never"),
    "trickle": Fault(True, "trickle"),
}
ALL: dict[str, Fault] = CONNECTION | NO | BODY | TIME
