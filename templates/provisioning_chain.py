"""The words about the certificates above that of the device: one that is missing, and a file that cannot bring it."""

from __future__ import annotations

from evenkeel.specs.provisioning.observed import ProvisionedSeen
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
    """The file that it has to be appended to; "" where nothing is missing. `wanted`: the document that asks for the pair."""
    return f"append the certificate of {pair.lacks} to {_file(wanted)}" if pair.lacks else ""


def _file(wanted: Provisioning | None) -> str:
    """The file from which the pair in force gets its chain."""
    if wanted is None:
        return "its file"
    certificate = wanted.certificate
    named = (certificate.certificate or certificate.chain) if certificate is not None else ""
    return named or f"{wanted.folder}/device.crt"


def unfit_text(there: ProvisionedSeen) -> str:
    """Why the file `chain` of a `csr` is not heeded while a certificate is in force and none is waited for; "" where nothing is
    wrong with it."""
    pairs = there.pairs
    is_told = pairs.current and not pairs.request and pairs.signed_why
    return f"{pairs.signed_why}; the certificate in force stays as it is" if is_told else ""


def unfit_remedy(there: ProvisionedSeen) -> str:
    """The way to mend that."""
    certificate = there.wanted.certificate if there.wanted is not None else None
    chain = certificate.chain if certificate is not None else "the file"
    return f"put the certificate in force into {chain}, with those above it in their order, or take that file away"
