"""Registry credentials as Docker keeps them, with a real helper program on PATH."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
from collections.abc import Callable
from pathlib import Path
from random import Random
from resource import RUSAGE_SELF, getrusage
from typing import Any

import pytest
from tests.sampling import SEED
from tests.until import soon

from evenkeel.controller.settings import credentials as under_test
from evenkeel.controller.settings.credentials import (
    Credentials,
    config_path,
    credentials_for,
    credentials_of,
    credentials_of_pull,
)
from evenkeel.specs.errors import Unavailable

SECRET = "correct horse: battery/staple"
BASIC = base64.b64encode(f"driver:{SECRET}".encode()).decode()

Write = Callable[[Any], Path]


@pytest.fixture
def config(tmp_path: Path) -> Write:
    def write(content: Any) -> Path:
        path = tmp_path / "config.json"
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return path

    return write


@pytest.fixture
def helper(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """A program `docker-credential-test` with this body; what it was given is in the file that is returned."""

    def make(body: str) -> Path:
        asked, folder = tmp_path / "asked", tmp_path / "bin"
        folder.mkdir()
        program = folder / "docker-credential-test"
        program.write_text(f'#!/bin/sh\necho "$@" > {asked}; cat >> {asked}\n{body}\n')
        program.chmod(0o755)
        monkeypatch.setenv("PATH", str(folder), prepend=":")
        return asked

    return make


def is_running(pid: Path) -> bool:
    return Path("/proc", pid.read_text().strip()).exists()


def is_alive(pid: Path) -> bool:
    """Whether it runs; one that has ended may wait for its parent."""
    try:
        return Path("/proc", pid.read_text().strip(), "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.mark.parametrize(
    ("name", "registry"),
    [
        ("localhost:5000", "localhost:5000"),
        ("ghcr.io", "ghcr.io"),
        ("https://ghcr.io", "ghcr.io"),
        ("https://ghcr.io/v1/", "ghcr.io"),
        ("http://ghcr.io/v2/", "ghcr.io"),
        ("https://index.docker.io/v1/", "docker.io"),
        ("index.docker.io", "docker.io"),
        ("docker.io", "docker.io"),
    ],
)
async def test_auths(config: Write, name: str, registry: str) -> None:
    found = await credentials_for(registry, config({"auths": {name: {"auth": BASIC}}}))
    assert found is not None
    assert (found.username, found.password) == ("driver", SECRET)
    assert found.server == ("https://index.docker.io/v1/" if registry == "docker.io" else registry)


async def test_the_exact_name_counts_before_a_similar_one(config: Write) -> None:
    other = base64.b64encode(b"other:other").decode()
    path = config({"auths": {"https://ghcr.io/v1/": {"auth": other}, "ghcr.io": {"auth": BASIC}}})
    found = await credentials_for("ghcr.io", path)
    assert found is not None
    assert found.username == "driver"


@pytest.mark.parametrize("name", ["ghcr.io.example.org", "example.org/ghcr.io", "ghcr.i", "ghcr.io:443"])
async def test_no_other_registry_gets_them(config: Write, name: str) -> None:
    assert await credentials_for("ghcr.io", config({"auths": {name: {"auth": BASIC}}})) is None


def coded(user: str) -> dict[str, str]:
    return {"auth": base64.b64encode(f"{user}:{SECRET}".encode()).decode()}


async def user_of(place: str, path: Path) -> str:
    found = await credentials_for(place, path)
    return "" if found is None else found.username


@pytest.mark.parametrize(
    ("place", "user"),
    [
        ("ghcr.io/org/img", "org"),
        ("ghcr.io/org/img/deep", "img"),
        ("ghcr.io/org", "org"),
        ("ghcr.io/organisation/img", "host"),
        ("ghcr.io/other/org", "host"),
        ("GHCR.io/org/x", "org"),
        ("ghcr.io", "host"),
        ("docker.io/library/web", "hub"),
        ("docker.io/acme/web", "acme"),
        ("quay.io/org/img", ""),
    ],
)
async def test_of_keys_with_paths_the_longest_counts(config: Write, place: str, user: str) -> None:
    """Podman's files have them (registries.md §3.3)."""
    keys = {
        "ghcr.io": "host", "ghcr.io/org": "org", "ghcr.io/org/img/deep": "img",
        "https://index.docker.io/v1/": "hub", "registry-1.docker.io/acme": "acme",
    }  # fmt: skip
    assert await user_of(place, config({"auths": {key: coded(name) for key, name in keys.items()}})) == user


