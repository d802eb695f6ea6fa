"""Which clock the real one is."""

from __future__ import annotations

import time

import pytest

from evenkeel.controller.process.clock import system_clock


def test_the_time_since_boot_does_not_follow_the_time_of_day(monkeypatch: pytest.MonkeyPatch) -> None:
    """F-11: who sets the clock of a device by ten years neither ends nor prolongs anything."""
    before = system_clock()
    real = time.clock_gettime
    ten_years = 10 * 365 * 86400.0
    monkeypatch.setattr(time, "time", lambda: before.up_s + ten_years)
    monkeypatch.setattr(
        time, "clock_gettime", lambda clock: real(clock) + (ten_years if clock == time.CLOCK_REALTIME else 0.0)
    )
    after = system_clock()
    assert after.boot == before.boot != ""
    assert 0 <= after.up_s - before.up_s < 3600
