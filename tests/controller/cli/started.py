"""The programs that a command becomes and starts, each with its arguments and its environment as the kernel gets them (strace).
They are seen however briefly they live."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from tests.until import PATIENCE_S

_CALL = re.compile(r'execve\("[^"]*", \[([^\]]*)\], \[([^\]]*)\]\) += 0$', re.MULTILINE)
_WATCHED = (
    *("strace", "--follow-forks", "--seccomp-bpf", "--trace=execve,execveat", "--signal=none", "--quiet=all"),
    *("--no-abbrev", "--string-limit=1000000", "--strings-in-hex=all"),
)


class Started(NamedTuple):
    """One program that began. `environment`: each as NAME=VALUE."""

    arguments: tuple[str, ...]
    environment: tuple[str, ...]


def run_watched(
    line: Sequence[str], environment: dict[str, str], folder: Path, given: str = ""
) -> tuple[subprocess.CompletedProcess[str], list[Started]]:
    """The command, to its end, and all programs that began, itself among them. `folder`: for what strace writes; it is made."""
    folder.mkdir()
    done = subprocess.run(
        [*_WATCHED, "--output-separately", f"--output={folder}/of", *line],
        env=environment,
        input=given,
        text=True,
        capture_output=True,
        timeout=PATIENCE_S,
    )
    found = list[Started]()
    for file in folder.iterdir():
        calls = file.read_text()
        its = [Started(_texts(arguments), _texts(values)) for arguments, values in _CALL.findall(calls)]
        assert len(its) == len(re.findall(r" = 0$", calls, re.MULTILINE)), calls
        assert not re.search(r"unfinished|resumed|execveat|\.\.\.", calls), calls
        found += its
    return done, found


def _texts(listed: str) -> tuple[str, ...]:
    coded = re.findall(r'"((?:\\x[0-9a-f]{2})*)"', listed)
    assert ", ".join(f'"{each}"' for each in coded) == listed
    return tuple(bytes.fromhex(each.replace("\\x", "")).decode(errors="surrogateescape") for each in coded)
