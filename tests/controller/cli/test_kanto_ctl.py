"""`sdv-kanto-ctl` with evenkeel behind it: the grammar of the original, and the right behaviour where that is broken.

The names of the tests of defects are those of docs/compatibility.md (registries.md §1.4).
"""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.until import PATIENCE_S

from evenkeel.controller.cli.compat import NAMES, kanto_ctl
from evenkeel.specs.kanto.ctl import Line, changed_text, key_path, read_line

from .command import Device
from .inside import run_inside

pytestmark = pytest.mark.e2e

SYSTEMCTL = '#!/bin/sh\necho "$@" >> "{log}"\nexit {code}\n'
INSECURE = "containers.insecure_registries"
GHCR = (
    '{\n  "ghcr.io": {\n    "credentials": {\n      "user_id": "github",\n      "password": "(hidden)"\n    }\n  }\n}\n'
)


class Ctl:
    """The command on a file of its own, with a `systemctl` that writes down what it is asked for."""

    def __init__(self, folder: Path, device: Device) -> None:
        self.file, self.log, self._device, self._bin = (
            folder / "cm" / "config.json",
            folder / "log",
            device,
            folder / "bin",
        )
        self.file.parent.mkdir()
        self.file.write_text("{}")
        self._bin.mkdir()
        self.restarts_with(0)

    def restarts_with(self, code: int) -> None:
        (self._bin / "systemctl").write_text(SYSTEMCTL.format(log=self.log, code=code))
        (self._bin / "systemctl").chmod(0o755)

    def environment(self) -> dict[str, str]:
        path = f"{self._bin}:{os.environ['PATH']}"
        return self._device.environment(EVENKEEL_KANTO_CONFIG=str(self.file), PATH=path)

    def run(self, *arguments: str, ok: int = 0) -> subprocess.CompletedProcess[str]:
        done = run_inside(["compat", "sdv-kanto-ctl", *arguments], self.environment())
        assert done.returncode == ok, done.stdout + done.stderr
        assert "hunter" not in done.stdout + done.stderr
        return done

    @property
    def value(self) -> Any:
        return json.loads(self.file.read_text())

    @property
    def restarts(self) -> int:
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        assert set(lines) <= {"restart container-management"}
        return len(lines)


@pytest.fixture
def ctl(tmp_path: Path, device: Device) -> Ctl:
    return Ctl(tmp_path, device)


ADD = ("add-registry", "-h", "ghcr.io", "-u", "github", "-p", "hunter2")
ENTRY = {"credentials": {"user_id": "github", "password": "hunter2"}}


def test_add_registry_makes_kantos_shape_and_restarts_once(ctl: Ctl) -> None:
    done = ctl.run(*ADD)
    assert ctl.value == {"containers": {"registry_configurations": {"ghcr.io": ENTRY}}}
    assert done.stdout == (
        f"Adding container registry ghcr.io\n{GHCR}Restarting Kanto Container-Management to apply changes...\n"
    )
    assert done.stderr.splitlines() == [
        "Note: `evenkeel registry add ghcr.io --user github` asks for the password, and no other program sees it"
    ]
    assert ctl.restarts == 1
    assert ctl.run(*ADD).stdout == "Adding container registry ghcr.io\nNo difference to existing configuration.\n"
    assert ctl.restarts == 1


def test_the_bats_of_the_original(ctl: Ctl) -> None:
    """leda-utils/src/tests/sdv-kanto-ctl-tests.bats, as far as registries.md tells."""
    ctl.run("add-entry", INSECURE, "localhost:5000")
    assert ctl.value["containers"]["insecure_registries"] == ["localhost:5000"]
    ctl.run("remove-entry", INSECURE, "localhost:5000")
    assert ctl.value["containers"]["insecure_registries"] == []


