"""One QEMU as a device: its disk, its console, a shell on its second serial line, and its power switch.

Emulation is plain (`accel=tcg`): a machine of the tests has no KVM that a stock kernel can use. A reboot ends this QEMU and
begins another one, because under emulation that is faster than a reset in place: translated code of the former boot slows down
every write of the next one. The network is closed but for single addresses (`restrict=on`): otherwise QEMU shows all services
on the loopback of this machine to the guest.
"""

from __future__ import annotations

import contextlib
import itertools
import re
import socket
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

SERVER, BROKER = "10.0.2.100:8080", "10.0.2.100:1883"
"""Where the guest finds the server of bundles, and the broker."""
PATIENCE_S = 240.0
_UP = re.compile(r"UP slot=(\S+) version=(\S+)")


class Guest:
    """`disk`: qcow2, written to. `folder`: for console and sockets; a short path, for the sake of sockets. `reaches`: the ports
    of this machine that the guest reaches, by its addresses for them."""

    def __init__(self, disk: Path, folder: Path, reaches: Mapping[str, int]) -> None:
        self._folder, self._console = folder, folder / "console.log"
        self._console.write_bytes(b"")
        self._seen = 0
        self._marks = itertools.count()
        self._process: subprocess.Popen[bytes] | None = None
        self._shell = socket.socket(socket.AF_UNIX)
        forward = ",".join(
            f"guestfwd=tcp:{address}-cmd:socat -b 262144 - TCP:127.0.0.1:{port},,nodelay"
            for address, port in reaches.items()
        )
        self._command = (
            *("qemu-system-x86_64", "-M", "pc", "-accel", "tcg,thread=multi", "-cpu", "Nehalem,+rdrand"),
            *(
                "-m",
                "512",
                "-smp",
                "2",
                "-action",
                "reboot=shutdown",
                "-nodefaults",
                "-display",
                "none",
                "-no-user-config",
            ),
            *("-drive", f"file={disk},if=none,id=disk,format=qcow2,cache=unsafe,discard=unmap"),
            *("-device", "virtio-blk-pci,drive=disk,bootindex=0", "-device", "virtio-rng-pci"),
            *("-netdev", f"user,id=net,restrict=on,{forward}", "-device", "virtio-net-pci,netdev=net,romfile="),
            *("-chardev", f"file,id=console,path={self._console},append=on", "-serial", "chardev:console"),
            *("-chardev", f"socket,id=shell,path={folder}/shell,server=on,wait=off", "-serial", "chardev:shell"),
        )

    # ── power ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def start(self) -> None:
        self._shell.close()
        (self._folder / "shell").unlink(missing_ok=True)
        with (self._folder / "qemu.log").open("ab") as out:
            self._process = subprocess.Popen(self._command, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        deadline = time.monotonic() + PATIENCE_S
        while True:
            self._shell = socket.socket(socket.AF_UNIX)
            try:
                self._shell.connect(str(self._folder / "shell"))
            except OSError:
                self._shell.close()
                assert self._process.poll() is None, (self._folder / "qemu.log").read_text()
                assert time.monotonic() < deadline, "QEMU has no shell"
                time.sleep(0.02)
            else:
                return

    def cut(self) -> None:
        """Cut the power. What the guest has written to its disk stays, what it holds in memory does not."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        self._shell.close()

    # ── console ────────────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def console(self) -> str:
        """All that it has said since the first start."""
        return self._console.read_text(errors="replace")

    def wait(self, pattern: str | re.Pattern[str]) -> re.Match[str]:
        """The next match on the console, after the one before. A guest that reboots meanwhile is started again."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            text = self.console
            if found := re.compile(pattern).search(text, self._seen):
                self._seen = found.end()
                return found
            self._go_on()
            assert time.monotonic() < deadline, f"not within {PATIENCE_S:g} s: {pattern}\n{text[-3000:]}"
            time.sleep(0.05)

    def up(self) -> tuple[str, str]:
        """Wait until a system is up: the name of its slot, and its version."""
        found = self.wait(_UP)
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            mark = next(self._marks)
            with contextlib.suppress(TimeoutError):
                self._shell.sendall(f"\necho R''EADY{mark}\n".encode())
                self._read(rf"READY{mark}\n", 1.0)
                return found[1], found[2]
        raise AssertionError(f"no shell answers\n{self.console[-3000:]}")

    def _go_on(self) -> None:
        assert self._process is not None
        if self._process.poll() is None:
            return
        assert self._process.returncode == 0, (self._folder / "qemu.log").read_text()
        self.start()

    # ── shell ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def run(self, command: str, *, timeout_s: float = PATIENCE_S) -> tuple[int, str]:
        """The exit code of a command of the guest's root, and all that it has written."""
        mark = next(self._marks)
        self._shell.sendall(f"echo B''EGIN{mark}; {{ {command}\n}} 2>&1 </dev/null; echo E''ND{mark} $?\n".encode())
        found = self._read(rf"BEGIN{mark}\n(.*?)END{mark} (\d+)\n", timeout_s)
        return int(found[2]), found[1]

    def check(self, command: str) -> str:
        """What a command has written that has to succeed."""
        code, text = self.run(command)
        assert code == 0, f"{command}: {code}\n{text}"
        return text

    def _read(self, pattern: str, timeout_s: float) -> re.Match[str]:
        deadline, text = time.monotonic() + timeout_s, ""
        while True:
            if found := re.search(pattern, text, re.DOTALL):
                return found
            self._shell.settimeout(max(0.05, deadline - time.monotonic()))
            part = self._shell.recv(65536)
            if not part:
                raise ConnectionError(f"the guest is gone; it said {text[-1000:]!r}")
            text += part.decode(errors="replace").replace("\r\n", "\n")
