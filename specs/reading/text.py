"""Bytes of a file → documents of plain values, with the line and column of everything in them.

Rules: YAML 1.2 and JSON; many documents per file; UTF-8; a bounded size. Nothing is guessed: a text that
cannot be read is a problem with its place.
"""

from __future__ import annotations

from evenkeel.specs.problem import Place, Problem
from evenkeel.specs.reading.json_text import json_trees, json_value
from evenkeel.specs.reading.tree import Tree
from evenkeel.specs.reading.yaml_text import yaml_trees

MOST_BYTES = 8 * 1024**2


def read_trees(content: bytes, file: str) -> tuple[list[Tree], list[Problem]]:
    """All documents of a file, empty ones left out, and all problems; with problems the documents may be incomplete."""
    if len(content) > MOST_BYTES:
        return [], [Problem(Place(file, 1, 1), "", f"the file is larger than {MOST_BYTES // 1024**2} MiB")]
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        column = error.start - (content.rfind(b"\n", 0, error.start) + 1) + 1
        return [], [Problem(Place(file, line, column), "", "expected UTF-8 text")]
    problems: list[Problem] = []
    if text.lstrip()[:1] in ("{", "["):
        value, problem = json_value(text, file)
        if problem is None:
            return json_trees(text, value, file, problems), problems
        if file.endswith(".json"):
            return [], [problem]
    return yaml_trees(text, file, problems), problems
