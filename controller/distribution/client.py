"""A client for one host: bounded answers, and trust that ends at that host."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Any

from evenkeel.controller.distribution.failures import Answer, Failure, failures

if TYPE_CHECKING:
    import httpx

SILENCE_S = 3.0
"""Less than the limits of whoever asks: httpx itself closes a request that it gives up, and loses a connection that is
cancelled in its handshake."""
_MOST_BYTES = 4 * 1024**2
"""The largest answer; registries take no larger manifest."""


def open_client(host: str, own: ssl.SSLContext, silence_s: float = 0.0, connecting_s: float = 0.0) -> httpx.AsyncClient:
    """A client for one host, to be used as a context. `own` is the trust in this host, and in no other, also after a
    redirection, which takes no credentials elsewhere. A proxy of the environment is used. `silence_s`, `connecting_s`: how long
    an answer and a connection may take, 0 for what is usual."""
    import httpx

    from evenkeel.controller.distribution.ways import Ways

    return httpx.AsyncClient(
        transport=Ways(host, own),
        trust_env=False,
        follow_redirects=True,
        timeout=httpx.Timeout(silence_s or SILENCE_S, connect=connecting_s or SILENCE_S),
        headers={"Accept-Encoding": "identity"},
    )


async def fetch(client: httpx.AsyncClient, method: str, url: str, *, has_body: bool = True, **more: Any) -> Answer:
    """An answer and its body, which is bounded and not unpacked. Without `has_body` the body is not read."""
    async with client.stream(method, url, **more) as answer:
        body = await _body(answer) if has_body else b""
    headers = {name.lower(): value for name, value in answer.headers.items()}
    challenges = tuple(answer.headers.get_list("WWW-Authenticate"))
    return Answer(answer.status_code, answer.reason_phrase, headers, body, challenges)


async def _body(answer: httpx.Response) -> bytes:
    body = b""
    if answer.headers.get("Content-Encoding", "identity") != "identity":
        raise Failure("its answer is packed, which was not asked for")
    try:
        with failures():
            async for piece in answer.aiter_raw():
                body += piece
                if len(body) > _MOST_BYTES:
                    raise Failure("its answer is too long")
    except Failure as failure:
        raise Failure(failure.why, failure.how, failure.remedy) from None  # it has answered
    return body
