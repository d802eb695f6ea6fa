"""What a registry says of an image before it is pulled: its digest and its compressed size.

Engines do not tell how much a pull will fetch; the registry does, in the manifest. Read only, for plans that people look at:
whatever goes wrong here makes a size unknown and nothing else. Protocol: OCI distribution, with Basic and Bearer
authentication; certificates of private registries are where Docker keeps them.
"""

from __future__ import annotations

import asyncio
import platform
import re
import ssl
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evenkeel.controller.credentials import Credentials, config_path, credentials_for
from evenkeel.specs.errors import EvenkeelError
from evenkeel.specs.image import ImageRef, parse_image
from evenkeel.specs.observed import RemoteImage

if TYPE_CHECKING:
    import httpx

_TIMEOUT_S = 8.0
_SILENCE_S = 3.0
"""Less than the whole: httpx closes what it gives up by itself, and loses a connection that is cancelled in its handshake."""
_AT_ONCE = 4
_CERTIFICATES = Path("/etc/docker/certs.d")
_INDEXES = ("application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json")
_MANIFESTS = ("application/vnd.oci.image.manifest.v1+json", "application/vnd.docker.distribution.manifest.v2+json")
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm", "riscv64": "riscv64"}
_CHALLENGE = re.compile(r'(\w+)="([^"]*)"')


async def look_up(images: Sequence[str], docker_config: str = "") -> dict[str, RemoteImage]:
    """Digest and size of every reference whose registry answers within a few seconds; the others are absent."""
    places = asyncio.Semaphore(_AT_ONCE)

    async def one(image: str) -> RemoteImage | None:
        async with places:
            return await _look_up(parse_image(image), docker_config)

    found = await asyncio.gather(*(one(image) for image in images))
    return {image: remote for image, remote in zip(images, found, strict=True) if remote is not None}


async def _look_up(ref: ImageRef, docker_config: str) -> RemoteImage | None:
    import httpx

    try:
        async with asyncio.timeout(_TIMEOUT_S):
            credentials = await credentials_for(ref.registry, config_path(docker_config))
            trust = _trust(ref.registry)
            async with httpx.AsyncClient(verify=trust, follow_redirects=True, timeout=_SILENCE_S) as client:
                return await _ask(client, ref, credentials)
    except (httpx.HTTPError, OSError, TimeoutError, EvenkeelError, ValueError, KeyError, TypeError):
        return None


async def _ask(client: httpx.AsyncClient, ref: ImageRef, credentials: Credentials | None) -> RemoteImage | None:
    host = "registry-1.docker.io" if ref.registry == "docker.io" else ref.registry
    base = f"https://{host}/v2/{ref.repository}/manifests/"
    headers = {"Accept": ", ".join((*_INDEXES, *_MANIFESTS))}
    answer = await client.get(base + (ref.digest or ref.tag), headers=headers)
    if answer.status_code == 401:
        headers["Authorization"] = await _authorise(client, answer.headers.get("WWW-Authenticate", ""), credentials)
        answer = await client.get(base + (ref.digest or ref.tag), headers=headers)
    answer.raise_for_status()
    digest = answer.headers.get("Docker-Content-Digest", "")
    manifest = answer.json()
    if manifest.get("mediaType") in _INDEXES or "manifests" in manifest:
        inner = next(each for each in manifest["manifests"] if _is_ours(each.get("platform") or {}))
        answer = await client.get(base + inner["digest"], headers=headers)
        answer.raise_for_status()
        manifest = answer.json()
    return RemoteImage(digest, sum(int(layer["size"]) for layer in manifest["layers"]))


async def _authorise(client: httpx.AsyncClient, challenge: str, credentials: Credentials | None) -> str:
    """The `Authorization` header that a challenge asks for."""
    import httpx

    basic = httpx.BasicAuth(credentials.username, credentials.password) if credentials else None
    kind, _, rest = challenge.partition(" ")
    if kind.lower() != "bearer":
        if basic is None:
            raise ValueError("the registry wants credentials and there are none")
        request = next(basic.auth_flow(httpx.Request("GET", "https://registry")))
        return str(request.headers["Authorization"])
    fields: dict[str, Any] = dict(_CHALLENGE.findall(rest))
    realm = fields.pop("realm")
    if not realm.startswith("https://"):
        raise ValueError("the registry sends credentials to a place without encryption")
    answer = await client.get(realm, params=fields, auth=basic)
    answer.raise_for_status()
    token = answer.json()
    return f"Bearer {token.get('token') or token['access_token']}"


def _is_ours(platform_: dict[str, str]) -> bool:
    machine = _ARCHITECTURES.get(platform.machine(), platform.machine())
    return platform_.get("os") == "linux" and platform_.get("architecture") == machine


def _trust(registry: str) -> ssl.SSLContext:
    """The system's authorities, and those that Docker was told to trust for this registry."""
    context = ssl.create_default_context()
    folder = _CERTIFICATES / registry
    for certificate in sorted(folder.glob("*.crt")) if folder.is_dir() else ():
        context.load_verify_locations(certificate)
    return context
