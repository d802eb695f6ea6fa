"""A private image registry (`docker-registry`): TLS by a CA of its own, a password, a loopback port.

Note that dockerd counts 127.0.0.0/8 and localhost as insecure registries, so that it would not mind a wrong certificate
here; `trust` makes the CA known all the same, for that is what a device has to do.
"""

import base64
import contextlib
import http.client
import json
import re
import shutil
import signal
import ssl
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from .certificates import signed
from .images import MANIFEST, Image, standard
from .machine import alone, free_port

_TRUSTED = Path("/etc/docker/certs.d")
"""dockerd reads `<host:port>/ca.crt` here at every pull, from this fixed place."""
_USER, _PASSWORD = "driver", "correct horse: battery/staple"


class Registry:
    """`host` is what stands before the name in an image reference; `ca` a PEM file; `docker_config` a config.json."""

    def __init__(self, folder: Path, address: str = "127.0.0.1", *, asks_back: bool = False) -> None:
        """`asks_back`: it wants a certificate by its CA, as client.crt with client.key is."""
        self.folder, self.address, self.asks_back = folder, address, asks_back
        self.port = free_port(address)
        self.host = f"localhost:{self.port}" if address == "127.0.0.1" else f"{address}:{self.port}"
        self.user, self.password = _USER, _PASSWORD
        self.ca = folder / "ca.crt"
        self.docker_config = folder / "config.json"
        self._process: subprocess.Popen[bytes] | None = None
        _make_certificates(folder, address)
        tls: dict[str, object] = {"certificate": str(folder / "server.crt"), "key": str(folder / "server.key")}
        if asks_back:
            signed(folder, "client", "device-7", "extendedKeyUsage=clientAuth\n")
            tls["clientcas"] = [str(self.ca)]
        _run("htpasswd", "-Bbc", str(folder / "htpasswd"), self.user, self.password)
        (folder / "registry.yml").write_text(
            json.dumps(
                {
                    "version": 0.1,
                    "log": {"level": "info"},
                    "storage": {
                        "filesystem": {"rootdirectory": str(folder / "data")},
                        "delete": {"enabled": True},
                        "cache": {"blobdescriptor": "inmemory"},
                    },
                    "http": {
                        "addr": f"{address}:{self.port}",
                        "tls": tls,
                    },
                    "auth": {"htpasswd": {"realm": "evenkeel", "path": str(folder / "htpasswd")}},
                }
            )
        )
        self.docker_config.write_text(json.dumps({"auths": {self.host: {"auth": self._basic()}}}))

    def start(self) -> None:
        program = shutil.which("docker-registry") or shutil.which("registry") or "docker-registry"
        with (self.folder / "registry.log").open("ab") as log:
            command = [program, "serve", str(self.folder / "registry.yml")]
            self._process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        deadline = time.monotonic() + 60
        while True:
            with contextlib.suppress(OSError):
                if self.request("GET", "/v2/")[0] == 200:
                    return
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the registry did not start:\n{(self.folder / 'registry.log').read_text()[-2000:]}")
            time.sleep(0.05)

    def freeze(self) -> None:
        """From now on it accepts connections and says nothing: pulls stay where they are until `thaw`."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def _signal(self, which: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(which)

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(60)
            self._process = None

    def close(self) -> None:
        """Ends it. Nothing of it stays where dockerd looks, also when a test failed before evenkeel removed that."""
        self.stop()
        for folder in (self.folder, _TRUSTED / self.host):
            shutil.rmtree(folder, ignore_errors=True)

    def auth(self, password: str | None = None) -> str:
        """The value of the engine's X-Registry-Auth header."""
        content = {"username": self.user, "password": password or self.password, "serveraddress": self.host}
        return base64.urlsafe_b64encode(json.dumps(content).encode()).decode()

    def push(self, name: str, tag: str, image: Image | None = None) -> str:
        """Stores an image (by default the standard one `name:tag`); returns the digest of its manifest."""
        found = image or standard()[f"{name}:{tag}"]
        for digest, content in found.blobs().items():
            if self.request("HEAD", f"/v2/{name}/blobs/{digest}")[0] == 200:
                continue
            status, headers, _ = self.request("POST", f"/v2/{name}/blobs/uploads/")
            path = headers["Location"].removeprefix(f"https://{self.address}:{self.port}")
            status, _, answer = self.request("PUT", f"{path}&digest={digest}", content)
            if status != 201:
                raise RuntimeError(f"cannot push a blob: {status} {answer!r}")
        return self.put_manifest(name, tag, found.manifest())

    def put_manifest(self, name: str, tag: str, manifest: bytes, media_type: str = MANIFEST) -> str:
        status, headers, answer = self.request("PUT", f"/v2/{name}/manifests/{tag}", manifest, media_type)
        if status != 201:
            raise RuntimeError(f"cannot push a manifest: {status} {answer!r}")
        return headers["Docker-Content-Digest"]

    def sent(self, name: str, digest: str) -> list[str]:
        """The status of each answer to a request for a blob: 200 for all of it, 206 for the rest of it."""
        text = (self.folder / "registry.log").read_text(errors="replace")
        return re.findall(rf'"GET /v2/{re.escape(name)}/blobs/{digest} HTTP/[\d.]+" (\d+)', text)

    def reference(self, name: str, tag: str = "") -> str:
        return f"{self.host}/{name}" + (f":{tag}" if tag else "")

    def request(
        self, method: str, path: str, body: bytes | None = None, media_type: str = "application/octet-stream"
    ) -> tuple[int, dict[str, str], bytes]:
        context = ssl.create_default_context(cafile=str(self.ca))
        if self.asks_back:
            context.load_cert_chain(self.folder / "client.crt", self.folder / "client.key")
        connection = http.client.HTTPSConnection(self.address, self.port, context=context, timeout=30)
        try:
            headers = {"Authorization": f"Basic {self._basic()}", "Content-Type": media_type}
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return answer.status, dict(answer.headers), answer.read()
        finally:
            connection.close()

    @contextlib.contextmanager
    def trusted_by_dockerd(self) -> Iterator[None]:
        """Its authority is where dockerd looks for it."""
        folder = _TRUSTED / self.host
        with alone("certs.d"):
            made = [path for path in (folder, *folder.parents) if not path.exists()]
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copy(self.ca, folder / "ca.crt")
        try:
            yield
        finally:
            with alone("certs.d"):
                (folder / "ca.crt").unlink(missing_ok=True)
                for path in made:
                    with contextlib.suppress(OSError):
                        path.rmdir()

    def _basic(self) -> str:
        return base64.b64encode(f"{self.user}:{self.password}".encode()).decode()


def _make_certificates(folder: Path, address: str) -> None:
    """ca.crt, server.crt and server.key."""
    (folder / "server.ext").write_text(
        f"subjectAltName=DNS:localhost,IP:127.0.0.1,IP:{address}\nextendedKeyUsage=serverAuth\n"
    )
    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    ca = ("-keyout", str(folder / "ca.key"), "-out", str(folder / "ca.crt"))
    extensions = ("-addext", "keyUsage=critical,keyCertSign,cRLSign")
    _run("openssl", "req", "-x509", *curve, *ca, "-days", "30", "-subj", "/CN=evenkeel tests", *extensions)
    request = ("-keyout", str(folder / "server.key"), "-out", str(folder / "server.csr"))
    _run("openssl", "req", *curve, *request, "-subj", "/CN=localhost")
    signer = ("-CA", str(folder / "ca.crt"), "-CAkey", str(folder / "ca.key"), "-CAcreateserial")
    files = ("-in", str(folder / "server.csr"), "-out", str(folder / "server.crt"))
    _run("openssl", "x509", "-req", *files, *signer, "-days", "30", "-extfile", str(folder / "server.ext"))


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{command[0]} failed: {done.stderr}")
