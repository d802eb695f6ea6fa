"""`evenkeel completion`: click's own completion, printed so that a shell can read it."""

from __future__ import annotations

import click

from evenkeel.controller.cli.output import echo_lines


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> int:
    """Print the completion script for a shell.

    \b
      bash   evenkeel completion bash > /etc/bash_completion.d/evenkeel
      zsh    evenkeel completion zsh > "${fpath[1]}/_evenkeel"
      fish   evenkeel completion fish > ~/.config/fish/completions/evenkeel.fish
    """
    from click.shell_completion import BashComplete, FishComplete, ShellComplete, ZshComplete

    kinds: dict[str, type[ShellComplete]] = {"bash": BashComplete, "zsh": ZshComplete, "fish": FishComplete}
    template = kinds[shell].source_template
    echo_lines(
        template
        % {"complete_func": "_evenkeel_completion", "complete_var": "_EVENKEEL_COMPLETE", "prog_name": "evenkeel"}
    )
    return 0
