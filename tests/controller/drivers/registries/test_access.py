"""Logins at registries: a real one with a password, TLS by a private CA and client certificates; and servers that a test
scripts, for tokens, redirections and all that goes wrong on the way."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import ssl
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from tests.engines.certificates import make_certificates
from tests.engines.connect_proxy import pour
from tests.engines.machine import free_port
from tests.engines.registry import Registry as RealRegistry
from tests.engines.serving import Serve, Serving
from tests.engines.web import Asked, Reply, Web
from tests.sampling import examples

from evenkeel.controller.distribution import trust as trust_under_test
from evenkeel.controller.distribution.access import PullAccess
from evenkeel.controller.distribution.failures import Failure, Misdirected
from evenkeel.controller.distribution.tokens import may_have_credentials, secrets_of
from evenkeel.controller.distribution.trust import Papers, papers_of, trust
from evenkeel.controller.distribution.visit import Visit, check_realm
from evenkeel.controller.drivers.containers.docker.client import EngineClient
from evenkeel.controller.drivers.containers.docker.registries import Registries
from evenkeel.controller.drivers.registries import access as under_test
from evenkeel.controller.drivers.registries.access import Around, HttpAccess, site_of
from evenkeel.controller.drivers.registries.probe import probe
from evenkeel.controller.drivers.registries.values import Values
from evenkeel.controller.settings.credentials import Credentials
from evenkeel.specs.errors import DriverError, Refused, TimedOut, Unavailable
from evenkeel.specs.reading.repeated import has_secret
from evenkeel.specs.registries.registry import Registry

USER, PASSWORD = "ci", "sesame: open/ä"
BASIC = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()


def at(host: str, **more: object) -> Registry:
    return Registry("reg", host, **more)  # type: ignore[arg-type]


async def login(registry: Registry, values: Values) -> str:
    return await HttpAccess().login(registry, values)


async def refusal(registry: Registry, values: Values) -> str:
    with pytest.raises(Refused) as caught:
        await login(registry, values)
    assert caught.value.element == f"registry:{registry.place}"
    return caught.value.message


async def trouble(registry: Registry, values: Values) -> str:
    """The message of an error that may pass."""
    with pytest.raises((Unavailable, TimedOut)) as caught:
        await login(registry, values)
    return caught.value.message


# ── a real registry ───────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def right(registry: RealRegistry) -> Values:
    return Values(registry.user, registry.password, ca=registry.ca.read_bytes())


async def test_the_right_password_and_a_wrong_one(registry: RealRegistry, right: Values) -> None:
    place = at(registry.host)
    assert await login(place, right) == "let in as driver"
    assert await login(at(f"{registry.host}/org"), right) == "let in as driver"
    said = await refusal(place, right._replace(password="wrong"))
    assert said == f"{registry.host} refuses the login: unauthorized: authentication required (401)"
    assert await refusal(place, right._replace(user="nobody")) == said
    assert await login(place, Values(ca=right.ca)) == "reached; it was asked without credentials"


async def test_a_registry_that_nobody_vouches_for(
    registry: RealRegistry, right: Values, tmp_path_factory: pytest.TempPathFactory, certificates: Path
) -> None:
    """It will not pass by itself."""
    for ca in (b"", (certificates / "another-ca.crt").read_bytes()):
        said = await refusal(at(registry.host), right._replace(ca=ca))
        assert said.startswith(f"the registry {registry.host} cannot be asked: its certificate is not trusted: ")
        assert said.endswith("; give the authority that vouches for it in `tls.ca`")
    assert await login(at(registry.host, insecure=True), right._replace(ca=b"", insecure=True)) == "let in as driver"


@pytest.mark.parametrize("form", ["docker", "kanto"])
async def test_credentials_in_a_file_of_others_are_read_now(
    registry: RealRegistry, right: Values, tmp_path: Path, form: str
) -> None:
    file, place = tmp_path / "config.json", at(registry.host)
    values = right._replace(user="", password="", reference=f"config {file}")

    def write(password: str) -> None:
        coded = base64.b64encode(f"{registry.user}:{password}".encode()).decode()
        kanto = {registry.host: {"credentials": {"user_id": registry.user, "password": password}}}
        docker = {"auths": {registry.host: {"auth": coded}}}
        file.write_text(json.dumps(docker if form == "docker" else {"containers": {"registry_configurations": kanto}}))

    assert await trouble(place, values) == f"there are no credentials for {registry.host} in {file}"
    write(registry.password)
    assert await login(place, values) == "let in as driver"
    write("wrong")
    assert "refuses the login" in await refusal(place, values)


async def test_a_helper_is_asked_now(
    registry: RealRegistry, right: Values, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    program, place = tmp_path / "docker-credential-test", at(registry.host)
    values = right._replace(user="", password="", reference="helper test")
    said = await trouble(place, values)
    assert said.startswith(
        f"the credential helper docker-credential-test, which `credentials.helper` of the registry {registry.host}"
    )
    answer = json.dumps({"Username": registry.user, "Secret": registry.password})
    program.write_text(f"#!/bin/sh\nread host; [ $host = {registry.host} ] && printf '%s' '{answer}'\n")
    program.chmod(0o755)
    assert await login(place, values) == "let in as driver"


@pytest.fixture(scope="module")
def certificates() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="ek-certificates-") as folder:
        make_certificates(Path(folder))
        yield Path(folder)


@pytest.fixture(scope="module")
def careful(_engines_wanted: None) -> Iterator[RealRegistry]:
    """A registry that wants a certificate of whoever comes."""
    it = RealRegistry(Path(tempfile.mkdtemp(prefix="ek-careful-")), asks_back=True)
    try:
        it.start()
        yield it
    finally:
        it.close()


async def test_a_registry_that_wants_a_certificate_of_this_device(careful: RealRegistry, certificates: Path) -> None:
    place, folder = at(careful.host), careful.folder
    values = Values(careful.user, careful.password, ca=careful.ca.read_bytes())
    mine = values._replace(certificate=(folder / "client.crt").read_bytes(), key=(folder / "client.key").read_bytes())
    assert await login(place, mine) == "let in as driver"
    said = await refusal(place, values)
    assert said.endswith("; give one that it takes in `tls.certificate`, and its key in `tls.key`")
    strange = [(certificates / f"client.{end}").read_bytes() for end in ("crt", "key")]
    assert await refusal(place, values._replace(certificate=strange[0], key=strange[1])) == said


def in_force(folder: Path, host: str, of: Path) -> Path:
    """A folder like `certs.d`, in which a document about a host has an authority and the certificate of this device."""
    place = folder / "certs.d" / host
    place.mkdir(parents=True)
    for name, source in (("evenkeel.crt", "ca.crt"), ("evenkeel.cert", "client.crt"), ("evenkeel.key", "client.key")):
        (place / name).write_bytes((of / source).read_bytes())
    return place.parent


async def test_a_part_of_a_host_has_the_certificates_of_the_host(
    careful: RealRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Engines know those of whole hosts alone, so that the document about a part has none."""
    monkeypatch.setattr(trust_under_test, "CERTIFICATES", ())
    part, values = at(f"{careful.host}/org"), Values(careful.user, careful.password)
    remedy = f"in `tls.ca` of a document for {careful.host}, or look why a document that does is not in force"
    assert (await refusal(part, values)).endswith(remedy)
    around = Around((in_force(tmp_path, careful.host, careful.folder),))
    assert await HttpAccess(around).login(part, values) == "let in as driver"
    with pytest.raises(Refused, match="refuses the login: unauthorized"):
        await HttpAccess(around).login(part, values._replace(password="wrong"))
    with pytest.raises(Refused, match=r"in `tls\.ca`$"):
        await HttpAccess(around).login(at(careful.host), values)  # all that counts for the host is its own document
    (tmp_path / "password").write_text(careful.password)
    asked = at(part.place, user=careful.user, password_file=str(tmp_path / "password"))
    assert [step.is_good async for step in probe(asked, "", around)] == [True] * 6
    *_, last = [step async for step in probe(asked)]
    assert last.remedy.endswith(remedy)


