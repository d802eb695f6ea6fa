"""Documents about registries in the text of a spec file: comments, order and everything else there stay as they are."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenkeel.specs.documents.decode import decode_file
from evenkeel.specs.registries.document_text import document_in, with_document, without_document, written_spec
from evenkeel.specs.registries.registry import Registry

FILE = """# registries of the fleet
# (see the wiki)

apiVersion: evenkeel/v1
kind: Registry
metadata: {name: github}   # ours
spec:
  # the host of GitHub
  host: 'ghcr.io'
  credentials:
    user: ci       # a robot
    passwordFile: /etc/evenkeel/github
--- # an application
apiVersion: evenkeel/v1
kind: Container
metadata: { name: web }
spec: {image:   "nginx:1", env: {TEXT: "kind: Registry"}}
---

apiVersion: evenkeel/v1
kind: Registry
metadata:
  name: lab
spec: {host: "lab:5000", insecure: true}
"""


def registries(text: str) -> list[Registry]:
    decoded = decode_file(text.encode(), "a.yaml")
    assert [each for each in decoded.problems if each.severity == "error"] == []
    return [each.wanted for each in decoded.documents if isinstance(each.wanted, Registry)]


def test_a_new_document_is_the_last_and_nothing_else_changes() -> None:
    new = Registry("quay.io-org", "quay.io/org", user="ci", password_file="/x", mirrors=("https://m.example",))
    text = with_document(FILE, new.name, written_spec(new))
    assert text.startswith(FILE)
    assert text[len(FILE) :] == (
        "---\napiVersion: evenkeel/v1\nkind: Registry\nmetadata:\n  name: quay.io-org\nspec:\n  host: quay.io/org\n"
        "  credentials:\n    user: ci\n    passwordFile: /x\n  mirrors:\n    - https://m.example\n"
    )
    assert registries(text)[-1] == new
    assert without_document(text, new.name) == FILE


def test_a_changed_document_keeps_its_comments_and_its_order() -> None:
    other = Registry("github", "ghcr.io", user="ci", helper="", password_file="/new", ca="/ca.crt")
    text = with_document(FILE, "github", written_spec(other))
    new = "passwordFile: /new\n  tls:\n    ca: /ca.crt"
    assert text == FILE.replace("passwordFile: /etc/evenkeel/github", new)
    assert registries(text)[0] == other


def test_a_document_is_removed_with_its_comments_and_the_others_stay() -> None:
    behind = FILE.index("--- # an application")
    assert without_document(FILE, "github") == "# registries of the fleet\n# (see the wiki)\n\n" + FILE[behind:]
    assert without_document(FILE, "lab") == FILE[: FILE.index("---\n\napi")]
    assert without_document(FILE, "web") == FILE, "it is no registry"
    assert without_document(FILE[behind:], "web") == FILE[behind:]
    alone = document_in(FILE, "lab")
    assert without_document(alone, "lab") == ""


def test_lines_end_as_those_of_the_file() -> None:
    """A file from Windows had both ends afterwards."""
    other = written_spec(Registry("github", "ghcr.io", user="ci", password_file="/new", ca="/ca.crt"))
    dos = FILE.replace("\n", "\r\n")
    for name in ("github", "new"):
        assert with_document(dos, name, other) == with_document(FILE, name, other).replace("\n", "\r\n")
    for name in ("github", "lab"):
        assert without_document(dos, name) == without_document(FILE, name).replace("\n", "\r\n")


@pytest.mark.parametrize("text", ["", "\n", "# nothing yet", "# nothing yet\n"])
def test_the_first_document_of_a_file(text: str) -> None:
    found = with_document(text, "lab", {"host": "lab:5000"})
    assert found.startswith(text.strip())
    assert [each.place for each in registries(found)] == ["lab:5000"]


def test_a_file_that_cannot_be_read_is_left_as_it_is() -> None:
    broken = "a: [1\n---\nb: 2\n"
    assert with_document(broken, "lab", {"host": "lab:5000"}).startswith(broken)
    assert without_document(broken, "lab") == broken


PLACES = st.sampled_from(["ghcr.io", "lab:5000", "quay.io/org", "docker.io", "a.b"])
TEXTS = st.sampled_from(["", "ci", "/x/y", "it's: #1"])
REGISTRIES = st.builds(
    lambda place, user, ca, insecure, mirrors: Registry(
        "r",
        place,
        user=user,
        password_file="/p" if user else "",
        ca="/ca.crt" if ca else "",
        insecure=insecure,
        mirrors=mirrors,
    ),
    PLACES,
    TEXTS.filter(lambda text: ":" not in text),
    st.booleans(),
    st.booleans(),
    st.lists(st.sampled_from(["https://a.example", "http://b.example/x"]), max_size=2, unique=True).map(tuple),
)


@given(REGISTRIES, REGISTRIES)
def test_any_document_becomes_any_other(before: Registry, after: Registry) -> None:
    text = with_document(FILE, "r", written_spec(before))
    assert registries(text)[-1] == before
    changed = with_document(text, "r", written_spec(after))
    assert registries(changed)[-1] == after
    assert changed.startswith(FILE)
    assert with_document(changed, "r", written_spec(after)) == changed
