"""The question before a command changes something."""

from __future__ import annotations

import sys

import click

from evenkeel.controller.cli.output import echo


def consents(*, err: bool = False) -> bool:
    """Whether the user agrees. `err`: standard output is for a program, and the question is on standard error."""
    if not sys.stdin.isatty():
        echo("error: nobody can be asked here; --yes does it without asking", err=True)
        return False
    if click.confirm("Do it?", err=err):
        return True
    echo("Nothing was done.", err=err)
    return False
