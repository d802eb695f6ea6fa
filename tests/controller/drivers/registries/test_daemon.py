"""The process of an engine, and what keeps evenkeel from telling it something: each is a sentence with a remedy, and nothing is
written."""

from __future__ import annotations

import itertools
import json
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.engines.dockerd import Dockerd
from tests.engines.podman import Podman

from evenkeel.controller.drivers.registries import daemon
from evenkeel.controller.drivers.registries.daemon import Daemon
from evenkeel.controller.drivers.registries.docker import DockerConfiguration
from evenkeel.controller.drivers.registries.ours import Ours, Record
from evenkeel.controller.drivers.registries.podman import PodmanConfiguration, PodmanPlaces
from evenkeel.controller.drivers.registries.podman_auth import AuthFile
from evenkeel.controller.drivers.registries.ports import Configuration
from evenkeel.controller.drivers.registries.store import Login
from evenkeel.controller.drivers.registries.values import Printer, Values
from evenkeel.specs.errors import Refused, Unavailable
from evenkeel.specs.registries.observed import Facet
from evenkeel.specs.registries.registry import Registry

HOST = "registry.example:5000"
INSECURE = Registry("lab", HOST, insecure=True)

Start = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def listening(tmp_path: Path) -> Iterator[socket.socket]:
    """A socket that this process has made, as systemd does. Nobody answers there yet."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "engine.sock"))
        listener.listen()
        yield listener


@pytest.fixture
def start(tmp_path: Path, listening: socket.socket) -> Iterator[Start]:
    """Starts a program of a name that answers at the socket."""
    started: list[subprocess.Popen[bytes]] = []

    def begin(name: str, *arguments: str) -> subprocess.Popen[bytes]:
        program = tmp_path / name
        program.write_text(f"#!{sys.executable}\n{_ANSWERS.format(listening.fileno())}")
        program.chmod(0o755)
        fds = (listening.fileno(),)
        it = subprocess.Popen([program, *arguments], stdout=-1, pass_fds=fds)
        assert it.stdout is not None
        assert it.stdout.readline() == b"started\n"
        started.append(it)
        return it

    yield begin
    for each in started:
        end(each)


_ANSWERS = """
import socket
listener = socket.socket(fileno={})
print("started", flush=True)
while True:
    with listener.accept()[0] as connection:
        connection.recv(4096)
        connection.sendall(b"HTTP/1.0 200 OK\\r\\n\\r\\nOK")
