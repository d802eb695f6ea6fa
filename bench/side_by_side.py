"""`python -m bench.side_by_side docker.json podman.json`: one table of two runs of `make bench`, for bench/README.md.

The files are those of `make bench ARGS="--json FILE"`, one of each engine. Rows that only one run has, such as those of
sections without an engine, have an empty cell.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from bench.measuring import Row, is_missed, measured

Found = Mapping[str, Iterable[Mapping[str, Any]]]
"""The rows of sections, as `bench.run --json` writes them."""


def side_by_side(docker: Found, podman: Found) -> str:
    """The rows of both in the order of the first, each cell with its comparison, and marked where it misses the aim."""
    ours, theirs = _rows(docker), _rows(podman)
    lines = ["| what | docker | podman | aim |", "|---|--:|--:|---|"]
    for what in dict.fromkeys([*ours, *theirs]):
        either = ours.get(what) or theirs[what]
        lines.append(f"| {what} | {_cell(ours.get(what))} | {_cell(theirs.get(what))} | {either.budget} |")
    return "\n".join([*lines, ""])


def _rows(found: Found) -> dict[str, Row]:
    rows = [Row(**{**row, "what": _without_engine(row["what"])}) for section in found.values() for row in section]
    return {row.what: row for row in rows}


def _without_engine(what: str) -> str:
    return what.removesuffix(" on docker").removesuffix(" on podman")


def _cell(row: Row | None) -> str:
    if row is None:
        return ""
    compared = f"; {row.compared}" if row.compared else ""
    return f"{measured(row)}{compared}{', missed' if is_missed(row) else ''}"


if __name__ == "__main__":
    sys.stdout.write(side_by_side(*(json.loads(Path(name).read_text()) for name in sys.argv[1:3])))
