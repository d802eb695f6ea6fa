"""The content that registries have under a tag now, asked through the engine, which has the network and the trust.

An answer holds for a while, and so does silence, because every look at the engine would otherwise wait for a registry
that is away. `fresh` asks again in any case, for an image that an operator has just asked for. However many images a
spec names, a look waits for all of them together for a limited time; later answers serve the next look.
"""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from evenkeel.controller.distribution.access import PullAccess
from evenkeel.controller.drivers.containers.docker.answers import Distribution, SystemAnswer
from evenkeel.controller.drivers.containers.docker.client import EngineAnswer, EngineClient
from evenkeel.controller.process.waiting import waiting_for
from evenkeel.specs.containers.image import DEFAULT_REGISTRY, DIGEST_PATTERN, parse_image
from evenkeel.specs.containers.observed import RemoteImage
from evenkeel.specs.errors import DriverError, TimedOut, Unavailable
from evenkeel.specs.reading.secrecy import shown_address
from evenkeel.specs.visible import shortened

if TYPE_CHECKING:
    from evenkeel.controller.settings.credentials import Credentials

log = logging.getLogger(__name__)

_TIMEOUT_S = 10.0
"""The time limit for one image. The time before the image has one of the places does not count."""
_REALM_S = 30.0
"""The time limit for the question before an engine gets credentials."""
_AT_ONCE = 4
"""Places of their own, so that a slow registry takes none from the looks."""
_PATIENCE_S = 15.0
"""The time limit for all images of one look together."""
_FRESH_S = 300.0
"""For how long a registry's answer about a moving tag is good enough."""
_LOST_S = 60.0
"""For how long a registry that does not answer is not asked again."""
_LONGEST_WHY = 120
_NOT_SHOWN = "the engine's words are not shown, for they have a secret in them"
_DIGEST = re.compile(DIGEST_PATTERN)


AskRegistries = Callable[[Sequence[str], Callable[[str], None]], Awaitable[Mapping[str, RemoteImage]]]
"""The answers about some images; a function is called with the reason of each that there is none of."""


class Auth(NamedTuple):
    """The credentials that an engine is given for one question. The text form shows nothing."""

    headers: Mapping[str, str] = MappingProxyType({})
    secrets: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return "Auth(…)"

    def words(self, text: str) -> str:
        """The engine's words to that question. It passes on those of the registry, which was told the secrets; words that
        repeat one are not shown."""
        from evenkeel.specs.reading.repeated import has_secret

        return _NOT_SHOWN if has_secret(text, self.secrets) else text


