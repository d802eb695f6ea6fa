"""An entry of feedback as one JSON object: the form of `evenkeel events`, of the events file and of standard output."""

from __future__ import annotations

from evenkeel.specs.codec import encode, plain
from evenkeel.specs.feedback import Feedback
from evenkeel.specs.visible import visible_json
from evenkeel.templates.moment import iso_text


def entry_json(entry: Feedback) -> bytes:
    """Without a line break; fields without a value are left out. Its time is ISO 8601, and it is safe to show."""
    return visible_json(encode({**plain(entry), "at": iso_text(entry.at)}).decode()).encode()
