"""A function's parameters are read once, and reading them keeps nothing alive."""

from __future__ import annotations

import gc
import weakref

from hitl_fsm import tool


def test_a_function_is_read_once_and_not_kept_alive() -> None:
    def pay(to: str) -> str:
        """Send money."""
        return to

    assert tool(pay)._signature is tool(pay)._signature
    assert tool(name="other")(pay)._signature is not tool(pay)._signature
    tool(pay).problems({"to": 1})
    there = weakref.ref(pay)
    del pay
    gc.collect()
    assert there() is None
