"""What a command that waits says it waits for."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from tests.until import soon

from evenkeel.controller.cli import reaching
from evenkeel.controller.cli.reaching import awaiting_engine
from evenkeel.controller.settings.credentials import credentials_for
from evenkeel.specs.settings.settings import Settings


async def test_a_credential_helper_that_is_waited_for_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """R9: `plan` said that it waited for the engine. Each is named once, also when it is a while until the next."""
    monkeypatch.setattr(reaching, "_ENGINE_QUIET_S", 0.01)
    program = tmp_path / "docker-credential-slow"
    program.write_text(f"#!/bin/sh\nwhile [ ! -e {tmp_path}/enough ]; do sleep 0.05; done\necho '{{}}'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    (tmp_path / "config.json").write_text(json.dumps({"credsStore": "slow"}))
    said = ""

    def has_said(text: str) -> bool:
        nonlocal said
        said += capsys.readouterr().err
        return text in said

    settings = Settings()
    engine = f"waiting for the engine at {settings.engine.address} …\n"
    helper = "waiting for the credential helper docker-credential-slow …\n"
    with awaiting_engine(settings):
        await soon(lambda: has_said(engine))
        asking = asyncio.create_task(credentials_for("ghcr.io", tmp_path / "config.json"))
        await soon(lambda: has_said(helper))
        (tmp_path / "enough").touch()
        await asking
        await soon(lambda: has_said(engine + helper + engine))
    await asyncio.sleep(0.05)
    assert not has_said("never")
    assert said == engine + helper + engine
