"""Progress bars on a terminal, with lines above them: the common part of `steps` and `following`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from evenkeel.templates.style import Style, clean

if TYPE_CHECKING:
    from rich.progress import Progress


@contextmanager
def bars(style: Style, beside: str, *, spins: bool = False) -> Iterator[Progress]:
    """Bars, with the field `beside` of each task behind its bar. `spins`: a spinner stands before each. Descriptions and
    fields are no markup, because names, versions and messages may hold brackets."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, ProgressColumn, SpinnerColumn, Task, TextColumn
    from rich.text import Text

    class Description(ProgressColumn):
        def render(self, task: Task) -> Text:
            return Text(task.description, no_wrap=True, overflow="ellipsis")

    first = SpinnerColumn() if spins else TextColumn(" ")
    field = TextColumn(f"{{task.fields[{beside}]}}", markup=False)
    console = Console(no_color=not style.coloured, highlight=False)
    with Progress(first, Description(), BarColumn(bar_width=30), field, console=console, transient=True) as progress:
        yield progress


def print_above(progress: Progress, line: str) -> None:
    """Print a line above the bars."""
    from rich.text import Text

    progress.console.print(Text.from_ansi(clean(line)), soft_wrap=True)
