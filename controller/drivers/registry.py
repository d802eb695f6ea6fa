"""The registry's facts about an image before it is pulled: its digest and its compressed size.

Engines do not tell how much a pull will fetch; the registry does, in the manifest. Read only, for plans that people
look at: any failure here makes a size unknown and nothing else. The registry is asked by `controller.distribution`, with what
is in force for it: the certificates that the engines' configuration has for its host, and what documents ask for.
"""

from __future__ import annotations

import asyncio
import platform
import re
from collections.abc import Callable, Sequence
from functools import partial
from typing import NotRequired, TypedDict, TypeVar

from evenkeel.controller.distribution.access import PullAccess
from evenkeel.controller.distribution.failures import LATE, NO_ANSWER, Answer, Failure, Misdirected
from evenkeel.controller.distribution.sites import site_for
from evenkeel.controller.distribution.trust import papers_of
from evenkeel.controller.distribution.visit import INDEXES, Visit
from evenkeel.controller.process.waiting import waiting_for
from evenkeel.controller.settings.credentials import credentials_of_pull, terms_of_pull
from evenkeel.reconcilers.counted import listed
from evenkeel.specs.codec import decode
from evenkeel.specs.containers.image import DEFAULT_REGISTRY, ImageRef, parse_image
from evenkeel.specs.containers.observed import RemoteImage
from evenkeel.specs.errors import EvenkeelError
from evenkeel.specs.registries.registry import HUB_HOST

_TIMEOUT_S = 8.0
_AT_ONCE = 4
_MOST_SIZE = 1 << 50
"""The largest size of an image, one PiB."""
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm", "riscv64": "riscv64"}
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


_Shape = TypeVar("_Shape")


async def look_up(
    images: Sequence[str], access: PullAccess, refused: Callable[[str], None] = lambda why: None
) -> dict[str, RemoteImage]:
    """Digest and size of every reference whose registry answers within a few seconds; the others are absent. `refused` is told
    of each registry that wanted its credentials sent elsewhere, and of each that did not tell the size of its images, with the
    reason."""
    places, silent = asyncio.Semaphore(_AT_ONCE), dict[tuple[str, str], list[str]]()

    async def one(image: str) -> RemoteImage | None:
        async with places:
            try:
                return await _look_up(parse_image(image), access)
            except Misdirected as error:
                host = HUB_HOST if parse_image(image).registry == DEFAULT_REGISTRY else parse_image(image).registry
                why = f"the registry {host} wants its credentials sent to {error.realm}, and they were not"
                refused(f"{image}: {why}; {error.remedy}")
            except Failure as error:
                silent.setdefault((parse_image(image).registry, error.why), []).append(image)
            return None

    found = await asyncio.gather(*(one(image) for image in images))
    for (registry, why), its in sorted(silent.items()):
        refused(f"the registry {registry} did not tell the size of {listed(its)}: {why}")
    return {image: remote for image, remote in zip(images, found, strict=True) if remote is not None}


async def _look_up(ref: ImageRef, access: PullAccess) -> RemoteImage:
    place = f"{ref.registry}/{ref.repository}"
    late = "the credential helper for it did not answer in time"
    try:
        async with asyncio.timeout(_TIMEOUT_S):
            credentials = await credentials_of_pull(place, access.docker_config, access.admitted)
            late = LATE
            terms = terms_of_pull(place, access.admitted)
            terms = terms._replace(realms=(*access.realms, *terms.realms))
            papers = partial(papers_of, folders=access.certificates)
            site = site_for(ref.registry, lambda: papers(ref.registry), terms, papers)
            with waiting_for(f"the registry {ref.registry}"):
                async with Visit(site, credentials) as visit:
                    return await _ask(visit, ref)
    except TimeoutError as error:
        raise Failure(late, "late") from error
    except EvenkeelError as error:
        raise Failure(error.message) from error


async def _ask(visit: Visit, ref: ImageRef) -> RemoteImage:
    answer = await _manifest_at(visit, ref, ref.digest or ref.tag)
    digest = answer.headers.get("docker-content-digest", "")
    manifest = _read(answer.body, _Manifest)
    entries = manifest.get("manifests")
    if manifest.get("mediaType") in INDEXES or entries is not None:
        if entries is None:
            raise Failure(NO_ANSWER)
        inner = next((each["digest"] for each in entries if _is_ours(each.get("platform") or {})), None)
        if inner is None:
            raise Failure("it has none for this machine")
        if not _DIGEST.fullmatch(inner):
            raise Failure(NO_ANSWER)
        manifest = _read((await _manifest_at(visit, ref, inner)).body, _Manifest)
    layers = manifest.get("layers")
    if layers is None or not all(0 <= layer["size"] <= _MOST_SIZE for layer in layers):
        raise Failure(NO_ANSWER)
    sizes = [layer["size"] for layer in layers]
    return RemoteImage(digest if _DIGEST.fullmatch(digest) else "", sum(sizes))


async def _manifest_at(visit: Visit, ref: ImageRef, name: str) -> Answer:
    answer = await visit.manifest(ref.repository, name)
    if answer.status != 200:
        raise visit.failure(answer)
    return answer


def _read(body: bytes, shape: type[_Shape]) -> _Shape:
    """JSON of a registry, checked against its type; a wrong value in the place of one that is read is no answer."""
    try:
        return decode(body, shape)
    except (ValueError, RecursionError):
        raise Failure(NO_ANSWER) from None


def _is_ours(platform_: _Platform) -> bool:
    machine = _ARCHITECTURES.get(platform.machine(), platform.machine())
    return platform_.get("os") == "linux" and platform_.get("architecture") == machine
