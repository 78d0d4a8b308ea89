"""Every lint rule, in order of code."""

from __future__ import annotations

from hitl_fsm.policy.lint import hf217_no_owner, hf231_suppression
from hitl_fsm.policy.lint.rule import LintRule

RULES: tuple[LintRule, ...] = (
    hf217_no_owner,
    hf231_suppression,
)
