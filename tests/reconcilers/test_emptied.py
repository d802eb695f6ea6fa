"""What is taken for an accident, and what for a wish."""

from __future__ import annotations

import pytest

from evenkeel.reconcilers.emptied import emptied, lost
from evenkeel.specs.containers.container import Container
from evenkeel.specs.desired import DesiredState, Document, SystemContainers, desired_state
from evenkeel.specs.problem import Place


def state(**files: str) -> DesiredState:
    """Names to the files that ask for them."""
    return desired_state([Document("Container", name, Container(name, "x:1"), Place(f)) for name, f in files.items()])


BOTH = ("/etc/a", "/mnt/b")


@pytest.mark.parametrize(
    ("before", "now", "paths", "expected"),
    [
        (state(a="/etc/a/1.yaml", b="/mnt/b/1.yaml"), state(a="/etc/a/1.yaml"), BOTH, ("/mnt/b",)),
        (state(a="/etc/a/1.yaml", b="/mnt/b/1.yaml"), state(), BOTH, BOTH),
        # one file of several, or one container of several: a wish
        (state(a="/etc/a/1.yaml", b="/etc/a/2.yaml"), state(a="/etc/a/1.yaml"), BOTH, ()),
        # it moved, and nothing goes
        (state(a="/etc/a/1.yaml", b="/mnt/b/1.yaml"), state(a="/etc/a/1.yaml", b="/etc/a/2.yaml"), BOTH, ()),
        # settings name the path no more
        (state(a="/etc/a/1.yaml", b="/mnt/b/1.yaml"), state(a="/etc/a/1.yaml"), ("/etc/a",), ()),
        # a path that is a file, and one below another
        (state(a="/etc/a/1.yaml", b="/x.yaml"), state(a="/etc/a/1.yaml"), ("/etc/a", "/x.yaml"), ("/x.yaml",)),
        (state(a="/etc/a/1.yaml", b="/etc/a/sub/1.yaml"), state(a="/etc/a/1.yaml"), ("/etc/a", "/etc/a/sub"),
         ("/etc/a/sub",)),
        # a name that merely begins alike is another folder
        (state(a="/etc/ab/1.yaml"), state(b="/etc/ab/2.yaml"), ("/etc/a", "/etc/ab"), ()),
        (state(a="/etc/a/1.yaml"), state(a="/etc/a/1.yaml"), BOTH, ()),
        (None, state(), BOTH, ()),
    ],
)  # fmt: skip
def test_a_path_that_asked_for_containers_and_asks_for_none_is_emptied(
    before: DesiredState | None, now: DesiredState, paths: tuple[str, ...], expected: tuple[str, ...]
) -> None:
    assert emptied(before, now, paths) == expected


def test_documents_that_ask_for_no_container_do_not_count() -> None:
    system = Document("SystemContainers", "s", SystemContainers(("agent",)), Place("/etc/a/00.yaml"))
    before = desired_state([system, *state(web="/etc/a/10.yaml").documents])
    now = desired_state([system])
    assert lost(before, now) == ("web",)
    assert emptied(before, now, ("/etc/a",)) == ("/etc/a",)
    assert lost(now, desired_state([])) == ()
