"""What a column of text can hold in every database: PostgreSQL's have no NUL, and UTF-8 has no half surrogates.

Bodies are bytes, and hold whatever JSON can say.
"""

from __future__ import annotations

from hitl_fsm.errors import StoreError
from hitl_fsm.model.text import REPLACEMENT, is_whole

_NUL = "\0"


def holds(*texts: str | None) -> bool:
    """Whether all of them could be in a column; what could not, a number for example, is found nowhere."""
    try:
        together = "".join(filter(None, texts))  # two halves that meet are still two halves
    except TypeError:
        return False
    return _NUL not in together and is_whole(together)


def check(what: str, *texts: str) -> None:
    """StoreError when one of them could not be written; `what` they belong to."""
    if not holds(*texts):
        message = f"a name or an id of {what!a} cannot be stored: it has a NUL character or half of a surrogate pair"
        raise StoreError(message, help="names and ids must be valid text without NUL")


def fitted(text: str) -> str:
    """For a column that nothing relies on: what it cannot hold is replaced."""
    return text.replace(_NUL, REPLACEMENT)
