"""No planted secret stands in a line of the record, nor in what is kept beside it; and plain text stays as it is."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costs import soon
from hitl_fsm.adapters.store.recording import encoded
from hitl_fsm.audit.contents import commitment, opened
from hitl_fsm.audit.redact import (
    FREE_TEXTS,
    KIND_NAMES,
    OWN_PATTERNS,
    PATTERN_CHARS,
    TEXT_LIMIT,
    Own,
    Redactor,
    builtin,
    redactor,
)
from hitl_fsm.audit.redact_kinds import KINDS, is_card, is_iban
from hitl_fsm.errors import RecordError, SettingsError
from hitl_fsm.model.actor import Actor
from hitl_fsm.model.record import Record
from hitl_fsm.model.secret_names import asks_for_secret

ANN = Actor("ann@example.org")
WORDS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"


def some(alphabet: str, least: int, most: int | None = None) -> st.SearchStrategy[str]:
    return st.text(alphabet, min_size=least, max_size=least if most is None else most)


def _card(prefix: str, length: int, digits: str) -> str:
    body = (prefix + digits)[: length - 1]
    return next(f"{body}{check}" for check in range(10) if is_card(f"{body}{check}"))


def _iban(country: str, account: str) -> str:
    return next(f"{country}{check:02}{account}" for check in range(2, 99) if is_iban(f"{country}{check:02}{account}"))


DIGITS = "0123456789"
WORDS_OF_NAMES = (
    *("password", "Passwd", "pass", "word", "phrase", "code", "pwd", "secret", "Secrets", "cvv", "otp", "apikey"),
    *("api", "Key", "token", "Tokens", "credential", "access", "private", "Signing", "ssh", "encryption", "card"),
    *("number", "pin", "Security", "recovery", "seed", "bank", "again", "confirm", "value", "1"),
    *("pass", "Pw", "pswd", "jwt", "Cookies", "mnemonic", "puk", "bearer", "backup", "mfa", "account", "master", "sim"),
    *("authtoken", "string", "header", "keys", "Codes", "x", "authorization", "proxy", "shared", "session", "auth"),
)
CARDS = st.sampled_from(
    [("4", 16), ("51", 16), ("2221", 16), ("34", 15), ("36", 14), ("6011", 16), ("62", 19)]
).flatmap(lambda kind: some(DIGITS, 19).map(lambda digits: _card(*kind, digits)))
IBANS = st.sampled_from([("DE", 18), ("GB", 18), ("NL", 14), ("FR", 23), ("NO", 11), ("MT", 27)]).flatmap(
    lambda kind: some(DIGITS, kind[1]).map(lambda account: _iban(kind[0], account))
)


def grouped(text: str) -> st.SearchStrategy[str]:
    """As it is, or in groups of four."""
    fours = [text[start : start + 4] for start in range(0, len(text), 4)]
    return st.sampled_from([text, " ".join(fours), "-".join(fours)])


SECRETS = st.one_of(
    some(WORDS, 36).map(lambda body: f"ghp_{body}"),
    some(WORDS + "-_", 24, 80).map(lambda body: f"sk-ant-{body}"),
    some("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", 16).map(lambda body: f"AKIA{body}"),
    some(WORDS, 24).map(lambda body: f"xoxb-{body}"),
    some(WORDS + "-_", 35).map(lambda body: f"AIza{body}"),
    some(WORDS, 24).map(lambda body: f"sk_live_{body}"),
    st.tuples(some(WORDS, 20), some(WORDS, 30), some(WORDS, 43)).map(lambda part: f"eyJ{part[0]}.{part[1]}.{part[2]}"),
    some(WORDS + "+/", 64).map(
        lambda body: f"-----BEGIN RSA PRIVATE KEY-----\n{body}\n{body}\n-----END RSA PRIVATE KEY-----"
    ),
    CARDS.flatmap(grouped),
    IBANS.flatmap(grouped),
    st.tuples(some(WORDS, 6, 20), some(WORDS, 3, 12)).map(lambda part: f"{part[0]}.x@{part[1]}.example.org"),
    some("23456789", 9, 11).map(lambda digits: f"+49 {digits[:3]} {digits[3:]}"),
)
AROUND = st.text(st.sampled_from(" .,:;()\n\"'\\äß€/"), max_size=3)
BESIDE = st.sampled_from(' \n\t\r\b\f\x1f\x00:"\\')
"""What a secret stands between, some of it written in letters and digits where a text is JSON."""


@st.composite
def planted(draw: st.DrawFn) -> tuple[str, Any]:
    """A secret, and a JSON value that has it somewhere: in a text, deep down, or as a key."""
    secret = draw(SECRETS)
    text = f"see {draw(AROUND)}{draw(BESIDE)}{secret}{draw(BESIDE)}{draw(AROUND)} end"
    value: Any = draw(st.sampled_from([text, secret, {secret: 1}, {text: {"a": 2}}]))
    for _ in range(draw(st.integers(0, 4))):
        value = draw(st.sampled_from([[1, value], {"beside": "x", "in": value}, [value, value]]))
    return secret, value


@settings(max_examples=400, deadline=None)
@given(planted(), st.sampled_from(FREE_TEXTS), st.integers(0, 3))
def test_no_planted_secret_is_in_a_line_or_beside_it(found: tuple[str, Any], name: str, more: int) -> None:
    secret, value = found
    contents = {"args": value, **{f"more{number}": "nothing" for number in range(more)}}
    record = encoded(Record("x", 1, ANN, "run_1", {name: f"it failed: {secret} .", "call": "1.0"}, contents, "ann"))
    assert record.plain is not None
    hidden = [secret, msgspec.json.encode(secret)[1:-1].decode(), secret.replace(" ", "")]
    for one in hidden:
        assert one.encode() not in record.line
        assert one.encode() not in record.plain.body
    commitments = msgspec.json.decode(record.line)["contents"]
    assert opened(record.plain.body, commitments).values.keys() == contents.keys()
    assert "⟦redacted: " in record.plain.body.decode()


@settings(max_examples=200, deadline=None)
@given(planted())
def test_what_the_hint_does_not_see_no_pattern_finds(found: tuple[str, Any]) -> None:
    """The hint is over JSON; whatever a pattern finds in a text, it finds there too."""
    _, value = found
    assert builtin().contents({"args": value}, msgspec.json.encode({"args": value})) is not None


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=200))
def test_a_kind_finds_nothing_that_its_hint_does_not(text: str) -> None:
    for kind in KINDS:
        redacts = Redactor([kind])
        if redacts.text(text) != text:
            assert redacts.contents({"t": text}, msgspec.json.encode({"t": text})) is not None


PLAIN = [
    "The invoice 2026-000123 of 4,200.00 EUR was paid on 2026-10-01T12:00:00.000Z.",
    "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "order 4111-1111-1111-1112 is no card",  # the check digit is wrong
    "1763888300000 ms, 3.14159265358979323846",
    "https://example.org/path?x=1#frag and postgresql://host/db",
    "2+2345678901 is no phone",
    "AKIA is a prefix, sk-short too; eyJ alone",
    "DE00 1234 is no IBAN",
    "a basic training for 3 people; the password is wrong; no token left",
    "run_01jxt21q003tv6jbs9 asked req_01jxt21q003tv6jbs9-0001",
]


@pytest.mark.parametrize("text", PLAIN)
def test_plain_text_stays_as_it_is(text: str) -> None:
    assert builtin().text(text) == text
    body = {"a": [text, {"b": text}]}
    assert builtin().contents(body, msgspec.json.encode(body)) in (None, body)


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("pay 4111 1111 1111 1111 123 now", "pay ⟦redacted: card⟧ 123 now"),
        ("5 4111 1111 1111 1111", "5 ⟦redacted: card⟧"),
        ("card_4111111111111111", "card_⟦redacted: card⟧"),
        ("DE89 3704 0044 0532 0130 00 and more", "⟦redacted: iban⟧ and more"),
        ("gb82west12345698765432", "⟦redacted: iban⟧"),
        ("mail ann@example.org, or bo@x.example", "mail ⟦redacted: e-mail⟧, or ⟦redacted: e-mail⟧"),
        ("call +1 (555) 123-4567.", "call ⟦redacted: phone⟧."),
        ("postgres://u:p@ss@host/db", "postgres://u:⟦redacted: password⟧@host/db"),
        ("Server=x;Password=hunter22;", "Server=x;Password=⟦redacted: password⟧;"),
        ("Authorization: Bearer abcdefghijklmnop1234", "Authorization: Bearer ⟦redacted: bearer token⟧"),
        ("authorization=Basic dXNlcjpwYXNz", "authorization=Basic ⟦redacted: bearer token⟧"),
        ("-----BEGIN PRIVATE KEY-----\ncut off", "⟦redacted: private key⟧"),
    ],
)
def test_only_the_secret_goes(text: str, left: str) -> None:
    assert builtin().text(text) == left


def test_a_card_as_a_number_and_a_named_password_go_too() -> None:
    contents = {"args": {"card": 4111111111111111, "password": "hunter22", "sum": 4200, "ok": True, "api_key": ""}}
    left = builtin().contents(contents, msgspec.json.encode(contents))
    assert left == {
        "args": {
            "card": "⟦redacted: card⟧",
            "password": "⟦redacted: password⟧",
            "sum": 4200,
            "ok": True,
            "api_key": "",
        }
    }


@pytest.mark.parametrize("before", ["", "\n", "\t", "\r\n", "\f", "\x0b", "x:\b", "\x1f", "\u2028", '"'])
@pytest.mark.parametrize("secret", ["4111111111111111", "4111 1111 1111 1111", "DE89370400440532013000"])
def test_a_number_after_the_end_of_a_line_is_found(secret: str, before: str) -> None:
    """Which JSON writes as a backslash and a letter."""
    contents = {"memo": f"card{before}{secret}" if before else secret}
    left = builtin().contents(contents, msgspec.json.encode(contents))
    assert left is not None
    assert secret not in left["memo"]


@pytest.mark.parametrize(
    "text", ["DE89\u212a704004405320130000", "DE89\u017f704 0044 0532 0130 00", "GB82\u0130EST1234"]
)
def test_a_letter_that_only_looks_like_one_of_an_iban_stops_nothing(text: str) -> None:
    """Kelvin's sign is a K to who ignores case, and no digit of any base."""
    assert builtin().text(text) == text
    assert encoded(Record("x", 1, ANN, "", {"note": text}, {"note": text}, "ann")).plain is not None


