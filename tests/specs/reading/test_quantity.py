"""Sizes and durations: what is read, what is refused, and that printing and reading are inverse."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenkeel.specs.reading.quantity import (
    duration_text,
    fetched_text,
    parse_duration,
    parse_size,
    rough_size_text,
    size_text,
)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("64M", 64 * 1024**2),
        ("64m", 64 * 1024**2),
        ("1 G", 1024**3),
        ("1.5G", 3 * 1024**3 // 2),
        ("512k", 512 * 1024),
        ("0.1K", 102),
        ("0K", 0),
        ("1048576G", 1024**5),
    ],
)
def test_a_size_has_a_number_and_a_binary_unit(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize(
    "text",
    ["", "64", "10B", "10MB", "1z", "-1M", "1  M", " 1M", "1M\n", ".5M", "1.M", "٣M", "9" * 400 + "G", "2000000G"],
)
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected a size"):
        parse_size(text)


@given(st.integers(min_value=1, max_value=2**40))
def test_a_whole_number_of_kibibytes_survives_printing(kibibytes: int) -> None:
    assert parse_size(size_text(kibibytes * 1024)) == kibibytes * 1024


@pytest.mark.parametrize(
    ("size", "text"), [(1024**3, "1G"), (65536 * 1024, "64M"), (1536 * 1024**2, "1536M"), (0, "0B"), (1000, "1000B")]
)
def test_a_size_is_printed_in_its_largest_exact_unit(size: int, text: str) -> None:
    assert size_text(size) == text


@pytest.mark.parametrize(
    ("size", "text"),
    [(43_200_000, "43 MB"), (4_320_000, "4.3 MB"), (999, "999 B"), (1_500, "1.5 kB"), (2 * 10**9, "2.0 GB")],
)
def test_traffic_is_printed_roughly(size: int, text: str) -> None:
    assert rough_size_text(size) == text


@pytest.mark.parametrize(
    ("text", "duration"),
    [
        ("30s", timedelta(seconds=30)),
        ("1m30s", timedelta(seconds=90)),
        ("3m0s", timedelta(minutes=3)),
        ("500ms", timedelta(milliseconds=500)),
        ("1h", timedelta(hours=1)),
        ("1.5s", timedelta(seconds=1.5)),
        ("250us", timedelta(microseconds=250)),
        ("0s", timedelta(0)),
    ],
)
def test_a_duration_has_gos_form(text: str, duration: timedelta) -> None:
    assert parse_duration(text) == duration


@pytest.mark.parametrize("text", ["", "30", "1 m", "-5s", "s", "1d", "30s\n", "1s" * 100, "100000h", "٣s"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected a duration"):
        parse_duration(text)


@given(st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=3650)))
def test_a_duration_survives_printing(duration: timedelta) -> None:
    assert parse_duration(duration_text(duration)) == duration


@pytest.mark.parametrize(
    ("done", "total", "seconds", "text"),
    [
        (43_200_000, 60_000_000, 20.0, "43 MB of 60 MB, 2.2 MB/s"),
        (43_200_000, 0, 20.0, "43 MB, 2.2 MB/s"),
        (500, 60_000_000, 0.4, "500 B of 60 MB"),
        (0, 60_000_000, 20.0, "0 B of 60 MB"),
    ],
)
def test_what_was_fetched_is_told_with_its_rate(done: int, total: int, seconds: float, text: str) -> None:
    assert fetched_text(done, total, seconds) == text
