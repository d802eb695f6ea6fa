"""`evenkeel compat sdv-kanto-ctl`: the command of Leda that edits Kanto's config.json, with its grammar and its words.

The file is replaced as a whole, for its owner alone, and never when it cannot be read as JSON. No secret is printed, and none
is left in a temporary file. The container-management is restarted only after a change, and not with `--no-reload`.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from evenkeel.controller.cli.output import echo, echo_json, echo_lines

if TYPE_CHECKING:
    from pathlib import Path

    from evenkeel.specs.kanto.ctl import Line

FILE_VARIABLE = "EVENKEEL_KANTO_CONFIG"
"""The environment variable that names another file."""
_UNIT = "container-management"
_NOT_FOUND = 5
"""The exit code of `systemctl` for a unit that is not there."""
_MOST_SECRET = 64 * 1024
_SAID = {
    "add-registry": "Adding container registry {hostname}",
    "remove-registry": "Removing container registry {hostname}",
    "remove-all-registries": "Removing all configured container registries",
    "set-value": "Setting configuration {key} to {value}",
    "add-entry": "Adding {value} to configuration {key}",
    "remove-entry": "Removing {value} from configuration {key}",
}
_OURS = {
    "add-registry": "`evenkeel registry add {hostname} --user {username}` asks for the password, and no other program sees it",
    "remove-registry": "`evenkeel registry remove {hostname}` does this for evenkeel",
    "remove-all-registries": "`evenkeel registry remove HOST` does this for evenkeel",
    "list-registries": "`evenkeel registry list` shows those that evenkeel is asked for",
    "show-config": "`evenkeel settings` shows the settings of evenkeel",
    "set-value": "`evenkeel migrate` makes settings of evenkeel from this file",
    "add-entry": "`evenkeel registry add HOST --insecure` does this for evenkeel",
    "remove-entry": "`evenkeel registry add HOST` and `remove` do this for evenkeel",
}


@click.command(
    "sdv-kanto-ctl",
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False, "help_option_names": []},
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def sdv_kanto_ctl(arguments: tuple[str, ...]) -> int:
    """Edit Kanto's config.json as Leda's sdv-kanto-ctl does.

    \b
      sdv-kanto-ctl [options] add-registry -h HOST -u USER -p PASSWORD   (`-p -` reads it from standard input)
      sdv-kanto-ctl [options] remove-registry -h HOST
      sdv-kanto-ctl [options] remove-all-registries | list-registries | show-config
      sdv-kanto-ctl [options] set-value | add-entry | remove-entry KEY VALUE

    Options, before or after the command: --no-reload (-r) restarts nothing, --verbose (-v), --ansi, --help. `-h` is the host.
    KEY is a path with dots; a part that has dots stands in quotes, as `containers.registry_configurations["ghcr.io"]`.
    The file is /etc/container-management/config.json, or the one in $EVENKEEL_KANTO_CONFIG.

    Exit code: 0; 1 for what is not in the grammar, for a file that is no JSON, and when the restart fails.
    """
    from evenkeel.specs.kanto.ctl import COMMANDS, UsageError, read_line, said_values

    try:
        line = read_line(arguments)
    except UsageError as error:
        echo(str(error), err=True)
        if error.usage:
            echo(f"Usage: sdv-kanto-ctl {error.usage} {COMMANDS[error.usage]}".rstrip(), err=True)
        return 1
    if not line.command or line.help:
        _say_help(line.command)
        return 0
    try:
        echo(f"Note: {_OURS[line.command].format(**said_values(line))}", err=True)
        return _carry_out(line)
    except ValueError as error:
        echo(f"Error: {error}", err=True)
        return 1


def _carry_out(line: Line) -> int:
    from pathlib import Path

    from evenkeel.specs.kanto.ctl import hosts_in
    from evenkeel.specs.kanto.registries import CONFIG_JSON

    file = Path(os.environ.get(FILE_VARIABLE) or CONFIG_JSON)
    text = _read(file)
    if line.verbose:
        echo(f"{file}: {len(text)} characters", err=True)
    if line.command == "list-registries":
        import json

        for host in hosts_in(text or "{}"):
            echo_json(json.dumps(host, ensure_ascii=False))
        return 0
    if line.command == "show-config":
        _print_part(text or "{}", line)
        return 0
    return _change(file, text, line)


def _change(file: Path, text: str, line: Line) -> int:
    from evenkeel.controller.process.replacing import replace_private
    from evenkeel.specs.kanto.ctl import changed_text, said_values
    from evenkeel.specs.registries.login import user_fault

    if line.values.get("password") == "-":
        line = line._replace(values={**line.values, "password": _from_stdin()})
        text = _read(file)  # others may have changed it while the password was waited for
    adds = line.command == "add-registry"
    _check_host(line.values.get("hostname", ""), adds=adds)
    if adds and (fault := user_fault(line.values.get("username", ""))):
        raise ValueError(f"-u: {fault}")
    echo(_SAID[line.command].format(**said_values(line)))
    after = changed_text(text, line)
    if after == text or (not text.strip() and after == changed_text("", line._replace(command=""))):
        echo("No difference to existing configuration.")
        return 0
    try:
        replace_private(file, after.encode())
    except OSError as error:
        remedy = "; run it as root, or as its owner" if isinstance(error, PermissionError) else ""
        raise ValueError(f"{file} cannot be written: {error.strerror}{remedy}; nothing is restarted") from None
    _print_part(after, line)
    return 0 if line.no_reload else _restart()


def _read(file: Path) -> str:
    """The text of the file, "" when it is not there. ValueError when it is no JSON object, and so stays as it is."""
    import json

    from evenkeel.controller.process.bounded import read_bounded

    try:
        text = read_bounded(file).decode()
        if text.strip() and not isinstance(json.loads(text), dict):
            raise ValueError("expected an object")
    except FileNotFoundError:
        return ""
    except (ValueError, RecursionError):
        raise ValueError(f"{file} is no JSON object, and stays as it is; nothing is restarted") from None
    return text


def _print_part(text: str, line: Line) -> None:
    import json

    from evenkeel.specs.kanto.ctl import shown_part

    echo_json(json.dumps(shown_part(text, line), indent=2, ensure_ascii=False))


def _check_host(host: str, *, adds: bool) -> None:
    """ValueError for a host that cannot be added. Anything can be removed that is in the file."""
    from evenkeel.specs.registries.registry import normal_place

    if adds and ("/" in host or "@" in host or any(letter.isspace() for letter in host)):
        raise ValueError("expected the host of a registry, with its port, and without a scheme, a user and a path")
    try:
        is_hub = bool(host) and normal_place(host) == "docker.io"
    except ValueError:
        is_hub = False
    if adds and is_hub:
        echo(f"Note: Kanto asks {host} itself, which has no images; evenkeel knows Docker Hub as docker.io", err=True)


def _from_stdin() -> str:
    import sys

    found = sys.stdin.buffer.read(_MOST_SECRET + 1).decode().removesuffix("\n").removesuffix("\r")
    if not found or len(found) > _MOST_SECRET or "\n" in found:
        raise ValueError("expected a password in one line on standard input")
    return found


def _restart() -> int:
    """Restart the container-management; the exit code. On a device without it evenkeel reads the file by itself."""
    import subprocess

    echo("Restarting Kanto Container-Management to apply changes...")
    try:
        done = subprocess.run(["systemctl", "restart", _UNIT], stdin=subprocess.DEVNULL, check=False)
    except OSError as error:
        echo(
            f"Error: it is not restarted, systemctl cannot be run: {error.strerror}; --no-reload does without", err=True
        )
        return 1
    if done.returncode == _NOT_FOUND:
        echo("Note: it is not on this device; evenkeel reads the file where `registries.kanto` names it", err=True)
        return 0
    if done.returncode:
        echo(f"Error: it is not restarted: systemctl ended with {done.returncode}; the file has changed", err=True)
    return int(done.returncode != 0)


def _say_help(command: str) -> None:
    from evenkeel.specs.kanto.ctl import COMMANDS

    if command:
        echo(f"Usage: sdv-kanto-ctl {command} {COMMANDS[command]}".rstrip())
        return
    lines = [f"  {name} {arguments}".rstrip() for name, arguments in COMMANDS.items()]
    options = ["  --no-reload | -r", "  --verbose | -v", "  --ansi", "  --help"]
    head = "Usage: sdv-kanto-ctl [options] <command> [command options]"
    echo_lines("\n".join([head, "", "Commands:", *lines, "", "Options:", *options]))