@pytest.mark.parametrize(
    "text",
    [
        "GB29 NWBK 601613 31926819",
        "iban_DE89370400440532013000",
        "DE89\u00a03704\u00a00044\u00a00532\u00a00130\u00a000",
        "4111\u202f1111\u202f1111\u202f1111",
        "DB_PASSWORD=hunter2x",
        "password='hunter2x of mine'",
        '{"password": "hunter2x"}',
        '{\\"clientSecret\\": \\"hunter2x\\"}',
        "passwd: hunter2x",
        "https://x.example/?access_token=hunter2x",
        "aws_secret_access_key = hunter2x",
        "DefaultEndpointsProtocol=https;AccountKey=hunter2x==;",
        '{"Authorization": "Basic dXNlcjpodW50ZXIyeA=="}',
        "Basic dXNlcjpodW50ZXIyeA==",
        "xai-" + "a1" * 40,
        "hvs.CAESIJ" + "b2" * 12,
        "https://hooks.slack.com/services/T00000000/B00000000/" + "X1" * 12,
        "110201543:AA" + "Hdq" * 11,
        "dapi" + "0123456789abcdef" * 2,
        "glrt-" + "c3" * 10,
    ],
)
def test_what_people_paste_is_found(text: str) -> None:
    contents = {"a": [f"it said\n{text}\nand stopped"]}
    left = builtin().contents(contents, msgspec.json.encode(contents))
    assert left is not None
    told = str(left)
    assert "redacted" in told
    assert not [one for one in (text[6:], "hunter2x", "dXNlcjpodW50ZXIyeA", "0532", "1111") if one in told]


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("sk-" + "a1" * 500, "⟦redacted: api key⟧"),
        ("ghp_" + "a1" * 500 + " .", "⟦redacted: api key⟧ ."),
        ("x" * 500 + "@mail.example", "⟦redacted: e-mail⟧"),
        ("ann@" + "x" * 500 + ".example", "⟦redacted: e-mail⟧"),
    ],
)
def test_nothing_is_left_of_what_is_longer_than_usual(text: str, left: str) -> None:
    assert builtin().text(text) == left


