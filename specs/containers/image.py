"""Image references, and the one normal form in which two of them are compared.

`nginx`, `nginx:latest` and `docker.io/library/nginx:latest` name the same image; Kanto compares the texts and recreates
containers for nothing (container-management.md §2.2, `image.name`). The rules are those of the reference grammar that Docker
and containerd share: a first part with a dot, a colon or `localhost` is a registry, otherwise it is a Docker Hub path.
"""

from __future__ import annotations

import re

from msgspec import Struct

DEFAULT_REGISTRY = "docker.io"
HUB_PAGES = ("hub.docker.com", "hub.docker.io")
"""Hosts of the web pages of Docker Hub. People write them as a registry; no engine can pull from them."""
DIGEST_PATTERN = r"sha256:[0-9a-f]{64}"

_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_REPOSITORY = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*")
_REGISTRY = re.compile(r"(?:[a-zA-Z0-9](?:[a-zA-Z0-9.-]*[a-zA-Z0-9])?|\[[0-9a-fA-F:]+\])(?::[0-9]{1,5})?")
_TAG = re.compile(r"\w[\w.-]{0,127}", re.ASCII)
_DIGEST = re.compile(DIGEST_PATTERN)
_OF_PAGES = re.compile(r"^(?:r|_|repository/docker)/")
"""The beginning of a page's path, before the name of the repository."""


class ImageRef(Struct, frozen=True, order=True):
    """A parsed reference. `tag` is "" only when a digest pins the image."""

    registry: str
    repository: str
    tag: str = ""
    digest: str = ""


def parse_image(text: str) -> ImageRef:
    """ValueError that says which part is wrong. Of an address nothing is repeated: it may hold a password."""
    if "://" in text:
        raise ValueError("an image is no address")
    name, _, digest = text.partition("@")
    if "@" in text and not _DIGEST.fullmatch(digest):
        raise ValueError("expected a digest such as sha256:<64 hex digits> after `@`")
    first, slash, rest = name.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost" or first.lower() != first):
        registry, path = first, rest
    else:
        registry, path = DEFAULT_REGISTRY, name
    repository, colon, tag = path.partition(":")
    if registry.lower() in HUB_PAGES:
        meant = f"{DEFAULT_REGISTRY}/{path_of_page(path)}"
        raise ValueError(f"`{registry}` has the web pages of Docker Hub, and no images; write `{meant}`")
    if registry in ("index.docker.io", "registry-1.docker.io"):
        registry = DEFAULT_REGISTRY
    if registry == DEFAULT_REGISTRY and "/" not in repository:
        repository = f"library/{repository}"
    if not _REGISTRY.fullmatch(registry):
        raise ValueError(f"`{registry}` is no registry host")
    if not _REPOSITORY.fullmatch(repository.removeprefix("library/") or "?"):
        raise ValueError(
            f"`{repository.removeprefix('library/')}` is no repository name (lower-case letters, digits and . _ - /)"
        )
    if colon and not _TAG.fullmatch(tag):
        raise ValueError(f"`{tag}` is no tag")
    return ImageRef(registry, repository, tag or ("" if digest else "latest"), digest)


def path_of_page(path: str) -> str:
    """The repository that a page of Docker Hub is about, by the path of the page."""
    return _OF_PAGES.sub("", path)


def image_text(ref: ImageRef) -> str:
    """The full text: registry, repository, and tag and digest where there are."""
    text = f"{ref.registry}/{ref.repository}"
    text += f":{ref.tag}" if ref.tag else ""
    return text + (f"@{ref.digest}" if ref.digest else "")


def normal_image(text: str) -> str:
    """The normal form of a reference; ValueError when it is none."""
    return image_text(parse_image(text))
