"""paho's client, which reads a packet of any size without keeping it, and resolves names without tables.

With MQTT 5 a broker is told how large a packet may be. With 3.1.1 it is not, and paho keeps a packet until it is whole,
up to 256 MiB. The connection is not ended for such a packet: the broker would deliver it again at once, and nothing
behind it would ever arrive. The packet is read to its end, but only its beginning is handed on, and it can be
acknowledged.

paho has no public way to do this. It reads every piece of a packet with `_sock_recv`, which is asked for all that is
left of the packet. tests/controller/mqtt/test_link.py fails when that changes.
"""

from __future__ import annotations

import socket
from typing import Self

from paho.mqtt.client import Client

_PIECE = 64 * 1024
_KEPT = 256 * 1024
"""The bytes that are kept of a packet that is too large: the longest topic, properties, and enough to answer its
sender."""


class _Dropped(bytes):
    """Bytes that were read and dropped; only their number is kept."""

    _size: int

    def __new__(cls, size: int) -> Self:
        dropped = super().__new__(cls)
        dropped._size = size
        return dropped

    def __len__(self) -> int:
        return self._size


class BoundedClient(Client):
    """`most_bytes`: the largest packet that is kept whole. No `__init__`: paho calls it again to give back what it
    holds."""

    most_bytes = _KEPT
    _size = _dropped = 0

    def _sock_recv(self, bufsize: int) -> bytes:
        if not self._size and bufsize <= max(self.most_bytes, _KEPT):
            return super()._sock_recv(bufsize)
        if not self._size:
            self._size, self._dropped = bufsize, 0
        handed_on = self._size - bufsize
        piece = super()._sock_recv(min(bufsize, _PIECE))
        if len(piece) == bufsize:
            self._size = 0
        if handed_on < _KEPT:
            return piece
        self._dropped += len(piece)
        return _Dropped(len(piece)) if piece else piece

    def _create_socket_connection(self) -> socket.socket:
        """As paho. For a name that is `str` Python loads the tables of international names (0.3 MiB), also for ASCII."""
        if not self._host.isascii() or self._get_proxy() is not None:
            return super()._create_socket_connection()
        address, source = (self._host.encode(), self._port), (self._bind_address, self._bind_port)
        return socket.create_connection(address, self._connect_timeout, source)  # type: ignore[arg-type]

    def take_dropped(self) -> int:
        """The number of bytes that are missing at the end of the present packet."""
        dropped, self._dropped = self._dropped, 0
        return dropped
