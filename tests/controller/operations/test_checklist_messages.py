"""Kanto's checklist of its update manager (update-manager.md §6): the owner, several operations at once, feedback."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.controller.operations.conftest import TalkPlay
from tests.controller.operations.talk import (
    ONE,
    ONE_CLEANS_UP,
    ONE_UPDATES,
    TWO,
    Talk,
    tell,
)

from evenkeel.reconcilers.operations.telling import feedback
from evenkeel.specs.operations.conduct import Conduct
from evenkeel.specs.operations.operation import DomainPart, Operation, ToldAction

ALL = Conduct(consent=("DOWNLOAD", "UPDATE", "ACTIVATE"))
LATER = Conduct(consent=("UPDATE", "ACTIVATE"))

# ── the owner ──────────────────────────────────────────────────────────────────────────────────────────────────────

ASKED = """
ask c        → IDENTIFYING | c slice
c IDENTIFIED → IDENTIFIED | RUNNING | owner? DOWNLOAD
"""
REFUSED = f"""{ONE}
c DOWNLOAD_SUCCESS → RUNNING | owner? UPDATE
owner DENIED → c ROLLBACK
c ROLLBACK_SUCCESS → RUNNING | c CLEANUP
c CLEANUP_SUCCESS → RUNNING
wait 5.1 → INCOMPLETE: the owner answered DENIED to UPDATE
"""
CON: dict[str, tuple[Conduct, str]] = {
    "CON-1": (Conduct(consent=("CLEANUP", "ROLLBACK")), f"{ONE_CLEANS_UP}cancel ROLLBACK →"),
    "CON-2": (Conduct(), ONE_CLEANS_UP),
    "CON-5": (
        ALL,
        f"""{ASKED}
        owner APPROVED → c DOWNLOAD
        c DOWNLOAD_SUCCESS → RUNNING | owner? UPDATE
        owner APPROVED → c UPDATE
        c UPDATE_SUCCESS → RUNNING | owner? ACTIVATE
        owner APPROVED → c ACTIVATE
        c ACTIVATION_SUCCESS → RUNNING | c CLEANUP
        """,
    ),
    "CON-6": (ALL, f"{ASKED}owner MAYBE → c ROLLBACK"),
    "CON-7": (ALL._replace(consent_timeout_s=60.0), f"{ASKED}wait 59 →\nwait 1 → c ROLLBACK"),
    "CON-8": (
        ALL,
        f"""{ASKED}
        owner DENIED → c ROLLBACK
        c ROLLBACK_FAILURE →  RUNNING | c CLEANUP
        c INCOMPLETE → INCOMPLETE: the owner answered DENIED to DOWNLOAD
        """,
    ),
    "CON-9": (LATER, REFUSED),
    "CON-10": (ALL, f"{ASKED}owner [b] APPROVED →\nowner [b] DENIED →\nowner APPROVED → c DOWNLOAD"),
    "CON-11": (
        ALL._replace(consent_timeout_s=3600.0),
        f"{ASKED}wait 3000 →\nowner APPROVED → c DOWNLOAD\nwait 599 →\nwait 1 → c ROLLBACK",
    ),
    "RB-11": (
        LATER,
        f"""{ONE}
        c DOWNLOAD_SUCCESS → RUNNING | owner? UPDATE
        owner APPROVED → c UPDATE
        c UPDATE_SUCCESS → RUNNING | owner? ACTIVATE
        owner DENIED → c ROLLBACK
        c ROLLBACK_SUCCESS → RUNNING | c CLEANUP
        c CLEANUP_SUCCESS → RUNNING
        wait 5.1 → INCOMPLETE: the owner answered DENIED to ACTIVATE
        """,
    ),
    "RB-12": (
        LATER,
        f"""{TWO}
        c DOWNLOAD_SUCCESS → RUNNING
        s DOWNLOAD_SUCCESS → RUNNING | owner? UPDATE
        owner DENIED → c ROLLBACK | s ROLLBACK
        c ROLLBACK_SUCCESS → RUNNING
        s ROLLBACK_SUCCESS → RUNNING | c CLEANUP | s CLEANUP
        c INCOMPLETE → RUNNING
        s INCOMPLETE → INCOMPLETE: the owner answered DENIED to UPDATE
        """,
    ),
}


@pytest.mark.parametrize("id_", CON)
def test_con_questions(tmp_path: Path, id_: str) -> None:
    decisions, story = CON[id_]
    tell(tmp_path, story, decisions)


@pytest.mark.parametrize("many", [1, 2, 10, 1000])
def test_con_12_an_answer_answers_one_question_and_any_number_holds_up_nothing(talk: TalkPlay, many: int) -> None:
    """The original takes the second APPROVED for the next question, and the fourth ends its reading for good."""

    async def story(device: Talk) -> None:
        await device.act("ask c")
        await device.act("c IDENTIFIED")
        for _ in range(many):
            device.deliver("vehicleupdate/ownerconsentfeedback", "a", {"status": "APPROVED"})
        assert await device.act("wait 1") == ["c DOWNLOAD"]
        assert await device.act("c DOWNLOAD_SUCCESS") == ["RUNNING", "owner? UPDATE"]
        assert await device.act("wait 60") == []

    talk(story, decisions=ALL)


# ── several at once ────────────────────────────────────────────────────────────────────────────────────────────────

QUE = {
    "QUE-2": f"""{ONE_CLEANS_UP}
        ask [b] s →
        ask [b] s →
        c COMPLETED → COMPLETED | [b] IDENTIFYING | [b] s slice
        s [b] COMPLETED → [b] IDENTIFIED | [b] COMPLETED
        wait 60 →
    """,
    "QUE-3": """
        ask c s → IDENTIFYING | c slice | s slice
        c IDENTIFICATION_FAILED: no →
        s IDENTIFICATION_FAILED: no → IDENTIFICATION_FAILED: containers: no; self-update: no
        wait 3000 →
    """,
    "QUE-4": f"""
        c IDENTIFIED →
        c [b] COMPLETED →
        {ONE}
        c [b] DOWNLOAD_SUCCESS →
        s DOWNLOAD_SUCCESS →
        c DOWNLOAD_SUCCESS → RUNNING | c UPDATE
    """,
    "INT-3": f"{ONE_UPDATES}c COMPLETED → COMPLETED\n{ONE_UPDATES}c COMPLETED → COMPLETED",
    "INT-4": f"{ONE_UPDATES}ask c → RUNNING\nask c → RUNNING\nc UPDATE_SUCCESS → RUNNING | c ACTIVATE",
}


@pytest.mark.parametrize("id_", QUE)
def test_que_several_at_once(tmp_path: Path, id_: str) -> None:
    tell(tmp_path, QUE[id_])


def test_que_1_a_newer_one_takes_the_place_where_the_settings_say_so(tmp_path: Path) -> None:
    """The original means to refuse the newer one, and never does; the settings have an order of arrival, and this."""
    tell(
        tmp_path,
        f"{ONE}ask [b] s → c ROLLBACK | c CLEANUP | SUPERSEDED: b takes its place | [b] IDENTIFYING | [b] s slice",
        supersedes=True,
    )


# ── feedback ───────────────────────────────────────────────────────────────────────────────────────────────────────

SLOW = 60.0
FB: dict[str, tuple[float, str]] = {
    "FB-1": (SLOW, f"{ONE}c INCOMPLETE: no → INCOMPLETE: containers: no"),
    "FB-2": (SLOW, f"{ONE}c INCOMPLETE: no → INCOMPLETE: containers: no\nwait 300 →"),
    "FB-3": (0.0, "ask c → IDENTIFYING | c slice\nc IDENTIFIED → IDENTIFIED | c DOWNLOAD\nc DOWNLOADING →\nwait 300 →"),
    "FB-4": (SLOW, f"{ONE}c DOWNLOADING →\nwait 30 →\nc DOWNLOAD_SUCCESS → c UPDATE\nwait 29 →\nwait 1 → RUNNING\nwait 100 →"),
    "FB-5": (SLOW, f"""{ONE}
        c DOWNLOADING →
        wait 60 → RUNNING
        wait 60 →
        c DOWNLOADING →
        c DOWNLOAD_SUCCESS → RUNNING | c UPDATE
    """),
    "FB-6": (SLOW, f"{ONE}c COMPLETED → COMPLETED\n{ONE}wait 300 →"),
    "FB-9": (SLOW, f"""{ONE}
        c DOWNLOADING →
        wait 660 → RUNNING | c ROLLBACK | c CLEANUP
        wait 610 → INCOMPLETE: containers: no answer to DOWNLOAD within 600 s
        ask [b] c → [b] IDENTIFYING | [b] c slice
        wait 300 →
    """),
    "FB-10": (SLOW, """
        ask c → IDENTIFYING | c slice
        c IDENTIFICATION_FAILED: disk 100% full %s %d → IDENTIFICATION_FAILED: containers: disk 100% full %s %d
    """),
}  # fmt: skip


@pytest.mark.parametrize("id_", FB)
def test_fb_feedback_of_an_operation(tmp_path: Path, id_: str) -> None:
    every_s, story = FB[id_]
    tell(tmp_path, story, running_every_s=every_s)


@pytest.mark.parametrize(
    ("told", "passed"),
    [
        ("ACTIVATING", "UPDATING"),
        ("ACTIVATION_SUCCESS", "UPDATE_SUCCESS"),
        ("ACTIVATION_FAILURE", "UPDATE_FAILURE"),
        *(
            (status, status)
            for status in (
                *("IDENTIFIED", "DOWNLOADING", "DOWNLOAD_FAILURE", "DOWNLOAD_SUCCESS", "UPDATING", "UPDATE_FAILURE"),
                *("UPDATE_SUCCESS", "REMOVING", "REMOVAL_FAILURE", "REMOVAL_SUCCESS", "UPDATED", ""),
            )
        ),
    ],
)
def test_fb_7_words_for_actions(told: str, passed: str) -> None:
    part = DomainPart("c", b"{}", actions=(ToldAction("c:app", "2", told, 40, "half"),))
    action = feedback(Operation("a", "", (), (part,)), "RUNNING").actions[0]
    assert (action.status, action.progress, action.message) == (passed, 40, "half")
    assert (action.component.id, action.component.version) == ("c:app", "2")


@pytest.mark.parametrize(
    ("told", "end"),
    [
        ("INCOMPLETE_INCONSISTENT", "INCOMPLETE"),
        ("INCOMPLETE", "INCOMPLETE"),
        ("COMPLETED", "COMPLETED"),
        ("COMPLETE", "COMPLETED"),
    ],
)
def test_fb_8_an_inconsistent_end_is_incomplete(talk: TalkPlay, told: str, end: str) -> None:
    async def story(device: Talk) -> None:
        for line in ("ask c", "c IDENTIFIED", f"c {told}"):
            await device.act(line)
        assert device.end()[0] == end

    talk(story)
