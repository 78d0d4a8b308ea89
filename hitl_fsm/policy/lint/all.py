"""Every lint rule, in order of code."""

from __future__ import annotations

from hitl_fsm.policy.lint import (
    hf203_dead_default,
    hf205_own_approval,
    hf206_quorum,
    hf207_unsatisfiable_form,
    hf208_unbounded_form,
    hf215_unknown_route,
    hf216_unknown_role,
    hf217_no_owner,
    hf218_duplicate_ids,
    hf219_conflicting_files,
    hf220_allow_everything,
    hf221_expiry_without_outcome,
    hf222_collects_secrets,
    hf223_endless_approval,
    hf224_untried_condition,
    hf225_shadow_left,
    hf226_default_allow,
    hf228_pinned,
    hf229_ungated_run_on,
    hf230_denial_without_note,
    hf231_suppression,
)
from hitl_fsm.policy.lint.rule import LintRule

RULES: tuple[LintRule, ...] = (
    hf203_dead_default,
    hf205_own_approval,
    hf206_quorum,
    hf207_unsatisfiable_form,
    hf208_unbounded_form,
    hf215_unknown_route,
    hf216_unknown_role,
    hf217_no_owner,
    hf218_duplicate_ids,
    hf219_conflicting_files,
    hf220_allow_everything,
    hf221_expiry_without_outcome,
    hf222_collects_secrets,
    hf223_endless_approval,
    hf224_untried_condition,
    hf225_shadow_left,
    hf226_default_allow,
    hf228_pinned,
    hf229_ungated_run_on,
    hf230_denial_without_note,
    hf231_suppression,
)
