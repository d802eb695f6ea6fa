"""A private mosquitto: a plain listener on a loopback port, that a test may stop, kill and start again.

Its port and its folder stay the same, so that clients find it again; with `persistent` also sessions, queued messages
and retained ones (mosquitto writes them when it is stopped, not when it is killed).
"""

import contextlib
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

from .registry import free_port


class Broker:
    def __init__(self, folder: Path, *, persistent: bool = False, settings: str = "") -> None:
        self.folder = folder
        self.address, self.port = "127.0.0.1", free_port()
        self.log = folder / "mosquitto.log"
        self._process: subprocess.Popen[bytes] | None = None
        lines = [
            f"listener {self.port} {self.address}",
            "allow_anonymous true",
            "user root",
            f"persistence {str(persistent).lower()}",
            f"persistence_location {folder}/",
            "set_tcp_nodelay true",
            settings,
        ]
        (folder / "mosquitto.conf").write_text("\n".join(lines) + "\n")

    def start(self) -> None:
        """Returns as soon as it accepts connections."""
        program = shutil.which("mosquitto") or "/usr/sbin/mosquitto"
        with self.log.open("ab") as log:
            command = [program, "-v", "-c", str(self.folder / "mosquitto.conf")]
            self._process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        deadline = time.monotonic() + 10
        while True:
            with contextlib.suppress(OSError), socket.create_connection((self.address, self.port), timeout=1):
                return
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"mosquitto did not start:\n{self.log.read_text()[-2000:]}")
            time.sleep(0.02)

    def stop(self) -> None:
        """SIGTERM: clients are disconnected, sessions are written if it is persistent."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL."""
        self._end(signal.SIGKILL)

    def restart(self) -> None:
        self.stop()
        self.start()

    def freeze(self) -> None:
        """From now on it answers nothing, and connections stay open: what a broken network looks like."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def close(self) -> None:
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _signal(self, which: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(which)

    def _end(self, how: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(10)
            self._process = None
