"""Policies are compiled once, and again as soon as any byte of them, or of a form they name, is another."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hitl_fsm.adapters import policies
from hitl_fsm.adapters.policies import KEPT_SETS, _kept, load_policy_files
from hitl_fsm.errors import PolicyError
from hitl_fsm.policy.evaluate import PolicySet
from hitl_fsm.policy.load import load
from hitl_fsm.policy.schemas import Read
from house import policy_text

FORM = {"type": "object", "additionalProperties": False, "properties": {"why": {"type": "string", "maxLength": 80}}}
RULES = "- {id: all, gate: {user_input: {schema: {$ref: form.schema.json}, of: [requester]}}}"


def written(folder: Path, rules: str = RULES) -> Path:
    (folder / "pyproject.toml").write_text("")
    (folder / "form.schema.json").write_text(json.dumps(FORM))
    path = folder / "a.policy.yaml"
    path.write_bytes(policy_text(rules))
    return path


def test_the_same_files_are_compiled_once(tmp_path: Path) -> None:
    path = written(tmp_path)
    assert load_policy_files([str(path)]) is load_policy_files([str(path)])


def test_a_changed_policy_is_compiled_again(tmp_path: Path) -> None:
    path = written(tmp_path)
    first = load_policy_files([str(path)])
    path.write_bytes(policy_text("- {id: all, gate: deny}"))
    assert load_policy_files([str(path)]).digest != first.digest


def test_a_changed_form_is_compiled_again_and_a_missing_one_is_told(tmp_path: Path) -> None:
    path = written(tmp_path)
    first = load_policy_files([str(path)])
    form = tmp_path / "form.schema.json"
    form.write_text(json.dumps({**FORM, "required": ["why"]}))
    assert load_policy_files([str(path)]).digest != first.digest
    form.unlink()
    with pytest.raises(PolicyError):
        load_policy_files([str(path)])


def test_few_sets_are_kept(tmp_path: Path) -> None:
    for number in range(KEPT_SETS + 3):
        path = written(tmp_path, f"- {{id: r{number}, gate: allow}}")
        load_policy_files([str(path)])
    assert len(_kept) <= KEPT_SETS


def test_what_was_refused_is_not_compiled_again_until_something_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A running engine looks at broken files again and again."""
    path = written(tmp_path)
    form = tmp_path / "form.schema.json"
    whole = form.read_bytes()
    form.unlink()
    tried: list[object] = []

    def counted(files: dict[str, bytes], read: Read, *more: Any) -> PolicySet:
        tried.append(files)
        return load(files, read, *more)

    monkeypatch.setattr(policies, "load", counted)
    for _ in range(3):
        with pytest.raises(PolicyError) as told:
            load_policy_files([str(path)])
        assert "HF118" in str(told.value)
    assert len(tried) == 1
    form.write_bytes(whole)
    assert load_policy_files([str(path)]).names == ("pay",)
    assert len(tried) == 2
