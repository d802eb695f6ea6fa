"""No way of saving goes unnoticed.

Each test waits for the reading it wants and fails when it does not come. The resync is an hour, so that only an event (or a
call of `look`) can bring it.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager, suppress
from datetime import timedelta
from pathlib import Path

import pytest
from tests import virtual

from evenkeel.controller.sources.files import FileSource, Reading, read_specs

from .asking import CHECKOUT, asked, poison, spec, texts

PATIENCE_S = 240
"""For a loaded machine; a reading takes some 50 ms."""


class Watch:
    """A source at work, and the reading it brought last."""

    def __init__(self, source: FileSource, readings: AsyncIterator[Reading], first: Reading) -> None:
        self.source, self._readings, self.last = source, readings, first

    async def until(self, condition: Callable[[Reading], bool]) -> Reading:
        async with asyncio.timeout(PATIENCE_S):
            while not condition(self.last):
                self.last = await anext(self._readings)
        return self.last

    async def asks(self, **expected: str) -> None:
        await self.until(lambda reading: not reading.problems and asked(reading) == expected)


@asynccontextmanager
async def watching(
    *paths: Path, resync: timedelta = timedelta(hours=1), cache: Path | None = None
) -> AsyncIterator[Watch]:
    source = FileSource(paths, cache, resync)
    async with aclosing(source.changes()) as readings:
        async with asyncio.timeout(PATIENCE_S):
            first = await anext(readings)
        yield Watch(source, readings, first)


def test_an_unread_sub_folder_is_told_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def look() -> None:
        async with watching(tmp_path) as watch:
            (tmp_path / "web.yaml").write_text(spec("web"))
            await watch.until(lambda reading: bool(reading.desired.documents))
            (tmp_path / "wiki.yaml").write_text(spec("wiki"))
            await watch.until(lambda reading: len(reading.desired.documents) == 2)

    (tmp_path / "site").mkdir()
    (tmp_path / "site/x.yaml").write_text(spec("x"))
    asyncio.run(look())
    told = [record.__dict__["fields"] for record in caplog.records if record.message == "sub-folder is not read"]
    assert told == [{"folder": str(tmp_path / "site")}]


def rename_in(path: Path, text: str) -> None:
    """As `git`, `ansible`, `kubectl cp` and most libraries save."""
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_text(text)
    temporary.replace(path)


def vim(path: Path, text: str) -> None:
    """`backupcopy=no`: probe, move away, write anew, remove the backup."""
    (path.parent / "4913").touch()
    (path.parent / "4913").unlink()
    backup = path.with_name(path.name + "~")
    path.rename(backup)
    with path.open("w") as file:
        file.write(text)
        os.fsync(file.fileno())
    backup.unlink()


def emacs(path: Path, text: str) -> None:
    lock, auto = path.with_name(f".#{path.name}"), path.with_name(f"#{path.name}#")
    lock.symlink_to("somebody@somewhere.1")
    auto.write_text(text)
    shutil.copy(path, path.with_name(path.name + "~"))
    path.write_text(text)
    auto.unlink()
    lock.unlink()


def remove_and_write(path: Path, text: str) -> None:
    path.unlink()
    path.write_text(text)


def truncate_then_write(path: Path, text: str) -> None:
    with path.open("w") as file:
        for line in text.splitlines(keepends=True):
            file.write(line)
            file.flush()


def hard_link(path: Path, text: str) -> None:
    other = path.with_name("new")
    other.write_text(text)
    path.unlink()
    os.link(other, path)
    other.unlink()


SAVES = [Path.write_text, rename_in, vim, emacs, remove_and_write, truncate_then_write, hard_link]


@pytest.mark.parametrize("named", [False, True], ids=["folder", "file"])
@pytest.mark.parametrize("save", SAVES, ids=lambda save: save.__name__)
async def test_every_way_of_saving_is_noticed_again_and_again(
    folder: Path, save: Callable[[Path, str], object], named: bool
) -> None:
    file = folder / "a.yaml"
    file.write_text(spec("a"))
    async with watching(file if named else folder) as watch:
        for number in range(2, 6):
            save(file, spec("a", f"nginx:{number}"))
            await watch.asks(a=f"nginx:{number}")


async def test_files_that_come_and_go_are_noticed(folder: Path) -> None:
    async with watching(folder) as watch:
        assert watch.last.is_empty
        (folder / "a.yaml").write_text(spec("a"))
        await watch.asks(a="nginx:1")
        (folder / "b.yaml").write_text(spec("b"))
        await watch.asks(a="nginx:1", b="nginx:1")
        (folder / "a.yaml").rename(folder / "a.off")
        await watch.asks(b="nginx:1")
        (folder / "b.yaml").unlink()
        await watch.until(lambda reading: reading.is_empty)


async def test_a_broken_save_is_told_and_its_repair_too(folder: Path) -> None:
    async with watching(folder) as watch:
        (folder / "a.yaml").write_text("kind: [\n")
        broken = await watch.until(lambda reading: bool(reading.problems))
        assert texts(broken)[0].startswith(f"{folder}/a.yaml:2:1: no valid YAML")
        (folder / "a.yaml").write_text(spec("a"))
        await watch.asks(a="nginx:1")


async def test_permission_that_is_given_is_noticed(nobody: Path) -> None:
    (nobody / "a.yaml").write_text(spec("a"))
    (nobody / "a.yaml").chmod(0)
    async with watching(nobody) as watch:
        assert watch.last.problems
        (nobody / "a.yaml").chmod(0o600)
        await watch.asks(a="nginx:1")


async def test_kubernetes_volume_is_followed(tmp_path: Path) -> None:
    """As kubelet's AtomicWriter does it: a dated folder, `..data` flipped by rename, the old one removed."""
    volume = tmp_path / "volume"

    def publish(number: int) -> None:
        dated = volume / f"..2026_{number}"
        dated.mkdir(parents=True)
        (dated / "a.yaml").write_text(spec("a", f"nginx:{number}"))
        old = (volume / "..data").readlink() if number > 1 else ""
        (volume / "..data_tmp").symlink_to(dated.name)
        (volume / "..data_tmp").rename(volume / "..data")
        if number == 1:
            (volume / "a.yaml").symlink_to("..data/a.yaml")
        else:
            shutil.rmtree(volume / old)

    publish(1)
    async with watching(volume) as watch:
        await watch.asks(a="nginx:1")
        for number in range(2, 8):
            publish(number)
            await watch.asks(a=f"nginx:{number}")