def test_the_other_commands(ctl: Ctl) -> None:
    for host in ("ghcr.io", "a.b:5000"):
        ctl.run("add-registry", "--hostname", host, "--username", "github", "--password", "hunter2")
    assert ctl.run("list-registries").stdout == '"a.b:5000"\n"ghcr.io"\n'
    assert ctl.run("remove-registry", "-h", "a.b:5000").stdout.startswith("Removing container registry a.b:5000\n")
    assert list(ctl.value["containers"]["registry_configurations"]) == ["ghcr.io"]
    restarts = ctl.restarts
    assert "No difference" in ctl.run("remove-registry", "-h", "unknown.example").stdout
    assert ctl.restarts == restarts
    done = ctl.run("remove-all-registries")
    assert done.stdout.startswith("Removing all configured container registries\n")
    assert ctl.value == {"containers": {}}


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("frobnicate",), "ERROR: Unkown command or option: frobnicate"),
        (("-h", "ghcr.io"), "ERROR: Unkown command or option: -h"),
        (ADD[:3], "Error: missing arguments for command add-registry"),
        (ADD[:-1], "Error: missing arguments for command add-registry"),
        (("remove-registry",), "Error: missing arguments for command remove-registry"),
        ((*ADD, "--frob"), "Error: Unknown argument for command add-registry: --frob"),
        ((*ADD, "Hunter3"), "Error: Unknown argument for command add-registry: (hidden)"),
        (("list-registries", "x"), "Error: Unknown argument for command list-registries: x"),
        (("set-value", "a"), "ERROR: set-value command requires two arguments: <key> and <value>"),
        (("add-entry",), "ERROR: add-entry command requires two arguments: <key> and <value>"),
    ],
)
def test_errors_have_the_words_of_the_original_and_exit_1(ctl: Ctl, arguments: tuple[str, ...], told: str) -> None:
    assert ctl.run(*arguments, ok=1).stderr.splitlines()[0] == told
    assert (ctl.file.read_text(), ctl.restarts) == ("{}", 0)


def test_without_a_command_it_helps(ctl: Ctl) -> None:
    shown = ctl.run().stdout
    assert shown == ctl.run("--help").stdout
    assert shown.startswith("Usage: sdv-kanto-ctl [options] <command> [command options]\n")
    assert ctl.run("add-registry", "--help").stdout == (
        "Usage: sdv-kanto-ctl add-registry -h <hostname> -u <username> -p <password>\n"
    )


# --- defects of the original (registries.md §1.4) -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "line", [("--no-reload", *ADD), (*ADD, "--no-reload"), (ADD[0], "-r", *ADD[1:]), ("-v", *ADD, "-r")]
)
def test_no_reload_restarts_nothing_wherever_it_stands(ctl: Ctl, line: tuple[str, ...]) -> None:
    assert "Restarting" not in ctl.run(*line).stdout
    assert ctl.value["containers"]["registry_configurations"] == {"ghcr.io": ENTRY}
    assert ctl.restarts == 0


def test_set_value_keeps_types(ctl: Ctl) -> None:
    ctl.file.write_text('{"things": {"enable": "true"}, "network": {"mtu": 1500}, "log": {"log_file": "7up"}}')
    for key, text in (
        ("things.enable", "false"),
        ("network.mtu", "1400"),
        ("log.log_file", "5"),
        ("log.log_file_size", "-1.5e1"),
        ("log.level", '"5"'),
        ("connection.client_username", "007"),
        ("connection.client_password", "12345"),
        ("connection.keep_alive", "20s"),
    ):
        ctl.run("set-value", key, text)
    assert ctl.value == {
        "things": {"enable": False},
        "network": {"mtu": 1400},
        "log": {"log_file": "5", "log_file_size": -15.0, "level": "5"},
        "connection": {"client_username": "007", "client_password": "12345", "keep_alive": "20s"},
    }


@pytest.mark.parametrize("host", ['["ghcr.io"]', "['ghcr.io']", '."ghcr.io"', ".'ghcr.io'"])
def test_a_path_may_have_a_host_with_dots(ctl: Ctl, host: str) -> None:
    ctl.run("set-value", f"containers.registry_configurations{host}.credentials.user_id", "ci")
    assert ctl.value == {"containers": {"registry_configurations": {"ghcr.io": {"credentials": {"user_id": "ci"}}}}}


