"""The disk of a device with GRUB, slots A and B, a rescue system and a partition for data, and bundles for it.

Nothing is mounted and no device is made: file systems are written by mke2fs, mtools and debugfs, GRUB is put where its own
installer would put it. The numbers of partitions are those of Eclipse Leda; the seventh is for the BIOS.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import struct
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.vm.system import COMPATIBLE, CONFIG, make_tree, make_wheel

MIB = 1 << 20
SLOT_MIB = 256
_HERE = Path(__file__).parent
_GRUB = Path("/usr/lib/grub/i386-pc")
_GRUB_MODULES = (
    *("part_gpt", "fat", "ext2", "normal", "configfile", "loadenv", "linux", "test", "echo", "serial", "terminal"),
    *("reboot", "sleep", "true", "minicmd"),
)
_EARLY = "set root=(hd0,gpt1)\nset prefix=(hd0,gpt1)/grub\nconfigfile (hd0,gpt1)/grub/grub.cfg\n"
_PARTITIONS = (
    ("boot", 16, "0700"),
    ("grubenv", 4, "0700"),
    ("rescue", SLOT_MIB, "8300"),
    ("a", SLOT_MIB, "8300"),
    ("b", SLOT_MIB, "8300"),
    ("data", 512, "8300"),
    ("bios", 1, "ef02"),
)
_PANICS = "#!/bin/busybox sh\necho BAD-INIT >/dev/ttyS0\nexit 1\n"
"""The kernel panics when init ends."""
OFFSETS = {
    name: (1 + sum(size for _, size, _ in _PARTITIONS[:at])) * MIB for at, (name, _, _) in enumerate(_PARTITIONS)
}
"""Where a partition begins, in bytes."""


@dataclass(frozen=True)
class Factory:
    """`disk`: raw, for overlays. `served`: the folder of bundles `VERSION.raucb`. `images`: of slots, by version."""

    disk: Path
    served: Path
    images: dict[str, Path]


def cached(name: str, made_by: Path) -> Path:
    """A folder that a script fills with `SCRIPT FOLDER`, unless this version of the script has."""
    root = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "evenkeel-vm"
    folder = root / f"{name}-{hashlib.sha256(made_by.read_bytes()).hexdigest()[:12]}"
    if not folder.is_dir():
        root.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=root, prefix=".new-") as new:
            subprocess.run([made_by, new], check=True)
            Path(new).chmod(0o755)
            with contextlib.suppress(OSError):  # another run was quicker
                Path(new).rename(folder)
            Path(new).mkdir(exist_ok=True)
    return folder


def make(work: Path) -> Factory:
    """1.0.0 in both slots and `rescue` in the rescue system; bundles 2.0.0, which works, and 3.0.0, whose kernel panics."""
    authority(work)
    tree = work / "tree"
    make_tree(cached("root", _HERE / "root.sh"), tree, work / "ca.pem", make_wheel(work))
    first = work / "1.0.0.img"
    _ext4(tree, first, SLOT_MIB)
    shutil.rmtree(tree)
    images = {"1.0.0": first, "2.0.0": work / "2.0.0.img", "3.0.0": work / "3.0.0.img", "rescue": work / "rescue.img"}
    for version, image in images.items():
        if image is not first:
            _run("cp", "--sparse=always", first, image)
        replace(image, "/usr/lib/os-release", f'ID=vm\nVERSION_ID="{version}"\n')
    replace(images["3.0.0"], "/usr/lib/systemd/systemd", _PANICS, "0100755")
    served = work / "served"
    served.mkdir()
    for version in ("2.0.0", "3.0.0"):
        _bundle(work, images[version], served / f"{version}.raucb", version)
    disk = work / "disk.img"
    _disk(work, disk, images)
    return Factory(disk, served, images)


def authority(work: Path) -> None:
    """A certificate that signs bundles, and the one that devices trust."""
    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "3650")
    _run(
        "openssl", "req", "-x509", *curve, "-keyout", work / "ca.key", "-out", work / "ca.pem", "-subj", "/CN=vm tests"
    )


def replace(image: Path, path: str, text: str, mode: str = "0100644", at: int = 0) -> None:
    """Another content for one file in an ext4 file system that begins at this byte of an image, without mounting it."""
    with tempfile.NamedTemporaryFile("w") as content:
        content.write(text)
        content.flush()
        commands = f"rm {path}\nwrite {content.name} {path}\nsif {path} mode {mode}\n"
        where = f"{image}?offset={at}" if at else str(image)
        done = subprocess.run(
            ["debugfs", "-w", "-f", "-", where], input=commands, text=True, capture_output=True, check=True
        )
        assert "not found" not in done.stderr, done.stderr


def _ext4(tree: Path, image: Path, size_mib: int, *, journal: bool = False) -> None:
    """Slots are mounted read-only. Data is written across losses of power: without a journal RAUC's records there break."""
    features = "has_journal" if journal else "^has_journal,^metadata_csum"
    options = ("-O", features, "-E", "lazy_itable_init=1,nodiscard,root_owner=0:0", "-m", "0", "-N", "16384")
    _run("mke2fs", "-q", "-t", "ext4", *options, "-d", tree, image, f"{size_mib}M")


