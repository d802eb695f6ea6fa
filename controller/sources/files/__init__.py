"""Specs from files and folders: what an operator, a configuration tool or a mounted volume puts there is what is asked for.

`read_specs` reads everything once; `FileSource` reads it again whenever it changed. What decides is the content, never an
event: a wake-up only means "look", and a look that finds the same bytes costs no parsing and says nothing.

Two things must not happen here. No file that cannot be read, is empty, or lies on a path that is gone may pass for a wish
to have less: each is a problem, and problems leave in force what was. And no change may go unnoticed, however it was saved.
"""

from evenkeel.controller.sources.files.read import SOUGHT, Reading, passed_over, read_specs
from evenkeel.controller.sources.files.watch import FileSource

__all__ = ["SOUGHT", "FileSource", "Reading", "passed_over", "read_specs"]
