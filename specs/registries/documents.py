"""Documents about registries: from the written form to the normal form, and the flaws that no pattern tells."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from msgspec import UnsetType

from evenkeel.specs.documents.on_host import path_flaws
from evenkeel.specs.documents.reference import Claim
from evenkeel.specs.documents.written import MetadataSpec
from evenkeel.specs.problem import Flaw, Path
from evenkeel.specs.registries.login import NO_PROGRAM, is_program, user_fault
from evenkeel.specs.registries.registry import Registry, WebPage, port_fault, written_place
from evenkeel.specs.registries.written import CredentialsSpec, RegistrySpec

Flaws = list[Flaw]

_REALM = re.compile(r"([A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?)(?::([^/@]*))?")
_MOST_MIRRORS = 20
_LONGEST_ADDRESS = 2000


def registry(metadata: MetadataSpec, spec: RegistrySpec, flaws: Flaws) -> Registry:
    """The normal form of a written registry. Paths of flaws begin below `spec`. No flaw repeats an address: one may hold a
    password."""
    place = ""
    if "@" in spec.host:
        hint = "put them into `credentials`"
        flaws.append(Flaw(("host",), "a host is no place for a user and a password", hint))
    else:
        try:
            place = written_place(spec.host)
        except WebPage as error:
            flaws.append(Flaw(("host",), str(error), f"write `{error.place}`"))
        except ValueError as error:
            flaws.append(Flaw(("host",), str(error), "write for example `registry.example:5000`"))
    written = CredentialsSpec() if isinstance(spec.credentials, UnsetType) else spec.credentials
    if not isinstance(spec.credentials, UnsetType):
        flaws.extend(_credentials_flaws(written))
    ca, certificate, key = _text(spec.tls.ca), _text(spec.tls.certificate), _text(spec.tls.key)
    if bool(certificate) != bool(key):
        has, lacks = ("certificate", "key") if certificate else ("key", "certificate")
        flaws.append(Flaw(("tls", has), f"`{has}` needs `{lacks}`", f"add `tls.{lacks}`", lacks=(lacks,)))
    for name, path in (("ca", ca), ("certificate", certificate), ("key", key)):
        flaws.extend(path_flaws(("tls", name), path) if path else ())
    flaws.extend(_mirror_flaws(spec.mirrors, has_credentials=not isinstance(spec.credentials, UnsetType)))
    for index, realm in enumerate(spec.token_realms):
        if (parts := _REALM.fullmatch(realm)) is None:
            hint = "write for example `tokens.example`"
            flaws.append(Flaw(("tokenRealms", index), "expected a host, without a scheme and a path", hint))
        elif parts[2] is not None and (fault := port_fault(parts[2])):
            flaws.append(Flaw(("tokenRealms", index), fault, f"write `{parts[1]}` without a port; it does not count"))
    if spec.insecure and (ca or certificate):
        message = "has no effect with `insecure`, which trusts anybody"
        flaws.append(Flaw(("tls",), message, "leave one of them out", warning=True))
    if spec.insecure and not isinstance(spec.credentials, UnsetType):
        message = "with `insecure` anybody on the way can read the credentials"
        flaws.append(Flaw(("insecure",), message, "give its authority in `tls.ca` instead", warning=True))
    return Registry(
        name=metadata.name,
        place=place,
        user=_text(written.user),
        user_file=_text(written.user_file),
        password_file=_text(written.password_file),
        helper=_text(written.helper),
        config=_text(written.config),
        ca=ca,
        certificate=certificate,
        key=key,
        insecure=spec.insecure,
        mirrors=tuple(dict.fromkeys(each.rstrip("/") for each in spec.mirrors)),
        realms=tuple(sorted({each.lower() for each in spec.token_realms})),
    )


def claimed(wanted: Registry) -> tuple[Claim, ...]:
    """The place, which belongs to one document. One that could not be read is nobody's."""
    return (Claim("host", wanted.place),) if wanted.place else ()


def _credentials_flaws(spec: CredentialsSpec) -> Iterator[Flaw]:
    keys = {"passwordFile": spec.password_file, "helper": spec.helper, "config": spec.config}
    given = [key for key, value in keys.items() if not isinstance(value, UnsetType)]
    if len(given) != 1:
        message = "expected exactly one of `passwordFile`, `helper`, `config`"
        path: Path = ("credentials", given[1]) if given else ("credentials",)
        yield Flaw(path, message, lacks=() if given else tuple(keys))
        return
    users = {"user": spec.user, "userFile": spec.user_file}
    named = [key for key, value in users.items() if not isinstance(value, UnsetType)]
    if given == ["passwordFile"] and len(named) != 1:
        message = "`passwordFile` needs exactly one of `user`, `userFile`"
        yield Flaw(("credentials", named[1] if named else "passwordFile"), message, lacks=() if named else tuple(users))
    if given != ["passwordFile"] and named:
        yield Flaw(("credentials", named[0]), f"`{given[0]}` has the user, too", "leave it out")
    if fault := user_fault(_text(spec.user)):
        yield Flaw(("credentials", "user"), fault, "give the user alone; `passwordFile` has the password")
    if (helper := _text(spec.helper)) and not is_program(helper):
        hint = "write `pass` for the program `docker-credential-pass`"
        yield Flaw(("credentials", "helper"), NO_PROGRAM, hint)
    for key, text in (("userFile", spec.user_file), ("passwordFile", spec.password_file), ("config", spec.config)):
        if not isinstance(text, UnsetType):
            yield from path_flaws(("credentials", key), text)


def _mirror_flaws(mirrors: tuple[str, ...], *, has_credentials: bool) -> Iterator[Flaw]:
    if len(mirrors) > _MOST_MIRRORS:
        yield Flaw(("mirrors",), f"expected at most {_MOST_MIRRORS}, got {len(mirrors)}")
    for index, mirror in enumerate(mirrors):
        path: Path = ("mirrors", index)
        try:
            parts = urlsplit(mirror)
        except ValueError:
            parts = urlsplit("")
        if (
            parts.scheme not in ("https", "http")
            or not parts.hostname
            or len(mirror) > _LONGEST_ADDRESS
            or any(letter <= " " for letter in mirror)
        ):
            yield Flaw(path, "expected an address with https or http", "write for example `https://mirror.example`")
        elif parts.username or parts.password:
            hint = "Podman takes a document of this kind for the mirror; Docker has none for mirrors"
            yield Flaw(path, "an address is no place for a user and a password", hint)
        elif fault := _port_fault(parts.netloc):
            yield Flaw(path, fault, "write for example `https://mirror.example:5000`, or leave the port out")
        elif parts.query or parts.fragment:
            yield Flaw(path, "expected an address without `?` and `#`")
        elif has_credentials and parts.scheme == "http":
            message = (
                "while this mirror asks for credentials, nothing can be pulled with these: Docker would send it them"
            )
            yield Flaw(path, message, "name a mirror with https, or leave the credentials out", warning=True)


def _port_fault(netloc: str) -> str:
    """The fault of the port in the part of an address that has the host; "" without a port."""
    _, colon, port = netloc.rpartition("]")[2].rpartition(":")
    return port_fault(port) if colon else ""


def _text(value: str | UnsetType) -> str:
    return "" if isinstance(value, UnsetType) else value
