"""What `apply` says last."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from evenkeel.controller.cli.apply import _verdict
from evenkeel.controller.cycle.endings import Settled
from evenkeel.controller.journal.journal import open_journal
from evenkeel.specs.feedback import Condition
from evenkeel.specs.settings.settings import Settings


def test_what_was_set_aside_is_named_beside_who_is_not_well(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    why = "web: the newest image was tried and failed"
    with closing(open_journal(tmp_path)) as journal:
        journal.set_condition(Condition("ContentCurrent", False, "SetAside", why))
        code = _verdict(Settings(state=str(tmp_path)), Settled(unwell={"app": "fails its health check"}), journal, [])
    assert code == 1
    assert capsys.readouterr().err == f"Not done: {why}\nNot well either: app fails its health check\n"
