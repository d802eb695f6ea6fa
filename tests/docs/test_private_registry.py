"""docs/howto/private-registry.md is executed with the tests' own registry, a real engine and Docker's command (where it is
there): its sessions are what the commands say, and its table is what `status` says."""

from __future__ import annotations

import base64
import json
import os
import re
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from ruamel.yaml import YAML
from tests.controller.cli.command import spec
from tests.e2e.device import DockerDevice, instances
from tests.engines.dockerd import Dockerd
from tests.engines.images import build, sleeper
from tests.engines.machine import free_port
from tests.engines.registry import Registry
from tests.engines.web import Reply, Web
from tests.places import ROOT
from tests.until import PATIENCE_S, until

from .rewriting import BLOCK

PAGE = ROOT / "docs" / "howto" / "private-registry.md"
SHOWN = "registry.example.com"
NOWHERE = f"{'a' * 64}.example"
"""No resolver is asked for a name with a part that is too long."""

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]


class Reader:
    """Somebody who does what the page says, on a device whose `/etc/evenkeel` is a folder of the test."""

    def __init__(self, folder: Path, dockerd: Dockerd, registry: Registry) -> None:
        self.device, self.registry, self._folder = DockerDevice(folder, dockerd), registry, folder
        self.etc, self.said = folder / "etc", list[str]()
        self.etc.mkdir()
        shutil.copy(registry.ca, self.etc / "ca.pem")
        self._places = {
            "/etc/evenkeel/specs": str(self.device.specs),
            "/etc/evenkeel": str(self.etc),
            SHOWN: registry.host,
        }

    def does(self, page: str) -> str:
        """The page with what its commands say now."""
        return BLOCK.sub(self._block, page)

    def _block(self, found: re.Match[str]) -> str:
        indent, language, body = found.groups()
        if language == "yaml":
            self._write(re.sub(f"^{indent}", "", body, flags=re.MULTILINE))
            return found[0]
        lines = (line.removeprefix(indent) for line in body.splitlines() if line.startswith(f"{indent}$ "))
        said = "".join(f"{line}\n{self._run(line[2:])}" for line in lines)
        return f"{indent}```console\n" + re.sub("^(?=.)", indent, said, flags=re.MULTILINE) + f"{indent}```\n"

    def _write(self, text: str) -> None:
        head, here = text.partition("\n")[0], self._here(text)
        if head.startswith("# /etc/evenkeel/specs/"):
            (self.device.specs / Path(head).name).write_text(here)
        else:
            settings = YAML(typ="safe").load(here)
            engine = {**settings.pop("engine"), "address": self.device.address}
            self.device.settings(engine=engine, backoff={"first": "100ms", "longest": "1s"}, **settings)

    def _run(self, line: str) -> str:
        here = self._here(line)
        if here.startswith("evenkeel "):
            return self.shown(self.evenkeel(*shlex.split(here)[1:]))
        if " docker login " in here:
            return self._login(here)
        return self._shell(here)

    def _login(self, line: str) -> str:
        """On another machine, which trusts the registry; a person is asked for the user and the password."""
        if shutil.which("docker") is None:
            (self._folder / "login" / "config.json").write_text(self.registry.docker_config.read_text())
            return "Login Succeeded\n"
        with self.registry.trusted_by_dockerd():
            options = f"docker login --username {self.registry.user} --password-stdin "
            return self._shell(line.replace("docker login ", options), self.registry.password)

    def _shell(self, line: str, given: str = "") -> str:
        done = subprocess.run(
            ["sh", "-c", line],
            cwd=self._folder,
            env={**os.environ, "DOCKER_HOST": self.device.address},
            input=given,
            text=True,
            capture_output=True,
            timeout=PATIENCE_S,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def evenkeel(self, *words: str) -> str:
        done = self.device.run(*words, ok=None)
        assert done.returncode in (0, 2), done.stderr  # 2: a plan has something to do
        self.said.append(done.stdout + done.stderr)
        return self.said[-1]

    def asks(self, image: str) -> None:
        """The specs ask for another image."""
        self.device.write(spec("big", image), file="a.yaml")

    def distrusts(self) -> None:
        """The authority of the registry is nobody's any more."""
        self.asks(self.registry.reference("big", "1"))
        self.evenkeel("registry", "remove", self.registry.host, "--yes")
        until(lambda: not Path("/etc/docker/certs.d", self.registry.host).exists(), what="the authority is gone")

    def status_says(self, said: str, *, is_final: bool) -> bool:
        """Whether `status` says a text of the page's, in which `…` and FILE stand for anything, and that this is final."""
        parts = [re.escape(each.strip()) for each in re.split("…|FILE", said)]
        status = collapsed(self.device.run("status", ok=None).stdout).replace("`", "")
        return bool(re.search(".*".join(parts), status)) and ("is not tried again" in status) is is_final

    def _here(self, text: str) -> str:
        for shown, there in self._places.items():
            text = text.replace(shown, there)
        return text

    def shown(self, text: str) -> str:
        for shown, there in self._places.items():
            text = text.replace(there, shown)
        text = text.replace(self.registry.host.replace(":", "-"), SHOWN)
        return re.sub(r" \(\d+\.\d s\)", "", re.sub(r" +$", "", text, flags=re.MULTILINE))


@pytest.fixture
def reader(tmp_path: Path, clean_dockerd: Dockerd) -> Iterator[Reader]:
    registry = Registry(Path(tempfile.mkdtemp(prefix="ek-registry-")), f"{clean_dockerd.net}.128.1")
    try:
        registry.start()
        registry.push("big", "1", build("page-big", ["/bin/sleep", "3600"], size=1_100_000))
        registry.push("big", "2", sleeper("page-2"))
        it = Reader(tmp_path, clean_dockerd, registry)
        try:
            yield it
        finally:
            it.device.close()  # before the registry: it would put the authority back
            clean_dockerd.clear()
            for tag in ("1", "2"):
                clean_dockerd.api("DELETE", f"/images/{registry.reference('big', tag)}", force=1)
    finally:
        registry.close()


@pytest.fixture
def gitlab(registry: Registry) -> Iterator[Web]:
    """A registry whose tokens come from another host; its certificate is of the authority of `registry`."""
    it = Web(registry.folder)
    it.reply = lambda asked: Reply(401, {"WWW-Authenticate": 'Bearer realm="https://127.0.0.1/jwt/auth",service="s"'})
    yield it
    it.close()


@pytest.fixture
def locked(tmp_path: Path) -> Path:
    """A folder with the helper `locked`, which fails."""
    program = tmp_path / "bin" / "docker-credential-locked"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\nexit 1\n")
    program.chmod(0o755)
    return program.parent


def login(host: str, password: str) -> str:
    """A file of docker login."""
    return json.dumps({"auths": {host: {"auth": base64.b64encode(f"driver:{password}".encode()).decode()}}})


def test_the_page_is_what_happens(
    reader: Reader, dockerd: Dockerd, registry: Registry, gitlab: Web, locked: Path
) -> None:
    """First its sessions, then its table: each cause is made while a controller is at work."""
    page = PAGE.read_text()
    assert collapsed(reader.does(page)) == collapsed(page)
    first = at_work(dockerd)
    file = reader.etc / "docker.json"
    assert file.stat().st_mode & 0o777 == 0o600
    good, empty = file.read_text(), "{}"
    wrong = login(reader.registry.host, "wrong")
    nothing, refused = re.findall(r": `([^`]*)`", collapsed(page).partition("`pull of unknown size` means")[2])[:2]
    reader.asks(reader.registry.reference("big", "2"))
    for content, why in ((wrong, refused), (empty, nothing)):
        file.write_text(content)
        assert why.replace("big:1", "big:2") in collapsed(reader.shown(reader.evenkeel("plan")))
    causes: dict[str, Callable[[], object]] = {
        "no basic auth": lambda: None,
        "unauthorized": lambda: (file.write_text(wrong), reader.evenkeel("retry")),
        "manifest unknown": lambda: (file.write_text(good), reader.asks(reader.registry.reference("big", "3"))),
        "credentials sent": lambda: (file.write_text(login(gitlab.host, "x")), reader.asks(f"{gitlab.host}/web:1")),
        "HTTP request": lambda: reader.asks(registry.reference("web", "1")),
        "no such file": lambda: (file.unlink(), reader.evenkeel("retry")),
        "PATH": lambda: file.write_text(json.dumps({"credsStore": "nosuch"})),
        "exit code": lambda: file.write_text(json.dumps({"credsStore": "locked"})),
        "cannot be read": lambda: file.write_text(good[:-4]),
        "cannot be used": lambda: file.write_text(json.dumps({"auths": {registry.host: {"auth": "?"}}})),
        "no such host": lambda: (file.write_text(good), reader.asks(f"{NOWHERE}/web:1")),
        "connection refused": lambda: reader.asks(f"localhost:{free_port()}/web:1"),
        "x509": lambda: (reader.distrusts(), reader.asks(reader.registry.reference("big", "2"))),
    }
    rows = table(page)
    assert len(rows) == len(causes)
    reader.device.log = reader.etc.parent / "log"
    reader.device.start("run", PATH=f"{locked}:{os.environ['PATH']}", SSL_CERT_FILE=str(registry.ca))
    for cause, make in causes.items():
        ((said, meaning),) = [row for row in rows if cause in row[0]]
        assert ("final" in meaning) is not ("tried again" in meaning), said
        make()
        says = partial(reader.status_says, said, is_final="final" in meaning)
        until(says, what=f"status says: {said}; {meaning}")
        assert at_work(dockerd) == first
    assert {asked.authorization for asked in gitlab.asked} == {""}
    assert reader.registry.password not in "".join((*reader.said, reader.device.log.read_text()))


def at_work(dockerd: Dockerd) -> tuple[str, str]:
    """Which container it is, and since when it runs."""
    (found,) = instances(dockerd)["big"]
    return found["Id"], found["State"]["StartedAt"]


def table(page: str) -> list[tuple[str, str]]:
    """What `status` says, each with its meaning."""
    section = page.partition("## When it does not work")[2]
    lines = section.partition("|---|---|\n")[2].partition("\n\n")[0].splitlines()
    rows = [line.strip("| ").split(" | ") for line in lines]
    return [(said, meaning) for cell, meaning in rows for said in re.findall("`([^`]*)`", cell)]


def collapsed(text: str) -> str:
    """Without what is as wide as names are, and the size of the program in the image, which each machine has."""
    return re.sub(r"\d\.\d MB", "1.1 MB", re.sub(r"[ \n]+", " ", text))
