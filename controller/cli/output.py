"""Output of commands: every text for a terminal, a pipe or a file goes through here.

Texts of specs, files, engines and brokers are not safe for a screen (`specs.visible`). `echo` prints one line, whatever
the text holds. `echo_lines` takes lines of evenkeel, whose breaks and colours stay. Names within such lines went
through `one_line` where the lines were made.
"""

from __future__ import annotations

import sys
from typing import Any

from evenkeel.specs.visible import one_line, visible_json, visible_lines
from evenkeel.templates.style import clean


def echo(line: str = "", *, err: bool = False) -> None:
    """Print one line to standard output, or to standard error."""
    _write(one_line(line) + "\n", err)


def echo_question(text: str) -> None:
    """Print a question whose answer follows in the same line."""
    _write(f"{one_line(text)} ", err=False)
    sys.stdout.flush()


def echo_lines(text: str, *, err: bool = False) -> None:
    """Print lines of evenkeel; colours only where a terminal shows them."""
    stream = sys.stderr if err else sys.stdout
    _write((clean(text) if stream.isatty() else visible_lines(text)).removesuffix("\n") + "\n", err)


def echo_json(text: str) -> None:
    """Print JSON as JSON of the same value."""
    _write(visible_json(text) + "\n", err=False)


def echo_value(value: Any, form: str) -> None:
    """Print mappings, lists, texts and numbers as `json` or `yaml`."""
    if form == "yaml":
        text = _yaml(value, allow_unicode=True)
        echo_lines(text if visible_lines(text) == text else _yaml(value, allow_unicode=False))
        return
    import json

    echo_json(json.dumps(value, indent=2, ensure_ascii=False))


def _yaml(value: Any, *, allow_unicode: bool) -> str:
    import io

    from ruamel.yaml import YAML

    yaml = YAML(typ="rt")
    yaml.width = 120
    yaml.allow_unicode = allow_unicode
    text = io.StringIO()
    yaml.dump(value, text)
    return text.getvalue()


def _write(text: str, err: bool) -> None:
    stream = sys.stderr if err else sys.stdout
    stream.write(text)
    stream.flush()
