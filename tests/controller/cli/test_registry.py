"""Registries on the command line: asked for, listed, tested, moved from and to the files of other programs."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import re
import stat
from base64 import b64encode
from collections.abc import AsyncIterator
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.sampling import examples
from tests.until import PATIENCE_S

from evenkeel.controller.cli import spec_text
from evenkeel.controller.cli.registry.testing import followed
from evenkeel.specs.codec import changed
from evenkeel.specs.errors import EvenkeelError
from evenkeel.specs.registries.registry import Registry

from .command import Device, Reply, in_conversation, spec
from .inside import DeviceInside, run_inside

pytestmark = pytest.mark.e2e

HEAD = "# ours, see the wiki\n\napiVersion: evenkeel/v1\nkind: Registry\nmetadata: {name: lab}  # a robot\nspec:\n"
LAB = f"{HEAD}  # in the cellar\n  host: lab:5000\n  insecure: true\n"
KANTO = {
    "things": {"enable": True},
    "containers": {
        "registry_configurations": {
            "ghcr.io": {"credentials": {"user_id": "github", "password": "hunter2"}},
            "r.example:5000": {
                "credentials": {"user_id": "ci", "password": "hunter3"},
                "transport": {"root_ca": "/c/ca.crt", "client_cert": "/c/x.cert", "client_key": "/c/x.key"},
            },
        },
        "insecure_registries": ["localhost:5000"],
    },
}


def piped(device: Device, *arguments: str, given: str, ok: int = 0) -> str:
    return device.piped(*arguments, given=given, secret="hunter", ok=ok)


def registries(device: Device) -> dict[str, Registry]:
    return device.asked(Registry)


def secret(device: Device, name: str) -> Path:
    return device.state / "secrets" / "registries" / name


def rows(device: Device) -> dict[str, list[str]]:
    lines = [re.split(r" {2,}", line) for line in device.run("registry", "list").stdout.splitlines()]
    assert lines[0] == ["NAME", "HOST", "CREDENTIALS", "TRUST", "MIRRORS", "IN FORCE", "PROVEN"]
    return {cells[0]: cells[1:] for cells in lines[1:]}


def test_a_password_on_standard_input_becomes_a_file_for_its_owner_alone(device: Device) -> None:
    device.write(spec("web"))
    told = piped(device, "registry", "add", "ghcr.io", "--user", "ci", "--password-stdin", "--yes", given="hunter2\n")
    file = secret(device, "ghcr.io")
    assert file.read_text() == "hunter2\n"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert registries(device) == {"ghcr.io": Registry("ghcr.io", "ghcr.io", user="ci", password_file=str(file))}
    assert f"{device.specs}/registries.yaml (new):" in told
    assert "  +  host: ghcr.io" in told
    assert f"{file}: the password (new, not shown)" in told
    assert rows(device)["ghcr.io"] == ["ghcr.io", f"ci, password in {file}", "system", "-", "no", "no"]
    device.run("apply", "--yes")
    assert rows(device)["ghcr.io"][-2:] == ["yes", "yes"]
    before = (device.specs / "registries.yaml").read_bytes()
    told = piped(device, "registry", "add", "ghcr.io", "--user", "ci", "--password-stdin", "--yes", given="hunter3")
    assert f"{file}: the password (changes, not shown)" in told
    assert (device.specs / "registries.yaml").read_bytes() == before
    assert rows(device)["ghcr.io"][-2:] == ["no", "no"]
    told = piped(device, "registry", "add", "ghcr.io", "--user", "ci", "--password-stdin", "--yes", given="hunter3")
    assert told == "Nothing changes.\n"


def test_a_password_is_asked_for_twice_and_never_shown(device: Device) -> None:
    answers = [("Password of ci", "hunter2"), ("Once more", "hunter2"), ("Do it?", "y")]
    code, shown = in_conversation(device, answers, "registry", "add", "ghcr.io", "--user", "ci")
    assert code == 0, shown
    assert "hunter2" not in shown
    assert secret(device, "ghcr.io").read_text() == "hunter2\n"
    code, shown = in_conversation(
        device,
        [("Password of ci", "new"), ("Once more", "new"), ("Do it?", "n")],
        "registry",
        "add",
        "a.b",
        "--user",
        "ci",
    )
    assert code == 1
    assert "Nothing was done." in shown
    assert not secret(device, "a.b").exists()
    assert "a.b" not in registries(device)


def test_nobody_is_asked_where_nobody_is(device: Device) -> None:
    assert "--password-stdin or --password-file" in device.run("registry", "add", "a.b", "--user", "ci", ok=1).stderr
    assert "nobody can be asked here; --yes" in device.run("registry", "add", "a.b", ok=1).stderr
    assert registries(device) == {}


def test_the_file_of_others_keeps_comments_and_order(device: Device) -> None:
    (device.specs / "a.yaml").write_text(LAB + "---\n" + spec("web"))
    device.run(
        "registry", "add", "lab:5000", "--mirror", "https://m.example", "--mirror", "https://n.example/", "--yes"
    )
    mirrors = "  mirrors:\n    - https://m.example\n    - https://n.example/\n"
    assert (device.specs / "a.yaml").read_text() == LAB + mirrors + "---\n" + spec("web")
    ca = device.specs.parent / "ca.pem"
    done = device.run(
        "registry", "add", "quay.io/org", "--helper", "pass", "--ca", str(ca), "--token-realm", "auth.x", "--yes"
    )
    assert registries(device)["quay.io-org"] == Registry(
        "quay.io-org", "quay.io/org", helper="pass", ca=str(ca), realms=("auth.x",)
    )
    assert "+    helper: pass" in done.stdout
    before = registries(device)
    device.run("registry", "add", "quay.io/org", "--user", "ci", "--password-file", "/run/secret", "--yes")
    after = registries(device)["quay.io-org"]
    assert (after.helper, after.user, after.password_file, after.ca) == (
        "",
        "ci",
        "/run/secret",
        before["quay.io-org"].ca,
    )
    device.run("registry", "remove", "lab", "--yes")
    assert (device.specs / "a.yaml").read_text() == "# ours, see the wiki\n\n---\n" + spec("web")


def test_a_change_by_others_while_the_user_is_asked_is_kept(device: Device) -> None:
    file = device.specs / "registries.yaml"
    file.write_text(LAB)

    def change() -> str:
        with file.open("a") as opened:
            opened.write("---\n" + spec("web"))
        return "y"

    answers: list[tuple[str, Reply]] = [("Password of ci", "hunter2"), ("Once more", "hunter2"), ("Do it?", change)]
    code, shown = in_conversation(device, answers, "registry", "add", "ghcr.io", "--user", "ci")
    assert code == 1
    assert f"file:{file}: was changed by somebody else meanwhile, so that nothing was written; run" in shown.replace(
        "\r\n", " "
    )
    assert file.read_text() == LAB + "---\n" + spec("web")
    assert not secret(device, "ghcr.io").exists()


def test_of_two_commands_at_once_none_is_lost(tmp_path: Path) -> None:
    """Both compared the file, and then both wrote: one change was gone, and both said that it was done."""
    file, said = tmp_path / "a.yaml", list[str]()
    file.write_text("# one\n")

    def write() -> None:
        try:
            spec_text.write(file, "# one\n", "# one\n# two\n", {}, ())
        except EvenkeelError as error:
            said.append(error.message)

    opened = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(opened, fcntl.LOCK_EX)
    other = Thread(target=write)
    other.start()
    other.join(0.2)
    file.write_text("# one\n# first\n")
    os.close(opened)
    other.join(PATIENCE_S)
    assert file.read_text() == "# one\n# first\n"
    assert "was changed by somebody else meanwhile" in said[0]


def test_a_spec_file_keeps_owner_and_mode(device: Device) -> None:
    file = device.specs / "registries.yaml"
    file.write_text(LAB)
    file.chmod(0o640)
    os.chown(file, 1000, 1001)
    piped(device, "registry", "add", "ghcr.io", "--user", "ci", "--password-stdin", "--yes", given="hunter2\n")
    os.chown(secret(device, "ghcr.io"), 1000, 1001)
    piped(device, "registry", "add", "ghcr.io", "--user", "me", "--password-stdin", "--yes", given="hunter3\n")
    assert "user: me" in file.read_text()
    assert secret(device, "ghcr.io").read_text() == "hunter3\n"
    for each, mode in ((file, 0o640), (secret(device, "ghcr.io"), 0o600)):
        found = each.stat()
        assert (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)) == (1000, 1001, mode)


def test_the_web_pages_of_docker_hub_are_no_registry(device: Device) -> None:
    for command in (("add", "hub.docker.com", "--yes"), ("test", "https://hub.docker.com/r/acme")):
        said = device.run("registry", *command, ok=1).stderr
        assert "`hub.docker.com` has the web pages of Docker Hub" in said
        assert said.rstrip().endswith("; write docker.io" + ("/acme" if command[0] == "test" else ""))
    assert registries(device) == {}


def test_a_change_that_is_not_valid_is_not_written(device: Device) -> None:
    (device.specs / "a.yaml").write_text(LAB)
    for arguments, told in (
        (("a.b", "--cert", "/c.pem"), "`certificate` needs `key`"),
        (("a.b", "--mirror", "https://u:hunter2@m.example"), "an address is no place for a user and a password"),
        (("a.b", "--name", "../x"), "metadata.name"),
        (("a.b", "--name", "lab"), "Registry `lab` is asked for twice"),
        (("u:hunter2@a.b",), "a host is no place for a user and a password"),
        (("hub",), "taken for a part of Docker Hub"),
        (("a.b", "--helper", "x", "--password-file", "/x"), "the credentials come from one place"),
        (("a.b", "--password-file", "/x"), "--password-file needs --user"),
        (("a.b", "--password-file", "/x", "--user", "ci:hunter2"), "--user: a user with a colon cannot be sent"),
        (("a.b", "--token-realm", "t.x:99999"), "spec.tokenRealms[0]: expected a port from 1 to 65535, got 99999"),
        (("a.b", "--helper", "x", "--user", "ci"), "leave --user out"),
        (("lab:5000", "--name", "other"), "it is asked for already, as `lab`"),
        (("a.b", "--file", "x.json"), "expected a file *.yaml"),
        (("lab:5000", "--mirror", "https://m.example", "--no-mirrors"), "--no-mirrors takes back"),
        (("lab:5000", "--helper", "x", "--no-credentials"), "--no-credentials takes back"),
    ):
        done = device.run("registry", "add", *arguments, "--yes", ok=1)
        assert told in done.stderr, done.stderr
        assert "hunter" not in done.stdout + done.stderr
    for text in ("", "a\nb", "a\x01"):
        piped(device, "registry", "add", "a.b", "--user", "ci", "--password-stdin", "--yes", given=text, ok=1)
    with_bytes = run_inside(
        ["registry", "add", "a.b", "--user", "ci", "--password-stdin", "--yes"], device.environment(), "\udcff"
    )
    assert "expected a password as UTF-8 text in one line" in with_bytes.stderr
    lines = device.specs.parent / "lines.json"
    lines.write_text(json.dumps({"auths": {"a.b": {"username": "ci", "password": "hunter2\n"}}}))
    assert (
        "registry:a.b: its password has more than one line" in device.run("registry", "import", str(lines), ok=1).stderr
    )
    assert [file.name for file in device.specs.iterdir()] == ["a.yaml"]
    assert (device.specs / "a.yaml").read_text() == LAB
    assert not (device.state / "secrets").exists()


def test_a_document_is_written_only_where_it_is_read(device: Device, tmp_path: Path) -> None:
    """Nobody would read it elsewhere, and nothing would follow from "Done"."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "out.yaml").symlink_to("pipe")
    (tmp_path / "a.json").write_text(json.dumps(KANTO))
    (device.specs / "below").mkdir()
    for file in (
        tmp_path / "x.yaml",
        tmp_path / "out.yaml",
        device.specs / ".x.yaml",
        device.specs / "below" / "x.yaml",
    ):
        for words in (("add", "ghcr.io"), ("import", str(tmp_path / "a.json"))):
            said = device.run("registry", *words, "--file", str(file), "--yes", ok=1).stderr
            assert f"{file}: is not one of the specs ({device.specs}); sub-folders" in said
    assert (tmp_path / "pipe").is_fifo()
    assert not list(tmp_path.rglob("x.yaml"))
    assert not (device.state / "secrets").exists()
    (tmp_path / "link").symlink_to(device.specs)
    device.run("registry", "add", "ghcr.io", "--file", str(tmp_path / "link" / "mine.yaml"), "--yes")
    assert registries(device) == {"ghcr.io": Registry("ghcr.io", "ghcr.io")}
    assert (
        "asked for already"
        in device.run("registry", "add", "ghcr.io", "--file", str(device.specs / "b.yaml"), ok=1).stderr
    )


