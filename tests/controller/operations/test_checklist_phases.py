"""Kanto's checklist of its update manager (update-manager.md §6), from identification to the way back: a story for each item.

Where evenkeel does better than the original, the story has what is better.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.controller.operations.talk import (
    ONE,
    ONE_ACTIVATES,
    ONE_CLEANS_UP,
    ONE_UPDATES,
    TWO,
    TWO_CLEAN_UP,
    TWO_UPDATE,
    tell,
)

ONE_ENDS = "wait 5.1 → COMPLETED"
BACK = "c ROLLBACK | s ROLLBACK"

IDN = {
    "IDN-1": ONE,
    "IDN-2": "ask c s → IDENTIFYING | c slice | s slice\nc IDENTIFIED →",
    "IDN-3": """
        ask c s → IDENTIFYING | c slice | s slice
        s IDENTIFICATION_FAILED: no such image →
        c IDENTIFIED → c ROLLBACK | c CLEANUP | IDENTIFICATION_FAILED: self-update: no such image
    """,
    "IDN-4": f"{TWO}c IDENTIFIED →\nc DOWNLOADING → RUNNING",
    "IDN-5": "ask c → IDENTIFYING | c slice\nc IDENTIFIED - → IDENTIFIED | COMPLETED\nc COMPLETED - →",
    "IDN-6": """
        ask c s → IDENTIFYING | c slice | s slice
        c IDENTIFIED - →
        s IDENTIFIED → IDENTIFIED | RUNNING | s DOWNLOAD
        s DOWNLOAD_SUCCESS → RUNNING | s UPDATE
        s UPDATE_SUCCESS → RUNNING | s ACTIVATE
        s ACTIVATION_SUCCESS → RUNNING | s CLEANUP
        s CLEANUP_SUCCESS → RUNNING
        s COMPLETED → COMPLETED
    """,
    "IDN-7": """
        ask c → IDENTIFYING | c slice
        c IDENTIFICATION_FAILED: no such image → IDENTIFICATION_FAILED: containers: no such image
    """,
    "IDN-8": "ask c s → IDENTIFYING | c slice | s slice\nc IDENTIFICATION_FAILED: x →",
    "IDN-9": f"{ONE}c IDENTIFICATION_FAILED: too late - →\nc DOWNLOAD_SUCCESS → RUNNING | c UPDATE",
    "IDN-10": """
        ask c → IDENTIFYING | c slice
        c IDENTIFYING →
        wait 599 →
        wait 1 → c ROLLBACK | c CLEANUP | IDENTIFICATION_FAILED: containers: its agent did not answer within 600 s
    """,
    "IDN-11": """
        ask c s → IDENTIFYING | c slice | s slice
        c IDENTIFIED →
        s IDENTIFICATION_FAILED: no → c ROLLBACK | c CLEANUP | IDENTIFICATION_FAILED: self-update: no
    """,
    "IDN-12": """
        ask c s → IDENTIFYING | c slice | s slice
        c IDENTIFIED - →
        s COMPLETED → IDENTIFIED | COMPLETED
    """,
    "IDN-13": """
        ask c → IDENTIFYING | c slice
        c INCOMPLETE: broken → IDENTIFIED | INCOMPLETE: containers: broken
    """,
}

WORKING = {
    "PH-1": (ONE, "DOWNLOADING"),
    "PH-2": (ONE_UPDATES, "UPDATING"),
    "PH-3": (ONE_ACTIVATES, "ACTIVATING"),
}
IDENTIFYING = "ask c → IDENTIFYING | c slice\n"
NEXT = {
    IDENTIFYING: "c IDENTIFIED → IDENTIFIED | RUNNING | c DOWNLOAD",
    ONE: "c DOWNLOAD_SUCCESS → RUNNING | c UPDATE",
    ONE_UPDATES: "c UPDATE_SUCCESS → RUNNING | c ACTIVATE",
}
"""After a story, how it goes on when nothing has come between."""
TOO_EARLY = (
    *(("PH-4", "DOWNLOADING"), ("PH-5", "UPDATING"), ("PH-6", "ACTIVATING")),
    *(("PH-13", "DOWNLOAD_SUCCESS"), ("PH-14", "UPDATE_SUCCESS"), ("PH-15", "ACTIVATION_SUCCESS")),
    *(("PH-23", "DOWNLOAD_FAILURE"), ("PH-24", "UPDATE_FAILURE"), ("PH-25", "ACTIVATION_FAILURE")),
)
OTHER_PHASE = (
    *(("PH-7", ONE_UPDATES, "DOWNLOADING"), ("PH-8", ONE, "UPDATING"), ("PH-9", ONE, "ACTIVATING")),
    ("PH-16", ONE_UPDATES, "DOWNLOAD_SUCCESS"),
    *(("PH-17", ONE, "UPDATE_SUCCESS"), ("PH-18", ONE, "ACTIVATION_SUCCESS")),
    ("PH-26", ONE_UPDATES, "DOWNLOAD_FAILURE"),
    *(("PH-27", ONE, "UPDATE_FAILURE"), ("PH-28", ONE, "ACTIVATION_FAILURE")),
)
FAILURES = (
    ("PH-20", ONE, "DOWNLOAD_FAILURE"),
    ("PH-21", ONE_UPDATES, "UPDATE_FAILURE"),
    ("PH-22", ONE_ACTIVATES, "ACTIVATION_FAILURE"),
)

PH = {
    **{id_: f"{story}c {status} → RUNNING" for id_, (story, status) in WORKING.items()},
    **{id_: f"{IDENTIFYING}c {status} - →\n{NEXT[IDENTIFYING]}" for id_, status in TOO_EARLY},
    **{id_: f"{story}c {status} - →\n{NEXT[story]}" for id_, story, status in OTHER_PHASE},
    "PH-10": ONE_UPDATES,
    "PH-11": ONE_ACTIVATES,
    "PH-12": ONE_CLEANS_UP,
    "PH-19": f"{TWO}c DOWNLOAD_SUCCESS → RUNNING\nwait 60 →\ns DOWNLOAD_SUCCESS → RUNNING | c UPDATE | s UPDATE",
    **{
        id_: f"{story}c {status}: no → RUNNING | c ROLLBACK\nc ROLLBACK_SUCCESS → RUNNING | c CLEANUP"
        for id_, story, status in FAILURES
    },
    "PH-29": f"{TWO_CLEAN_UP}cancel [a] DANCE →\nc DANCING - →",
    "PH-30": f"{ONE}s IDENTIFIED →\ns DOWNLOAD_SUCCESS →",
    "PH-31": f"{ONE}cancel [b] ROLLBACK →\nc [b] DOWNLOAD_SUCCESS →",
    "PH-32": f"""{ONE}
        c DOWNLOAD_FAILURE: no such image → RUNNING | c ROLLBACK
        c ROLLBACK_FAILURE → RUNNING | c CLEANUP
        c CLEANUP_SUCCESS → RUNNING
        c INCOMPLETE → INCOMPLETE: containers: no such image
    """,
    "PH-33": f"""{TWO}
        c DOWNLOAD_FAILURE: no → RUNNING | {BACK}
        s DOWNLOAD_SUCCESS → RUNNING
        s ROLLBACK_SUCCESS → RUNNING
        c ROLLBACK_SUCCESS → RUNNING | c CLEANUP | s CLEANUP
        c INCOMPLETE → RUNNING
        s INCOMPLETE → INCOMPLETE: containers: no
    """,
    "PH-34": f"""{TWO_UPDATE}
        c UPDATE_SUCCESS → RUNNING
        s UPDATE_FAILURE: no → RUNNING | {BACK}
    """,
    "PH-35": f"""{TWO}
        c DOWNLOAD_FAILURE: one → RUNNING | {BACK}
        s DOWNLOAD_FAILURE: two → RUNNING
        s ROLLBACK_FAILURE → RUNNING
        c ROLLBACK_FAILURE → RUNNING | c CLEANUP | s CLEANUP
        s INCOMPLETE → RUNNING
        c INCOMPLETE → INCOMPLETE: containers: one
    """,
    "PH-36": f"{ONE_UPDATES}wait 599 →\nwait 1 → c ROLLBACK",
    "PH-37": f"{ONE}cancel ROLLBACK → c ROLLBACK",
    "PH-38": f"{ONE_CLEANS_UP}c CLEANUP_SUCCESS → RUNNING\nc COMPLETED → COMPLETED\nwait 3000 →",
    "PH-39": f"{ONE_UPDATES}wait 2 →\nrestart →\nc UPDATE_SUCCESS → RUNNING | c ACTIVATE",
    "PH-40": f"{ONE}c UPDATE_FAILURE - →\nc DOWNLOAD_SUCCESS → RUNNING | c UPDATE",
    "PH-41": f"{ONE}c DANCING → RUNNING\nc DOWNLOAD_SUCCESS → RUNNING | c UPDATE",
}

LEFT = "containers could not be taken back"
CL = {
    "CL-1": f"{ONE_CLEANS_UP}c CLEANUP → RUNNING",
    "CL-2": f"{ONE_CLEANS_UP}c CLEANUP_SUCCESS → RUNNING\n{ONE_ENDS}",
    "CL-3": f"{TWO_CLEAN_UP}c CLEANUP_SUCCESS → RUNNING\nc COMPLETED → RUNNING\nwait 60 →",
    "CL-4": f"{ONE_CLEANS_UP}c CLEANUP_FAILURE → RUNNING\nc INCOMPLETE: full → INCOMPLETE: containers: full",
    "CL-5": f"{ONE}c CLEANUP_SUCCESS - →\nc CLEANUP_FAILURE - →",
    "CL-6": f"{ONE_UPDATES}c COMPLETED → COMPLETED\nc COMPLETED →",
    "CL-7": f"{ONE}c INCOMPLETE: gone → INCOMPLETE: containers: gone\nc INCOMPLETE →",
    "CL-8": f"""{TWO_CLEAN_UP}
        c COMPLETED → RUNNING
        s INCOMPLETE: no → INCOMPLETE: self-update: no; {LEFT}: its agent had ended its part before (containers:app 2 is there)
    """,
    "CL-10": f"""{ONE_CLEANS_UP}
        wait 600 →
        wait 6 → INCOMPLETE: containers: no answer to CLEANUP within 600 s
        ask [b] s → [b] IDENTIFYING | [b] s slice
    """,
    "CL-11": f"{ONE_CLEANS_UP}c CLEANUP_SUCCESS → RUNNING\n{ONE_ENDS}\nc COMPLETED →\nc INCOMPLETE →",
}

GOING_BACK = f"""{ONE_UPDATES}
cancel ROLLBACK →
c UPDATE_SUCCESS → RUNNING | c ROLLBACK
"""
RB = {
    "RB-1": f"{GOING_BACK}c ROLLBACK → RUNNING",
    "RB-2": f"{GOING_BACK}c ROLLBACK_SUCCESS → RUNNING | c CLEANUP",
    "RB-3": f"""{GOING_BACK}
        c ROLLBACK_FAILURE: stuck → RUNNING | c CLEANUP
        c INCOMPLETE → INCOMPLETE: it was cancelled by ROLLBACK; {LEFT}: stuck (containers:app 2 was told last as INCOMPLETE)
    """,
    **{
        id_: f"{story}c {status} - →\n{NEXT[story]}"
        for id_, story, status in (
            *(("RB-4", IDENTIFYING, "ROLLBACK"), ("RB-5", ONE, "ROLLBACK")),
            *(("RB-6", IDENTIFYING, "ROLLBACK_SUCCESS"), ("RB-7", ONE, "ROLLBACK_SUCCESS")),
            *(("RB-8", IDENTIFYING, "ROLLBACK_FAILURE"), ("RB-9", ONE, "ROLLBACK_FAILURE")),
        )
    },
    "RB-10": f"""{GOING_BACK}
        c ROLLBACK_SUCCESS → RUNNING | c CLEANUP
        c CLEANUP_SUCCESS → RUNNING
        wait 5.1 → INCOMPLETE: it was cancelled by ROLLBACK
    """,
}


@pytest.mark.parametrize("id_", IDN)
def test_idn_identification(tmp_path: Path, id_: str) -> None:
    tell(tmp_path, IDN[id_])


@pytest.mark.parametrize("id_", PH)
def test_ph_phases(tmp_path: Path, id_: str) -> None:
    tell(tmp_path, PH[id_])


@pytest.mark.parametrize("id_", CL)
def test_cl_ends(tmp_path: Path, id_: str) -> None:
    tell(tmp_path, CL[id_])


@pytest.mark.parametrize("id_", RB)
def test_rb_the_way_back(tmp_path: Path, id_: str) -> None:
    tell(tmp_path, RB[id_])
