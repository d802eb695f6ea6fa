"""A small HTTP or HTTPS server whose answers a test writes, and which keeps what it was asked."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple


class Asked(NamedTuple):
    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def authorization(self) -> str:
        return self.headers.get("authorization", "")


class Reply(NamedTuple):
    """A value of `headers` that has several lines is sent as several headers."""

    status: int = 200
    headers: Mapping[str, str] = MappingProxyType({})
    body: bytes = b""
    reason: str | None = None


class Web:
    """`reply` makes each answer. `asked`: the requests so far. With `certificates`, a folder of `tests.engines.certificates` or
    of a registry, it speaks TLS; with `ciphers` TLS 1.2 and these alone. `name`: `localhost`, or 127.0.0.1, for which the
    certificate of a registry is, too."""

    def __init__(
        self, certificates: Path | None = None, name: str = "localhost", *, asks_back: bool = False, ciphers: str = ""
    ) -> None:
        web = self
        self.asked: list[Asked] = []
        self.reply: Callable[[Asked], Reply] = lambda asked: Reply()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
                headers = {key.lower(): value for key, value in self.headers.items()}
                web.asked.append(Asked(self.command, self.path, headers, body))
                reply = web.reply(web.asked[-1])
                self.send_response(reply.status, reply.reason)
                for key, value in {"Content-Length": str(len(reply.body)), **reply.headers}.items():
                    for line in value.split("\n"):
                        self.send_header(key, line)
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(reply.body)

            def do_HEAD(self) -> None:
                self.do_GET()

            def do_POST(self) -> None:
                self.do_GET()

            def log_message(self, format: str, *args: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            def handle_error(self, request: object, client_address: object) -> None:
                """A client that does not trust it, or that has gone."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self.scheme = "https" if certificates else "http"
        if certificates is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificates / "server.crt", certificates / "server.key")
            if ciphers:
                context.maximum_version = ssl.TLSVersion.TLSv1_2
                context.set_ciphers(ciphers)
            if asks_back:
                context.load_verify_locations(certificates / "ca.crt")
                context.verify_mode = ssl.CERT_REQUIRED
            self._server.socket = context.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        self.host = f"{name}:{self._server.server_address[1]}"
        self.url = f"{self.scheme}://{self.host}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
