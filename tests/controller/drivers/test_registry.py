"""What registries say before a pull: a real one with a password, and a small one that wants tokens."""

from __future__ import annotations

import base64
import json
import ssl
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from tests.engines.images import ARCHITECTURE, MANIFEST, standard
from tests.engines.registry import Registry
from tests.sampling import SEED, THOROUGH

from evenkeel.controller import registries_wiring
from evenkeel.controller.cycle.domain import Groundwork
from evenkeel.controller.cycle.surroundings import look_around
from evenkeel.controller.distribution import client, trust
from evenkeel.controller.distribution.access import PullAccess
from evenkeel.controller.distribution.tokens import may_have_credentials
from evenkeel.controller.drivers.registries.docker import DockerConfiguration
from evenkeel.controller.drivers.registries.store import Store
from evenkeel.controller.drivers.registries.values import Printer, Values
from evenkeel.controller.drivers.registry import look_up
from evenkeel.reconcilers.containers.foresight import Host
from evenkeel.specs.containers.actions import Pull
from evenkeel.specs.containers.observed import ContainersSeen, RemoteImage
from evenkeel.specs.plan import Phase, Plan, Stage, Step
from evenkeel.specs.registries.registry import Registry as Place
from evenkeel.specs.settings.registries import RegistriesSettings
from evenkeel.specs.settings.settings import EngineSettings, Settings

MANIFEST_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"


def size_of(name: str) -> int:
    return sum(layer["size"] for layer in json.loads(standard()[name].manifest())["layers"])


async def test_digest_and_size_of_a_tag_and_of_a_digest(registry: Registry) -> None:
    digest = registry.push("web", "1")
    assert digest == standard()["web:1"].digest
    images = [registry.reference("web", "1"), f"{registry.reference('web')}@{digest}"]
    found = await look_up(images, PullAccess(str(registry.docker_config)))
    assert found == {image: RemoteImage(digest, size_of("web:1")) for image in images}


async def test_of_many_architectures_ours(registry: Registry) -> None:
    registry.push("multi", "ours", standard()["web:1"])
    registry.push("multi", "others", standard()["sleeper:1"])
    entries = [
        {
            "mediaType": MANIFEST,
            "digest": standard()[name].digest,
            "size": len(standard()[name].manifest()),
            "platform": {"os": "linux", "architecture": architecture},
        }
        for name, architecture in (("sleeper:1", "s390x"), ("web:1", ARCHITECTURE))
    ]
    content = json.dumps({"schemaVersion": 2, "mediaType": MANIFEST_LIST, "manifests": entries}).encode()
    digest = registry.put_manifest("multi", "1", content, MANIFEST_LIST)
    image = registry.reference("multi", "1")
    assert await look_up([image], PullAccess(str(registry.docker_config))) == {
        image: RemoteImage(digest, size_of("web:1"))
    }


async def test_an_image_of_other_machines_only_is_told(registry: Registry) -> None:
    """It was an internal error."""
    registry.push("alien", "theirs", standard()["web:1"])
    entry = {"mediaType": MANIFEST, "digest": standard()["web:1"].digest, "size": len(standard()["web:1"].manifest())}
    entries = [{**entry, "platform": {"os": "linux", "architecture": "s390x"}}]
    content = json.dumps({"schemaVersion": 2, "mediaType": MANIFEST_LIST, "manifests": entries}).encode()
    registry.put_manifest("alien", "1", content, MANIFEST_LIST)
    image, told = registry.reference("alien", "1"), list[str]()
    assert await look_up([image], PullAccess(str(registry.docker_config)), refused=told.append) == {}
    assert told == [f"the registry {registry.host} did not tell the size of {image}: it has none for this machine"]


