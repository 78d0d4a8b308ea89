"""`--since` and `--until`: a day, an instant, or how long ago."""

from __future__ import annotations

from datetime import UTC, datetime

import typer

from hitl_fsm.cli.when import now_ms
from hitl_fsm.model.age import age_ms


def since_ms(text: str, option: str = "--since") -> int:
    """`2026-10-01`, `2026-10-01T12:00:00Z` (UTC unless it says otherwise), `7y`, `90d`, `12h`, `30m` -> ms (epoch).

    Typer's BadParameter for anything else.
    """
    age = age_ms(text)
    if age is not None:
        return now_ms() - age
    try:
        moment = datetime.fromisoformat(text)
        return max(0, round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000))
    except (ValueError, OverflowError):
        msg = (
            f"{text!r} is neither a day (2026-10-01), an instant (2026-10-01T12:00:00Z) nor a time ago (90d, 12h, 30m)"
        )
        raise typer.BadParameter(msg, param_hint=option) from None
