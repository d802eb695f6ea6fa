"""Asking an engine by its socket, independent of the code under test: a test hears what is really true."""

import contextlib
import http.client
import json
import re
import signal
import socket
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from tests.until import until

from .images import Image


class Asking:
    """The engine that listens at a socket. Synchronous."""

    def __init__(self, path: str) -> None:
        self.socket = path
        self.address = f"unix://{path}"

    def is_up(self) -> bool:
        with contextlib.suppress(OSError, http.client.HTTPException):
            return self.api("GET", "/_ping", timeout_s=2.0)[0] == 200
        return False

    def api(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        headers: dict[str, str] | None = None,
        timeout_s: float = 60.0,
        **query: str | int | bool | dict[str, Any],
    ) -> tuple[int, Any]:
        """Status and decoded answer: JSON, a list of JSON objects for streams, else text."""
        connection = _UnixConnection(self.socket, timeout_s)
        sent = dict(headers or {})
        content = body if isinstance(body, bytes) else None
        if body is not None and content is None:
            content, sent["Content-Type"] = json.dumps(body).encode(), "application/json"
        if query:
            values = {k: json.dumps(v) if isinstance(v, dict | bool) else str(v) for k, v in query.items()}
            path += "?" + urlencode(values)
        try:
            connection.request(method, path, content, sent)
            answer = connection.getresponse()
            return answer.status, _decoded(answer.read())
        finally:
            connection.close()

    def load(self, image: Image, *names: str) -> None:
        """Makes the image known under `names` (any, e.g. ghcr.io/eclipse/x:1), by default under its own."""
        status, answer = self.api(
            "POST", "/images/load", image.archive(*names), headers={"Content-Type": "application/x-tar"}
        )
        lines = answer if isinstance(answer, list) else [answer]
        if status != 200 or any("error" in line for line in lines):
            raise RuntimeError(f"cannot load {image.name}: {status} {answer}")

    def images(self) -> set[str]:
        return {tag for image in self.api("GET", "/images/json")[1] for tag in image["RepoTags"] or ()}

    def containers(self) -> dict[str, str]:
        """Names and states ('running', 'exited', …) of all containers."""
        return {c["Names"][0].lstrip("/"): c["State"] for c in self.api("GET", "/containers/json", all=True)[1]}

    def inspect(self, name: str) -> Any:
        status, answer = self.api("GET", f"/containers/{quote(name)}/json")
        if status != 200:
            raise LookupError(answer)
        return answer

    def run(self, name: str, image: str, *, host: dict[str, Any] | None = None, **config: Any) -> str:
        """Creates and starts a container, behind the back of the code under test; returns its id."""
        body = {"Image": image, "HostConfig": host or {}, **config}
        status, answer = self.api("POST", "/containers/create", body, name=name)
        if status != 201:
            raise RuntimeError(f"cannot create {name}: {status} {answer}")
        status, started = self.api("POST", f"/containers/{answer['Id']}/start")
        if status != 204:
            raise RuntimeError(f"cannot start {name}: {status} {started}")
        return str(answer["Id"])

    def wait_for_trap(self, name: str, *, ignores: bool = False) -> None:
        """Until the script of a standard image handles SIGTERM, or `ignores` it. `running` is said before: the process may
        still be runc's, which ends with exit code 2 at a SIGTERM, or the shell's before its trap, which never hears it."""
        until(lambda: self._has_trap(name, "SigIgn" if ignores else "SigCgt"), what="the script has set its trap")

    def _has_trap(self, name: str, mask: str) -> bool:
        state = self.inspect(name)
        process = Path(f"/proc/{state['State']['Pid']}")
        (signals,) = re.findall(rf"^{mask}:\s*([0-9a-f]+)$", (process / "status").read_text(), re.MULTILINE)
        is_script = state["Path"].encode() in (process / "cmdline").read_bytes().split(b"\0")
        return is_script and bool(int(signals, 16) & 1 << (signal.SIGTERM - 1))


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str, timeout_s: float) -> None:
        super().__init__("engine", timeout=timeout_s)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def _decoded(content: bytes) -> Any:
    try:
        return json.loads(content) if content else None
    except ValueError:
        pass
    try:
        return [json.loads(line) for line in content.splitlines() if line.strip()]
    except ValueError:
        return content.decode(errors="replace")