async def test_a_part_of_a_host_is_insecure_with_the_host(
    web: Callable[..., Web], mine: Values, tmp_path: Path
) -> None:
    """Docker knows insecure hosts alone; of Podman the longest place counts."""
    server, admitted = web(tls=False), tmp_path / "auth.json"
    server.reply = lambda asked: Reply(200 if asked.authorization else 401, {"WWW-Authenticate": "Basic x"})
    around, part = Around((), admitted), at(f"{server.host}/org/team")
    for place, may in (
        (f"{server.host}/other", False),
        (part.place, False),
        (server.host, True),
        (f"{server.host}/org", True),
    ):
        admitted.write_text(json.dumps({"insecure": [place]}))
        if may:
            assert await HttpAccess(around).login(part, mine) == "let in as ci"
        else:
            with pytest.raises(Unavailable, match="it does not speak TLS as it should"):
                await HttpAccess(around).login(part, mine)
    assert server.asked


async def test_the_check_before_a_pull_shows_the_certificate_that_the_engine_shows(
    careful: RealRegistry, tmp_path: Path
) -> None:
    """A registry that asks for one answers nobody else: without it nothing would be forbidden."""
    server = Web(careful.folder, asks_back=True)
    try:
        asks_for_tokens(server, "https://stranger.example/token")
        folders = [in_force(tmp_path, server.host, careful.folder)]
        coded = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        (tmp_path / "auth.json").write_text(json.dumps({"auths": {server.host: {"auth": coded}}}))
        client = EngineClient("unix:///nowhere")
        pulls = Registries(client, PullAccess("", tmp_path / "auth.json", certificates=folders), lambda: None)
        with pytest.raises(Refused, match=r"sent to stranger\.example, and they were not"):
            await pulls.auth(f"{server.host}/web")
        await pulls.close()
    finally:
        server.close()


def test_the_key_of_this_device_is_put_on_no_disk(
    certificates: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    pair = [(certificates / f"client.{end}").read_bytes() for end in ("crt", "key")]
    trust(Papers(pairs=((pair[0], pair[1]),)))
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ssl.SSLError):
        trust(Papers(pairs=((pair[0], (certificates / "server.key").read_bytes()),)))


# ── servers of the tests' own ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def web(registry: RealRegistry) -> Iterator[Callable[..., Web]]:
    """`web()` starts a server whose certificate is that of the registry; `web(tls=False)` one without any."""
    servers: list[Web] = []

    def make(name: str = "localhost", *, tls: bool = True) -> Web:
        servers.append(Web(registry.folder if tls else None, name))
        return servers[-1]

    yield make
    for each in servers:
        each.close()


