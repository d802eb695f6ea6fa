"""A registry as evenkeel asks it, for a login as well as for the sizes and digests of images: whom evenkeel trusts, and to whom
the credentials may go."""

from __future__ import annotations

import ssl
from collections.abc import Callable

from evenkeel.controller.distribution.failures import Failure
from evenkeel.controller.distribution.tokens import Site, may_have_credentials, name_of
from evenkeel.controller.distribution.trust import NONE, Papers, trust
from evenkeel.controller.settings.credentials import Terms


def site_for(
    registry: str,
    own: Callable[[], Papers],
    terms: Terms,
    of_others: Callable[[str], Papers] = lambda host: NONE,
    silence_s: float = 0.0,
) -> Site:
    """The site of a registry, by its name in images. `own`: its papers; `of_others`: those of a host that gives tokens for it.

    Authorities that a document names count for the registry, and for hosts that may have its credentials, as engines have it: a
    certificate of theirs could ask for the same credentials as the registry. Others count for the host alone that they were
    given for, as the certificate of this device does, and what may be asked without encryption is the registry alone.
    """

    def of_registry() -> ssl.SSLContext:
        return _trust(own, proves=not terms.insecure)

    def of_realm(place: str) -> ssl.SSLContext:
        def papers() -> Papers:
            its, may = of_others(place), may_have_credentials(place, site.host, site.realms)
            return its._replace(ca=b"\n".join(filter(None, (its.ca, own().shared if may else b""))))

        return _trust(papers, proves=not terms.insecure or name_of(place) != name_of(site.host))

    site = Site(registry, of_registry, of_realm, terms.realms, terms.insecure, silence_s)
    return site


def _trust(papers: Callable[[], Papers], *, proves: bool) -> ssl.SSLContext:
    try:
        return trust(papers(), proves=proves)
    except (OSError, ValueError):
        raise Failure("its certificates cannot be read", "no") from None
