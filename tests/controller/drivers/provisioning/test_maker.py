"""A maker in a process of its own makes the same as one within this process, and leaves nothing behind but its answer."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest
from tests.until import until

from evenkeel.controller.drivers.provisioning.certificates import Certificates
from evenkeel.controller.drivers.provisioning.maker import MakerApart
from evenkeel.controller.drivers.provisioning.ports import Pair
from evenkeel.specs.errors import Refused, TimedOut, Unavailable
from evenkeel.specs.provisioning.pair import Subject

from .openssl import DAY_S, DEVICE, NOW_S, authority

SUBJECT = Subject(DEVICE, NOW_S, NOW_S + DAY_S)
HERE = Certificates()


def children() -> set[str]:
    return set(" ".join(path.read_text() for path in Path("/proc/self/task").glob("*/children")).split())


def instead(folder: Path, monkeypatch: pytest.MonkeyPatch, source: str) -> None:
    """Another library in the place of the real one, for processes that begin now."""
    (folder / "cryptography.py").write_text(source)
    monkeypatch.setenv("PYTHONPATH", str(folder))


def test_every_call_comes_back_whole(tmp_path: Path) -> None:
    apart, above = MakerApart(), authority(tmp_path, "root")
    before = children()
    made = apart.signed("ec-p256", SUBJECT, above)
    seen = apart.inspect(made)
    assert seen == HERE.inspect(made)
    assert (seen.fault, seen.name, seen.issuer) == ("", DEVICE, "root")
    assert apart.authority(above, (made.certificate,)) == HERE.authority(above, (made.certificate,))
    assert HERE.inspect(apart.self_signed("ec-p256", SUBJECT)).fault == ""
    asked = apart.request("ec-p256", DEVICE, made.key)
    assert asked.key == made.key
    assert asked.certificate.startswith(b"-----BEGIN CERTIFICATE REQUEST-----")
    assert children() == before


def test_a_reason_comes_back_as_one() -> None:
    with pytest.raises(ValueError, match="the common name of a certificate has 1 to 64 characters, and the id has 0"):
        MakerApart().self_signed("ec-p256", Subject("", 0.0, 1.0))


def test_who_only_asks_loads_no_cryptography() -> None:
    source = "import sys, evenkeel.controller.drivers.provisioning.maker as it; print('cryptography' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_a_library_that_is_missing_is_told_with_the_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    instead(tmp_path, monkeypatch, "raise ModuleNotFoundError(\"No module named 'cryptography'\", name='cryptography')")
    with pytest.raises(Refused, match=r"install it with `pip install 'evenkeel\[identity\]'`"):
        MakerApart().inspect(Pair(b"", b""))


def test_nobody_sees_a_key_from_outside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = HERE.self_signed("ec-p256", SUBJECT)
    watching = "import pathlib, sys; me = pathlib.Path('/proc/self')\n"
    watching += "seen = (me / 'cmdline').read_bytes() + (me / 'environ').read_bytes()\n"
    watching += "seen += b' '.join(str(each.resolve()).encode() for each in (me / 'fd').iterdir())\n"
    watching += f"pathlib.Path({str(tmp_path)!r}, 'seen').write_bytes(seen)\n"
    instead(tmp_path, monkeypatch, f"{watching}raise RuntimeError(sys.stdin.read())")
    with pytest.raises(Unavailable) as caught:
        MakerApart().inspect(made)
    assert str(caught.value) == "certificates: the process for certificates ended with 1 (RuntimeError), and no answer"
    seen = (tmp_path / "seen").read_bytes()
    assert b"evenkeel.controller.drivers.provisioning.maker" in seen
    assert not [line for line in made.key.splitlines()[1:-1] if line in seen]


def test_one_that_takes_too_long_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    instead(tmp_path, monkeypatch, "import time; time.sleep(60)")
    before = children()
    with pytest.raises(TimedOut, match="not made within"):
        MakerApart(patience_s=0.05).inspect(Pair(b"", b""))
    assert children() == before


def test_calls_under_way_can_be_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    instead(tmp_path, monkeypatch, f"open({str(tmp_path / 'begun')!r}, 'w').close()\nimport time; time.sleep(60)")
    apart, told = MakerApart(), list[str]()

    def call() -> None:
        with pytest.raises(Unavailable) as caught:
            apart.inspect(Pair(b"", b""))
        told.append(str(caught.value))

    thread = threading.Thread(target=call)
    thread.start()
    until(lambda: (tmp_path / "begun").exists())
    apart.end()
    thread.join(10)
    assert told == ["certificates: the process for certificates ended with -9, and no answer"]