@pytest.mark.parametrize("named", [False, True], ids=["folder", "file"])
async def test_release_folders_behind_a_link_are_followed(tmp_path: Path, named: bool) -> None:
    current, opt = tmp_path / "etc/current", tmp_path / "opt"
    for number in range(1, 6):
        (opt / str(number) / "specs").mkdir(parents=True)
        (opt / str(number) / "specs/a.yaml").write_text(spec("a", f"nginx:{number}"))
    current.parent.mkdir()
    (tmp_path / "through").symlink_to(current)
    current.symlink_to("../opt/1")
    async with watching(tmp_path / "through/specs" / ("a.yaml" if named else "")) as watch:
        await watch.asks(a="nginx:1")
        for number in range(2, 6):
            (current.parent / "next").symlink_to(f"../opt/{number}")
            (current.parent / "next").rename(current)
            await watch.asks(a=f"nginx:{number}")
        rename_in(opt / "5/specs/a.yaml", spec("a", "nginx:last"))
        await watch.asks(a="nginx:last")


async def test_a_linked_file_is_followed_to_where_it_is(folder: Path, tmp_path: Path) -> None:
    real = tmp_path / "deep/real/a"
    real.parent.mkdir(parents=True)
    real.write_text(spec("a"))
    (tmp_path / "hop").symlink_to("deep/real")
    async with watching(folder) as watch:
        (folder / "a.yaml").symlink_to("../hop/../real/a")
        await watch.asks(a="nginx:1")
        for number in range(2, 5):
            rename_in(real, spec("a", f"nginx:{number}"))
            await watch.asks(a=f"nginx:{number}")
        real.rename(tmp_path / "b")
        await watch.until(lambda reading: bool(reading.problems))
        (tmp_path / "b").rename(real)
        await watch.asks(a="nginx:4")


