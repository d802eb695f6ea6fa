"""What the journal remembers of containers, because no look can tell it."""

from __future__ import annotations

from msgspec import Struct


class History(Struct, frozen=True):
    """What the journal remembers and planning needs.

    `proven` maps ids of instances whose health was proven to what the proof holds for (`container.proof_name`): another
    network check needs another proof, and so do volumes that are to be kept from now on. `stopped`: ids that evenkeel
    itself stopped and has not started since, so that an ended process is told from an interrupted switch. `watched`: ids
    whose proof was begun and has not come to a verdict, so that one that ended meanwhile may have been ended with its
    engine or its device. `switch_s`: for how many seconds a subject was away when it was last switched. `rejected` maps ids
    of images that were pushed again under a tag in force, and failed, to the reason. `made` numbers instances in the order
    in which evenkeel created them; one without a number is the youngest, because its creation was interrupted. Dates do not
    tell the order, because clocks are set. `stop_s`: how many seconds a subject that is wanted no more was last to be given
    to end; `discards`: such subjects that were last asked for with `imageVolumes: discard`. `ends` maps ids of instances to
    what names the newest end that was seen (`observed.end_of`) and its exit code, which does not show any more once they
    were started again. `adopted` maps ids of instances that count as evenkeel's own, although it did not create them, to
    their subjects.
    """

    proven: dict[str, str] = {}
    stopped: tuple[str, ...] = ()
    watched: tuple[str, ...] = ()
    switch_s: dict[str, float] = {}
    rejected: dict[str, str] = {}
    made: dict[str, int] = {}
    stop_s: dict[str, float] = {}
    discards: tuple[str, ...] = ()
    ends: dict[str, tuple[str, int]] = {}
    adopted: dict[str, str] = {}