@pytest.fixture
def mine(registry: RealRegistry) -> Values:
    return Values(USER, PASSWORD, ca=registry.ca.read_bytes())


def asks_for_tokens(server: Web, realm: str, service: str = "the registry") -> None:
    """It takes tokens for its own service, as `gives_tokens` makes them."""

    def reply(asked: Asked) -> Reply:
        if asked.authorization == "Bearer token for the registry":
            return Reply()
        challenge = f'Bearer realm="{realm}",service="{service}"'
        errors = {"errors": [{"code": "UNAUTHORIZED", "message": "no token of mine"}]}
        return Reply(401, {"WWW-Authenticate": challenge}, json.dumps(errors).encode())

    server.reply = reply


def gives_tokens(asked: Asked) -> Reply:
    if asked.method == "POST":
        form = {key: value[0] for key, value in parse_qs(asked.body.decode()).items()}
        is_right = (form["grant_type"], form["refresh_token"]) == ("refresh_token", "identity")
    else:
        form = {key: value[0] for key, value in parse_qs(urlsplit(asked.path).query).items()}
        is_right = asked.authorization == BASIC
    if not is_right:
        return Reply(401, {}, b'{"details": "incorrect username or password"}')
    return Reply(body=json.dumps({"access_token": f"token for {form['service']}"}).encode())


async def test_a_token_of_another_host_that_is_named(web: Callable[..., Web], mine: Values) -> None:
    server, tokens = web(), web("127.0.0.1")
    asks_for_tokens(server, f"{tokens.url}/token")
    tokens.reply = gives_tokens
    place = at(server.host, realms=("127.0.0.1",))
    assert await login(place, mine) == "let in as ci"
    assert [each.authorization for each in server.asked] == ["", "Bearer token for the registry"]
    assert [each.authorization for each in tokens.asked] == [BASIC]
    said = await refusal(place, mine._replace(password="wrong"))
    assert (
        said == f"{server.host} refuses the login: {tokens.host} gives no token: incorrect username or password (401)"
    )


async def test_a_realm_of_another_organisation_gets_nothing(web: Callable[..., Web], mine: Values) -> None:
    server, other = web(), web("127.0.0.1")
    asks_for_tokens(server, f"{other.url}/token")
    said = await refusal(at(server.host), mine)
    why = f"the registry {server.host} cannot be asked: it wants its credentials sent to 127.0.0.1, and they were not"
    assert said == f"{why}; if that is right, add 127.0.0.1 to `tokenRealms`"
    assert other.asked == []


@pytest.mark.parametrize("between", ["\n", ", "])
@pytest.mark.parametrize("order", [1, -1])
async def test_a_password_and_a_token_in_one_answer(
    web: Callable[..., Web], mine: Values, between: str, order: int
) -> None:
    """Gitea offers both. A token comes first, as with engines."""
    server, tokens = web(), web("127.0.0.1")
    both = ('Basic realm="gitea, \\"mine\\""', f'Bearer realm="{tokens.url}/token",service="the registry"')[::order]
    takes = "Bearer token for the registry"
    server.reply = lambda asked: Reply(
        200 if asked.authorization == takes else 401, {"WWW-Authenticate": between.join(both)}
    )
    tokens.reply = gives_tokens
    assert await login(at(server.host, realms=("127.0.0.1",)), mine) == "let in as ci"
    assert [each.authorization for each in server.asked] == ["", takes]
    assert [each.authorization for each in tokens.asked] == [BASIC]
    assert "add 127.0.0.1 to `tokenRealms`" in await refusal(at(server.host), mine)


@pytest.mark.parametrize("between", ["\n", ", "])
@pytest.mark.parametrize("order", [1, -1])
async def test_a_second_realm_gets_nothing_either(
    web: Callable[..., Web], mine: Values, between: str, order: int
) -> None:
    """An engine may ask any of them; the check before a pull looks at all, too."""
    server, other = web(), web("127.0.0.1")
    realms = (f'Bearer realm="{server.url}/token",service="s"', f'Bearer realm="{other.url}/token",service="s"')[
        ::order
    ]
    server.reply = lambda asked: Reply(401, {"WWW-Authenticate": between.join(realms)})
    assert "add 127.0.0.1 to `tokenRealms`" in await refusal(at(server.host), mine)
    with pytest.raises(Misdirected, match=r"sent to 127\.0\.0\.1, and they were not"):
        await check_realm(server.host, Credentials(server.host, USER, PASSWORD, realms=()))
    assert {each.authorization for each in (*server.asked, *other.asked)} == {""}
    assert other.asked == []


@pytest.fixture
def realmed(web: Callable[..., Web], tmp_path: Path) -> tuple[Web, Path]:
    """A registry that wants its credentials at a stranger's, and the folder of its certificates."""
    server = web()
    server.reply = lambda asked: Reply(401, {"WWW-Authenticate": 'Bearer realm="https://stranger.example/token"'})
    (tmp_path / server.host).mkdir()
    return server, tmp_path / server.host


def spoil(path: Path, how: str) -> None:
    match how:
        case "junk":
            path.write_text("-----BEGIN CERTIFICATE-----\njunk\n-----END CERTIFICATE-----\n")
        case "link":
            path.symlink_to("nowhere")
        case "folder":
            path.mkdir()
        case "pipe":
            os.mkfifo(path)