async def test_a_folder_that_is_not_there_yet_is_waited_for(tmp_path: Path) -> None:
    folder = tmp_path / "etc/evenkeel/specs"
    async with watching(folder) as watch:
        assert watch.last.missing == (str(folder),)
        folder.mkdir(parents=True)
        (folder / "a.yaml").write_text(spec("a"))
        await watch.asks(a="nginx:1")


async def test_a_folder_that_comes_piece_by_piece_is_waited_for(tmp_path: Path) -> None:
    """A second file, elsewhere, tells when the source has seen a stage and waits for the next."""
    folder, beacon = tmp_path / "etc/evenkeel/specs", tmp_path / "elsewhere/beacon.yaml"
    beacon.parent.mkdir()
    beacon.touch()
    async with watching(folder, beacon) as watch:
        for stage in (folder.parent.parent, folder.parent, folder):
            stage.mkdir()
            beacon.write_text(spec(stage.name))
            await watch.until(lambda reading, name=stage.name: name in [d.name for d in reading.desired.documents])
        (folder / "a.yaml").write_text(spec("a"))
        await watch.asks(a="nginx:1", specs="nginx:1")


@pytest.mark.parametrize("levels", [1, 2])
async def test_a_folder_that_is_removed_and_made_again_is_followed(tmp_path: Path, levels: int) -> None:
    folder = tmp_path / "etc/evenkeel/specs"
    folder.mkdir(parents=True)
    (folder / "a.yaml").write_text(spec("a"))
    async with watching(folder) as watch:
        for number in range(2, 6):
            shutil.rmtree(folder if levels == 1 else folder.parent)
            if number % 2:
                await watch.until(lambda reading: bool(reading.missing))
            folder.mkdir(parents=True)
            (folder / "a.yaml").write_text(spec("a", f"nginx:{number}"))
            await watch.asks(a=f"nginx:{number}")
            (folder / "a.yaml").write_text(spec("a", f"nginx:{number}.1"))
            await watch.asks(a=f"nginx:{number}.1")


@pytest.mark.parametrize("levels", [1, 2])
async def test_a_folder_that_is_swapped_for_another_is_followed(tmp_path: Path, levels: int) -> None:
    parent = tmp_path / "etc"
    outer = parent / "evenkeel"
    folder = outer if levels == 1 else outer / "specs"
    folder.mkdir(parents=True)
    (folder / "a.yaml").write_text(spec("a"))
    async with watching(folder) as watch:
        for number in range(2, 6):
            new = parent / "new"
            (new / folder.relative_to(outer)).mkdir(parents=True)
            (new / folder.relative_to(outer) / "a.yaml").write_text(spec("a", f"nginx:{number}"))
            outer.rename(parent / f"old{number}")
            new.rename(outer)
            await watch.asks(a=f"nginx:{number}")


async def test_a_burst_is_read_when_it_is_over(folder: Path) -> None:
    """Two files that belong together, and a second's third of others between them: no reading has one without the other.

    A writer that a loaded machine holds up is quiet, too: those times do not count. Five that do, because the reader may be
    held up as well.
    """

    def save(number: int) -> float:
        """The longest time for which the writer was quiet."""
        rename_in(folder / "first.yaml", spec("first", f"nginx:{number}"))
        begun = last = time.monotonic()
        quiet_s, index = 0.0, 0
        while last - begun < 0.3:
            (folder / f"{number}-{index}.txt").write_text("")
            time.sleep(0.0005)
            now = time.monotonic()
            quiet_s, last, index = max(quiet_s, now - last), now, index + 1
        rename_in(folder / "last.yaml", spec("last", f"nginx:{number}"))
        return max(quiet_s, time.monotonic() - last)

    save(1)
    async with watching(folder) as watch:
        torn: list[bool] = []
        for number in range(2, 60):
            saving = asyncio.create_task(asyncio.to_thread(save, number))
            is_torn = False
            while set(asked(watch.last).values()) != {f"nginx:{number}"}:
                await watch.until(lambda reading, known=watch.last: reading is not known)
                is_torn = is_torn or len(set(asked(watch.last).values())) > 1
            if await saving < 0.03:
                torn.append(is_torn)
            if len(torn) == 5:
                break
        assert sum(torn) < 3


