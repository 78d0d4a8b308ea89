"""What the models of the record's events are made of. Integers, texts, truth values; no floats, nothing unnamed."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from typing_extensions import TypeAliasType

FIRST_VERSION = 1

Digest = Annotated[str, StringConstraints(pattern="^[0-9a-f]{64}$"), Field(description="SHA-256, hex.")]
ActionDigest = Annotated[
    str,
    StringConstraints(pattern="^([0-9a-f]{64})?$"),
    Field(description="SHA-256 (hex) that binds the action, under the run's salt; empty where nothing could be read."),
]
PolicyDigest = Annotated[
    str, StringConstraints(max_length=64), Field(description="Names the set of policies; its text is in the store.")
]
GateKey = Annotated[
    str, StringConstraints(pattern="^[0-9a-f]{16}$"), Field(description="The same demand has the same key everywhere.")
]
Moment = Annotated[int, Field(ge=0, description="Milliseconds since the epoch, UTC.")]
Count = Annotated[int, Field(ge=0)]
Ordinal = Annotated[int, Field(ge=1)]
Currency = Annotated[str, StringConstraints(pattern="^[A-Z]{3}$"), Field(description="ISO 4217.")]
CallId = Annotated[str, Field(description="Unique in its run.")]
RequirementId = Annotated[str, Field(description="A question, as `hitl-fsm show` takes it.")]
RunId = Annotated[str, Field(description="A run, as `hitl-fsm runs show` takes it.")]
PersonId = Annotated[str, Field(description="An actor's or a person's id.")]
ToolName = Annotated[str, Field(description="As the model calls it.")]
FramePath = Annotated[str, Field(description="Which run inside the run; absent: the run itself.")]
Decimal = Annotated[str, StringConstraints(pattern=r"^-?[0-9]+(\.[0-9]+)?$"), Field(description="Exact, as text.")]
Severity = Literal["low", "medium", "high", "critical"]
Names = tuple[str, ...]

Plain = TypeAliasType(  # any JSON value without floats
    "Plain", "dict[str, Plain] | list[Plain] | str | bool | int | None"
)


class Shape(BaseModel):
    """Strict, closed, not changed once it is read."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Data(Shape):
    """What the lines of one event say in the clear.

    `CONTENTS`: by name, what else a line may be committed to; those values are kept beside it, encrypted, and can be
    forgotten. `VERSION` stands in the line as `v`, where it is not 1.
    """

    CONTENTS: ClassVar[dict[str, str]] = {}
    VERSION: ClassVar[int] = FIRST_VERSION


class Who(Shape):
    """Who acted, with the roles of that moment, how it was authenticated, and for whom it spoke by a delegation."""

    id: PersonId
    roles: Names = ()
    kind: Literal["human", "agent", "service", "timer"] = "human"
    authenticated_by: str = Field(
        default="application", description="`application` where the embedding program vouches, `os:<uid>` for a shell."
    )
    on_behalf_of: PersonId | None = Field(default=None, description="The person for whom it spoke, by a delegation.")
    person: PersonId = Field(default="", description="The person behind several ids; empty: the id itself.")
    groups: Names = ()
    printed_name: str = Field(default="", description="The name in words, as it stands under a signature.")


class Envelope(Shape):
    """What every line has around its event's own data."""

    seq: Annotated[int, Field(ge=1, description="The line's number, from 1, without gaps.")]
    prev: Annotated[Digest, Field(description="The leaf of the line before: SHA-256(0x00 ‖ its bytes), hex.")]
    event: str
    at: Moment
    by: Who
    run: RunId = ""
    v: Annotated[int, Field(ge=1, description="The version of the event's schema.")] = FIRST_VERSION


class OfCall(Data):
    """An action: which call, of which tool, and the digest that binds its arguments."""

    call: CallId
    tool: ToolName
    digest: ActionDigest


class Money(Shape):
    """A sum, exactly: minor units (cents, say) of a currency."""

    at: Annotated[str, Field(description="The argument, dotted.")]
    minor: int
    currency: Currency


class Rule(Shape):
    """A rule (or a default) that took part, and where it stands."""

    policy: str
    rule: str
    effect: str
    file: str = ""
    line: Count = 0
    note: str | None = None
