"""What Agno offers for people in the loop, row by row, beside what is here. `docs/parity.md` is made from this:

python tests/docs/parity_rows.py > docs/parity.md

A row without a test is not claimed: it stands under "Not there yet".
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from parity_page import Row, group, render
from parity_workflow_rows import WORKFLOWS

USE = "tests/parity/test_use_cases.py::"
REQ = "tests/parity/test_requirements.py::"
TEAM = "tests/parity/test_teams.py::"
FLAGS = "tests/unit/policy/test_imported.py::"
LAWS = "tests/laws/"

TOOLS = group(
    "Tools",
    (
        "`@tool(requires_confirmation=True)`",
        "`gate: confirm`",
        f"{USE}test_a_tool_that_requires_confirmation_pauses_and_runs_once_confirmed",
        "a rule can ask by arguments, user, agent, time; the tool's code stays as it is",
    ),
    (
        "`requires_user_input`, `user_input_fields`",
        "`gate: {user_input: {schema: …}}`",
        f"{USE}test_the_fields_of_the_user_come_from_the_user_and_the_others_from_the_model",
        "a JSON Schema with bounds, choices and patterns; what the model wrote there is dropped",
    ),
    (
        "`external_execution=True`",
        "`gate: {external: {route: …}}`",
        f"{USE}test_an_external_tool_is_never_run_here_and_its_result_is_checked",
        "the result is checked against `result_schema`; in Agno it is any text",
    ),
    (
        "`external_execution_silent=True`",
        "`gate: {external: {route: …, silent: true}}`",
        f"{USE}test_a_silent_external_call_pauses_and_is_not_announced",
        "no pause writes a text into the output; `requirement.is_silent` tells a chat to keep quiet too",
    ),
    (
        '`@approval`, `approval_type="required"`',
        "`gate: {approval: {of: [role:…], not: [requester], expires: …}}`",
        f"{USE}test_a_required_approval_blocks_until_somebody_with_the_role_gives_it",
        "who may approve stands in the rule, and the requester can be shut out",
    ),
    (
        '`@approval(type="audit")` on a flagged tool',
        "`gate: [audit, confirm]`",
        f"{USE}test_an_audited_confirmation_leaves_who_answered_on_the_record",
        "every question and answer is on a hash-chained record, flagged or not",
    ),
    (
        "(needs a flag beside it)",
        "`gate: audit` alone: recorded, never waits",
        f"{USE}test_an_audited_tool_does_not_wait_and_is_on_the_record",
    ),
    (
        "one of the three flags a tool; two are a `ValueError`",
        "a list of gates, passed in order",
        f"{USE}test_gates_of_several_kinds_on_one_call_are_passed_in_order",
        "each stage sees the arguments that the former left",
    ),
    (
        "flags written in code",
        "`hitl-fsm import-flags` writes them as a policy",
        f"{FLAGS}test_each_flag_becomes_its_gates",
    ),
    (
        "`Toolkit(requires_confirmation_tools=[…])`",
        "`Toolkit(…)`, one rule over its names",
        f"{REQ}test_one_rule_gates_some_tools_of_a_toolkit",
    ),
    (
        "`MCPTools(requires_confirmation_tools=[…])`",
        "`MCPServer(…)`, rules over its tools",
        "tests/acceptance/test_mcp_tools.py::test_law01_a_hint_of_the_server_opens_no_gate",
        "a tool that changed while its call waited is asked about again",
    ),
    (
        "several gated and free calls in one turn",
        "`batch: in_order`, `run_ungated`, `hold_all`",
        f"{USE}test_gated_and_free_calls_of_one_turn_keep_the_models_order",
        "no call overtakes an open gate unless the policy says so",
    ),
    (
        "`tool_hooks`, `pre_hook`, `post_hook`",
        "`Hooks`: before and after a call",
        f"{LAWS}test_law05_hooks.py::test_law05_a_before_hook_cannot_change_what_runs",
        "a hook can refuse, and cannot change what was approved",
    ),
)
ASKING = group(
    "Asking people",
    (
        "`UserControlFlowTools`: `get_user_input`",
        "`ask_user` with `fields`",
        f"{USE}test_an_agent_asks_for_what_it_does_not_know_in_several_rounds",
        "a policy limits what an agent may ask for",
    ),
    (
        "`UserFeedbackTools`: questions with options, `multi_select`",
        "`ask_user` with `choices`, `multiple`",
        f"{USE}test_a_question_with_options_takes_only_these",
        "an answer that is no option is refused; in Agno any text is taken",
    ),
    (
        "options with a label and a description",
        "`{value, label}`: words for people, a value for the agent",
        f"{LAWS}test_law09_ask_user.py::test_law09_the_model_reads_the_value_and_no_bad_answer_is_taken",
    ),
    (
        "`UserInputField(name, field_type, description, value)`",
        "a JSON Schema: the form, whole, also nested",
        f"{LAWS}test_law09_ask_user.py::test_law09_a_whole_json_schema_is_asked_and_held",
    ),
    (
        "values are kept as they are given",
        "`AnswerRefused` with a reason for each field; the question stays open",
        f"{USE}test_an_answer_that_does_not_fit_is_refused_and_can_be_given_again",
        "nothing that does not fit reaches a tool or the log",
    ),
)
ANSWERS = group(
    "Requirements",
    (
        "`confirm()`, `reject(note)`",
        "the same",
        f"{USE}test_a_rejected_tool_does_not_run_and_the_model_reads_the_note",
        "durable when the method returns, also before `continue_run`",
    ),
    (
        "no method to confirm with other arguments",
        "`confirm(args=…)`",
        f"{USE}test_confirmed_with_other_arguments_the_tool_gets_those_if_the_policies_let_it",
        "checked, and judged by the policies again",
    ),
    (
        "no method to answer instead of the tool",
        "`respond(result)`: the call never runs, the model reads the result",
        f"{REQ}test_a_result_can_be_given_instead_of_the_call",
    ),
    (
        "`provide_user_input`, `provide_user_feedback`, `set_external_execution_result`",
        "`provide_user_input`, `set_external_execution_result`",
        f"{REQ}test_an_answer_of_another_kind_is_refused_and_nothing_happens",
    ),
    (
        "`needs_confirmation`, `needs_user_input`, `needs_external_execution`, `pause_type`, `is_resolved()`",
        "`needs_confirmation`, `needs_user_input`, `is_external_tool_execution`, `kind`, `is_resolved`",
        f"{REQ}test_a_requirement_tells_its_kind_its_call_and_whether_it_is_resolved",
    ),
    (
        "several requirements of one run",
        "the same; each its own answer",
        f"{REQ}test_of_several_requirements_each_gets_its_own_answer",
    ),
    (
        "a second answer on the same object is a `ValueError`",
        "`AlreadyResolved`, with who answered first",
        f"{REQ}test_a_second_answer_is_told_who_was_first",
        "whichever copy it is given on, in whichever process",
    ),
    (
        "`to_dict`, `from_dict` to carry a requirement elsewhere",
        "nothing to carry: its id is enough",
        f"{REQ}test_another_process_answers_and_a_third_continues",
        "any process that can open the store answers; the action is bound by a digest",
    ),
    (
        "`db.get_approvals`, approvals API: list, count, resolve",
        "`engine.inbox`; `hitl-fsm inbox`, `approve`, `reject`",
        f"{USE}test_a_required_approval_blocks_until_somebody_with_the_role_gives_it",
    ),
)
RUNS = group(
    "Runs",
    (
        "`continue_run(run_response)`, `(run_id=…, requirements=…)`",
        "the same; `requirements` is optional",
        f"{REQ}test_a_run_is_continued_by_the_object_or_by_its_id",
    ),
    (
        "continuing with something unanswered",
        "executes nothing, comes back paused",
        f"{REQ}test_with_open_requirements_nothing_is_executed",
    ),
    (
        "requirements given by the caller are taken as they are",
        "those of another run, or changed ones, are refused",
        f"{REQ}test_requirements_of_another_run_are_refused",
    ),
    ("`arun`, `acontinue_run`", "the same", f"{REQ}test_arun_and_acontinue_run"),
    (
        "continuing a run after an error",
        "goes on where it stood",
        f"{REQ}test_a_failed_run_is_continued_where_it_stood",
        "a call that was begun is not begun again; if nobody knows whether it happened, a person is asked",
    ),
    ("the streaming loop, `is_paused` on the event", "the same", f"{REQ}test_the_streaming_loop"),
    ("`async for` over `arun`, `acontinue_run`", "the same", f"{REQ}test_the_asynchronous_streaming_loop"),
    (
        "`RunStarted`, `RunContent`, `ToolCall…`, `RunPaused`, `RunContinued`, `RunCompleted`, `RunError`",
        "`RunStarted`, `ContentDelta`, `ToolCall…`, `RunPaused`, `RunContinued`, `RunCompleted`, `RunFailed`",
        f"{REQ}test_tool_events_tell_name_arguments_and_result",
        "`RequirementResolved`, too",
    ),
    (
        "a stream whose reader leaves",
        "the run goes on; nothing is lost",
        "tests/unit/runtime/test_stream.py::test_a_reader_that_leaves_loses_nothing_and_cancels_nothing",
    ),
    (
        "`cancel_run(run_id)`",
        "`engine.cancel(run_id, by=…, reason=…)`",
        f"{REQ}test_a_cancelled_run_stays_cancelled_whatever_is_answered_later",
        "cancel beats a later yes, and is on the record",
    ),
    (
        "`continue_run(fork=True, continue_from=…)`",
        "`engine.fork(run_id, at_step)`",
        f"{REQ}test_a_fork_goes_on_from_an_earlier_step_and_the_run_stays_as_it_is",
        "what was done before is not done again; what people rejected stays rejected",
    ),
    (
        "a gate before an agent or team starts: none",
        "`agents: [clerk]`: the start of a run is an action too",
        f"{LAWS}test_starts_and_forks.py::test_law01_a_gated_start_asks_no_model_before_its_answer",
    ),
    ('`continue_run(regenerate=True)`, `continue_from="last_user"`', "", ""),
    ("`fork_session`", "", ""),
    ("a paused run over HTTP, in Slack, in AG-UI (AgentOS)", "", ""),
)
TEAMS = group(
    "Teams",
    (
        "a member's requirement on the team's run, `member_agent_name`",
        "the same, with its whole path",
        f"{TEAM}test_a_members_requirement_surfaces_at_the_team_with_its_path",
    ),
    (
        "",
        "a member's requirement is answered by its id, from anywhere",
        f"{TEAM}test_a_question_of_a_member_is_answered_by_its_id_from_anywhere",
    ),
    ("a rejection told to the member", "the same", f"{TEAM}test_a_member_is_told_of_a_rejection_and_nothing_happens"),
    ("user input for a member's tool", "the same", f"{TEAM}test_a_member_asks_for_input"),
    ("a tool of the team itself", "the same", f"{TEAM}test_a_tool_of_the_team_itself_is_gated"),
    ("members that wait at the same time", "the same", f"{TEAM}test_two_members_wait_for_two_answers"),
    (
        "",
        "a member that waits does not stop the others' free work",
        f"{TEAM}test_one_member_that_waits_does_not_stop_the_others",
    ),
    ("teams in teams", "the same", f"{TEAM}test_a_member_of_a_member_is_gated_too"),
    (
        "team events when streaming",
        "the same, each with its path",
        f"{TEAM}test_the_streaming_loop_of_a_team",
    ),
)
ROWS: Sequence[Row] = (*TOOLS, *ASKING, *ANSWERS, *RUNS, *TEAMS, *WORKFLOWS)

if __name__ == "__main__":
    sys.stdout.write(render(ROWS))