def test_a_host_without_quotes_invents_no_other_host(ctl: Ctl) -> None:
    done = ctl.run("set-value", "containers.registry_configurations.ghcr.io.credentials.user_id", "ci", ok=1)
    told = 'a host with dots stands in quotes: registry_configurations["ghcr.io"].credentials.user_id\n'
    assert done.stderr.endswith(told), done.stderr
    assert ctl.file.read_text() == "{}"


def test_an_entry_is_added_once_and_is_no_program(ctl: Ctl) -> None:
    evil = '") | .things = {"enable": false} | ("'
    for value in ("localhost:5000", evil, "localhost:5000", evil):
        ctl.run("add-entry", INSECURE, value)
    assert ctl.value == {"containers": {"insecure_registries": ["localhost:5000", evil]}}
    assert ctl.restarts == 2
    ctl.run("remove-entry", INSECURE, evil)
    assert ctl.value == {"containers": {"insecure_registries": ["localhost:5000"]}}
    assert "expected a list there" in ctl.run("add-entry", "containers", "x", ok=1).stderr


@given(st.text(st.characters(codec="utf-8", exclude_characters="-"), min_size=1), st.text(min_size=1, max_size=9))
def test_any_text_is_a_text(value: str, host: str) -> None:
    line = read_line(["add-entry", f"a[{json.dumps(host)}]", value])
    text = changed_text(changed_text("", line), line)
    assert json.loads(text) == {"a": {host: [value]}}
    removed = changed_text(text, line._replace(command="remove-entry"))
    assert json.loads(removed) == {"a": {host: []}}
    assert key_path(f"a[{json.dumps(host)}]") == ("a", host)


def test_list_registries_of_a_file_without_entries_lists_none(ctl: Ctl) -> None:
    for text in ("{}", '{"containers": {}}', '{"containers": null}', ""):
        ctl.file.write_text(text)
        done = ctl.run("list-registries")
        assert done.stdout == ""
    ctl.file.unlink()
    assert ctl.run("list-registries").stdout == ""


@pytest.mark.parametrize("text", ["{", '{"a": 1', "[]", "hunter7", '{"containers": {"registry_configurations": 5}}'])
def test_a_file_that_is_no_json_is_never_overwritten(ctl: Ctl, text: str) -> None:
    ctl.file.write_text(text)
    for line in (ADD, ("set-value", "containers.registry_configurations.x", "1")):
        assert "Error:" in ctl.run(*line, ok=1).stderr
    assert (ctl.file.read_text(), ctl.restarts) == (text, 0)


def test_a_file_that_is_not_there_is_made(ctl: Ctl) -> None:
    ctl.file.unlink()
    ctl.file.parent.rmdir()
    for line in (("remove-registry", "-h", "ghcr.io"), ("remove-entry", INSECURE, "x"), ("remove-all-registries",)):
        assert "No difference" in ctl.run(*line).stdout
    assert (ctl.file.exists(), ctl.restarts) == (False, 0)
    ctl.run(*ADD)
    assert ctl.value == {"containers": {"registry_configurations": {"ghcr.io": ENTRY}}}
    assert (stat.S_IMODE(ctl.file.stat().st_mode), ctl.restarts) == (0o600, 1)


def test_a_file_that_cannot_be_written_is_told_and_nothing_is_left(ctl: Ctl) -> None:
    """Nobody, not even root, makes a file there."""
    ctl.file = Path("/sys/kernel/config.json")
    done = ctl.run(*ADD, ok=1)
    assert done.stdout == "Adding container registry ghcr.io\n", "nothing is shown as if it were in the file"
    (told,) = done.stderr.splitlines()[1:]  # what the system says, another one may say otherwise
    assert re.fullmatch(r"Error: /sys/kernel/config\.json cannot be written: [A-Z].+; nothing is restarted", told)
    assert ctl.restarts == 0