def test_a_long_text_with_one_address_is_looked_through_quickly() -> None:
    """Patterns with wide bounds take a second for it."""
    text = "x" * 250_000 + " ann@mail.example"
    assert soon(lambda: builtin().text(text), limit_s=0.15) == "x" * 250_000 + " ⟦redacted: e-mail⟧"


@pytest.mark.parametrize(
    "name", ["db_password", "dbPassword", "x-api-key", "accessToken", "clientSecret", "AWS_SECRET_ACCESS_KEY", "pin"]
)
@pytest.mark.parametrize("value", ["hunter2x", 48213, ["hunter2x", "hunter3x"]])
def test_what_a_member_of_such_a_name_has_goes(name: str, value: object) -> None:
    contents = {"args": {name: value, "sum": 1}}
    left = builtin().contents(contents, msgspec.json.encode(contents))
    assert left == {"args": {name: "⟦redacted: password⟧", "sum": 1}}


def test_a_form_that_asks_for_one_stays_a_form() -> None:
    form = {"form": {"properties": {"password_hint": {"type": "string"}, "token": {"type": "string"}}}}
    assert builtin().contents(form, msgspec.json.encode(form)) is None


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from([*WORDS_OF_NAMES, "_", "-", " ", "x"]), min_size=1, max_size=5).map("".join))
def test_every_name_that_asks_for_a_secret_is_seen(name: str) -> None:
    contents = {"a": {name: "hunter2x"}}
    if asks_for_secret(name):
        assert "hunter2x" not in str(builtin().contents(contents, msgspec.json.encode(contents)))