async def test_what_is_not_known_is_absent_and_takes_nothing_with_it(registry: Registry, tmp_path: Path) -> None:
    registry.push("web", "1")
    good, config = registry.reference("web", "1"), str(registry.docker_config)
    missing = [registry.reference("web", "nosuch"), registry.reference("nosuch", "1"), "localhost:1/x:1"]
    told: list[str] = []
    assert set(await look_up([*missing, good], PullAccess(config), refused=told.append)) == {good}
    assert sorted(
        told, key=lambda text: "localhost:1 " in text
    ) == [  # S3: a plan said that the size is unknown, and not why
        f"the registry {registry.host} did not tell the size of {missing[1]}, {missing[0]}: it answered 404 Not Found",
        "the registry localhost:1 did not tell the size of localhost:1/x:1: connection refused",
    ]
    assert await look_up([good], PullAccess(str(tmp_path / "none.json"))) == {}
    wrong = base64.b64encode(b"driver:wrong").decode()
    (tmp_path / "wrong.json").write_text(json.dumps({"auths": {registry.host: {"auth": wrong}}}))
    assert await look_up([good], PullAccess(str(tmp_path / "wrong.json")), refused=told.append) == {}
    assert told[2:] == [f"the registry {registry.host} did not tell the size of {good}: it answered 401 Unauthorized"]


