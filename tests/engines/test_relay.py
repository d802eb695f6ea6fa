"""The relay passes on what a broker had sent when it was killed."""

from __future__ import annotations

import socket
import struct

from .relay import Relay


def _killed(client: socket.socket, server: socket.socket) -> None:
    """As by SIGKILL while something is unread: the connection is reset."""
    client.sendall(b"not read by the broker")
    server.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    server.close()


def test_what_a_killed_broker_had_sent_is_heard_also_by_who_still_writes() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as broker,
        Relay(broker.getsockname()[1]) as relay,
        socket.create_connection(("127.0.0.1", relay.port), timeout=60) as client,
    ):
        server, _ = broker.accept()
        server.sendall(b"x" * 50_000)
        _killed(client, server)
        for _ in range(10):
            client.sendall(b"acknowledged")  # without the relay: a broken pipe
        heard = 0
        while piece := client.recv(65536):
            heard += len(piece)
        assert heard == 50_000


def test_a_client_is_told_that_there_is_no_broker_and_finds_it_later() -> None:
    with socket.create_server(("127.0.0.1", 0)) as broker:
        port = broker.getsockname()[1]
    with Relay(port) as relay:
        with socket.create_connection(("127.0.0.1", relay.port), timeout=60) as client:
            assert client.recv(1) == b""
        with (
            socket.create_server(("127.0.0.1", port)) as broker,
            socket.create_connection(("127.0.0.1", relay.port), timeout=60) as client,
        ):
            server, _ = broker.accept()
            with server:
                client.sendall(b"up")
                assert server.recv(2) == b"up"
                server.sendall(b"down")
                assert client.recv(4) == b"down"
