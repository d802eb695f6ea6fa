"""The ways of a client to hosts: each with its trust, and by the proxy that the environment names for it."""

from __future__ import annotations

import ssl
from collections.abc import Mapping

import httpx

from evenkeel.controller.distribution.failures import LATE, CutOff, Silent, of_connection
from evenkeel.controller.distribution.proxies import Proxy, absence, proxy_for, refusal


class Ways(httpx.AsyncBaseTransport):
    """`own` is the trust in one host, with its port. All others, as after a redirection, have the system's.

    A handshake that fails, or has no end, is no connection for httpx. Here it is the failure of one that came about."""

    def __init__(self, host: str, own: ssl.SSLContext) -> None:
        self._netloc, self._own = httpx.URL(f"https://{host}").netloc, own
        self._made: dict[tuple[bool, Proxy | None], httpx.AsyncHTTPTransport] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        url = request.url
        proxy = proxy_for(url.scheme, url.host, url.port or (443 if url.scheme == "https" else 80))
        key = url.scheme == "https" and url.netloc == self._netloc, proxy
        if key not in self._made:
            trust = self._own if key[0] else ssl.create_default_context()
            self._made[key] = httpx.AsyncHTTPTransport(verify=trust, proxy=proxy.address if proxy else None)
        is_connected = False

        async def note(event: str, info: Mapping[str, object]) -> None:
            nonlocal is_connected
            is_connected = is_connected or event == "connection.connect_tcp.complete"

        request.extensions = {**request.extensions, "trace": note}
        try:
            return await self._made[key].handle_async_request(request)
        except httpx.ProxyError as error:
            raise refusal(proxy, str(error).partition(" ")[0]) from None
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            if is_connected and isinstance(error, httpx.ConnectTimeout):
                raise Silent(LATE, "late") from error
            if is_connected:
                raise of_connection(error, CutOff) from error
            if proxy is not None:
                raise absence(proxy, error) from error
            raise

    async def aclose(self) -> None:
        for made in self._made.values():
            await made.aclose()
