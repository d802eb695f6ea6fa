"""Every configuration of registries holds to this: what is asked for is in force, and seen to be; what others have is theirs;
and a process that ends anywhere leaves each file as it was or as it is to be."""

from __future__ import annotations

import base64
import json
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.engines.certificates import make_certificates
from tests.sampling import sampled

from evenkeel.specs.codec import changed, encode
from evenkeel.specs.plan import Done, Outcome
from evenkeel.specs.registries.actions import Admit, Withdraw
from evenkeel.specs.registries.observed import Facet, RegistriesLook, RegistrySeen
from evenkeel.specs.registries.registry import Registry

from .registries_kits import (
    DockerRegistriesKit,
    MemoryRegistriesKit,
    PodmanRegistriesKit,
    RegistriesKit,
    half,
    put_theirs,
)

HOST, PART, HUB = "registry.example:5000", "quay.example/org", "docker.io"
PASSWORD, OTHER_PASSWORD = "correct horse: battery", "staple/7"
SECRETS = (
    PASSWORD,
    OTHER_PASSWORD,
    *(base64.b64encode(f"ci:{each}".encode()).decode() for each in (PASSWORD, OTHER_PASSWORD)),
)


@pytest.fixture(scope="module")
def pems(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with certificates, as `make_certificates` makes them."""
    folder = tmp_path_factory.mktemp("pems")
    make_certificates(folder)
    return folder


@pytest.fixture(params=["memory", *(pytest.param(name, marks=pytest.mark.engine) for name in ("docker", "podman"))])
def kit(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RegistriesKit]:
    """An engine with nothing of evenkeel's in its configuration."""
    yield from _kit(request, tmp_path, request.param)


@pytest.fixture(params=[pytest.param(name, marks=pytest.mark.engine) for name in ("docker", "podman")])
def real(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RegistriesKit]:
    """The same, of those with files."""
    yield from _kit(request, tmp_path, request.param)


def _kit(request: pytest.FixtureRequest, folder: Path, name: str) -> Iterator[RegistriesKit]:
    it: RegistriesKit
    match name:
        case "memory":
            it = MemoryRegistriesKit(folder)
        case "docker":
            it = DockerRegistriesKit(folder, request.getfixturevalue("clean_dockerd"))
        case _:
            it = PodmanRegistriesKit(folder, request.getfixturevalue("clean_podman"))
    yield it
    it.close()


@pytest.fixture
def asked(tmp_path: Path, pems: Path) -> Registry:
    """A registry with everything that an engine need not be told about."""
    (tmp_path / "password").write_text(f"{PASSWORD}\n")
    return Registry(
        "private",
        HOST,
        user="ci",
        password_file=str(tmp_path / "password"),
        ca=str(pems / "ca.crt"),
        certificate=str(pems / "client.crt"),
        key=str(pems / "client.key"),
    )


def hub(*mirrors: str) -> Registry:
    return Registry("hub", HUB, mirrors=mirrors)


async def seen(kit: RegistriesKit, registry: Registry) -> RegistrySeen:
    (found,) = (await kit.engine.observe(RegistriesLook(registries=(registry,)))).registries
    return found


async def admit(kit: RegistriesKit, registry: Registry) -> Outcome:
    asked = (await seen(kit, registry)).asked
    return await kit.engine.perform(Admit(registry, asked), lambda *given: None)


async def put_in_force(kit: RegistriesKit, *registries: Registry) -> None:
    for registry in registries:
        outcome = await admit(kit, registry)
        assert isinstance(outcome, Done), outcome
        found = await seen(kit, registry)
        assert found.asked == found.held
        assert not any(each.why for each in found.facets.values())


async def withdraw(kit: RegistriesKit, place: str) -> None:
    assert isinstance(await kit.engine.perform(Withdraw(place), lambda *given: None), Done)
    (found,) = (await kit.engine.observe(RegistriesLook(places=(place,)))).registries
    assert found.held == ()


async def whys(kit: RegistriesKit, registry: Registry) -> dict[Facet, str]:
    return {facet: each.why for facet, each in (await seen(kit, registry)).facets.items() if each.why}


async def test_what_is_asked_for_is_in_force_also_for_the_next_process(kit: RegistriesKit, asked: Registry) -> None:
    asked = changed(asked, insecure=True)
    await put_in_force(kit, asked)
    assert dict((await seen(kit, asked)).held).keys() == {"credentials", "trust", "insecure"}
    assert kit.goes_by(HOST)[0]
    kit.begin_anew()
    found = await seen(kit, asked)
    assert found.asked == found.held
    values = kit.engine.configuration.values(asked)
    assert (values.user, values.password) in (("ci", PASSWORD), ("ci", f"simulated content of {asked.password_file}"))
    await withdraw(kit, HOST)
    assert not kit.goes_by(HOST)[0]


Change = Callable[[Registry, Path, Path], Registry]


def _rotated(asked: Registry, folder: Path, pems: Path) -> Registry:
    (folder / "password").write_text(OTHER_PASSWORD)
    return asked


CHANGES: dict[str, tuple[Facet, Change]] = {
    "password": ("credentials", _rotated),
    "user": ("credentials", lambda asked, folder, pems: changed(asked, user="other")),
    "helper": ("credentials", lambda asked, folder, pems: changed(asked, user="", password_file="", helper="pass")),
    "none": ("credentials", lambda asked, folder, pems: changed(asked, user="", password_file="")),
    "who may have them": ("realms", lambda asked, folder, pems: changed(asked, realms=("tokens.example",))),
    "authority": ("trust", lambda asked, folder, pems: changed(asked, ca=str(pems / "another-ca.crt"))),
    "no authority": ("trust", lambda asked, folder, pems: changed(asked, ca="")),
    "another pair": (
        "trust",
        lambda asked, folder, pems: changed(asked, certificate=str(pems / "server.crt"), key=str(pems / "server.key")),
    ),
    "no pair": ("trust", lambda asked, folder, pems: changed(asked, certificate="", key="")),
    "no certificates": ("trust", lambda asked, folder, pems: changed(asked, ca="", certificate="", key="")),
    "insecure": ("insecure", lambda asked, folder, pems: changed(asked, insecure=True)),
}


@pytest.mark.parametrize("change", CHANGES)
async def test_one_facet_changes(kit: RegistriesKit, asked: Registry, tmp_path: Path, pems: Path, change: str) -> None:
    await put_in_force(kit, asked)
    facet, change_it = CHANGES[change]
    other = change_it(asked, tmp_path, pems)
    found = await seen(kit, other)
    assert [each for each in found.facets if found.facets[each].asked != found.facets[each].held] == [facet]
    before = kit.shown()
    await put_in_force(kit, other)
    assert kit.goes_by(HOST)[0] is other.insecure
    await put_in_force(kit, asked if change != "password" else other)
    if change != "password":
        assert kit.shown() == before
    await withdraw(kit, HOST)


async def test_mirrors_in_their_order(kit: RegistriesKit) -> None:
    one, other, third = "https://a.example", "http://b.example:5000", "https://c.example"
    for mirrors in ((one, other), (other, third, one), (third,)):
        await put_in_force(kit, hub(*mirrors))
        assert kit.goes_by(HUB)[1] == (() if isinstance(kit, MemoryRegistriesKit) else mirrors)
    await put_in_force(kit, hub())
    assert kit.goes_by(HUB)[1] == ()


async def test_what_is_in_force_is_not_written_again(real: RegistriesKit, asked: Registry) -> None:
    await put_in_force(real, asked, hub("https://a.example"))
    before = {path: os.lstat(path).st_ino for path in real.shown()}
    await put_in_force(real, asked, hub("https://a.example"))
    assert {path: os.lstat(path).st_ino for path in real.shown()} == before


async def test_two_registries_do_not_touch_each_other(real: RegistriesKit, asked: Registry, tmp_path: Path) -> None:
    others = Registry("other", "other.example", user="o", password_file=asked.password_file, ca=asked.ca, insecure=True)
    part = Registry("part", PART, user="p", password_file=asked.password_file)
    await put_in_force(real, others, part, hub("https://a.example"))
    before = real.shown()
    await put_in_force(real, changed(asked, insecure=True))
    await withdraw(real, HOST)
    assert real.shown() == before
    for registry in (others, part):
        found = await seen(real, registry)
        assert found.asked == found.held != ()
    for place in ("other.example", PART, HUB):
        await withdraw(real, place)


async def test_what_others_have_is_kept_letter_by_letter(real: RegistriesKit, asked: Registry) -> None:
    before = put_theirs(real, HOST)
    await put_in_force(real, asked, hub("https://a.example", "https://b.example"))
    for path in (str(real.files[kind]) for kind in _JSON if kind in real.files):
        found = os.lstat(path)
        assert (found.st_mode & 0o777, found.st_uid, found.st_gid) == (0o604, 12, 34), path
    assert {name for name in before if real.shown()[name] != before[name]} <= {
        str(real.files[kind]) for kind in ("daemon.json", "auth.json") if kind in real.files
    }
    real.begin_anew()
    await withdraw(real, HOST)
    await withdraw(real, HUB)
    assert {path: each for path, each in real.shown().items() if not Path(path).is_relative_to(real.state)} == before


async def test_nothing_is_left_of_what_evenkeel_has_made(real: RegistriesKit, asked: Registry) -> None:
    for path in real.files.values():
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    await put_in_force(real, asked, hub("https://a.example"))
    assert all(path.exists() for path in real.files.values())
    await withdraw(real, HOST)
    await withdraw(real, HUB)
    assert [path for path in real.files.values() if path.exists() and path.name != "registries.conf.d"] == []


BROKEN = {
    "comments": '{"log-level": "warn" // or debug\n}',
    "cut": '{"auths": ',
    "a list": "[]",
    "twice": '{"a": 1, "a": 2}',
}


@pytest.mark.parametrize("broken", BROKEN)
async def test_a_file_of_others_that_nobody_understands_is_never_overwritten(
    real: RegistriesKit, asked: Registry, broken: str
) -> None:
    kind, facet = _shared(real)
    asked = changed(asked, insecure=kind == "daemon.json")
    real.files[kind].write_text(BROKEN[broken])
    why = (await whys(real, asked))[facet]
    assert why.startswith(f"{real.files[kind]} is not changed: it ")
    assert why.endswith("; correct it")
    outcome = await admit(real, asked)
    assert not isinstance(outcome, Done)
    assert real.files[kind].read_text() == BROKEN[broken]
    real.files[kind].write_text("{}")
    await put_in_force(real, asked)
    real.files[kind].write_text(BROKEN[broken])
    assert not isinstance(await real.engine.perform(Withdraw(HOST), lambda *given: None), Done)
    assert real.files[kind].read_text() == BROKEN[broken]


_JSON: dict[str, Facet] = {"daemon.json": "insecure", "auth.json": "credentials"}


def _shared(kit: RegistriesKit) -> tuple[str, Facet]:
    """The file that is shared with others, and what of a registry is there."""
    (kind,) = (each for each in _JSON if each in kit.files)
    return kind, _JSON[kind]


async def test_a_link_is_told_and_not_followed(real: RegistriesKit, asked: Registry, tmp_path: Path) -> None:
    kind, facet = _shared(real)
    asked, elsewhere = changed(asked, insecure=True), tmp_path / "elsewhere.json"
    elsewhere.write_text("{}")
    real.files[kind].unlink(missing_ok=True)
    real.files[kind].symlink_to(elsewhere)
    real.files["certificates"].mkdir(exist_ok=True)
    (real.files["certificates"] / HOST).symlink_to(tmp_path)
    found = await whys(real, asked)
    assert f"{real.files[kind]} is a symbolic link to {elsewhere}" in found[facet]
    assert f"{real.files['certificates']}/{HOST} is a symbolic link to {tmp_path}" in found["trust"]
    assert not isinstance(await admit(real, asked), Done)
    assert elsewhere.read_text() == "{}"
    assert not (tmp_path / "evenkeel.crt").exists()
    real.files[kind].unlink()
    real.files[kind].write_text("{}")


def spoil(path: Path, how: str) -> None:
    match how:
        case "folder":
            path.mkdir(parents=True)
        case "loop":
            path.symlink_to(path.name)
        case _:
            os.mkfifo(path)


@pytest.mark.parametrize("how", ["folder", "loop", "pipe"])
async def test_a_bad_file_is_a_lack_of_its_registry_alone(real: RegistriesKit, asked: Registry, how: str) -> None:
    """It stopped the domain for all, a pipe for ever."""
    other = Registry("other", "other.example", ca=asked.ca)
    await put_in_force(real, other)
    trusted = changed(asked, insecure=True)
    folder = real.files["certificates"] / HOST
    folder.mkdir(parents=True)
    bad = {"trust": folder / "evenkeel.crt", "credentials": real.state / "auth.json"}
    if "drop-ins" in real.files:
        real.files["drop-ins"].mkdir(exist_ok=True)
        bad["insecure"] = real.files["drop-ins"] / "x.conf"
    for facet, path in bad.items():
        path.unlink(missing_ok=True)
        spoil(path, how)
        look = RegistriesLook(registries=(trusted, other))
        found, beside = (await real.engine.observe(look)).registries
        told = {each: its.why for each, its in found.facets.items() if its.why}
        if (facet, how) == ("insecure", "folder"):
            assert told == {}, "Podman passes it over, too"
        else:
            assert set(told) == ({facet} if facet != "credentials" else {"credentials", "insecure"})
            assert told[facet].startswith(f"{path} ")
            assert "; " in told[facet]
        assert beside.held == beside.asked != ()
        assert not [its.why for its in beside.facets.values() if its.why]
        path.rmdir() if how == "folder" else path.unlink()
    await put_in_force(real, trusted, other)
    for place in (HOST, "other.example"):
        await withdraw(real, place)


@pytest.mark.parametrize("change", ["made", "changed", "withdrawn"])
async def test_a_process_that_ends_anywhere(
    real: RegistriesKit, asked: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    """All calls that change something fail from a moment on, as after kill -9: each file is the old or the new one, and the
    next process finishes."""
    asked = changed(asked, insecure=True)
    other = changed(asked, user="other", ca="", insecure=False)
    put_theirs(real, HOST)

    async def begin() -> None:
        await put_in_force(real, *([] if change == "made" else [asked]))

    async def act() -> Outcome:
        if change == "withdrawn":
            return await real.engine.perform(Withdraw(HOST), lambda *given: None)
        return await admit(real, other if change == "changed" else asked)

    async def undo() -> None:
        real.begin_anew()
        await withdraw(real, HOST)

    await begin()
    assert isinstance(await act(), Done)
    await undo()
    await begin()
    with Kill(monkeypatch, -1) as counted:
        assert isinstance(await act(), Done)
    new = real.shown()
    assert counted.calls > 8
    await undo()
    most = 3 if isinstance(real, PodmanRegistriesKit) else 8
    for at in sampled(range(counted.calls), most, f"registries {change}"):
        await begin()
        old = real.shown()
        with Kill(monkeypatch, at), pytest.raises(Killed):
            await act()
        assert half(real, old, new) == [], f"killed at {at}"
        real.begin_anew()
        assert isinstance(await act(), Done)
        wanted = {"made": asked, "changed": other}.get(change)
        if wanted is not None:
            found = await seen(real, wanted)
            assert found.asked == found.held
        assert real.shown() == new, f"killed at {at}"
        await undo()


class Killed(BaseException):
    """kill -9."""


class Kill:
    """From its call of a number on, nothing can change any file, or signal the engine. -1: count only."""

    NAMES = ("replace", "unlink", "mkdir", "rmdir", "chmod", "chown", "symlink", "fsync")

    def __init__(self, monkeypatch: pytest.MonkeyPatch, at: int) -> None:
        self._patch, self._at, self.calls = monkeypatch, at, 0

    def __enter__(self) -> Kill:
        for place, name in (*((os, name) for name in self.NAMES), (signal, "pidfd_send_signal")):
            self._patch.setattr(place, name, self._guarded(getattr(place, name)))
        return self

    def __exit__(self, *given: object) -> None:
        self._patch.undo()

    def _guarded(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def guarded(*args: Any, **named: Any) -> Any:
            if 0 <= self._at <= self.calls:
                raise Killed
            self.calls += 1
            return call(*args, **named)

        return guarded


async def test_a_full_disk_is_an_outcome_and_leaves_the_old(
    real: RegistriesKit, asked: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    await put_in_force(real, asked)
    before = real.shown()

    def full(*given: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        outcome = await admit(real, changed(asked, user="other"))
    assert "no space left on device" in outcome.message
    assert not isinstance(outcome, Done)
    assert real.shown() == before


async def test_no_secret_is_readable_or_told(real: RegistriesKit, asked: Registry, pems: Path) -> None:
    await put_in_force(real, asked, hub("https://a.example"))
    texts = [encode(await seen(real, asked)).decode(), repr(real.engine.configuration.values(asked))]
    texts.append((await admit(real, asked)).message)
    key = (pems / "client.key").read_text().splitlines()[1]
    for secret in (*SECRETS, key):
        assert not [text for text in texts if secret in text]
        for path, (mode, content) in real.shown().items():
            if secret.encode() in content:
                assert mode == 0o600, path
    state = real.shown()[str(real.state)]
    assert state[0] == 0o700
    assert {mode for path, (mode, _) in real.shown().items() if Path(path).parent == real.state} == {0o600}


async def test_the_copies_are_in_dockers_form(real: RegistriesKit, asked: Registry, tmp_path: Path) -> None:
    """Keys may have a path; Docker Hub has the key of Docker's files."""
    config = tmp_path / "config.json"
    config.write_text("{}")
    await put_in_force(
        real,
        asked,
        Registry("part", PART, user="ci", password_file=asked.password_file),
        Registry("hub", HUB, user="ci", password_file=asked.password_file),
        Registry("helped", "helped.example", helper="pass", realms=("a.example", "b.example")),
        Registry("filed", "filed.example/a", config=str(config)),
    )
    auth = {"auth": base64.b64encode(f"ci:{PASSWORD}".encode()).decode()}
    assert json.loads((real.state / "auth.json").read_text()) == {
        "auths": {HOST: auth, PART: auth, "https://index.docker.io/v1/": auth},
        "references": {"helped.example": "helper pass", "filed.example/a": f"config {config}"},
        "realms": {"helped.example": ["a.example", "b.example"]},
    }
    if "auth.json" in real.files:
        assert json.loads(real.files["auth.json"].read_text()) == {
            "auths": {HOST: auth, PART: auth, HUB: auth},
            "credHelpers": {"helped.example": "pass"},
        }
