"""The registry's facts about an image before it is pulled: its digest and its compressed size.

Engines do not tell how much a pull will fetch; the registry does, in the manifest. Read only, for plans that people
look at: any failure here makes a size unknown and nothing else. Protocol: OCI distribution, with Basic and Bearer
authentication; certificates of private registries are where Docker keeps them, and count for their own host.

A registry names the place that gives tokens for it, and credentials go there: to the registry's own host, to hosts
below it, to those that are known to be of its organisation (auth.docker.io for registry-1.docker.io), and to those that
`engine.tokenRealms` lists; nowhere else.
"""

from __future__ import annotations

import asyncio
import platform
import re
import ssl
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NotRequired, TypedDict, TypeVar

from evenkeel.controller.process.causes import connection_cause
from evenkeel.controller.process.waiting import waiting_for
from evenkeel.controller.settings.credentials import Credentials, config_path, credentials_for
from evenkeel.reconcilers.counted import listed
from evenkeel.specs.codec import decode
from evenkeel.specs.containers.image import ImageRef, parse_image
from evenkeel.specs.containers.observed import RemoteImage
from evenkeel.specs.errors import EvenkeelError, Refused
from evenkeel.specs.visible import shortened

if TYPE_CHECKING:
    import httpx

_TIMEOUT_S = 8.0
_SILENCE_S = 3.0
"""Less than the limit of the whole: httpx itself closes a request that it gives up, and loses a connection that is
cancelled in its handshake."""
_AT_ONCE = 4
_MOST_BYTES = 4 * 1024**2
"""The largest answer; registries take no larger manifest."""
_MOST_SIZE = 1 << 50
"""The largest size of an image, one PiB."""
_LONGEST_REASON = 80
_CERTIFICATES = Path("/etc/docker/certs.d")
_INDEXES = ("application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json")
_MANIFESTS = ("application/vnd.oci.image.manifest.v1+json", "application/vnd.docker.distribution.manifest.v2+json")
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm", "riscv64": "riscv64"}
_CHALLENGE = re.compile(r'(\w+)="([^"]*)"')
_DIGEST = re.compile(r"[a-z0-9]+(?:[+._-][a-z0-9]+)*:[0-9a-fA-F]{32,128}")


class _Platform(TypedDict):
    os: NotRequired[str]
    architecture: NotRequired[str]


class _Entry(TypedDict):
    """One manifest of an index."""

    digest: str
    platform: NotRequired[_Platform | None]


class _Layer(TypedDict):
    size: int


class _Manifest(TypedDict):
    """An index, which has `manifests`, or the manifest of one image, which has `layers`."""

    mediaType: NotRequired[str | None]
    manifests: NotRequired[list[_Entry] | None]
    layers: NotRequired[list[_Layer] | None]


class _Token(TypedDict):
    token: NotRequired[str | None]
    access_token: NotRequired[str | None]


_Shape = TypeVar("_Shape")


async def look_up(
    images: Sequence[str],
    docker_config: str = "",
    realms: Sequence[str] = (),
    refused: Callable[[str], None] = lambda why: None,
) -> dict[str, RemoteImage]:
    """Digest and size of every reference whose registry answers within a few seconds; the others are absent. `realms`:
    hosts that may have the credentials of any registry. `refused` is told of each registry that wanted them sent
    elsewhere, and of each that did not tell the size of its images, with the reason."""
    places, silent = asyncio.Semaphore(_AT_ONCE), dict[tuple[str, str], list[str]]()

    async def one(image: str) -> RemoteImage | None:
        async with places:
            try:
                return await _look_up(parse_image(image), docker_config, realms)
            except Refused as error:
                refused(f"{image}: {error.message}")
            except _Untold as error:
                silent.setdefault((parse_image(image).registry, str(error)), []).append(image)
            return None

    found = await asyncio.gather(*(one(image) for image in images))
    for (registry, why), its in sorted(silent.items()):
        refused(f"the registry {registry} did not tell the size of {listed(its)}: {why}")
    return {image: remote for image, remote in zip(images, found, strict=True) if remote is not None}


class _Untold(Exception):
    """Why a registry did not tell anything, in words that are no secret."""


_NO_ANSWER = "its answer is none of a registry"


async def _look_up(ref: ImageRef, docker_config: str, realms: Sequence[str]) -> RemoteImage:
    import httpx

    late = "the credential helper for it did not answer in time"
    try:
        async with asyncio.timeout(_TIMEOUT_S):
            credentials = await credentials_for(ref.registry, config_path(docker_config))
            late = "it did not answer in time"
            host = "registry-1.docker.io" if ref.registry == "docker.io" else ref.registry
            with waiting_for(f"the registry {ref.registry}"):
                async with _client(host, ref.registry) as client:
                    return await _ask(client, host, ref, credentials, realms)
    except Refused:
        raise
    except httpx.HTTPStatusError as error:
        reason = shortened(error.response.reason_phrase, _LONGEST_REASON)
        raise _Untold(f"it answered {error.response.status_code} {reason}".strip()) from error
    except (httpx.TimeoutException, TimeoutError) as error:
        raise _Untold(late) from error
    except (
        httpx.HTTPError,
        OSError,
        ExceptionGroup,
    ) as error:  # anyio groups what it does not expect, as a port of 99999
        raise _Untold(connection_cause(error, "the connection to it failed")) from error
    except EvenkeelError as error:
        raise _Untold(error.message) from error
    except (ValueError, LookupError, TypeError, ArithmeticError, httpx.InvalidURL) as error:
        raise _Untold(_NO_ANSWER) from error


