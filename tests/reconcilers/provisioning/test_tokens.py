"""When a doctor tells of the end of a token: by the time that is left, and that it had when it was written."""

from __future__ import annotations

import pytest

from evenkeel.reconcilers.provisioning.observation import token_text
from evenkeel.specs.provisioning.observed import AzureSeen, ProvisionedSeen
from evenkeel.specs.provisioning.provisioning import DAY_S, Azure, Provisioning

HOUR_S, WRITTEN_S = 3600.0, 1_900_000_000.0
WANTED = Provisioning("azure", "/data", azure=Azure(connection_string="/data/connection"))


def told(lives_s: float, left_s: float, written_s: float = WRITTEN_S) -> str:
    ends_s = WRITTEN_S + lives_s
    there = ProvisionedSeen("azure", WANTED, azure=AzureSeen(by="token", ends_s=ends_s, written_s=written_s))
    return token_text(there, ends_s - left_s)


@pytest.mark.parametrize(
    ("lives_s", "quiet_s", "soon_s", "ends"),
    [
        (365 * DAY_S, 7.01 * DAY_S, 6.99 * DAY_S, "ends in 7 d"),
        (6 * DAY_S, 2.01 * DAY_S, 1.99 * DAY_S, "ends in 48 h"),
        (HOUR_S, 0.34 * HOUR_S, 0.33 * HOUR_S, "ends in 20 min"),
        (HOUR_S, 0.34 * HOUR_S, 0.0, "ended"),
    ],
)
def test_a_token_is_told_of_in_its_last_week_or_third(lives_s: float, quiet_s: float, soon_s: float, ends: str) -> None:
    assert told(lives_s, quiet_s) == ""
    assert told(lives_s, soon_s) == f"token that {ends}; write a connection string with a new one into /data/connection"


def test_a_token_that_is_renewed_each_hour_is_never_told_of() -> None:
    assert [told(HOUR_S, left_s) for left_s in (HOUR_S, 0.9 * HOUR_S, 0.5 * HOUR_S)] == ["", "", ""]


@pytest.mark.parametrize("written_s", [0.0, WRITTEN_S + 90 * DAY_S])
def test_where_nobody_knows_when_it_was_written_a_week_counts(written_s: float) -> None:
    """A device without a clock has written it in 1970; a file of the future was written by a wrong clock, too."""
    assert told(30 * DAY_S, 7.01 * DAY_S, written_s) == ""
    assert told(30 * DAY_S, 6.99 * DAY_S, written_s) != ""
