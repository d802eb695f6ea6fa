"""`evenkeel run` that kills itself, -9, right after its k-th write to the journal: `python -m tests.e2e_mqtt.dying K run …`.

A write is a transaction that was committed; so every place between two writes is reached by some K. At an ordinary end it
says on standard error how many writes there were. Nothing of evenkeel is replaced: the connection is SQLite's own, with a
counter.
"""

from __future__ import annotations

import os
import signal
import sqlite3
import sys
from typing import Any

_last = _left = int(sys.argv.pop(1))
_connect = sqlite3.connect


class Counting(sqlite3.Connection):
    def execute(self, statement: str, *values: Any) -> sqlite3.Cursor:
        global _left
        done = super().execute(statement, *values)
        if statement == "COMMIT":
            _left -= 1
            if _left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
        return done


def connect(*values: Any, **named: Any) -> sqlite3.Connection:
    return _connect(*values, **{**named, "factory": Counting})


if __name__ == "__main__":
    sqlite3.connect = connect
    from tests.prompt import main

    code = main(sys.argv[1:])
    print(f"writes: {_last - _left}", file=sys.stderr)
    sys.exit(code)
