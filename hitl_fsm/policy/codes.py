"""The codes of everything that can be wrong with a policy file. Stable: a code is never used for something else."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class Code(StrEnum):
    UNREADABLE = "HF101"
    SYNTAX = "HF102"
    DUPLICATE_KEY = "HF103"
    YAML_FEATURE = "HF104"
    TOO_LARGE = "HF105"
    UNKNOWN_KEY = "HF106"
    MISSING_KEY = "HF107"
    WRONG_VALUE = "HF108"
    NOT_ENFORCED = "HF109"
    GATE = "HF110"
    CONDITION = "HF111"
    UNKNOWN_NAME = "HF112"
    NOT_BOOLEAN = "HF113"
    EXAMPLE = "HF114"
    TOOLS = "HF115"
    DUPLICATE_POLICY = "HF116"
    DUPLICATE_RULE = "HF117"
    SCHEMA_FILE = "HF118"
    SCHEMA = "HF119"
    SUBJECT = "HF120"
    NO_POLICIES = "HF121"
    UNKNOWN_ARGUMENT = "HF122"
    WRONG_TYPE = "HF123"
    MAY_BE_ABSENT = "HF124"
    NO_SUCH_TOOL = "HF125"
    TOOLS_FILE = "HF126"
    AROUND = "HF127"
    CALENDAR = "HF128"
    TEST_NAME = "HF130"
    TEST_EMPTY = "HF131"
    TEST_USER = "HF132"
    TEST_POLICY = "HF133"
    TEST_RULE = "HF134"
    TEST_TABLE = "HF135"
    TEST_CALL = "HF136"
    TEST_EXPECT = "HF137"
    TEST_FAILED = "HF138"
    TEST_UNTRIED = "HF139"


class Meaning(NamedTuple):
    """One row of `docs/rules/README.md`."""

    meaning: str
    remedy: str


MEANINGS: dict[Code, Meaning] = {
    Code.UNREADABLE: Meaning(
        "The file cannot be read: missing, no permission, not UTF-8, or it holds control or invisible characters.",
        "Check path and permissions; save the file as UTF-8; write such a character as an escape in double quotes.",
    ),
    Code.SYNTAX: Meaning(
        "The text is not YAML.", "Look at the place shown and just before it: indentation, quotes, brackets."
    ),
    Code.DUPLICATE_KEY: Meaning("A key stands twice in one mapping.", "Keep one of the two."),
    Code.YAML_FEATURE: Meaning(
        "Anchors, aliases, merge keys, tags and several documents are refused: what is written is what holds.",
        "Write the value out; put a second policy into a second file.",
    ),
    Code.TOO_LARGE: Meaning("The file is larger, deeper or has more values than the limit.", "Split the policy."),
    Code.UNKNOWN_KEY: Meaning("The language has no such key.", "Take the suggested word, or remove the key."),
    Code.MISSING_KEY: Meaning("A required key is not there.", "Add it."),
    Code.WRONG_VALUE: Meaning(
        "The value has the wrong type or is not one of the allowed words.", "Write one that the message names."
    ),
    Code.NOT_ENFORCED: Meaning(
        "The language has this, but this release does not enforce it; ignoring it would be a hole.",
        "Remove it, or express the rule with what is enforced.",
    ),
    Code.GATE: Meaning(
        "A gate is unknown, has no body, or stands where it cannot.",
        "`allow` and `deny` stand alone; `external` stands last, before any `review`; a mapping names one gate.",
    ),
    Code.CONDITION: Meaning("A condition is not valid CEL.", "Correct it at the column shown."),
    Code.UNKNOWN_NAME: Meaning(
        "A condition uses a name that is not in scope.", "Take the suggested name; text needs quotes."
    ),
    Code.NOT_BOOLEAN: Meaning("A condition can never be true or false.", "Compare the value with something."),
    Code.EXAMPLE: Meaning(
        "An example of a rule does not come out as it says.", "Correct the condition or the example."
    ),
    Code.TOOLS: Meaning(
        "A pattern of tools, steps or agents is not valid, or a rule names what its policy does not cover.",
        "Patterns are names with `*`; add the name to those of the policy.",
    ),
    Code.DUPLICATE_POLICY: Meaning("Two files have a policy of the same name.", "Rename one of them."),
    Code.DUPLICATE_RULE: Meaning("Two rules of one policy have the same id.", "Rename one of them."),
    Code.SCHEMA_FILE: Meaning(
        "A schema file that a `$ref` names cannot be read as JSON.",
        "The path is relative to the policy file and stays inside the project.",
    ),
    Code.SCHEMA: Meaning(
        "A JSON Schema cannot be used as a form, for a result, or for an argument.", "Correct what the message names."
    ),
    Code.SUBJECT: Meaning(
        "Who may answer is not written as the language expects, or nobody could answer.",
        "Write `role:NAME`, `group:NAME`, `requester`, `owner` or an actor's id.",
    ),
    Code.NO_POLICIES: Meaning("There is no policy at the given path.", "Policies are files named `*.policy.yaml`."),
    Code.UNKNOWN_ARGUMENT: Meaning(
        "A condition, or a gate, names an argument, or a field of one, that the tool does not have.",
        "Take the suggested name.",
    ),
    Code.WRONG_TYPE: Meaning(
        "A condition, or a gate, does with an argument what its type does not allow, or compares it with what it can "
        "never be.",
        "Compare it with a value that the tool's schema allows.",
    ),
    Code.MAY_BE_ABSENT: Meaning(
        "A condition uses an argument that a call may leave out, or that may be null; such a call would be denied.",
        "Ask first: `has(args.note) && …`, or `args.note != null && …`.",
    ),
    Code.NO_SUCH_TOOL: Meaning(
        "There is no tool of this name; or, as a warning, none that the pattern fits.",
        "Take the suggested name, or remove the one that is gone.",
    ),
    Code.TOOLS_FILE: Meaning(
        "A file of tools cannot be used.", "Write it anew: `hitl-fsm --app app:engine schema --tools > tools.json`."
    ),
    Code.AROUND: Meaning(
        "In a file of routes or roles a name or an identity stands twice, one is unknown, or something is in a circle.",
        "Give each name one place; take a group out of the circle.",
    ),
    Code.CALENDAR: Meaning(
        "A calendar cannot be used, or is not there: its zone or country is unknown, hours overlap, a date is none.",
        "Correct what the message names; calendars are files named `*.calendar.yaml` beside the policies.",
    ),
    Code.TEST_NAME: Meaning(
        "Two cases of one test file have the same name, or two rows of one table are the same.",
        "Rename one; rows get names of their own in a `case` column.",
    ),
    Code.TEST_EMPTY: Meaning("There is no test, or a test file has no case.", "Write `cases` or `tables`."),
    Code.TEST_USER: Meaning("A case names a user whom its file does not have.", "Add the name to `users`."),
    Code.TEST_POLICY: Meaning(
        "A test file has no policy to try: the path leads nowhere, or no policy lies beside it.",
        "Paths in `policies` are relative to the test file.",
    ),
    Code.TEST_RULE: Meaning(
        "A case expects a rule that the policies do not have.",
        "Take the suggested name; `POLICY/ID` tells twins apart.",
    ),
    Code.TEST_TABLE: Meaning(
        "A table's column is unknown or stands twice, or a row has more or fewer cells than there are columns.",
        "Columns are `args.NAME`, `user`, `tool`, …, and `expect`, `rule`, …; one cell each in every row.",
    ),
    Code.TEST_CALL: Meaning(
        "A case's call is no action: nothing is named, a pattern stands for a name, or `now` is no instant.",
        "Name one tool, step or agent in full; write instants as 2026-01-31T12:00:00Z.",
    ),
    Code.TEST_EXPECT: Meaning(
        "What a case expects says nothing, or can never be.", "Say `outcome`, `gates`, `rule` or what else matters."
    ),
    Code.TEST_FAILED: Meaning("A case did not come out as expected.", "Correct the policy, or the case."),
    Code.TEST_UNTRIED: Meaning(
        "No case and no example has tried this part of a policy both ways.", "Add a case with the missing value."
    ),
}
