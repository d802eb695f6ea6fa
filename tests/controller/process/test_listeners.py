"""Who listens at a port of this machine, by the kernel's own tables."""

from __future__ import annotations

import socket
from pathlib import Path

from evenkeel.controller.process.listeners import listening, programs


def test_a_socket_is_found_with_the_program_that_holds_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        (found,) = (each for each in listening(Path("/proc/net")) if each.port == port)
        assert (found.protocol, found.address) == ("tcp", "127.0.0.1")
        assert programs([found.inode]) == {found.inode: Path("/proc/self/comm").read_text().strip()}
    assert not any(each.port == port and each.inode == found.inode for each in listening(Path("/proc/net")))


def test_nothing_is_looked_for_where_nothing_is_asked() -> None:
    assert programs([], Path("/nonexistent")) == {}
    assert list(listening(Path("/nonexistent"))) == []
