"""Workflow files from disk, and what their import paths lead to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from hitl_fsm.adapters.policy_files import WORKFLOWS, gather
from hitl_fsm.errors import Diagnostic, WorkflowError
from hitl_fsm.policy.source import MAX_FILE_BYTES

if TYPE_CHECKING:
    from hitl_fsm.policy.workflows.document import WorkflowDocument

Resolves = Callable[[str], str | None]


class GatheredWorkflows(NamedTuple):
    """What is wrong with the files below some paths, and which these are."""

    findings: tuple[Diagnostic, ...]
    files: tuple[str, ...]


def gather_workflows(paths: Sequence[str], resolves: Resolves | None = None) -> GatheredWorkflows:
    """Check every `*.workflow.yaml` of these folders and files; `resolves`, where given, imports what they name."""
    gathered = gather(paths, WORKFLOWS)
    findings = list(gathered.findings)
    if gathered.files:
        from hitl_fsm.policy.workflows.read import read_workflow  # noqa: PLC0415 - its models take long to make

        for file in sorted(gathered.files):
            findings += read_workflow(gathered.files[file], file, resolves).findings
    return GatheredWorkflows(tuple(findings), tuple(sorted(gathered.files)))


def read_workflow_file(path: str | Path) -> WorkflowDocument:
    """The workflow in a file; WorkflowError, with every finding, where it cannot be used."""
    from hitl_fsm.policy.workflows.read import read_workflow  # noqa: PLC0415 - as above

    try:
        with Path(path).open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except (OSError, ValueError) as error:
        msg = f"the workflow {str(path)!r} cannot be read: {getattr(error, 'strerror', None) or error}"
        raise WorkflowError(msg, help="the path is relative to where the program was started") from error
    found = read_workflow(data, str(path))
    if found.document is None:
        first = found.findings[0]
        msg = f"{first.place}: {first.code} {first.message}"
        raise WorkflowError(msg, found.findings, help=first.help or f"`hitl-fsm validate {path}` tells all")
    return found.document


def resolve(text: str) -> Any:
    """What `module:name` leads to; WorkflowError where there is nothing, and what the module raises comes through."""
    module_name, _, names = text.partition(":")
    try:
        value: Any = import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is None or not (module_name == error.name or module_name.startswith(f"{error.name}.")):
            raise
        msg = f"there is no module {module_name!r}, which {text!r} names"
        raise WorkflowError(
            msg, help="it is imported as Python would: from the path that the program runs with"
        ) from error
    for name in names.split("."):
        if not hasattr(value, name):
            msg = f"{module_name} has no {names!r}"
            raise WorkflowError(msg, help=f"`{text}` names it")
        value = getattr(value, name)
    return value
