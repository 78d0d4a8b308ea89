"""Numbers of people, however they are written; and other numbers, which stay."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hitl_fsm.audit.redact import builtin
from hitl_fsm.audit.redact_fold import folded

CARD, IBAN = "4111111111111111", "DE89370400440532013000"
GAPS = ["  ", "\u00a0", "\u00a0\u00a0", " \u202f", " - ", "\u2013", "\u200b", "\u3000", "--"]
ZEROS = ["\uff10", "\u0660", "\u0966", "\U0001d7ce"]


def left_of(text: str) -> str:
    """As it stands beside a line: the hint is asked first."""
    contents = {"args": {"memo": text}}
    redacted = builtin().contents(contents, msgspec.json.encode(contents))
    memo = (redacted or contents)["args"]["memo"]
    assert memo == builtin().text(text)
    return str(memo)


@pytest.mark.parametrize("gap", GAPS)
@pytest.mark.parametrize(("number", "kind"), [(CARD, "card"), (IBAN, "iban")])
def test_a_number_goes_whatever_stands_between_its_groups(number: str, kind: str, gap: str) -> None:
    fours = gap.join(number[start : start + 4] for start in range(0, len(number), 4))
    assert left_of(f"pay {fours} now") == f"pay ⟦redacted: {kind}⟧ now"


@pytest.mark.parametrize("zero", ZEROS)
@pytest.mark.parametrize(
    ("number", "kind"), [(CARD, "card"), ("+49 30 1234567", "phone"), ("0049 30 1234567", "phone")]
)
def test_a_number_goes_in_the_digits_of_any_script(number: str, kind: str, zero: str) -> None:
    written = "".join(chr(ord(zero) + int(char)) if char.isdigit() else char for char in number)
    assert left_of(f"see {written}.") == f"see ⟦redacted: {kind}⟧."


def test_a_full_width_address_and_key_go() -> None:
    assert (
        left_of("\uff41\uff4e\uff4e\uff20\uff4d\uff41\uff49\uff4c\uff0e\uff45\uff58\uff41\uff4d\uff50\uff4c\uff45")
        == "⟦redacted: e-mail⟧"
    )
    assert (
        left_of("\uff50\uff41\uff53\uff53\uff57\uff4f\uff52\uff44\uff1dhunter22")
        == "\uff50\uff41\uff53\uff53\uff57\uff4f\uff52\uff44\uff1d⟦redacted: password⟧"
    )


@pytest.mark.parametrize(
    "phone",
    [
        "004930123456",
        "0049301234567",
        "00491701234567",
        "0049 30 1234567",
        "0049-30-123456",
        "0049 (0)30 1234567",
        "0049/30/1234567",
        "0044 20 7123 4567",
        "0015552345678",
        "001 555 234 5678",
        "+49 (0)30 1234567",
        "+49  30  1234567",
    ],
)
@pytest.mark.parametrize(("before", "after"), [("", ""), ("tel.:", "."), ("Ann,", ",Berlin"), ("(", ")"), ("\n", "\n")])
def test_a_phone_number_goes(phone: str, before: str, after: str) -> None:
    assert left_of(f"{before}{phone}{after}") == f"{before}⟦redacted: phone⟧{after}"


@pytest.mark.parametrize("between", [",", "\n", ", ", " ", " / ", ";", "\t"])
@pytest.mark.parametrize("phones", [("+49301234567", "+49307654321"), ("0049 30 1234567", "0049 30 7654321")])
def test_every_phone_number_of_a_list_goes(phones: tuple[str, str], between: str) -> None:
    """What stands between two is the end of one and the begin of the other."""
    mark = "⟦redacted: phone⟧"
    assert left_of(between.join((*phones, *phones))) == between.join([mark] * 4)


@pytest.mark.parametrize(
    "text",
    [
        "order 0012345678",  # ten places, with zeros before
        "order 000000000012345678",
        "0049000028904 is the number of goods",  # with a valid check digit (GTIN)
        "GTIN 00012345678905",
        "0.0049301234567 and 12.0049301234567",
        "1000493012345678 and a0049301234567",
        "00 10 20 30 40 50 60 70",
        "00-15-17-22-33-44",
        "reference 1234 0056 7890 1234",
        "12:00 49301234567, 2026-11-23T12:00:00.004930Z",
        "0010 2030 4050",  # no area of North America begins so
        "4532.15 1123.00 4567.10 8901.00 and 5.5 4.12 44.44 99.99",
        "sha256:00e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "run_01jxt21q003tv6jbs9 asked req_01jxt21q003tv6jbs9-0001 in hold_0049jxt21q",
        "prices: 4111 . 1111 . 1111 . 1112",
        "Stück für Größe, naïve café \u2013 déjà vu: 12 € · 3½ kg",
    ],
)
def test_other_numbers_stay(text: str) -> None:
    assert left_of(text) == text


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=100))
def test_a_folded_text_is_as_long_as_it_was_and_folds_no_further(text: str) -> None:
    assert len(folded(text)) == len(text)
    assert folded(folded(text)) == folded(text)
    assert text.isascii() is False or folded(text) == text


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="0123456789 .-+()/,:abX\uff14\u00a0", max_size=60))
def test_what_is_left_has_nothing_more_to_find(text: str) -> None:
    assert builtin().text(builtin().text(text)) == builtin().text(text)
