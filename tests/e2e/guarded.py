"""The command under the guard of tests/controller/cli/guard.py, but for the engine's socket: what goes over it a proxy sees."""

from __future__ import annotations

import sys

from tests.controller.cli import guard

if __name__ == "__main__":
    sys.dont_write_bytecode = True
    guard.MAY_BE_ASKED.append("/proxy.sock")
    from evenkeel.controller.cli import main

    sys.addaudithook(guard._watch)
    sys.exit(main(sys.argv[1:]))
