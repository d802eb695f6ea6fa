"""The items of Kanto's checklist of its update manager (update-manager.md §6), and those that no test is named after."""

from __future__ import annotations

_MANY = {
    "TOP": 13, "ENV": 8, "SPL": 6, "OP": 8, "IDN": 13, "PH": 41, "CL": 12, "RB": 12, "CON": 13, "QUE": 4, "FB": 10,
    "CS": 14, "RBT": 5, "CFG": 9, "THG": 8, "LOG": 1, "STR": 7, "INT": 5,
}  # fmt: skip
ITEMS = tuple(f"{group}-{number}" for group, many in _MANY.items() for number in range(1, many + 1))

_LINK = "about Kanto's client of the broker; evenkeel has one connection for all its roles (tests/controller/mqtt)"

_OPTIONS, _FILES = "about settings (tests/specs/", "about settings (tests/controller/"

NOWHERE: dict[str, str] = {
    **dict.fromkeys(("TOP-7", "TOP-8", "TOP-10"), _LINK),
    "CON-13": "about Kanto's library for the owner's display, which is no part of the update manager",
    "CON-3": "the owner is asked over the one connection, which every update manager has",
    "CON-4": f"a question waits in the journal until the broker has it; {_LINK}",
    "CS-14": "about the agent for containers (tests/controller/agents)",
    "INT-5": "about the agent for containers (tests/controller/agents)",
    **{f"CFG-{number}": f"{_OPTIONS}kanto/test_update_manager_config.py)" for number in (1, 3, 4, 5, 6, 7)},
    "CFG-2": f"{_FILES}settings/test_update_manager_config.py)",
    "CFG-8": f"{_FILES}mqtt/test_link.py)",
    "CFG-9": f"{_FILES}cli/test_update_manager.py)",
    "LOG-1": "about Kanto's log; that of evenkeel goes to the journal of the system (tests/controller/process/test_notify.py)",
    **{f"STR-{number}": "about the classes of the original; nothing of it is on the wire" for number in range(1, 7)},
    "STR-7": "three messages to the backend, which IDN-5 looks at",
}
"""Item → why it has no test here."""
