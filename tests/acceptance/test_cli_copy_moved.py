"""A second copy at another address: under its old name it goes on, under a new one it has all."""

from __future__ import annotations

from pathlib import Path

from acceptance.shell import Shell


def test_a_copy_that_moves_goes_on_and_doctor_does_not_say_that_it_has_all(tmp_path: Path) -> None:
    shell = Shell.in_new_project(tmp_path)

    def lines(copies: str, name: str) -> list[bytes]:
        assert shell("run", "app:paying", "go", "--user", "alice", HITL_FSM_RECORD_SINKS=copies).code == 8
        return (tmp_path / name).read_bytes().splitlines()

    at = f"file://{tmp_path}"
    first = lines(f"{at}/one.jsonl#from=start", "one.jsonl")
    assert b'"seq":1,' in first[0]
    moved = lines(f"{at}/two.jsonl#from=start", "two.jsonl")
    assert b'"seq":1,' not in moved[0]
    doctor = shell("doctor", HITL_FSM_RECORD_SINKS=f"{at}/two.jsonl")
    assert "took every line since it began" in doctor.out
    renamed = lines(f"{at}/two.jsonl {at}/three.jsonl#name=three&from=start", "three.jsonl")
    assert [line.partition(b",")[0] for line in renamed] == [b'{"seq":%d' % n for n in range(1, len(renamed) + 1)]
