"""The evidence page of a call whose yes is not enough any more: asked again, and told so."""

from __future__ import annotations

from pathlib import Path

from acceptance.shell import Shell
from house import House, call, calls

SCRIPT = [calls(call("pay", to="bob", amount=1)), {"say": "done"}]
STRICTER = "- {id: all, gate: [confirm, {approval: {of: ['role:finance']}}]}"


def test_a_call_that_waits_again_is_not_shown_as_authorised(tmp_path: Path) -> None:
    house = House(tmp_path)
    run = house.agent(house.engine(), SCRIPT).run("go", user="alice")
    shell = Shell(tmp_path)

    def page(name: str) -> str:
        told = shell("--store", "sqlite:///hitl.db", "audit", "export", run.run_id, "--format", "html", "--out", name)
        assert told.code == 0, told
        return (tmp_path / name / "evidence.html").read_text(encoding="utf-8")

    assert '<span class="state-word">waiting</span>' in page("asked")
    run.active_requirements[0].confirm(by="alice")
    assert '<span class="state-word">authorised</span>' in page("answered")
    later = house.agent(house.engine(STRICTER), SCRIPT)
    paused = later.continue_run(run_id=run.run_id)
    again = page("again")
    assert '<span class="state-word">waiting</span>' in again
    assert "Of the policies the lines have the digests, not the texts" in again
    assert (again.count("Asked for, and judged"), again.count("Judged again")) == (1, 1)
    paused.active_requirements[0].confirm(by="maria")
    later.continue_run(paused)
    assert '<span class="state-word">succeeded</span>' in page("done")
    assert len(house.effects) == 1
