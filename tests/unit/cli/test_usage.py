"""What a run's models took, in words and in JSON."""

from __future__ import annotations

import pytest

from hitl_fsm.cli.reading import report
from hitl_fsm.cli.runs.page import run_page
from hitl_fsm.cli.runs.usage import usage_document, usage_line
from hitl_fsm.model.message import Spent
from house import House


@pytest.mark.parametrize(
    ("spent", "line", "micro_dollars"),
    [
        (Spent(1, 900, 40, cost=12_300), "1 reply, 900 tokens sent, 40 written, $0.012300", 12_300),
        (
            Spent(3, 900, 40, 800, 30, 0),
            "3 replies, 900 tokens sent (800 cached), 40 written (30 reasoning), $0.000000",
            0,
        ),
        (Spent(2, 9, 4, unpriced=2), "2 replies, 9 tokens sent, 4 written, price not known", None),
        (
            Spent(3, 9, 4, cost=5, unpriced=2),
            "3 replies, 9 tokens sent, 4 written, $0.000005 and what 2 of them cost, which is not known",
            None,
        ),
    ],
)
def test_words_and_json(spent: Spent, line: str, micro_dollars: int | None) -> None:
    assert usage_line(spent) == line
    assert usage_document(spent)["micro_dollars"] == micro_dollars


def test_the_page_of_a_run_has_it(house: House) -> None:
    engine = house.engine()
    run = house.agent(engine, [{"say": "hello", "usage": {"prompt": 900, "completion": 40, "cost": 1}}]).run("go")
    page = run_page(report(tuple(engine.runs.events(run.run_id))), [])
    assert "1 reply, 900 tokens sent, 40 written, $0.000001" in str(page)
