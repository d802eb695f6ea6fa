"""Names, as people give them to subjects of every kind: one rule, which is Kanto's for containers
(container-management.md §1.7), so that a name is written alike in every document and in every message."""

from __future__ import annotations

import re

NAME_PATTERN = r"^[a-zA-Z0-9_][a-zA-Z0-9_.-]*$"
"""For `re.fullmatch`, and for JSON Schema."""


def is_name(text: str) -> bool:
    """Whether a subject may have this name."""
    return re.fullmatch(NAME_PATTERN, text) is not None
