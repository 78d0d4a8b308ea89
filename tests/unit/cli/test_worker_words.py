"""What `worker` says of calls that went out and of people who were told."""

from __future__ import annotations

from typing import cast

import pytest

from hitl_fsm.adapters.settings import Settings
from hitl_fsm.cli.runs.worker_words import TOLD, Words
from hitl_fsm.cli.session import Session
from hitl_fsm.model.delivery import Delivery, DeliveryState
from hitl_fsm.runtime.outgoing.outbox import Told

DISPATCH = Delivery("dispatch_req_1", "dispatch", "bank\x1b[2J", "req_1", "run_1", 0)


class Quiet:
    """As much of a session as words need."""

    def __init__(self, *, verbose: bool) -> None:
        self.verbose = verbose
        self.quiet = self.json = False
        self.settings = Settings()


def words(*, verbose: bool) -> Words:
    return Words(cast("Session", Quiet(verbose=verbose)))


@pytest.mark.parametrize(
    ("became", "said", "always"),
    [
        ("sent", "it was handed over", False),
        ("waiting", "it certainly did not begin, and is tried again", False),
        ("unknown", "nobody knows whether it was carried out", True),
        ("dead", "is not sent again by itself", True),
    ],
)
def test_a_call_that_went_out(
    became: DeliveryState, said: str, *, always: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    words(verbose=True).handed(DISPATCH, became)
    (line,) = capsys.readouterr().err.splitlines()
    assert "run_1 req_1 to route bank" in line
    assert said in line
    assert "\x1b" not in line
    words(verbose=False).handed(DISPATCH, became)
    assert bool(capsys.readouterr().err) is always
    words(verbose=True).handed(DISPATCH, None)
    assert capsys.readouterr().err == ""


def test_a_round_of_a_channel(capsys: pytest.CaptureFixture[str]) -> None:
    assert len(TOLD) == len(Told._fields)
    words(verbose=True).told("desk", Told(sent=2, dropped=1))
    assert capsys.readouterr().err.endswith("channel desk: 2 sent, 1 too late to be sent\n")
    words(verbose=False).told("desk", Told(sent=2))
    assert capsys.readouterr().err == ""
    words(verbose=False).told("desk", Told(dead=1))
    assert "1 given up; `hitl-fsm notices list` lists them" in capsys.readouterr().err
