"""Registries in the `config.json` of Docker and the `auth.json` of Podman: what is written counts for that program, all else
stays, and what the file cannot have is told (registries.md §3.1, §3.3)."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import Any

import pytest

from evenkeel.specs.name import is_name
from evenkeel.specs.problem import Flaw
from evenkeel.specs.registries.entry import Entry, Form, docker_entries, docker_text, shown_keys, subject_names
from evenkeel.specs.registries.registry import normal_place

NEW = b64encode(b"ci:new").decode()
OLD = {"auth": b64encode(b"ci:old").decode()}
OTHER = {"a.b": OLD}


def exported(value: Any, entry: Entry, form: Form = "docker") -> tuple[Any, list[Flaw]]:
    flaws: list[Flaw] = []
    return json.loads(docker_text(json.dumps(value), [entry], flaws, form)), flaws


@pytest.mark.parametrize("form", ["docker", "podman"])
def test_an_entry_takes_the_place_of_what_would_count_before_it(form: Form) -> None:
    value = {"auths": OTHER, "credHelpers": {"ghcr.io": "pass", "quay.io": "pass"}, "more": 1}
    found, flaws = exported(value, Entry("ghcr.io", "ci", "new"), form)
    auths = {**OTHER, "ghcr.io": {"auth": NEW}}
    assert found == {"auths": auths, "credHelpers": {"quay.io": "pass"}, "more": 1}
    assert flaws == []
    twice = {"auths": {"https://ghcr.io/v1/": OLD, "ghcr.io": OLD}}
    found, _ = exported(twice, Entry("ghcr.io", "ci", "new"), form)
    assert {json.dumps(each) for each in found["auths"].values()} == {json.dumps({"auth": NEW})}


@pytest.mark.parametrize(("form", "hub"), [("docker", "https://index.docker.io/v1/"), ("podman", "docker.io")])
def test_a_helper_stands_at_the_one_key_at_which_it_is_looked_for(form: Form, hub: str) -> None:
    value = {"auths": {**OTHER, "https://index.docker.io/v1/": OLD}, "credHelpers": {"index.docker.io": "former"}}
    found, flaws = exported(value, Entry("docker.io", helper="pass"), form)
    assert found == {"auths": OTHER, "credHelpers": {hub: "pass"}}
    assert flaws == []


def test_a_store_that_docker_asks_first_is_told() -> None:
    found, flaws = exported({"credsStore": "desktop"}, Entry("ghcr.io", "ci", "new"))
    assert found == {"credsStore": "desktop", "auths": {"ghcr.io": {"auth": NEW}}}
    (flaw,) = flaws
    assert "does not look at the entry" in flaw.message
    assert flaw.hint == "put it there by `docker login ghcr.io`"
    assert exported({"credsStore": "desktop"}, Entry("ghcr.io", "ci", "new"), "podman")[1] == []


def test_a_part_of_a_host_is_podmans_alone() -> None:
    """Docker takes such an entry for the whole host."""
    part = Entry("quay.io/org", "ci", "new")
    found, flaws = exported({}, part)
    assert found == {}
    assert [each.path for each in flaws] == [("quay.io/org",)]
    assert "in a document of its own" in flaws[0].hint
    assert exported({}, part, "podman") == ({"auths": {"quay.io/org": {"auth": NEW}}}, [])


@pytest.mark.parametrize(
    ("form", "told"),
    [
        ("docker", ["/etc/docker/certs.d/a.b", "daemon.json", "Docker Hub alone", "Docker sends the credentials"]),
        ("podman", ["/etc/containers/certs.d/a.b", "`insecure`", "`[[registry.mirror]]`", "Podman sends"]),
    ],
)
def test_nothing_is_left_out_in_silence(form: Form, told: list[str]) -> None:
    entry = Entry("a.b", ca="/ca.crt", insecure=True, mirrors=("https://m.example",), realms=("t.example",))
    found, flaws = exported({}, entry, form)
    assert found == {}
    assert all(each.warning and each.path == ("a.b",) for each in flaws)
    assert [text in each.hint for text, each in zip(told, flaws, strict=True)] == [True] * 4


def test_a_user_before_a_host_is_told_and_not_shown() -> None:
    flaws: list[Flaw] = []
    keys = ("https://me:S3CRET@ghcr.io", "me:S3/CR@ET@ghcr.io", "lab:5000/a b", "lab:5000")
    value: Any = {"auths": {key: OLD if key == "lab:5000" else 7 for key in keys}}
    docker_entries(value, flaws)
    shown = [shown_keys(("auths", key))[1] for key in keys]
    assert shown == ["(hidden)@ghcr.io", "(hidden)@ghcr.io", "(hidden)", "lab:5000"]
    assert [each.message for each in flaws[:2]] == ["a host is no place for a user and a password"] * 2
    assert not any("S3" in f"{each.message} {each.hint}" for each in flaws)


def test_an_old_address_is_its_host() -> None:
    value: Any = {"auths": {"https://ghcr.io/v1/": OLD}}
    assert docker_entries(value, []) == (Entry("ghcr.io", "ci", "old"),)
    assert [normal_place(each) for each in ("https://ghcr.io/v2/", "ghcr.io/v1", "ghcr.io/v1x")] == [
        "ghcr.io",
        "ghcr.io",
        "ghcr.io/v1x",
    ]


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ({"registrytoken": "S3"}, "not with a bearer token"),
        ({"auth": 5}, "expected a text, got a number"),
        ({"identitytoken": True}, "expected a text, got true or false"),
        ({"username": "ci", "password": 12345}, "expected a text, got a number"),
        ({"username": "ci"}, "it has no password"),
        ({"password": "S3"}, "it has no user"),
        ({"auth": b64encode(b"ci:").decode()}, "it has no password"),
        ({}, "it has no user and no password"),
    ],
)
def test_an_entry_that_lets_nobody_in_is_told(entry: Any, told: str) -> None:
    flaws: list[Flaw] = []
    value: Any = {"auths": {"a.b": OLD, "x.y": entry}}
    assert docker_entries(value, flaws) == (Entry("a.b", "ci", "old"),)
    (flaw,) = flaws
    assert flaw.path[:2] == ("auths", "x.y")
    assert told in flaw.message


def test_a_helper_for_all_that_names_no_host_is_told() -> None:
    value: Any
    for value, told in (
        ({"credsStore": "desktop"}, "no hosts are named"),
        ({"credsStore": 7, "auths": {"a.b": OLD}}, "expected a text, got a number"),
    ):
        flaws: list[Flaw] = []
        docker_entries(value, flaws)
        assert [told in each.message for each in flaws] == [True]
    flaws = []
    assert docker_entries({"credsStore": "desktop", "auths": {"a.b": {}}}, flaws) == (Entry("a.b", helper="desktop"),)
    assert flaws == []


def test_two_keys_of_one_host_that_differ_are_never_one_in_silence() -> None:
    new = {"auth": NEW}
    for auths, counts, told in (
        ({"ghcr.io/": OLD, "GHCR.io": new}, "old", ["`ghcr.io` is there twice, and differs"]),
        ({"https://ghcr.io/v1/": OLD, "ghcr.io": new}, "new", ["auths.ghcr.io counts, and not this entry"]),
        ({"https://ghcr.io/v1/": new, "GHCR.io": new}, "new", []),
    ):
        flaws: list[Flaw] = []
        value: Any = {"auths": auths}
        assert docker_entries(value, flaws) == (Entry("ghcr.io", "ci", counts),)
        assert [each.message for each in flaws] == told
        assert [each.warning for each in flaws] == [counts == "new"] * len(told)
    flaws = []
    value = {"auths": {"gcr.io": {}, "ghcr.io": OLD}, "credHelpers": {"gcr.io": "gcloud", "ghcr.io": "pass"}}
    assert set(docker_entries(value, flaws)) == {Entry("gcr.io", helper="gcloud"), Entry("ghcr.io", helper="pass")}
    assert [f"{'.'.join(map(str, each.path))}: {each.message}" for each in flaws] == [
        "auths.ghcr.io: credHelpers.ghcr.io counts, and not this entry"
    ]
    flaws = []
    docker_entries({"credHelpers": {"ghcr.io/": "a", "GHCR.io": "b"}}, flaws)
    assert [each.message for each in flaws] == ["`ghcr.io` is there twice, and differs"]


BOTH = {**OLD, "username": "other", "password": "S3CRET"}


@pytest.mark.parametrize(
    ("value", "taken", "kept", "told"),
    [
        ({"auths": {"a.b": BOTH}}, Entry("a.b", "ci", "old"), None, ["username", "password"]),
        ({"auths": {"a.b": {**OLD, "username": "ci", "password": "old"}}}, Entry("a.b", "ci", "old"), None, []),
        (
            {"auths": {"a.b": {**OLD, "identitytoken": "S3CRET"}}},
            *(Entry("a.b", password="S3CRET", token=True), None, ["auth"]),
        ),
        # As Azure writes it: a user without a password.
        (
            {"auths": {"a.b": {"auth": b64encode(b"0000:").decode(), "identitytoken": "S3CRET"}}},
            *(Entry("a.b", password="S3CRET", token=True), None, []),
        ),
        # A password without a user is sent to nobody.
        (
            {"auths": {"a.b": {"password": "x", "identitytoken": "S3CRET"}}},
            *(Entry("a.b", password="S3CRET", token=True), None, ["password"]),
        ),
        ({"auths": {"a.b": OLD}, "credsStore": "pass"}, Entry("a.b", helper="pass"), Entry("a.b", "ci", "old"), [""]),
        (
            {"auths": {"a.b": {"identitytoken": "S3CRET"}}, "credsStore": "pass"},
            *(Entry("a.b", helper="pass"), Entry("a.b", password="S3CRET", token=True), [""]),
        ),
        # A helper is asked for whole hosts alone.
        ({"auths": {"a.b/org": OLD}, "credsStore": "pass"}, Entry("a.b/org", "ci", "old"), None, []),
    ],
)
def test_of_several_sources_one_is_taken_and_the_others_are_told(
    value: Any, taken: Entry, kept: Entry | None, told: list[str]
) -> None:
    """As Docker 28 has it; for Podman 4.3 `auth` counts before `username` as well (seen with the real programs)."""
    flaws: list[Flaw] = []
    assert docker_entries(value, flaws) == (taken,)
    above = ("auths", taken.place)
    assert [each.path for each in flaws] == [(*above, key) if key else above for key in told]
    assert all(each.warning and "left out" in each.hint for each in flaws)
    assert "S3CRET" not in str(flaws)
    assert docker_entries(value, [], copies=False) == (kept or taken,)


@pytest.mark.parametrize(
    ("value", "at", "told"),
    [
        ({"auths": {"a.b": {"username": "a:b", "password": "S3"}}}, ("auths", "a.b", "username"), "first colon"),
        ({"auths": {"a.b": {"username": "a\nb", "password": "S3"}}}, ("auths", "a.b", "username"), "control"),
        ({"auths": {"a.b": {}}, "credsStore": "/bin/x"}, ("credsStore",), "the end of the name of a program"),
        ({"credHelpers": {"a.b": "../x"}}, ("credHelpers", "a.b"), "the end of the name of a program"),
        ({"auths": {"a.b": {"auth": "%%"}}}, ("auths", "a.b", "auth"), "in base64"),
        ({"auths": {"a.b": {"auth": "/////w=="}}}, ("auths", "a.b", "auth"), "UTF-8 text in base64"),
    ],
)
def test_what_no_login_can_express_is_told_where_it_stands(value: Any, at: Any, told: str) -> None:
    flaws: list[Flaw] = []
    docker_entries(value, flaws)
    (flaw, *_) = flaws
    assert (flaw.path, flaw.warning) == (at, False)
    assert told in flaw.message


def test_an_auth_may_have_line_breaks() -> None:
    """Docker and Podman decode it."""
    coded = OLD["auth"]
    assert docker_entries({"auths": {"a.b": {"auth": f"{coded[:4]}\n{coded[4:]}\r\n"}}}, []) == (
        Entry("a.b", "ci", "old"),
    )


@pytest.mark.parametrize(
    ("place", "name"),
    [
        ("[2001:db8::5]:5000", "2001-db8-5-5000"),
        ("[::1]", "1"),
        ("[::]", "registry"),
        ("lab:5000", "lab-5000"),
        ("quay.io/my_org/a--b", "quay.io-my_org-a--b"),
    ],
)
def test_the_name_of_a_place_is_one_that_a_document_may_have(place: str, name: str) -> None:
    assert dict(subject_names([place])) == {place: name}
    assert is_name(name)
    assert dict(subject_names([place], {name})) == {place: f"{name}-2"}
