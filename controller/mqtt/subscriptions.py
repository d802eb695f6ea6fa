"""The topics of a link, with the subscriptions that the broker has accepted."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from evenkeel.controller.mqtt.session import check_topic


class Subscriptions:
    """The subscriptions of one link, through all its connections. `topics`: all that are wanted, as the keys, in order.
    `refused`: those that the broker has refused, and not accepted since."""

    def __init__(self) -> None:
        self.topics: dict[str, None] = {}
        self.refused: dict[str, None] = {}
        self._in_force: set[str] = set()

    def want(self, topics: Iterable[str]) -> None:
        """Add topics. ValueError for a topic that cannot be subscribed to."""
        topics = tuple(topics)
        for topic in topics:
            check_topic(topic, wildcards=True)
        self.topics.update(dict.fromkeys(topics))

    def forget(self) -> None:
        """The broker has begun a new session: nothing is in force."""
        self._in_force.clear()

    def missing(self) -> list[str]:
        """The topics that are not known to be in force: after a start all of them, because the session may be an old
        one."""
        return [topic for topic in self.topics if topic not in self._in_force]

    def answered(self, answers: Sequence[tuple[str, bool]]) -> list[str]:
        """Take in the broker's answers: topics, and whether it refuses them. Returns the topics whose refusal is
        new."""
        news = []
        for topic, is_refused in answers:
            if not is_refused:
                self._in_force.add(topic)
                self.refused.pop(topic, None)
            elif topic not in self.refused:
                self.refused[topic] = None
                news.append(topic)
        return news
