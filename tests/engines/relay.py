"""Between a client and a broker that is killed: what the broker had sent arrives all the same.

A client that writes into a connection which the other end has reset drops it, and with it what it has not read yet. Of an
acknowledged message a killed mosquitto keeps nothing but that: it sends a message to whoever is connected, acknowledges it to
its publisher, and saves it only with a later change. A client behind a relay has no such connection, and hears everything.
"""

from __future__ import annotations

import socket
import threading
from contextlib import suppress

_PIECE = 65536


class Relay:
    """`with Relay(broker_port) as relay`: a client finds the broker at `relay.port`. In threads of its own."""

    def __init__(self, broker_port: int) -> None:
        self._broker_port = broker_port
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self._sockets: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept, name="relay")]

    def __enter__(self) -> Relay:
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)  # wakes the thread that accepts
        self._threads[0].join(60)
        for each in self._sockets:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        for thread in self._threads[1:]:
            thread.join(60)
        for each in [self._listening, *self._sockets]:
            each.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                self._sockets.append(client)
                try:
                    broker = socket.create_connection(("127.0.0.1", self._broker_port))
                except OSError:
                    client.close()
                    continue
                self._sockets.append(broker)
                for work in (_pass_up, _pass_down):
                    thread = threading.Thread(target=work, args=(client, broker), name="relay")
                    self._threads.append(thread)
                    thread.start()


def _pass_up(client: socket.socket, broker: socket.socket) -> None:
    """What a broker that is dead does not take is lost, as on any connection; the client is read on, so that it is never told
    by a reset."""
    with suppress(OSError):
        while piece := client.recv(_PIECE):
            with suppress(OSError):
                broker.sendall(piece)
    with suppress(OSError):
        broker.shutdown(socket.SHUT_WR)


def _pass_down(client: socket.socket, broker: socket.socket) -> None:
    """Until the broker has ended and all that it sent is passed on."""
    with suppress(OSError):
        while piece := broker.recv(_PIECE):
            client.sendall(piece)
    with suppress(OSError):
        client.shutdown(socket.SHUT_WR)
