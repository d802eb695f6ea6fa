"""A private D-Bus daemon: a system bus on a socket of its own, that a test may stop, kill, freeze and start again."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

_CONFIGURATION = """\
<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type>
  <listen>unix:path={socket}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/>
    <allow own="*"/>
    <allow send_type="method_call"/>
    <allow send_requested_reply="true" send_type="method_return"/>
    <allow send_requested_reply="true" send_type="error"/>
    <allow send_type="signal"/>
    <allow receive_sender="*"/>
    {denied}
  </policy>
</busconfig>
"""


class PrivateBus:
    """`address` stays the same over restarts, so that clients find it again. `denied`: names that nobody may call."""

    def __init__(self, folder: Path, denied: Sequence[str] = ()) -> None:
        self.socket = folder / "bus"
        self.address = f"unix:path={self.socket}"
        self._settings, self._log = folder / "bus.conf", folder / "bus.log"
        self._process: subprocess.Popen[bytes] | None = None
        rules = "\n    ".join(f'<deny send_destination="{name}" send_interface="{name}.Installer"/>' for name in denied)
        self._settings.write_text(_CONFIGURATION.format(socket=self.socket, denied=rules))

    def start(self) -> None:
        """Returns as soon as it accepts connections."""
        command = ["dbus-daemon", f"--config-file={self._settings}", "--nofork", "--nopidfile"]
        self.socket.unlink(missing_ok=True)
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        deadline = time.monotonic() + 60
        while not self._is_up():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"dbus-daemon did not start:\n{self._log.read_text()[-2000:]}")
            time.sleep(0.005)

    def _is_up(self) -> bool:
        with socket.socket(socket.AF_UNIX) as caller, contextlib.suppress(OSError):
            caller.connect(str(self.socket))
            return True
        return False

    def environment(self) -> dict[str, str]:
        """The environment of a program that takes this for the system bus."""
        return {**os.environ, "DBUS_SYSTEM_BUS_ADDRESS": self.address}

    def freeze(self) -> None:
        """From now on it accepts connections and passes nothing on, until `thaw`."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def kill(self) -> None:
        """SIGKILL: every connection ends."""
        self._signal(signal.SIGKILL)
        if self._process is not None:
            self._process.wait(60)
            self._process = None
        self.socket.unlink(missing_ok=True)

    def _signal(self, which: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(which)


@contextlib.contextmanager
def private_bus(denied: Sequence[str] = ()) -> Iterator[PrivateBus]:
    """A bus at work. The path of a socket is short: the folder is not one of pytest's."""
    folder = Path(tempfile.mkdtemp(prefix="ek-bus-"))
    bus = PrivateBus(folder, denied)
    try:
        bus.start()
        yield bus
    finally:
        bus.kill()
        shutil.rmtree(folder, ignore_errors=True)
