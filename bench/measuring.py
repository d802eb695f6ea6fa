"""How things are measured here: medians of repetitions, and processes looked at through /proc."""

from __future__ import annotations

import os
import re
import statistics
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple


class Row(NamedTuple):
    """One measured number. `compared`: what it is in terms of something else on the same machine. `budget`: the aim, a number
    with a unit; one in × is about the ratio with which `compared` begins."""

    what: str
    value: float
    unit: str
    compared: str = ""
    budget: str = ""


def median_ms(work: Callable[[], object], times: int = 15) -> float:
    """The median of some runs, the first not counted."""
    work()
    spent = []
    for _ in range(times):
        begun = time.perf_counter()
        work()
        spent.append((time.perf_counter() - begun) * 1000)
    return statistics.median(spent)


def command_ms(command: Sequence[str], times: int = 15, codes: tuple[int, ...] = (0, 2)) -> float:
    """The median of a command from start to end."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}

    def run() -> None:
        done = subprocess.run(command, capture_output=True, env=environment, check=False)
        if done.returncode not in codes:
            raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}: {done.stderr.decode()}")

    return median_ms(run, times)


def pss_kib(pid: int, part: str = "Pss") -> int:
    """Proportional memory of a process, KiB. `Pss_Anon` is the part that no other process can share."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith(f"{part}:"):
            return int(line.split()[1])
    return 0


def cpu_s(pid: int) -> float:
    """Processor time of a process so far, all threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def written_bytes(pid: int) -> int:
    """Bytes that a process has caused to be written to disks."""
    for line in Path(f"/proc/{pid}/io").read_text().splitlines():
        if line.startswith("write_bytes:"):
            return int(line.split()[1])
    return 0


def table(title: str, rows: Sequence[Row]) -> str:
    """A Markdown table."""
    lines = [f"### {title}", "", "| what | measured | compared | budget |", "|---|--:|---|---|"]
    lines += [f"| {row.what} | {measured(row)} | {row.compared} | {aim(row)} |" for row in rows]
    return "\n".join([*lines, ""])


def measured(row: Row) -> str:
    """The number with its unit."""
    number = f"{row.value:.1f}" if abs(row.value) < 100 else f"{row.value:,.0f}"
    return f"{number} {row.unit}".strip()


def aim(row: Row) -> str:
    """The aim of a row, and whether it was missed."""
    return f"{row.budget}, missed" if is_missed(row) else row.budget


def is_missed(row: Row) -> bool:
    """Whether the number, or the ratio of a row whose aim is one, is above the aim. A row without a number in its aim, or
    without the ratio, has not missed it."""
    most = _first_number(row.budget)
    value = _first_number(row.compared) if "×" in row.budget else row.value
    return most is not None and value is not None and value > most


def _first_number(text: str) -> float | None:
    found = re.match(r"[\d.]+", text)
    return float(found[0]) if found else None