def test_two_keys_of_one_kind_stay_two() -> None:
    contents = {"args": {"a@x.example": 1, "b@x.example": 2}}
    left = builtin().contents(contents, msgspec.json.encode(contents))
    assert left == {"args": {"⟦redacted: e-mail⟧": 1, "⟦redacted: e-mail⟧ 2": 2}}


def test_names_and_ids_in_a_line_stay_but_no_secret_does() -> None:
    data = {
        "user": "ann@example.org",
        "tool": "sk-abcdefghijklmnopqrstuvwx",
        "call": "1.0",
        "votes": [{"voter": "b@x.org"}],
    }
    line = msgspec.json.decode(encoded(Record("x", 1, ANN, "run_1", data)).line)
    assert line["data"] == {**data, "tool": "⟦redacted: api key⟧"}
    assert line["by"]["id"] == "ann@example.org"


def test_law05_commitments_are_over_what_is_stored() -> None:
    record = encoded(Record("x", 1, ANN, "", {}, {"note": "call +49 30 1234567"}, "ann"))
    assert record.plain is not None
    body, line = msgspec.json.decode(record.plain.body), msgspec.json.decode(record.line)
    stored = "call ⟦redacted: phone⟧"
    assert body["values"] == {"note": stored}
    assert line["contents"]["note"] == commitment(stored, bytes.fromhex(body["salt"]), "note")


def test_what_is_no_json_is_refused_as_before() -> None:
    with pytest.raises(RecordError):
        encoded(Record("x", 1, ANN, "", {}, {"note": object()}, "ann"))


def test_patterns_of_ones_own_and_built_in_ones_that_are_off() -> None:
    mine = redactor(off=["phone", "e-mail"], own=[Own("customer", "^C-[0-9]{8}$"), Own("line", "(?m)^secret .*")])
    contents = {"a": "C-12345678", "b": "x C-12345678", "c": "+49 30 1234567 a@b.example", "d": "x\nsecret y\nz"}
    assert mine.contents(contents, msgspec.json.encode(contents)) == {
        **contents,
        "a": "⟦redacted: customer⟧",
        "d": "x\n⟦redacted: line⟧\nz",
    }
    assert mine.text("4111111111111111") == "⟦redacted: card⟧"


@pytest.mark.parametrize(
    "own",
    [
        Own("x", "(a"),
        Own("x", r"(a)\1"),
        Own("x", "(?=a)"),
        Own("x", "a*"),
        Own("x", "a" * (PATTERN_CHARS + 1)),
        Own("", "a"),
        Own("⟦", "a"),
        Own("a\nb", "a"),
    ],
)
def test_a_pattern_that_cannot_be_used_is_refused(own: Own) -> None:
    with pytest.raises(SettingsError):
        redactor(own=[own])


def test_unknown_and_too_many_names_are_refused() -> None:
    with pytest.raises(SettingsError, match="no built-in pattern"):
        redactor(off=["phones"])
    with pytest.raises(SettingsError, match="are more than"):
        redactor(own=[Own("x", "a")] * (OWN_PATTERNS + 1))
    for name in KIND_NAMES:
        assert isinstance(redactor(off=[name]), Redactor)


@pytest.mark.parametrize(
    "text",
    [
        "1 " * 125_000,
        "@" * 250_000,
        "DE12" * 62_500,
        "+1" * 125_000,
        "eyJ" * 75_000,
        "a://b:" * 40_000,
        "-----BEGIN PRIVATE KEY-----" * 7_500,
        "4111111111111111 " * 15_000,
        "bearer " * 35_000,
        "4 - " * 62_500,
        "0049" * 62_500,
        "00491 " * 40_000,
        "0049 30 1234567 " * 15_000,
        '"pin":"1"' * 27_500,
        '{"pin":' * 35_000,
        '["token",' * 27_500,
        "cookie:a=" * 27_500,
        "\uff14" * 75_000,
    ],
)
def test_no_text_makes_it_slow(text: str) -> None:
    soon(lambda: builtin().contents({"t": text}, msgspec.json.encode({"t": text})), limit_s=12)


def test_a_text_that_is_too_long_does_not_stand_in_the_record() -> None:
    text = "@" + "x" * TEXT_LIMIT
    left = builtin().contents({"t": text}, msgspec.json.encode({"t": text}))
    assert left == {"t": f"⟦redacted: {len(text)} characters⟧"}
