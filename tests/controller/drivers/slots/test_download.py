"""Downloads over real connections, from servers with every bad habit."""

from __future__ import annotations

import asyncio
import hashlib
import os
import random
import re
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from tests.engines.bundle_server import BundleServer, bundle_server
from tests.engines.certificates import make_certificates
from tests.engines.machine import free_port
from tests.until import soon

from evenkeel.controller.drivers.slots import download as downloading
from evenkeel.controller.drivers.slots import server as asking
from evenkeel.controller.drivers.slots.download import Patience
from evenkeel.controller.drivers.slots.partial import Partial
from evenkeel.controller.drivers.slots.store import FolderStore
from evenkeel.specs.errors import Refused, Unavailable
from evenkeel.specs.slots.observed import BundleSeen
from evenkeel.specs.slots.system import OperatingSystem

CONTENT = random.Random(7).randbytes(3 * 1024**2)
OTHER = random.Random(8).randbytes(3 * 1024**2)
SHA256 = hashlib.sha256(CONTENT).hexdigest()
QUICK = Patience(tries=3, pause_s=0.01, longest_pause_s=0.02)


def silent(message: str, done: int, total: int) -> None:
    """Nobody looks at the progress."""


def append_zeros(path: str) -> None:
    """As a file system leaves what was allocated and not written."""
    with Path(path).open("ab") as file:
        file.write(bytes(100_000))


def length(path: str) -> int:
    return Path(path).stat().st_size if Path(path).exists() else 0


@pytest.fixture
def server() -> Iterator[BundleServer]:
    with bundle_server(CONTENT) as it:
        yield it


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path / "bundles", QUICK)


def system(server: BundleServer, **more: Any) -> OperatingSystem:
    return OperatingSystem(**{"name": "os", "version": "1.5.0", "bundle": server.url, **more})


def stored(store: FolderStore, it: OperatingSystem) -> bytes:
    return Path(store.path(it.key)).read_bytes()


async def test_a_bundle_is_fetched_once(server: BundleServer, store: FolderStore) -> None:
    it, heard = system(server, sha256=SHA256), list[tuple[int, int]]()
    assert await store.fetch(it, lambda message, done, total: heard.append((done, total))) == len(CONTENT)
    assert stored(store, it) == CONTENT
    assert heard[-1] == (len(CONTENT), len(CONTENT))
    assert [done for done, _ in heard] == sorted(done for done, _ in heard)
    assert store.bundles() == (BundleSeen(it.key, len(CONTENT), is_complete=True),)
    assert await store.fetch(it, silent) == len(CONTENT)
    assert len(server.asked) == 1
    assert "range" not in server.asked[0].headers


async def test_a_cut_connection_is_gone_on_with(server: BundleServer, store: FolderStore) -> None:
    server.habits.cuts = [1_000_000, 700_000, 900_000]
    it = system(server)
    await store.fetch(it, silent)
    assert stored(store, it) == CONTENT
    assert server.sent == len(CONTENT)  # no byte came twice
    assert [request.headers.get("range") for request in server.asked[1:]] == [
        f"bytes={at}-" for at in (1_000_000, 1_700_000, 2_600_000)
    ]


async def test_a_truncated_body_is_never_a_success(server: BundleServer, store: FolderStore) -> None:
    """The Self Update Agent takes HTTP 200 for one (A17)."""
    server.habits.cuts, server.habits.ranges = [1000] * 9, False
    it = system(server)
    with pytest.raises(Unavailable, match="ended the connection early"):
        await store.fetch(it, silent)
    assert not any(bundle.is_complete for bundle in store.bundles())


async def test_a_download_goes_on_after_a_restart(server: BundleServer, store: FolderStore, tmp_path: Path) -> None:
    server.habits.stalls = [2_000_000]
    it = system(server)
    fetching = asyncio.create_task(store.fetch(it, silent))
    await soon(lambda: server.sent >= 2_000_000)
    await soon(lambda: length(f"{store.path(it.key)}.part") >= 1024**2)
    fetching.cancel()
    with suppress(asyncio.CancelledError):
        await fetching
    (seen,) = store.bundles()
    assert (seen.key, seen.is_complete) == (it.key, False)
    assert seen.size >= 1024**2
    assert await FolderStore(tmp_path / "bundles", QUICK).fetch(it, silent) == len(CONTENT)
    assert stored(store, it) == CONTENT
    assert server.asked[-1].headers["range"] == f"bytes={seen.size}-"


