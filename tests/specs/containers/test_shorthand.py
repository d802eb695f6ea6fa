"""One-line forms: conformance groups 45–47 of container-management.md §7.1, and what is wider here."""

from __future__ import annotations

from pathlib import PurePosixPath
from posixpath import normpath

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.sampling import examples

from evenkeel.specs.containers.container import Device, Mount, Port
from evenkeel.specs.containers.shorthand import (
    device_text,
    from_root,
    mount_text,
    parse_device,
    parse_extra_host,
    parse_mount,
    parse_port,
    parse_variable,
    port_text,
)


@pytest.mark.parametrize(
    ("text", "port"),
    [
        ("80:80", Port(80, 80, host_port_end=80)),
        ("88:8888/udp", Port(88, 8888, host_port_end=88, protocol="udp")),
        ("80:8888/TCP", Port(80, 8888, host_port_end=80)),
        ("5000-6000:8080/udp", Port(5000, 8080, host_port_end=6000, protocol="udp")),
        ("192.168.0.1:7000-8000:8081/tcp", Port(7000, 8081, "192.168.0.1", 8000)),
        ("localhost:8080:80", Port(8080, 80, "127.0.0.1", 8080)),
        ("[::1]:8080:80", Port(8080, 80, "::1", 8080)),
        ("[0:0::1]:8080:80", Port(8080, 80, "::1", 8080)),
    ],
)
def test_a_port_is_read(text: str, port: Port) -> None:
    assert parse_port(text) == (port, "")


def test_the_swapped_form_of_leda_is_read_as_meant_and_said() -> None:
    port, warning = parse_port("localhost:55555:30555-30555/tcp")
    assert port == Port(30555, 55555, "127.0.0.1", 30555)
    assert "the range stands on the container's side" in warning


@pytest.mark.parametrize(
    "text",
    [
        "",
        "80",
        "8080",
        "1:2:3:4",
        "123.456.789.000:80:80",
        "::1:80:80",
        "80:80/tcp/x",
        "80:80/",
        "80:80/sctp",
        "0:80",
        "99999:80",
        "80:70000",
        "90-80:80",
        "80-90:70-80",
        "80:70-90",
        "80:90-70",
        "80-80:70-70",
        "localhost:55555:30555-30556/tcp",
        "a:80",
        "٣:80",
        "80:80\n",
        ":80:80",
    ],
)
def test_what_is_no_port_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"expected|is no IP address"):
        parse_port(text)


def test_a_range_of_the_containers_ports_is_refused_with_what_helps() -> None:
    """§1.6: only the host's side may be a range; Kanto drops the entry."""
    with pytest.raises(ValueError, match="expected one port of the container") as caught:
        parse_port("80:70-90")
    assert "got the range `70-90`; write an entry for each, or `70-90:80` for a free one" in str(caught.value)
    assert parse_port("70-90:80") == (Port(70, 80, host_port_end=90), "")
    with pytest.raises(ValueError, match=r"got the range `70-80`; write an entry for each$"):
        parse_port("70-80:70-80")


@pytest.mark.parametrize("text", ["80:80/tcp", "5000-6000:8080/udp", "[::1]:80:80/tcp", "10.0.0.1:7000-8000:8081/tcp"])
def test_a_port_survives_printing(text: str) -> None:
    assert port_text(parse_port(text)[0]) == text


@pytest.mark.parametrize(
    ("text", "mount"),
    [
        ("/a:/b", Mount("/b", "/a")),
        ("/a:/b:", Mount("/b", "/a")),
        ("/a:/b:rshared", Mount("/b", "/a", "rshared")),
        ("/a:/b:ro", Mount("/b", "/a", read_only=True)),
        ("/a:/b:slave:ro", Mount("/b", "/a", "slave", read_only=True)),
        ("/a:/b:ro:slave", Mount("/b", "/a", "slave", read_only=True)),
        ("/a:/b:rw", Mount("/b", "/a")),
    ],
)
def test_a_mount_is_read_and_survives_printing(text: str, mount: Mount) -> None:
    assert parse_mount(text) == mount
    assert parse_mount(mount_text(mount)) == mount


@settings(max_examples=examples(50), deadline=None)
@given(st.text("ab./", min_size=1))
def test_a_relative_destination_is_below_the_root_and_nothing_else_changes(written: str) -> None:
    """Kanto checks only that there is one, and runc mounts it there (B4)."""
    text = f"/s:{written}:rslave:ro"
    below = PurePosixPath(normpath(f"/{written}"))
    if written.startswith("/") or str(below) == "/":
        assert from_root(text) == text
    else:
        assert parse_mount(from_root(text)) == Mount(str(below), "/s", "rslave", read_only=True)
        assert ".." not in below.parts
        with pytest.raises(ValueError, match="expected an absolute path"):
            parse_mount(text)


@pytest.mark.parametrize("mode", ["rprivate", "private", "rshared", "shared", "rslave", "slave"])
def test_all_six_propagations_are_known(mode: str) -> None:
    assert parse_mount(f"/a:/b:{mode}").propagation == mode


@pytest.mark.parametrize("text", ["", "/a", ":/b", "/a:", "/a:/b:x", "/a:/b:ro:ro", "/a:/b:slave:ro:x", "a:/b", "/a:b"])
def test_what_is_no_mount_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        parse_mount(text)


@pytest.mark.parametrize(
    ("text", "device"),
    [
        ("/dev/a", Device("/dev/a", "/dev/a", "rwm")),
        ("/dev/a:/dev/b", Device("/dev/b", "/dev/a", "rwm")),
        ("/dev/a:/dev/b:r", Device("/dev/b", "/dev/a", "r")),
        ("/dev/a:/dev/b:mw", Device("/dev/b", "/dev/a", "mw")),
    ],
)
def test_a_device_is_read_and_survives_printing(text: str, device: Device) -> None:
    assert parse_device(text) == device
    assert parse_device(device_text(device)) == device


@pytest.mark.parametrize("text", ["", ":", "/dev/a:", "/dev/a:/dev/b:", "/a:/b:x", "/a:/b:rwmr", "/a:/b:r:w", "ttyS0"])
def test_what_is_no_device_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        parse_device(text)


def test_a_variable_without_value_removes_the_images() -> None:
    assert [parse_variable(text) for text in ("A=1", "A=", "A", "a_1=x=y")] == [
        ("A", "1"),
        ("A", ""),
        ("A", None),
        ("a_1", "x=y"),
    ]


@pytest.mark.parametrize("text", ["1VAR=hunter2", "$VAR=hunter2", "V@R=hunter2", "=hunter2", ""])
def test_a_wrong_variable_is_refused_without_repeating_its_value(text: str) -> None:
    with pytest.raises(ValueError, match="expected NAME=value") as caught:
        parse_variable(text)
    assert "hunter2" not in str(caught.value)


def test_the_address_of_an_extra_host_may_have_colons() -> None:
    assert parse_extra_host("broker:fd00::1") == ("broker", "fd00::1")


@pytest.mark.parametrize("text", ["ctr_host", "name:", ":address", ""])
def test_what_is_no_extra_host_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected name:address"):
        parse_extra_host(text)
