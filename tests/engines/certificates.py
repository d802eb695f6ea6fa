"""A certification authority of our own, with a certificate for a server on this machine and one for a device."""

import subprocess
from pathlib import Path


def make_certificates(folder: Path) -> None:
    """ca.crt, server.crt, server.key, client.crt, client.key; another-ca.crt vouches for nothing. The server is `localhost`."""
    for name in ("ca", "another-ca"):
        _authority(folder, name)
    signed(folder, "server", "localhost", "subjectAltName=DNS:localhost\nextendedKeyUsage=serverAuth\n")
    signed(folder, "client", "device-7", "extendedKeyUsage=clientAuth\n")


_CURVE = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


def _authority(folder: Path, name: str) -> None:
    files = ("-keyout", f"{folder}/{name}.key", "-out", f"{folder}/{name}.crt")
    usage = ("-addext", "keyUsage=critical,keyCertSign,cRLSign")
    _run("openssl", "req", "-x509", *_CURVE, *files, "-days", "30", "-subj", f"/CN=evenkeel tests {name}", *usage)


def signed(folder: Path, name: str, common_name: str, extensions: str) -> None:
    """A certificate by ca.crt of the folder."""
    (folder / f"{name}.ext").write_text(extensions)
    files = ("-keyout", f"{folder}/{name}.key", "-out", f"{folder}/{name}.csr")
    _run("openssl", "req", *_CURVE, *files, "-subj", f"/CN={common_name}")
    signer = ("-CA", f"{folder}/ca.crt", "-CAkey", f"{folder}/ca.key", "-CAcreateserial", "-days", "30")
    files = ("-in", f"{folder}/{name}.csr", "-out", f"{folder}/{name}.crt", "-extfile", f"{folder}/{name}.ext")
    _run("openssl", "x509", "-req", *files, *signer)


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{command[0]} failed: {done.stderr}")
