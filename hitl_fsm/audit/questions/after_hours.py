"""Decisions at hours at which nobody is expected to make any."""

from __future__ import annotations

from hitl_fsm.audit.questions.question import USUAL, Column, Parameter, Question

AFTER_HOURS = Question(
    name="after-hours",
    asks="Which decisions were made outside working hours?",
    learns="Answers at night and on weekends, in the time zone of those who decide: a hurry, or somebody else's hands.",
    parameters=(
        *USUAL,
        Parameter("hours", "hours", "Working hours.", "08:00-18:00"),
        Parameter("days", "days", "Working days.", "mon-fri"),
        Parameter("zone", "zone", "The time zone, such as Europe/Berlin.", "UTC"),
    ),
    columns=(
        Column("seq", "the line of the record", "count"),
        Column("at", "when", "time"),
        Column("local", "the time of day there"),
        Column("approver", "who decided"),
        Column("requirement", "the question"),
        Column("tool", "the tool"),
        Column("answer", "what they answered"),
    ),
    sql="""
SELECT seq, at, substr('MonTueWedThuFriSatSun', 1 + 3 * day, 3) || printf(' %02d:%02d', minute / 60, minute % 60),
 person, requirement, tool, answer FROM (
 SELECT d.*, ((d.at + z.shift) / 86400000 + 3) % 7 AS day, ((d.at + z.shift) / 60000) % 1440 AS minute
 FROM zone z CROSS JOIN decision d ON d.at >= z.from_at AND d.at < z.until_at WHERE {DECIDED}
) WHERE minute < :opens OR minute >= :closes OR instr(:days, ',' || day || ',') = 0
ORDER BY seq
""",
    needs="zone",
    example="hitl-fsm audit q after-hours --hours 08:00-18:00 --zone Europe/Berlin",
)
