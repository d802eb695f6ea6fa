"""The log on standard error, for people or for collectors.

Messages are constant and lower-case; variable parts are in fields (`extra={"fields": {...}}`). The text form puts the
fields behind the message, the JSON form makes one object a line with the message as `event`. If standard error is
systemd's journal, text lines carry the priority that journald understands and no date of their own.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Mapping
from typing import Any, Literal, TextIO

from evenkeel.specs.visible import one_line, visible_json, visible_lines
from evenkeel.templates.moment import iso_text

Form = Literal["text", "json", "journal"]

_PRIORITIES = {logging.DEBUG: 7, logging.INFO: 6, logging.WARNING: 4, logging.ERROR: 3, logging.CRITICAL: 2}


class Lines(logging.Formatter):
    """One line for each record, whatever it holds; a traceback follows on lines of its own."""

    def __init__(self, form: Form) -> None:
        super().__init__()
        self._form = form

    def format(self, record: logging.LogRecord) -> str:
        fields: Mapping[str, Any] = getattr(record, "fields", {})
        if self._form == "json":
            return self._as_json(record, fields)
        shown = " ".join(f"{name}={_quoted(value)}" for name, value in fields.items() if value not in ("", None))
        text = f"{record.levelname.lower():7} {one_line(record.getMessage())}{' ' if shown else ''}{shown}"
        if self._form == "journal":
            text = f"<{_PRIORITIES.get(record.levelno, 6)}>{text[8:]}"
        else:
            text = f"{iso_text(record.created)} {text}"
        if record.exc_info:
            text += "\n" + visible_lines(self.formatException(record.exc_info))
        return text

    def _as_json(self, record: logging.LogRecord, fields: Mapping[str, Any]) -> str:
        found = {
            **{name: value for name, value in fields.items() if value not in ("", None)},
            "at": iso_text(record.created),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            "logger": record.name,
        }
        if record.exc_info:
            found["traceback"] = self.formatException(record.exc_info)
        return visible_json(json.dumps(found, ensure_ascii=False, default=str))


def install(level: str, form: Literal["text", "json"], stream: TextIO | None = None) -> None:
    """Send the log of this process to `stream` (standard error)."""
    out: TextIO = sys.stderr if stream is None else stream
    target = logging.StreamHandler(out)
    target.setFormatter(Lines("journal" if form == "text" and _is_journal(out) else form))
    root = logging.getLogger()
    for old in list(root.handlers):
        root.removeHandler(old)
    root.addHandler(target)
    root.setLevel(logging.WARNING)
    logging.getLogger("evenkeel").setLevel(level.upper())


def silence() -> None:
    """Switch the log off: a command shows its progress in its own way, and errors come back as such."""
    root = logging.getLogger()
    root.addHandler(logging.NullHandler())


def _is_journal(stream: TextIO) -> bool:
    """Whether the stream is the one that `$JOURNAL_STREAM` names (systemd.exec(5)): device and inode."""
    try:
        found = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{found.st_dev}:{found.st_ino}"


def _quoted(value: object) -> str:
    text = one_line(str(value))
    return json.dumps(text, ensure_ascii=False) if not text or set(text) & set(' "=') else text
