"""What a plan says of volumes, for people and for programs."""

from __future__ import annotations

from evenkeel.specs.containers.difference import ContainerDifference, Verb, VolumeFate
from evenkeel.specs.containers.observed import ContainerSeen, ContainersSeen
from evenkeel.specs.plan import Plan
from evenkeel.templates.containers_described import ContainerOwn, Instance
from evenkeel.templates.describe_text import Described, describe_lines, describe_value
from evenkeel.templates.plan_json import plan_value
from evenkeel.templates.plan_text import plan_lines
from evenkeel.templates.planned import planned

CARRIED = (VolumeFate("/data", "one", "carried"), VolumeFate("/logs", "two", "carried"))
SEEN = ContainersSeen("none")


def planning(verb: Verb, *volumes: VolumeFate) -> Plan:
    return Plan("containers", (ContainerDifference("db", verb, "for a reason", volumes=volumes),))


def text(plan: Plan) -> str:
    return " ".join(line.strip() for line in plan_lines([planned(plan, SEEN)], 100)[1:-1])


def test_what_is_carried_over_is_one_short_line() -> None:
    assert text(planning("recreate", *CARRIED)).endswith("data at /data, /logs carried over")


def test_what_stays_is_named_with_the_way_to_remove_it() -> None:
    told = text(planning("remove", VolumeFate("/data", "evenkeel_db_data-1", "left")))
    assert "data at /data stay in volume evenkeel_db_data-1 (docker volume rm evenkeel_db_data-1 deletes them)" in told


def test_what_goes_is_told() -> None:
    told = text(planning("recreate", CARRIED[0], VolumeFate("/tmp", "x", "removed")))
    assert "data at /data carried over data at /tmp deleted (imageVolumes: discard)" in told


def test_an_image_cannot_write_lines_into_a_plan() -> None:
    assert len(plan_lines([planned(planning("recreate", VolumeFate("/a\n- db", "x", "carried")), SEEN)])) == 4


def test_programs_are_told_of_each_volume() -> None:
    (subject,) = plan_value([planned(planning("recreate", *CARRIED), SEEN)])["subjects"]
    assert subject["volumes"] == [
        {"place": "/data", "volume": "one", "fate": "carried"},
        {"place": "/logs", "volume": "two", "fate": "carried"},
    ]


def test_where_the_data_of_an_instance_are_is_described() -> None:
    seen = ContainerSeen(
        "c", "db", "db", "", "running", volumes=(("/data", "one"),), other_volumes=(("/tapes", "0f6f10"),)
    )
    described = Described(
        "container", "db", "evenkeel", ContainerOwn("db", (Instance(seen, proven=True),), is_judged=True)
    )
    told = [line.split() for line in describe_lines(described, 0.0)]
    assert [line for line in told if line[:1] == ["volume"]] == [
        ["volume", "one", "at", "/data"],
        ["volume", "0f6f10", "at", "/tapes"],
    ]
    (instance,) = describe_value(described)["instances"]
    assert [each["volume"] for each in instance["volumes"]] == ["one", "0f6f10"]