def test_what_was_asked_for_is_taken_back(device: Device) -> None:
    given = ("--insecure", "--mirror", "https://m.example", "--token-realm", "t.example", "--ca", "/ca.pem")
    pair = ("--cert", "/c.pem", "--key", "/k.pem")
    line = ("registry", "add", "lab:5000", "--yes")
    piped(device, *line, *given, *pair, "--user", "ci", "--password-stdin", given="hunter2")
    whole = registries(device)["lab-5000"]
    assert whole.insecure
    assert secret(device, "lab-5000").exists()
    device.run(*line, "--no-insecure", "--no-mirrors")
    part = changed(whole, insecure=False, mirrors=())
    assert registries(device)["lab-5000"] == part
    device.run(*line, "--no-token-realms", "--no-ca", "--no-cert")
    part = changed(part, realms=(), ca="", certificate="", key="")
    assert registries(device)["lab-5000"] == part
    told = device.run(*line, "--no-credentials").stdout
    assert registries(device)["lab-5000"] == Registry("lab-5000", "lab:5000")
    assert f"{secret(device, 'lab-5000')}: removed" in told
    assert not secret(device, "lab-5000").exists()
    assert device.run(*line, "--no-credentials", "--no-insecure").stdout == "Nothing changes.\n"


def test_another_source_of_credentials_leaves_no_password_behind(device: Device) -> None:
    piped(device, "registry", "add", "a.b", "--user", "ci", "--password-stdin", "--yes", given="hunter2")
    device.run("registry", "add", "a.b", "--helper", "pass", "--yes")
    assert registries(device) == {"a.b": Registry("a.b", "a.b", helper="pass")}
    assert not secret(device, "a.b").exists()


