"""`python -m bench.run [planning command daemon mqtt …] [--json FILE]`: measure and print tables."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
import sys
from datetime import UTC, datetime
from pathlib import Path

from bench.engines import ENGINE
from bench.measuring import table

SECTIONS = {
    "planning": "Planning",
    "command": "Command line",
    "daemon": f"Daemon on {ENGINE}",
    "footprint": f"Idle daemon of the wheel, {ENGINE} and MQTT, Debian's Python",
    "converging": f"Many containers by files, on {ENGINE}",
    "mqtt": f"Update agent over MQTT, on {ENGINE}",
    "operations": "Update manager",
    "slots": "Operating systems with RAUC",
    "registries": "Registries",
    "provisioning": "Identities",
    "doctor": f"Doctor, on {ENGINE}",
}


def main() -> int:
    """Measure what was asked for, everything by default."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sections", nargs="*", choices=[*SECTIONS, []], help="what to measure; default: all")
    parser.add_argument("--json", type=Path, help="also write the numbers there")
    asked = parser.parse_args()
    found = {}
    sys.stdout.write(
        f"Python {platform.python_version()}, {platform.machine()}, {datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores\n\n"
    )
    for name in asked.sections or SECTIONS:
        title = f"{SECTIONS[name]} (load {os.getloadavg()[0]:.1f} before)"
        rows = importlib.import_module(f"bench.{name}").measure()
        sys.stdout.write(f"{table(title, rows)}\n")
        sys.stdout.flush()
        found[name] = [row._asdict() for row in rows]
        if asked.json is not None:
            asked.json.write_text(json.dumps(found, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
