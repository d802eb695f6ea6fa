"""The tree of a system: a Debian with RAUC, evenkeel as an installed wheel, and its unit as the documentation has it.

Nothing marks a slot good but evenkeel. Two units make the system a test's: one says on the console which slot is up, one has a
shell of root on the second serial line.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.places import ROOT

COMPATIBLE = "evenkeel-vm"
_OF_LOGIND = "var/lib/systemd/linger"
"""logind makes it at its start, or fails where it cannot: evenkeel reboots through logind."""
_PYTHON = "usr/local/lib/python3.11/dist-packages"

_SYSTEM_CONF = f"""\
[system]
compatible={COMPATIBLE}
bootloader=grub
grubenv=/grubenv/grubenv
statusfile=/data/rauc.status
mountprefix=/run/rauc
activate-installed=false

[keyring]
path=/etc/rauc/ca.pem

[slot.rescue.0]
device=/dev/vda3
type=ext4
readonly=true

[slot.rootfs.0]
device=/dev/vda4
type=ext4
bootname=A

[slot.rootfs.1]
device=/dev/vda5
type=ext4
bootname=B
"""
CONFIG = """\
specs: [/data/specs]
engine: {kind: memory} # containers are not what is tested here
slots: {engine: rauc}
"""
_FSTAB = """\
/dev/vda2 /grubenv vfat sync,flush 0 0
/dev/vda6 /data ext4 defaults 0 0
/data/evenkeel /var/lib/evenkeel none bind,x-systemd.requires-mounts-for=/data 0 0
tmpfs /tmp tmpfs defaults 0 0
tmpfs /var/log tmpfs defaults 0 0
"""
_UNITS = {
    "test-net.service": """\
[Unit]
DefaultDependencies=no
Before=network.target
After=systemd-modules-load.service
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh -c 'ip link set lo up; ip addr add 10.0.2.15/24 dev eth0; ip link set eth0 up'
[Install]
WantedBy=sysinit.target
""",
    "test-shell.service": """\
[Unit]
After=data.mount grubenv.mount dbus.service
[Service]
Environment=HOME=/root TERM=dumb NO_COLOR=1 PS1= PS2=
StandardInput=tty-force
StandardOutput=tty
TTYPath=/dev/ttyS1
ExecStart=/bin/sh -c 'stty -echo -onlcr; exec sh'
KillSignal=SIGKILL
Restart=always
[Install]
WantedBy=multi-user.target
""",
    "test-up.service": """\