async def test_git_checkout_is_noticed(tmp_path: Path) -> None:
    repository = tmp_path / "repository"
    repository.mkdir()

    def git(*arguments: str) -> None:
        who = ["-c", "user.name=x", "-c", "user.email=x@example.org", "-c", "init.defaultBranch=main"]
        subprocess.run(["git", *who, *arguments], cwd=repository, check=True, capture_output=True)

    git("init")
    for branch in ("one", "two"):
        for index in range(30):
            (repository / f"c{index}.yaml").write_text(spec(f"c{index}", f"nginx:{branch}"))
        git("checkout", "-b", branch)
        git("add", "-A")
        git("commit", "-m", branch)
    async with watching(repository) as watch:
        for branch in ("one", "two", "one"):
            await asyncio.to_thread(git, "checkout", branch)
            await watch.asks(**{f"c{index}": f"nginx:{branch}" for index in range(30)})


async def test_changes_while_the_reader_is_busy_are_not_lost(folder: Path) -> None:
    """The reader takes a reading, the file changes at any moment after, nothing else happens: the change must come."""
    file = folder / "a.yaml"
    file.write_text(spec("a"))
    async with watching(folder) as watch:
        for number in range(40):
            timer = threading.Timer(number * 0.002, lambda n=number: rename_in(file, spec("a", f"nginx:{n}.2")))
            rename_in(file, spec("a", f"nginx:{number}.1"))
            timer.start()
            await watch.asks(a=f"nginx:{number}.2")
            timer.join()


async def test_many_saves_of_the_same_files_come_to_their_last_state(folder: Path) -> None:
    async with watching(folder) as watch:
        for number in range(300):
            rename_in(folder / f"c{number % 3}.yaml", spec(f"c{number % 3}", f"nginx:{number}"))
        await watch.asks(c0="nginx:297", c1="nginx:298", c2="nginx:299")


async def test_looks_that_find_the_same_say_nothing(folder: Path) -> None:
    (folder / "a.yaml").write_text(spec("a"))
    async with watching(folder) as watch:
        os.utime(folder / "a.yaml", (1, 1))
        (folder / "notes.txt").write_text("nothing")
        rename_in(folder / "a.yaml", spec("a"))
        (folder / "b.yaml").write_text(spec("b"))
        watch.last = await anext(watch._readings)
        assert asked(watch.last) == {"a": "nginx:1", "b": "nginx:1"}, "the first reading is the one with news"


async def test_look_looks_at_once_where_no_event_tells(folder: Path, tmp_path: Path) -> None:
    """A file that is changed through a second name, in a folder that nobody watches, makes no event."""
    (folder / "a.yaml").write_text(spec("a"))
    other = tmp_path / "elsewhere" / "a"
    other.parent.mkdir()
    other.hardlink_to(folder / "a.yaml")
    async with watching(folder) as watch:
        with other.open("r+") as file:
            file.write(spec("a", "nginx:2"))
        watch.source.look()
        await watch.asks(a="nginx:2")


async def test_resync_finds_what_no_event_tells(folder: Path, tmp_path: Path) -> None:
    (folder / "a.yaml").write_text(spec("a"))
    other = tmp_path / "elsewhere" / "a"
    other.parent.mkdir()
    other.hardlink_to(folder / "a.yaml")
    async with watching(folder, resync=timedelta(milliseconds=50)) as watch:
        with other.open("r+") as file:
            file.write(spec("a", "nginx:2"))
        await watch.asks(a="nginx:2")


async def _silent(*_: object) -> AsyncIterator[frozenset[str]]:
    """As `happenings` on a file system that tells nothing."""
    await asyncio.Event().wait()
    yield frozenset()


@pytest.mark.parametrize(
    ("idle_s", "later_s"), [(0.04, 0.06), (0.3, 0.0), (3601.0, 0.0)], ids=["just looked", "a moment ago", "an hour"]
)
def test_the_pause_after_a_fruitless_look_is_counted_from_that_look(
    folder: Path, monkeypatch: pytest.MonkeyPatch, idle_s: float, later_s: float
) -> None:
    async def story() -> float:
        readings = source.changes()
        await anext(readings)
        following = asyncio.ensure_future(anext(readings))
        source.look()
        await asyncio.sleep(idle_s)
        (folder / "a.yaml").write_text(spec("a", "nginx:2"))
        changed_s = asyncio.get_running_loop().time()
        source.look()
        assert asked(await following) == {"a": "nginx:2"}
        await readings.aclose()
        return asyncio.get_running_loop().time() - changed_s

    monkeypatch.setattr("evenkeel.controller.process.folders.happenings", _silent)
    (folder / "a.yaml").write_text(spec("a"))
    source = FileSource([folder], None, timedelta(seconds=60))
    assert virtual.run(story()) == pytest.approx(later_s)


