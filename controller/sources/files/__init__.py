"""Specs from files and folders, written by an operator, a configuration tool or a mounted volume.

`read_specs` reads everything once; `FileSource` reads it again whenever it changed. The content decides, never an
event: a wake-up only means "look", and a look that finds the same bytes costs no parsing and reports nothing.

A file that cannot be read, is empty, or lies on a path that is gone must not pass for the wish to have less: each is a
problem, and problems leave the state in force as it is. And every change has to be noticed, however it was saved.
"""

from evenkeel.controller.sources.files.read import Reading, is_parsed, name_among, no_document, read_specs
from evenkeel.controller.sources.files.watch import FileSource

__all__ = ["FileSource", "Reading", "is_parsed", "name_among", "no_document", "read_specs"]
