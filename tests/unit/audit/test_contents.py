"""What a line's contents are written as, and which part of that is looked through for secrets."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hitl_fsm.adapters.store.recording import encoded
from hitl_fsm.audit.contents import DOMAIN, SALT_BYTES, VALUES_AT, commit, commitment
from hitl_fsm.audit.redact import Redactor
from hitl_fsm.model.actor import Actor
from hitl_fsm.model.record import Record

VALUES = st.dictionaries(st.text(max_size=5), st.text(max_size=9) | st.integers(-9, 9) | st.lists(st.booleans()))


@given(VALUES, st.binary(min_size=SALT_BYTES, max_size=SALT_BYTES))
def test_the_values_stand_where_it_is_said(values: dict[str, Any], salt: bytes) -> None:
    body = commit(values, salt, "ann")[1].body
    assert salt.hex().encode() in body[:VALUES_AT]
    assert msgspec.json.decode(body[VALUES_AT:-1]) == values


class Looking(Redactor):
    """Keeps what it looks through."""

    def contents(self, contents: Mapping[str, Any], body: bytes) -> dict[str, Any] | None:
        self.body = body
        return super().contents(contents, body)


@pytest.mark.any_line
def test_a_salt_is_not_looked_through() -> None:
    """One in twenty looks like an account number."""
    redacts = Looking(())
    record = Record("x", 1, Actor("ann"), "r1", {}, {"said": "hello"}, "ann")
    plain = encoded(record, redacts).plain
    assert plain is not None
    assert redacts.body == b'{"said":"hello"}}'
    assert plain.body.endswith(redacts.body)


@given(st.binary(max_size=200), st.text(max_size=200))
def test_a_value_is_committed_to_under_the_hmac_of_its_name(salt: bytes, name: str) -> None:
    """As the reference says it, for whoever holds a value against its line by other means."""
    under = hmac.digest(salt, name.encode(), "sha256")
    assert commitment(1, salt, name) == hashlib.sha256(DOMAIN + under + b"1").hexdigest()