async def test_what_was_not_synced_before_a_power_cut_does_not_count(server: BundleServer, store: FolderStore) -> None:
    server.habits.cuts = [1_500_000] + [0] * 8
    it = system(server)
    with pytest.raises(Unavailable):
        await store.fetch(it, silent)
    append_zeros(f"{store.path(it.key)}.part")
    server.habits.cuts = []
    await store.fetch(it, silent)
    assert stored(store, it) == CONTENT


async def test_a_server_without_ranges_begins_anew(server: BundleServer, store: FolderStore) -> None:
    server.habits.ranges, server.habits.cuts = False, [1_000_000]
    it = system(server)
    await store.fetch(it, silent)
    assert stored(store, it) == CONTENT
    assert server.sent == len(CONTENT) + 1_000_000


async def test_a_bundle_that_changes_meanwhile_is_not_mixed(server: BundleServer, store: FolderStore) -> None:
    server.habits.cuts = [1_000_000, 0, 0]
    it = system(server)
    with pytest.raises(Unavailable):
        await store.fetch(it, silent)
    server.change(OTHER)
    await store.fetch(it, silent)
    assert stored(store, it) == OTHER


@pytest.mark.parametrize("sha256", ["", hashlib.sha256(OTHER).hexdigest()])
async def test_nor_is_it_without_validators(server: BundleServer, store: FolderStore, sha256: str) -> None:
    """Nothing tells that the content is another one, but a SHA-256 in the end."""
    server.habits.validators, server.habits.cuts = False, [1_000_000, 0, 0]
    it = system(server, sha256=sha256)
    with pytest.raises(Unavailable):
        await store.fetch(it, silent)
    server.change(OTHER)
    await store.fetch(it, silent)
    assert stored(store, it) == OTHER


async def test_a_wrong_sha256_is_final_and_leaves_nothing(server: BundleServer, store: FolderStore) -> None:
    it = system(server, sha256="0" * 64)
    with pytest.raises(Refused, match=f"the SHA-256 of the bundle is {SHA256[:12]}…, not 000000000000… as asked for"):
        await store.fetch(it, silent)
    assert not any(bundle.is_complete or bundle.size for bundle in store.bundles())


async def test_without_a_length_the_end_is_the_end(server: BundleServer, store: FolderStore) -> None:
    server.habits.lengths = False
    it = system(server, sha256=SHA256)
    await store.fetch(it, silent)
    assert stored(store, it) == CONTENT


async def test_a_server_that_sends_nothing_more(
    server: BundleServer, store: FolderStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "STALL_S", 0.2)
    server.habits.stalls = [1_000_000]
    it = system(server)
    await store.fetch(it, silent)
    assert stored(store, it) == CONTENT
    server.habits.stalls = [0, 0, 0]
    with pytest.raises(Unavailable, match=r"the server localhost sent nothing for 0\.2 s"):
        await store.fetch(system(server, version="1.6.0"), silent)


@pytest.mark.parametrize(
    ("status", "is_final", "words"),
    [
        (404, True, "the server localhost answered 404 Trouble for"),
        (410, True, "answered 410"),
        (403, True, "answered 403 Trouble: it wants credentials"),
        (429, False, "answered 429"),
        (503, False, "answered 503"),
    ],
)
async def test_a_server_that_says_no(
    server: BundleServer, store: FolderStore, status: int, is_final: bool, words: str
) -> None:
    server.habits.statuses = [status] * 9
    with pytest.raises(Refused if is_final else Unavailable, match=words):
        await store.fetch(system(server), silent)
    assert len(server.asked) == (1 if is_final else QUICK.tries)


async def test_trouble_that_passes(server: BundleServer, store: FolderStore) -> None:
    server.habits.statuses = [503, 500]
    it = system(server)
    await store.fetch(it, silent)
    assert stored(store, it) == CONTENT


async def test_a_page_is_no_bundle(server: BundleServer, store: FolderStore) -> None:
    server.habits.page = True
    with pytest.raises(Unavailable, match="answered with a page instead of a bundle"):
        await store.fetch(system(server), silent)


async def test_nobody_listens(store: FolderStore) -> None:
    it = OperatingSystem("os", "1.5.0", f"http://localhost:{free_port()}/os.raucb")
    with pytest.raises(Unavailable, match="the server localhost: connection refused"):
        await store.fetch(it, silent)


