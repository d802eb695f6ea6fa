"""Container images made in Python, without `docker build` and without a network.

An image is a tuple of layers (tar files) and a configuration (JSON). From these two one makes either the archive that
`POST /images/load` reads or the blobs and the manifest a registry stores; both have the same image id. The lowest layer
is Debian's static busybox and shared by all. Everything is deterministic: equal arguments, equal digests.
(Its `wget` crashes when it is given -T; `timeout 5 wget …` does not.)
"""

import gzip
import hashlib
import io
import json
import os
import platform
import random
import subprocess
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ARCHITECTURE = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
BUSYBOX = os.environ.get("EVENKEEL_BUSYBOX", "/bin/busybox")

MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
CONFIG = "application/vnd.docker.container.image.v1+json"
LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"


def digest_of(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()


@dataclass(frozen=True)
class Image:
    """Layers from the lowest to the highest, uncompressed, and the configuration that names their digests."""

    name: str
    config: bytes
    layers: tuple[bytes, ...]

    @property
    def id(self) -> str:
        """What the engine calls the image id: the digest of the configuration."""
        return digest_of(self.config)

    def blobs(self) -> dict[str, bytes]:
        """Everything a registry stores besides the manifest, by digest."""
        packed = [_packed(layer) for layer in self.layers]
        return {digest_of(content): content for content in [*packed, self.config]}

    def manifest(self) -> bytes:
        packed = [_packed(layer) for layer in self.layers]
        return json.dumps(
            {
                "schemaVersion": 2,
                "mediaType": MANIFEST,
                "config": {"mediaType": CONFIG, "size": len(self.config), "digest": self.id},
                "layers": [{"mediaType": LAYER, "size": len(blob), "digest": digest_of(blob)} for blob in packed],
            }
        ).encode()

    @property
    def digest(self) -> str:
        """What a registry calls the image: the digest of the manifest (`name@sha256:…`)."""
        return digest_of(self.manifest())

    def archive(self, *names: str) -> bytes:
        """The body for `POST /images/load`; the image will be known under `names`, by default under its own."""
        layers = {hashlib.sha256(layer).hexdigest() + ".tar": layer for layer in self.layers}
        config = self.id.removeprefix("sha256:") + ".json"
        manifest = [{"Config": config, "RepoTags": list(names) or [self.name], "Layers": list(layers)}]
        return _tar({"manifest.json": json.dumps(manifest).encode(), config: self.config, **layers})


def build(
    name: str,
    cmd: Sequence[str],
    *,
    entrypoint: Sequence[str] = (),
    env: Mapping[str, str] | None = None,
    labels: Mapping[str, str] | None = None,
    files: Mapping[str, str | bytes] | None = None,
    size: int = 0,
    **config: object,
) -> Image:
    """An image on top of busybox; `files` are absolute paths, those in /bin and /sbin become executable.

    `size` adds a layer with that many random bytes, so that a pull takes a while; `config` are further keys of the
    engine's container configuration (`ExposedPorts`, `Healthcheck`, `User`, `StopSignal`, …).
    """
    layers = [rootfs()]
    if files:
        layers.append(_tar({path.lstrip("/"): _bytes(content) for path, content in files.items()}))
    if size:
        layers.append(_tar({"padding": random.Random(name).randbytes(size)}))
    document = {
        "architecture": ARCHITECTURE,
        "os": "linux",
        "created": "2024-01-01T00:00:00Z",
        "config": {
            "Cmd": list(cmd),
            "Entrypoint": list(entrypoint) or None,
            "Env": ["PATH=/bin:/sbin", *(f"{key}={value}" for key, value in (env or {}).items())],
            "Labels": dict(labels or {}),
            **config,
        },
        "rootfs": {"type": "layers", "diff_ids": [digest_of(layer) for layer in layers]},
        "history": [{"created": "2024-01-01T00:00:00Z", "created_by": "evenkeel tests"} for _ in layers],
    }
    return Image(name, json.dumps(document).encode(), tuple(layers))


# -- the standard images ---------------------------------------------------------------------------------------------

_SLEEPER = """#!/bin/sh
trap 'exit 0' TERM INT
echo "sleeper $VERSION"
while :; do sleep 3600 & wait $!; done
"""
_STUBBORN = """#!/bin/sh
trap '' TERM INT
echo stubborn
while :; do sleep 3600; done
"""
# The shell is process 1: alone, httpd would not get a SIGTERM that it does not handle.
_WEB = """#!/bin/sh
trap 'exit 0' TERM INT
httpd -f -p "${PORT:-80}" -h /www & wait $!
"""


def hello(name: str = "hello-world:latest", text: str = "Hello from Docker!") -> Image:
    """Prints a text and ends with 0."""
    return build(name, ["/bin/echo", text])


def sleeper(version: str, name: str = "") -> Image:
    """Runs until SIGTERM and obeys it at once."""
    return build(
        name or f"sleeper:{version}",
        ["/bin/sleeper"],
        env={"VERSION": version},
        labels={"version": version},
        files={"/bin/sleeper": _SLEEPER},
    )


def web(version: str, name: str = "") -> Image:
    """HTTP on $PORT (80): `/` answers the version, `/health` answers `ok`."""
    return build(
        name or f"web:{version}",
        ["/bin/web"],
        env={"VERSION": version},
        files={"/bin/web": _WEB, "/www/index.html": version, "/www/health": "ok"},
        ExposedPorts={"80/tcp": {}},
    )


def stubborn(name: str = "stubborn:1") -> Image:
    """Ignores SIGTERM: stopping it takes the whole grace period."""
    return build(name, ["/bin/stubborn"], files={"/bin/stubborn": _STUBBORN})


def crasher(name: str = "crasher:1") -> Image:
    """Ends at once with 1."""
    return build(name, ["/bin/sh", "-c", "echo crashed >&2; exit 1"])


def sick(name: str = "sick:1") -> Image:
    """Runs and listens like `web`, but `/health` answers 404."""
    return build(name, ["/bin/web"], files={"/bin/web": _WEB, "/www/index.html": "sick"}, ExposedPorts={"80/tcp": {}})


def big(name: str = "big:1", size: int = 20_000_000) -> Image:
    """`sleeper` with a layer that does not compress."""
    return build(name, ["/bin/sleeper"], env={"VERSION": "1"}, files={"/bin/sleeper": _SLEEPER}, size=size)


@cache
def standard() -> dict[str, Image]:
    """The images that the `dockerd` fixture loads, by name."""
    images = [
        hello(),
        sleeper("1"),
        sleeper("2"),
        stubborn(),
        crasher(),
        web("1"),
        web("2"),
        sick(),
        big(),
    ]
    return {image.name: image for image in images}


# -- tar files -------------------------------------------------------------------------------------------------------


@cache
def rootfs() -> bytes:
    """A file system with busybox under all its names, /etc/passwd, /etc/group and a /tmp."""
    applets = subprocess.run([BUSYBOX, "--list"], check=True, capture_output=True, text=True).stdout.split()
    links = {f"bin/{applet}": "busybox" for applet in applets if applet != "busybox"}
    return _tar(
        {
            "bin/busybox": Path(BUSYBOX).read_bytes(),
            "etc/passwd": b"root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n",
            "etc/group": b"root:x:0:\nnogroup:x:65534:\n",
        },
        links,
        folders=("dev", "proc", "sys", "root", "tmp", "run", "var", "var/tmp"),
    )


def _tar(files: Mapping[str, bytes], links: Mapping[str, str] | None = None, folders: Sequence[str] = ()) -> bytes:
    output = io.BytesIO()
    with tarfile.open(fileobj=output, mode="w", format=tarfile.GNU_FORMAT) as tar:
        parents = {str(parent) for path in [*files, *(links or {})] for parent in Path(path).parents} - {"."}
        for folder in sorted({*parents, *folders}):
            entry = tarfile.TarInfo(folder)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o1777 if folder.endswith("tmp") else 0o755
            tar.addfile(entry)
        for path, content in files.items():
            entry = tarfile.TarInfo(path)
            entry.size = len(content)
            entry.mode = 0o755 if Path(path).parent.name in ("bin", "sbin") else 0o644
            tar.addfile(entry, io.BytesIO(content))
        for path, target in (links or {}).items():
            entry = tarfile.TarInfo(path)
            entry.type, entry.linkname, entry.mode = tarfile.SYMTYPE, target, 0o777
            tar.addfile(entry)
    return output.getvalue()


@cache
def _packed(layer: bytes) -> bytes:
    return gzip.compress(layer, compresslevel=1, mtime=0)


def _bytes(content: str | bytes) -> bytes:
    return content.encode() if isinstance(content, str) else content
