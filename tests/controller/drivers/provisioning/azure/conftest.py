"""The system's authorities are few here: reading all of a real machine's for each connection would be most of the work."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.engines.identities import Authority


@pytest.fixture(scope="module")
def few_authorities(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("authorities") / "ca.crt"
    path.write_bytes(Authority("of the system").certificate)
    return path


@pytest.fixture(autouse=True)
def _system(monkeypatch: pytest.MonkeyPatch, few_authorities: Path) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(few_authorities))
    monkeypatch.setenv("SSL_CERT_DIR", str(few_authorities.parent / "none"))
