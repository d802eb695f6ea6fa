"""Templates of outputs are looked at when they are read: what no value can mend has its place and a suggestion."""

from __future__ import annotations

import json

import pytest

from evenkeel.specs.documents.decode import decode_file
from evenkeel.specs.documents.join import desired_from
from evenkeel.specs.problem import problem_text

BY_SCOPE = "certificate: {mode: selfSigned}, azure: {dps: {idScope: 0ne00AB12CD}}"


def problems(template: str, spec: str = BY_SCOPE, mode: str = "") -> list[str]:
    text = (
        "apiVersion: evenkeel/v1\nkind: Provisioning\nmetadata: {name: azure}\nspec:\n"
        f"  outputs:\n    - path: /etc/x\n      template: {json.dumps(template)}\n"
    )
    text += f"      mode: '{mode}'\n" if mode else ""
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


@pytest.mark.parametrize(
    ("spec", "template", "is_open"),
    [
        ("azure: {dps: {idScope: 0ne00AB12CD,sharedKey: /k}}", "{{ sharedAccessKey }}", True),
        ("azure: {dps: {idScope: 0ne00AB12CD,groupKey: /k}}", "{{ connectionString | upper }}", True),
        ("azure: {connectionString: /s}", "{{ connectionString }}", True),
        ("azure: {dps: {idScope: 0ne00AB12CD,sharedKey: /k}}", "{{ hub }} {{ keyFile | default('') }}", False),
        (BY_SCOPE, "{{ connectionString }}", False),
        ("certificate: {mode: selfSigned}, azure: {connectionString: /s}", "{{ connectionString }}", False),
    ],
)
def test_a_file_for_everybody_has_no_key(spec: str, template: str, is_open: bool) -> None:
    """Where only a file tells whether there is a key, the look finds it."""
    found = problems(template, spec, "0644")
    assert len(found) == is_open, found
    if is_open:
        name = "sharedAccessKey" if "Key }" in template else "connectionString"
        why = f"mode 0644 lets everybody on this device read it, and it has `{name}`, which is secret"
        hint = 'write `mode: "0600"`, or `mode: "0640"` with the `group` of the program that reads it'
        assert found[0] == f"x.yaml:8:7: spec.outputs[0].mode: {why}; {hint}"
    for mode in ("", "0600", "0640"):
        assert problems(template, spec, mode) == []
