"""A user's own Podman: registries are put in force where it looks, by a process of that user, without any setting."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from tests.engines.podman import Podman
from tests.engines.registry import Registry as RealRegistry

from evenkeel.controller.drivers.registries.choice import open_configuration
from evenkeel.controller.drivers.registries.podman import PodmanConfiguration
from evenkeel.controller.drivers.registries.podman_conf import NAME
from evenkeel.controller.drivers.registries.values import Printer, Values
from evenkeel.specs.codec import changed
from evenkeel.specs.registries.registry import Registry
from evenkeel.specs.settings.registries import RegistriesSettings

pytestmark = pytest.mark.engine


@contextmanager
def as_user(number: int) -> Iterator[None]:
    """This process has the rights of a user, and no others. Modules have to be loaded before."""
    os.setegid(number)
    os.seteuid(number)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)


def test_a_user_who_is_not_root(
    podman_without_root: Podman, registry: RealRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine, place = podman_without_root, f"127.0.0.1:{registry.port}"  # by this name nobody trusts it yet
    registry.push("web", "1")
    for name, value in engine.ground.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    user = engine.folder.stat().st_uid
    auth, configured = engine.folder / "runtime/containers/auth.json", engine.folder / ".config/containers"
    asked, values = Registry("private", place), Values(registry.user, registry.password, ca=registry.ca.read_bytes())
    with as_user(user):
        configuration = open_configuration("podman", engine.address, RegistriesSettings(), engine.folder / "state")
        assert isinstance(configuration, PodmanConfiguration)
        configuration.admit(asked, values, Printer(None))
    assert (auth.stat().st_uid, auth.stat().st_mode & 0o777) == (user, 0o600)
    assert (configured / "certs.d" / place / "evenkeel.crt").read_bytes() == values.ca
    pulled = engine.command("pull", f"{place}/web:1")
    assert pulled.returncode == 0, pulled.stderr
    auth.unlink()  # as after a boot
    with as_user(user):
        assert configuration.lost([place]) == {place: str(auth)}
        configuration.admit(asked, configuration.values(asked), Printer(None))
        assert configuration.lost([place]) == {}
    assert engine.command("login", "--get-login", place).stdout == f"{registry.user}\n"
    with as_user(user):
        configuration.admit(changed(asked, insecure=True), values._replace(insecure=True), Printer(None))
    info = engine.api("GET", "/v4.0.0/libpod/info")[1]["registries"]
    assert info[place]["Insecure"], "its service has read the file of the user again"
    with as_user(user):
        configuration.withdraw(place)
    drop_in = configured / "registries.conf.d" / NAME
    assert [path for path in (auth, configured / "certs.d", drop_in) if path.exists()] == []
