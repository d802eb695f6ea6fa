"""The command line of Leda's `sdv-health`, and the variables in its `sdv.conf` (provisioning.md §7).

The original executes `sdv.conf` as a shell does. Here its assignments are read, and nothing in it is executed: a value that
only a shell could make is left out, and told.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from typing import Any, NamedTuple

CONF_PLACES = (".config/sdv.conf", "/etc/sdv/sdv.conf")
"""Below the home of the user, and of the system; the first that is there counts, alone."""
USUAL_LINES = 20
_ASSIGNMENT = re.compile(r"\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)=(.*)", re.DOTALL)
_OF_A_SHELL = re.compile(r"[$`]|[<>|&;(){}]")
_OPTIONS = {"-v": "verbose", "--verbose": "verbose", "--ansi": "ansi", "--help": "help"}
USAGE = """\
Usage: sdv-health [options]

Options:
  -l | --log [n]   show the newest n lines of each unit, and 20 of each container
  -v | --verbose   show the remedies, too
  --ansi           colours, on a terminal
  --help           this text"""


class Line(NamedTuple):
    """`log`: lines of the log of each unit, 0 for none."""

    log: int = 0
    verbose: bool = False
    ansi: bool = False
    help: bool = False


class Variables(NamedTuple):
    """Names that are looked at. `is_set`: the variables that `sdv.conf` sets; the others have their defaults."""

    can: str = "can0"
    units: tuple[str, ...] = ("containerd", "rauc", "container-management", "kanto-update-manager")
    units_opt: tuple[str, ...] = ("sshd.socket", "systemd-networkd", "systemd-timesyncd")
    containers: tuple[str, ...] = ("cloudconnector", "databroker", "sua")
    containers_opt: tuple[str, ...] = (
        *("seatservice-example", "hvacservice-example", "node-red-example", "feedercan", "feedergps"),
        *("otelcol-sdv-exporter", "otelcol-sdv-agent"),
    )
    ping: str = "1.1.1.1"
    is_set: frozenset[str] = frozenset()


_FIELDS = {
    "SDV_CAN": "can",
    "SDV_SERVICES": "units",
    "SDV_SERVICES_OPT": "units_opt",
    "KANTO_CM_CONTAINERS": "containers",
    "KANTO_CM_CONTAINERS_OPT": "containers_opt",
    "SDV_PING_HOST": "ping",
}


def read_line(arguments: Sequence[str]) -> Line:
    """The command line. Unknown options are ignored, as the original does."""
    found, rest = Line(), list(arguments)
    while rest:
        word = rest.pop(0)
        if word in ("-l", "--log"):
            has_number = bool(rest) and rest[0].isdecimal()
            found = found._replace(log=max(int(rest.pop(0)[:6]), 1) if has_number else USUAL_LINES)
        elif word in _OPTIONS:
            found = found._replace(**{_OPTIONS[word]: True})
    return found


def read_conf(text: str) -> tuple[Variables, tuple[str, ...]]:
    """The variables, and the lines that were not read, each with its number and the reason, and without its text."""
    found, notes = dict[str, Any](), list[str]()
    is_set = set[str]()
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        assignment = _ASSIGNMENT.fullmatch(line)
        if assignment is None:
            notes.append(f"line {number} is no assignment, and nothing is executed")
            continue
        name, written = assignment.groups()
        if name not in _FIELDS:
            continue
        value = _value(written)
        if value is None:
            notes.append(f"line {number}: the value of {name} needs a shell, and nothing is executed")
            continue
        is_plain = _FIELDS[name] in ("can", "ping")
        found[_FIELDS[name]] = value.strip() if is_plain else tuple(value.split())
        is_set.add(name)
    return Variables(**found, is_set=frozenset(is_set)), tuple(notes)


def _value(written: str) -> str | None:
    """The text that a shell would assign; `None` where that needs more than quotes."""
    try:
        words = shlex.split(written, comments=True)
    except ValueError:
        return None
    if len(words) > 1 or (_OF_A_SHELL.search(written) and not re.fullmatch(r"\s*'[^']*'\s*(#.*)?", written)):
        return None
    return words[0] if words else ""
