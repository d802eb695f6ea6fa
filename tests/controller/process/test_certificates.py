"""When certificates begin and end, as openssl has it."""

from __future__ import annotations

import subprocess
import time
from email.utils import parsedate_to_datetime
from pathlib import Path

import pytest

from evenkeel.controller.process.certificates import ends, periods


def test_both_ends_are_those_that_openssl_tells(tmp_path: Path) -> None:
    file = tmp_path / "c.pem"
    make = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
        "-days",
        "9",
    ]
    make += ["-subj", "/CN=x", "-keyout", str(tmp_path / "k.pem"), "-out", str(file)]
    subprocess.run(make, check=True, capture_output=True)
    ((begin, end),) = periods(file.read_bytes())
    assert end - begin == 9 * 86400
    assert abs(begin - time.time()) < 3600
    told = subprocess.run(
        ["openssl", "x509", "-enddate", "-noout", "-in", str(file)], check=True, capture_output=True, text=True
    )
    month, day, hour, year, _ = told.stdout.partition("=")[2].split()
    assert parsedate_to_datetime(f"{day} {month} {year} {hour} +0000").timestamp() == end
    assert ends(file.read_bytes() * 2) == (end, end)


@pytest.mark.parametrize(
    "content", [b"", b"nothing", b"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"]
)
def test_content_without_a_certificate_is_an_error(content: bytes) -> None:
    with pytest.raises(ValueError, match="certificate"):
        periods(content)