@pytest.mark.parametrize(
    "name", ["docker.io", "hub.docker.com", "registry.hub.docker.com", "https://index.docker.io/v1/"]
)
async def test_a_helper_for_docker_hub_under_any_name(config: Write, helper: Callable[[str], Path], name: str) -> None:
    asked = helper("""printf '%s' '{"Username":"u","Secret":"s"}'""")
    assert await user_of("docker.io/library/web", config({"credHelpers": {name: "test"}})) == "u"
    assert asked.read_text() == "get\nhttps://index.docker.io/v1/"


async def test_a_helper_counts_before_keys_that_are_not_longer(config: Write, helper: Callable[[str], Path]) -> None:
    helper("""printf '%s' '{"Username":"helper","Secret":"s"}'""")
    auths = {"ghcr.io": coded("host"), "ghcr.io/org": coded("org")}
    for key in ({"credHelpers": {"ghcr.io": "test"}}, {"credsStore": "test"}):
        path = config({"auths": auths, **key})
        assert await user_of("ghcr.io/other/img", path) == "helper"
        assert await user_of("ghcr.io/org/img", path) == "org"


async def test_the_registries_of_kanto(config: Write) -> None:
    """registries.md §1.2; one without credentials has a transport alone."""
    registries = {
        "ghcr.io": {"credentials": {"user_id": "driver", "password": SECRET}, "transport": {"root_ca": "/ca.crt"}},
        "quay.io": {"transport": {}},
    }
    path = config({"containers": {"registry_configurations": registries}, "things": {"enable": True}})
    assert await credentials_for("ghcr.io/org/img", path) == Credentials("ghcr.io", "driver", SECRET)
    assert await credentials_for("quay.io/org/img", path) is None
    registries["ghcr.io"]["credentials"]["password"] = ["a"]  # type: ignore[assignment]
    with pytest.raises(Unavailable, match=r"got a list, at `.*configurations\.ghcr\.io\.credentials\.password`"):
        await credentials_for("ghcr.io", config({"containers": {"registry_configurations": registries}}))


async def test_what_the_registries_domain_has_in_force_comes_first(
    config: Write, helper: Callable[[str], Path], tmp_path: Path
) -> None:
    """Then `engine.dockerConfig`, whose place may be longer."""
    helper("""printf '%s' '{"Username":"helper","Secret":"s"}'""")
    configured = str(config({"auths": {"ghcr.io/org": coded("docker"), "quay.io": coded("docker")}}))
    kanto, admitted = tmp_path / "kanto.json", tmp_path / "auth.json"
    registries = {"b.io": {"credentials": {"user_id": "kanto", "password": SECRET}}}
    kanto.write_text(json.dumps({"containers": {"registry_configurations": registries}}))

    async def user(place: str) -> str:
        found = await credentials_of_pull(place, configured, admitted)
        return "" if found is None else found.username

    assert await user("ghcr.io/org/img") == "docker", "nothing is in force yet"
    references = {"a.io": "helper test", "b.io": f"config {kanto}", "a.io/org": f"config {kanto}"}
    auths = {"ghcr.io": coded("mine"), "a.io/team": coded("mine"), "https://index.docker.io/v1/": coded("hub")}
    admitted.write_text(json.dumps({"auths": auths, "references": references}))
    places = {
        "ghcr.io/org/img": "mine", "quay.io/img": "docker", "a.io/img": "helper", "a.io/team/img": "mine",
        "b.io/x/img": "kanto", "docker.io/library/web": "hub", "c.io/img": "",
    }  # fmt: skip
    assert {place: await user(place) for place in places} == places
    with pytest.raises(Unavailable) as caught:
        await user("a.io/org/img")
    assert caught.value.message == f"there are no credentials for a.io/org/img in {kanto}"
    admitted.write_text("{")
    with pytest.raises(Unavailable, match="cannot be read: it is no JSON"):
        await user("quay.io/img")


