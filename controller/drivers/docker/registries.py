"""What registries have under a tag now, asked through the engine, which has the network and the trust.

An answer holds for a while, and so does silence: every look at the engine would otherwise wait for a registry that is away.
Who asks because somebody has just asked for the image does not take an old one.
"""

from __future__ import annotations

import asyncio
import base64
import json
import logging

from evenkeel.controller.credentials import Credentials, config_path, credentials_for
from evenkeel.controller.drivers.docker.client import EngineAnswer, EngineClient
from evenkeel.specs.errors import TimedOut, Unavailable
from evenkeel.specs.image import parse_image
from evenkeel.specs.observed import RemoteImage

log = logging.getLogger(__name__)

_TIMEOUT_S = 10.0
_FRESH_S = 300.0
"""For so long a registry's answer about a moving tag is good enough,"""
_LOST_S = 60.0
"""and for so long one that does not answer is not asked again: every look waits for it."""


class Registries:
    """All registries, behind one engine; `docker_config` has the credentials."""

    def __init__(self, client: EngineClient, docker_config: str) -> None:
        self._client, self._docker_config = client, docker_config
        self._known: dict[str, tuple[float, RemoteImage | None]] = {}

    async def look_up(self, image: str, *, fresh: bool = False) -> RemoteImage | None:
        """What a registry has under a tag now; `None` when it cannot be asked, which is no reason to change anything. `fresh`:
        whatever is known of it already."""
        if parse_image(image).digest:
            return None  # a digest names one content for ever
        now = asyncio.get_running_loop().time()
        if image in self._known and not fresh:
            asked_at, known = self._known[image]
            if now - asked_at < (_LOST_S if known is None else _FRESH_S):
                return known
        found = None
        try:
            headers = await self.auth(parse_image(image).registry)
            _, answer = await self._client.call(
                "GET", f"/distribution/{image}/json", headers=headers, timeout_s=_TIMEOUT_S
            )
            found = RemoteImage(str(answer["Descriptor"]["digest"]))
        except (EngineAnswer, Unavailable, TimedOut, LookupError, TypeError) as error:
            log.info("registry was not asked", extra={"fields": {"image": image, "why": str(error)}})
        self._known[image] = (now, found)
        return found

    def forget(self, image: str) -> None:
        """It was pulled: what was known of it is old."""
        self._known.pop(image, None)

    async def auth(self, registry: str) -> dict[str, str]:
        """The header with the credentials for a registry, if there are any."""
        found = await credentials_for(registry, config_path(self._docker_config))
        return {} if found is None else {"X-Registry-Auth": _auth_text(found)}


def _auth_text(credentials: Credentials) -> str:
    """The engine's header: base64url of a JSON object (Engine API, "Authentication")."""
    fields = {"serveraddress": credentials.server}
    if credentials.identity_token:
        fields["identitytoken"] = credentials.identity_token
    else:
        fields |= {"username": credentials.username, "password": credentials.password}
    return base64.urlsafe_b64encode(json.dumps(fields).encode()).decode()
