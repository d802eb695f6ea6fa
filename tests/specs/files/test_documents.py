"""Documents of kind File: what they mean, what of them cannot be, and what is never repeated of them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenkeel.specs.codec import decode, encode
from evenkeel.specs.desired import DesiredState, Document
from evenkeel.specs.documents.decode import decode_file
from evenkeel.specs.documents.join import desired_from
from evenkeel.specs.files.file import File, Form, is_temporary, temporary_name
from evenkeel.specs.kanto.translate import kanto_payload
from evenkeel.specs.problem import Flaw, problem_text
from evenkeel.specs.unit import Unit


def document(name: str = "cfg", **spec: Any) -> bytes:
    return encode({"apiVersion": "evenkeel/v1", "kind": "File", "metadata": {"name": name}, "spec": spec})


def container(name: str) -> bytes:
    return encode(
        {"apiVersion": "evenkeel/v1", "kind": "Container", "metadata": {"name": name}, "spec": {"image": "web:1"}}
    )


def system(name: str) -> bytes:
    spec = {"names": [name]}
    return encode(
        {"apiVersion": "evenkeel/v1", "kind": "SystemContainers", "metadata": {"name": "system"}, "spec": spec}
    )


def read(*contents: bytes) -> tuple[tuple[Document, ...], list[str]]:
    """All documents, and all problems as people read them."""
    files = [decode_file(content, f"{number}.yaml") for number, content in enumerate(contents, 1)]
    state, problems = desired_from(files)
    return state.documents, [problem_text(problem) for problem in problems]


def test_defaults() -> None:
    (found,), problems = read(document(path="/etc/app.conf", content=""))
    assert found.wanted == File("cfg", "/etc/app.conf", "")
    assert problems == []


def test_everything() -> None:
    digest = "0123456789abcdef" * 4
    documents, problems = read(
        document(
            path="/etc/app.conf",
            source="/usr/share/app.conf",
            sha256=digest,
            owner="app",
            group="007",
            mode="640",
            secret=True,
            overwrite=True,
            notify=["web", "db", "web"],
        ),
        container("web"),
        container("db"),
    )
    assert problems == []
    assert documents[-1].wanted == File(
        "cfg", "/etc/app.conf", None, "/usr/share/app.conf", digest, "", "app", "7", 0o640, True, True, ("db", "web")
    )


@pytest.mark.parametrize(
    ("spec", "problem"),
    [
        ({"content": "x"}, "the key `path` is missing"),
        ({"path": "app.conf", "content": "x"}, "spec.path: the text `app.conf` does not fit; expected an absolute path"),
        ({"path": "/etc/../x", "content": "x"}, "or a slash at its end; write `/x`"),
        ({"path": "//etc/x", "content": "x"}, "write `/etc/x`"),
        ({"path": "/etc/", "content": "x"}, "write `/etc`"),
        ({"path": "/", "content": "x"}, "expected the path of a file"),
        ({"path": "/" + "x" * 256, "content": "x"}, "expected at most 255 bytes in a name"),
        ({"path": "/proc/sys/x", "content": "x"}, "what is there is the kernel's"),
        ({"path": "/x"}, "expected exactly one of `content`, `source`"),
        ({"path": "/x", "content": "x", "source": "/y"}, "spec.source: expected exactly one of `content`, `source`"),
        ({"path": "/x", "content": "ä" * 600_000}, "spec.content: expected at most 1 MiB; use `source`"),
        ({"path": "/x", "source": "/x"}, "a file cannot be copied to its own place"),
        ({"path": "/x", "content": "x", "sha256": "0" * 64}, "`sha256` goes with `source`; leave it out"),
        ({"path": "/x", "source": "/y", "sha256": "A" * 64}, f"in lower case; write `sha256: {'a' * 64}`"),
        ({"path": "/x", "source": "/y", "sha256": "abc"}, "expected 64 hexadecimal digits"),
        ({"path": "/x", "content": "x", "mode": 644}, "spec.mode: expected a text, got a number; put it into quotes"),
        ({"path": "/x", "content": "x", "mode": "0888"}, "expected three octal digits in quotes"),
        ({"path": "/x", "content": "x", "mode": "4755"}, "expected three octal digits in quotes"),
        ({"path": "/x", "content": "x", "mode": "644\n"}, "expected three octal digits in quotes"),
        ({"path": "/x", "content": "x", "owner": "no one"}, "expected the name of a user or a group"),
        ({"path": "/x", "content": "x", "group": "4294967295"}, "expected a number of at most 4294967294"),
        ({"path": "/x", "content": "x", "contents": "y"}, "unknown key `contents`; did you mean `content`?"),
        ({"path": "/x", "contents": "y"}, "unknown key `contents`; did you mean `content`?"),
        ({"path": "/x", "src": "/y", "sha256": "0" * 64}, "unknown key `src`; did you mean `source`?"),
        ({"path": "/x", "content": "x", "sorce": "/y", "sha256": "0" * 64}, "unknown key `sorce`; did you mean"),
        ({"path": "/x", "content": 5}, "spec.content: expected a text, got a number"),
        ({"path": "/x", "source": "y"}, "spec.source: the text `y` does not fit; expected an absolute path"),
        ({"path": "/x", "sha256": "0" * 64}, "expected exactly one of `content`, `source`"),
        ({"path": "/x", "content": "x", "source": "/x"}, "spec.source: expected exactly one of `content`, `source`"),
        ({"path": "/x", "content": "x", "source": "/y/"}, "spec.source: expected exactly one of `content`, `source`"),
    ],
)  # fmt: skip
def test_what_cannot_be(spec: dict[str, Any], problem: str) -> None:
    documents, problems = read(document(**spec))
    assert not documents
    assert [text for text in problems if problem in text], problems
    assert len(problems) == 1


def test_a_secret_that_all_may_read_is_doubtful() -> None:
    documents, problems = read(document(path="/x", content="x", secret=True))
    assert documents
    assert problems == [
        "1.yaml:1:69: spec.mode: the file is secret, and mode 0644 lets everybody read it (warning); write `mode: '0640'`"
    ]
    assert read(document(path="/x", content="x", secret=True, mode="0640"))[1] == []


def test_a_path_belongs_to_one_document() -> None:
    _, problems = read(document("a", path="/x", content="1"), document("b", path="/x", content="2"))
    assert problems == [
        "1.yaml:1:75: spec.path: the path /x is that of `b`, too; give one of them another; the other one is at 2.yaml:1:75",
        "2.yaml:1:75: spec.path: the path /x is that of `a`, too; give one of them another; the other one is at 1.yaml:1:75",
    ]


def test_no_path_lies_inside_that_of_another() -> None:
    """A file is no folder. The nearest one around it is told."""
    _, problems = read(
        document("outer", path="/etc/x", content="1"),
        document("inner", path="/etc/x/y/z", content="2"),
        document("beside", path="/etc/xy", content="3"),
    )
    remedy = "which is no folder; give one of them another; the other one is at"
    assert problems == [
        f"1.yaml:1:79: spec.path: the path of `inner` lies inside this one, {remedy} 2.yaml:1:79",
        f"2.yaml:1:79: spec.path: the path /etc/x/y/z lies inside that of `outer`, {remedy} 1.yaml:1:79",
    ]
    _, problems = read(document("outer", path="/etc/x", content="1"), document("inner", path="/etc/x/y/", content="2"))
    assert len(problems) == 1, "a path that has a flaw of its own is not also compared"


@pytest.mark.parametrize("mode", ["SEKRETd", "9"])
def test_a_mode_that_cannot_be_read_is_one_complaint(mode: str) -> None:
    for secret, advice in ((True, "0640"), (False, "0644")):
        _, problems = read(document(path="/x", content="x", secret=secret, mode=mode))
        assert len(problems) == 1, problems
        assert problems[0].endswith(
            f"expected three octal digits in quotes, a 0 before them or not; write `mode: '{advice}'`"
        )
    _, problems = read(document(path="/x", content="x", secret=True, mode=644))
    assert len(problems) == 1, problems


def test_what_cannot_be_read_claims_nothing() -> None:
    _, problems = read(document("a", content="1"), document("b", content="2"))
    assert len(problems) == 2
    assert all("the key `path` is missing" in text for text in problems)


def test_who_is_notified_may_be_unknown_and_is_told() -> None:
    cfg = document(path="/x", content="1", notify=["weh"])
    documents, problems = read(cfg, container("web"))
    assert len(documents) == 2
    assert len(problems) == 1
    assert "no container `weh` is asked for (warning); did you mean `web`?" in problems[0]
    _, problems = read(cfg, system("weh"))
    assert "`weh` is a system container, which is never restarted (warning); leave it out" in problems[0]
    assert read(cfg, container("weh"))[1] == []


def test_no_file_is_suggested_to_be_notified() -> None:
    """Also none that cannot be read, of which nothing but the name is sure."""
    cfg = document("web-conf", path="/x", content="1", notify=["web-con"])
    unread = encode({"apiVersion": "evenkeel/v1", "kind": "File", "metadata": {"name": "web-cons"}, "spec": "x"})
    _, problems = read(cfg, document("web-cont", path="/y", content="1"), unread, container("db"))
    (problem,) = [each for each in problems if "web-con`" in each]
    assert problem.endswith("no container `web-con` is asked for (warning); expected one of: `db`")
    _, problems = read(cfg, document("web-cont", path="/y", content="1"), unread)
    (problem,) = [each for each in problems if "web-con`" in each]
    assert problem.endswith("(warning); ask for it, or leave it out")


def test_several_flaws_are_all_told() -> None:
    _, problems = read(document(path="/x", mode="9"))
    assert [each.partition("spec")[2].partition(";")[0] for each in problems] == [
        ": expected exactly one of `content`, `source`",
        ".mode: expected three octal digits in quotes, a 0 before them or not",
    ]


def test_a_name_is_unique_in_its_kind_alone() -> None:
    cfg = document("web", path="/x", content="1")
    assert read(cfg, container("web"))[1] == []
    _, problems = read(cfg, document("web", path="/y", content="1"))
    assert problems == ["2.yaml:1:1: File `web` is asked for twice; first at 1.yaml:1:1"]


@given(st.text(min_size=1).filter(lambda text: text.strip() and len(text) > 3))
def test_no_problem_repeats_the_content(content: str) -> None:
    marked = f"hunter2{content}"
    _, problems = read(
        document("a", path="relative", content=marked, mode="9"),
        document("b", path="/x", content=marked, source="/y"),
        document("c", path="/x", content={"key": marked}),
        document("d", path="/x", content=[marked]),
    )
    assert len(problems) >= 4
    assert not [text for text in problems if "hunter2" in text]


def test_units_of_systemd_that_hear_of_a_change() -> None:
    notify = [
        "web",
        {"unit": "b.service", "reload": True},
        {"unit": "a.service"},
        {"unit": "c@1.timer", "reload": True},
    ]
    documents, problems = read(
        document(path="/x", content="1", notify=[*notify, {"unit": "b.service"}]), container("web")
    )
    wanted = next(each.wanted for each in documents if isinstance(each.wanted, File))
    assert wanted.notify == ("web",)
    assert wanted.units == (Unit("a.service"), Unit("b.service"), Unit("c@1.timer", reload=True))
    assert problems == []


def test_what_is_no_unit() -> None:
    wrong = [{"unit": "chronyd"}, {"unit": "a b.service"}, "sshd.service"]
    _, problems = read(document(path="/x", content="1", notify=wrong))
    assert [each.partition(" spec.")[2] for each in problems] == [
        "notify[0].unit: expected the name of a unit with its suffix; write `chronyd.service`",
        "notify[1].unit: expected the name of a unit with its suffix; see systemctl(1)",
        "notify[2]: this is the name of a container (warning); write `{unit: sshd.service}`, if a unit of systemd is meant",
        "notify: no container `sshd.service` is asked for (warning); ask for it, or leave it out",
    ]
    _, problems = read(document(path="/x", content="1", notify=[{"unit": "a.service", "how": "reload"}]))
    assert ["unknown key `how`; expected one of: `reload`, `unit`" in each for each in problems] == [True]


def test_it_survives_the_journal() -> None:
    notify = ["web", {"unit": "a.service", "reload": True}]
    documents, _ = read(document(path="/etc/app.conf", content="ä\n", mode="0600", notify=notify))
    state = DesiredState(documents, "digest")
    assert decode(encode(state), DesiredState) == state


def test_kanto_has_no_words_for_it() -> None:
    documents, _ = read(document(path="/x", content="1"))
    flaws: list[Flaw] = []
    kanto_payload(DesiredState(documents), flaws)
    assert [(flaw.path, flaw.message) for flaw in flaws] == [
        (("cfg", "File"), "Kanto's desired state has no words for this kind")
    ]


@given(st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=80))
def test_temporary_names_are_recognised_and_fit(name: str) -> None:
    temporary = temporary_name(name, Form("0" * 64, 0, 0, 0o644))
    assert len(temporary.encode()) <= 255
    assert is_temporary(temporary, name)
    assert not is_temporary(temporary, f"{name}x")
    assert not is_temporary(name, name)
    assert temporary != temporary_name(name, Form("0" * 64, 0, 0, 0o600))
