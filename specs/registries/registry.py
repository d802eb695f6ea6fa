"""A registry in normal form, and the places that it stands for.

A *place* is a registry's host, with its port where it has one, and with the beginning of a repository's path where the
document is about a part of it alone: `ghcr.io`, `localhost:5000`, `quay.io/org`. Docker Hub has several names, of which
`docker.io` is the normal one (registries.md §2.3). Of several places that cover an image, the longest counts.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from msgspec import Struct

from evenkeel.specs.containers.image import DEFAULT_REGISTRY, HUB_PAGES, parse_image, path_of_page

HUB_KEY = "https://index.docker.io/v1/"
"""The key of Docker Hub in Docker's files (registries.md §3.1)."""
HUB_HOST = "registry-1.docker.io"
"""The host of Docker Hub that speaks the registry protocol."""
HUB_NAMES = ("docker.io", "index.docker.io", "registry-1.docker.io", "registry.hub.docker.com", *HUB_PAGES)
"""All names of Docker Hub, in images, in files of credentials, and in the wild."""
_VERSIONS = ("v1", "v2")
"""Ends of old addresses of registries, which are no parts of a repository."""
_LAST_PORT = 65535


class Registry(Struct, frozen=True, tag="Registry"):
    """One registry in normal form. No field has a secret: they name the files and programs that do.

    Its credentials come from one place, or from none: a `user`, or the file `user_file` that has it, with a `password_file`; a
    `helper`, the program `docker-credential-…`; or `config`, a `config.json` or `auth.json` of Docker or Podman, or Kanto's.
    `ca`: authorities to trust for this host, beside the system's. `certificate` and `key`: what the device shows to it.
    `insecure`: it may be reached without encryption, or without proof of whom it is. `mirrors`: addresses that are asked first.
    `realms`: further hosts that may have the credentials, because they give tokens for it."""

    domain: ClassVar[str] = "registries"

    name: str
    place: str
    user: str = ""
    user_file: str = ""
    password_file: str = ""
    helper: str = ""
    config: str = ""
    ca: str = ""
    certificate: str = ""
    key: str = ""
    insecure: bool = False
    mirrors: tuple[str, ...] = ()
    realms: tuple[str, ...] = ()

    @property
    def host(self) -> str:
        """The host, with its port where it has one."""
        return self.place.partition("/")[0]

    @property
    def has_credentials(self) -> bool:
        """Whether it is asked with credentials."""
        return bool(self.password_file or self.helper or self.config)


def normal_place(text: str) -> str:
    """The normal form of a place, without a scheme and with a host in lower case. ValueError that says what is wrong."""
    if "@" in text and "@sha256:" not in text:
        raise ValueError("a host is no place for a user and a password")
    host, path = _host_of(text), _without_scheme(text).partition("/")[2]
    host = DEFAULT_REGISTRY if host in HUB_NAMES else host
    path = "" if path.rstrip("/") in _VERSIONS else path.strip("/")
    if host != DEFAULT_REGISTRY and "." not in host and ":" not in host and host != "localhost":
        raise ValueError(f"`{host}` alone is taken for a part of Docker Hub in an image's name")
    try:
        parse_image(f"{host}/{path or 'image'}")
    except ValueError as error:
        raise ValueError(str(error)) from None
    port = host.rpartition(":")[2]
    if port.isdecimal() and (fault := port_fault(port)):
        raise ValueError(fault)
    if path.rpartition("/")[2].find(":") >= 0 or "@" in path:
        raise ValueError("expected a host and the beginning of a path, without a tag")
    return f"{host}/{path}" if path else host


def port_fault(port: str) -> str:
    """Why a text is no port, as a sentence that repeats a number alone; "" when it is one."""
    wanted = f"expected a port from 1 to {_LAST_PORT}"
    if not (port.isascii() and port.isdecimal() and len(port) <= len(str(_LAST_PORT))):
        return wanted
    return "" if 0 < int(port) <= _LAST_PORT else f"{wanted}, got {port}"


class WebPage(ValueError):
    """The web pages of Docker Hub are written for its registry. `place`: the registry that is meant."""

    def __init__(self, host: str, place: str) -> None:
        super().__init__(f"`{host}` has the web pages of Docker Hub, which is `{DEFAULT_REGISTRY}` as a registry")
        self.place = place


def written_place(text: str) -> str:
    """As `normal_place`, for what people write in documents and commands. Raises WebPage, too: files of other programs have
    that name of Docker Hub, and an image cannot have it."""
    place, host = normal_place(text), _host_of(text)
    if host in HUB_PAGES:
        raise WebPage(host, normal_place(f"{DEFAULT_REGISTRY}/{path_of_page(f'{place}/'.partition('/')[2])}"))
    return place


def place_of_key(key: str) -> str:
    """The normal form of a key in a file of credentials, which need be no place. Docker writes registries as hosts, and in old
    files as addresses (`https://host/v1/`), which have no path; Podman's keys may have one (registries.md §3.3)."""
    host, path = _host_of(key), _without_scheme(key).partition("/")[2].rstrip("/")
    host = DEFAULT_REGISTRY if host in HUB_NAMES else host
    path = "" if _without_scheme(key) != key or path in _VERSIONS else path
    return f"{host}/{path}" if path else host


def _host_of(text: str) -> str:
    return _without_scheme(text).partition("/")[0].lower()


def _without_scheme(text: str) -> str:
    return text.strip().removeprefix("https://").removeprefix("http://")


def image_place(image: str) -> str:
    """The place of an image in normal form: its registry and its whole repository."""
    ref = parse_image(image)
    return f"{ref.registry}/{ref.repository}"


def covers(place: str, image_or_place: str) -> bool:
    """Whether a place stands for another one, which it begins at the end of a part."""
    return f"{image_or_place}/".startswith(f"{place}/")


def longest(places: Iterable[str], image_or_place: str) -> str | None:
    """The longest of these places that stands for another one; `None` when none does."""
    return max((each for each in places if covers(each, image_or_place)), key=len, default=None)


def docker_key(place: str) -> str:
    """The key of a place in `config.json` and `auth.json`."""
    return HUB_KEY if place == DEFAULT_REGISTRY else place
