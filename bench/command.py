"""The command line from start to end, cold, against the memory engine."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from bench.measuring import Row, command_ms

_SPEC = """apiVersion: evenkeel/v1
kind: Container
metadata: {{name: app-{i}}}
spec:
  image: registry.example/vehicle/app-{i}:1.0
  env: {{LEVEL: info, INDEX: "{i}"}}
  stableFor: 0s
"""
EVENKEEL = [str(Path(sys.executable).with_name("evenkeel"))]


def measure() -> list[Row]:
    """`status`, `plan` of ten components with and without changes, `--help`."""
    bare_ms = command_ms([sys.executable, "-c", "pass"])
    rows = [Row("python -c pass", bare_ms, "ms")]
    with tempfile.TemporaryDirectory() as folder:
        specs, state, written = Path(folder, "specs"), Path(folder, "state"), Path(folder, "config.yaml")
        written.write_text("engine: {kind: memory}\n")
        specs.mkdir()
        for i in range(10):
            (specs / f"{i:02}.yaml").write_text(_SPEC.format(i=i))
        base = [*EVENKEEL, "--specs", str(specs), "--state", str(state)]
        command_ms([*base, "apply", "--yes"], times=1)
        untouched = [*base[:-1], str(Path(folder, "untouched"))]
        for what, arguments, budget in (
            ("plan, 10 components, from YAML, all to create", [*untouched, "plan"], "200 ms"),
            ("plan, 10 components, cached, nothing to do", [*base, "plan"], "120 ms"),
            ("status", [*base, "status"], "60 ms"),
            ("status, settings from YAML", [*base, "--config", str(written), "status"], ""),
            ("--help", [*EVENKEEL, "--help"], ""),
        ):
            spent_ms = command_ms(arguments)
            rows.append(Row(what, spent_ms, "ms", f"{spent_ms / bare_ms:.1f} × python -c pass", budget))
    return rows
