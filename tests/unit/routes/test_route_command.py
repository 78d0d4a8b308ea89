"""Real programs: what they are given, what they may do, and what becomes of those that do not end."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import sys
import warnings
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bank import program, witness
from hitl_fsm.adapters.routes import command
from hitl_fsm.errors import SettingsError
from hitl_fsm.model.dispatch import Failed, Handover, NotBegun, Outcome, Refused, Returned, Unknown
from hitl_fsm.routes import Command
from moments import HUNG_S
from receiver import wait_for

GIVEN = Handover(
    requirement_id="req_1-0001",
    run_id="run_1",
    call_id="c1",
    tool="pay",
    args={"to": "; touch /tmp/x $(id) `id`", "amount": 5.0},
    digest="d" * 64,
    idempotency_key="run_1:c1:1",
    callback_id="dispatch:req_1-0001",
    attempt=1,
)


async def ran(folder: Path, text: str, **options: Any) -> Outcome:
    return await Command([sys.executable, "-S", "-E", program(folder, text)], **options).hand_over(GIVEN)


async def test_it_reads_the_call_and_prints_its_result(tmp_path: Path) -> None:
    outcome = await ran(tmp_path, "print(json.dumps(given))")
    assert isinstance(outcome, Returned)
    assert outcome.result["arguments"] == GIVEN.args
    assert outcome.result["requirement_id"] == "req_1-0001"
    assert outcome.result["expires_at"] is None


async def test_arguments_reach_no_shell_and_no_command_line(tmp_path: Path) -> None:
    outcome = await ran(tmp_path, "print(json.dumps([sys.argv[1:], given['arguments']['to']]))")
    assert outcome == Returned([[], GIVEN.args["to"]])


async def test_its_environment_is_small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    monkeypatch.setenv("BANK_TOKEN", "t0")
    outcome = await ran(
        tmp_path, "print(json.dumps(dict(os.environ)))", env={"TOKEN": "env:BANK_TOKEN", "MODE": "test"}
    )
    assert isinstance(outcome, Returned)
    assert "OPENAI_API_KEY" not in outcome.result
    assert (outcome.result["TOKEN"], outcome.result["MODE"]) == ("t0", "test")
    assert set(outcome.result) <= {"PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "TOKEN", "MODE", "LC_CTYPE"}


async def test_it_runs_where_it_is_told_to(tmp_path: Path) -> None:
    assert await ran(tmp_path, "print(json.dumps(os.getcwd()))", cwd=str(tmp_path)) == Returned(str(tmp_path))


async def test_another_status_is_a_failure_whose_words_are_for_people(tmp_path: Path) -> None:
    outcome = await ran(tmp_path, "print('x', file=sys.stderr); print('\\x1b[2Jkey=s3', file=sys.stderr); sys.exit(3)")
    assert isinstance(outcome, Failed)
    assert outcome.told == "it failed with exit status 3"
    assert "key=s3" in outcome.detail
    assert "\x1b" not in outcome.detail


async def test_of_much_stderr_only_the_end_is_kept(tmp_path: Path) -> None:
    outcome = await ran(tmp_path, "sys.stderr.write('a' * 3_000_000 + 'the end'); sys.exit(1)")
    assert isinstance(outcome, Failed)
    assert outcome.detail.endswith("the end")
    assert len(outcome.detail) < 5_000


@pytest.mark.parametrize("text", ["", "print('done')", "print('1 2')", "print('NaN')", "os.write(1, b'\\xff')"])
async def test_a_success_without_a_result_may_have_done_anything(tmp_path: Path, text: str) -> None:
    assert type(await ran(tmp_path, text)) is Unknown


async def test_one_that_was_killed_may_have_done_anything(tmp_path: Path) -> None:
    outcome = await ran(tmp_path, "done(1); os.kill(os.getpid(), 9)")
    assert isinstance(outcome, Unknown)
    assert "signal 9" in outcome.detail


async def test_one_that_prints_without_end_is_stopped(tmp_path: Path) -> None:
    outcome = await ran(tmp_path, "while True: sys.stdout.write('x' * 65536)")
    assert isinstance(outcome, Unknown)
    assert "bytes" in outcome.detail


async def test_one_that_reads_nothing_is_no_trouble(tmp_path: Path) -> None:
    large = msgspec.structs.replace(GIVEN, args={"text": "x" * 250_000})
    path = tmp_path / "deaf.py"
    path.write_text("print('[1]')")
    assert await Command([sys.executable, "-S", "-E", str(path)]).hand_over(large) == Returned([1])


async def test_its_whole_group_is_stopped_when_its_time_is_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "TERM_S", 0.1)
    text = """
