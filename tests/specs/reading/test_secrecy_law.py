"""A law: whatever is wrong with what somebody wrote, no message about it repeats what stands where secrets stand.

The secret is drawn anew each time, of any type, and made of letters that no message has. Whether it stands where it should, or
is the wrong thing in that place, no problem has it: neither its text nor its hint nor its path.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.sampling import examples

from evenkeel.reconcilers.agents.request import read_request
from evenkeel.specs.documents.decode import decode_file
from evenkeel.specs.kanto.manner import Manner
from evenkeel.specs.kanto.settings import kanto_settings
from evenkeel.specs.kanto.update_manager.line import Line, laid_over
from evenkeel.specs.kanto.update_manager.settings import update_manager_settings
from evenkeel.specs.kanto.updateagent import read_envelope
from evenkeel.specs.problem import Flaw, path_text, problem_text
from evenkeel.specs.reading.secrecy import HIDDEN, is_private, shown_address, shown_path, shown_target, without_password
from evenkeel.specs.reading.text import read_trees
from evenkeel.specs.settings.settings import settings_from

HEAD = "apiVersion: evenkeel/v1\nkind: Container\nmetadata: {name: web}\nspec:\n  image: web:1\n"

words = st.text("qxzQXZ79äß王é", min_size=6, max_size=30)
numbers = st.integers(7_000_000_000_000, 9_000_000_000_000_000)
quoted = st.one_of(words, words.map(lambda text: f"{text} {text}"), words.map(lambda text: f"'{text}=\"{text}"))
scalars = st.one_of(quoted.map(json.dumps), numbers.map(str), numbers.map(lambda number: f"-{number}.5"))
raw = st.one_of(
    scalars,
    st.tuples(st.sampled_from(["*", "&", "!", "!!", "@", "%", "`", "- ", "? ", "=", "|", ""]), words).map("".join),
)
"""As it stands in a file; without quotes, too, where it may mean anything to YAML."""

PLACES = [
    "  env: {{TOKEN: {}}}\n",
    "  env:\n    TOKEN: {}\n",
    "  env:\n    TOKEN: {}\n    TOKEN: {}\n",
    "  env: [{}]\n",
    "  env: [{}, {}]\n",
    "  env: [[{}]]\n",
    "  env: [{{TOKEN: {}}}]\n",
    "  env: [{{{}: TOKEN}}]\n",
    "  env: {}\n",
    "  env: {{TOKEN: {{value: {}}}}}\n",
    "  env: {{TOKEN: {{value: [{}]}}}}\n",
    "  env: {{TOKEN: {{value: x, secret: {}}}}}\n",
    "  env: {{TOKEN: {{valeu: {}, secret: true}}}}\n",
    "  env: {{TOKEN: {{{}: x}}}}\n",
    "  env: {{TOKEN: [{}]}}\n",
    "  env:\n    TOKEN: {} : {}\n",
    "  command: {}\n",
    "  command: [{}, 1]\n",
    "  command: {{run: {}}}\n",
    "  command: {{{}: run}}\n",
    "  command: [[{}]]\n",
    "  command:\n  - {}\n  {}\n",
    "  args: [{}]\n",
    "  args: {}\n",
    "  environment: {{TOKEN: {}}}\n",
    "  health: {{exec: {}}}\n",
    "  health: {{exec: [{}, 1]}}\n",
    "  health: {{exec: {{a: {}}}}}\n",
    "  restart: {}\n",
]
KANTO = [
    [{"key": "env", "value": "TOKEN={}", "odd": 1}],
    [{"key": "env", "value": "{}"}],
    [{"key": "env", "value": "{} b=c"}, {"key": "env", "value": "{} b=c"}],
    [{"key": "env", "value": "A B={}"}],
    [{"key": "env", "value": "TOKEN={}"}, {"key": "env", "value": "TOKEN={}"}],
    [{"key": "env", "value": ["{}"]}],
    [{"key": "env", "value": {"{}": "{}"}}],
    [{"key": "env", "value": "A\n={}"}],
    [{"key": "TOKEN={}", "value": "1"}],
    [{"key": "cmd", "value": ["{}"]}, {"key": "cmd", "value": {"a": "{}"}}],
    ["TOKEN={}"],
    {"env": "{}"},
    {"TOKEN={}": 1},
    "{}",
    [{"key": "env", "TOKEN={}": "1"}],
    [{"TOKEN": "{}"}],
    [["{}"]],
]
MANIFESTS = [
    {"config": {"env": ["{}"]}},
    {"config": {"env": "{}"}},
    {"config": {"env": ["A={}", "A={}"]}},
    {"config": {"env": {"A": "{}"}, "cmd": {"a": "{}"}}},
    {"config": {"cmd": "{}"}},
    {"config": {"cmd": [["{}"]], "env": [{"A": "{}"}]}},
    {"config": "{}"},
    {"config": ["{}"]},
    {"config": {"A={}": "{}"}},
]
SETTINGS = [
    {"mqtt": {"broker": "tcp://{}:{}@h:1"}},
    {"mqtt": {"broker": "tcp://h/?token={}"}},
    {"mqtt": {"broker": "{}"}},
    {"mqtt": {"broker": ["{}"]}},
    {"mqtt": {"password": "{}", "passwordFile": "{}", "usernameFile": "{}"}},
    {"mqtt": {"password={}": 1}},
    {"mqtt": {"username": ["{}"], "passwordFile": {"a": "{}"}}},
    {"engine": {"address": "tcp://{}:{}@h:1", "dockerConfig": "{}"}},
]
KANTO_SETTINGS = [
    {"connection": {"broker_url": "tcp://{}:{}@h", "client_username": ["{}"], "client_password": ["{}"]}},
    {"connection": {"client_password": {"a": "{}"}}},
    {"connection": {"password={}": "{}", "broker_url": ["{}"]}},
]

UPDATE_MANAGER_SETTINGS = [
    {"connection": {"broker": "tcp://{}:{}@h", "username": ["{}"], "password": ["{}"]}},
    {"connection": {"broker": "{}", "username": "u", "password": {"a": "{}"}}},
    {"connection": {"client_password={}": "{}", "broker": ["{}"]}},
    {"agents": {"a": {"password={}": "{}"}}, "domain": ["{}"]},
]


def planted(shape: object, secret: object) -> object:
    """`shape` with the secret in the place of each `{}`; as it is where it is all of a value."""
    match shape:
        case "{}":
            return secret
        case str():
            return shape.replace("{}", str(secret))
        case list():
            return [planted(item, secret) for item in shape]
        case dict():
            return {str(planted(key, str(secret))): planted(item, secret) for key, item in shape.items()}
        case _:
            return shape


def bare(written: str) -> Iterator[str]:
    """The parts of a secret, as it stands in a file, that a message could repeat."""
    text = written.strip("*&!@%`-? =|\"'")
    try:
        yield str(json.loads(written))
    except ValueError:
        yield text
    for part in text.replace("\\", " ").replace('"', " ").replace("=", " ").replace("'", " ").split():
        if len(part) >= 6:
            yield part


def said_of(content: str, file: str = "x.yaml") -> str:
    return "\n".join(map(problem_text, decode_file(content.encode(), file).problems))


def check(told: str, secret: str) -> None:
    for part in bare(secret):
        assert part not in told
        assert json.dumps(part)[1:-1] not in told


@pytest.mark.parametrize("place", PLACES)
@settings(max_examples=examples(12))
@given(secret=raw)
def test_no_problem_of_a_document_repeats_a_secret(place: str, secret: str) -> None:
    check(said_of(HEAD + place.format(secret, secret)), secret)


@pytest.mark.parametrize("key", ["command", "args", "cmd", "entrypoint", "health: {exec"])
@pytest.mark.parametrize("wrong", ["hunter2: 1, hunter2: 2", "hunter2: !foo 3", "hunter2: {hunter2: 2001-01-01}"])
def test_a_word_of_a_command_that_came_to_stand_as_a_key_is_not_repeated(key: str, wrong: str) -> None:
    """R14: no test failed when the words of commands were taken out of the rule."""
    told = said_of(f"{HEAD}  {key}: {{{wrong}}}{'}' * ('{' in key)}\n")
    assert HIDDEN in told
    assert "hunter2" not in told


@pytest.mark.parametrize("shape", KANTO)
@settings(max_examples=examples(6))
@given(secret=st.one_of(words, numbers))
def test_no_problem_of_a_desired_state_repeats_a_secret(shape: object, secret: str | int) -> None:
    component = {"id": "web", "version": "1", "config": planted(shape, secret)}
    message = {
        "activityId": "a",
        "timestamp": 1,
        "payload": {"domains": [{"id": "containers", "components": [component]}]},
    }
    content = json.dumps(message, ensure_ascii=False)
    received = read_envelope(content.encode())
    told = "\n".join(map(problem_text, received.problems))
    asked = read_request(content.encode(), "topic", "containers", Manner(takes_unknown_keys=True))
    check("\n".join((said_of(content, "x.json"), told, *asked.reasons, asked.notes)), str(secret))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("network", "https://u:hunter2@h"),
        ("network", "https://h/?token=hunter2"),
        ("image", "h.example/web:1?token=hunter2"),
        ("image", "u:hunter2@h.example/web"),
        ("mount", "https://u:hunter2@h"),
        ("host", "h:https://u:hunter2@h"),
        ("host", "http://u:x/hunter2@h"),
        ("host", "http://u:hunter2/x@h"),
        ("host", "http://u:x?y/hunter2@h"),
        ("dependsOn", "postgres://u:x/hunter2@h"),
        ("dependsOn", "postgres://u:x@hunter2@h/db"),
        ("port", "http://u:x/hunter2@h"),
        ("mount", "http://u:x@hunter2@h"),
        ("restartPolicy", "http://u:x/hunter2@h"),
    ],
)
def test_an_address_where_none_belongs_is_not_repeated_with_its_secrets(key: str, value: str) -> None:
    component = {"id": "web", "version": "1", "config": [{"key": key, "value": value}]}
    payload = {"domains": [{"id": "containers", "components": [component]}]}
    content = json.dumps({"activityId": "a", "timestamp": 1, "payload": payload})
    asked = read_request(content.encode(), "topic", "containers", Manner(takes_unknown_keys=True))
    many = {"mount": "mounts", "host": "extraHosts", "port": "ports", "dependsOn": "dependsOn"}
    field = f"{many[key]}: [{json.dumps(value)}]" if key in many else f"{key}: {json.dumps(value)}"
    native = HEAD.replace("  image: web:1\n", "") if key == "image" else HEAD
    told = "\n".join((said_of(content, "x.json"), *asked.reasons, asked.notes, said_of(f"{native}  {field}\n")))
    assert told.strip()
    assert "hunter2" not in told


@pytest.mark.parametrize("key", ["host", "mount", "port", "device", "logPath"])
@settings(max_examples=examples(10))
@given(secret=words.filter(lambda text: " " not in text))
def test_a_word_where_a_form_of_parts_was_expected_is_not_repeated(key: str, secret: str) -> None:
    """R6: ADR 0014 repeats a value only where a closed form was expected, and anything may be a word."""
    component = {"id": "web", "version": "1", "config": [{"key": key, "value": secret}]}
    payload = {"domains": [{"id": "containers", "components": [component]}]}
    content = json.dumps({"activityId": "a", "timestamp": 1, "payload": payload})
    asked = read_request(content.encode(), "topic", "containers", Manner(takes_unknown_keys=True))
    native = {
        "host": "extraHosts: [{}]",
        "mount": "mounts: [{}]",
        "port": "ports: [{}]",
        "device": "devices: [{}]",
        "logPath": "restart: {}",
    }[key].format(json.dumps(secret))
    told = "\n".join((said_of(content, "x.json"), *asked.reasons, asked.notes, said_of(f"{HEAD}  {native}\n")))
    assert told.strip()
    check(told, json.dumps(secret))


@settings(max_examples=examples(300))
@given(
    st.lists(
        st.sampled_from(["qxzQXZ", "79äß王é", "/", "@", ":", "?", "#", "&", ",", ";", '"', "'", "\\", "%40"]),
        min_size=1,
    ),
    st.sampled_from(["", "u", "u.v-w"]),
    st.sampled_from(["h", "h:80", "h/db", "[::1]:5/x", "h/a?b=c"]),
    st.sampled_from(["", "see ", 'Get "', "'", "jdbc:"]),
)
def test_no_address_is_shown_with_its_password(parts: list[str], user: str, place: str, before: str) -> None:
    """R4, R5: with a `/` in it, all of it was shown, and what stands behind an `@` in it."""
    text = f"{before}amqp://{user}:{''.join(parts)}@{place} and more"
    for shown in (shown_address(text), without_password(text), shown_target(text)):
        assert "qxz" not in shown
        assert "王" not in shown
        assert shown.startswith(f"{before}amqp://")
    assert shown_address(text).endswith(" and more")
    assert shown_address(shown_address(text)) == shown_address(text)


@pytest.mark.parametrize(
    "text",
    [
        "http://h:80/a/b and me@example.com",
        "me@example.com asks http://h/",
        f"repo.example:5000/a/b@sha256:{'0' * 64}",
        f"https://repo.example:5000/v2/a@sha256:{'0' * 64} is there",
        "a@b, c@d: e://f",
    ],
)
def test_an_ordinary_text_with_an_at_sign_stays_as_it_is(text: str) -> None:
    assert shown_address(text) == without_password(text) == shown_target(text) == text


def test_an_address_takes_no_time_to_look_through() -> None:
    """Whoever writes the text, a container or a registry, chooses it."""
    for text in ("://" * 100_000, "://@" * 100_000, "://" + "@" * 300_000, "://a:" * 100_000 + "@"):
        begun = time.process_time()
        for show in (shown_address, without_password, shown_target):
            show(text)
        assert time.process_time() - begun < 5


@pytest.mark.parametrize("shape", MANIFESTS)
@settings(max_examples=examples(6))
@given(secret=st.one_of(words, numbers))
def test_no_problem_of_a_manifest_repeats_a_secret(shape: object, secret: str | int) -> None:
    value = {"container_name": "web", "image": {"name": "web:1"}, **planted(shape, secret)}  # type: ignore[dict-item]
    check(said_of(json.dumps(value, ensure_ascii=False), "x.json"), str(secret))


@pytest.mark.parametrize("shape", [*SETTINGS, *KANTO_SETTINGS, *UPDATE_MANAGER_SETTINGS])
@settings(max_examples=examples(6))
@given(secret=st.one_of(words, numbers))
def test_no_flaw_of_settings_repeats_a_secret(shape: object, secret: str | int) -> None:
    (tree,), _ = read_trees(json.dumps(planted(shape, secret)).encode(), "x.json")
    flaws: list[Flaw] = []
    if shape in KANTO_SETTINGS:
        kanto_settings(tree.value, flaws)
    elif shape in UPDATE_MANAGER_SETTINGS:
        settings_from(update_manager_settings(laid_over(tree.value, Line(), {}, flaws).value, flaws), flaws)
    else:
        settings_from(tree.value, flaws)
    assert flaws
    check("\n".join(f"{path_text(shown_path(flaw.path))} {flaw.message} {flaw.hint}" for flaw in flaws), str(secret))


@settings(max_examples=examples(20))
@given(secret=words)
def test_an_image_that_is_an_address_is_not_repeated(secret: str) -> None:
    for image in (f"https://u:{secret}@h/web", f"u:{secret}@h/web:1", f"https://h/web?token={secret}"):
        told = said_of(HEAD.replace("web:1", json.dumps(image)))
        assert "spec.image" in told
        check(told, json.dumps(secret))


def test_what_is_no_secret_is_still_repeated() -> None:
    """Silence would be safe, and of no help."""
    told = said_of(HEAD + "  restart: {policy: allways}\n  memory: 1\n  env: {A-B: x}\n  resources: {memory: 64Mi}\n")
    for words_ in ("`allways`", "`memory`", "`A-B`", "`64Mi`"):
        assert words_ in told
    assert is_private(("spec", "env", "A"))
    assert not is_private(("spec", "ports", 0))
