"""Every command of the program: its name, where it is, one line of help. `--help` imports none of them."""

from __future__ import annotations

from typing import NamedTuple


class Entry(NamedTuple):
    """`home` is `module:attribute` of a function or of a group's Typer object; `help` is its line in the list."""

    home: str
    help: str


_HERE = "hitl_fsm.cli"

COMMANDS = {
    "demo": Entry(f"{_HERE}.demo.demo:demo", "See every kind of gate in one minute, offline."),
    "init": Entry(f"{_HERE}.init:init", "Write a small working project to start from."),
    "doctor": Entry(
        f"{_HERE}.doctor.doctor:doctor", "Check this installation, the store, the policies and the application."
    ),
    "schema": Entry(
        f"{_HERE}.policies.schema:schema", "Print or write the JSON Schemas of policies, records and answers."
    ),
    "validate": Entry(
        f"{_HERE}.policies.validate:validate", "Check policy files; every problem of every file in one pass."
    ),
    "test": Entry(
        f"{_HERE}.policies.test:run_tests", "Run the cases beside the policies, and tell what no case has tried."
    ),
    "explain": Entry(f"{_HERE}.policies.explain:explain", "Explain the verdict on one action, rule by rule."),
    "diff": Entry(
        f"{_HERE}.policies.diff:diff",
        "Compare two sets of policies, action by action; what the new one asks less for comes first.",
    ),
    "impact": Entry(
        f"{_HERE}.policies.impact:impact",
        "Hold new policies against every action that the store's runs were judged by.",
    ),
    "describe": Entry(
        f"{_HERE}.policies.describe:describe", "Write policies as a page that a reviewer can read and sign."
    ),
    "import-flags": Entry(
        f"{_HERE}.policies.import_flags:import_flags", "Write a policy from the flags that tools have in the code."
    ),
    "graph": Entry(f"{_HERE}.runs.graph:graph", "Draw a state machine, or the path that a run took through it."),
    "run": Entry(f"{_HERE}.runs.start:run", "Start an agent, a team or a workflow; exits 8 when a person is asked."),
    "runs": Entry(f"{_HERE}.runs.group:app", "List, show, continue, cancel and forget runs."),
    "wait": Entry(f"{_HERE}.runs.wait:wait", "Wait until a run has ended, whoever continues it."),
    "inbox": Entry(f"{_HERE}.answers.inbox:inbox", "List the open questions of all runs, oldest first."),
    "show": Entry(
        f"{_HERE}.answers.show:show",
        "Show one question: the exact action, why it is asked, who may answer, how far its route has come.",
    ),
    "approve": Entry(f"{_HERE}.answers.approve:approve", "Say yes to one or several questions."),
    "reject": Entry(f"{_HERE}.answers.approve:reject", "Say no to one or several questions, for good."),
    "abstain": Entry(f"{_HERE}.answers.votes:abstain", "Say neither yes nor no to a question that was put to you."),
    "advise": Entry(f"{_HERE}.answers.votes:advise", "Say what you think of a question, without deciding it."),
    "withdraw": Entry(f"{_HERE}.answers.votes:withdraw", "Take your vote back, while the question is open."),
    "revoke": Entry(f"{_HERE}.answers.votes:revoke", "Take a yes back, until the action begins."),
    "break-glass": Entry(f"{_HERE}.answers.votes:break_glass", "Say yes alone, past the others, in an emergency."),
    "respond": Entry(f"{_HERE}.answers.respond:respond", "Give a result instead of a call, which then never runs."),
    "retry": Entry(f"{_HERE}.answers.approve:retry", "In a review: the result goes nowhere, run the call again."),
    "input": Entry(f"{_HERE}.answers.fill:fill", "Fill in the form of a question."),
    "result": Entry(
        f"{_HERE}.answers.result:result",
        "Report what an external or lost call returned, or that it failed, or change a reviewed result.",
    ),
    "grants": Entry(f"{_HERE}.answers.grants:app", "List, show, revoke and export what need not be asked again."),
    "notices": Entry(
        f"{_HERE}.answers.notices:app", "List what people were told, and try again what could not be told."
    ),
    "overrides": Entry(
        f"{_HERE}.answers.overrides:app", "List and review gates that one person passed alone, in an emergency."
    ),
    "delegate": Entry(f"{_HERE}.answers.delegate:delegate", "Let somebody else answer with your roles, for a while."),
    "audit": Entry(f"{_HERE}.audit.group:app", "Show, verify, question, export and prune the record."),
    "db": Entry(f"{_HERE}.db:app", "Show and upgrade the database's schema."),
    "worker": Entry(
        f"{_HERE}.runs.worker:worker", "Fire what is due and go on with what is ready, until told to leave."
    ),
    "help": Entry(f"{_HERE}.help:help_", "Explain a code of a finding or an error; without one, list all."),
}
