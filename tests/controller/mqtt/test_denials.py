"""When a topic that the broker refuses is tried again."""

from __future__ import annotations

from evenkeel.controller.mqtt.denials import Denials, may_pass


def test_a_topic_is_tried_again_after_times_that_double_up_to_a_minute() -> None:
    denials, now, waits = Denials(), 100.0, []
    assert denials.due_in_s(now) is None
    for number in range(9):
        assert denials.add("t", "not authorized", now) is (number == 0)
        assert denials.waiting(now) == ("t",)
        wait_s = denials.due_in_s(now)
        assert wait_s is not None
        waits.append(wait_s)
        now += wait_s
        assert denials.waiting(now) == ()
        assert denials.due_in_s(now) is None, "nothing wakes a sender that has nothing to send"
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert denials.why == "t: not authorized, and what is to be said there waits"
    assert denials.over("t")
    assert not denials.over("t")
    assert denials.why == ""


def test_another_connection_is_tried_at_once_and_topics_wait_for_themselves() -> None:
    denials = Denials()
    denials.add("a", "not authorized", 0.0)
    denials.add("b", "quota exceeded", 0.5)
    assert denials.waiting(1.2) == ("b",)
    denials.try_now()
    assert denials.waiting(0.6) == ()
    denials.add("b", "quota exceeded", 0.6)
    assert denials.due_in_s(0.6) == 2.0


def test_only_what_another_try_does_not_change_is_given_up() -> None:
    assert may_pass("the message was refused: not authorized")
    assert may_pass("the message was refused: unspecified error")
    assert not may_pass("the message was refused: Payload format invalid")
