"""The engines themselves: what other tests take for granted about them."""

import re
import socket
import ssl
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.until import until

from .broker import Broker
from .dockerd import Dockerd
from .images import Image, build, hello, sleeper, standard, web
from .registry import Registry


def test_images_are_deterministic() -> None:
    again = build("big:1", ["/bin/sleeper"], size=1000)
    assert again == build("big:1", ["/bin/sleeper"], size=1000)
    assert again.digest == build("big:1", ["/bin/sleeper"], size=1000).digest
    assert sleeper("1").id != sleeper("2").id


def test_all_standard_images_are_there(clean_dockerd: Dockerd) -> None:
    assert set(standard()) <= clean_dockerd.images()
    for name, image in standard().items():
        assert clean_dockerd.api("GET", f"/images/{name}/json")[1]["Id"] == image.id


def test_an_image_goes_by_any_name(clean_dockerd: Dockerd) -> None:
    names = ("docker.io/library/hello-world:latest", "ghcr.io/eclipse/kuksa.val/databroker:0.3.0")
    clean_dockerd.load(hello(), *names)
    assert {"hello-world:latest", "ghcr.io/eclipse/kuksa.val/databroker:0.3.0"} <= clean_dockerd.images()
    clean_dockerd.run("hello", names[0])
    assert _ended(clean_dockerd, "hello")["ExitCode"] == 0


@pytest.mark.parametrize(("image", "slow"), [("sleeper:1", False), ("web:1", False), ("stubborn:1", True)])
def test_how_an_image_takes_a_sigterm(clean_dockerd: Dockerd, image: str, slow: bool) -> None:
    clean_dockerd.run("it", image)
    clean_dockerd.wait_for_trap("it", ignores=slow)
    assert clean_dockerd.containers() == {"it": "running"}
    clean_dockerd.api("POST", "/containers/it/stop", t=1 if slow else 50)
    assert clean_dockerd.inspect("it")["State"]["ExitCode"] == (137 if slow else 0)


def test_crasher_crashes(clean_dockerd: Dockerd) -> None:
    clean_dockerd.run("it", "crasher:1")
    assert _ended(clean_dockerd, "it")["ExitCode"] == 1


def test_web_is_published_and_answers_its_version(clean_dockerd: Dockerd) -> None:
    ports = {"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": ""}]}
    clean_dockerd.run("web", "web:2", host={"PortBindings": ports})
    clean_dockerd.run("sick", "sick:1", host={"PortBindings": ports})
    web_port, sick_port = (
        clean_dockerd.inspect(name)["NetworkSettings"]["Ports"]["80/tcp"][0]["HostPort"] for name in ("web", "sick")
    )
    assert _get(f"http://127.0.0.1:{web_port}/") == "2"
    assert _get(f"http://127.0.0.1:{web_port}/health") == "ok"
    assert _get(f"http://127.0.0.1:{sick_port}/") == "sick"
    with pytest.raises(urllib.error.HTTPError, match="404"):
        _get(f"http://127.0.0.1:{sick_port}/health")


def test_containers_of_one_network_find_each_other_by_name(clean_dockerd: Dockerd) -> None:
    clean_dockerd.api("POST", "/networks/create", {"Name": "ours"})
    clean_dockerd.run("web", "web:1", host={"NetworkMode": "ours"})
    ask = "for i in $(seq 200); do wget -qO- http://web/ && exit 0; sleep 0.2; done; exit 1"
    clean_dockerd.run("asks", "sleeper:1", host={"NetworkMode": "ours"}, Cmd=["sh", "-c", ask])
    assert _ended(clean_dockerd, "asks")["ExitCode"] == 0


def test_the_engine_comes_back_after_a_restart_and_after_a_crash(clean_dockerd: Dockerd) -> None:
    clean_dockerd.run("keeps", "sleeper:1", host={"RestartPolicy": {"Name": "always"}})
    clean_dockerd.run("stays", "sleeper:1")
    clean_dockerd.restart()
    until(lambda: clean_dockerd.containers() == {"keeps": "running", "stays": "exited"})
    clean_dockerd.kill()
    assert not clean_dockerd.is_up()
    clean_dockerd.start()
    until(lambda: clean_dockerd.containers() == {"keeps": "running", "stays": "exited"})


def test_the_engine_touches_no_firewall_chains_and_leaves_nothing(dockerd: Dockerd) -> None:
    before = _firewall()
    other = Dockerd(Path(tempfile.mkdtemp(prefix="ek-dockerd-")))
    try:
        other.start()
        other.load(sleeper("1"))
        other.run("left", "sleeper:1", host={"RestartPolicy": {"Name": "always"}})
        assert dockerd.is_up()
        assert _firewall() == before
        _mounted_while_it_is_stopped_is_seen_by_the_next(other)
        other.kill()
    finally:
        other.close()
    assert not other.folder.exists()
    assert _left_of(other) == []
    assert _firewall() == before
    assert str(other.folder) not in Path("/proc/mounts").read_text()