async def test_a_helper_of_a_document_that_knows_nothing_is_told(helper: Callable[[str], Path]) -> None:
    helper("echo credentials not found in native keychain; exit 1")
    with pytest.raises(Unavailable) as caught:
        await credentials_of("helper test", "ghcr.io/org")
    assert caught.value.message == "there are no credentials for ghcr.io/org in docker-credential-test"


@pytest.mark.parametrize(
    ("body", "how"), [("exit 3", "failed with exit code 3"), ("kill -9 $$", "was ended by signal 9")]
)
async def test_a_helper_that_fails_is_not_one_that_knows_nothing(
    config: Write, helper: Callable[[str], Path], body: str, how: str
) -> None:
    """As one whose keychain is locked: the pull was anonymous, and of a document "there are no credentials" was said."""
    helper(body)
    path = config({"credsStore": "test", "auths": {"ghcr.io": {}}})
    remedy = "repair or unlock its store (`echo ghcr.io | docker-credential-test get` tells why)"
    remedy += ", or name the credentials otherwise (`evenkeel registry add`)"
    whose = "`credentials.helper` of the registry ghcr.io"
    for named_by, asking in (
        (f"`credsStore` of {path}", credentials_for("ghcr.io", path)),
        (f"`credsStore` of {path}", credentials_of(f"config {path}", "ghcr.io")),
        (whose, credentials_of("helper test", "ghcr.io")),
    ):
        with pytest.raises(Unavailable) as caught:
            await asking
        said = f"the credential helper docker-credential-test, which {named_by} names, {how}; {remedy}"
        assert caught.value.message == said


async def test_an_identity_token_and_plain_fields(config: Write) -> None:
    path = config(
        {
            "auths": {
                "a.io": {"identitytoken": "the token"},
                "b.io": {"username": "driver", "password": SECRET},
                "c.io": {},
            }
        }
    )
    assert await credentials_for("a.io", path) == Credentials("a.io", identity_token="the token")
    assert await credentials_for("b.io", path) == Credentials("b.io", "driver", SECRET)
    assert await credentials_for("c.io", path) is None
    assert await credentials_for("d.io", path) is None


async def test_without_a_file_there_are_none(tmp_path: Path) -> None:
    assert await credentials_for("ghcr.io", tmp_path / "nosuch" / "config.json") is None


@pytest.mark.parametrize("content", ["[]", "{}", '{"auths": []}', '{"auths": {"ghcr.io": 5}}', '{"credHelpers": 7}'])
async def test_a_file_of_another_shape_has_none(config: Write, content: str) -> None:
    assert await credentials_for("ghcr.io", config(content)) is None


@pytest.mark.parametrize(
    "content", ["{", "\udcff", '{"auths": {"ghcr.io": {"auth": "a"}}}', '{"auths": {"ghcr.io": {"auth": "/w=="}}}']
)
async def test_a_broken_file_is_said_and_not_shown(config: Write, tmp_path: Path, content: str) -> None:
    path = tmp_path / "config.json"
    path.write_bytes(content.encode(errors="surrogateescape"))
    with pytest.raises(Unavailable) as caught:
        await credentials_for("ghcr.io", path)
    assert str(path) in caught.value.message or "ghcr.io" in str(caught.value)


async def test_a_helper_for_one_registry(config: Write, helper: Callable[[str], Path]) -> None:
    answer = json.dumps({"ServerURL": "x", "Username": "driver", "Secret": SECRET})
    asked = helper(f"printf '%s' '{answer}'")
    path = config({"credHelpers": {"ghcr.io": "test"}, "auths": {"b.io": {"auth": BASIC}}})
    assert await credentials_for("ghcr.io", path) == Credentials("ghcr.io", "driver", SECRET)
    assert asked.read_text() == "get\nghcr.io"
    asked.unlink()
    assert (await credentials_for("b.io", path) or Credentials("")).username == "driver"
    assert not asked.exists()


