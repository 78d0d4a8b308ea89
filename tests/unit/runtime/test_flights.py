"""What comes back together is taken in together: an error of one loses nothing of the others."""

from __future__ import annotations

import asyncio
from typing import Any

from hitl_fsm.errors import UnknownRunnable
from hitl_fsm.model import event as events
from hitl_fsm.model.message import ModelReply
from hitl_fsm.runtime.flights import Flights


async def gives(value: Any) -> Any:
    return value


async def fails(error: BaseException) -> Any:
    raise error


def test_law03_a_result_is_not_lost_beside_an_error_of_a_model() -> None:
    async def both() -> Any:
        flights, gone, said = Flights(), UnknownRunnable("gone"), ModelReply("said")
        returned = events.CallReturned("1.0/1.0", "paid")
        flights.fly("1.0/1.0", gives(returned))
        flights.ask("1.1", fails(gone))
        flights.ask("1.2", gives(said))
        flights.ask("1.3", fails(asyncio.CancelledError()))
        assert flights.carries_calls
        await asyncio.sleep(0.01)
        calls, replies = await flights.landed()
        assert (flights.carries_calls, len(flights)) == (False, 0)
        assert calls == [("1.0/1.0", returned)]
        lost = events.ModelFailed("the model's call was cancelled", "1.3")
        assert dict(replies) == {"1.1": gone, "1.2": said, "1.3": lost}

    asyncio.run(both())
