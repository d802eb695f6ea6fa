"""The words about a certificate whose file lacks that of the authority above it."""

from __future__ import annotations

from evenkeel.specs.provisioning.pair import PairSeen
from evenkeel.specs.provisioning.provisioning import Provisioning


def lack_text(pair: PairSeen) -> str:
    """Why that may matter; "" where nothing is missing."""
    if not pair.lacks:
        return ""
    return (
        f"its file does not have the certificate of {pair.lacks}, which signed it: who trusts only a root above {pair.lacks} "
        "refuses it"
    )


def lack_remedy(pair: PairSeen, wanted: Provisioning | None) -> str:
    """The file that it has to be appended to. `wanted`: the document that asks for the pair."""
    certificate = wanted.certificate if wanted is not None else None
    own = f"{wanted.folder}/device.crt" if wanted is not None else "it"
    named = (certificate.certificate or certificate.chain) if certificate is not None else ""
    return f"append the certificate of {pair.lacks} to {named or own}"
