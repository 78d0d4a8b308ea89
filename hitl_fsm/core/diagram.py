"""Pictures of the machines, read from the tables: Mermaid, Graphviz DOT, and a plain table."""

from __future__ import annotations

from collections.abc import Sequence

from hitl_fsm.core.table import Table


def mermaid(table: Table, path: Sequence[str] = ()) -> str:
    """A `stateDiagram-v2`; the states of `path` (a run's life, in order) are marked, and its last one strongest."""
    lines = ["stateDiagram-v2", f"    [*] --> {table.states[0].value}"]
    lines += [f"    {row.source.value} --> {row.target.value}: {row.trigger.value}" for row in table.rows]
    lines += [f"    {state} --> [*]" for state in _ends(table)]
    if path:
        visited = sorted(set(path) - {path[-1]})
        lines.append("    classDef visited fill:#dbeafe,stroke:#1d4ed8")
        lines.append("    classDef current fill:#1d4ed8,color:#ffffff")
        if visited:
            lines.append(f"    class {','.join(visited)} visited")
        lines.append(f"    class {path[-1]} current")
    return "\n".join(lines) + "\n"


def dot(table: Table, path: Sequence[str] = ()) -> str:
    """A Graphviz digraph of the same."""
    lines = [f"digraph {table.name} {{", "  rankdir=LR; node [shape=box, style=rounded];"]
    lines += [f'  "{state}" [style="rounded,filled", fillcolor="#dbeafe"];' for state in dict.fromkeys(path)]
    lines += [f'  "{row.source.value}" -> "{row.target.value}" [label="{row.trigger.value}"];' for row in table.rows]
    return "\n".join([*lines, "}"]) + "\n"


def rows(table: Table) -> list[tuple[str, str, str, str]]:
    """(source, trigger, target, why), in the table's order."""
    return [(row.source.value, row.trigger.value, row.target.value, row.why) for row in table.rows]


def _ends(table: Table) -> list[str]:
    sources = {row.source for row in table.rows}
    return [state.value for state in table.states if state not in sources]