async def test_a_name_that_is_no_text_does_not_end_the_watch(folder: Path) -> None:
    async with watching(folder) as watch:
        (folder / os.fsdecode(b"\xff.yaml")).write_text(spec("x"))
        await watch.asks(x="nginx:1")
        (folder / "a.yaml").write_text(spec("a"))
        await watch.asks(a="nginx:1", x="nginx:1")


async def test_it_uses_the_cache(folder: Path, cache: Path) -> None:
    (folder / "a.yaml").write_text(spec("a"))
    read_specs([folder], cache)
    poison(cache)
    async with watching(folder, cache=cache) as watch:
        await watch.asks(evil="nginx:1")


DEAF = """
import asyncio, sys
from datetime import timedelta
from pathlib import Path
from evenkeel.controller.sources.files import FileSource

async def main():
    file = Path(sys.argv[1])
    async for reading in FileSource([file], resync=timedelta(hours=1)).changes():
        print(reading.problems or reading.desired.documents[0].wanted.image, flush=True)
        if file.read_text().endswith(":2\\n"):
            break
        file.write_text(file.read_text().replace(":1", ":2"))

asyncio.run(main())
"""


def test_without_inotify_it_looks_every_so_often(folder: Path) -> None:
    """In a user namespace of its own the limit can be set for this one process."""
    file = folder / "a.yaml"
    file.write_text(spec("a"))
    enter = ["unshare", "--user", "--map-root-user", "sh", "-c"]
    limit = "echo 0 > /proc/sys/user/max_inotify_instances"
    if not shutil.which("unshare") or subprocess.run([*enter, limit], capture_output=True).returncode:
        pytest.skip("no user namespaces here")
    done = subprocess.run(
        [*enter, f'{limit}; exec "$0" "$@"', sys.executable, "-c", DEAF, file],
        env=CHECKOUT,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    assert done.stdout.split() == ["docker.io/library/nginx:1", "docker.io/library/nginx:2"], done.stderr
    assert done.stderr.count("cannot watch files") == 1


def open_files() -> set[str]:
    """What the open descriptors of this process lead to. A thread may close one while they are listed."""
    names = set()
    for entry in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):
            names.add(str(entry.readlink()))
    return names


@pytest.mark.parametrize("moment", ["waiting", "reading", "starting"])
async def test_cancellation_is_clean(folder: Path, moment: str) -> None:
    arrived = asyncio.Event()

    async def follow() -> None:
        async with aclosing(FileSource([folder]).changes()) as readings:
            async for _ in readings:
                arrived.set()
                if moment == "reading":
                    await asyncio.Event().wait()

    task = asyncio.create_task(follow())
    if moment != "starting":
        await arrived.wait()
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        async with asyncio.timeout(PATIENCE_S):
            await task
    assert asyncio.all_tasks() == {asyncio.current_task()}
    async with asyncio.timeout(PATIENCE_S):
        while any("inotify" in name for name in open_files()):  # noqa: ASYNC110  its thread ends a moment later
            await asyncio.sleep(0.001)


def held() -> dict[str, int]:
    """What this process holds."""
    threads = len([*Path("/proc/self/task").iterdir()])
    return {"files": len(open_files()), "threads": threads, "tasks": len(asyncio.all_tasks())}


async def test_nothing_piles_up(folder: Path) -> None:
    file = folder / "a.yaml"
    file.write_text(spec("a"))
    async with watching(folder) as watch:
        before = held()
        for number in range(30):
            rename_in(file, spec("a", f"nginx:{number}"))
            await watch.asks(a=f"nginx:{number}")
        after = held()
        assert {name for name in before if after[name] > before[name] + 5} == set(), "threads end a moment later"
