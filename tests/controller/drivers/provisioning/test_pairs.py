"""The pairs in a folder: which are there, which is in force, and what becomes of files that others have written there."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from evenkeel.controller.drivers.provisioning.certificates import Certificates
from evenkeel.controller.drivers.provisioning.inspected import Inspections
from evenkeel.controller.drivers.provisioning.pairs import PairsLook, PairStore
from evenkeel.controller.drivers.provisioning.ports import Pair
from evenkeel.specs.errors import Refused
from evenkeel.specs.provisioning.pair import PairSeen, Subject

from .killing import killed_after
from .openssl import DAY_S, DEVICE, NOW_S, run

MAKER = Certificates()


class Bench:
    """A store, pairs for it, and other people's hands and eyes."""

    def __init__(self, folder: Path, pairs: list[Pair]) -> None:
        self.folder, self.pairs = folder, pairs
        self.ids = [MAKER.inspect(each).sha256 for each in pairs]
        self.inspected = 0
        self.restart()

    def restart(self) -> PairStore:
        """A new process."""
        self.store = PairStore(self.folder, Inspections(self._inspect))
        return self.store

    def _inspect(self, pair: Pair) -> PairSeen:
        self.inspected += 1
        return MAKER.inspect(pair)

    def has(self, *numbers: int, current: int | None = None, second: int | None = None) -> None:
        """These pairs are stored; those of the places are in force."""
        for number in numbers:
            self.store.add(self.pairs[number])
        if current is not None:
            self.store.switch("current", self.ids[current])
        if second is not None:
            self.store.switch("second", self.ids[second])

    def put(self, pair: Pair, name: str = "device") -> None:
        """Plain files, in the place of what is there."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for suffix, content in (("crt", pair.certificate), ("key", pair.key)):
            path = self.folder / f"{name}.{suffix}"
            path.unlink(missing_ok=True)
            path.write_bytes(content)
            path.chmod(0o600)

    def read(self, name: str = "device") -> Pair:
        """Both files, as any program reads them."""
        found = []
        for suffix in ("crt", "key"):
            path = self.folder / f"{name}.{suffix}"
            found.append(path.read_bytes() if path.exists() else b"")
        return Pair(*found)

    def stored(self) -> list[Pair]:
        """The pairs in folders of their own."""
        folders = [path for path in self.folder.glob("pairs/*") if len(list(path.iterdir())) == 2]
        return [Pair((each / "device.crt").read_bytes(), (each / "device.key").read_bytes()) for each in folders]

    def tree(self) -> dict[str, str]:
        """All that is there: modes, and where links lead."""
        found = {}
        for path in sorted(self.folder.rglob("*")):
            name = str(path.relative_to(self.folder))
            found[name] = f"→ {path.readlink()}" if path.is_symlink() else f"{path.stat().st_mode & 0o7777:04o}"
        return found


@pytest.fixture(scope="module")
def pairs() -> list[Pair]:
    subject = Subject(DEVICE, NOW_S, NOW_S + DAY_S)
    return [MAKER.self_signed("ec-p256", subject) for _ in range(3)]


@pytest.fixture
def it(tmp_path: Path, pairs: list[Pair]) -> Bench:
    return Bench(tmp_path / "data" / "certificates", pairs)


def test_a_folder_that_is_not_there_has_nothing(it: Bench) -> None:
    assert it.store.look() == PairsLook({})
    assert not it.folder.exists()


def test_all_files_lie_where_others_read_them_and_are_closed(it: Bench) -> None:
    it.has(0, 1, current=0, second=1)
    one, two = (each[:16] for each in it.ids[:2])
    assert it.tree() == {
        "current": f"→ pairs/{one}",
        "device.crt": "→ current/device.crt",
        "device.key": "→ current/device.key",
        "device2.crt": "→ second/device.crt",
        "device2.key": "→ second/device.key",
        "second": f"→ pairs/{two}",
        "pairs": "0700",
        **{f"pairs/{each}": "0700" for each in (one, two)},
        **{f"pairs/{each}/device.crt": "0644" for each in (one, two)},
        **{f"pairs/{each}/device.key": "0600" for each in (one, two)},
    }
    assert (it.read(), it.read("device2")) == (it.pairs[0], it.pairs[1])
    look = it.restart().look()
    assert (look.current, look.second, look.next, look.plain) == (it.ids[0], it.ids[1], "", ())
    assert {key: seen.sha256 for key, seen in look.pairs.items()} == {each: each for each in it.ids[:2]}


def test_the_thumbprint_of_a_folder_is_that_of_openssl(it: Bench) -> None:
    it.has(0, current=0)
    words = run("x509", "-noout", "-fingerprint", "-sha256", "-in", it.folder / "device.crt")
    assert it.store.look().current == words.strip().partition("=")[2].replace(":", "")


def test_a_rollover_ends_with_the_new_pair_alone(it: Bench) -> None:
    it.has(0, 1, current=0)
    it.store.switch("next", it.ids[1])
    assert (it.store.look().next, it.read()) == (it.ids[1], it.pairs[0])
    it.store.switch("current", it.ids[1])
    it.store.clear("next")
    it.store.drop(it.ids[0])
    it.store.drop(it.ids[0])
    look = it.restart().look()
    assert (list(look.pairs), look.current, look.next, look.leftovers) == ([it.ids[1]], it.ids[1], "", ())
    assert it.read() == it.pairs[1]


def test_no_second_pair_leaves_no_name_of_it(it: Bench) -> None:
    it.has(0, 1, current=0, second=1)
    it.store.clear("second")
    assert not {"second", "device2.crt", "device2.key"} & set(it.tree())
    assert it.ids[1] in it.store.look().pairs


def test_a_pair_in_use_stays(it: Bench) -> None:
    it.has(0, current=0, second=0)
    with pytest.raises(ValueError, match="it is the current and the second one"):
        it.store.drop(it.ids[0])
    with pytest.raises(ValueError, match="and not be cleared"):
        it.store.clear("current")
    assert it.read() == it.pairs[0]


def test_a_pair_with_a_fault_is_not_stored_nor_switched_to(it: Bench) -> None:
    mixed = Pair(it.pairs[0].certificate, it.pairs[1].key)
    with pytest.raises(ValueError, match="the key is not that of the certificate"):
        it.store.add(mixed)
    it.put(mixed)
    identity = it.store.take_in("current")
    with pytest.raises(ValueError, match="the key is not that of the certificate"):
        it.store.switch("second", identity)
    with pytest.raises(Refused, match="there is no pair"):
        it.store.switch("current", it.ids[2])
    assert it.read() == mixed


def test_looking_again_inspects_nothing_again(it: Bench) -> None:
    it.has(0, 1, current=0, second=1)
    it.restart().look()
    begun = it.inspected
    assert it.store.look() == it.store.look()
    assert it.inspected == begun
    it.put(it.pairs[2])
    assert it.store.look().current == it.ids[2]
    assert it.store.add(it.pairs[2]) == it.ids[2]
    assert it.inspected == begun + 1


def test_the_same_certificate_with_another_chain_takes_its_place(it: Bench) -> None:
    it.has(0, current=0)
    longer = Pair(b"# of the device\n" + it.pairs[0].certificate, it.pairs[0].key)
    assert it.store.add(longer) == it.ids[0]
    assert it.read() == longer
    assert it.restart().look().leftovers == ()


# --- files of others ----------------------------------------------------------------------------------------------------


def test_plain_files_are_told_and_taken_in_when_asked(it: Bench) -> None:
    it.put(it.pairs[0])
    look = it.store.look()
    assert (look.current, look.plain, look.pairs[look.current].name) == (it.ids[0], ("current",), DEVICE)
    assert it.store.read(it.ids[0]) == it.pairs[0]
    assert not (it.folder / "pairs").exists()
    assert it.store.take_in("current") == it.ids[0]
    assert it.store.take_in("current") == it.ids[0]
    assert (it.store.look().plain, it.read()) == ((), it.pairs[0])
    assert it.tree()["device.key"] == "→ current/device.key"


def test_plain_files_are_written_over_by_nothing(it: Bench) -> None:
    it.has(1)
    it.put(it.pairs[0])
    before = it.tree()
    with pytest.raises(
        Refused, match=r"device\.crt and device\.key in .* were written by something else; take them in"
    ):
        it.store.switch("current", it.ids[1])
    assert it.tree() == before


def test_plain_files_with_a_fault_are_kept_and_another_pair_follows(it: Bench) -> None:
    """As the example of Leda's images, whose key anybody has."""
    mixed = Pair(it.pairs[0].certificate, it.pairs[1].key)
    it.has(0)
    it.put(mixed)
    look = it.store.look()
    assert (len(look.pairs), look.pairs[look.current].fault) == (2, "the key is not that of the certificate")
    identity = it.store.take_in("current")
    assert identity == look.current
    it.store.switch("current", it.ids[0])
    assert (it.read(), it.store.read(identity)) == (it.pairs[0], mixed)
    it.store.drop(identity)
    assert list(it.restart().look().pairs) == [it.ids[0]]