def _fat(image: Path, size_mib: int, files: dict[str, Path]) -> None:
    with image.open("wb") as file:
        file.truncate(size_mib * MIB)
    _run("mkfs.vfat", image)
    for path, source in files.items():
        if "/" in path:
            _run("mmd", "-i", image, f"::{path.rpartition('/')[0]}")
        _run("mcopy", "-i", image, source, f"::{path}")


def _disk(work: Path, disk: Path, images: dict[str, Path]) -> None:
    with disk.open("wb") as file:
        file.truncate((sum(size for _, size, _ in _PARTITIONS) + 2) * MIB)
    arguments: list[str] = []
    for number, (name, size, code) in enumerate(_PARTITIONS, 1):
        begin = OFFSETS[name] // 512
        arguments += ["-n", f"{number}:{begin}:{begin + size * 2048 - 1}", "-t", f"{number}:{code}"]
    _run("sgdisk", "-o", *arguments, disk)
    environment = "# GRUB Environment Block\nORDER=A B\nA_OK=1\nA_TRY=0\nB_OK=1\nB_TRY=0\n"
    (work / "grubenv").write_text(environment.ljust(1024, "#"))
    _fat(work / "boot.fat", 16, {"grub/grub.cfg": _HERE / "grub.cfg"})
    _fat(work / "grubenv.fat", 4, {"grubenv": work / "grubenv"})
    for folder in ("specs", "evenkeel"):
        (work / "data" / folder).mkdir(parents=True)
    (work / "data/config.yaml").write_text(CONFIG)
    _ext4(work / "data", work / "data.img", 512, journal=True)
    for name, image in {
        "boot": work / "boot.fat",
        "grubenv": work / "grubenv.fat",
        "data": work / "data.img",
        "rescue": images["rescue"],
        "a": images["1.0.0"],
        "b": images["1.0.0"],
    }.items():
        _put(disk, OFFSETS[name], image)
    _grub(work, disk)


def _put(disk: Path, offset: int, image: Path) -> None:
    """All of an image but its empty MiB."""
    with image.open("rb") as source, disk.open("r+b") as target:
        at = offset
        while part := source.read(MIB):
            if part.count(0) != len(part):
                target.seek(at)
                target.write(part)
            at += len(part)


def _grub(work: Path, disk: Path) -> None:
    """What grub-bios-setup does with devices: boot.img into the first sector, core.img into the partition for the BIOS, and
    into each of the two where it finds what follows."""
    (work / "early.cfg").write_text(_EARLY)
    early, core = work / "early.cfg", work / "core.img"
    _run("grub-mkimage", "-O", "i386-pc", "-o", core, "-p", "(hd0,gpt1)/grub", "-c", early, "biosdisk", *_GRUB_MODULES)
    sector = OFFSETS["bios"] // 512
    first, rest = bytearray((_GRUB / "boot.img").read_bytes()), bytearray(core.read_bytes())
    struct.pack_into("<Q", first, 0x5C, sector)
    first[0x64] = 0xFF  # the BIOS says which drive was booted
    first[0x66:0x68] = b"\x90\x90"
    struct.pack_into("<QHH", rest, 512 - 12, sector + 1, (len(rest) - 1) // 512, 0x820)
    with disk.open("r+b") as file:
        file.write(first[:440])
        file.seek(OFFSETS["bios"])
        file.write(rest)


def _bundle(work: Path, image: Path, bundle: Path, version: str) -> None:
    content = work / "content"
    content.mkdir()
    _run("cp", "--sparse=always", image, content / "system.ext4")
    (content / "manifest.raucm").write_text(
        f"[update]\ncompatible={COMPATIBLE}\nversion={version}\n[bundle]\nformat=verity\n"
        "[image.rootfs]\nfilename=system.ext4\n"
    )
    signer = (f"--cert={work / 'ca.pem'}", f"--key={work / 'ca.key'}")
    _run("rauc", "bundle", *signer, "--mksquashfs-args=-comp zstd -Xcompression-level 1", content, bundle)
    shutil.rmtree(content)


def _run(*command: str | Path) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(map(str, command))}: {done.stderr}{done.stdout}"
