"""Descriptions of parameters out of the three styles that people write."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hitl_fsm.runtime.tools.docstring import read_docstring

GOOGLE = """Pay back.

    More: text.

    Args:
        order_id (str, optional): The order
            of the shop: yes.
        amount: How much.

        **extra: The rest.

    Returns:
        amount: not this.
    """
NUMPY = """Pay back.

    More: text.

    Parameters
    ----------
    order_id : str, optional
        The order
        of the shop: yes.
    amount
        How much.
    extra : dict
        The rest.

    Returns
    -------
    amount : str
        not this.
    """
REST = """Pay back.

    More: text.

    :param str order_id: The order
        of the shop: yes.
    :param amount: How much.
    :type amount: float
    :param dict[str, int] extra: The rest.
    :returns: not this.
    """


@pytest.mark.parametrize("raw", [GOOGLE, NUMPY, REST], ids=["google", "numpy", "rest"])
def test_styles(raw: str) -> None:
    assert read_docstring(raw) == (
        "Pay back.\n\nMore: text.",
        {"order_id": "The order of the shop: yes.", "amount": "How much.", "extra": "The rest."},
    )


def test_without_sections_and_without_anything() -> None:
    assert read_docstring("Pay.\n\n    Returns nothing: really.") == ("Pay.\n\nReturns nothing: really.", {})
    assert read_docstring(None) == ("", {})
    assert read_docstring("") == ("", {})


@given(st.text(st.sampled_from("Args:\n -x(par m)ReturnsParameters")) | st.text())
def test_any_text_is_read(raw: str) -> None:
    text, parameters = read_docstring(raw)
    assert isinstance(text, str)
    assert all(parameters.values())
