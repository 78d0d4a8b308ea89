"""A second copy at an HTTP receiver: lines over real HTTP, signed or with a token; only 2xx counts."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from hitl_fsm.adapters.routes.signing import check
from hitl_fsm.adapters.sinks import http
from hitl_fsm.errors import SettingsError, SinkError
from hitl_fsm.sinks import HTTP
from receiver import SECRET, Desk, desk
from sinks import lines_of


@pytest.fixture
def told() -> Iterator[Desk]:
    with desk() as made:
        yield made


async def test_the_body_is_the_stored_lines(told: Desk) -> None:
    lines = lines_of(3, who="é")
    await HTTP(told.url).write(lines)
    (one,) = told.messages
    assert one.body == b"".join(line.body + b"\n" for line in lines)
    assert (one.headers["hitl-first"], one.headers["hitl-last"]) == ("1", "3")
    assert one.headers["content-type"] == "application/x-ndjson"
    assert "authorization" not in one.headers


async def test_it_is_signed_under_an_id_that_stays_and_has_its_token(
    told: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    sink = HTTP(told.url, bearer="env:LOG_TOKEN", secret="env:LOG_KEY")
    with pytest.raises(SinkError, match="LOG_TOKEN is not set"):
        await sink.write(lines_of(2))
    monkeypatch.setenv("LOG_TOKEN", "abc")
    monkeypatch.setenv("LOG_KEY", SECRET)
    for _ in range(2):
        await sink.write(lines_of(2))
    one, again = told.messages
    assert one.headers["authorization"] == "Bearer abc"
    assert one.id == again.id
    check("LOG_KEY", one.headers, one.body)
    assert "abc" not in repr(sink)


@pytest.mark.parametrize("status", [199, 301, 302, 400, 401, 404, 409, 429, 500, 503])
async def test_nothing_but_2xx_is_a_yes(told: Desk, status: int) -> None:
    told.answers = [max(status, 300) if status < 200 else status]
    told.headers = {"location": told.url}
    with pytest.raises(SinkError, match="answered"):
        await HTTP(told.url).write(lines_of(1))
    assert len(told.messages) == 1


async def test_it_hangs_or_is_not_there(told: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "WRITE_S", 0.1)
    told.hang_s = 5.0
    with pytest.raises(SinkError, match="did not"):
        await HTTP(told.url).write(lines_of(1))
    with pytest.raises(SinkError, match="did not answer") as caught:
        await HTTP("http://127.0.0.1:9/secret-path").write(lines_of(1))
    assert "secret-path" not in str(caught.value)


def test_it_must_be_https_and_its_secrets_are_named_only() -> None:
    for bad in ("http://logs.example.com/x", "ftp://x", "https://u:p@h/x"):
        with pytest.raises(SettingsError):
            HTTP(bad)
    with pytest.raises(SettingsError, match="env:NAME"):
        HTTP("https://logs.example.com/x", bearer="abc")