async def test_too_little_room_is_told_before_anything_is_written(
    server: BundleServer, store: FolderStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(downloading, "RESERVE_BYTES", 2**60)
    with pytest.raises(Unavailable, match=r"3\.1 MB have to be fetched, and .* are free in .*bundles"):
        await store.fetch(system(server), silent)
    assert [bundle.size for bundle in store.bundles()] == [0]


@asynccontextmanager
async def raw_server(answer: Callable[[str], Iterator[bytes]]) -> AsyncIterator[OperatingSystem]:
    """A server that sends what `answer` has for the head of a request, and then ends the connection."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        with suppress(ConnectionError):
            for piece in answer(head):
                writer.write(piece)
                await writer.drain()
        writer.close()

    serving = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = serving.sockets[0].getsockname()[1]
    async with serving:
        yield OperatingSystem("os", "1.5.0", f"http://localhost:{port}/os.raucb", sha256=SHA256)


def offset(head: str) -> int:
    """Where the request wants to begin; -1 where it says nothing of that."""
    found = re.search(r"range: bytes=(\d+)-", head, re.IGNORECASE)
    return int(found[1]) if found else -1


def endless(head: str) -> Iterator[bytes]:
    yield b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"
    while True:
        yield bytes(65536)


def endless_rest(head: str) -> Iterator[bytes]:
    if offset(head) < 0:
        yield b'HTTP/1.1 200 OK\r\nContent-Length: 3000000\r\nETag: "a"\r\n\r\n' + bytes(1_500_000)
        return
    ranges = f"Content-Range: bytes {offset(head)}-2999999/3000000"
    yield f'HTTP/1.1 206 Partial\r\nETag: "a"\r\n{ranges}\r\nTransfer-Encoding: chunked\r\n\r\n'.encode()
    while True:
        yield b"10000\r\n" + bytes(65536) + b"\r\n"


ROOM = 40 * 1024**2


@pytest.mark.parametrize(
    ("answer", "words", "most"),
    [
        (endless, "were fetched, of unknown length, and .* are free in", 0),
        (endless_rest, "ended the connection|sends more than", 3_000_000),
    ],
)
async def test_a_body_without_an_end_does_not_fill_the_disk(
    store: FolderStore, monkeypatch: pytest.MonkeyPatch, answer: Callable[[str], Iterator[bytes]], words: str, most: int
) -> None:
    """What is to be left free for the journal is left free, and nothing is kept beyond the length that was told."""
    full = list[int]()

    def free(part: Partial) -> int:
        full.append(ROOM - length(str(part.part)))
        return full[-1]

    monkeypatch.setattr(Partial, "free", free)
    async with raw_server(answer) as it:
        for _ in range(2):
            with pytest.raises(Unavailable, match=words):
                await asyncio.wait_for(store.fetch(it, silent), 60)
            assert [bundle.size for bundle in store.bundles() if bundle.size > most] == []
    assert min(full) >= downloading.RESERVE_BYTES - 1024**2


async def test_what_is_thrown_away_and_comes_again_is_no_progress(store: FolderStore) -> None:
    """The connection is cut, and the server answers with another range than the one that is asked for."""
    asked = list[int]()

    def answer(head: str) -> Iterator[bytes]:
        asked.append(offset(head))
        if offset(head) < 0:
            yield b'HTTP/1.1 200 OK\r\nContent-Length: 30\r\nETag: "a"\r\n\r\n' + b"a" * 10
        else:
            yield b'HTTP/1.1 206 Partial\r\nETag: "a"\r\nContent-Range: bytes 5-29/30\r\nContent-Length: 25\r\n\r\n'
            yield b"b" * 25

    async with raw_server(answer) as it:
        with pytest.raises(Unavailable):
            await asyncio.wait_for(store.fetch(it, silent), 30)
    assert asked == [-1, 10, -1]


async def test_credentials_go_to_their_server_only(server: BundleServer, store: FolderStore, tmp_path: Path) -> None:
    credentials = tmp_path / "credentials"
    credentials.write_text("fleet:s3cret\n")
    with bundle_server(CONTENT) as elsewhere:
        server.habits.authorization, server.habits.goes = "Basic ZmxlZXQ6czNjcmV0", elsewhere.url
        it = system(server, credentials=str(credentials))
        await store.fetch(it, silent)
        assert stored(store, it) == CONTENT
        assert "authorization" not in elsewhere.asked[0].headers


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("fleet:wrong\n", "answered 401 Unauthorized: it wants other credentials"),
        (None, "no such file or directory"),
        ("nonsense\n", "expected `USER:PASSWORD` or `Bearer TOKEN` in the first line"),
    ],
)
async def test_credentials_that_do_not_fit(
    server: BundleServer, store: FolderStore, tmp_path: Path, content: str | None, words: str
) -> None:
    server.habits.authorization = "Bearer abc"
    credentials = tmp_path / "credentials"
    if content is not None:
        credentials.write_text(content)
    with pytest.raises((Refused, Unavailable), match=words) as caught:
        await store.fetch(system(server, credentials=str(credentials)), silent)
    assert "wrong" not in str(caught.value)
    credentials.write_text("Bearer abc")
    await store.fetch(system(server, credentials=str(credentials)), silent)


async def test_https_by_an_authority_of_its_own(store: FolderStore, tmp_path: Path) -> None:
    make_certificates(tmp_path)
    with bundle_server(CONTENT, tmp_path) as server:
        it = system(server, ca=str(tmp_path / "ca.crt"))
        await store.fetch(it, silent)
        assert stored(store, it) == CONTENT
        for ca, words in (
            ("", "its certificate is not trusted"),
            (str(tmp_path / "another-ca.crt"), "its certificate is not trusted"),
            (str(tmp_path / "server.ext"), "it holds no certificate"),
            (str(tmp_path / "nothing"), "no such file or directory"),
        ):
            with pytest.raises(Unavailable, match=words):
                await store.fetch(system(server, ca=ca, version="1.6.0"), silent)
        with bundle_server(CONTENT) as plain:
            server.habits.goes = plain.url
            with pytest.raises(Refused, match="sends the download on to a place without encryption"):
                await store.fetch(system(server, ca=it.ca, version="1.7.0"), silent)


def lock_key(key: Path, locked: Path) -> None:
    command = ["openssl", "pkey", "-in", key, "-aes256", "-passout", "pass:hunter2", "-out", locked]
    subprocess.run(command, check=True, capture_output=True)


async def test_a_certificate_of_the_device(store: FolderStore, tmp_path: Path) -> None:
    make_certificates(tmp_path)

    def path(name: str) -> str:
        return str(tmp_path / name)

    (tmp_path / "secret.key").write_text("hunter2")
    await asyncio.to_thread(lock_key, tmp_path / "client.key", tmp_path / "locked.key")
    with bundle_server(CONTENT, tmp_path, asks_back=True) as server:
        asked = partial(system, server, ca=path("ca.crt"))
        it = asked(client_cert=path("client.crt"), client_key=path("client.key"))
        await store.fetch(it, silent)
        assert stored(store, it) == CONTENT
        for cert, key, words in (
            ("", "", "does it want a certificate of this device"),
            ("nothing", "client.key", "the certificate of this device, .*/nothing: no such file or directory"),
            (
                "client.crt",
                "nothing",
                "the key of the certificate of this device, .*/nothing: no such file or directory",
            ),
            ("client.crt", "server.key", "the key is that of another certificate"),
            ("client.crt", "secret.key", "expected PEM without a passphrase"),
            ("client.crt", "locked.key", "expected PEM without a passphrase"),
        ):
            files = {"client_cert": path(cert), "client_key": path(key)} if cert else {}
            with pytest.raises(Unavailable, match=words) as caught:
                await store.fetch(asked(**files, version="1.6.0"), silent)
            assert "hunter2" not in str(caught.value)


async def test_a_proxy_is_asked(server: BundleServer, store: FolderStore) -> None:
    it = system(server, proxy=f"http://localhost:{server.port}", bundle="http://bundles.example/os.raucb?secret=1")
    await store.fetch(it, silent)
    assert server.asked[0].path == it.bundle
    server.habits.statuses = [404]
    with pytest.raises(Refused) as caught:
        await store.fetch(system(server, proxy=it.proxy, bundle=f"{it.bundle}2"), silent)
    assert "secret" not in str(caught.value)


async def test_the_size_is_told_before(server: BundleServer, store: FolderStore) -> None:
    assert await store.size(system(server)) == len(CONTENT)
    assert server.sent == 0
    server.habits.statuses = [405, 404, 503]
    assert await store.size(system(server)) == 0
    with pytest.raises(Refused, match="404"):
        await store.size(system(server))
    with pytest.raises(Unavailable, match="503"):
        await store.size(system(server))


async def test_bundles_are_discarded_and_nothing_else(server: BundleServer, store: FolderStore, tmp_path: Path) -> None:
    one, two = system(server), system(server, version="1.6.0")
    assert store.bundles() == ()
    await store.fetch(one, silent)
    server.habits.cuts = [1_500_000, 0, 0]
    with pytest.raises(Unavailable):
        await store.fetch(two, silent)
    (tmp_path / "bundles" / "notes.txt").write_text("mine")
    assert {bundle.key: bundle.is_complete for bundle in store.bundles()} == {one.key: True, two.key: False}
    store.discard([one.key, two.key])
    assert store.bundles() == ()
    assert os.listdir(tmp_path / "bundles") == ["notes.txt"]  # noqa: PTH208
    store.discard([one.key])
