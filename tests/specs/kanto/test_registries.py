"""Registries in Kanto's config.json, read as documents and written back in exactly its shape (registries.md §1.2, §2)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenkeel.specs.desired import asked_at
from evenkeel.specs.documents.decode import decode_file
from evenkeel.specs.documents.join import desired_from
from evenkeel.specs.kanto.registries import decode_kanto, kanto_entries, kanto_text, staying
from evenkeel.specs.problem import Flaw, path_text, problem_text
from evenkeel.specs.registries.entry import Entry, docker_entries, docker_text
from evenkeel.specs.registries.registry import Registry

FILE = "/etc/container-management/config.json"

SHIPPED = """{
  "log": {
    "log_file": "/var/log/container-management/container-management.log",
    "syslog": false
  },
  "things": { "enable": true },
  "containers": {
    "registry_configurations": {
      "ghcr.io": {
        "credentials": {
          "user_id": "github",
          "password": "hunter2"
        }
      },
      "registry.example:5000": {
        "credentials": {"user_id": "ci", "password": "hunter3"},
        "transport": {
          "root_ca": "/etc/certs/ca.crt",
          "client_cert": "/etc/certs/device.cert",
          "client_key": "/etc/certs/device.key"
        }
      }
    },
    "insecure_registries": [ "localhost:5000" ]
  }
}
"""


def test_the_shipped_shape_becomes_documents_with_places() -> None:
    decoded = decode_kanto(SHIPPED.encode(), FILE)
    assert decoded.problems == ()
    assert [each.wanted for each in decoded.documents] == [
        Registry("ghcr.io", "ghcr.io", config=FILE),
        Registry(
            "registry.example-5000",
            "registry.example:5000",
            config=FILE,
            ca="/etc/certs/ca.crt",
            certificate="/etc/certs/device.cert",
            key="/etc/certs/device.key",
        ),
        Registry("localhost-5000", "localhost:5000", insecure=True),
    ]
    lines = SHIPPED.splitlines()
    for document, path, text in (
        (decoded.documents[0], "host", '"ghcr.io"'),
        (decoded.documents[1], "tls", '"transport"'),
        (decoded.documents[2], "insecure", '"localhost:5000"'),
    ):
        place = asked_at(document, path)
        assert lines[place.line - 1][place.column - 1 :].startswith(text)
    assert "hunter" not in repr(decoded)


def test_kantos_default_says_nothing_about_a_registry() -> None:
    assert decode_kanto(b'{"containers": {"insecure_registries": ["localhost"]}}', FILE).documents == ()
    assert decode_kanto(b'{"things": {}}', FILE) == decode_kanto(b"{}", FILE)


def test_a_document_of_the_specs_for_the_same_host_is_an_error_at_both_places() -> None:
    other = "apiVersion: evenkeel/v1\nkind: Registry\nmetadata: {name: github}\nspec: {host: ghcr.io}\n"
    _, problems = desired_from([decode_file(other.encode(), "a.yaml"), decode_kanto(SHIPPED.encode(), FILE)])
    same = "the host ghcr.io is that of"
    assert sorted(problem_text(each) for each in problems) == [
        f"{FILE}:9:7: {same} `github`, too; give one of them another; the other one is at a.yaml:4:8",
        f"a.yaml:4:8: spec.host: {same} `ghcr.io`, too; give one of them another; the other one is at {FILE}:9:7",
    ]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ('{"containers": {', "no valid JSON"),
        ('{"containers": []}', "containers: expected an object, got a list"),
        ('{"containers": {"registry_configurations": ["x"]}}', "expected an object, got a list"),
        ('{"containers": {"registry_configurations": {"ghcr.io": "hunter2"}}}', "expected an object, got a text"),
        (
            '{"containers": {"registry_configurations": {"ghcr.io": {"credentials": {"user_id": 1}}}}}',
            "user_id: expected a text, got a number",
        ),
        ('{"containers": {"insecure_registries": "hunter2"}}', "expected a list, got a text"),
        (
            '{"containers": {"registry_configurations": {"docker.io":{},"index.docker.io": {"transport": {"root_ca":"/c"}}}}}',
            "`docker.io` is there twice, and differs; keep one; the other is containers.registry_configurations.docker.io",
        ),
        (
            '{"containers": {"registry_configurations": {"https://a.b": {"transport": {"root_ca": "/c"}}, "a.b": {}}}}',
            "without a scheme, which is containers.registry_configurations.a.b, and not by this one (warning); remove it",
        ),
        ('{"containers": {"registry_configurations": {"hub": {}}}}', "taken for a part of Docker Hub"),
        (
            '{"containers": {"registry_configurations": {"a.b": {"transport": {"client_cert": "/c.cert"}}}}}',
            "`client_cert` needs `client_key`, and has no effect without (warning)",
        ),
        (
            '{"containers": {"registry_configurations": {"a.b": {"credentials": {"user_id": "ci"}}}}}',
            "`password` is missing, so it is asked without credentials (warning)",
        ),
    ],
)
def test_faults_have_their_places_and_no_value(content: str, told: str) -> None:
    problems = decode_kanto(content.encode(), FILE).problems
    assert len(problems) == 1
    assert told in problem_text(problems[0])
    assert problem_text(problems[0]).startswith(f"{FILE}:1:")
    assert "hunter" not in problem_text(problems[0])


def configurations(*pairs: tuple[str, str]) -> str:
    """A file with a password for each host."""
    hosts = {host: {"credentials": {"user_id": "ci", "password": word}} for host, word in pairs}
    return json.dumps({"containers": {"registry_configurations": hosts}})


def test_two_names_of_one_host_that_say_the_same_are_one() -> None:
    for hosts in (("https://a.b", "a.b"), ("a.b", "https://a.b"), ("docker.io", "index.docker.io")):
        decoded = decode_kanto(configurations(*((host, "hunter2") for host in hosts)).encode(), FILE)
        assert decoded.problems == ()
        place = "docker.io" if "docker.io" in hosts else "a.b"
        assert [each.wanted for each in decoded.documents] == [Registry(place, place, config=FILE)]


def test_kanto_goes_by_the_host_as_it_stands_in_an_image() -> None:
    text = configurations(("https://a.b", "idle"), ("a.b", "counts"))
    assert kanto_entries(json.loads(text), []) == (Entry("a.b", "ci", "counts"),)
    new = kanto_text(text, [Entry("a.b", "ci", "new")], [])
    assert json.loads(new) == json.loads(configurations(("https://a.b", "idle"), ("a.b", "new")))
    alone = kanto_text(configurations(("https://a.b", "idle")), [Entry("a.b", "ci", "new")], [])
    assert json.loads(alone) == json.loads(new)


def test_what_kanto_has_no_word_for_is_told() -> None:
    flaws: list[Flaw] = []
    kanto_text("", [Entry("a.b", mirrors=("https://m.example",), realms=("t.example",))], flaws)
    assert [(each.message, each.warning) for each in flaws] == [
        ("the file has no mirrors", True),
        ("the file has no hosts that may have the credentials", True),
    ]


# --- there and back ----------------------------------------------------------------------------------------------------

WORDS = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), min_size=1, max_size=8)
HOSTS = st.sampled_from(
    ["ghcr.io", "localhost:5000", "registry.example", "a.b:1", "docker.io", "GHCR.example", "hub", "x.y/z"]
)
ENTRIES = st.fixed_dictionaries(
    {},
    optional={
        "credentials": st.fixed_dictionaries({"user_id": WORDS, "password": WORDS})
        | st.fixed_dictionaries({"user_id": WORDS}),
        "transport": st.fixed_dictionaries(
            {"root_ca": st.just("/a/ca.crt")},
            optional={"client_cert": st.just("/a/x.cert"), "client_key": st.just("/a/x.key")},
        ),
        "more": WORDS,
    },
)
FILES = st.fixed_dictionaries(
    {},
    optional={
        "things": st.just({"enable": True}),
        "containers": st.fixed_dictionaries(
            {},
            optional={
                "default_ns": WORDS,
                "registry_configurations": st.dictionaries(HOSTS, ENTRIES, max_size=4),
                "insecure_registries": st.lists(HOSTS, max_size=3),
            },
        ),
        "é": st.none(),
    },
)
STYLES = st.sampled_from(
    [{"indent": 2}, {"indent": "\t"}, {"indent": None}, {"indent": None, "separators": (",", ":")}]
)


@given(FILES, STYLES, st.sampled_from(["", "\n", "\n\n"]), st.booleans())
def test_there_and_back_is_byte_equal(value: Any, style: dict[str, Any], end: str, is_ascii: bool) -> None:
    text = json.dumps(value, **style, ensure_ascii=is_ascii) + end
    assert kanto_text(text, kanto_entries(value, []), []) == text


@given(FILES, STYLES, WORDS, st.data())
def test_what_has_changed_alone_is_another(value: Any, style: dict[str, Any], word: str, data: st.DataObject) -> None:
    text = json.dumps(value, **style, ensure_ascii=False)
    entries = [each for each in kanto_entries(value, []) if each.password]
    if not entries:
        return
    one = data.draw(st.sampled_from(entries))
    changed = kanto_text(text, [each._replace(password=word) if each == one else each for each in entries], [])
    hosts = value["containers"]["registry_configurations"]
    for host, configuration in hosts.items():
        if host.lower() == one.place:
            configuration["credentials"]["password"] = word
    assert changed == json.dumps(value, **style, ensure_ascii=False)


@given(st.lists(st.tuples(WORDS, WORDS), max_size=3))
def test_a_new_file_has_exactly_kantos_shape(pairs: list[tuple[str, str]]) -> None:
    pairs = [(user.replace(":", "") or "u", password) for user, password in pairs]
    entries = [Entry(f"r{number}.example", user, password) for number, (user, password) in enumerate(pairs)]
    text = kanto_text("", entries, [])
    expected = {each.place: {"credentials": {"user_id": each.user, "password": each.password}} for each in entries}
    assert json.loads(text) == ({"containers": {"registry_configurations": expected}} if entries else {})
    assert kanto_entries(json.loads(text), []) == tuple(entries)


def test_the_transport_of_an_entry_stays_and_an_insecure_host_is_added() -> None:
    new = Entry("registry.example:5000", "ci", "new"), Entry("lab:5000", insecure=True)
    text = kanto_text(SHIPPED, new, [])
    assert text == SHIPPED.replace("hunter3", "new").replace('[ "localhost:5000" ]', '[ "localhost:5000", "lab:5000" ]')
    secure = kanto_text(text, [Entry("lab:5000")], [])
    assert secure == text.replace(', "lab:5000"', "")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", ["localhost", "lab:5000"]),
        ('{"containers": {"insecure_registries": []}}', ["lab:5000"]),
        ('{"containers": {"insecure_registries": ["a.b"]}}', ["a.b", "lab:5000"]),
    ],
)
def test_the_first_insecure_host_does_not_take_the_place_of_kantos_default(before: str, after: list[str]) -> None:
    text = kanto_text(before, [Entry("lab:5000", insecure=True)], [])
    assert json.loads(text)["containers"]["insecure_registries"] == after
    assert json.loads(kanto_text("", [Entry("localhost", insecure=True)], [])) == {
        "containers": {"insecure_registries": ["localhost"]}
    }


def test_an_entry_that_no_spec_asks_for_is_told() -> None:
    assert [(path_text(each.path), each.warning) for each in staying(SHIPPED, [Entry("registry.example:5000")])] == [
        ("containers.registry_configurations.ghcr.io", True),
        ("containers.insecure_registries[0]", True),
    ]
    assert staying(SHIPPED, kanto_entries(json.loads(SHIPPED), [])) == ()
    assert staying("", [Entry("a.b")]) == ()


@pytest.mark.parametrize(
    ("entry", "why"),
    [
        (Entry("quay.io/org", "ci", "p"), "Kanto knows whole hosts only"),
        (Entry("docker.io", "ci", "p"), "Kanto asks the host `docker.io` itself"),
        (Entry("a.b", helper="pass"), "Kanto takes a user and a password only"),
        (Entry("a.b", ca="/etc/ca.pem"), "Kanto needs an authority, a certificate and a key together"),
    ],
)
def test_what_kanto_cannot_express_is_told_and_left_out(entry: Entry, why: str) -> None:
    flaws: list[Flaw] = []
    assert kanto_text(SHIPPED, [entry], flaws) == SHIPPED
    assert [why in each.message and each.warning for each in flaws] == [True]


@pytest.mark.parametrize("text", ["{", "[]", '{"containers": 1}', '{"containers": {"registry_configurations": []}}'])
def test_a_file_that_is_something_else_is_not_written(text: str) -> None:
    with pytest.raises(ValueError, match=r"expected|Expecting"):
        kanto_text(text, [Entry("a.b", "ci", "p")], [])


# --- the form of Docker and Podman ---------------------------------------------------------------------------------------


@given(
    st.dictionaries(
        st.sampled_from(["ghcr.io", "quay.io/org", "docker.io", "a.b:1"]), st.tuples(WORDS, WORDS), min_size=1
    ),
    STYLES,
)
def test_docker_there_and_back(found: dict[str, tuple[str, str]], style: dict[str, Any]) -> None:
    entries = tuple(
        Entry(place, user.replace(":", "") or "u", password) for place, (user, password) in sorted(found.items())
    )
    text = docker_text(json.dumps({"credsStore": "pass", "detachKeys": "x"}, **style), entries, [], "podman")
    flaws: list[Flaw] = []
    assert docker_entries(json.loads(text), flaws, copies=False) == entries
    assert flaws == []
    assert docker_text(text, entries, [], "podman") == text
    assert (json.loads(text)["credsStore"], json.loads(text)["detachKeys"]) == ("pass", "x")


def test_helpers_and_tokens_and_old_keys_of_docker() -> None:
    value = {
        "auths": {
            "https://index.docker.io/v1/": {"auth": "Y2k6aHVudGVyMg=="},
            "https://ghcr.io": {"username": "ci", "password": "hunter3"},
            "quay.io/org": {"identitytoken": "hunter4"},
            "stored.example": {},
            "broken.example": {"auth": "%%"},
        },
        "credHelpers": {"gcr.io": "gcloud"},
        "credsStore": "secretservice",
    }
    others = Entry("quay.io/org", password="hunter4", token=True), Entry("stored.example", helper="secretservice")
    flaws: list[Flaw] = []
    assert docker_entries(value, flaws, copies=False) == (
        *(Entry("docker.io", "ci", "hunter2"), Entry("ghcr.io", "ci", "hunter3")),
        *(*others, Entry("gcr.io", helper="gcloud")),
    )
    assert [each.path for each in flaws] == [("auths", "broken.example", "auth")]
    stored = (Entry(host, helper="secretservice") for host in ("docker.io", "ghcr.io"))
    assert docker_entries(value, []) == (*stored, *others, Entry("gcr.io", helper="gcloud"))
    text = docker_text(json.dumps(value), [Entry("ghcr.io", "ci", "new"), Entry("docker.io", "ci", "hunter2")], [])
    assert set(json.loads(text)["auths"]) == set(value["auths"]), "a key that is there already is kept"
