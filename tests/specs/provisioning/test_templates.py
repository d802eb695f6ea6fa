"""Templates of outputs are looked at when they are read: what no value can mend has its place and a suggestion."""

from __future__ import annotations

import json

import pytest

from evenkeel.specs.documents.decode import decode_file
from evenkeel.specs.documents.join import desired_from
from evenkeel.specs.problem import problem_text

BY_SCOPE = "certificate: {mode: selfSigned}, azure: {dps: {idScope: 0ne00AB12CD}}"


def problems(template: str, spec: str = BY_SCOPE) -> list[str]:
    text = (
        "apiVersion: evenkeel/v1\nkind: Provisioning\nmetadata: {name: azure}\nspec:\n"
        f"  outputs:\n    - path: /etc/x\n      template: {json.dumps(template)}\n"
    )
    text += "".join(f"  {each}\n" for each in spec.split(", ", 1))
    return [problem_text(each) for each in desired_from([decode_file(text.encode(), "x.yaml")])[1]]


@pytest.mark.parametrize(
    ("template", "why"),
    [
        ("{{ thumprint }}", "there is no value `thumprint`; did you mean `thumbprint`?"),
        ("a\n{% if hub %}", "line 2 of the template: Unexpected end of template."),
        ("a\n{% include 'x' %}", "line 2 of the template: it stands alone, without include, import and extends"),
        (
            "{{ secondThumbprint }}",
            "the template names `secondThumbprint`, which `azure` never has, because it has no `certificate.second`",
        ),
        (
            "{{ sharedAccessKey }}",
            "the template names `sharedAccessKey`, which `azure` never has, because it has no `azure.dps.sharedKey`",
        ),
    ],
)
def test_a_template_that_can_never_be_filled(template: str, why: str) -> None:
    (problem,) = problems(template)
    assert problem.startswith(f"x.yaml:7:7: spec.outputs[0].template: {why}")


def test_a_template_may_ask_whether_a_value_is_there() -> None:
    for template in (
        "{{ hub }} {{ idScope }} {{ thumbprint }}",
        "{% if sharedAccessKey is defined %}{{ sharedAccessKey }}{% endif %}",
        "{{ secondThumbprint | default('none') }}",
        "{# {{ sharedAccessKey }} #} {{ 'secondThumbprint' }} {% for hub in [1] %}{{ hub }}{% endfor %}",
    ):
        assert problems(template) == [], template