"""


def end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.communicate(timeout=60)


def docker(folder: Path, daemon_file: str = "") -> Configuration:
    address = f"unix://{folder}/engine.sock"
    named = folder / daemon_file if daemon_file else None
    return DockerConfiguration(folder / "state", address, folder / "certs.d", named)


def podman(folder: Path) -> Configuration:
    places = PodmanPlaces(folder / "certs.d", folder / "auth.json", folder / "registries.conf.d")
    return PodmanConfiguration(folder / "state", f"unix://{folder}/engine.sock", places)


def lacks(configuration: Configuration, registry: Registry) -> Mapping[Facet, str]:
    return configuration.lacks([registry])[registry.name]


def test_the_process_of_a_real_engine(clean_dockerd: Dockerd) -> None:
    found = Daemon(clean_dockerd.address, "dockerd").own()
    assert found.pid == clean_dockerd.pid
    assert found.option("config-file") == str(clean_dockerd.folder / "daemon.json")
    assert found.option("iptables") == "false"
    assert found.option("insecure-registry") is None


def test_the_process_of_a_real_podman(clean_podman: Podman) -> None:
    found = Daemon(clean_podman.address, "podman").own()
    assert found.option("runroot") == str(clean_podman.folder / "run")


def test_a_socket_that_systemd_has_made(tmp_path: Path, start: Start) -> None:
    """systemd has it open as well, and would get the signal."""
    engine = Daemon(f"unix://{tmp_path}/engine.sock", "dockerd")
    relay = start("docker-proxy")
    why = f"docker-proxy (process {relay.pid}) answers at {tmp_path}/engine.sock, and not dockerd; name the socket of dockerd"
    with pytest.raises(Refused, match=re.escape(why)):
        engine.own()
    end(relay)
    real = start("dockerd", "--config-file", "/x.json")
    found = engine.own()
    assert found.pid == real.pid
    assert found.option("config-file") == "/x.json"


def test_the_rights_of_the_unit_suffice(tmp_path: Path, start: Start) -> None:
    """`examples/systemd/evenkeel.service` leaves root no capability: the open files of dockerd are not shown then."""
    real = start("dockerd")
    told = _TELLS.format(f"unix://{tmp_path}/engine.sock", str(tmp_path))
    bare = ["setpriv", "--bounding-set=-all", "--no-new-privs", sys.executable, "-c", told]
    done = subprocess.run(bare, capture_output=True, text=True, check=False)
    assert done.stdout.splitlines() == ["0" * 16, str(real.pid), "told"], done.stderr
    assert real.wait(60) == -signal.SIGHUP


_TELLS = """
import pathlib
from evenkeel.controller.drivers.registries.daemon import Daemon
status = pathlib.Path("/proc/self/status").read_text()
print(status.partition("CapEff:")[2].split()[0])
engine = Daemon("{}", "dockerd")
found = engine.own()
print(found.pid)
engine.reload(found, lambda: True, pathlib.Path("{}"))
print("told")
"""


def test_no_signal_goes_to_a_process_that_has_ended(tmp_path: Path, start: Start) -> None:
    engine = Daemon(f"unix://{tmp_path}/engine.sock", "dockerd")
    real = start("dockerd")
    found = engine.own()
    end(real)
    with pytest.raises(Unavailable, match="dockerd has ended meanwhile"):
        engine.reload(found, lambda: False, tmp_path)
    another = start("dockerd")
    assert engine.own().pid == another.pid, "one that was found before is looked at again"


def test_an_engine_that_says_nothing_is_no_fault_of_a_document(
    tmp_path: Path, listening: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(daemon, "_ANSWER_S", 0.05)
    with pytest.raises(Unavailable, match=f"nobody answers at {listening.getsockname()}: timed out"):
        lacks(docker(tmp_path), INSECURE)


def test_an_engine_elsewhere_is_told_and_credentials_need_none(tmp_path: Path, start: Start) -> None:
    """As behind a socket that leads to another machine."""
    relay = start("socat")
    for configuration in (docker(tmp_path), podman(tmp_path)):
        why = lacks(configuration, INSECURE)["insecure"]
        program = configuration.name.replace("docker", "dockerd")
        assert f"socat (process {relay.pid}) answers at {tmp_path}/engine.sock, and not {program}" in why
        plain = Registry("plain", HOST, user="ci", password_file="/nowhere")
        assert lacks(configuration, plain) == {}
        printer, values = Printer(None), Values("ci", "secret")
        configuration.admit(plain, values, printer)
        assert dict(configuration.in_force([HOST], printer)[HOST]) == dict(printer.of(values))
        with pytest.raises(Refused, match="cannot be told to read its files"):
            configuration.admit(INSECURE, Values(insecure=True), printer)


def test_an_engine_in_another_container_is_not_to_be_seen(tmp_path: Path, start: Start) -> None:
    start("dockerd")
    told = _TELLS.format(f"unix://{tmp_path}/engine.sock", str(tmp_path))
    inside = ["unshare", "--pid", "--fork", "--mount-proc", sys.executable, "-c", told]
    done = subprocess.run(inside, capture_output=True, text=True, check=False)
    assert "is not to be seen from here; run evenkeel where dockerd runs" in done.stderr.splitlines()[-1]


def test_an_engine_that_is_away_is_no_fault_of_a_document(tmp_path: Path) -> None:
    for configuration in (docker(tmp_path), podman(tmp_path)):
        with pytest.raises(Unavailable, match="nobody listens at"):
            lacks(configuration, INSECURE)


@pytest.mark.parametrize(
    ("arguments", "daemon_file", "why"),
    [
        (["--insecure-registry=a.example"], "", "dockerd is started with --insecure-registry"),
        (["--insecure-registry", "a.example"], "", "dockerd is started with --insecure-registry"),
        (["--config-file=/x/daemon.json"], "daemon.json", "dockerd reads /x/daemon.json, and not"),
    ],
)
def test_a_dockerd_that_would_not_start_again(
    tmp_path: Path, start: Start, arguments: list[str], daemon_file: str, why: str
) -> None:
    """dockerd does not take the same by its command line and by its file."""
    start("dockerd", *arguments)
    configuration = docker(tmp_path, daemon_file)
    assert why in lacks(configuration, INSECURE)["insecure"]
    with pytest.raises(Refused, match="dockerd "):
        configuration.admit(INSECURE, Values(insecure=True), Printer(None))
    assert not (tmp_path / "daemon.json").exists()


@pytest.mark.parametrize(
    ("registry", "facet", "why"),
    [
        (Registry("r", "docker.io", insecure=True), "insecure", "Docker Hub is never insecure"),
        (Registry("r", "docker.io", ca="/ca"), "trust", "the system's authorities alone for Docker Hub"),
        (Registry("r", "quay.io/org", ca="/ca"), "trust", "write `tls` into a document for quay.io"),
        (Registry("r", "quay.io/org", insecure=True), "insecure", "write `insecure` into a document for quay.io"),
        (
            Registry("r", "quay.io", mirrors=("https://a.example",)),
            "mirrors",
            "for docker.io alone; leave `mirrors` out",
        ),
        (
            Registry("r", "docker.io", mirrors=("https://a.example/x",)),
            "mirrors",
            "no mirror with a path, as https://a",
        ),
    ],
)
def test_what_docker_cannot_do(tmp_path: Path, registry: Registry, facet: Facet, why: str) -> None:
    found = lacks(docker(tmp_path), registry)
    assert why in found[facet]
    assert len(found) == 1


def test_what_podman_cannot_do(tmp_path: Path, start: Start) -> None:
    start("podman")
    configuration = podman(tmp_path)
    found = lacks(configuration, Registry("r", "quay.io/org", ca="/ca", insecure=True))
    assert list(found) == ["trust"]
    (tmp_path / "registries.conf.d").mkdir()
    for file in (tmp_path / "registries.conf", tmp_path / "registries.conf.d" / "90.conf"):
        file.write_text(f'[[registry]]\nlocation = "{HOST}"\nblocked = true\n')
        assert f"{file} has an entry for {HOST}" in lacks(configuration, INSECURE)["insecure"]
        file.write_text("[[registry")
        assert f"Podman cannot read {file}" in lacks(configuration, INSECURE)["insecure"]
        file.unlink()
    assert lacks(configuration, INSECURE) == {}
    (tmp_path / "auth.json").write_text(f'{{"auths": {{"{HOST}": {{"auth": "dGhlaXJz"}}}}}}')
    asked = Registry("r", HOST, user="ci", password_file="/nowhere")
    assert f"`podman logout {HOST}` takes it away" in lacks(configuration, asked)["credentials"]
    with pytest.raises(Refused, match="podman logout"):
        configuration.admit(asked, Values("ci", "secret"), Printer(None))


def test_a_file_that_dockerd_does_not_take_over_is_the_former_one_again(
    clean_dockerd: Dockerd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(daemon, "_RELOAD_S", 0.3)
    file, theirs = clean_dockerd.folder / "daemon.json", '{"no-such-option": 1}'
    file.write_text(theirs)
    configuration, printer = DockerConfiguration(tmp_path / "state", clean_dockerd.address, tmp_path), Printer(None)
    with pytest.raises(Unavailable, match=f"dockerd has not taken over what {file} has to say; its log has the reason"):
        configuration.admit(INSECURE, Values(insecure=True), printer)
    assert file.read_text() == theirs
    assert configuration.in_force([HOST], printer)[HOST] == {}
    file.write_text("{}")
    configuration.admit(INSECURE, Values(insecure=True), printer)
    assert configuration.in_force([HOST], printer)[HOST] == dict(printer.of(Values(insecure=True)))
    configuration.withdraw(HOST)
    assert file.read_text() == "{}"


OF_OTHERS = [
    ('{"no-such-option": 1}', '{"debug": false}', '{"debug": false}'),
    ('{"no-such-option": 1}', None, None),
    ('{"no-such-option": 1}', '{"debug": ', '{"debug": '),
    (
        '{"no-such-option": 1}',
        '{"no-such-option": 1, "debug": false, "insecure-registries": ["registry.example:5000"]}',
        '{"no-such-option": 1, "debug": false}',
    ),
]


@pytest.mark.parametrize(("theirs", "changed", "left"), OF_OTHERS)
def test_a_change_by_others_while_dockerd_does_not_take_the_file_over_is_kept(
    clean_dockerd: Dockerd,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    theirs: str,
    changed: str | None,
    left: str | None,
) -> None:
    """Somebody repairs the file, or empties it, or is at work on it, or adds something, while evenkeel waits."""
    monkeypatch.setattr(daemon, "_RELOAD_S", 0.3)
    file = clean_dockerd.folder / "daemon.json"
    file.write_text(theirs)
    configuration, printer = DockerConfiguration(tmp_path / "state", clean_dockerd.address, tmp_path), Printer(None)
    with monkeypatch.context() as patch:
        change_at_reload(patch, file, changed)
        with pytest.raises(Unavailable, match="has not taken over"):
            configuration.admit(INSECURE, Values(insecure=True), printer)
    assert (file.read_text() if file.exists() else None) == left
    file.write_text("{}")
    configuration.admit(INSECURE, Values(insecure=True), printer)
    configuration.withdraw(HOST)
    assert file.read_text() == "{}"


def test_a_change_by_others_while_dockerd_takes_the_file_over_is_kept(
    clean_dockerd: Dockerd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, printer = clean_dockerd.folder / "daemon.json", Printer(None)
    configuration = DockerConfiguration(tmp_path / "state", clean_dockerd.address, tmp_path)
    with monkeypatch.context() as patch:
        change_at_reload(patch, file, '{"debug": false}')
        configuration.admit(INSECURE, Values(insecure=True), printer)
    assert json.loads(file.read_text()) == {"debug": False, "insecure-registries": [HOST]}
    with monkeypatch.context() as patch:
        change_at_reload(patch, file, '{"debug": false, "max-concurrent-downloads": 2, "insecure-registries": []}')
        configuration.withdraw(HOST)
    assert json.loads(file.read_text()) == {"debug": False, "max-concurrent-downloads": 2}, "the list was evenkeel's"
    assert configuration.in_force([HOST], printer).get(HOST, {}) == {}


def change_at_reload(patch: pytest.MonkeyPatch, file: Path, text: str | None) -> None:
    """Somebody else changes the file before evenkeel has heard that dockerd has read it, or has not."""
    reload = Daemon.reload

    def reload_and_change(self: Daemon, *given: Any) -> None:
        try:
            reload(self, *given)
        finally:
            file.unlink() if text is None else file.write_text(text)

    patch.setattr(Daemon, "reload", reload_and_change)


def test_a_login_of_others_at_the_same_moment_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`podman login` between evenkeel's look at the file and its change of it."""
    file, record = tmp_path / "auth.json", Record(tmp_path / "state" / "podman.json")
    auth, write, theirs = AuthFile(file, record), Record.write, '{"auths": {"theirs.example": {"auth": "dGhlaXJz"}}}'
    come = iter((True,))

    def write_late(self: Record, ours: Ours) -> None:
        write(self, ours)
        if next(come, False):
            file.write_text(theirs)

    monkeypatch.setattr(Record, "write", write_late)
    auth.put(HOST, Login("ci", "secret"))
    assert set(json.loads(file.read_text())["auths"]) == {"theirs.example", HOST}
    come = iter((True,))
    auth.put(HOST, Login())
    assert file.read_text() == theirs
    come = iter((True,))
    with pytest.raises(Refused, match=r"`podman logout theirs\.example`"):
        auth.put("theirs.example", Login("ci", "secret"))
    assert file.read_text() == theirs


def test_a_file_that_others_change_all_the_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, record, count = tmp_path / "auth.json", Record(tmp_path / "state" / "podman.json"), itertools.count()

    def change(self: Record, ours: Ours) -> None:
        file.write_text(f'{{"number": {next(count)}}}')

    monkeypatch.setattr(Record, "write", change)
    with pytest.raises(Unavailable, match=f"{file} is changed by others all the time"):
        AuthFile(file, record).put(HOST, Login("ci", "secret"))
    assert json.loads(file.read_text()) == {"number": next(count) - 1}


def test_a_record_that_is_damaged(tmp_path: Path) -> None:
    """Nobody can tell then what is evenkeel's."""
    (tmp_path / "state").mkdir()
    for text in ("{", '{"unknown": []}', '{"insecure": [1]}'):
        (tmp_path / "state" / "docker.json").write_text(text)
        with pytest.raises(Unavailable, match=r"is damaged, .*; remove it"):
            docker(tmp_path).in_force([HOST], Printer(None))
