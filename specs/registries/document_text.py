"""Documents about registries in the text of a spec file, and registries as such a document has them.

Nothing is validated here.
"""

from __future__ import annotations

from typing import Any

from evenkeel.specs.documents import document_text
from evenkeel.specs.documents.document_text import Spec
from evenkeel.specs.registries.entry import Entry
from evenkeel.specs.registries.registry import Registry

_KIND = "Registry"


def written_spec(registry: Registry) -> dict[str, Any]:
    """The `spec` of a document for a registry."""
    credentials = {
        "user": registry.user,
        "userFile": registry.user_file,
        "passwordFile": registry.password_file,
        "helper": registry.helper,
        "config": registry.config,
    }
    found = {
        "host": registry.place,
        "credentials": {key: value for key, value in credentials.items() if value},
        "tls": {
            key: value
            for key, value in (("ca", registry.ca), ("certificate", registry.certificate), ("key", registry.key))
            if value
        },
        "insecure": registry.insecure,
        "mirrors": list(registry.mirrors),
        "tokenRealms": list(registry.realms),
    }
    return {key: value for key, value in found.items() if value}


def entry_of(registry: Registry) -> Entry:
    """The entry of a document's place for other files, without a secret."""
    return Entry(
        registry.place,
        registry.user,
        helper=registry.helper,
        ca=registry.ca,
        certificate=registry.certificate,
        key=registry.key,
        insecure=registry.insecure,
        mirrors=registry.mirrors,
        realms=registry.realms,
    )


def with_document(text: str, name: str, spec: Spec) -> str:
    """The text with this document; one of the same name is changed, a new one is the last."""
    return document_text.with_document(text, _KIND, name, spec)


def without_document(text: str, name: str) -> str:
    """The text without the document of this name; "" when nothing else is in it."""
    return document_text.without_document(text, _KIND, name)


def document_in(text: str, name: str) -> str:
    """The piece of the text that is the document of this name; "" when there is none."""
    return document_text.document_in(text, _KIND, name)
