"""The settings of a registry, as paths and texts of its spec. They name the places of secrets, and have none."""

from __future__ import annotations

from evenkeel.specs.registries.registry import Registry


def asked_texts(registry: Registry) -> tuple[tuple[str, str], ...]:
    """Its place, and what is asked for beyond the defaults, in the order of the reference."""
    texts = (
        ("host", registry.place),
        ("credentials.user", registry.user),
        ("credentials.userFile", registry.user_file),
        ("credentials.passwordFile", registry.password_file),
        ("credentials.helper", registry.helper),
        ("credentials.config", registry.config),
        ("tls.ca", registry.ca),
        ("tls.certificate", registry.certificate),
        ("tls.key", registry.key),
        ("insecure", "true" if registry.insecure else ""),
        ("mirrors", ", ".join(registry.mirrors)),
        ("tokenRealms", ", ".join(registry.realms)),
    )
    return tuple(each for each in texts if each[1])


def otherwise(kept: Registry | None, wish: Registry | None) -> tuple[tuple[str, str, str], ...]:
    """The settings in which `wish` differs from `kept`, as path, old and new text; the place alone, for a registry that only
    one of them asks for."""
    if kept is None or wish is None:
        old, new = (each.place if each is not None else "" for each in (kept, wish))
        return (("", old, new),) if old or new else ()
    before, after = dict(asked_texts(kept)), dict(asked_texts(wish))
    found = ((path, before.get(path, ""), after.get(path, "")) for path in dict.fromkeys((*after, *before)))
    return tuple(each for each in found if each[1] != each[2])