def _mounted_while_it_is_stopped_is_seen_by_the_next(engine: Dockerd) -> None:
    """As what dockerd still starts while it stops. Only the first stop of an engine is able to hide it."""
    engine.run("gone", "sleeper:1")
    files = engine.inspect("gone")["GraphDriver"]["Data"]["MergedDir"]
    engine.stop()
    Path(files).mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "late", files], check=True)
    engine.start()
    assert engine.api("DELETE", "/containers/gone", force=True) == (204, None)


def test_pull_needs_the_password(clean_dockerd: Dockerd, registry: Registry) -> None:
    digest = registry.push("team/sleeper", "1", sleeper("1", "pulled"))
    reference = registry.reference("team/sleeper", "1")
    assert _pull(clean_dockerd, reference, registry.auth("wrong"))[0] == 500
    status, lines = _pull(clean_dockerd, reference, registry.auth())
    assert (status, "error" in lines[-1]) == (200, False)
    found = clean_dockerd.api("GET", f"/images/{reference}/json")[1]
    # The engine may know the same content by other names: an engine of more than one test, a registry of all.
    assert f"{registry.host}/team/sleeper@{digest}" in found["RepoDigests"]
    assert found["Id"] == sleeper("1").id


def test_pull_of_a_big_image_reports_bytes(clean_dockerd: Dockerd, registry: Registry) -> None:
    registry.push("large", "1", build("large", ["/bin/true"], size=5_000_000))
    _, lines = _pull(clean_dockerd, registry.reference("large", "1"), registry.auth())
    totals = {line["progressDetail"]["total"] for line in lines if line["status"] == "Downloading"}
    assert max(totals) > 5_000_000


def test_a_registry_may_go_and_come_back(clean_dockerd: Dockerd, registry: Registry) -> None:
    registry.push("web", "1")
    reference = registry.reference("web", "1")
    registry.stop()
    assert "connection refused" in _pull(clean_dockerd, reference, registry.auth())[1]["message"]
    registry.start()
    assert _pull(clean_dockerd, reference, registry.auth())[0] == 200


def test_the_registry_has_a_certificate_that_only_its_ca_vouches_for(registry: Registry) -> None:
    with pytest.raises(urllib.error.URLError, match="CERTIFICATE_VERIFY_FAILED"):
        urllib.request.urlopen(f"https://{registry.host}/v2/", context=ssl.create_default_context()).close()
    trusting = ssl.create_default_context(cafile=str(registry.ca))
    with pytest.raises(urllib.error.HTTPError, match="401"):
        urllib.request.urlopen(f"https://{registry.host}/v2/", context=trusting).close()


def test_broker_is_stopped_killed_and_found_again(mosquitto: Callable[..., Broker]) -> None:
    broker = mosquitto(persistent=True)
    _publish(broker, "kept")
    broker.restart()
    assert _retained(broker) == "kept"
    broker.kill()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", broker.port))
    broker.start()
    assert _retained(broker) == "kept"


def test_two_images_of_one_name_differ() -> None:
    assert isinstance(web("1"), Image)
    assert web("1").digest != web("2").digest


# --------------------------------------------------------------------------------------------------------------------


def _ended(dockerd: Dockerd, name: str) -> Any:
    assert dockerd.api("POST", f"/containers/{name}/wait")[0] == 200
    return dockerd.inspect(name)["State"]


def _pull(dockerd: Dockerd, reference: str, auth: str) -> tuple[int, Any]:
    return dockerd.api("POST", "/images/create", fromImage=reference, headers={"X-Registry-Auth": auth})


def _get(url: str) -> str:
    deadline = time.monotonic() + 60
    while True:
        try:
            with urllib.request.urlopen(url, timeout=30) as answer:
                return str(answer.read().decode())
        except urllib.error.HTTPError:
            raise
        except OSError:  # httpd is not yet there
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def _publish(broker: Broker, text: str) -> None:
    subprocess.run(["mosquitto_pub", "-p", str(broker.port), "-t", "t", "-r", "-m", text], check=True, timeout=60)


def _retained(broker: Broker) -> str:
    command = ["mosquitto_sub", "-p", str(broker.port), "-t", "t", "-C", "1", "-W", "60"]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=90).stdout.strip()


def _firewall() -> list[str]:
    """The rules of this machine without the one that each engine of tests adds: engines of other workers come and go."""
    rules = subprocess.run(["iptables-save"], capture_output=True, text=True, check=True).stdout
    passing = re.compile(r"-A FORWARD -s (10\.\d+\.0\.0/16) -d \1 -j ACCEPT")
    return [rule for rule in rules.splitlines() if rule.startswith("-A ") and not passing.fullmatch(rule)]


def _left_of(engine: Dockerd) -> list[str]:
    """Links, addresses and firewall rules with an engine's bridge or network."""
    asked = (["ip", "-o", "link"], ["ip", "-o", "address"], ["iptables-save"])
    lines = [line for each in asked for line in subprocess.check_output(each, text=True).splitlines()]
    return [line for line in lines if re.search(rf"\b({engine.bridge}|{re.escape(engine.net)}\.\d+\.\d+)\b", line)]
