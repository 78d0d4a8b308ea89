"""Where a call stands in a tree of runs, there and back."""

from __future__ import annotations

import pytest

from hitl_fsm.model.paths import call_of, frame_path


@pytest.mark.parametrize("call", ["1.0", "2.3/1.0", "1.0~2/4.1"])
@pytest.mark.parametrize("execution", [1, 2, 11])
def test_a_frame_tells_the_call_that_it_carries_out(call: str, execution: int) -> None:
    assert call_of(frame_path(call, execution)) == call
