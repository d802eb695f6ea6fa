"""What the doctor says of an identity, by what was seen and remembered."""

from __future__ import annotations

import pytest

from evenkeel.reconcilers.provisioning.checks import of_identity
from evenkeel.specs.codec import changed
from evenkeel.specs.provisioning.memory import ProvisioningMemory
from evenkeel.specs.provisioning.observed import Pairs, ProvisionedSeen, ProvisioningSeen
from evenkeel.specs.provisioning.provisioning import Certificate, Provisioning
from evenkeel.templates.provisioning_chain import lack_remedy, lack_text

from .test_diff import NOW_S, SETTLED, pair


@pytest.mark.parametrize("let_in", ["", "other", "first"])
def test_who_has_let_a_certificate_in_knows_its_authority(let_in: str) -> None:
    """Without its chain it may be refused: nobody else on the device can know."""
    wanted = Provisioning("lab", "/data", certificate=Certificate("csr"))
    one = changed(pair("first"), issuer="below")
    there = ProvisionedSeen("lab", wanted, SETTLED.id, Pairs({"first": one}, "first", let_in=let_in))
    found = of_identity(there, ProvisioningSeen("files", NOW_S, subjects=(there,)), ProvisioningMemory())
    told = [each.text for each in found if "which signed it" in each.text]
    assert bool(told) == (let_in != "first")


def test_the_remedy_names_the_file_that_lacks_the_authority() -> None:
    lacking = changed(pair("first"), issuer="below")
    for certificate, file in (
        (Certificate("csr", chain="/signed.crt"), "/signed.crt"),
        (Certificate("files", certificate="/given.crt"), "/given.crt"),
        (Certificate("caSigned"), "/data/device.crt"),
    ):
        wanted = Provisioning("lab", "/data", certificate=certificate)
        assert lack_remedy(lacking, wanted) == f"append the certificate of below to {file}"
    assert lack_remedy(lacking, None) == "append the certificate of below to its file"
    assert (lack_text(pair("first")), lack_remedy(pair("first"), None)) == ("", ""), "nothing is missing"