import signal, subprocess
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(600)"])
done(os.getpid()); done(child.pid)
time.sleep(600)
"""
    for seconds in (0.6, 3, 15):  # a busy machine may take longer to come as far as to its child
        outcome = await asyncio.wait_for(ran(tmp_path, text, timeout=seconds), HUNG_S)
        assert isinstance(outcome, Unknown)
        assert f"{seconds} s" in outcome.detail
        pids = [int(line) for line in witness(tmp_path)]
        for pid in pids:
            assert await gone(pid)
        if len(pids) == 2:
            break
        (tmp_path / "done").unlink(missing_ok=True)
    assert len(pids) == 2


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
async def test_nothing_stays_open_of_one_that_prints_without_an_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stream: str
) -> None:
    monkeypatch.setattr(command, "TERM_S", 0.1)
    text = f"import signal\nsignal.signal(15, signal.SIG_IGN)\nwhile True: sys.{stream}.write('x' * 65_536)"
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        assert isinstance(await ran(tmp_path, text, timeout=2), Unknown)
        gc.collect()
    assert [str(one.message) for one in told] == []


async def test_what_left_its_group_and_holds_its_pipes_is_not_waited_for(tmp_path: Path) -> None:
    text = """
import subprocess
left = subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(600)"], start_new_session=True)
done(left.pid)
print(1, flush=True)
"""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        for seconds in (1, 5, 20):  # a busy machine may take longer to come as far as to its child
            outcome = await asyncio.wait_for(ran(tmp_path, text, timeout=seconds), HUNG_S)
            if pids := [int(line) for line in witness(tmp_path)]:
                break
        gc.collect()
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    assert isinstance(outcome, Unknown)
    assert f"{seconds} s" in outcome.detail
    assert [str(one.message) for one in told] == []


async def test_it_is_stopped_with_who_started_it(tmp_path: Path) -> None:
    task = asyncio.ensure_future(ran(tmp_path, "done(os.getpid()); time.sleep(60)"))
    await asyncio.to_thread(wait_for, lambda: bool(witness(tmp_path)))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await gone(int(witness(tmp_path)[0]))


def is_zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


async def gone(pid: int) -> bool:
    def ended() -> bool:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        return is_zombie(pid)

    await asyncio.to_thread(wait_for, ended)
    return True


async def test_what_cannot_be_started_did_not_begin() -> None:
    outcome = await Command(["/no/such/program", "--token=t0"]).hand_over(GIVEN)
    assert isinstance(outcome, NotBegun)
    assert "t0" not in outcome.detail
    assert "t0" not in repr(Command(["/no/such/program", "--token=t0"]))


async def test_without_its_secret_it_is_not_started(tmp_path: Path) -> None:
    outcome = await ran(tmp_path, "done(1)", env={"TOKEN": "env:NOT_SET_AT_ALL"})
    assert isinstance(outcome, Refused)
    assert witness(tmp_path) == []


@pytest.mark.parametrize("argv", ["python pay.py", [], [""], [5], ["a\0b"]])
def test_a_command_is_a_list_of_texts(argv: Any) -> None:
    with pytest.raises(SettingsError):
        Command(argv)
