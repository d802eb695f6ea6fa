"""Keys and certificates of others, by the command openssl, and its judgement of those of evenkeel."""

from __future__ import annotations

import subprocess
from pathlib import Path

from evenkeel.controller.drivers.provisioning.ports import Pair

EC = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
NOW_S = 1_800_000_000.0
"""A moment in 2027 that lies within what `authority` signs."""
DAY_S = 86400.0
DEVICE = "52-54-00-12-34-02"


def run(*command: str | Path, stdin: bytes = b"") -> str:
    """The output of openssl. Raises RuntimeError when it fails."""
    done = subprocess.run(["openssl", *map(str, command)], input=stdin, capture_output=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{command}: {done.stderr.decode()}{done.stdout.decode()}")
    return done.stdout.decode()


def authority(folder: Path, name: str, by: str = "", usage: str = "keyCertSign,cRLSign", ca: str = "TRUE") -> Pair:
    """An authority: NAME.crt, NAME.key. `by`: the one that has signed it; without one it has signed itself."""
    files = ("-keyout", folder / f"{name}.key", "-out", folder / f"{name}.crt", "-subj", f"/CN={name}", "-days", "3650")
    signer = ("-CA", folder / f"{by}.crt", "-CAkey", folder / f"{by}.key") if by else ()
    extensions = [f"basicConstraints=critical,CA:{ca}", f"keyUsage=critical,{usage}"]
    added = [part for each in extensions for part in ("-addext", each)]
    if not by:
        run("req", "-x509", *EC, *files, *added)
    else:
        request = folder / f"{name}.csr"
        run("req", *EC, *files[:2], "-out", request, *files[4:6])
        (folder / f"{name}.ext").write_text("\n".join(extensions))
        common = ("-days", "3650", "-CAcreateserial", "-extfile", folder / f"{name}.ext")
        run("x509", "-req", "-in", request, "-out", folder / f"{name}.crt", *signer, *common)
    return Pair((folder / f"{name}.crt").read_bytes(), (folder / f"{name}.key").read_bytes())


def leaf(folder: Path, *given: str, subject: str = f"/CN={DEVICE}", key: tuple[str, ...] = EC) -> Pair:
    """A certificate that signed itself, as somebody makes it by hand."""
    files = ("-keyout", folder / "leaf.key", "-out", folder / "leaf.crt")
    run("req", "-x509", *key, *files, "-subj", subject, "-days", "365", *given)
    return Pair((folder / "leaf.crt").read_bytes(), (folder / "leaf.key").read_bytes())


def verified(folder: Path, certificate: bytes, *given: str | Path) -> str:
    """The judgement of a certificate as that of a client, by the strictest rules, at `NOW_S`."""
    (folder / "verified.crt").write_bytes(certificate)
    rules = ("-x509_strict", "-purpose", "sslclient", "-attime", f"{NOW_S:.0f}")
    return run("verify", *rules, *given, folder / "verified.crt").strip().rpartition(": ")[2]


def text(certificate: bytes) -> str:
    """A certificate in words."""
    return run("x509", "-noout", "-text", stdin=certificate)


def public_key(key: bytes) -> str:
    return run("pkey", "-pubout", stdin=key)