async def checked(server: Web, certificates: Path) -> None:
    """The check before a pull."""
    credentials = Credentials(server.host, USER, PASSWORD, realms=())
    async with asyncio.timeout(20):
        await check_realm(server.host, credentials, PullAccess(certificates=(certificates.parent,)))


@pytest.mark.parametrize("how", ["junk", "link", "folder", "pipe"])
async def test_a_bad_authority_of_others_lets_no_credentials_through(
    realmed: tuple[Web, Path], mine: Values, how: str
) -> None:
    """The check was passed over, and the pull sent the password to the stranger."""
    server, folder = realmed
    (folder / "evenkeel.crt").write_bytes(mine.ca)
    spoil(folder / "zz.crt", how)
    with pytest.raises(Misdirected, match=r"sent to stranger\.example, and they were not"):
        await checked(server, folder)
    papers = papers_of(server.host, (folder.parent,))
    assert len(trust(papers).get_ca_certs()) == len(trust(Papers(mine.ca)).get_ca_certs())
    assert papers.shared.strip() == mine.ca.strip()


@pytest.mark.parametrize("how", ["junk", "link", "folder", "pipe"])
async def test_a_bad_certificate_of_this_device_is_told(realmed: tuple[Web, Path], how: str) -> None:
    server, folder = realmed
    spoil(folder / "zz.cert", how)
    (folder / "zz.key").touch()
    with pytest.raises(Failure) as caught:
        await checked(server, folder)
    assert str(folder / "zz.cert") in caught.value.why
    assert caught.value.remedy
    assert server.asked == []


@pytest.mark.parametrize(
    "more", [{"Content-Encoding": "gzip"}, {"Content-Length": str(10**9)}, {"Content-Length": "9"}]
)
async def test_the_body_of_a_challenge_does_not_count(realmed: tuple[Web, Path], more: dict[str, str]) -> None:
    server, folder = realmed
    asks = server.reply
    server.reply = lambda asked: asks(asked)._replace(headers={**asks(asked).headers, **more})
    with pytest.raises(Misdirected):
        await checked(server, folder)


