"""A private mosquitto: a plain listener on a loopback port, that a test may stop, kill and start again.

Its port and its folder stay the same, so that clients find it again; with `persistent` also sessions, queued messages
and retained ones (mosquitto writes them when it is stopped, not when it is killed). `users` (name → password) are the only
ones let in. With `secure` there are more listeners: TLS, WebSocket, and both together, TLS for who has a certificate of the
CA only; the files of `make_certificates` lie in its folder.
"""

import contextlib
import json
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

import paho.mqtt.client as mqtt

from .certificates import make_certificates
from .machine import free_port

_CONTROL = "$CONTROL/dynamic-security/v1"


def _plugin() -> Path:
    """Where Debian puts it."""
    return next(Path("/usr/lib").glob("*/mosquitto_dynamic_security.so"))


class Broker:
    def __init__(
        self,
        folder: Path,
        *,
        persistent: bool = False,
        settings: str = "",
        users: dict[str, str] | None = None,
        secure: bool = False,
        hearable: Sequence[str] | None = None,
    ) -> None:
        self.folder = folder
        self.address, self.port = "127.0.0.1", free_port()
        self.log = folder / "mosquitto.log"
        self._process: subprocess.Popen[bytes] | None = None
        lines = [
            f"listener {self.port} {self.address}",
            f"allow_anonymous {str(users is None).lower()}",
            "user root",
            f"persistence {str(persistent).lower()}",
            f"persistence_location {folder}/",
            "set_tcp_nodelay true",
            settings,
        ]
        if users is not None:
            lines.append(f"password_file {self._passwords(users)}")
        if hearable is not None:
            lines += [f"plugin {_plugin()}", f"plugin_opt_config_file {self._access(hearable)}"]
        if secure:
            self.tls_port, self.ws_port, self.wss_port = free_port(), free_port(), free_port()
            make_certificates(folder)
            tls = [f"cafile {folder}/ca.crt", f"certfile {folder}/server.crt", f"keyfile {folder}/server.key"]
            tls.append("require_certificate true")
            # behind the plain one: Debian's 2.0.11 does not start with listeners for WebSocket only
            lines += [f"listener {self.tls_port} {self.address}", *tls]
            lines += [f"listener {self.ws_port} {self.address}", "protocol websockets"]
            lines += [f"listener {self.wss_port} {self.address}", "protocol websockets", *tls]
        (folder / "mosquitto.conf").write_text("\n".join(lines) + "\n")

    def start(self) -> None:
        """Returns as soon as it accepts connections."""
        program = shutil.which("mosquitto") or "/usr/sbin/mosquitto"
        with self.log.open("ab") as log:
            command = [program, "-v", "-c", str(self.folder / "mosquitto.conf")]
            self._process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        deadline = time.monotonic() + 60
        while True:
            with contextlib.suppress(OSError), socket.create_connection((self.address, self.port), timeout=10):
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

    def _passwords(self, users: dict[str, str]) -> Path:
        file = self.folder / "passwords"
        file.write_text("")
        for name, password in users.items():
            subprocess.run(["mosquitto_passwd", "-b", str(file), name, password], check=True, timeout=60)
        return file

    def reload(self) -> None:
        """Read the files that the settings name again."""
        self._signal(signal.SIGHUP)

    def set_users(self, users: dict[str, str]) -> None:
        """From now on, and without a restart, these are let in."""
        self._passwords(users)
        self._signal(signal.SIGHUP)

    def _access(self, hearable: Sequence[str]) -> Path:
        """Everybody may publish everything, change the rules, and hear what is `hearable`."""
        may = [*(("subscribeLiteral", topic) for topic in hearable), ("publishClientSend", _CONTROL)]
        rules = [{"acltype": what, "topic": topic, "priority": 0, "allow": True} for what, topic in may]
        access = {
            "defaultACLAccess": {
                "publishClientSend": True,
                "publishClientReceive": True,
                "subscribe": False,
                "unsubscribe": True,
            },
            "roles": [{"rolename": "anybody", "acls": rules}],
            "groups": [{"groupname": "anybody", "roles": [{"rolename": "anybody"}]}],
            "anonymousGroup": "anybody",
            "clients": [],
        }
        file = self.folder / "dynamic-security.json"
        file.write_text(json.dumps(access))
        return file

    def allow_all_topics(self) -> None:
        """From now on, without a restart and without ending a connection, everything may be subscribed to."""
        acls = [{"acltype": "subscribe", "allow": True}]
        command = json.dumps({"commands": [{"command": "setDefaultACLAccess", "acls": acls}]})
        tool = ["mosquitto_pub", "-p", str(self.port), "-q", "1", "-t", _CONTROL, "-m", command]
        subprocess.run(tool, check=True, timeout=60)

    def _signal(self, which: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(which)

    def _end(self, how: signal.Signals) -> None:
        """Mosquitto forgets a signal that comes while it starts, also when it listens already; so it gets another one."""
        if self._process is not None:
            for _ in range(60):
                self._process.send_signal(how)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self._process.wait(1)
                    break
            self._process = None if self._process.poll() is not None else self._process


def leave(client: mqtt.Client) -> None:
    """Disconnect a client with a thread of its own, and leave no socket behind."""
    client.disconnect()
    with contextlib.suppress(AttributeError):  # paho 2.2 forgets a thread that ends at this very moment, and joins it
        client.loop_stop()
    client.reinitialise()
    client._reset_sockets()  # reinitialising makes new ones
