"""The rows about workflows."""

from __future__ import annotations

from parity_page import group

FLOW = "tests/parity/test_workflows.py::"

_DEPTH = "Agno runs it without a pause inside Parallel, Steps, Condition, Loop and Router (tried)"
WORKFLOWS = group(
    "Workflows: `HumanReview`, and policies over `steps`",
    (
        "`requires_confirmation` on a Step",
        "`steps: [name]`, `gate: confirm`",
        f"{FLOW}test_a_step_that_requires_confirmation_waits_and_then_runs",
    ),
    (
        "the same step inside another node",
        "waits at any depth",
        f"{FLOW}test_a_gated_step_waits_inside_every_kind_of_node",
        _DEPTH,
    ),
    (
        "the same step inside a nested Workflow",
        "the whole run waits",
        f"{FLOW}test_a_gated_step_of_a_nested_workflow_pauses_the_whole",
        "Agno logs a warning and goes on without the step (tried)",
    ),
    (
        "`requires_confirmation` on Loop, Router, Condition, Steps; refused on Parallel",
        "on each of them, and on Parallel",
        f"{FLOW}test_every_kind_of_node_can_require_confirmation",
    ),
    (
        "`@pause(…)` on a step function",
        "the same policy: a step has a name",
        f"{FLOW}test_a_step_that_requires_confirmation_waits_and_then_runs",
    ),
    (
        "`requires_user_input`, `user_input_schema`",
        "`gate: {user_input: {schema: …}}`",
        f"{FLOW}test_a_step_takes_user_input_that_is_checked",
    ),
    (
        "`requires_output_review`: confirm, `edit`, reject, retry with feedback",
        "`gate: review`: `accept`, `edit_result`, `reject`, `retry`",
        f"{FLOW}test_an_output_is_accepted_edited_rejected_or_done_again",
    ),
    (
        "the same inside another node",
        "waits at any depth",
        f"{FLOW}test_an_output_is_reviewed_inside_every_kind_of_node",
        "Agno runs it without a pause inside Steps (tried)",
    ),
    (
        "`requires_output_review=` a function of the output",
        "`when:` over what the step is given; a condition over its output is not there",
        "",
    ),
    (
        "",
        "whether an output is reviewed depends on the step's input",
        f"{FLOW}test_whether_an_output_is_reviewed_can_depend_on_what_the_step_is_given",
    ),
    (
        "`requires_iteration_review` on a Loop",
        "each iteration is a step of its own: confirm it",
        f"{FLOW}test_each_iteration_of_a_loop_is_confirmed",
    ),
    (
        "Router with `requires_user_input`: `select(name)`",
        'a Router without `choose` asks; `provide_user_input({"route": …})`',
        f"{FLOW}test_a_person_chooses_the_route_and_only_one_that_there_is",
        "an unknown route is refused; Agno skips it and completes (tried)",
    ),
    ("`allow_multiple_selections` on a Router", "", ""),
    ("`confirmation_message` and the other messages, shown beside the question", "", ""),
    (
        "`on_reject`: `skip`, `cancel`, `else`",
        '`on_reject`: `"skip"`, `"cancel"`, or a step to do instead, on any node',
        f"{FLOW}test_what_a_rejection_leads_to",
    ),
    (
        '`on_reject="else"` on a Condition',
        "`on_reject=` the step to do instead",
        f"{FLOW}test_a_rejected_condition_takes_its_other_branch_when_told_so",
    ),
    (
        '`on_reject="retry"`, `max_retries`',
        "`on_reject=Retry(n)`",
        f"{FLOW}test_a_rejection_with_retry_asks_again_and_the_step_reads_the_note",
        "the next try is asked about again",
    ),
    (
        "`on_error`: `fail`, `skip`",
        '`on_error`: `"fail"`, `"skip"`, `Retry(n)`',
        f"{FLOW}test_what_an_error_leads_to",
    ),
    (
        '`on_error="pause"`: `retry()`, `skip()`',
        '`on_error="ask"`: retry, skip or fail',
        f"{FLOW}test_after_an_error_a_person_decides",
    ),
    (
        "`timeout`, `on_timeout`: `cancel`, `skip`",
        "`expires`: a no, with what `on_reject` says",
        f"{FLOW}test_a_question_whose_time_is_over_is_a_no",
        "it expires by itself where a worker runs; in Agno when the run is continued",
    ),
    (
        '`on_timeout="approve"`',
        "cannot be written: time never says yes",
        f"{FLOW}test_a_timer_that_would_say_yes_cannot_be_written",
        "Agno runs the step that nobody confirmed (tried)",
    ),
    (
        "a tool of an agent in a step (executor pause)",
        "the same, at any depth, with its path",
        f"{FLOW}test_a_tool_of_an_agent_in_a_step_waits_with_its_path",
    ),
    (
        "a gated step whose agent has a gated tool",
        "the same: one question, then the other",
        f"{FLOW}test_a_step_and_a_tool_in_it_are_both_asked_about",
    ),
    (
        "`active_step_requirements`, `steps_requiring_confirmation` and four more lists",
        "`active_requirements`, as of an agent",
        f"{FLOW}test_a_step_and_a_tool_in_it_are_both_asked_about",
    ),
    (
        "`StepPaused`, `RouterPaused`, `StepExecutorPaused`, `StepOutputReview` events",
        "`RunPaused`, with the requirements and their paths",
        f"{FLOW}test_the_streaming_loop_of_a_workflow",
    ),
)
