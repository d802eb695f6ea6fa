"""Documents about provisioning: flaws that no pattern tells, each with its place."""

from __future__ import annotations

import pytest

from evenkeel.specs.documents.decode import decode_file
from evenkeel.specs.documents.join import desired_from
from evenkeel.specs.problem import problem_text

HEAD = "apiVersion: evenkeel/v1\nkind: Provisioning\nmetadata: {name: azure}\nspec:\n"
SIGNED = "certificate: {mode: selfSigned}"
HUB, SERVICE = "azure: {connectionString: /data/connection}", "azure: {dps: {idScope: 0neABCDEF12}}"


def problems(*lines: str) -> str:
    content = HEAD + "".join(f"  {each}\n" for each in lines)
    return "\n".join(map(problem_text, desired_from([decode_file(content.encode(), "id.yaml")])[1]))


@pytest.mark.parametrize(
    ("value", "others", "complaint"),
    [
        ("MyDevice-7", (SIGNED, HUB), ""),
        ("MyDevice-7", (), ""),
        ("MyDevice-7", (SIGNED, SERVICE), "write `mydevice-7`"),
        ("My Device", (SIGNED, HUB), "write `My-Device`"),
        ("ä 7", (SIGNED, SERVICE), "write `7`"),
        ("x" * 64, (SIGNED, SERVICE), ""),
        ("x" * 65, (SIGNED, SERVICE), "it has 65 characters, and the common name of a certificate has at most 64"),
        ("x" * 128, ("azure: {dps: {idScope: 0neABCDEF12, sharedKey: /data/key}}",), ""),
    ],
)
def test_an_id_may_be_what_its_cloud_knows(value: str, others: tuple[str, ...], complaint: str) -> None:
    found = problems(f"deviceId: {{value: {value}}}", *others)
    assert (complaint in found) if complaint else found == "", found
    assert not complaint or "id.yaml:5:" in found