[Unit]
After=data.mount grubenv.mount
[Service]
Type=oneshot
StandardOutput=tty
TTYPath=/dev/ttyS0
ExecStart=/bin/sh -c '. /etc/os-release; echo UP slot=$(sed "s/.*rauc.slot=//; s/ .*//" /proc/cmdline) version=$VERSION_ID'
[Install]
WantedBy=multi-user.target
""",
}
_UNNEEDED = (  # each takes its time under emulation
    *("systemd-timesyncd.service", "systemd-networkd.service", "systemd-resolved.service"),
    *("systemd-networkd-wait-online.service", "e2scrub_all.timer", "e2scrub_reap.service", "fstrim.timer"),
    *("dpkg-db-backup.timer", "systemd-pstore.service", "systemd-update-utmp.service", "getty@tty1.service"),
    *("systemd-update-utmp-runlevel.service", "serial-getty@ttyS0.service", "console-getty.service", "getty.target"),
    *("systemd-machine-id-commit.service", "systemd-random-seed.service", "systemd-hwdb-update.service"),
    *("systemd-journal-flush.service", "apt-daily.timer", "apt-daily-upgrade.timer", "systemd-firstboot.service"),
    *("systemd-ask-password-wall.path", "systemd-ask-password-console.path", "systemd-remount-fs.service"),
    *("dev-hugepages.mount", "dev-mqueue.mount", "sys-kernel-debug.mount", "sys-kernel-tracing.mount"),
    *("systemd-binfmt.service", "proc-sys-fs-binfmt_misc.automount", "modprobe@configfs.service"),
    *("modprobe@drm.service", "modprobe@efi_pstore.service", "modprobe@fuse.service"),
)


def make_tree(parts: Path, tree: Path, keyring: Path, wheel: Path) -> None:
    """`parts`: as `root.sh` made them. `tree`: is made. `keyring`: the certificate by which bundles are trusted."""
    tree.mkdir(parents=True)
    subprocess.run(["tar", "-xf", parts / "root.tar", "-C", tree], check=True)
    shutil.rmtree(tree / "boot")
    for folder in ("boot", "data", "grubenv", "etc/rauc", "etc/evenkeel", "var/lib/evenkeel", _OF_LOGIND):
        (tree / folder).mkdir(parents=True, exist_ok=True)
    for name in ("vmlinuz", "initrd.img"):
        shutil.copy(parts / name, tree / "boot")
    shutil.copytree(parts / "modules", tree / "usr/lib/modules")
    shutil.copy(parts / "grub-editenv", tree / "usr/bin")
    shutil.copy(keyring, tree / "etc/rauc/ca.pem")
    for name, text in {
        "etc/rauc/system.conf": _SYSTEM_CONF,
        "etc/fstab": _FSTAB,
        "etc/hostname": "vm\n",
        "etc/machine-id": "0123456789abcdef0123456789abcdef\n",
        "etc/modules-load.d/test.conf": "virtio_net\nvirtio_rng\nloop\nsquashfs\ndm_mod\ndm_verity\nvfat\n",
    }.items():
        (tree / name).write_text(text)
    (tree / "etc/evenkeel/config.yaml").symlink_to("/data/config.yaml")  # the system is read-only
    _units(tree / "etc/systemd/system")
    _evenkeel(tree, wheel)


def make_wheel(folder: Path) -> Path:
    """evenkeel as it is in this checkout."""
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder], cwd=ROOT, check=True)
    (wheel,) = folder.glob("*.whl")
    return wheel


def _units(folder: Path) -> None:
    evenkeel = (ROOT / "examples/systemd/evenkeel.service").read_text()
    for name, text in {**_UNITS, "evenkeel.service": evenkeel}.items():
        (folder / name).write_text(text)
        wants = folder / f"{text.rpartition('WantedBy=')[2].strip()}.wants"
        wants.mkdir(exist_ok=True)
        (wants / name).symlink_to(f"../{name}")
    for name in _UNNEEDED:
        (folder / name).unlink(missing_ok=True)
        (folder / name).symlink_to("/dev/null")
    default = folder / "default.target"
    default.unlink(missing_ok=True)
    default.symlink_to("/lib/systemd/system/multi-user.target")


def _evenkeel(tree: Path, wheel: Path) -> None:
    """With the versions of `uv.lock`, and compiled, because the file system is read-only."""
    uv = os.environ.get("UV") or "uv"
    chosen = wheel.parent / "requirements.txt"
    lock = ("--locked", "--no-dev", "--no-emit-project", "--no-hashes", "--quiet")
    subprocess.run([uv, "export", *lock, "-o", chosen], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    packages = tree / _PYTHON
    of_guest = ("--python-version", "3.11", "--python-platform", "x86_64-manylinux_2_28", "--link-mode", "copy")
    subprocess.run(
        [uv, "pip", "install", "--quiet", *of_guest, "--target", packages, "-r", chosen, wheel], cwd=ROOT, check=True
    )
    program = packages / "bin/evenkeel"
    text = program.read_text()
    (tree / "usr/bin/evenkeel").write_text("#!/usr/bin/python3\n" + text[text.index("\n") + 1 :])
    (tree / "usr/bin/evenkeel").chmod(0o755)
    shutil.rmtree(packages / "bin")
    compiling = ("-m", "compileall", "-q", "-s", tree, "-p", "/", "--invalidation-mode", "unchecked-hash", packages)
    subprocess.run([sys.executable, *compiling], check=True)
