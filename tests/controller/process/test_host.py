"""What is read of the host, against a host that the test knows."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

from evenkeel.controller.process.host import look_around
from evenkeel.reconcilers.containers.foresight import Host, Listener

LISTENER = "import socket, sys; s = socket.create_server(sys.argv[1], family=socket.AF_UNIX); print(); sys.stdin.read()"


def test_paths_and_listeners(tmp_path: Path) -> None:
    with (
        socket.create_server(str(tmp_path / "engine"), family=socket.AF_UNIX),
        socket.create_server(("127.0.0.53", 0)) as four,
        socket.create_server(("0.0.0.0", 0)) as all_of_four,
        socket.create_server(("::1", 0), family=socket.AF_INET6) as six,
        socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True) as both,
        socket.create_server(("::ffff:127.0.0.1", 0), family=socket.AF_INET6, dualstack_ipv6=True) as mapped,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams,
        socket.create_connection(four.getsockname()) as client,
    ):
        datagrams.bind(("127.0.0.1", 0))
        host = look_around(str(tmp_path / "engine"), [str(tmp_path), str(tmp_path / "missing")])
        assert host.absent == (str(tmp_path / "missing"),)
        listening = {
            Listener("tcp", "127.0.0.53", four.getsockname()[1]),
            Listener("tcp", "::1", six.getsockname()[1]),
            Listener("tcp", "::", both.getsockname()[1]),
            Listener("tcp", "127.0.0.1", mapped.getsockname()[1]),
            Listener("tcp", "0.0.0.0", all_of_four.getsockname()[1]),
            Listener("udp", "127.0.0.1", datagrams.getsockname()[1]),
        }
        assert listening <= set(host.listeners)
        connected = client.getsockname()[1]
        assert connected not in {each.number for each in host.listeners}, "a connection listens for nobody"


def test_of_an_engine_that_sees_another_host_nothing_is_said(tmp_path: Path) -> None:
    command = ["unshare", "--mount", "--net", sys.executable, "-c", LISTENER, str(tmp_path / "engine")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as engine:
        assert engine.stdout is not None
        engine.stdout.readline()
        host = look_around(str(tmp_path / "engine"), [str(tmp_path / "missing")])
        assert (host.absent, host.listeners) == ((), ())
        engine.communicate()


def test_without_an_engine_nothing_is_said(tmp_path: Path) -> None:
    host = look_around(str(tmp_path / "engine"), [str(tmp_path / "missing")])
    assert host._replace(least_memory=0) == Host()
