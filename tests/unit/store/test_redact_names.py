"""Secrets that only a name tells, wherever the name stands; and what only sounds like one, which stays."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from hitl_fsm.audit import redact
from hitl_fsm.audit.redact import builtin

GONE = "⟦redacted: password⟧"


def left_of(args: Any) -> Any:
    contents = {"args": args}
    redacted = builtin().contents(contents, msgspec.json.encode(contents))
    return (redacted or contents)["args"]


@pytest.mark.parametrize(
    "name",
    [
        *("pass", "db_pass", "smtpPass", "pw", "passkey", "cookie", "Set-Cookie", "session_cookie", "cookieHeader"),
        *("jwt", "authtoken", "dbpassword", "CLIENTSECRET", "SecretString", "puk", "backup_codes", "verification_code"),
        *(
            "api_keys",
            "AccountKey",
            "master-key",
            "mnemonic",
            "recovery phrase",
            "passwordNew",
            "\uff50\uff41\uff53\uff53\uff57\uff4f\uff52\uff44",
            "tokens",
        ),
    ],
)
@pytest.mark.parametrize("value", ["hunter2x", ["hunter2x", "hunter3x"], {"of": "hunter2x"}, [{"sid": "hunter2x"}]])
def test_what_has_the_name_of_a_secret_goes_as_a_whole(name: str, value: Any) -> None:
    assert left_of({name: value, "sum": 1}) == {name: GONE, "sum": 1}


@pytest.mark.parametrize(
    "args",
    [
        {"total_tokens": 1234, "usage": {"prompt_tokens": 7, "tokens": {"in": 1, "out": 2}}, "max_tokens": [1, 2]},
        {"boarding_pass": "LH 123", "season_passes": ["A", "B"], "pass": True, "passes": 12, "passport": "C01X"},
        {"password_hint": "a pet", "secretary": "Ann", "cookie_consent": "yes", "token_count": "3", "pin_map": "x"},
        {"authorization": "board minute 12", "Authorization": ["Ann", "Bo"], "travel_authorization": "A-1"},
        {"password": {"type": "string", "title": "Password"}, "cookie": {"description": "of the session"}},
        {"token": "", "secret": None, "otp": False, "cookies": [], "credentials": {}},
        {"rows": [{"name": "colour", "value": "red"}, {"where": "pinned", "was": 1, "now": 2}]},
        'it said "total_tokens": 12, "name": "Ann", and {"password_hint": "a pet"}',
    ],
)
def test_what_only_sounds_like_one_stays(args: Any) -> None:
    assert left_of(args) == args


@pytest.mark.parametrize("value", ["Token hunter2x", "Bearer hunter2x", "ApiKey hunter2x", "hunter2xhunter2xhunter2x"])
@pytest.mark.parametrize("name", ["Authorization", "authorization", "Proxy-Authorization"])
def test_what_http_calls_authorization_goes_where_it_is_one(name: str, value: str) -> None:
    assert "hunter2x" not in str(left_of({"headers": {name: value}}))


@pytest.mark.parametrize(
    ("args", "left"),
    [
        ([{"name": "DB_PASSWORD", "value": "hunter2x"}], [{"name": "DB_PASSWORD", "value": GONE}]),
        ([{"Name": "pin", "Value": 4821}], [{"Name": "pin", "Value": GONE}]),
        (
            [{"where": "db.cookies[0]", "how": "changed", "was": "hunter2x", "now": "hunter3x"}],
            [{"where": "db.cookies[0]", "how": "changed", "was": GONE, "now": GONE}],
        ),
    ],
)
def test_what_a_row_names_goes(args: Any, left: Any) -> None:
    assert left_of(args) == left


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ('it called {"pin": 4821, "a": 1}', f'it called {{"pin": {GONE}, "a": 1}}'),
        ("{'otp': '4821', 'a': 'b'} x", f"{{'otp': '{GONE}', 'a': 'b'}} x"),
        ('{\\"pin\\": \\"4821\\"} x', f'{{\\"pin\\": \\"{GONE}\\"}} x'),
        ('x {"cookie": "48\\"21", "b": 2}', f'x {{"cookie": "{GONE}", "b": 2}}'),
        ('{"pin": "4821", "n": 12345678901234567890123}', f'{{"pin": "{GONE}", "n": 12345678901234567890123}}'),
        ('{"cookies": [{"name": "sid", "value": "4821"}], "b": 2}', f'{{"cookies": "{GONE}", "b": 2}}'),
        ('{\n  "credentials": {\n    "key": "4821"\n  }\n}', f'{{\n  "credentials": "{GONE}"\n}}'),
        ("GET / Cookie: sid=4821; b=2\nHost: x", "GET / Cookie: ⟦redacted: cookie⟧\nHost: x"),
        ("Set-Cookie: sid=4821; Secure", "Set-Cookie: ⟦redacted: cookie⟧"),
        ("curl --cookie 'sid=4821' x", "curl --cookie '⟦redacted: cookie⟧' x"),
        ("api key: abcdefghijklmnop4821", f"api key: {GONE}"),
    ],
)
def test_a_name_in_a_text_tells_as_well(text: str, left: str) -> None:
    assert left_of(text) == left


@pytest.mark.parametrize(
    "text", ["a cookie: nice", "the token: is lost", "secret: none", 'the "pin": it is gone', "api key: required"]
)
def test_prose_stays(text: str) -> None:
    assert left_of(text) == text


def test_a_text_that_is_json_without_end_is_looked_at_as_a_text() -> None:
    deep = "[" * 100_000 + '{"pin": "4821"}'
    assert "4821" not in left_of(deep)


def test_beside_a_text_in_which_something_is_to_go_others_are_not_looked_through_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With each pattern for itself, a question with fifty texts took milliseconds."""
    looked: list[str] = []
    whole = redact._redacted

    def looking(text: str, shapes: Any) -> str:
        looked.append(text)
        return whole(text, shapes)

    monkeypatch.setattr(redact, "_redacted", looking)
    contents = {"args": {"mail": "ann@example.com", **{f"field {number}": f"text {number}" for number in range(50)}}}
    found = builtin().contents(contents, msgspec.json.encode(contents))
    assert found == {"args": {**contents["args"], "mail": "⟦redacted: e-mail⟧"}}
    assert looked == ["ann@example.com"]
