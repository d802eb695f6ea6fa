"""Tables, status, cutting and rendering."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from syrupy.assertion import SnapshotAssertion

from evenkeel.specs.documents.schema import reference
from evenkeel.specs.errors import Bug
from evenkeel.specs.feedback import Condition, Refused, StepAtWork, Work
from evenkeel.specs.problem import Place, place_text
from evenkeel.specs.visible import one_line
from evenkeel.templates import render
from evenkeel.templates.ago import age_text, ago_text, since_text, when_text
from evenkeel.templates.fitting import cut, fitting_change, fitting_image, fitting_pair, fitting_place, hidden_change
from evenkeel.templates.status_text import Failure, Status, is_well, status_lines, status_value
from evenkeel.templates.tables import table_lines

NOW = 1_800_000_000.0


@pytest.mark.parametrize(
    ("width", "expected"),
    [
        (99, "ghcr.io/eclipse/kuksa.val/databroker:0.2.5"),
        (42, "ghcr.io/eclipse/kuksa.val/databroker:0.2.5"),
        (41, "…/eclipse/kuksa.val/databroker:0.2.5"),
        (30, "…/kuksa.val/databroker:0.2.5"),
        (20, "…/databroker:0.2.5"),
        (10, "…ker:0.2.5"),
        (1, "…"),
    ],
)
def test_an_image_loses_its_left_end_and_only_what_it_must(width: int, expected: str) -> None:
    assert fitting_image("ghcr.io/eclipse/kuksa.val/databroker:0.2.5", width) == expected


def test_a_digest_is_cut_before_the_name() -> None:
    image = f"registry.example.com/a/b@sha256:{'a' * 64}"
    assert fitting_image(image, 60) == f"registry.example.com/a/b@sha256:{'a' * 12}…"


def test_both_images_of_a_pair_are_cut_alike() -> None:
    assert fitting_pair("r.io/x/a:1", "r.io/x/a:2", 23) == "r.io/x/a:1 → r.io/x/a:2"
    assert fitting_pair("r.io/x/a:1", "r.io/x/a:2", 22) == "…/x/a:1 → …/x/a:2"
    assert fitting_pair("r.io/x/a:1", "r.io/x/a:2", 1) == "…/a:1 → …/a:2"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("(hidden)", "(hidden)", "changed"),
        ("", "(hidden)", "added"),
        ("(removed)", "(hidden)", "added"),
        ("(hidden)", "", "removed"),
        ("(hidden)", "(removed)", "removed"),
        ("http://u:(hidden)@h/x", "http://u:(hidden)@h/x", "changed (in its hidden part)"),
        ("http://u:(hidden)@h/x", "http://u:(hidden)@h/y", ""),
        ("1", "2", ""),
    ],
)
def test_what_is_hidden_on_both_sides_is_not_shown_as_if_it_were_the_same(old: str, new: str, said: str) -> None:
    """N17, N18: `http://u:(hidden)@h/x → http://u:(hidden)@h/x`, `(hidden) → (hidden)`."""
    assert hidden_change(old, new) == said


def test_cut_keeps_the_beginning() -> None:
    assert (cut("abc", 3), cut("abcd", 3), cut("abcd", 0)) == ("abc", "ab…", "…")


def test_one_line_is_harmless() -> None:
    assert one_line("a\nb\x1b[31m\x00é") == "a b\\x1b[31m\\x00é"


def test_columns_are_as_wide_as_their_cells() -> None:
    lines = table_lines(("NAME", "IMAGE"), (("a", "x" * 30), ("longer-name", "")), 30)
    assert lines == ("NAME         IMAGE", f"a            {'x' * 16}…", "longer-name  -")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-5, "0 s"), (119, "119 s"), (120, "2 min"), (7200, "2 h"), (172_800, "2 d"), (86_400, "24 h")],
)
def test_the_past_is_as_exact_as_people_are(seconds: float, text: str) -> None:
    assert ago_text(seconds) == text


@pytest.mark.parametrize("at", [12.0, 86_400.0, NOW + 3600])
def test_no_age_is_told_that_cannot_be(at: float) -> None:
    """A clock that was not set yet, and one that was set back since."""
    assert when_text(at, NOW) == "at an unknown time"
    assert since_text(at, NOW) == "since an unknown time"
    assert age_text(at, NOW) == "unknown"
    assert (when_text(NOW - 300, NOW), since_text(NOW, NOW)) == ("5 min ago", "since 0 s")
    assert age_text(NOW - 4000 * 86400, NOW) == "4000 d", "an engine may be older than evenkeel"


def status(*, pid: int | None = 4711, failed: bool = False) -> Status:
    return Status(
        state="/var/lib/evenkeel",
        specs=("/etc/evenkeel/specs",),
        engine="docker",
        engine_address="unix:///var/run/docker.sock",
        pid=pid,
        desired="343610b4986d32d0",
        last_good="88f6deffe9062ca0" if failed else "343610b4986d32d0",
        conditions=(
            Condition("EngineReachable", True, "Answers", "", NOW - 7200),
            Condition("Healthy", True, "AllWell", "", NOW - 90),
            Condition("Settled", not failed, "RolledBack" if failed else "Converged", "why it is so", NOW - 30),
            Condition("SourceValid", True, "Valid", "", NOW - 200_000),
        ),
        failure=Failure("343610b4986d32d0", "databroker: it ended with exit code 1", 1, NOW - 31, True)
        if failed
        else None,
    )


def test_the_time_of_a_condition_belongs_to_what_it_stands_beside() -> None:
    """S6: the reason was newer than the time beside it, and the failure below it was, too."""
    failed_again = status(failed=True)._replace(failure=Failure("343610b4986d32d0", "web: no", 1, NOW - 7, True))
    lines = status_lines(failed_again, NOW)
    assert "Settled          no  since 30 s  RolledBack" in lines
    assert "revision 343610b4986d32d0 failed 7 s ago and is not tried again:" in lines


def test_a_refused_message_is_told_beside_the_newest_end() -> None:
    ended = Condition(
        "ActivityCompleted",
        False,
        "Incomplete",
        "activity a: INCOMPLETE",
        NOW - 9000,
        refused=Refused("b: no", NOW - 5),
    )
    one = status()._replace(conditions=(ended,))
    lines = status_lines(one, NOW)
    assert lines[lines.index("    activity a: INCOMPLETE") + 1] == "    5 s ago b: no"
    assert status_value(one)["conditions"][0]["refused"]["why"] == "b: no"


AT_WORK = (
    StepAtWork("web", "DOWNLOAD", "pull docker.io/library/web:2", 130.0, "pulling", 43_000_000, 120_000_000),
    StepAtWork("wiki", "DOWNLOAD", "pull docker.io/library/wiki:2", 1.0, "pulling", 43_000),
    StepAtWork("db", "VERIFY", "watch 1a2b3c4d5e6f until it is proven", 12.0, "watching its health", 12, 60),
    StepAtWork("lamp", "ACTIVATE", "stop 1a2b3c4d5e6f with SIGTERM", 3.0),
    StepAtWork("os", "ACTIVATE", "reboot into slot B (2)", 20.0, "the reboot waits: backup (process 1): copies"),
)


@pytest.mark.parametrize(
    "told",
    [
        pytest.param(status(), id="well"),
        pytest.param(status(pid=None), id="stale"),
        pytest.param(status(failed=True), id="failed"),
        pytest.param(
            status()._replace(failure=Failure("343610b4986d32d0", "registry: no answer", 3, NOW - 5, False)),
            id="trying",
        ),
        pytest.param(
            status()._replace(
                conditions=(Condition("SourceValid", False, "Empty", "the source is empty; it stays", NOW - 60),)
            ),
            id="empty",
        ),
        pytest.param(Status("/s", ("/a", "/b"), "memory", known=False), id="nothing yet"),
        pytest.param(status()._replace(work=Work(AT_WORK)), id="doing"),
        pytest.param(status()._replace(work=Work((), "web: pull web:2: no answer", "", 35.0)), id="next try"),
        pytest.param(status()._replace(work=Work((), "", "an open activity is about web")), id="waits"),
    ],
)
def test_status_answers_what_people_ask(told: Status, snapshot: SnapshotAssertion) -> None:
    assert "\n" + "\n".join(status_lines(told, NOW, 80)) + "\n" == snapshot


def test_the_next_try_is_wrapped_and_says_nothing_twice() -> None:
    """N32: it was one line of any length, and its text stood below again."""
    gone = "no answer at unix:///run/docker.sock: connection refused; " + "DOCKER_HOST is set and does not count; " * 3
    trying = status()._replace(work=Work((), f"engine:docker: {gone}", "", 35.0))
    lines = status_lines(trying, NOW, 80)
    assert all(len(line) <= 80 for line in lines)
    at = next(
        number for number, line in enumerate(lines) if line.startswith("next try    in 35 s; the last one failed: ")
    )
    assert lines[at + 1].startswith(" " * 12)
    away = Condition("EngineReachable", False, "Unavailable", gone, NOW - 5)
    lines = status_lines(trying._replace(conditions=(away,)), NOW, 80)
    assert "next try    in 35 s; why the last one failed is below (EngineReachable)" in lines
    assert " ".join(lines).count("connection refused") == 1


def test_a_digest_stays_in_one_piece() -> None:
    """N39: half of it on each line, it could not be taken."""
    image = f"registry.example.com/fleet/gateway-of-the-vehicle@sha256:{'a1' * 32}"
    failed = Condition("Settled", False, "Retrying", f"web: pull {image}: no answer", NOW - 5)
    assert any(image in line for line in status_lines(status()._replace(conditions=(failed,)), NOW, 60))


def test_well_needs_a_controller_at_work() -> None:
    assert is_well(status())
    assert not is_well(status(pid=None))
    assert not is_well(status(failed=True))
    assert status_value(status(pid=None))["stale"] is True


def test_the_reference_names_every_key() -> None:
    page = render.render("reference.md.j2", {"kinds": reference()})
    missing = [row.path for kind in reference() for row in kind.rows if f"| `{row.path}` |" not in page]
    assert missing == []
    assert "\n## SystemContainers\n" in page


def test_a_name_that_is_not_given_is_an_error() -> None:
    with pytest.raises(Bug, match=r"template:reference\.md\.j2: cannot be rendered: 'kinds' is undefined"):
        render.render("reference.md.j2", {})


def test_output_has_an_end() -> None:
    with pytest.raises(Bug, match="made more than 1000 characters"):
        render.render("reference.md.j2", {"kinds": reference()}, most=1000)


def test_a_template_cannot_reach_beyond_its_values() -> None:
    environment = render._environment()
    from jinja2.exceptions import SecurityError

    with pytest.raises(SecurityError):
        environment.from_string("{{ x.__class__.__mro__ }}").render(x=1)
    with pytest.raises(SecurityError):
        environment.from_string("{{ x.append(1) }}").render(x=[])


_SECRET = "Zm9vYmFy-in-force"
_VALUES = {"key": _SECRET, "deviceId": "one"}


@pytest.mark.parametrize(
    ("template", "why"),
    [
        (f"\n{{{{ {each} }}}}", "line 2 of the template cannot be filled: ")
        for each in (
            '{"a": 1}[key]',
            "1|attr(key)",
            "[1]|map(key)|list",
            "[1]|select(key)|list",
            "[1]|map(attribute=key)|sum",
            '"{:d}".format(key)',
            '("{0." ~ key ~ "}").format(1)',
            "key.nothing",
            "key.__class__",
            "key()",
            "range(10 ** 9)",
            "cycler()",
        )
    ]
    + [
        (f"\n{{% {each} %}}", "line 2 of the template: it stands alone, without include, import and extends")
        for each in ("include key", "include 'reference.md.j2'", "import key as x", "from key import x", "extends key")
    ]
    + [
        (f"\n{{{{ deviceId {_SECRET.split('-')[0]} }}}}", "line 2 of the template: expected token"),
        ("\n{% Zm9vYmFy %}", "line 2 of the template: Encountered unknown tag …"),
        ("{{ Zm9vYmFy. }}", "line 1 of the template: expected name or number"),
        ("{{ " + "(" * 5000, "the template cannot be read: RecursionError"),
    ],
)
def test_no_error_of_a_template_has_a_value(template: str, why: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(why)}") as caught:
        render.fill(template, _VALUES, _VALUES)
    assert "Zm9vYmFy" not in str(caught.value)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None, "nor does its trace"


def test_a_name_that_no_value_has_is_told_with_those_that_have_one() -> None:
    for name, hint in (("devicId", "did you mean `deviceId`?"), ("nosuch", "there are: `key`, `deviceId`")):
        with pytest.raises(ValueError, match=re.escape(f"there is no value `{name}`; {hint}")):
            render.fill(f"{{{{ {name} }}}}", _VALUES, _VALUES)
    with pytest.raises(ValueError, match="line 2 of the template cannot be filled: there is no `key`"):
        render.fill("{{ deviceId }}\n{{ key }}", {"deviceId": "one"}, _VALUES)


_WORDS = st.text("abc -/=", max_size=60)


@given(_WORDS, _WORDS, _WORDS, _WORDS, st.integers(30, 120))
def test_of_two_long_texts_what_differs_is_seen(same: str, old: str, new: str, end: str, width: int) -> None:
    """O24."""
    text = fitting_change(f"{same}<{old[:3]}>{end}", f"{same}[{new[:3]}]{end}", width)
    assert len(text) <= width
    assert re.search(r"<.* → .*\[", text)


@pytest.mark.parametrize(
    ("place", "width", "shown"),
    [
        ("web.yaml:17", 11, "web.yaml:17"),
        ("gateway-of-the-vehicle.yaml:17", 17, "gateway-of-th…:17"),
        (
            place_text(Place(topic="containersupdate/desiredstate", activity_id="night-42"), short=True),
            17,
            "activity night-42",
        ),
        (place_text(Place(topic="containersupdate/desiredstate"), short=True), 17, "containersupdate…"),
    ],
)
def test_a_place_keeps_the_name_of_its_file(place: str, width: int, shown: str) -> None:
    """S23: of a message it keeps the activity."""
    assert fitting_place(place, width) == shown
