"""The topics that a link hears, and which of these subscriptions the broker has accepted."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from evenkeel.controller.mqtt.session import check_topic


class Subscriptions:
    """Those of one link, through all its connections. `topics`: all that are wanted, as the keys, in order. `refused`: those
    that the broker has refused, and not accepted since."""

    def __init__(self) -> None:
        self.topics: dict[str, None] = {}
        self.refused: dict[str, None] = {}
        self._in_force: set[str] = set()

    def want(self, topics: Iterable[str]) -> None:
        """Hear more topics. ValueError for one to which nobody can subscribe."""
        topics = tuple(topics)
        for topic in topics:
            check_topic(topic, wildcards=True)
        self.topics.update(dict.fromkeys(topics))

    def forget(self) -> None:
        """The broker has begun a new session: nothing is in force."""
        self._in_force.clear()

    def missing(self) -> list[str]:
        """What is not known to be in force: after a start everything, because the session may be of other days."""
        return [topic for topic in self.topics if topic not in self._in_force]

    def answered(self, answers: Sequence[tuple[str, bool]]) -> list[str]:
        """The broker's answers: topics, and whether it refuses them. The topics whose refusal is new."""
        news = []
        for topic, is_refused in answers:
            if not is_refused:
                self._in_force.add(topic)
                self.refused.pop(topic, None)
            elif topic not in self.refused:
                self.refused[topic] = None
                news.append(topic)
        return news