async def test_a_certificate_nobody_vouches_for(
    registry: Registry, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    registry.push("web", "1")
    monkeypatch.setattr(trust, "CERTIFICATES", (tmp_path,))
    told: list[str] = []
    assert (
        await look_up([registry.reference("web", "1")], PullAccess(str(registry.docker_config)), refused=told.append)
        == {}
    )
    assert "its certificate is not trusted: " in told[0]


async def test_a_registry_that_hangs_makes_nobody_wait(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    registry.push("web", "1")
    monkeypatch.setattr(client, "SILENCE_S", 0.5)
    registry.freeze()
    try:
        told: list[str] = []
        assert (
            await look_up(
                [registry.reference("web", "1")], PullAccess(str(registry.docker_config)), refused=told.append
            )
            == {}
        )
        assert told[0].endswith(": it did not answer in time")
    finally:
        registry.thaw()


# ── what documents have put in force ──────────────────────────────────────────────────────────────────────────────────


def in_force(tmp_path: Path, place: str, values: Values) -> Settings:
    """The settings of a device on which this is in force for a place."""
    folder = tmp_path / "state" / "registries"
    configuration = DockerConfiguration(folder, f"unix://{tmp_path}/none", tmp_path / "certs.d")
    configuration.admit(Place("private", place), values._replace(insecure=False), Printer(None))
    if values.insecure:
        Store(folder).put(place, values)  # without dockerd
    engine = EngineSettings(kind="docker", docker_config=str(tmp_path / "none.json"))
    (tmp_path / "none.json").write_text("{}")
    certificates = RegistriesSettings(certificates=str(tmp_path / "certs.d"))
    return Settings(state=str(tmp_path / "state"), engine=engine, registries=certificates)


async def sizes(settings: Settings, image: str) -> tuple[dict[str, RemoteImage], list[str]]:
    """The answers that a plan gets, and what is told."""
    told: list[str] = []
    return await registries_wiring.sizes_of_registries(settings)([image], told.append), told


@pytest.mark.parametrize("how", ["an authority", "no encryption asked for"])
async def test_a_registry_that_documents_alone_make_known(
    registry: Registry, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, how: str
) -> None:
    """`registries.certificates` leads elsewhere than to the folders of the engines. It was not trusted."""
    digest, image = registry.push("web", "1"), registry.reference("web", "1")
    monkeypatch.setattr(trust, "CERTIFICATES", (tmp_path / "none",))
    login = Values(registry.user, registry.password)
    _, told = await sizes(in_force(tmp_path, registry.host, login), image)
    assert "its certificate is not trusted" in told[0]
    more = {"ca": registry.ca.read_bytes()} if how == "an authority" else {"insecure": True}
    settings = in_force(tmp_path, registry.host, login._replace(**more))
    assert await sizes(settings, image) == ({image: RemoteImage(digest, size_of("web:1"))}, [])


async def test_a_plan_that_opens_a_registry_tells_no_reason_of_before(
    registry: Registry, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """It said that the registry is not trusted, beside a document that gives its authority: that was not in force yet."""
    registry.push("web", "1")
    image = registry.reference("web", "1")
    monkeypatch.setattr(trust, "CERTIFICATES", (tmp_path / "none",))
    ask = registries_wiring.sizes_of_registries(
        in_force(tmp_path, registry.host, Values(registry.user, registry.password))
    )
    plan = Plan(
        "containers", stages=(Stage(Phase.DOWNLOAD, (Step("pull", "web", Phase.DOWNLOAD, Pull(image, "Always")),)),)
    )

    async def notes(paths: frozenset[str] = frozenset(), *places: str) -> tuple[str, ...]:
        groundwork = Groundwork(paths, frozenset(places))
        return (await look_around(ask, lambda asked: Host(), plan, ContainersSeen("docker"), groundwork)).notes

    (told,) = await notes(frozenset({registry.host, "/etc/x"}), "another.example")
    assert "its certificate is not trusted" in told, "a path is no place"
    (told,) = await notes(frozenset(), registry.host)
    assert told == f"the size of {image} is not known before this plan has put its registry in force"


async def test_the_token_realms_of_a_document(
    registry: Registry, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """They may have its credentials, and its authorities count for them. Of several documents the nearest counts."""
    monkeypatch.setattr(trust, "CERTIFICATES", (tmp_path / "none",))
    served, giver = TokenRegistry(registry.folder), TokenRegistry(registry.folder)
    try:
        served.realm = giver.realm.replace("localhost", "127.0.0.1")
        image, ca = f"{served.host}/a/b:1", registry.ca.read_bytes()
        _, told = await sizes(in_force(tmp_path, served.host, Values("ci", "secret", ca=ca)), image)
        assert "wants its credentials sent to 127.0.0.1" in told[0]
        assert giver.asked == []
        settings = in_force(tmp_path, served.host, Values("ci", "secret", ca=ca, realms=("127.0.0.1",)))
        assert set((await sizes(settings, image))[0]) == {image}
        assert giver.asked[-1][1].startswith("Basic ")
        Store(tmp_path / "state" / "registries").put(f"{served.host}/a", Values("ci", "secret"))
        asked = len(giver.asked)
        assert "wants its credentials sent to 127.0.0.1" in (await sizes(settings, image))[1][0]
        assert len(giver.asked) == asked
    finally:
        served.close()
        giver.close()


# ── tokens ────────────────────────────────────────────────────────────────────────────────────────────────────────


class TokenRegistry:
    """As Docker Hub and GitHub do it: 401 with a challenge, a token for a user, the manifest for a token."""

    def __init__(self, certificates: Path) -> None:
        registry = self
        self.asked: list[tuple[str, str]] = []
        self.realm = ""
        self.field = "token"

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                registry.answer(self)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificates / "server.crt", certificates / "server.key")
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.host = f"localhost:{self.server.server_address[1]}"
        self.realm = f"https://{self.host}/token"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02})
        self.thread.start()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        given = request.headers.get("Authorization", "")
        self.asked.append((request.path, given))
        where = urlsplit(request.path)
        status, headers, content = 200, {}, b""
        if where.path == "/token":
            scope = parse_qs(where.query)["scope"][0]
            content = json.dumps({self.field: f"token for {scope}"}).encode()
        elif given == "Bearer token for repository:a/b:pull":
            content = standard()["web:1"].manifest()
            headers = {"Docker-Content-Digest": standard()["web:1"].digest, "Content-Type": MANIFEST}
        else:
            status = 401
            challenge = f'Bearer realm="{self.realm}",service="registry",scope="repository:a/b:pull"'
            headers = {"WWW-Authenticate": challenge}
        request.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            request.send_header(name, value)
        request.end_headers()
        request.wfile.write(content)

    def close(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def tokens(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> Iterator[TokenRegistry]:
    monkeypatch.setenv("SSL_CERT_FILE", str(registry.ca))
    it = TokenRegistry(registry.folder)
    yield it
    it.close()


@pytest.fixture
def config(tokens: TokenRegistry, tmp_path: Path) -> Callable[[bool], str]:
    def write(with_password: bool) -> str:
        basic = base64.b64encode(b"driver:secret").decode()
        path = tmp_path / "config.json"
        path.write_text(json.dumps({"auths": {tokens.host: {"auth": basic}} if with_password else {}}))
        return str(path)

    return write


@pytest.mark.parametrize("field", ["token", "access_token"])
@pytest.mark.parametrize("with_password", [True, False])
async def test_a_token_for_a_user_or_for_anybody(
    tokens: TokenRegistry, config: Callable[[bool], str], field: str, with_password: bool
) -> None:
    tokens.field = field
    image = f"{tokens.host}/a/b:1"
    assert await look_up([image], PullAccess(config(with_password))) == {
        image: RemoteImage(standard()["web:1"].digest, size_of("web:1"))
    }
    paths = [urlsplit(path).path for path, _ in tokens.asked]
    assert paths == ["/v2/a/b/manifests/1", "/token", "/v2/a/b/manifests/1"]
    basic = "Basic " + base64.b64encode(b"driver:secret").decode()
    given = [authorization for _, authorization in tokens.asked]
    assert given[:2] == ["", basic if with_password else ""]


async def test_a_password_goes_nowhere_without_encryption(tokens: TokenRegistry, config: Callable[[bool], str]) -> None:
    tokens.realm = f"http://{tokens.host}/token"
    assert await look_up([f"{tokens.host}/a/b:1"], PullAccess(config(True))) == {}
    assert [authorization for _, authorization in tokens.asked] == [""]


# ── who gets what ─────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_credentials_go_to_no_stranger(
    tokens: TokenRegistry, registry: Registry, config: Callable[[bool], str]
) -> None:
    other = TokenRegistry(registry.folder)
    try:
        tokens.realm = other.realm.replace("localhost", "127.0.0.1")
        refused: list[str] = []
        image = f"{tokens.host}/a/b:1"
        assert await look_up([image], PullAccess(config(True)), refused.append) == {}
        why = f"the registry {tokens.host} wants its credentials sent to 127.0.0.1, and they were not"
        assert refused == [f"{image}: {why}; if that is right, add 127.0.0.1 to `engine.tokenRealms`"]
        assert other.asked == [], "it was not even asked"
        assert set(await look_up([image], PullAccess(config(False)), refused.append)) == {image}
        assert len(refused) == 1, "without credentials anybody may be asked"
        assert [authorization for _, authorization in other.asked] == [""]
        assert set(await look_up([image], PullAccess(config(True), realms=("127.0.0.1",)), refused.append)) == {image}
        assert other.asked[-1][1].startswith("Basic "), "it is listed"
    finally:
        other.close()


@pytest.mark.parametrize(
    ("realm", "host", "may"),
    [
        ("auth.docker.io", "registry-1.docker.io", True),
        ("docker.io", "registry-1.docker.io", False),
        ("ghcr.io", "ghcr.io", True),
        ("auth.ghcr.io", "ghcr.io", True),
        ("gitlab.com", "registry.gitlab.com", True),
        ("localhost", "localhost:5000", True),
        ("evil.io", "ghcr.io", False),
        ("auth.evil.io", "registry-1.docker.io", False),
        ("evildocker.io", "registry-1.docker.io", False),
        ("docker.io.evil.com", "registry-1.docker.io", False),
        ("evil.co.uk", "example.co.uk", False),
        ("auth.example.co.uk", "example.co.uk", True),
        ("auth.example.com", "registry.example.com", False),
        ("evil.github.io", "reg.github.io", False),
        ("evil.azurecr.io", "mine.azurecr.io", False),
        ("evil.asso.fr", "reg.asso.fr", False),
        ("9.9.0.1", "9.8.0.1:5000", False),
        ("x.0.0.1", "127.0.0.1:5000", False),
        ("evil.localhost", "localhost:5000", False),
        ("tokens.example.com", "reg.example.org", True),
        ("Tokens.Example.com", "REG.example.org", True),
    ],
)
def test_a_realm_of_the_same_organisation_or_a_listed_one(realm: str, host: str, may: bool) -> None:
    assert may_have_credentials(realm, host, ("Tokens.example.com",)) is may


async def test_what_is_trusted_for_one_host_is_trusted_for_no_other(
    tokens: TokenRegistry,
    registry: Registry,
    config: Callable[[bool], str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    monkeypatch.setattr(trust, "CERTIFICATES", (tmp_path / "certs.d",))
    other = TokenRegistry(registry.folder)
    try:
        tokens.realm = other.realm
        for step, host in enumerate((tokens.host, other.host)):
            (tmp_path / "certs.d" / host).mkdir(parents=True)
            (tmp_path / "certs.d" / host / "ca.crt").symlink_to(registry.ca)
            found = await look_up([f"{tokens.host}/a/b:1"], PullAccess(config(True)))
            assert bool(found) == bool(other.asked) == (step == 1)
    finally:
        other.close()


@pytest.mark.parametrize("where", ["manifest", "token"])
@pytest.mark.parametrize("packed", [False, True])
async def test_an_answer_without_an_end_is_given_up(
    tokens: TokenRegistry, config: Callable[[bool], str], monkeypatch: pytest.MonkeyPatch, where: str, packed: bool
) -> None:
    asked, sent = False, 0
    answer = tokens.answer

    def endless(request: BaseHTTPRequestHandler) -> None:
        nonlocal asked, sent
        if ("token" in request.path) != (where == "token"):
            answer(request)
            return
        asked = True
        request.send_response(200)
        if packed:
            request.send_header("Content-Encoding", "gzip")
        request.end_headers()
        try:
            while sent < 256 * 1024**2:
                sent += request.wfile.write(bytes(1024**2))
        except OSError:
            pass
        request.close_connection = True

    monkeypatch.setattr(tokens, "answer", endless)
    assert await look_up([f"{tokens.host}/a/b:1"], PullAccess(config(True))) == {}
    assert asked
    assert sent < 64 * 1024**2


# ── answers of another kind ───────────────────────────────────────────────────────────────────────────────────────────

Say = Callable[[bytes, bytes], None]
MINE = json.dumps({"os": "linux", "architecture": ARCHITECTURE})


@pytest.fixture
def say(tokens: TokenRegistry, monkeypatch: pytest.MonkeyPatch) -> Say:
    """Have the registry answer every question about a manifest and about a token with these."""
    answer = tokens.answer

    def having(manifest: bytes, token: bytes) -> None:
        def reply(request: BaseHTTPRequestHandler) -> None:
            is_token = request.path.startswith("/token")
            if not is_token and not request.headers.get("Authorization") and token:
                answer(request)
                return
            content = token if is_token else manifest
            request.send_response(200)
            request.send_header("Content-Length", str(len(content)))
            request.end_headers()
            request.wfile.write(content)

        monkeypatch.setattr(tokens, "answer", reply)

    return having


OURS = f'{{"manifests":[{{%"platform":{MINE}}}]}}'

NO_MANIFESTS = [
    "null", "[]", '"x"', "5", "true", "", "{", "{}", "[" * 200_000, '{"x":' * 200_000, '"\\ud800"', "\xff",
    '{"layers":null}', '{"layers":5}', '{"layers":[null]}', '{"layers":[{}]}', '{"layers":[{"size":"5"}]}',
    '{"layers":[{"size":1e999}]}', '{"layers":[{"size":-5}]}', '{"layers":[{"size":true}]}', '{"layers":[{"size":1.5}]}',
    '{"layers":[{"size":NaN}]}', '{"layers":[{"size":' + "9" * 300 + "}]}", '{"layers":[{"size":9007199254740993}]}',
    '{"layers":[{"size":' + "9" * 5000 + "}]}", '{"layers":[' + "[" * 100_000, '{"manifests":5}', '{"manifests":[null]}',
    '{"manifests":[[]]}', '{"manifests":[{"platform":"x"}]}', '{"manifests":[{"digest":5}]}',
    OURS.replace("%", ""), OURS.replace("%", '"digest":"../../x",'),
    OURS.replace("%", '"digest":"\\ud800",'), '{"mediaType":5}', '{"mediaType":["x"],"layers":[]}',
    f'{{"mediaType":"{MANIFEST_LIST}"}}', f'{{"mediaType":"{MANIFEST_LIST}","manifests":null}}',
]  # fmt: skip


@pytest.mark.parametrize("content", NO_MANIFESTS, ids=lambda text: text[:40])
async def test_what_is_no_manifest_is_told_and_no_error(
    tokens: TokenRegistry, config: Callable[[bool], str], say: Say, content: str
) -> None:
    """R2: `plan` and `apply` ended with an internal error."""
    say(content.encode("latin-1"), b"")
    told: list[str] = []
    image = f"{tokens.host}/a/b:1"
    assert await look_up([image], PullAccess(config(False)), refused=told.append) == {}
    assert told == [f"the registry {tokens.host} did not tell the size of {image}: its answer is none of a registry"]


@pytest.mark.parametrize(
    "content",
    ["[]", "null", "{}", '{"token":5}', '{"token":null}', '{"token":""}', '{"token":"a\\nb"}', '{"token":"ä"}', "["],
)
async def test_what_is_no_token_is_told_and_no_error(
    tokens: TokenRegistry, config: Callable[[bool], str], say: Say, content: str
) -> None:
    say(b"null", content.encode())
    told: list[str] = []
    image = f"{tokens.host}/a/b:1"
    assert await look_up([image], PullAccess(config(False)), refused=told.append) == {}
    assert told == [f"the registry {tokens.host} did not tell the size of {image}: its answer is none of a registry"]


@pytest.mark.parametrize("realm", ["https://127.0.0.1:99999/x", "https://[bad", "https://ev\\il/x", "", "https://"])
async def test_a_realm_that_is_no_address_is_told_and_no_error(
    tokens: TokenRegistry, config: Callable[[bool], str], realm: str
) -> None:
    tokens.realm = realm
    told: list[str] = []
    image = f"{tokens.host}/a/b:1"
    assert await look_up([image], PullAccess(config(False)), refused=told.append) == {}
    (said,) = told
    assert said.startswith(f"the registry {tokens.host} did not tell the size of {image}: ")


@pytest.mark.parametrize("place", ["https://127.0.0.1:99999/x", "https://[bad", "//", "x:y", "https://ev\\il/", "\xff"])
async def test_a_redirect_to_nowhere_is_told_and_no_error(
    tokens: TokenRegistry, config: Callable[[bool], str], monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    def reply(request: BaseHTTPRequestHandler) -> None:
        request.send_response(302)
        request.send_header("Location", place)
        request.send_header("Content-Length", "0")
        request.end_headers()

    monkeypatch.setattr(tokens, "answer", reply)
    told: list[str] = []
    image = f"{tokens.host}/a/b:1"
    assert await look_up([image], PullAccess(config(False)), refused=told.append) == {}
    (said,) = told
    assert said.startswith(f"the registry {tokens.host} did not tell the size of {image}: ")


async def test_a_long_reason_is_shortened(
    tokens: TokenRegistry, config: Callable[[bool], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """R10: a note of 5 KB."""
    monkeypatch.setattr(tokens, "answer", lambda request: request.send_error(500, "A" * 5000))
    told: list[str] = []
    assert await look_up([f"{tokens.host}/a/b:1"], PullAccess(config(False)), refused=told.append) == {}
    assert ": it answered 500 AAAA" in told[0]
    assert len(told[0]) < 250


async def test_whatever_a_registry_answers_is_a_note_or_a_size(
    tokens: TokenRegistry, config: Callable[[bool], str], say: Say
) -> None:
    """R2, with answers drawn with the seed of the run: sound ones of which any part is replaced, left out, or cut."""
    dice = Random(f"{SEED} registry answers")
    image, outcomes = f"{tokens.host}/a/b:1", set[str]()
    strange: list[Any] = [
        None,
        True,
        0,
        -1,
        1 << 70,
        1.5,
        float("inf"),
        "",
        "x",
        "\ud800",
        [],
        {},
        [None],
        [[]],
        {"a": 1},
    ]

    def broken(value: Any) -> Any:
        if dice.random() < 0.15:
            return dice.choice(strange)
        if isinstance(value, dict):
            return {key: broken(each) for key, each in value.items() if dice.random() > 0.05}
        return [broken(each) for each in value] if isinstance(value, list) else value

    index = {
        "mediaType": MANIFEST_LIST,
        "manifests": [{"digest": standard()["web:1"].digest, "platform": json.loads(MINE)}],
    }
    manifest = {"mediaType": MANIFEST, "layers": [{"size": 5}, {"size": 7}]}
    for _ in range(1500 if THOROUGH else 150):
        content, token = (
            json.dumps(broken(each)).encode() for each in (dice.choice([index, manifest]), {"token": "t"})
        )
        say(content[: dice.randrange(len(content))] if dice.random() < 0.1 else content, token)
        told: list[str] = []
        found = await look_up([image], PullAccess(config(dice.random() < 0.5)), refused=told.append)
        assert bool(found) != bool(told), content
        assert all(0 <= each.size < 1 << 60 for each in found.values())
        outcomes |= {text.rpartition(": ")[2] for text in told} | {str(each.size) for each in found.values()}
    assert {"12", "its answer is none of a registry"} <= outcomes
