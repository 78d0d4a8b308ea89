"""A system with a URL carries the call out: a signed POST goes there, and its answer or its callback is the result."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, urlsplit

import msgspec

from hitl_fsm.adapters.routes import signing
from hitl_fsm.adapters.routes.given import UnreadableError, json_value, seconds, secret_name
from hitl_fsm.adapters.routes.wire import data_of
from hitl_fsm.errors import CallbackRefused, SettingsError
from hitl_fsm.model.dispatch import Callback, Handover, NotBegun, Outcome, Refused, Returned, Taken, Unknown

if TYPE_CHECKING:
    import httpx

TIMEOUT_S = 30.0
"""Seconds that a system has to answer, unless the application says otherwise."""
CONNECT_S = 10.0
"""Seconds in which a connection must stand; nothing was sent before."""
ANSWER_BYTES = 1024 * 1024
"""Bytes of an answer, or of a callback; of more nothing is used."""
ERROR_CHARS = 500
"""Characters of what a callback says of a failure, which the model reads."""
PACKAGES = ("httpx", "standardwebhooks")
"""What is imported when something is sent, or comes back."""
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_OK, _TAKEN, _AGAIN = 200, 202, frozenset({425, 429})
_REDIRECT, _CLIENT, _SERVER = 300, 400, 500
_TIMED_OUT = 408


class Webhook:
    """`Webhook("https://bank.example/pay", secret="env:BANK_OUT", callback_secret="env:BANK_BACK")`.

    The POST is signed as Standard Webhooks has it, with the requirement's id as `webhook-id`. 200 with a JSON body is
    the result; 202 says that the system calls back. Redirects are not followed. 4xx: it was not carried out; anything
    else that is no answer: nobody knows. Without `callback_secret` no callback is taken. `idempotent`: the system
    recognises what it got before by `idempotency_key`, so that it may be sent again when nobody knows.
    """

    def __init__(
        self,
        url: str,
        *,
        secret: str,
        callback_secret: str | None = None,
        timeout: str | float = TIMEOUT_S,
        idempotent: bool = False,
    ) -> None:
        self.idempotent = idempotent
        for (
            package
        ) in PACKAGES:  # told here: a call that is handed over without them would have to be sent again by hand
            if find_spec(package) is None:
                msg = f"webhooks need the package {package!r}"
                raise SettingsError(msg, help="pip install 'hitl-fsm[routes]'")
        self._url = url
        self._shown = _shown(_checked(url))
        self._secret = secret_name(secret, "the secret of a webhook")
        self._back = None if callback_secret is None else secret_name(callback_secret, "the secret for callbacks")
        if self._back == self._secret:
            msg = "a webhook has the same secret for both directions"
            raise SettingsError(msg, help="give callback_secret a variable of its own")
        self._timeout_s = seconds(timeout, "the timeout of a webhook")

    def __repr__(self) -> str:
        return f"<webhook {self._shown}>"

    async def hand_over(self, handover: Handover) -> Outcome:
        """See `ports_out.Route`."""
        try:
            body = _message(handover)
            headers = self._headers(handover, body)
            client = self._client()
        except SettingsError as error:
            return Refused(error.message)
        async with client:
            return await self._posted(client, headers, body)

    def callback(self, headers: Mapping[str, str], body: bytes) -> Callback:
        """See `ports_out.CallsBack`."""
        if self._back is None:
            msg = "this route takes no callbacks"
            raise CallbackRefused(msg, help="give its Webhook a callback_secret")
        if len(body) > ANSWER_BYTES:
            msg = f"the callback has more than {ANSWER_BYTES} bytes"
            raise CallbackRefused(msg, help="a result has a few KB")
        signing.check_apart(self._secret, self._back)
        signing.check(self._back, headers, body)
        return _read(body)

    def _headers(self, handover: Handover, body: bytes) -> dict[str, str]:
        if self._back is not None:
            signing.check_apart(self._secret, self._back)
        return {
            "content-type": "application/json",
            "accept": "application/json",
            "accept-encoding": "identity",
            "user-agent": "hitl-fsm",
            "idempotency-key": handover.idempotency_key,
            **signing.signed(self._secret, handover.requirement_id, body),
        }

    def _client(self) -> httpx.AsyncClient:
        import httpx  # noqa: PLC0415 - 170 ms, and an extra

        timeout = httpx.Timeout(self._timeout_s, connect=min(CONNECT_S, self._timeout_s / 2))
        return httpx.AsyncClient(follow_redirects=False, timeout=timeout)

    async def _posted(self, client: httpx.AsyncClient, headers: dict[str, str], body: bytes) -> Outcome:
        import httpx  # noqa: PLC0415 - as above

        try:
            async with (
                asyncio.timeout(self._timeout_s),
                client.stream("POST", self._url, headers=headers, content=body) as response,
            ):
                return await _outcome(response)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.UnsupportedProtocol) as error:
            return NotBegun(f"{self._shown} cannot be reached: {_words(error)}")
        except (httpx.HTTPError, TimeoutError) as error:
            return Unknown(f"{self._shown} gave no answer: {_words(error)}")


async def _outcome(response: httpx.Response) -> Outcome:
    status = response.status_code
    told = f"it answered {status}"
    if status == _TAKEN:
        return Taken()
    if status == _OK:
        return await _result(response)
    if status in _AGAIN:
        return NotBegun(told)
    if _REDIRECT <= status < _CLIENT:
        return Refused(f"{told}, a redirect, which is not followed")
    if _CLIENT <= status < _SERVER and status != _TIMED_OUT:
        return Refused(told)
    return Unknown(told)


async def _result(response: httpx.Response) -> Outcome:
    if response.headers.get("content-encoding", "identity") != "identity":
        return Unknown("it answered 200 with a compressed body, which was not asked for")
    kept = bytearray()
    async for chunk in response.aiter_raw():
        kept += chunk
        if len(kept) > ANSWER_BYTES:
            return Unknown(f"it answered 200 with more than {ANSWER_BYTES} bytes")
    try:
        return Returned(json_value(bytes(kept)))
    except UnreadableError as error:
        return Unknown(f"it answered 200, but not with a result: {error}")


def _message(handover: Handover) -> bytes:
    return msgspec.json.encode({"type": "call.handed_over", "data": data_of(handover)})


def _read(body: bytes) -> Callback:
    """The fields of a callback. Whoever it says gave the answer is nobody: who signed it did (law 13)."""
    try:
        found = json_value(body)
    except UnreadableError as error:
        msg = f"the callback cannot be read: {error}"
        raise CallbackRefused(msg, help='{"callback_id": "…", "result": …}') from error
    data: Any = found.get("data", found) if isinstance(found, dict) else None
    if not isinstance(data, dict) or not isinstance(data.get("callback_id"), str):
        msg = "the callback does not say what it is about"
        raise CallbackRefused(msg, help="callback_id is that of the message which it answers")
    if ("result" in data) == ("error" in data):
        msg = "a callback has either a result or an error"
        raise CallbackRefused(msg, help='{"callback_id": "…", "result": …} or {"callback_id": "…", "error": "…"}')
    failed = data.get("error")
    if "error" in data and not isinstance(failed, str):
        msg = "the error of a callback is a text"
        raise CallbackRefused(msg, help='{"callback_id": "…", "error": "…"}')
    return Callback(data["callback_id"], data.get("result"), None if failed is None else failed[:ERROR_CHARS])


def _checked(url: object) -> SplitResult:
    try:
        found = urlsplit(url) if isinstance(url, str) else None
        host = None if found is None else found.hostname
        port = None if found is None else found.port
    except ValueError:
        found, host, port = None, None, None
    del port
    secure = found is not None and (found.scheme == "https" or (found.scheme == "http" and host in _LOOPBACK))
    if found is None or not host or not secure:
        msg = "a webhook's address must be an https URL (http only on this machine)"
        raise SettingsError(msg, help='as in Webhook("https://bank.example/pay", secret="env:BANK_OUT")')
    if found.username is not None or found.password is not None:
        msg = "a webhook's address has a name or a password in it"
        raise SettingsError(msg, help="the signature says who sends; leave them out")
    return found


def _shown(found: SplitResult) -> str:
    return f"{found.scheme}://{found.netloc}{found.path}"  # no token of the query


def _words(error: Exception) -> str:
    return str(error)[:200] or type(error).__name__