def _client(host: str, registry: str) -> httpx.AsyncClient:
    """A client for one host. Authorities beyond the system's are trusted for this host and for no other, also after a
    redirection."""
    import httpx

    own = httpx.AsyncHTTPTransport(verify=_trust(registry))
    return httpx.AsyncClient(
        verify=ssl.create_default_context(),
        mounts={f"https://{host}": own},
        follow_redirects=True,
        timeout=_SILENCE_S,
        headers={"Accept-Encoding": "identity"},
    )


async def _get(client: httpx.AsyncClient, url: str, **more: Any) -> tuple[httpx.Response, bytes]:
    """An answer and its body, which is bounded and not unpacked."""
    async with client.stream("GET", url, **more) as answer:
        body = b""
        if answer.headers.get("Content-Encoding", "identity") != "identity":
            raise _Untold("its answer is packed, which was not asked for")
        async for piece in answer.aiter_raw():
            body += piece
            if len(body) > _MOST_BYTES:
                raise _Untold("its answer is too long")
    return answer, body


async def _ask(
    client: httpx.AsyncClient, host: str, ref: ImageRef, credentials: Credentials | None, realms: Sequence[str]
) -> RemoteImage:
    base = f"https://{host}/v2/{ref.repository}/manifests/"
    headers = {"Accept": ", ".join((*_INDEXES, *_MANIFESTS))}
    answer, body = await _get(client, base + (ref.digest or ref.tag), headers=headers)
    if answer.status_code == 401:
        challenge = answer.headers.get("WWW-Authenticate", "")
        headers["Authorization"] = await _authorise(host, challenge, credentials, realms, ref.registry)
        answer, body = await _get(client, base + (ref.digest or ref.tag), headers=headers)
    answer.raise_for_status()
    digest = answer.headers.get("Docker-Content-Digest", "")
    manifest = _read(body, _Manifest)
    entries = manifest.get("manifests")
    if manifest.get("mediaType") in _INDEXES or entries is not None:
        if entries is None:
            raise _Untold(_NO_ANSWER)
        inner = next((each["digest"] for each in entries if _is_ours(each.get("platform") or {})), None)
        if inner is None:
            raise _Untold("it has none for this machine")
        if not _DIGEST.fullmatch(inner):
            raise _Untold(_NO_ANSWER)
        answer, body = await _get(client, base + inner, headers=headers)
        answer.raise_for_status()
        manifest = _read(body, _Manifest)
    layers = manifest.get("layers")
    if layers is None or not all(0 <= layer["size"] <= _MOST_SIZE for layer in layers):
        raise _Untold(_NO_ANSWER)
    sizes = [layer["size"] for layer in layers]
    return RemoteImage(digest if _DIGEST.fullmatch(digest) else "", sum(sizes))


def _read(body: bytes, shape: type[_Shape]) -> _Shape:
    """JSON of a registry, checked against its type; a wrong value in the place of one that is read is no answer."""
    try:
        return decode(body, shape)
    except (ValueError, RecursionError):
        raise _Untold(_NO_ANSWER) from None


async def _authorise(
    host: str, challenge: str, credentials: Credentials | None, realms: Sequence[str], registry: str
) -> str:
    """The `Authorization` header that a challenge of a host asks for."""
    import httpx

    basic = httpx.BasicAuth(credentials.username, credentials.password) if credentials else None
    kind, _, rest = challenge.partition(" ")
    if kind.lower() != "bearer":
        if basic is None:
            raise _Untold("it wants credentials, and there are none for it")
        request = next(basic.auth_flow(httpx.Request("GET", "https://registry")))
        return str(request.headers["Authorization"])
    fields: dict[str, Any] = dict(_CHALLENGE.findall(rest))
    realm = httpx.URL(fields.pop("realm"))
    if realm.scheme != "https":
        raise _Untold("it wants credentials sent to a place without encryption")
    if basic is not None and not _may_have_credentials(realm.host, host, realms):
        why = f"the registry {host} wants its credentials sent to {realm.host}, and they were not"
        raise Refused(f"registry:{registry}", f"{why}; if that is right, add {realm.host} to `engine.tokenRealms`")
    place = realm.netloc.decode()
    async with _client(place, registry if place == host else place) as client:
        answer, body = await _get(client, str(realm), params=fields, auth=basic)
    answer.raise_for_status()
    token = _read(body, _Token)
    text = token.get("token") or token.get("access_token")
    if not text or not text.isascii() or not text.isprintable():
        raise _Untold(_NO_ANSWER)
    return f"Bearer {text}"


_REALMS = {"registry-1.docker.io": "auth.docker.io", "registry.gitlab.com": "gitlab.com"}
"""Registries whose tokens come from another host of the same organisation."""


def _may_have_credentials(realm: str, host: str, realms: Sequence[str]) -> bool:
    """Whether a token realm is the registry itself, below it, known to be of its organisation, or listed. A domain above the
    host proves nothing: others may have names below it, as with github.io or azurecr.io."""
    name, realm = (host.rpartition(":")[0] or host).lower(), realm.lower()
    if realm in (name, _REALMS.get(name), *(each.lower() for each in realms)):
        return True
    return realm.endswith(f".{name}") and "." in name and not name.rpartition(".")[2].isdecimal()


def _is_ours(platform_: _Platform) -> bool:
    machine = _ARCHITECTURES.get(platform.machine(), platform.machine())
    return platform_.get("os") == "linux" and platform_.get("architecture") == machine


def _trust(registry: str) -> ssl.SSLContext:
    """The system's authorities, and those that Docker's configuration trusts for this registry."""
    context = ssl.create_default_context()
    folder = _CERTIFICATES / registry
    for certificate in sorted(folder.glob("*.crt")) if folder.is_dir() else ():
        context.load_verify_locations(certificate)
    return context
