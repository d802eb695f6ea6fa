"""Documents about registries: flaws and doubts that no pattern tells, each with its place."""

from __future__ import annotations

import pytest

from evenkeel.specs.documents.decode import decode_file
from evenkeel.specs.problem import Problem
from evenkeel.specs.registries.registry import normal_place

HEAD = "apiVersion: evenkeel/v1\nkind: Registry\nmetadata: {name: hub}\nspec:\n"
LOGIN = "  credentials: {user: ci, passwordFile: /p}\n"


def problems(spec: str) -> tuple[Problem, ...]:
    return decode_file(f"{HEAD}{spec}".encode(), "a.yaml").problems


@pytest.mark.parametrize(
    ("host", "meant"),
    [
        ("hub.docker.com", "docker.io"),
        ("https://Hub.Docker.com/r/acme/", "docker.io/acme"),
        ("hub.docker.io", "docker.io"),
    ],
)
def test_the_web_pages_of_docker_hub_are_no_registry(host: str, meant: str) -> None:
    """Files of other programs have them as a name of it, and mean the registry."""
    (found,) = problems(f"  host: {host}\n")
    assert (found.severity, found.path, found.place.line) == ("error", "spec.host", 5)
    assert "has the web pages of Docker Hub" in found.message
    assert found.hint == f"write `{meant}`"
    assert normal_place("hub.docker.com") == "docker.io"


@pytest.mark.parametrize(
    ("host", "is_one"), [("a.io:1", True), ("a.io:65535", True), ("a.io:0", False), ("a.io:65536", False)]
)
def test_a_port_is_one(host: str, is_one: bool) -> None:
    if is_one:
        assert normal_place(f"{host}/org") == f"{host}/org"
    else:
        with pytest.raises(ValueError, match="expected a port from 1 to 65535, got "):
            normal_place(f"{host}/org")


def test_a_path_that_is_none_is_told_with_the_one_that_is_meant() -> None:
    (problem,) = problems("  host: a.b\n  tls: {ca: /etc//ca.crt}\n")
    assert (problem.path, problem.hint) == ("spec.tls.ca", "write `/etc/ca.crt`")
    (problem,) = problems("  host: a.b\n  credentials: {config: /etc/x/../c.json}\n")
    assert (problem.path, problem.hint) == ("spec.credentials.config", "write `/etc/c.json`")


def test_credentials_beside_a_mirror_without_encryption_are_doubtful() -> None:
    """Docker would send them there (tests/contract/test_registries_pulls.py)."""
    mirrors = "  host: docker.io\n  mirrors:\n    - https://a.example\n    - http://b.example\n"
    (found,) = problems(f"{mirrors}{LOGIN}")
    assert (found.severity, found.path, found.place.line) == ("warning", "spec.mirrors[1]", 8)
    assert "nothing can be pulled with these" in found.message
    assert problems(mirrors) == ()


@pytest.mark.parametrize("port", ["99999", "0", "65536", "abc", "", "-1", "\u0663", "123456"])
def test_a_port_that_is_none_is_told_wherever_one_may_be(port: str) -> None:
    """Before, `tokenRealms` took any number, and a mirror's fault was told as another one."""
    spec = f"  host: a.b\n  mirrors:\n    - 'https://m.example:{port}'\n  tokenRealms:\n    - 't.example:{port}'\n"
    mirror, realm = problems(spec)
    assert [(each.path, each.place.line) for each in (mirror, realm)] == [
        ("spec.mirrors[0]", 7),
        ("spec.tokenRealms[0]", 9),
    ]
    got = f", got {port}" if port in ("99999", "0", "65536") else ""
    assert [each.message for each in (mirror, realm)] == [f"expected a port from 1 to 65535{got}"] * 2
    assert realm.hint == "write `t.example` without a port; it does not count"
    (host,) = problems(f"  host: 'a.b:{port}'\n")
    assert (host.path, host.place.line) == ("spec.host", 5)


def test_ports_that_are_some() -> None:
    ports = "  host: '[::1]:5000'\n  mirrors: ['https://[::1]:1', 'https://m', 'http://m:65535/x']\n"
    assert problems(f"{ports}  tokenRealms: ['t.example:443', t.example]\n") == ()
    (found,) = problems("  host: a.b\n  tokenRealms: ['me:S3CRET@t.example']\n")
    assert found.message == "expected a host, without a scheme and a path"
    (found,) = problems("  host: a.b\n  mirrors: ['https://m .example']\n")
    assert found.message == "expected an address with https or http"


def test_a_user_with_a_colon_cannot_be_sent() -> None:
    (found,) = problems("  host: a.b\n  credentials: {passwordFile: /p, user: 'ci:S3CRET'}\n")
    assert (found.path, found.place.line, found.place.column) == ("spec.credentials.user", 6, 35)
    assert "a registry takes what stands behind the first colon for the password" in found.message
    assert "S3CRET" not in f"{found.message} {found.hint}"
