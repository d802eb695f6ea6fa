"""For how long a process is up, without the time of day."""

from __future__ import annotations

import os
import subprocess
import time

from evenkeel.controller.drivers.containers.docker.uptime import Uptimes


def test_the_kernel_tells_when_a_process_was_started() -> None:
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as younger:
        uptimes = Uptimes()
        mine, its = uptimes.look("", os.getpid(), 0.0), uptimes.look("", younger.pid, 0.0)
        assert mine >= its >= 0.0
        assert mine <= time.clock_gettime(time.CLOCK_BOOTTIME)
        younger.communicate()


def test_a_process_of_another_namespace_counts_from_the_first_look_at_its_start() -> None:
    """The number may belong to another process here; the container's id is not in that one's group."""
    uptimes = Uptimes()
    assert uptimes.look("no-such-container", os.getpid(), 5.0) == 0.0
    later = uptimes.look("no-such-container", os.getpid(), 5.0)
    assert later == uptimes.known_s("no-such-container") >= 0.0
    assert uptimes.look("no-such-container", os.getpid(), 6.0) == 0.0, "another start"


def test_without_a_process_it_is_not_up() -> None:
    assert Uptimes().look("gone", 0, 5.0) == 0.0


def test_what_is_gone_is_forgotten() -> None:
    uptimes = Uptimes()
    uptimes.look("no-such-container", os.getpid(), 5.0)
    uptimes.forget_all_but([])
    assert uptimes.look("no-such-container", os.getpid(), 5.0) == 0.0