@pytest.mark.parametrize("lacking", ["crt", "key"])
def test_half_a_pair_is_told_and_kept(it: Bench, lacking: str) -> None:
    it.put(it.pairs[0])
    (it.folder / f"device.{lacking}").unlink()
    half, look = it.read(), it.store.look()
    assert look.pairs[look.current].fault.startswith("there is no")
    it.store.take_in("current")
    assert it.read() == half
    it.has(1, current=1)
    assert it.read() == it.pairs[1]
    it.store.drop(look.current)
    kept = b"".join(each.read_bytes() for each in it.folder.glob("originals/*/*"))
    assert kept == b"".join(half), "also when nobody needs it"


def test_what_was_written_through_the_links_is_another_pair(it: Bench) -> None:
    """`cp` does that, and thus sdv-provision."""
    it.has(0, 1, current=0)
    for name, content in (("device.crt", it.pairs[2].certificate), ("device.key", it.pairs[2].key)):
        (it.folder / name).write_bytes(content)
    look = it.store.look()
    assert (look.current, look.plain) == (it.ids[2], ("current",))
    assert set(look.pairs) == set(it.ids[1:])
    with pytest.raises(Refused, match="take them in first"):
        it.store.switch("current", it.ids[1])
    assert it.store.take_in("current") == it.ids[2]
    look = it.restart().look()
    assert (look.current, look.plain, look.leftovers, it.read()) == (it.ids[2], (), (), it.pairs[2])


