"""Who may answer, as a policy names people: roles, groups, ids, and words for those who already have to do with it."""

from __future__ import annotations

from collections.abc import Sequence

from hitl_fsm.errors import Diagnostic
from hitl_fsm.policy.codes import Code
from hitl_fsm.policy.names import did_you_mean
from hitl_fsm.policy.source import Path, Source

ROLE = "role:"
GROUP = "group:"
REQUESTER = "requester"
OWNER = "owner"
BARRED = ("editor", "previous_approver")
"""Words of `not` alone: who they are is known only when somebody answers."""

WORDS = (REQUESTER, OWNER, *BARRED)
_LONG = (REQUESTER, "previous_approver")
"""Words that no id is like by chance."""

_KINDS = "role:NAME, group:NAME, requester, owner, or an actor's id"
_FALSE_KINDS = {
    **dict.fromkeys(("roles:", "Role:", "ROLE:"), ROLE),
    **dict.fromkeys(("groups:", "Group:", "GROUP:", "team:", "teams:"), GROUP),
    **dict.fromkeys(("user:", "users:", "actor:", "human:", "person:", "id:"), ""),
}


class PeopleReader:
    """Reads the names of one file into `findings` and subjects; `owner` is what `owner` stands for."""

    def __init__(self, source: Source, owner: str | None, findings: list[Diagnostic]) -> None:
        self._source = source
        self._owner = (owner or "").strip()
        self._findings = findings

    def read(self, subjects: Sequence[str], path: Path, *, barred: bool = False) -> tuple[str, ...]:
        """The people of a list without doubles; `barred`: it is a list of those who may not answer."""
        found = (self.one(subject, (*path, index), barred=barred) for index, subject in enumerate(subjects))
        return tuple(dict.fromkeys(subject for subject in found if subject))

    def one(self, written: str, path: Path, *, barred: bool = False) -> str:
        """The subject that is meant; empty where nobody is."""
        subject = self._owned(path) if written == OWNER else written
        if subject:
            self._check(subject, written, path, barred=barred)
        return subject

    def nobody(self, of: Sequence[str], excluded: Sequence[str], path: Path, who: str = "everyone in `of`") -> None:
        """A finding where all who may answer are among those who may not."""
        if of and set(of) <= set(excluded):
            self.note(f"nobody could answer: {who} is also in `not`", path)

    def note(self, message: str, path: Path, help: str | None = None) -> None:  # noqa: A002 - the word users know
        """A finding about people."""
        self._findings.append(self._source.diagnostic(Code.SUBJECT, message, self._source.node(path), help))

    def _owned(self, path: Path) -> str:
        if not self._owner:
            self.note("the policy has no `owner`", path, "write `owner: ID` at its top, or name who is meant here")
        elif self._owner in WORDS:
            message = f"the policy's `owner` is `{self._owner}`, which names nobody"
            self.note(message, path, "name at its top who answers for the policy")
            return ""
        return self._owner

    def _check(self, subject: str, written: str, path: Path, *, barred: bool) -> None:
        kind = next((kind for kind in _FALSE_KINDS if subject.startswith(kind)), None)
        if subject.startswith("agent:"):
            message = "an agent's answer never counts: it may advise those who decide"
            self.note(message, path, "name a role, a group or a person")
        elif subject in {ROLE, GROUP} or subject.strip() != subject or "\n" in subject:
            owner = ", the policy's `owner`," if written != subject else ""
            self.note(f"{subject!r}{owner} names nobody", path, _KINDS)
        elif kind is not None:
            rest, right = subject.removeprefix(kind), _FALSE_KINDS[kind]
            hint = f"did you mean `{right}{rest}`?" if right else f"an actor's id stands alone: `{rest}`"
            self.note(f"`{kind}` is not a kind of subject", path, hint)
        elif subject in BARRED:
            if not barred:
                told = f"`{subject}` says who may not answer, not who may"
                self.note(told, path, f"write it under `not`, and name here: {_KINDS}")
        elif ":" not in subject and subject not in WORDS and (word := _meant(subject)) is not None:
            self.note(f"`{subject}` is not a known word", path, f"did you mean `{word}`?")


def _meant(subject: str) -> str | None:
    """The word that a subject was certainly meant to be; an id may look a little like a short one, as `owen` does."""
    plain = "".join(char for char in subject.lower() if char.isalpha()).removesuffix("s")
    for word in WORDS:
        if plain == word.replace("_", ""):
            return word
    return next((word for word in _LONG if did_you_mean(subject, [word])), None)