def test_remove_takes_the_document_and_the_file_of_its_password(device: Device) -> None:
    device.write(spec("web"))
    piped(device, "registry", "add", "ghcr.io", "--user", "ci", "--password-stdin", "--yes", given="hunter2\n")
    device.run("apply", "--yes")
    told = device.run("registry", "remove", "ghcr.io", "--yes").stdout
    assert "  -  host: ghcr.io" in told
    assert f"{secret(device, 'ghcr.io')}: removed" in told
    assert not (device.specs / "registries.yaml").exists(), "an empty file is no spec"
    assert not secret(device, "ghcr.io").exists()
    assert rows(device)["ghcr.io"][-2:] == ["still", "-"]
    device.run("apply", "--yes")
    assert device.run("registry", "list").stdout == "No registry is asked for; `evenkeel registry add HOST` does.\n"
    assert "no registry of this name or host is asked for" in device.run("registry", "remove", "web", ok=1).stderr


def test_the_file_of_a_password_that_others_have_made_stays(device: Device, tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.write_text("hunter2\n")
    device.run("registry", "add", "ghcr.io", "--user", "ci", "--password-file", str(password), "--yes")
    device.run("registry", "remove", "ghcr.io", "--yes")
    assert password.read_text() == "hunter2\n"


@pytest.mark.parametrize("form", ["kanto", "docker"])
def test_what_is_imported_is_exported_again(device: Device, tmp_path: Path, form: str) -> None:
    coded = b64encode(b"ci:hunter3").decode()
    docker = {
        "auths": {"ghcr.io": {"auth": coded}, "t.x": {"identitytoken": "hunter4"}},
        "credHelpers": {"gcr.io": "gcloud"},
    }
    file = tmp_path / "config.json"
    text = json.dumps(KANTO if form == "kanto" else docker, indent=4) + "\n"
    file.write_text(text)
    done = device.run("registry", "import", str(file), "--yes")
    found = registries(device)
    assert "hunter" not in done.stdout + done.stderr + (device.specs / "registries.yaml").read_text()
    if form == "kanto":
        assert found["r.example-5000"].certificate == "/c/x.cert"
        assert found["localhost-5000"].insecure
        assert secret(device, "r.example-5000").read_text() == "hunter3\n"
    else:
        assert set(found) == {"ghcr.io", "gcr.io"}
        assert found["gcr.io"].helper == "gcloud"
        assert "t.x: its secret is an identity token; --reference leaves it in the file" in done.stderr
    assert stat.S_IMODE(secret(device, "ghcr.io").stat().st_mode) == 0o600
    assert device.run("registry", "import", str(file), "--yes").stdout == "Nothing changes.\n"
    assert f"{file} has it all already." in device.run("registry", "export", "--format", form, str(file)).stdout
    assert file.read_text() == text
    secret(device, "ghcr.io").write_text("changed\n")
    done = device.run("registry", "export", "--format", form, str(file))
    assert f"Wrote {file}, which only its owner may read." in done.stdout
    user = found["ghcr.io"].user
    new = text.replace("hunter2", "changed").replace(coded, b64encode(f"{user}:changed".encode()).decode())
    assert file.read_text() == new
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert (
        "it is asked for already, at" in device.run("registry", "import", str(other_user(file)), "--yes", ok=1).stderr
    )
    device.run("registry", "import", str(file), "--replace", "--yes")
    device.run("registry", "remove", "ghcr.io", "--yes")
    told = device.run("registry", "export", "--format", form, str(file)).stderr
    assert ("ghcr.io" in told) is (form == "kanto")
    if form == "kanto":
        assert (
            "no spec asks for ghcr.io, and the entry stays as it is, with what it has of a password (warning)" in told
        )
    assert "ghcr.io" in file.read_text(), "it may be that of others"


def other_user(file: Path) -> Path:
    found = file.with_name("other.json")
    coded = b64encode(b"other:x").decode()
    value = json.loads(file.read_text())
    if "auths" in value:
        value["auths"]["ghcr.io"]["auth"] = coded
    else:
        value["containers"]["registry_configurations"]["ghcr.io"]["credentials"]["user_id"] = "other"
    found.write_text(json.dumps(value))
    return found


def test_an_import_tells_what_it_does_not_take_with_its_place(device: Device, tmp_path: Path) -> None:
    """Docker and Podman take the same. It was dropped in silence, or the place was one in a file that is not there yet."""
    coded = b64encode(b"ci:hunter3").decode()
    file = tmp_path / "config.json"

    def imported(text: str, *more: str, ok: int = 0) -> str:
        file.write_text(text)
        done = device.run("registry", "import", str(file), *more, "--replace", "--yes", ok=ok)
        assert "hunter" not in done.stdout + done.stderr
        return done.stderr

    several = {"auth": coded, "username": "other", "password": "hunter2"}
    said = imported(json.dumps({"auths": {"a.b": several}}))
    assert f"{file}: auths.a.b.password: `auth` counts, and not this (warning); it is left out" in said
    assert f"{file}: auths.a.b.username: " in said
    assert (registries(device)["a.b"].user, secret(device, "a.b").read_text()) == ("ci", "hunter3\n")
    stored = json.dumps({"auths": {"a.b": {"auth": coded}}, "credsStore": "pass"})
    said = imported(stored)
    assert f"{file}: auths.a.b: Docker asks `credsStore`, the helper pass, and not this entry (warning)" in said
    assert registries(device)["a.b"].helper == "pass"
    assert imported(stored, "--reference") == ""
    assert registries(device)["a.b"].config == str(file)
    said = imported('{"auths": {"a.b": {"username": "ci", "password": "hun\\ud800ter2"}}, "more": "\\ud800"}')
    assert said.count("U+FFFD is taken in its place, as Docker does (warning)") == 1
    assert f"{file}: auths.a.b.password: it has half of a character" in said
    assert secret(device, "a.b").read_text() == "hun\ufffdter2\n"
    for text, at in (
        ('{"auths": {"a.b": {"username": "ci:hunter2", "password": "x"}}}', "auths.a.b.username: a user with a colon"),
        ('{"auths": {"a.b": {}}, "credsStore": "\\ud800"}', "credsStore: expected the end of the name of a program"),
        (
            json.dumps(KANTO).replace('"github"', '"git:hunter9"'),
            "containers.registry_configurations.ghcr.io.credentials.user_id: a user with a colon",
        ),
    ):
        assert f"{file}: {at}" in imported(text, ok=1)


def test_with_a_reference_the_secrets_stay_where_they_are(device: Device, tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    file.write_text(json.dumps(KANTO))
    device.run("registry", "import", str(file), "--reference", "--yes")
    wrong = device.run("registry", "test", "me:hunter9@ghcr.io", ok=1).stderr
    assert "as a host: a host is no place for a user and a password" in wrong
    assert "hunter" not in wrong
    assert registries(device)["ghcr.io"].config == str(file)
    assert not (device.state / "secrets").exists()
    assert rows(device)["ghcr.io"][1] == f"in {file}"
    auth = tmp_path / "auth.json"
    device.run("registry", "export", "--format", "podman", str(auth))
    assert json.loads(auth.read_text())["auths"]["ghcr.io"] == {"auth": b64encode(b"github:hunter2").decode()}
    assert stat.S_IMODE(auth.stat().st_mode) == 0o600
    os.mkfifo(tmp_path / "pipe.yaml")
    done = device.run("registry", "export", "--format", "podman", str(tmp_path / "pipe.yaml"), ok=1)
    assert "pipe.yaml is no file" in done.stderr
    assert (tmp_path / "pipe.yaml").is_fifo()
    assert "nobody writes to it" in device.run("registry", "import", str(tmp_path / "pipe.yaml"), ok=1).stderr
    (device.specs / "pipe.yaml").symlink_to(tmp_path / "pipe.yaml")
    for words in (("add", "r.example"), ("import", str(file))):
        device.run("registry", *words, "--file", str(device.specs / "pipe.yaml"), "--yes", ok=1)
    assert (tmp_path / "pipe.yaml").is_fifo()
    (device.specs / "pipe.yaml").unlink()
    assert "expected a file" in device.run("registry", "export", "--format", "podman", "-", ok=1).stderr


def test_without_a_file_secrets_are_hidden(device: Device, tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    file.write_text(json.dumps(KANTO))
    device.run("registry", "import", str(file), "--yes")
    for form in ("kanto", "docker", "podman"):
        shown = device.run("registry", "export", "--format", form)
        assert "hunter" not in shown.stdout + shown.stderr
        assert b64encode(b"github:hunter2").decode() not in shown.stdout
        assert "ghcr.io" in shown.stdout
    kanto = json.loads(device.run("registry", "export", "--format", "kanto").stdout)
    assert kanto["containers"]["registry_configurations"]["ghcr.io"]["credentials"] == {
        "user_id": "github",
        "password": "(hidden)",
    }


@pytest.mark.parametrize(("text", "form"), [("{", "kanto"), ("[1]", "docker"), ('{"containers": 7}', "kanto")])
def test_a_file_that_is_something_else_is_never_overwritten(
    device: Device, tmp_path: Path, text: str, form: str
) -> None:
    (device.specs / "a.yaml").write_text(
        LAB.replace("  insecure: true\n", "  credentials: {user: ci, passwordFile: /p}\n")
    )
    file = tmp_path / "config.json"
    file.write_text(text)
    assert device.run("registry", "import", str(file), "--yes", ok=1).stderr.startswith(("error: file:", f"{file}"))
    device.run("registry", "export", "--format", form, str(file), ok=1)
    password = tmp_path / "password"
    password.write_text("hunter2")
    (device.specs / "a.yaml").write_text((device.specs / "a.yaml").read_text().replace("/p}", f"{password}}}"))
    told = device.run("registry", "export", "--format", form, str(file), ok=1).stderr
    assert "stays as it is" in told
    assert file.read_text() == text


def test_kantos_file_as_a_source_is_shown_and_is_not_changed_from_here(device: Device, tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    file.write_text(json.dumps(KANTO, indent=2))
    device.settings(registries={"kanto": [str(file)]})
    device.write(spec("web"))
    plan = device.run("plan", ok=2).stdout
    assert re.search(r"\+ ghcr\.io +create .* config\.json:\d+", plan)
    assert rows(device)["ghcr.io"][1] == f"in {file}"
    assert (
        f"Kanto's file asks for it, at {file}:7:7; change it there"
        in device.run("registry", "add", "ghcr.io", "--helper", "x", "--yes", ok=1).stderr
    )
    (device.specs / "b.yaml").write_text(
        "apiVersion: evenkeel/v1\nkind: Registry\nmetadata: {name: x}\nspec: {host: ghcr.io}\n"
    )
    told = device.run("plan", ok=1).stderr
    assert f"{device.specs}/b.yaml:4:" in told
    assert f"{file}:7:7" in told


def test_a_mistake_in_kantos_file_is_one_in_a_spec_file(device: Device, tmp_path: Path) -> None:
    """What was accepted stays in force, whatever else is asked for meanwhile."""
    file = tmp_path / "config.json"
    file.write_text(json.dumps(KANTO, indent=2))
    device.settings(registries={"kanto": [str(file)]})
    device.write(spec("web"))
    assert "valid: 4 documents (1 Container, 3 Registry)" in device.run("validate").stdout
    device.run("apply", "--yes")
    good = file.read_text()
    file.write_text(good.replace('"password": "hunter2"', '"password": 2'))
    device.write(spec("web"), spec("api"))
    said = [device.run(*words, ok=1) for words in (("validate",), ("plan",), ("apply", "--yes"))]
    where = (
        f"{file}:10:11: containers.registry_configurations.ghcr.io.credentials.password: expected a text, got a number"
    )
    for each in said:
        assert where in each.stdout + each.stderr
    assert "api" not in device.run("get", "containers").stdout
    file.write_text(good)
    device.run("apply", "--yes")
    assert "api" in device.run("get", "containers").stdout


def test_get_and_describe(device: Device) -> None:
    (device.specs / "a.yaml").write_text(LAB + "---\n" + spec("web"))
    assert device.run("get", "registries").stdout.split() == COLUMNS_ALONE
    device.run("apply", "--yes")
    assert "lab   lab:5000" in device.run("get", "registries").stdout
    value = json.loads(device.run("get", "registries", "-o", "json").stdout)
    assert (value["kind"], value["engine"]) == ("Registries", "memory (simulated)")
    assert value["items"][0] == {
        "name": "lab",
        "place": "lab:5000",
        "asked": True,
        "credentials": None,
        "tls": {"ca": None, "certificate": None, "key": None},
        "insecure": True,
        "mirrors": [],
        "tokenRealms": [],
        "held": ["insecure"],
        "inForce": True,
        "proven": True,
        "provenOnce": True,
        "trouble": None,
    }
    assert value["items"] == json.loads(device.run("registry", "list", "-o", "json").stdout)["items"]
    told = device.run("describe", "registry", "lab").stdout
    assert re.match(rf"registry +lab \(evenkeel's\)\nasked for +{device.specs}/a.yaml:3:1\n", told)
    for line in (
        r"host +lab:5000",
        r"trust +insecure",
        r"in force +yes \(no encryption\)",
        r"proven +yes",
        r"  insecure +true",
    ):
        assert re.search(f"^{line}$", told, re.MULTILINE), line
    described = json.loads(device.run("describe", "registry", "lab", "-o", "json").stdout)
    assert (described["kind"], described["places"][0]["inForce"]) == ("RegistryDescription", True)
    assert "did you mean `lab`?" in device.run("describe", "registry", "lub", ok=1).stderr


COLUMNS_ALONE = ["NAME", "HOST", "CREDENTIALS", "TRUST", "MIRRORS", "IN", "FORCE", "PROVEN"]


def test_proven_is_said_of_what_the_registry_was_shown(device: Device, tmp_path: Path) -> None:
    """A file of others may change without evenkeel, and a helper may give something else at each pull."""
    file = tmp_path / "config.json"

    def keep(word: str, **more: Any) -> None:
        coded = b64encode(f"ci:{word}".encode()).decode()
        file.write_text(json.dumps({"auths": {"a.b": {"auth": coded}}, **more}))

    keep("hunter2")
    device.run("registry", "add", "a.b", "--config-json", str(file), "--yes")
    device.run("registry", "add", "b.c", "--helper", "pass", "--yes")
    device.run("apply", "--yes")
    assert {name: cells[-2:] for name, cells in rows(device).items()} == {"a.b": ["yes", "yes"], "b.c": ["yes", "once"]}
    items = value_of(device, "list")["items"]
    assert [(each["proven"], each["provenOnce"]) for each in items] == [(True, True), (False, True)]
    keep("hunter2", auths2={"c.d": "of others"})
    assert rows(device)["a.b"][-2:] == ["yes", "yes"]
    keep("hunter3")
    assert rows(device)["a.b"][-2:] == ["yes", "no"]
    why = f"nobody has logged in to it yet with what {file} has for it now"
    plan = json.loads(device.run("plan", "-o", "json", ok=2).stdout)
    assert why in json.dumps(plan)
    told = device.run("apply", "--yes").stdout
    assert "a.b: let in" in told
    assert "use what is asked for" not in told
    assert rows(device)["a.b"][-2:] == ["yes", "yes"]
    keep("hunter3", credsStore="desktop")
    assert rows(device)["a.b"][-2:] == ["yes", "no"]
    file.write_text("{")
    assert f"registry credentials in {file} cannot be read: it is no JSON" in device.run("registry", "list").stdout


def test_a_value_that_cannot_be_had_is_told(device: Device) -> None:
    password = device.specs.parent / "password"
    password.write_text("hunter2\nhunter3\n")
    (device.specs / "a.yaml").write_text(
        f"{HEAD}  host: lab:5000\n  credentials: {{user: ci, passwordFile: {password}}}\n"
    )
    done = device.run("registry", "list")
    why = f"{password}, which is to have the password, has more than one line, or control characters"
    assert f"Note: lab:5000: {why}" in done.stdout
    assert "hunter" not in done.stdout
    value = json.loads(device.run("registry", "list", "-o", "json").stdout)["items"][0]
    assert (value["inForce"], value["trouble"]) == (False, why)
    step = value_of(device, "test", "lab", ok=1)["steps"][-1]
    assert (step["step"], step["text"], step["remedy"][:17]) == ("credentials", why, "correct that file")


# --- for programs ------------------------------------------------------------------------------------------------------


def value_of(device: Device, *arguments: str, ok: int = 0) -> Any:
    """The one value on standard output; no secret is in what the command says."""
    done = device.run("registry", *arguments, "-o", "json", ok=ok)
    assert "hunter" not in done.stdout + done.stderr
    return json.loads(done.stdout)


def test_each_change_is_one_value_for_programs(device: Device, tmp_path: Path) -> None:
    file, specs = tmp_path / "config.json", str(device.specs / "registries.yaml")
    file.write_text(json.dumps(KANTO, indent=2))
    head = {"apiVersion": "evenkeel/v1", "kind": "RegistryChange", "file": specs}
    lab = {"host": "lab:5000", "insecure": True}
    entry = {"name": "lab-5000", "place": "lab:5000", "change": "added", "before": None, "after": lab}
    asked = value_of(device, "add", "lab:5000", "--insecure", ok=1)
    assert asked == {**head, "documents": [entry], "passwords": [], "written": False, "controllerTold": False}
    assert not Path(specs).exists(), "nobody has agreed"
    assert value_of(device, "add", "lab:5000", "--insecure", "--yes") == {**asked, "written": True}
    again = value_of(device, "add", "lab:5000", "--insecure", "--yes")
    assert again == {**asked, "documents": [], "written": False}
    more = value_of(device, "add", "lab:5000", "--mirror", "https://m.example", "--yes")["documents"]
    assert more == [{**entry, "change": "changed", "before": lab, "after": {**lab, "mirrors": ["https://m.example"]}}]
    imported = value_of(device, "import", str(file), "--yes")
    assert [(each["place"], each["change"]) for each in imported["documents"]] == [
        ("ghcr.io", "added"),
        ("r.example:5000", "added"),
        ("localhost:5000", "added"),
    ]
    own = str(secret(device, "ghcr.io"))
    assert imported["passwords"][0] == {"file": own, "change": "added"}
    assert imported["documents"][0]["after"]["credentials"] == {"user": "github", "passwordFile": own}
    gone = value_of(device, "remove", "ghcr.io", "--yes")
    assert [(each["name"], each["change"], each["after"]) for each in gone["documents"]] == [
        ("ghcr.io", "removed", None)
    ]
    assert gone["passwords"] == [{"file": own, "change": "removed"}]
    assert "kind: RegistryChange" in device.run("registry", "remove", "lab-5000", "--yes", "-o", "yaml").stdout


def test_an_export_is_one_value_for_programs(device: Device, tmp_path: Path) -> None:
    file, docker = tmp_path / "config.json", tmp_path / "docker.json"
    file.write_text(json.dumps(KANTO, indent=2))
    docker.write_text(json.dumps({"auths": {"ghcr.io": {"auth": b64encode(b"github:hunter9").decode()}}}))
    device.run("registry", "import", str(file), "--yes")
    head = {"apiVersion": "evenkeel/v1", "kind": "RegistryExport", "format": "docker", "file": str(docker)}
    changes = [{"place": "ghcr.io", "change": "changed"}, {"place": "r.example:5000", "change": "added"}]
    written = value_of(device, "export", "--format", "docker", str(docker))
    assert written == {**head, "changes": changes, "content": None, "written": True}
    again = value_of(device, "export", "--format", "docker", str(docker))
    assert again == {**head, "changes": [], "content": None, "written": False}
    hidden = value_of(device, "export", "--format", "kanto")
    assert (hidden["file"], hidden["written"]) == (None, False)
    found = hidden["content"]["containers"]["registry_configurations"]["ghcr.io"]["credentials"]
    assert found == {"user_id": "github", "password": "(hidden)"}


# --- there and back ----------------------------------------------------------------------------------------------------

SECRETS = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), min_size=1, max_size=8)
USERS = SECRETS.filter(lambda text: ":" not in text)
HOSTS = st.sampled_from(["ghcr.io", "localhost:5000", "registry.example", "a.b:1", "docker.io"])
CONFIGURATIONS = st.fixed_dictionaries(
    {},
    optional={
        "credentials": st.fixed_dictionaries({"user_id": USERS, "password": SECRETS}),
        "transport": st.just({"root_ca": "/a/ca.crt", "client_cert": "/a/x.cert", "client_key": "/a/x.key"}),
        "more": SECRETS,
    },
)
STYLES = st.sampled_from([{"indent": 2}, {"indent": "\t"}, {"separators": (",", ":")}])


@settings(max_examples=examples(8), deadline=None)
@given(
    st.dictionaries(HOSTS, CONFIGURATIONS, min_size=1, max_size=3),
    st.lists(HOSTS, max_size=2, unique=True),
    STYLES,
    SECRETS,
)
def test_what_is_imported_and_exported_is_the_same_but_for_what_changed(
    hosts: dict[str, Any], insecure: list[str], style: dict[str, Any], word: str
) -> None:
    """Through the commands, into the same file: first nothing has changed, then one password."""
    value = {"things": {"é": None}, "containers": {"registry_configurations": hosts, "insecure_registries": insecure}}
    with TemporaryDirectory() as folder:
        device, file = DeviceInside(Path(folder)), Path(folder, "config.json")
        file.write_text(json.dumps(value, **style, ensure_ascii=False))
        device.run("registry", "import", str(file), "--yes")
        device.run("registry", "export", "--format", "kanto", str(file))
        assert file.read_text() == json.dumps(value, **style, ensure_ascii=False)
        for host, configuration in hosts.items():
            if "credentials" in configuration:
                configuration["credentials"]["password"] = word
                secret(device, host.replace(":", "-")).write_text(f"{word}\n")
                break
        device.run("registry", "export", "--format", "kanto", str(file))
        assert file.read_text() == json.dumps(value, **style, ensure_ascii=False)


# --- test ---------------------------------------------------------------------------------------------------------------


def test_the_steps_on_the_way_into_a_simulated_registry(device: Device) -> None:
    (device.specs / "a.yaml").write_text(
        LAB.replace("  insecure: true\n", "  credentials: {user: ci, passwordFile: /p}\n")
    )
    done = device.run("registry", "test", "lab")
    assert done.stdout.splitlines() == [
        "  ✓ credentials  user ci, and a password",
        "  ✓ login        let in as ci (simulated)",
    ]
    value = json.loads(device.run("registry", "test", "lab:5000/org", "-o", "json").stdout)
    assert (value["kind"], value["name"], value["good"]) == ("RegistryTest", "lab", True)
    assert [each["step"] for each in value["steps"]] == ["credentials", "login"]
    assert "no registry of this name" in device.run("registry", "test", "lub", ok=1).stderr
    assert "--image" in device.run("registry", "test", "lab", "--image", "A B", ok=1).stderr
    assert device.run("registry", "test", "other.example").stdout.startswith("  ✓ credentials  none")


def test_where_it_stopped_is_told_with_the_remedy(capsys: pytest.CaptureFixture[str]) -> None:
    from evenkeel.controller.drivers.registries.probe import Step

    async def script() -> AsyncIterator[Step]:
        yield Step("name", True, "192.0.2.1")
        yield Step("TLS", False, "CN=\x1b[31mx, signed by CN=lab", "give its authority in `tls.ca`")

    steps = asyncio.run(followed(script(), says=True))
    assert [each.is_good for each in steps] == [True, False]
    assert capsys.readouterr().out.splitlines() == [
        "  ✓ name         192.0.2.1",
        "  ✗ TLS          CN=\\x1b[31mx, signed by CN=lab",
        "                 give its authority in `tls.ca`",
    ]