def test_a_transport_is_kept(ctl: Ctl) -> None:
    transport = {"root_ca": "/a.crt", "client_cert": "/a.cert", "client_key": "/a.key"}
    text = json.dumps(
        {"containers": {"registry_configurations": {"ghcr.io": {"transport": transport}}}, "x": [1, 2]}, indent=3
    )
    ctl.file.write_text(text)
    ctl.run(*ADD)
    assert ctl.value["containers"]["registry_configurations"]["ghcr.io"] == {"transport": transport, **ENTRY}
    new = "hunter3"
    before = ctl.file.read_text()
    ctl.run(*ADD[:-1], new)
    assert ctl.file.read_text() == before.replace("hunter2", new), "the form of the file stays"


def test_no_secret_is_printed_nor_left_behind(ctl: Ctl, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    ctl.file.chmod(0o644)
    ctl.run(*ADD, "--verbose")
    ctl.run("set-value", "connection.client_password", "hunter4")
    ctl.run("set-value", 'containers.registry_configurations["ghcr.io"].credentials.password', "hunter5")
    shown = json.loads(ctl.run("show-config").stdout)
    assert shown["connection"] == {"client_password": "(hidden)"}
    assert shown["containers"]["registry_configurations"]["ghcr.io"]["credentials"]["user_id"] == "github"
    hidden = ["/etc/k.pem:(hidden)", "/etc/x.pem"]
    ctl.run("add-entry", "containers.image_dec_keys", "/etc/k.pem:hunter7")
    ctl.run("add-entry", "containers.image_dec_keys", hidden[1])
    ctl.run("set-value", "connection.broker_url", "tcp://u:hunter8@h:1883")
    ctl.run("set-value", "connection.client_username", "sensor@tenant")
    ctl.run(
        "set-value", 'containers.registry_configurations["https://me:hunter9@a.example"].transport.root_ca', "/c.crt"
    )
    ctl.run("set-value", "containers.registry_configurations.me:hunter9@a.example.transport.root_ca", "/c.crt", ok=1)
    ctl.run("add-entry", INSECURE, "me:hunter9@b.example")
    ctl.run("set-value", "things.password", "/hunter10")
    shown = json.loads(ctl.run("show-config").stdout)
    assert shown["containers"]["image_dec_keys"] == hidden
    assert shown["containers"]["insecure_registries"] == ["(hidden)@b.example"]
    assert shown["connection"]["broker_url"] == "tcp://(hidden)@h:1883"
    assert shown["connection"]["client_username"] == "sensor@tenant"
    assert ctl.run("list-registries").stdout == '"(hidden)@a.example"\n"ghcr.io"\n'
    ctl.run("remove-registry", "-h", "https://me:hunter9@a.example")
    assert stat.S_IMODE(ctl.file.stat().st_mode) == 0o600
    assert list(temporary.iterdir()) == []
    assert [each.name for each in ctl.file.parent.iterdir()] == ["config.json"]
    assert "hunter" not in repr(Line("add-registry", {"password": "hunter2"}))


def test_the_password_may_come_from_standard_input(ctl: Ctl, device: Device) -> None:
    done = subprocess.run(
        device.line("compat", "sdv-kanto-ctl", *ADD[:-1], "-", "-r"),
        env=ctl.environment(),
        input="hunter6\n",
        text=True,
        capture_output=True,
        timeout=PATIENCE_S,
    )
    assert done.returncode == 0, done.stderr
    assert ctl.value["containers"]["registry_configurations"]["ghcr.io"]["credentials"]["password"] == "hunter6"


def test_a_restart_that_fails_is_an_exit_code(ctl: Ctl) -> None:
    ctl.restarts_with(1)
    done = ctl.run(*ADD, ok=1)
    assert "it is not restarted: systemctl ended with 1; the file has changed" in done.stderr
    ctl.restarts_with(5)
    done = ctl.run("remove-all-registries")
    assert "it is not on this device; evenkeel reads the file" in done.stderr


def test_a_host_that_is_none_is_refused_and_docker_hub_is_told_of(ctl: Ctl) -> None:
    for host in ("https://ghcr.io", "u@ghcr.io", "a b"):
        assert "expected the host of a registry" in ctl.run("add-registry", "-h", host, *ADD[3:], ok=1).stderr
    assert "evenkeel knows Docker Hub as docker.io" in ctl.run("add-registry", "-h", "docker.io", *ADD[3:]).stderr


def test_a_user_with_a_colon_is_refused(ctl: Ctl) -> None:
    done = ctl.run("add-registry", "-h", "ghcr.io", "-u", "ci:hunter3", "-p", "hunter2", ok=1)
    assert "hunter" not in done.stdout + done.stderr
    assert "-u: a user with a colon cannot be sent" in done.stderr
    assert not ctl.file.exists() or "hunter2" not in ctl.file.read_text()


def test_a_host_that_cannot_be_added_can_be_removed(ctl: Ctl) -> None:
    ctl.file.write_text(
        json.dumps({"containers": {"registry_configurations": {"https://ghcr.io": ENTRY, "ghcr.io": ENTRY}}})
    )
    ctl.run("remove-registry", "-h", "https://ghcr.io", "--no-reload")
    assert ctl.value["containers"]["registry_configurations"] == {"ghcr.io": ENTRY}


# --- in place -----------------------------------------------------------------------------------------------------------


def test_install_puts_a_script_of_two_lines_in_place(ctl: Ctl, device: Device, tmp_path: Path) -> None:
    done = device.run("compat", "install", "--prefix", str(tmp_path / "usr"))
    assert done.stdout == "".join(f"wrote {tmp_path}/usr/bin/{name}\n" for name in NAMES)
    script = tmp_path / "usr" / "bin" / "sdv-kanto-ctl"
    assert stat.S_IMODE(script.stat().st_mode) == 0o755
    assert len(script.read_text().splitlines()) == 2
    done = subprocess.run(
        [script, *ADD, "--no-reload"], env=ctl.environment(), text=True, capture_output=True, timeout=PATIENCE_S
    )
    assert done.returncode == 0, done.stderr
    assert ctl.value["containers"]["registry_configurations"] == {"ghcr.io": ENTRY}
    device.run("compat", "install", "--prefix", str(tmp_path / "usr"))
    script.write_text("#!/bin/bash\n# the original\n")
    (tmp_path / "usr" / "bin" / "sdv-health").unlink()
    assert "--replace" in device.run("compat", "install", "--prefix", str(tmp_path / "usr"), ok=1).stderr
    assert "the original" in script.read_text()
    assert not (tmp_path / "usr" / "bin" / "sdv-health").exists(), "all of it stays as it is"
    device.run("compat", "install", "--prefix", str(tmp_path / "usr"), "--replace")
    assert "evenkeel" in script.read_text()
    script.unlink()
    script.symlink_to(tmp_path / "nowhere")
    assert "--replace" in device.run("compat", "install", "--prefix", str(tmp_path / "usr"), ok=1).stderr
    assert script.is_symlink()
    device.run("compat", "install", "--prefix", str(tmp_path / "usr"), "--replace")
    assert "evenkeel" in script.read_text()
    assert not (tmp_path / "nowhere").exists()
    script.unlink()
    os.mkfifo(script)
    for more in ((), ("--replace",)):
        done = device.run("compat", "install", "--prefix", str(tmp_path / "usr"), *more, ok=1)
        assert f"{script} is no file" in done.stderr
    assert script.is_fifo()


def test_a_change_by_others_while_the_password_is_waited_for_is_kept(ctl: Ctl, monkeypatch: pytest.MonkeyPatch) -> None:
    def given_late() -> str:
        ctl.file.write_text('{"things": {"enable": true}}')
        return "hunter2"

    monkeypatch.setattr(kanto_ctl, "_from_stdin", given_late)
    ctl.run("-r", "add-registry", "-h", "ghcr.io", "-u", "github", "-p", "-")
    assert ctl.value == {"things": {"enable": True}, "containers": {"registry_configurations": {"ghcr.io": ENTRY}}}
