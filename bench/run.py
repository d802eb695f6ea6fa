"""`python -m bench.run [planning command daemon mqtt …] [--json FILE]`: measure and print tables."""

from __future__ import annotations

import argparse
import importlib
import json
import platform
import sys
from pathlib import Path

from bench.engines import ENGINE
from bench.measuring import table

SECTIONS = {
    "planning": "Planning",
    "command": "Command line",
    "daemon": f"Daemon on {ENGINE}",
    "footprint": "Idle daemon of the wheel, Docker and MQTT, Debian's Python",
    "converging": f"Many containers by files, on {ENGINE}",
    "mqtt": "Update agent over MQTT",
    "slots": "Operating systems with RAUC",
}


def main() -> int:
    """Measure what was asked for, everything by default."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sections", nargs="*", choices=[*SECTIONS, []], help="what to measure; default: all")
    parser.add_argument("--json", type=Path, help="also write the numbers there")
    asked = parser.parse_args()
    found = {}
    sys.stdout.write(f"Python {platform.python_version()}, {platform.machine()}\n\n")
    for name in asked.sections or SECTIONS:
        rows = importlib.import_module(f"bench.{name}").measure()
        sys.stdout.write(f"{table(SECTIONS[name], rows)}\n")
        sys.stdout.flush()
        found[name] = [row._asdict() for row in rows]
    if asked.json is not None:
        asked.json.write_text(json.dumps(found, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
