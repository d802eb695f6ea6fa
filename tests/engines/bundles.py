"""Update bundles as RAUC takes them, and as it does not: signed by authorities of the tests' own, made once for each worker."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

COMPATIBLE = "evenkeel tests"
IMAGE_BYTES = 256 * 1024

_CURVE = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
_TORN = """\
#!/bin/sh
# Writes the first half, waits while a test holds it, and writes the rest.
set -e
folder=$(dirname "$RAUC_SLOT_DEVICE")
head -c {half} "$RAUC_IMAGE_NAME" | dd of="$RAUC_SLOT_DEVICE" conv=notrunc status=none
touch "$folder/at-half"
{then}
while [ -e "$folder/hold-half" ]; do sleep 0.02; done
dd if="$RAUC_IMAGE_NAME" of="$RAUC_SLOT_DEVICE" bs={half} skip=1 seek=1 conv=notrunc status=none
"""
_REJECTING = """\
#!/bin/sh
echo "not on this device" >&2
exit 10
"""
_MANIFEST = """\
[update]
compatible={compatible}
version={version}
description=made by a test

[bundle]
format={form}

[hooks]
filename=hook
{more}

[image.{slot_class}]
filename=system.img
hooks={hooks}
"""


@dataclass(frozen=True)
class Bundle:
    """A bundle in a file. `image`: the content that a slot has after it."""

    path: Path
    version: str
    image: bytes

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.path.read_bytes()).hexdigest()


def image(version: str, *, panics: bool = False) -> bytes:
    """A system's image: the simulated bootloader reads from it which version it is, and whether it comes up."""
    line = f"evenkeel-tests {version} {'panics' if panics else 'boots'}\n".encode()
    return line * (IMAGE_BYTES // len(line)) + b"\0" * (IMAGE_BYTES % len(line))


class Bundles:
    """`keyring`: the certificate that a device trusts."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.keyring = folder / "ca.crt"
        self._made: dict[tuple[str, str, bool], Bundle] = {}
        for name in ("ca", "another-ca"):
            files = ("-keyout", f"{folder}/{name}.key", "-out", f"{folder}/{name}.crt")
            usage = ("-addext", "keyUsage=critical,keyCertSign,cRLSign")
            _run("openssl", "req", "-x509", *_CURVE, *files, "-days", "3650", "-subj", f"/CN=tests {name}", *usage)
        self._signer("signer", "ca", "20200101000000Z", "20491231000000Z")
        self._signer("expired", "ca", "20200101000000Z", "20200102000000Z")
        self._signer("early", "ca", "20480101000000Z", "20491231000000Z")
        self._signer("stranger", "another-ca", "20200101000000Z", "20491231000000Z")

    def make(self, version: str, fault: str = "", *, panics: bool = False) -> Bundle:
        """`fault`: `wrong-ca`, `expired`, `not-yet-valid`, `wrong-compatible`, `truncated`, `no-bundle`, `no-slot`, `format`
        (verity), `manifest` (it cannot be read), `rejected` (by its own hook), `breaks` (when half of it is written); "" is
        a good one. `panics`: the system in it does not come up."""
        key = (version, fault, panics)
        if key not in self._made:
            self._made[key] = self._make(*key)
        return self._made[key]

    def _make(self, version: str, fault: str, panics: bool) -> Bundle:
        content, path = (
            image(version, panics=panics),
            self.folder / f"{version}{'-panics' * panics}-{fault or 'good'}.raucb",
        )
        if fault == "no-bundle":
            path.write_bytes(b"<html>not found</html>\n" * 1000)
            return Bundle(path, version, content)
        source = self.folder / "content"
        shutil.rmtree(source, ignore_errors=True)
        source.mkdir()
        incompressible = os.urandom(IMAGE_BYTES)  # a verity bundle has to have some size
        (source / "system.img").write_bytes(incompressible if fault == "format" else content)
        hook = _TORN.format(half=IMAGE_BYTES // 2, then="exit 1" if fault == "breaks" else "")
        (source / "hook").write_text(_REJECTING if fault == "rejected" else hook)
        (source / "hook").chmod(0o755)
        (source / "manifest.raucm").write_text(
            _MANIFEST.format(
                compatible="another device" if fault == "wrong-compatible" else COMPATIBLE,
                version=version,
                slot_class="nothing" if fault == "no-slot" else "rootfs",
                form="verity" if fault == "format" else "plain",
                more="hooks=install-check" if fault == "rejected" else "",
                hooks="install",
            )
        )
        if fault == "manifest":
            self._seal_unread(source, path)
            return Bundle(path, version, content)
        signer = {"wrong-ca": "stranger", "expired": "expired", "not-yet-valid": "early"}.get(fault, "signer")
        files = (f"--cert={self.folder}/{signer}.crt", f"--key={self.folder}/{signer}.key")
        _run("rauc", *files, "bundle", str(source), str(path))
        if fault == "truncated":
            path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
        return Bundle(path, version, content)

    def _seal_unread(self, source: Path, path: Path) -> None:
        """Make a bundle with a manifest that RAUC would not take: a squashfs, its signature, and the size of that."""
        (source / "manifest.raucm").write_text("no manifest\n")
        _run("mksquashfs", str(source), str(path), "-all-root", "-noappend", "-no-progress")
        signer = ("-signer", f"{self.folder}/signer.crt", "-inkey", f"{self.folder}/signer.key")
        signed = self.folder / "signature"
        how = ("-binary", "-nosmimecap", "-md", "sha256", "-outform", "DER")
        _run("openssl", "cms", "-sign", *how, *signer, "-in", str(path), "-out", str(signed))
        signature = signed.read_bytes()
        with path.open("ab") as file:
            file.write(signature + len(signature).to_bytes(8, "big"))

    def _signer(self, name: str, authority: str, begins: str, ends: str) -> None:
        """A certificate with dates of its own, for which openssl wants a register of an authority."""
        register = self.folder / f"{name}-register"
        register.mkdir()
        (register / "index.txt").write_text("")
        (register / "serial").write_text("01\n")
        (register / "ca.conf").write_text(
            f"[ca]\ndefault_ca=it\n[it]\ndatabase={register}/index.txt\nserial={register}/serial\nnew_certs_dir={register}\n"
            "default_md=sha256\npolicy=any\n[any]\ncommonName=supplied\n"
        )
        request, key, made = (f"{self.folder}/{name}.{end}" for end in ("csr", "key", "crt"))
        _run("openssl", "req", *_CURVE, "-keyout", key, "-out", request, "-subj", f"/CN=tests {name}")
        by = ("-cert", f"{self.folder}/{authority}.crt", "-keyfile", f"{self.folder}/{authority}.key")
        dates = ("-startdate", begins, "-enddate", ends)
        settings = ("-batch", "-notext", "-config", str(register / "ca.conf"))
        _run("openssl", "ca", *settings, *by, *dates, "-in", request, "-out", made)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            shutil.rmtree(self.folder)


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{command[0]} failed: {done.stderr}")
