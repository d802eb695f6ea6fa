"""Values for programs: JSON, or the same as YAML."""

from __future__ import annotations

from typing import Any

import click


def echo_value(value: Any, form: str) -> None:
    """Print mappings, lists, texts and numbers as `json` or `yaml`."""
    if form == "yaml":
        import io

        from ruamel.yaml import YAML

        yaml = YAML(typ="rt")
        yaml.width = 120
        yaml.allow_unicode = True
        text = io.StringIO()
        yaml.dump(value, text)
        click.echo(text.getvalue(), nl=False)
        return
    import json

    click.echo(json.dumps(value, indent=2, ensure_ascii=False))