@pytest.mark.parametrize("proxy", ["socks5://127.0.0.1:1", "http://127.0.0.1:1", "http://127.0.0.1:0"])
async def test_a_proxy_that_is_of_no_use_lets_no_credentials_through(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, proxy: str
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    monkeypatch.setenv("HTTP_PROXY", proxy)
    with pytest.raises(Failure, match="proxy"):
        await check_realm(
            "registry.example",
            Credentials("registry.example", USER, PASSWORD, realms=()),
            PullAccess(certificates=(tmp_path,)),
        )


async def test_an_answer_that_nobody_understands_lets_no_credentials_through(realmed: tuple[Web, Path]) -> None:
    """A redirection without an end, and one to where nobody goes; engines may take them otherwise."""
    server, folder = realmed
    for location in (f"{server.url}/v2/", "ftp://a.example/"):
        server.reply = lambda asked, to=location: Reply(307, {"Location": to})  # type: ignore[misc]
        with pytest.raises(Failure):
            await checked(server, folder)


async def test_a_registry_that_is_slow_lets_no_credentials_through(
    realmed: tuple[Web, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An engine waits for its answer, which may name any realm."""
    server, folder = realmed
    over = Event()

    def late(asked: Asked) -> Reply:
        over.wait(60)
        return Reply(401, {"WWW-Authenticate": 'Bearer realm="http://elsewhere.example/"'})

    server.reply = late  # type: ignore[method-assign]
    monkeypatch.setattr("evenkeel.controller.distribution.visit._PATIENCE_S", 0.5)
    try:
        with pytest.raises(Failure, match="did not answer in time"):
            await checked(server, folder)
    finally:
        over.set()


async def test_encryption_that_engines_have_is_no_way_past_the_check(
    mine: Values, registry: RealRegistry, tmp_path: Path
) -> None:
    """It could not be asked, which let the credentials through."""
    server = Web(registry.folder, ciphers="ECDHE-ECDSA-AES128-SHA")
    try:
        asks_for_tokens(server, "https://stranger.example/token")
        with pytest.raises(Misdirected, match=r"sent to stranger\.example, and they were not"):
            await checked(server, tmp_path)
        assert "sent to stranger.example, and they were not" in await refusal(at(server.host), mine)
    finally:
        server.close()


@contextmanager
def serving(serve: Serve) -> Iterator[str]:
    """The address of a server."""
    port = free_port()
    it = Serving("registry", lambda connected: asyncio.start_server(connected, "127.0.0.1", port), serve)
    it.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        it.close()


def answering(encrypted: bytes | None, plain: bytes) -> Serve:
    """It answers by the first byte that it is told. With `None` it says nothing to who speaks TLS."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        is_encrypted = await reader.read(1) == b"\x16"
        await reader.read(4096)
        if is_encrypted and encrypted is None:
            await reader.read()  # until the other end goes
        writer.write((encrypted or b"") if is_encrypted else plain)
        await writer.drain()

    return serve


ALERT = bytes.fromhex("15030300020228")
"""Of TLS: the handshake failed."""
BAD = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"
NOT_FOUND = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
GOOD = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
STRANGER = (
    b"""HTTP/1.1 401 No\r\nWWW-Authenticate: Bearer realm="https://stranger.example/"\r\nContent-Length: 0\r\n\r\n"""
)


GOOD_STRANGER = STRANGER.replace(b"401 No", b"200 OK")


@pytest.mark.parametrize(
    ("encrypted", "plain", "why"),
    [
        (ALERT, BAD, "does not speak TLS"),
        (ALERT, b"", "does not speak TLS"),
        (b"", BAD, ""),
        (b"", b"", ""),
        (None, b"", "did not answer in time"),
        (BAD, NOT_FOUND, "does not speak TLS"),
        (BAD, STRANGER, "sent to stranger.example"),
        (BAD, GOOD, None),
        (BAD, GOOD_STRANGER, "sent to stranger.example"),
    ],
)
async def test_a_connection_without_an_understood_answer_lets_no_credentials_through(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, encrypted: bytes | None, plain: bytes, why: str | None
) -> None:
    """An engine may understand it. All but the last two let the credentials through."""
    monkeypatch.setattr("evenkeel.controller.distribution.visit._CONNECTING_S", 0.3)
    with serving(answering(encrypted, plain)) as host:
        question = check_realm(host, Credentials(host, USER, PASSWORD, realms=()), PullAccess(certificates=(tmp_path,)))
        if why is None:
            await question
        else:
            with pytest.raises(Failure) as caught:
                await question
            assert why in caught.value.why


@pytest.mark.parametrize("status", [200, 401, 404, 503])
async def test_challenges_count_with_any_status(realmed: tuple[Web, Path], status: int) -> None:
    """Podman follows those of an answer 200, too."""
    server, folder = realmed
    asks = server.reply
    server.reply = lambda asked: asks(asked)._replace(status=status)
    with pytest.raises(Misdirected, match=r"sent to stranger\.example, and they were not"):
        await checked(server, folder)


def at_one_port(encrypted: Web, plain: Web) -> Serve:
    """Both answer there, each to who speaks its way."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first = await reader.read(1)
        port = (encrypted if first == b"\x16" else plain).host.rpartition(":")[2]
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", int(port))
        try:
            far_writer.write(first)
            await asyncio.gather(pour(reader, far_writer), pour(far_reader, writer))
        finally:
            far_writer.transport.abort()

    return serve


async def test_an_engine_may_ask_again_without_encryption(web: Callable[..., Web], tmp_path: Path) -> None:
    """Podman does where the encrypted answer is neither 200 nor 401, and followed the challenge that it found there."""
    locked, plain = web(), web(tls=False)
    locked.reply = lambda asked: Reply(503)
    plain.reply = lambda asked: Reply(401, {"WWW-Authenticate": f'Bearer realm="{plain.url}/token"'})
    with serving(at_one_port(locked, plain)) as host:
        credentials = Credentials(host, USER, PASSWORD)
        with pytest.raises(Failure, match="credentials sent to a place without encryption"):
            await check_realm(host, credentials, PullAccess(certificates=(tmp_path,)))
        locked.reply = lambda asked: Reply(200)
        await check_realm(host, credentials, PullAccess(certificates=(tmp_path,)))


@pytest.mark.parametrize("is_encrypted", [True, False])
async def test_an_impostor_gets_nothing_where_others_make_the_engine_careless(
    web: Callable[..., Web], registry: RealRegistry, tmp_path: Path, is_encrypted: bool
) -> None:
    """Others list the host among the insecure ones: the engine trusts whoever answers there. A document asked for more."""
    server = web(tls=is_encrypted)
    server.reply = lambda asked: Reply(401, {"WWW-Authenticate": 'Basic realm="here"'})
    documented, admitted = Credentials(server.host, USER, PASSWORD, realms=()), tmp_path / "auth.json"
    access = PullAccess(admitted=admitted, certificates=(tmp_path,))
    with pytest.raises(Failure, match="its certificate is not trusted" if is_encrypted else "it has no encryption now"):
        await check_realm(server.host, documented, access)
    await check_realm(server.host, documented._replace(realms=None), access)
    admitted.write_text(json.dumps({"insecure": [server.host]}))
    await check_realm(server.host, documented, access)
    admitted.unlink()
    if is_encrypted:
        (tmp_path / server.host).mkdir()
        (tmp_path / server.host / "evenkeel.crt").write_bytes(registry.ca.read_bytes())
        await check_realm(server.host, documented, access)
    assert {each.authorization for each in server.asked} == {""}


async def test_a_token_server_keeps_what_its_address_asks_for(web: Callable[..., Web], mine: Values) -> None:
    """The login lost it, and was refused."""
    server = web()
    asks_for_tokens(server, f"{server.url}/token?tenant=7&x=a%20b")
    registry = server.reply
    asked = list[dict[str, list[str]]]()

    def reply(each: Asked) -> Reply:
        if not each.path.startswith("/token"):
            return registry(each)
        asked.append(parse_qs(urlsplit(each.path).query))
        return gives_tokens(each)

    server.reply = reply
    assert await login(at(server.host), mine) == "let in as ci"
    assert asked == [{"tenant": ["7"], "x": ["a b"], "service": ["the registry"]}]


@pytest.mark.parametrize(
    ("realm", "may"),
    [("[2001:db8::5]:5000", True), ("[2001:DB8::5]", True), ("[2001:db8::5:9999]", False), ("[2001:db8::6]", False)],
)
def test_a_realm_at_an_address_of_ipv6(realm: str, may: bool) -> None:
    """The last group was taken for a port: another address counted as the registry, and its own did not."""
    host = httpx.URL(f"https://{realm}/token").host
    assert may_have_credentials(host, "[2001:db8::5]:5000", ()) == may


async def test_an_answer_without_encryption_says_nothing_about_the_next_one(
    web: Callable[..., Web], mine: Values
) -> None:
    """Its 400 was told as a fault of the encryption that the first question had looked for."""
    server = web(tls=False)
    server.reply = lambda asked: Reply(200 if asked.path == "/v2/" else 400)
    async with Visit(site_of(at(server.host, insecure=True), mine._replace(insecure=True)), None) as visit:
        assert (await visit.knock()).status == 200
        assert (await visit.manifest("a", "1")).status == 400


async def test_a_registry_that_is_away_forbids_nothing(tmp_path: Path) -> None:
    """An engine may have a mirror."""
    host = f"localhost:{free_port()}"
    await check_realm(host, Credentials(host, USER, PASSWORD, realms=()), PullAccess(certificates=(tmp_path,)))


async def test_a_login_of_another_kind_gets_nothing(web: Callable[..., Web], mine: Values) -> None:
    """Engines have Basic and Bearer alone: a password that evenkeel tried there would prove nothing."""
    server = web()
    server.reply = lambda asked: Reply(401, {"WWW-Authenticate": 'Negotiate\nDigest realm="x", nonce="y"'})
    assert "it wants a login by digest, negotiate, which no engine has" in await refusal(at(server.host), mine)
    assert {each.authorization for each in server.asked} == {""}


@pytest.mark.parametrize("realm", ["http://localhost:{}/token", "http://127.0.0.1:{}/token", "ftp://localhost:{}/", ""])
async def test_a_realm_without_encryption_gets_nothing(web: Callable[..., Web], mine: Values, realm: str) -> None:
    server, other = web(), web(tls=False)
    asks_for_tokens(server, realm.format(other.host.partition(":")[2]))
    said = await refusal(at(server.host, realms=("127.0.0.1",)), mine)
    assert "it wants credentials sent to a place without encryption" in said
    assert other.asked == []


async def test_a_realm_is_trusted_by_the_authority_of_its_registry_only_with_its_credentials(
    web: Callable[..., Web], mine: Values
) -> None:
    """Engines have it so; Kanto does not, and nobody can log in there (registries.md §2.3)."""
    server, tokens = web(), web("127.0.0.1")
    asks_for_tokens(server, f"{tokens.url}/token")
    tokens.reply = gives_tokens
    site = site_of(at(server.host, realms=("127.0.0.1",)), mine)
    assert site.of_realm(tokens.host).get_ca_certs() != []
    names = [str(each["subject"]) for each in site_of(at(server.host), mine).of_realm(tokens.host).get_ca_certs()]
    assert not any("evenkeel" in name for name in names)


async def test_a_token_for_another_service_is_none(web: Callable[..., Web], mine: Values) -> None:
    server = web()
    asks_for_tokens(server, f"{server.url}/token", service="another registry")
    refuse = server.reply
    server.reply = lambda asked: gives_tokens(asked) if asked.path.startswith("/token") else refuse(asked)
    assert (
        await refusal(at(server.host), mine) == f"{server.host} refuses the login: unauthorized: no token of mine (401)"
    )
    assert server.asked[-1].authorization == "Bearer token for another registry"


async def test_an_identity_token_is_changed_for_one_of_the_registry(
    web: Callable[..., Web], mine: Values, tmp_path: Path
) -> None:
    server, other = web(), web("127.0.0.1")
    asks_for_tokens(server, f"{server.url}/token")
    refuse = server.reply
    server.reply = lambda asked: gives_tokens(asked) if asked.path.startswith("/token") else refuse(asked)
    file = tmp_path / "config.json"
    file.write_text(json.dumps({"auths": {server.host: {"identitytoken": "identity"}}}))
    values = Values(ca=mine.ca, reference=f"config {file}")
    assert await login(at(server.host), values) == "let in by an identity token"
    assert not has_secret("no login", secrets_of(Credentials(server.host, identity_token="identity")))
    server.reply = lambda asked: Reply(307, {"Location": other.url}) if asked.method == "POST" else refuse(asked)
    await trouble(at(server.host), values)
    assert other.asked == [], "it would have had the secret, which is in the body"


async def test_a_password_beside_an_identity_token_is_for_a_registry_that_gives_none(
    web: Callable[..., Web], mine: Values, tmp_path: Path
) -> None:
    """As Docker and Podman have it. The password was dropped."""
    server, file = web(), tmp_path / "config.json"
    coded = BASIC.partition(" ")[2]
    file.write_text(json.dumps({"auths": {server.host: {"auth": coded, "identitytoken": "identity"}}}))
    values = Values(ca=mine.ca, reference=f"config {file}")
    server.reply = lambda asked: Reply() if asked.authorization else Reply(401, {"WWW-Authenticate": "Basic x"})
    assert await login(at(server.host), values) == f"let in as {USER}"
    assert server.asked[-1].authorization == BASIC
    asks_for_tokens(server, f"{server.url}/token")
    refuse = server.reply
    server.reply = lambda asked: gives_tokens(asked) if asked.path.startswith("/token") else refuse(asked)
    assert await login(at(server.host), values) == f"let in as {USER}"
    assert [asked.authorization for asked in server.asked if asked.path.startswith("/token")] == [""]


async def test_no_credentials_follow_to_another_host(web: Callable[..., Web], mine: Values) -> None:
    """From the registry, and from the server that gives tokens."""
    server, other = web(), web("127.0.0.1")
    there = {"Location": f"{other.url}/elsewhere"}
    values = mine._replace(insecure=True)  # a stranger is trusted by the system's authorities alone
    server.reply = lambda asked: (
        Reply(307, there) if asked.authorization else Reply(401, {"WWW-Authenticate": "Basic x"})
    )
    assert "its certificate is not trusted" in await refusal(at(server.host), mine)
    assert other.asked == []
    plain = web("127.0.0.1", tls=False)
    there["Location"] = f"{plain.url}/elsewhere"
    plain.reply = lambda asked: Reply(401, {"WWW-Authenticate": "Basic x"})
    assert "refuses the login" in await refusal(at(server.host), values)
    assert server.asked[-1].authorization == BASIC
    asks_for_tokens(server, f"{server.url}/token")
    refuse = server.reply
    server.reply = lambda asked: Reply(302, there) if asked.path.startswith("/token") else refuse(asked)
    plain.reply = gives_tokens
    await refusal(at(server.host), mine)
    assert any(each.path.startswith("/token") and each.authorization == BASIC for each in server.asked)
    assert [each.authorization for each in plain.asked] == ["", ""]
    assert not any(PASSWORD in str(each) for each in plain.asked)


async def test_a_registry_without_encryption_needs_to_be_called_insecure(web: Callable[..., Web], mine: Values) -> None:
    server = web(tls=False)
    server.reply = lambda asked: Reply(200 if asked.authorization else 401, {"WWW-Authenticate": 'Basic realm="x"'})
    said = await trouble(at(server.host), mine)
    assert said == f"the registry {server.host} cannot be asked: it does not speak TLS as it should"
    assert server.asked == []
    assert await login(at(server.host, insecure=True), mine._replace(insecure=True)) == "let in as ci"
    asks_for_tokens(server, f"{server.url}/token")
    refuse = server.reply
    server.reply = lambda asked: gives_tokens(asked) if asked.path.startswith("/token") else refuse(asked)
    assert await login(at(server.host, insecure=True), mine._replace(insecure=True)) == "let in as ci"


def test_docker_hub_is_asked_where_it_speaks_the_protocol() -> None:
    """docker.io itself does not (registries.md §2.3)."""
    assert site_of(at("docker.io/org"), Values()).host == "registry-1.docker.io"


# ── nobody there ──────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("status", [500, 502, 503, 504, 429, 408, 404, 418, 301])
async def test_a_registry_that_cannot_answer_now_is_no_refusal(
    web: Callable[..., Web], mine: Values, status: int
) -> None:
    server = web()
    server.reply = lambda asked: Reply(status, {}, b"<html>try again later")
    said = await trouble(at(server.host), mine)
    assert said.startswith(f"the registry {server.host} cannot be asked: it answered {status} ")
    asks_for_tokens(server, f"{server.url}/token")
    refuse, token = server.reply, Reply(status)
    server.reply = lambda asked: token if asked.path.startswith("/token") else refuse(asked)
    said = await trouble(at(server.host), mine)
    assert f"{server.host}, which gives its tokens: it answered {status} " in said


async def test_a_page_of_a_portal_is_no_registry(web: Callable[..., Web], mine: Values) -> None:
    server = web()
    server.reply = lambda asked: Reply(200, {"Content-Type": "text/html; charset=utf-8"}, b"<html>Welcome!")
    assert (await trouble(at(server.host), mine)).endswith("its answer is none of a registry")
    server.reply = lambda asked: Reply(200, {"Content-Type": "application/json"}, b"{}")
    assert await login(at(server.host), mine) == "let in; it asks for no credentials"
    assert await login(at(server.host), Values(ca=mine.ca)) == "let in; it asks for no credentials"
    assert {each.authorization for each in server.asked} == {""}


async def test_a_registry_that_is_away(mine: Values) -> None:
    host = f"localhost:{free_port()}"
    assert await trouble(at(host), mine) == f"the registry {host} cannot be asked: connection refused"
    said = await trouble(at("nosuch.invalid"), mine)
    assert said.startswith("the registry nosuch.invalid cannot be asked: ")


async def test_a_registry_that_is_silent(
    registry: RealRegistry, right: Values, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(under_test, "SILENCE_S", 0.3)
    registry.freeze()
    try:
        with pytest.raises(TimedOut, match="it did not answer in time"):
            await login(at(registry.host), right)
    finally:
        registry.thaw()


async def test_a_login_as_a_whole_has_a_limit(
    web: Callable[..., Web], mine: Values, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(under_test, "TIMEOUT_S", 0.5)
    server, end = web(), Event()
    server.reply = lambda asked: Reply() if end.wait(60) else Reply(500)
    with pytest.raises(TimedOut, match="it did not answer in time"):
        await login(at(server.host), mine)
    end.set()


async def test_an_answer_without_an_end_is_given_up(web: Callable[..., Web], mine: Values) -> None:
    server = web()
    server.reply = lambda asked: Reply(401, {"Content-Length": str(10**9)}, bytes(6 * 1024**2))
    assert (await trouble(at(server.host), mine)).endswith("cannot be asked: its answer is too long")


# ── whatever comes ────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "repeat",
    [PASSWORD, PASSWORD.upper(), BASIC.partition(" ")[2], "sesame%3A%20open%2F%C3%A4", "sesame%3A%20open/%C3%A4"],
)
async def test_words_that_repeat_a_secret_are_not_shown(web: Callable[..., Web], mine: Values, repeat: str) -> None:
    server = web()
    body = json.dumps({"errors": [{"code": "DENIED", "message": f"no {repeat} here"}]}).encode()
    server.reply = lambda asked: Reply(401, {"WWW-Authenticate": "Basic x"}, body)
    said = await refusal(at(server.host), mine)
    assert said == f"{server.host} refuses the login: 401, and words that are not shown, for they have a secret in them"


@pytest.mark.parametrize("status", [401, 403, 500, 404])
async def test_a_status_that_repeats_a_secret_is_shown_without_its_text(
    web: Callable[..., Web], mine: Values, status: int
) -> None:
    server = web()
    server.reply = lambda asked: Reply(
        status if asked.authorization else 401, {"WWW-Authenticate": "Basic x"}, reason=asked.authorization or None
    )
    with pytest.raises(DriverError) as caught:
        await login(at(server.host), mine)
    assert server.asked[-1].authorization == BASIC
    assert caught.value.message.endswith(f" {status}")


async def test_a_realm_that_repeats_a_secret_is_not_shown(web: Callable[..., Web], mine: Values) -> None:
    server = web()
    asks_for_tokens(server, "https://secret.example/token")
    assert (await trouble(at(server.host), mine._replace(password="Secret"))).endswith(
        "its answer is none of a registry"
    )


async def test_a_proxy_of_another_kind_is_told(mine: Values, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "socks5://127.0.0.1:1")
    said = await refusal(at("registry.example"), mine)
    assert "the proxy that the environment names is of a kind that cannot be used; let `HTTPS_PROXY` name" in said


ODD = st.one_of(
    st.none(), st.booleans(), st.integers(), st.text(max_size=8), st.lists(st.none(), max_size=2), st.just({"a": 1})
)
ERRORS = st.one_of(
    ODD,
    st.lists(
        st.one_of(ODD, st.dictionaries(st.sampled_from(["code", "message", "detail"]), ODD, max_size=3)), max_size=3
    ),
)
BODIES = st.one_of(
    st.binary(max_size=60),
    st.dictionaries(
        st.sampled_from(["errors", "details", "message", "token", "access_token", "error"]), ERRORS, max_size=3
    ).map(lambda value: json.dumps(value).encode()),
    st.sampled_from([b"[" * 100_000, PASSWORD.encode(), BASIC.encode(), json.dumps({"message": PASSWORD}).encode()]),
)
HEADERS = st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=30)
CHALLENGES = st.one_of(
    HEADERS,
    st.sampled_from(["Basic", "Bearer", "bearer realm=", "Digest x", 'Bearer realm="https://["', "Basic realm=a"]),
    HEADERS.map(lambda text: f'Bearer realm="https://{text}"'),
    st.just("Bearer SELF"),
)
REPLIES = st.builds(
    Reply,
    st.sampled_from([200, 204, 301, 307, 400, 401, 401, 401, 403, 404, 429, 500, 599]),
    st.fixed_dictionaries(
        {},
        optional={
            "WWW-Authenticate": CHALLENGES,
            "Location": st.one_of(HEADERS, st.sampled_from(["https://[bad", "//", "/v2/", "http://127.0.0.1:1/"])),
            "Content-Type": HEADERS,
            "Content-Encoding": st.sampled_from(["gzip", "identity", "x"]),
        },
    ),
    BODIES,
)


def test_whatever_a_registry_answers_is_an_outcome(web: Callable[..., Web], mine: Values) -> None:
    """Words, or an error of a driver, without a secret; never a defect."""
    server, turns, seen = web(), list[Reply](), set[str]()

    def reply(asked: Asked) -> Reply:
        found = turns.pop(0) if turns else Reply(503)
        headers = {key: value.replace("SELF", f'realm="{server.url}/token"') for key, value in found.headers.items()}
        return found._replace(headers=headers, body=b"" if found.status == 204 else found.body)

    server.reply = reply

    @settings(max_examples=examples(40), deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(st.lists(REPLIES, min_size=1, max_size=4))
    @example([Reply(401, {"WWW-Authenticate": "Basic"}), Reply(403)])
    @example([Reply(503)])
    @example([Reply(401, {"WWW-Authenticate": "Basic x"})] * 2)
    def tried(replies: list[Reply]) -> None:
        turns[:] = replies
        try:
            said = asyncio.run(login(at(server.host), mine))
            seen.add("in")
        except DriverError as error:
            said = error.message
            seen.add(type(error).__name__)
        assert PASSWORD not in said
        assert BASIC[6:] not in said
        assert said.isprintable()
        assert len(said) < 600

    tried()
    assert {"Refused", "Unavailable"} <= seen