def test_a_link_of_others_is_followed_and_what_it_leads_to_stays(it: Bench, tmp_path: Path) -> None:
    it.put(it.pairs[0])
    elsewhere = tmp_path / "own.key"
    (it.folder / "device.key").rename(elsewhere)
    (it.folder / "device.key").symlink_to(elsewhere)
    assert it.store.look().plain == ("current",)
    it.store.take_in("current")
    assert (it.read(), elsewhere.read_bytes()) == (it.pairs[0], it.pairs[0].key)


# --- requests -----------------------------------------------------------------------------------------------------------


def test_the_key_of_a_request_waits_for_its_certificate(it: Bench, tmp_path: Path) -> None:
    request = MAKER.request("ec-p256", DEVICE)
    it.store.keep_request(request)
    it.store.keep_request(request)
    assert it.restart().look().request == request.certificate
    assert it.tree() == {
        "pairs": "0700",
        "pairs/request": "0700",
        "pairs/request/device.csr": "0644",
        "pairs/request/device.key": "0600",
    }
    with pytest.raises(ValueError, match="the key is not that of the certificate"):
        it.store.finish_request(it.pairs[0].certificate)
    key = tmp_path / "own.key"
    key.write_bytes(it.pairs[0].key)
    signed = run("x509", "-req", "-signkey", key, "-force_pubkey", public(tmp_path, request), stdin=request.certificate)
    identity = it.store.finish_request(signed.encode())
    assert (it.store.read(identity), it.store.look().request) == (Pair(signed.encode(), request.key), b"")


def public(folder: Path, request: Pair) -> Path:
    path = folder / "request.pub"
    path.write_text(run("req", "-noout", "-pubkey", stdin=request.certificate))
    return path


def test_another_request_takes_the_place_of_the_former(it: Bench) -> None:
    requests = [MAKER.request("ec-p256", DEVICE) for _ in range(2)]
    for each in requests:
        it.store.keep_request(each)
    assert it.store.request() == requests[1]
    it.store.drop_request()
    assert (it.store.look().request, it.store.request()) == (b"", Pair(b"", b""))


# --- kills --------------------------------------------------------------------------------------------------------------


def rollover(it: Bench) -> None:
    it.has(1)
    it.store.switch("next", it.ids[1])
    it.store.switch("current", it.ids[1])
    it.store.clear("next")
    it.store.drop(it.ids[0])


def replaced(it: Bench) -> None:
    it.store.take_in("current")
    it.has(1, current=1)


def with_second(it: Bench) -> None:
    it.has(1, 2, second=1)
    it.store.switch("second", it.ids[2])
    it.store.clear("second")
    it.store.drop(it.ids[1])


def asked(it: Bench) -> None:
    for key in (it.pairs[1].key, it.pairs[2].key):
        it.store.keep_request(MAKER.request("ec-p256", DEVICE, key))
    it.store.finish_request(it.pairs[2].certificate)
    it.store.switch("current", it.ids[2])


