"""An append-only object store over HTTP: each note is an object, put where none stands (`If-None-Match: *`).

Under a URL that ends with `/` the objects are numbered from 0; the first number without one is where the next goes. A
URL with a query (one that was signed beforehand) is that of one object. Retention is the store's: S3 Object Lock, say.
"""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from urllib.parse import urlsplit

from hitl_fsm.adapters.anchors.agreeing import NOTES_MAX, is_new
from hitl_fsm.adapters.notify.webhook import tls
from hitl_fsm.audit.checkpoint import MAX_NOTE
from hitl_fsm.errors import AnchorError, SettingsError

HTTP_S = 30.0
"""How long one request may take."""
TRIES = 8
"""Times that a place is looked for, where others put theirs at the same moment."""

_TAKEN = {HTTPStatus.PRECONDITION_FAILED, HTTPStatus.CONFLICT}
_ABSENT = {HTTPStatus.NOT_FOUND, HTTPStatus.GONE}


class ObjectAnchor:
    """See `ports_out.Anchor`."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        if not parts.hostname or (not parts.query and not parts.path.endswith("/")) or parts.fragment:
            msg = "the URL of an anchor ends with /, or is one that was signed for one object"
            raise SettingsError(msg, help="https://host/bucket/checkpoints/")
        self.url = f"{parts.scheme}://{parts.hostname}{parts.path}"  # what is left out may be a secret
        self._url = url
        self._single = bool(parts.query)

    def keep(self, note: bytes) -> bool:
        """See `ports_out.Anchor`."""
        if self._single:
            return self._put_single(note)
        for _ in range(TRIES):
            count = self._count()
            if not is_new(note, self._get(count - 1) if count else None, self.url):
                return False
            if self._put(count, note):
                return True
        msg = f"others put objects into {self.url} all the time"
        raise AnchorError(msg, help="try again")

    def newest(self) -> bytes | None:
        """See `ports_out.Anchor`."""
        count = 1 if self._single else self._count()
        return self._get(count - 1) if count else None

    def notes(self) -> Sequence[bytes]:
        """See `ports_out.Anchor`."""
        found: list[bytes] = []
        while len(found) < NOTES_MAX and (note := self._get(len(found))) is not None:
            found.append(note)
            if self._single:
                break
        return found

    def _put_single(self, note: bytes) -> bool:
        if self._put(0, note):
            return True
        there = self._get(0)
        if there != note:
            msg = f"{self.url} has another object already"
            raise AnchorError(msg, help="a URL that was signed for one object takes one checkpoint; sign another one")
        return False

    def _count(self) -> int:
        """How many objects there are: they are numbered without a gap, and none goes away."""
        low, high = 0, 1
        while high <= NOTES_MAX and self._get(high - 1) is not None:
            low, high = high, high * 2
        while low + 1 < high:
            middle = (low + high) // 2
            if self._get(middle - 1) is not None:
                low = middle
            else:
                high = middle
        return low

    def _place(self, number: int) -> str:
        return self._url if self._single else f"{self._url}{number:012d}.note"

    def _put(self, number: int, note: bytes) -> bool:
        """False where an object stands already."""
        headers = {"if-none-match": "*", "content-type": "text/plain; charset=utf-8"}
        status, _ = self._send("PUT", number, note, headers)
        if status in _TAKEN:
            return False
        if not HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
            raise self._refused(status)
        return True

    def _get(self, number: int) -> bytes | None:
        status, body = self._send("GET", number, b"", {})
        if status in _ABSENT:
            return None
        if status != HTTPStatus.OK or len(body) > MAX_NOTE:
            raise self._refused(status)
        return body

    def _send(self, method: str, number: int, body: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
        """No redirect is followed, no proxy of the environment used, and no more read than a note has."""
        import httpx  # noqa: PLC0415 - 0.1 s, only for who sends

        try:
            with (
                httpx.Client(verify=tls(), timeout=HTTP_S, follow_redirects=False, trust_env=False) as client,
                client.stream(method, self._place(number), content=body or None, headers=headers) as response,
            ):
                found = b""
                for part in response.iter_bytes():
                    found += part
                    if len(found) > MAX_NOTE:
                        break
                return response.status_code, found
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            msg = f"{self.url} did not answer: {type(error).__name__}"
            raise AnchorError(msg, help="look whether it can be reached from here") from None  # its text has the URL

    def _refused(self, status: int) -> AnchorError:
        msg = f"{self.url} answered {status}"
        return AnchorError(msg, help="its own log tells why; it must answer 404 for what is not there")