async def test_a_store_for_all_registries_is_asked_by_the_hubs_old_name(
    config: Write, helper: Callable[[str], Path]
) -> None:
    asked = helper('echo \'{"Username":"<token>","Secret":"the token"}\'')
    path = config({"credsStore": "test"})
    found = await credentials_for("docker.io", path)
    assert found == Credentials("https://index.docker.io/v1/", identity_token="the token")
    assert asked.read_text() == "get\nhttps://index.docker.io/v1/"


@pytest.mark.parametrize(
    ("key", "body", "user", "told"),
    [
        ("credsStore", "echo credentials not found in native keychain; exit 1", "driver", ""),
        ("credHelpers", "echo credentials not found in native keychain; exit 1", "", "counts, and not this"),
        ("credsStore", "exit 1", "driver", "(`evenkeel registry add`); `auths.ghcr.io` of"),
        ("credHelpers", "echo nonsense", "driver", "did not answer with a JSON object; `auths.ghcr.io` of"),
        ("credsStore", "", "driver", "is not in the PATH here"),
        ("credsStore", """printf '%s' '{"Username":"helper","Secret":"s"}'""", "helper", "`credsStore` of"),
    ],
)
async def test_credentials_beside_a_helper(
    config: Write, helper: Callable[[str], Path], caplog: pytest.LogCaptureFixture,
    key: str, body: str, user: str, told: str,
) -> None:  # fmt: skip
    """Docker's and Podman's way, seen with both: what the file has counts where the helper cannot be asked. One that knows
    none is believed; but Podman does not know `credsStore`. Nothing is passed over in silence."""
    caplog.set_level(logging.INFO)
    if body:
        helper(body)
    path = config({key: "test" if key == "credsStore" else {"ghcr.io": "test"}, "auths": {"ghcr.io": {"auth": BASIC}}})
    assert (await credentials_for("ghcr.io", path) or Credentials("")).username == user
    said = str([getattr(record, "fields", {}) for record in caplog.records])
    assert told in said
    assert (told == "") == (said == "[]")


@pytest.mark.parametrize(
    ("entry", "found", "told"),
    [
        ({"auth": BASIC, "username": "other", "password": "x"}, ("driver", SECRET, ""), ["username", "password"]),
        ({"auth": BASIC, "identitytoken": "T"}, ("driver", SECRET, "T"), []),
        ({"username": "driver", "password": SECRET, "identitytoken": "T"}, ("driver", SECRET, "T"), []),
        ({"auth": base64.b64encode(b"0000:").decode(), "identitytoken": "T"}, ("", "", "T"), []),
        ({"auth": BASIC, "registrytoken": "T"}, ("driver", SECRET, ""), ["registrytoken"]),
        ({"registrytoken": "T"}, None, ["registrytoken"]),
        ({"auth": f"{BASIC[:8]}\n{BASIC[8:]}"}, ("driver", SECRET, ""), []),
        ({"auth": base64.b64encode(b":x").decode()}, None, ["auth"]),
        ({"password": "x", "identitytoken": "T"}, ("", "", "T"), ["password"]),
    ],
)
async def test_an_entry_that_says_several_things(
    config: Write, caplog: pytest.LogCaptureFixture, entry: Any, found: tuple[str, str, str] | None, told: list[str]
) -> None:
    """As the real Docker 28 and Podman 4.3 take it."""
    caplog.set_level(logging.INFO)
    path = config({"auths": {"a.io": entry}})
    its = await credentials_for("a.io", path)
    assert (None if its is None else (its.username, its.password, its.identity_token)) == found
    whys = [getattr(record, "fields", {}).get("why", "") for record in caplog.records]
    assert [why.partition(":")[0] for why in whys] == [f"`auths.a.io.{key}` of {path}" for key in told]
    assert SECRET not in str(whys)