class Registries:
    """All registries, behind one engine."""

    def __init__(
        self,
        client: EngineClient,
        access: PullAccess,
        answered: Callable[[], None],
        directly: AskRegistries | None = None,
    ) -> None:
        """`answered` is called when an answer has come for which no look waited. `directly` asks a registry without the engine,
        where the engine does not ask for others."""
        self._client, self._access, self._answered, self._directly = client, access, answered, directly
        self._slots = asyncio.Semaphore(_AT_ONCE)
        self._known: dict[str, tuple[float, RemoteImage | None]] = {}
        self._silent: dict[str, float] = {}
        """Registries → when one was last given up because it did not answer."""
        self._whys: dict[str, str] = {}
        """Why the last question about an image has no answer."""
        self._asking: dict[str, asyncio.Task[RemoteImage | None]] = {}

    async def look_up(self, images: Sequence[str], *, fresh: bool = False) -> dict[str, RemoteImage]:
        """The content under each tag now. An image whose registry cannot be asked is absent, which is no reason to
        change anything. `fresh`: ask again in any case."""
        found: dict[str, RemoteImage] = {}
        waiting: dict[str, asyncio.Task[RemoteImage | None]] = {}
        now = asyncio.get_running_loop().time()
        for image in images:
            if parse_image(image).digest:
                continue  # a digest names one content for ever
            asked_at, known = self._known.get(image, (-_FRESH_S, None))
            if fresh or now - asked_at >= (_LOST_S if known is None else _FRESH_S):
                waiting[image] = self._ask_now(image, fresh=fresh)
            elif known is not None:
                found[image] = known
        if waiting:
            await asyncio.wait(waiting.values(), timeout=_PATIENCE_S)
        for image, task in waiting.items():
            if not task.done():
                task.add_done_callback(self._is_late)
            elif not task.cancelled() and (known := task.result()) is not None:
                found[image] = known
        return found

    def why(self, image: str) -> str:
        """Why nothing is known of an image, in few words: the last part of the engine's message is the cause."""
        return self._whys.get(image, f"it has not answered within {_PATIENCE_S:g} s")

    def _is_late(self, task: asyncio.Task[RemoteImage | None]) -> None:
        if not task.cancelled() and task.result() is not None:
            self._answered()

    def _ask_now(self, image: str, *, fresh: bool) -> asyncio.Task[RemoteImage | None]:
        """The question that is under way about an image; a fresh one is asked anew."""
        task = self._asking.get(image)
        if task is None or fresh:
            task = asyncio.ensure_future(self._ask(image))
            self._asking[image] = task
            task.add_done_callback(lambda ended: self._forget_question(image, ended))
        return task

    def _forget_question(self, image: str, task: asyncio.Task[RemoteImage | None]) -> None:
        if self._asking.get(image) is task:
            del self._asking[image]

    async def _ask(self, image: str) -> RemoteImage | None:
        loop, ref = asyncio.get_running_loop(), parse_image(image)
        registry = ref.registry
        begun, found = loop.time(), None
        try:
            async with self._slots:
                if self._silent.get(registry, begun - 1) >= begun:
                    raise TimedOut(f"registry:{registry}", "it did not answer about another image")
                auth = await self.auth(f"{registry}/{ref.repository}")
                with waiting_for(f"the engine's answer about the registry {registry}"):
                    answer = await self._distribution(image, auth)
            if not _DIGEST.fullmatch(digest := answer["Descriptor"]["digest"]):
                raise Unavailable(f"registry:{registry}", "its answer is none of a registry")
            found = RemoteImage(digest)
            self._whys.pop(image, None)
        except DriverError as error:
            if isinstance(error, TimedOut):
                self._silent[registry] = loop.time()
            self._whys[image] = shortened(shown_address(error.message.rpartition(": ")[2]), _LONGEST_WHY)
            log.info("registry was not asked", extra={"fields": {"image": image, "why": str(error)}})
        if self._known.get(image, (begun, None))[0] <= begun:
            self._known[image] = (begun, found)
        return found

    async def _distribution(self, image: str, auth: Auth) -> Distribution:
        """The engine's answer; where it asks no registry for others, as Podman, the registry's own."""
        path = f"/distribution/{image}/json"
        try:
            return await self._client.get(path, Distribution, headers=auth.headers, timeout_s=_TIMEOUT_S, queues=False)
        except EngineAnswer as answer:
            if self._directly is None or answer.status != 404 or answer.message != "Not Found":
                raise EngineAnswer(answer.element, answer.status, auth.words(answer.message), answer.request) from None
        whys: list[str] = []
        found = await self._directly([image], whys.append)
        if image not in found:
            raise Unavailable(f"registry:{parse_image(image).registry}", "; ".join(whys))
        return {"Descriptor": {"digest": found[image].digest}}

    async def close(self) -> None:
        """Ends all questions."""
        asking = list(self._asking.values())
        for task in asking:
            task.cancel()
        await asyncio.gather(*asking, return_exceptions=True)

    def forget(self, image: str) -> None:
        """Forget the answer about an image, because it was pulled."""
        self._known.pop(image, None)
        self._whys.pop(image, None)

    async def auth(self, place: str) -> Auth:
        """The credentials for an image, by its registry and repository, if there are any. An engine sends them to whatever
        host the registry names, and Docker to mirrors, too; so it is given none while one of these asks for them that may not
        have them. Raises DriverError."""
        from evenkeel.controller.settings.credentials import credentials_of_pull

        access, registry = self._access, place.partition("/")[0]
        found = await credentials_of_pull(place, access.docker_config, access.admitted)
        if found is None:
            return Auth()
        mirrors = await self._mirrors() if registry == DEFAULT_REGISTRY else []
        await _ask_first(registry, mirrors, found, access)
        return _auth(found)

    async def _mirrors(self) -> list[str]:
        """The addresses of those that Docker asks before Docker Hub. Podman has none here: it sends them what is theirs."""
        found = (await self._client.get("/info", SystemAnswer)).get("RegistryConfig") or {}
        return [each.rstrip("/") for each in found.get("Mirrors") or ()]


async def _ask_first(registry: str, mirrors: Sequence[str], credentials: Credentials, access: PullAccess) -> None:
    """Ask a registry, and at the same time its mirrors, by their addresses, where they want these credentials sent. Raises
    DriverError."""
    from evenkeel.controller.distribution.visit import check_mirror, check_realm

    questions = [_told(check_realm(registry, credentials, access), registry)]
    for mirror in mirrors:
        what = f"the mirror {mirror} of {registry} is in the way"
        questions.append(_told(check_mirror(mirror, credentials, access), registry, what))
    asking = [asyncio.ensure_future(each) for each in questions]
    try:
        with waiting_for(f"the registry {registry}"):
            await asyncio.gather(*asking)
    finally:
        for each in asking:
            each.cancel()
        await asyncio.gather(*asking, return_exceptions=True)


async def _told(question: Awaitable[None], registry: str, what: str = "") -> None:
    """The answer to a question before a pull, or its error. `what`: the outcome of a failure, as `error_of` has it."""
    from evenkeel.controller.distribution.failures import LATE, Failure, error_of

    try:
        async with asyncio.timeout(_REALM_S):
            await question
    except TimeoutError:
        raise error_of(Failure(LATE, "late"), registry, registry, what) from None
    except Failure as failure:
        raise error_of(failure, registry, registry, what) from None


def _auth(credentials: Credentials) -> Auth:
    """The engine's header: base64url of a JSON object (Engine API, "Authentication")."""
    from evenkeel.controller.distribution.tokens import secrets_of

    fields = {"serveraddress": credentials.server}
    if credentials.identity_token:
        fields["identitytoken"] = credentials.identity_token
    if credentials.password or not credentials.identity_token:
        fields |= {"username": credentials.username, "password": credentials.password}
    header = base64.urlsafe_b64encode(json.dumps(fields).encode()).decode()
    return Auth({"X-Registry-Auth": header}, (*secrets_of(credentials), header))