def nameless(it: Bench) -> None:
    """Somebody has removed the names."""
    it.has(0, current=0)
    for name in ("device.crt", "device.key"):
        (it.folder / name).unlink()


FIRST: dict[str, Callable[[Bench], None]] = {
    "nothing": lambda it: None,
    "ours": lambda it: it.has(0, current=0),
    "plain": lambda it: it.put(it.pairs[0]),
    "nameless": lambda it: nameless(it),
}
STORIES: dict[str, tuple[str, Callable[[Bench], None], int]] = {
    "first": ("nothing", lambda it: it.has(1, current=1), 1),
    "rollover": ("ours", rollover, 1),
    "plain": ("plain", replaced, 1),
    "nameless": ("nameless", lambda it: it.has(1, current=1), 1),
    "second": ("ours", with_second, 0),
    "request": ("ours", asked, 2),
}
"""How it begins, what is done, and the pair that is in force at the end."""


@pytest.mark.parametrize("story", STORIES)
def test_a_kill_at_any_call_leaves_one_pair_whole_and_the_next_process_goes_on(
    story: str, tmp_path: Path, pairs: list[Pair]
) -> None:
    begin, work, end = STORIES[story]
    it = Bench(tmp_path / "certificates", pairs)
    FIRST[begin](it)
    prepared = tmp_path / "prepared"
    if it.folder.exists():
        shutil.copytree(it.folder, prepared, symlinks=True)
    whole = {Pair(b"", b""), *pairs}
    killed = 0
    for last in range(500):
        shutil.rmtree(it.folder, ignore_errors=True)
        if prepared.exists():
            shutil.copytree(prepared, it.folder, symlinks=True)
        it.restart()
        kept = it.read()

        def readable(it: Bench = it, kept: Pair = kept) -> None:
            """Any program finds one pair; the original one is not lost while it is in force."""
            assert {it.read(), it.read("device2")} <= whole
            assert it.read() != Pair(b"", b"") or kept == Pair(b"", b"")
            assert work is not replaced or pairs[0] in (it.read(), *it.stored())

        with killed_after(last, readable) as watch:
            work(it)
        is_done = watch.done < last
        readable()
        look = it.restart().look()
        assert not [seen.fault for seen in look.pairs.values() if seen.fault]
        assert it.read() in (kept, pairs[end])
        work_on(it, work)
        assert it.read() == pairs[end]
        assert it.restart().look().leftovers == ()
        assert not [name for name in it.tree() if ".evenkeel" in name]
        assert {mode for name, mode in it.tree().items() if name.endswith(".key") and "/" in name} == {"0600"}
        if is_done:
            break
        killed += 1
    assert killed > 10


def work_on(it: Bench, work: Callable[[Bench], None]) -> None:
    """The same, by a process that finds a part of it done."""
    if work is asked and it.store.look().current == it.ids[2]:
        it.store.tidy()
        return
    if work is replaced and it.store.look().current == it.ids[1]:
        it.store.tidy()
        return
    work(it)


def test_a_switch_goes_on_after_one_that_was_killed(it: Bench) -> None:
    it.has(0, 1, current=0)
    with killed_after(1):
        it.store.switch("current", it.ids[1])
    assert it.restart().look().leftovers == (".evenkeel-new-link",)
    it.store.switch("current", it.ids[1])
    assert (it.read(), it.store.look().leftovers) == (it.pairs[1], ())


def test_a_reader_in_a_loop_never_sees_a_mix(it: Bench) -> None:
    it.has(0, 1, current=0)
    seen, ended = list[Pair](), threading.Event()

    def read() -> None:
        while not ended.is_set():
            folder = os.open(it.folder / "current", os.O_RDONLY | os.O_DIRECTORY)
            files = [os.open(name, os.O_RDONLY, dir_fd=folder) for name in ("device.crt", "device.key")]
            seen.append(Pair(*(os.read(file, 1 << 16) for file in files)))
            for each in (*files, folder):
                os.close(each)

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(100):
        it.store.switch("current", it.ids[number % 2])
        assert it.store.read(it.ids[number % 2]) == it.pairs[number % 2]
    ended.set()
    reader.join()
    assert set(seen) == set(it.pairs[:2])


def test_the_leftovers_of_a_kill_are_told_and_removed(it: Bench) -> None:
    it.has(0, current=0)
    with killed_after(3):
        it.has(1)
    look = it.restart().look()
    assert look.leftovers == ("pairs/.evenkeel-new",)
    it.store.tidy()
    assert it.store.look() == look._replace(leftovers=())
    assert not [name for name in it.tree() if ".evenkeel" in name]