async def test_half_a_character_in_a_file_is_sent_as_docker_sends_it_and_told(
    config: Write, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    path = config('{"more": "\\ud800", "auths": {"a.io": {"username": "driver", "password": "a\\ud800b"}}}')
    assert await credentials_for("a.io", path) == Credentials("a.io", "driver", "a\ufffdb")
    (record,) = caplog.records
    assert "`auths.a.io` of" in str(vars(record))
    assert "U+FFFD" in str(vars(record))
    assert "a\ufffdb" not in str(vars(record))
    assert "not count" not in f"{record.getMessage()} {vars(record)}", "it is sent"
    admitted = path.rename(path.with_name("auth.json"))
    caplog.clear()
    assert await credentials_of_pull("a.io", "", admitted) == Credentials("a.io", "driver", "a\ufffdb", realms=())
    (record,) = caplog.records
    assert f"`auths.a.io` of {admitted}" in str(vars(record))


async def test_a_doubt_is_told_once_for_as_long_as_it_holds(config: Write, caplog: pytest.LogCaptureFixture) -> None:
    """The files are read at every pull, and at every question about a tag."""
    caplog.set_level(logging.DEBUG)
    doubtful, good = ({"auth": BASIC, "username": name} for name in ("other", ""))
    for entry, place, level in (
        (doubtful, "a.io/x", logging.INFO),
        (doubtful, "a.io/x", logging.DEBUG),
        (doubtful, "a.io/y", logging.DEBUG),
        (good, "a.io/x", None),
        (good, "a.io/y", None),
        (doubtful, "a.io/x", logging.INFO),
    ):
        caplog.clear()
        await credentials_for(place, config({"auths": {"a.io": entry}}))
        assert [record.levelno for record in caplog.records] == ([] if level is None else [level])


@pytest.mark.parametrize(
    ("content", "at"),
    [
        ({"auths": {"a.io": {"username": "a:b", "password": SECRET}}}, "auths.a.io.username"),
        (
            {"containers": {"registry_configurations": {"a.io": {"credentials": {"user_id": "a:b", "password": "x"}}}}},
            "containers.registry_configurations.a.io.credentials.user_id",
        ),
    ],
)
async def test_a_user_that_no_login_can_express_is_told_with_its_place(config: Write, content: Any, at: str) -> None:
    path = config(content)
    with pytest.raises(Unavailable) as caught:
        await credentials_for("a.io", path)
    assert caught.value.message.startswith(f"registry credentials in {path} cannot be used: a user with a colon")
    assert caught.value.message.endswith(f"at `{at}`")


async def test_a_user_of_a_helper_that_no_login_can_express(config: Write, helper: Callable[[str], Path]) -> None:
    helper("""printf '%s' '{"Username":"a:b","Secret":"s"}'""")
    with pytest.raises(Unavailable, match="answered with a user that is none: a user with a colon"):
        await credentials_for("a.io", config({"credsStore": "test"}))


@pytest.mark.parametrize("body", ["echo nonsense", "echo '[1]'", "true"])
async def test_a_helper_that_talks_nonsense(config: Write, helper: Callable[[str], Path], body: str) -> None:
    helper(body)
    with pytest.raises(Unavailable, match="docker-credential-test"):
        await credentials_for("ghcr.io", config({"credsStore": "test"}))


async def test_a_helper_that_is_not_there(config: Write) -> None:
    """A file of a desktop names one (A16): who reads only the message must know program, file, key and what to do."""
    remedy = "is not in the PATH here; install it, or remove that key and name the credentials otherwise"
    remedy += " (`evenkeel registry add`)"
    for key, content in (("credsStore", "nosuch"), ("credHelpers", {"ghcr.io": "nosuch"})):
        path = config({"auths": {}, key: content})
        with pytest.raises(Unavailable) as caught:
            await credentials_for("ghcr.io", path)
        place = f"`{key}{'.ghcr.io' * (key == 'credHelpers')}` of {path}"
        assert caught.value.message == f"the credential helper docker-credential-nosuch, which {place} names, {remedy}"


@pytest.mark.parametrize("name", ["\\ud800", "a\\u0000b"])
async def test_a_helper_whose_name_is_none_of_a_program(config: Write, name: str) -> None:
    with pytest.raises(Unavailable) as error:
        await credentials_for("ghcr.io", config(f'{{"credsStore": "{name}"}}'))
    str(error.value).encode()


async def test_half_a_character_in_an_answer_of_a_helper(config: Write, helper: Callable[[str], Path]) -> None:
    helper("""printf '%s' '{"Username":"driver","Secret":"a\\ud800b"}'""")
    found = await credentials_for("ghcr.io", config({"credsStore": "test"}))
    assert found == Credentials("ghcr.io", "driver", "a\ufffdb")


async def test_a_helper_that_hangs_is_killed(
    config: Write, helper: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(under_test, "_PROGRAM_TIMEOUT_S", 3.0)  # until then it has begun
    helper(f"echo $$ > {tmp_path}/pid; exec sleep 1000")
    with pytest.raises(Unavailable, match="did not answer within 3"):
        await credentials_for("ghcr.io", config({"credsStore": "test"}))
    assert not is_running(tmp_path / "pid")


@pytest.mark.parametrize("start", ["", "setsid "])
async def test_a_helper_that_prints_without_end_is_killed_with_what_it_started(
    config: Write, helper: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, start: str
) -> None:
    """R1: it took 4.6 GB and was not ended by its time limit. A process that left the group keeps nobody waiting."""
    monkeypatch.setattr(under_test, "_PROGRAM_TIMEOUT_S", 60.0)
    helper(f"echo $$ > {tmp_path}/pid; {start}sh -c 'echo $$ > {tmp_path}/child; exec yes' & wait")
    peak = getrusage(RUSAGE_SELF).ru_maxrss
    with pytest.raises(Unavailable, match="printed more than 64 KiB and was ended"):
        await credentials_for("ghcr.io", config({"credsStore": "test"}))
    assert not is_running(tmp_path / "pid")
    await soon(lambda: not is_alive(tmp_path / "child"))
    assert getrusage(RUSAGE_SELF).ru_maxrss - peak < 64 * 1024


async def test_what_a_helper_leaves_behind_with_its_output_is_killed_at_the_time_limit(
    config: Write, helper: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(under_test, "_PROGRAM_TIMEOUT_S", 3.0)
    helper(f"sh -c 'echo $$ > {tmp_path}/child; exec sleep 1000' & exit 0")
    with pytest.raises(Unavailable, match="s and was ended"):
        await credentials_for("ghcr.io", config({"credsStore": "test"}))
    await soon(lambda: not is_alive(tmp_path / "child"))


async def test_a_file_of_credentials_without_an_end_is_given_up() -> None:
    with pytest.raises(Unavailable, match="registry credentials in /dev/zero cannot be read: it is no regular file"):
        await credentials_for("ghcr.io", Path("/dev/zero"))


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ({"credsStore": ["a"]}, "got a list, at `credsStore`"),
        ({"credsStore": 5}, "got a number, at `credsStore`"),
        ({"credHelpers": {"ghcr.io": {}}}, "got a mapping, at `credHelpers.ghcr.io`"),
        ({"auths": {"ghcr.io": {"identitytoken": ["a"]}}}, "got a list, at `auths.ghcr.io.identitytoken`"),
        ({"auths": {"ghcr.io": {"username": True}}}, "got true or false, at `auths.ghcr.io.username`"),
        ({"auths": {"ghcr.io": {"username": "u", "password": 5}}}, "got a number, at `auths.ghcr.io.password`"),
    ],
)
async def test_what_is_no_text_is_told_with_its_place(config: Write, content: Any, told: str) -> None:
    """R11: `docker-credential-['a']` was looked for, and a list was sent as a password."""
    path = config(content)
    with pytest.raises(Unavailable) as caught:
        await credentials_for("ghcr.io", path)
    assert caught.value.message == f"registry credentials in {path} cannot be used: expected a text, {told}"


async def test_a_helper_nobody_waits_for_any_more_is_killed(
    config: Write, helper: Callable[[str], Path], tmp_path: Path
) -> None:
    helper(f"echo $$ > {tmp_path}/new; mv {tmp_path}/new {tmp_path}/pid; exec sleep 1000")
    task = asyncio.create_task(credentials_for("ghcr.io", config({"credsStore": "test"})))
    await soon((tmp_path / "pid").exists)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not is_running(tmp_path / "pid")


async def test_no_secret_in_texts_and_logs(
    config: Write, helper: Callable[[str], Path], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    helper(f"echo '{SECRET}'")
    with pytest.raises(Unavailable) as caught:
        await credentials_for("ghcr.io", config({"credsStore": "test"}))
    texts = [repr(Credentials("ghcr.io", "driver", SECRET, SECRET)), str(Credentials("a", "b", SECRET)), caplog.text]
    texts += [str(caught.value), repr(caught.value), repr(caught.value.__cause__)]
    assert not any(SECRET in text for text in texts)
    with pytest.raises(Unavailable) as caught:
        await credentials_for("ghcr.io", config('{"auths": {"ghcr.io": {"auth": "' + SECRET))
    assert SECRET not in str(caught.value)
    assert caught.value.__suppress_context__


def test_which_file_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("DOCKER_CONFIG", raising=False)
    assert config_path("") == tmp_path / ".docker" / "config.json"
    monkeypatch.setenv("DOCKER_CONFIG", "/elsewhere")
    assert config_path("") == Path("/elsewhere/config.json")
    (tmp_path / "named.json").write_text("{}")
    assert config_path(str(tmp_path / "named.json")) == tmp_path / "named.json"


def test_a_configured_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(Unavailable) as caught:
        config_path(str(tmp_path / "nosuch.json"))
    why = f"says that registry credentials are in {tmp_path}/nosuch.json, and there is no such file"
    assert caught.value.message == f"`engine.dockerConfig` {why}"


def test_whatever_is_wrong_with_credentials_nothing_of_them_is_said(
    config: Write, helper: Callable[[str], Path], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Secrets drawn with the seed of the run, in every place of the file and in what a helper answers; and none is in the
    arguments of the helper, which every process of the device can see."""
    secret = "".join(Random(f"{SEED} credentials").choices("qxzQXZ79äß王é", k=12))
    coded = base64.b64encode(f"user:{secret}".encode()).decode()
    caplog.set_level(logging.DEBUG)
    body = f"""tr '\\0' ' ' < /proc/$$/cmdline >> {tmp_path}/seen
cat {tmp_path}/answer; echo '{secret}' >&2; [ ! -e {tmp_path}/fails ]"""
    asked = helper(body)
    stored: tuple[Any, ...] = (
        {"auth": coded}, {"auth": secret}, {"auth": [secret]}, {"identitytoken": secret}, {"identitytoken": {secret: 1}},
        {"username": secret, "password": secret}, secret, [secret],
    )  # fmt: skip
    contents = [{"auths": {"reg.invalid": each}} for each in stored] + [
        f'{{"auths": {{"reg.invalid": {{"auth": "{coded}", {secret}',
        {"auths": secret, "credHelpers": [secret]},
        {"credsStore": "test"},
    ]
    answers = [
        secret,
        json.dumps([secret]),
        json.dumps({"Username": [secret], "Secret": secret}),
        f'{{"Secret": "{secret}',
    ]
    said = ""
    for content, answer in [(each, "") for each in contents] + [(contents[-1], each) for each in answers]:
        (tmp_path / "answer").write_text(answer)
        path = config(content)
        try:
            said += repr(asyncio.run(credentials_for("reg.invalid", path)))
        except Unavailable as error:
            said += f"{error} {error!r}"
    (tmp_path / "fails").touch()
    with pytest.raises(Unavailable) as caught:
        asyncio.run(credentials_for("reg.invalid", config(contents[-1])))
    said += f"{caught.value} {caught.value!r}"
    said += asked.read_text() + (tmp_path / "seen").read_text() + caplog.text
    assert "docker-credential-test get" in said
    assert "Credentials(server=" in said
    assert "did not answer with a JSON object" in said
    for form in (secret, json.dumps(secret)[1:-1], coded):
        assert form not in said
