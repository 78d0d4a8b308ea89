"""A second copy at an HTTP receiver: one POST of lines (NDJSON), signed, or with a token, from the environment.

It speaks to the one URL that it was given: it follows no redirect, and uses no proxy of the environment. Of an answer
only the status counts; nothing but 2xx means that the lines are there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import NamedTuple

from hitl_fsm.adapters.notify.webhook import tls
from hitl_fsm.adapters.routes.given import secret_value
from hitl_fsm.adapters.routes.signing import signed
from hitl_fsm.adapters.sinks.aside import WRITE_S
from hitl_fsm.errors import SettingsError, SinkError
from hitl_fsm.ports_out import Line

_OK = range(200, 300)
_ID_CHARS = 16


class Receiver(NamedTuple):
    """`bearer` and `secret` are names of environment variables, "" for none."""

    url: str
    bearer: str = ""
    secret: str = ""


async def post(receiver: Receiver, lines: Sequence[Line]) -> None:
    """One attempt. SinkError unless they were taken."""
    import httpx  # noqa: PLC0415 - 0.1 s, only for who sends

    body = b"".join(line.body + b"\n" for line in lines)
    try:
        headers = _headers(receiver, lines, body)
    except SettingsError as error:  # a variable that is not set, or not yet what it should be
        raise SinkError(error.message, help=error.help) from None
    try:
        async with (
            asyncio.timeout(WRITE_S),
            httpx.AsyncClient(verify=tls(), timeout=WRITE_S, follow_redirects=False, trust_env=False) as client,
            client.stream("POST", receiver.url, content=body, headers=headers) as response,
        ):
            status = response.status_code
    except TimeoutError:
        msg = f"the receiver did not take the lines within {WRITE_S:g} s"
        raise SinkError(msg, help="look whether it hangs") from None
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        msg = f"the receiver did not answer: {type(error).__name__}"
        raise SinkError(
            msg, help="look whether it runs, and can be reached from here"
        ) from None  # its text has the URL
    if status not in _OK:
        msg = f"the receiver answered {status}"
        raise SinkError(msg, help="only 2xx counts; its own log tells why")


def _headers(receiver: Receiver, lines: Sequence[Line], body: bytes) -> dict[str, str]:
    """The id is that of the lines: the same lines, offered again, come under the same."""
    first, last = lines[0].seq, lines[-1].seq
    made = {
        "content-type": "application/x-ndjson",
        "user-agent": "hitl-fsm",
        "hitl-first": str(first),
        "hitl-last": str(last),
    }
    if receiver.bearer:
        made["authorization"] = f"Bearer {secret_value(receiver.bearer)}"
    if receiver.secret:
        made |= signed(receiver.secret, f"record-{first}-{last}-{lines[-1].leaf[:_ID_CHARS]}", body)
    return made
