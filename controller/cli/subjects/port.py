"""The port of the commands `get` and `describe` to the module of a domain."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from evenkeel.controller.journal.journal import Journal
    from evenkeel.specs.errors import EvenkeelError
    from evenkeel.specs.settings.settings import Settings
    from evenkeel.templates.describe_text import Described
    from evenkeel.templates.tables import Colour


class Listing(NamedTuple):
    """All subjects of a kind: as a table for people, and the same as `items` for programs. `kind` is that of the whole
    list; `engine`: what was looked at, in words, "" for the journal alone."""

    kind: str
    engine: str
    columns: tuple[str, ...]
    rows: tuple[list[str], ...]
    items: tuple[dict[str, Any], ...]
    colour: Colour


class Description(NamedTuple):
    """All about one subject. `away`: why the engine could not be asked; nothing was seen then, and nothing follows from
    that."""

    described: Described
    away: EvenkeelError | None = None


class Listed(Protocol):
    """A kind of things that can be listed; the modules beside this one implement it."""

    async def listing(self, settings: Settings, journal: Journal, now: float, *, wide: bool) -> Listing:
        """All that is there, of any origin. `now`: seconds since the epoch. Raises Unavailable, TimedOut, Refused."""
        ...


class Subjects(Listed, Protocol):
    """A kind of subjects, each of which can be described, too."""

    async def description(self, settings: Settings, journal: Journal, name: str, *, show_values: bool) -> Description:
        """All about the subject of this name. `show_values`: with what is hidden, for a terminal only. Raises
        EvenkeelError when nobody asks for it, nothing is there, and no entry is about it."""
        ...
