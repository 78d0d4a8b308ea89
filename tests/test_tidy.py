"""Style as a test: what reviewers would otherwise say twice. Each exception stands in a table, with its reason."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Collection, Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "hitl_fsm"
FOLDERS = ("hitl_fsm", "tests", "bench", "examples", "policies", "docs", "schemas", ".ci")
TEXT = {".py", ".md", ".yaml", ".yml", ".toml", ".json", ".sql", ".sh", ""}

FILE_LINES = 400
FUNCTION_LINES = 60
CONSTRUCTOR_PARAMETERS = 6

LONG_FILES: dict[str, str] = {
    "hitl_fsm/errors.py": "every error of the package, in the order of the codes: a list to look things up in",
    "hitl_fsm/audit/standalone/verify.py": "one file, which is copied beside each export and read by who checks it",
}
LONG_FUNCTIONS: dict[str, str] = {}
DATA = frozenset({"hitl_fsm/audit/standalone/verify.py"})
"""Programs that go out with what is exported; the package never imports them."""
WIDE_CONSTRUCTORS = {
    "hitl_fsm/connect.py:Engine": "the public door: keywords that users know, all with defaults",
}
SWALLOWS = {
    "hitl_fsm/adapters/log.py": "a log that is broken loses its line, and nothing else",
    "hitl_fsm/adapters/model_litellm/model.py": "LiteLLM lets anything through on a malformed reply; it becomes a ModelError",  # noqa: E501
    "hitl_fsm/adapters/mcp/session.py": "whatever ends a session, it is dead, and who waits for it is told why",
    "hitl_fsm/mcp.py": "handed to who waits for the call, as a thread's error is",
    "hitl_fsm/adapters/model_litellm/usage.py": "a reply whose price cannot be worked out has come all the same",
    "hitl_fsm/adapters/sinks/aside.py": "handed to who waits for the lines, as an error of the second copy",
    "hitl_fsm/adapters/store/batch.py": "what a job raises is its waiter's; the other jobs of the transaction go on",
    "hitl_fsm/adapters/store/writer.py": "the writer thread hands it to the waiter whose job it was",
    "hitl_fsm/adapters/store/raw.py": "a text that cannot be read is asked for as bytes; what fails then is raised",
    "hitl_fsm/cli/main.py": "the last line of defence: a defect is told, with a traceback on `-v`",
    "hitl_fsm/cli/target.py": "the user's own module may raise anything; it is told as an AppError",
    "hitl_fsm/runtime/agents/ask_model.py": "a model of the application's own may raise anything; it becomes a ModelError",  # noqa: E501
    "hitl_fsm/runtime/outgoing/dispatch.py": "a route of the application may raise anything; nobody knows what it did then",  # noqa: E501
    "hitl_fsm/runtime/outgoing/copies.py": "a sink of the application may raise anything; the lines are offered again",
    "hitl_fsm/runtime/agents/context.py": "a function of instructions may raise anything; it becomes a ModelError",
    "hitl_fsm/runtime/execute.py": "whatever a tool raises is what the model must hear",
    "hitl_fsm/runtime/tools/flagged.py": "tools of another library may raise anything when they are looked at; it is told",  # noqa: E501
    "hitl_fsm/runtime/agents/guards.py": "a guard may raise anything; what it did not pass is refused",
    "hitl_fsm/runtime/agents/hooks.py": "a hook may raise anything; the call is refused, or its result withheld",
    "hitl_fsm/runtime/loop.py": "what an errand raised is handed to who asked for it",
    "hitl_fsm/runtime/outgoing/outbox.py": "a channel of the application may raise anything; what it was to tell is tried again",  # noqa: E501
    "hitl_fsm/runtime/agents/output.py": "a validator of the application may raise anything; the answer is refused",
    "hitl_fsm/runtime/tools/results.py": "a result whose __str__ raises was returned all the same; the call did happen",
    "hitl_fsm/adapters/telemetry.py": "handed to who waits for the spans to be sent",
    "hitl_fsm/runtime/streaming/channel.py": "handed to the reader of the stream, who raises it",
    "hitl_fsm/runtime/tools/toolkit.py": "a toolset of the application may raise anything; it becomes a ToolError",
    "hitl_fsm/runtime/threads.py": "what a function raised is handed to who waits for its thread",
    "hitl_fsm/runtime/workflow/planner.py": "a function that decides may raise anything; it becomes a ModelError",
    "hitl_fsm/runtime/tools/signature.py": "a validator of the application may raise anything; the call is refused",
}
SOLE_IMPORTERS = {
    "transitions": "hitl_fsm/core/machine.py",
    "cel_expr_python": "hitl_fsm/policy/condition.py",
    "litellm": "hitl_fsm/adapters/model_litellm/model.py",
    "mcp": "hitl_fsm/adapters/mcp/session.py",
}
PURE = ("core", "policy", "audit", "model")
IMPURE = {
    *("time", "random", "secrets", "uuid", "threading", "asyncio", "os", "io", "pathlib", "socket", "subprocess"),
    *("shutil", "tempfile", "glob", "sqlite3", "structlog", "logging", "sched", "signal", "multiprocessing"),
    *("concurrent", "selectors", "urllib", "http", "requests", "httpx", "aiohttp", "litellm", "sqlalchemy"),
}
CLOCK_READS = frozenset({"now", "utcnow", "today"})

LAWS = range(1, 16)
LAWS_WITHOUT_TEST: dict[int, str] = {}  # only ever shrinks

HEAVY = ("alembic", "cel_expr_python", "jsonschema", "litellm", "mcp", "openai", "pydantic", "sqlalchemy")
LIGHT_COMMANDS = (["--help"], ["--version"])  # start without any of these; one more is one more list


def python_files(*folders: str) -> list[Path]:
    return sorted(p for f in folders for p in (ROOT / f).rglob("*.py") if "__pycache__" not in p.parts)


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), name(path))


@cache
def walked(path: Path) -> tuple[ast.AST, ...]:
    return tuple(ast.walk(tree(path)))


@pytest.fixture(autouse=True, scope="module")
def _trees_go_with_their_tests() -> Iterator[None]:
    """Hundreds of megabytes, which every later collection of garbage in this process would walk."""
    yield
    walked.cache_clear()


def nodes(path: Path, *kinds: type[ast.AST]) -> Iterator[ast.AST]:
    return (node for node in walked(path) if isinstance(node, kinds))


def imported(path: Path) -> set[str]:
    """Every absolute module name that the file imports, wherever the import stands."""
    found: set[str] = set()
    for node in nodes(path, ast.Import, ast.ImportFrom):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.add(node.module or "")
    return found


def named(path: Path, modules: Collection[str]) -> Iterator[str]:
    """Those of `modules` that a file takes something of: a module, not the package that it is in."""
    for node in nodes(path, ast.ImportFrom):
        if isinstance(node, ast.ImportFrom) and not node.level:
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield inner if inner in modules else node.module or ""


def agree(found: set[str], allowed: dict[str, str] | dict[int, str] | set[str], rule: str) -> None:
    """The findings are exactly the exceptions: neither a new one nor a stale exception passes."""
    assert not found - set(allowed), f"{rule}: {sorted(found - set(allowed))}"
    assert not set(allowed) - found, f"no longer needed, take it off the table: {sorted(set(allowed) - found)}"


CODE = python_files("hitl_fsm", "tests", "bench", "examples")
OURS = python_files("hitl_fsm")


def test_the_tables_look_at_something() -> None:
    assert len(OURS) > 20
    assert Path(__file__) in CODE


def test_files_are_short() -> None:
    long = {name(p) for p in CODE if len(p.read_text(encoding="utf-8").splitlines()) >= FILE_LINES}
    agree(long, LONG_FILES, f"{FILE_LINES} lines or more")


def test_functions_are_short() -> None:
    long = {
        f"{name(path)}:{node.name}"
        for path in CODE
        for node in ast.walk(tree(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or 0) - node.lineno + 1 >= FUNCTION_LINES
    }
    agree(long, LONG_FUNCTIONS, f"{FUNCTION_LINES} lines or more")


def test_constructors_are_narrow() -> None:
    wide: set[str] = set()
    for path in OURS:
        for made in nodes(path, ast.ClassDef):
            assert isinstance(made, ast.ClassDef)
            for method in made.body:
                if isinstance(method, ast.FunctionDef) and method.name == "__init__":
                    args = method.args
                    count = len(args.posonlyargs) + len(args.args) + len(args.kwonlyargs) - 1
                    if count > CONSTRUCTOR_PARAMETERS:
                        wide.add(f"{name(path)}:{made.name}")
    agree(wide, WIDE_CONSTRUCTORS, f"more than {CONSTRUCTOR_PARAMETERS} parameters")


def _swallows(handler: ast.ExceptHandler) -> bool:
    caught = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    broad = any(
        one is None or (isinstance(one, ast.Name) and one.id in ("Exception", "BaseException")) for one in caught
    )
    last = handler.body[-1]
    return broad and not (
        isinstance(last, ast.Raise) and last.exc is None
    )  # cleaning up and raising on is no swallowing


def test_no_error_is_swallowed() -> None:
    found = {
        name(p) for p in OURS for h in nodes(p, ast.ExceptHandler) if isinstance(h, ast.ExceptHandler) and _swallows(h)
    }
    agree(found, SWALLOWS, "`except Exception`, or a bare `except`")


def test_only_the_command_line_prints() -> None:
    printing = {
        name(path)
        for path in OURS
        if "cli" not in path.relative_to(PACKAGE).parts
        for call in nodes(path, ast.Call)
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "print"
    }
    agree(printing, set(), "print()")


@pytest.mark.parametrize("library", SOLE_IMPORTERS)
def test_one_file_imports_it(library: str) -> None:
    importers = {name(path) for path in OURS if any(m.split(".")[0] == library for m in imported(path))}
    agree(importers, {SOLE_IMPORTERS[library]}, f"imports {library}")


@pytest.mark.parametrize("layer", PURE)
def test_pure_layers_do_no_io_and_know_no_clock(layer: str) -> None:
    impure: set[str] = set()
    for path in python_files(f"hitl_fsm/{layer}"):
        if name(path) in DATA:
            continue
        impure |= {f"{name(path)} imports {m}" for m in imported(path) if m.split(".")[0] in IMPURE}
        for call in nodes(path, ast.Call):
            assert isinstance(call, ast.Call)
            if isinstance(call.func, ast.Name) and call.func.id in ("open", "input"):
                impure.add(f"{name(path)}:{call.lineno} calls {call.func.id}()")
            if isinstance(call.func, ast.Attribute) and call.func.attr in CLOCK_READS:
                impure.add(f"{name(path)}:{call.lineno} reads a clock")
    agree(impure, set(), "I/O, a clock, a thread or randomness")


def test_every_module_says_what_it_is_for() -> None:
    silent = {
        name(path)
        for path in OURS
        for module in nodes(path, ast.Module)
        if isinstance(module, ast.Module) and not (ast.get_docstring(module) or "").strip()
    }
    agree(silent, set(), "without a docstring")


def test_there_is_one_sanitiser() -> None:
    defining = {
        name(p)
        for p in OURS
        for n in nodes(p, ast.FunctionDef)
        if isinstance(n, ast.FunctionDef) and n.name == "visible"
    }
    agree(defining, {"hitl_fsm/model/visible.py"}, "defines visible()")


def test_nothing_is_left_for_later_and_no_machine_is_named() -> None:
    later = re.compile(r"\b(?:TO" r"DO|FIX" r"ME|XX" r"X)\b")
    machine = re.compile(r"(?<![\w.~])/(?:wo" r"rk|ro" r"ot|ho" r"me)/\w|[A-Z]:\\Us" r"ers")
    files = [p for f in FOLDERS for p in (ROOT / f).rglob("*") if p.is_file() and p.suffix in TEXT]
    files += [p for p in ROOT.glob("*") if p.is_file() and p.suffix in TEXT - {""}]
    found = {
        f"{name(path)}:{number}: {line.strip()[:80]}"
        for path in files
        if "__pycache__" not in path.parts
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1)
        if later.search(line) or machine.search(line)
    }
    agree(found, set(), "a note for later, or a path of one machine")


def test_every_law_has_its_test() -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in python_files("tests"))
    tested = {int(number) for number in re.findall(r"def test_law(\d\d)_", text)}
    assert tested <= set(LAWS)
    missing = set(LAWS) - tested
    assert missing <= set(LAWS_WITHOUT_TEST), f"laws without a test: {sorted(missing)}"
    assert missing >= set(LAWS_WITHOUT_TEST), f"tested, take it off: {sorted(set(LAWS_WITHOUT_TEST) - missing)}"


def test_the_changelog_knows_this_version() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert "## [Unreleased]" in changelog
    entry = changelog.partition(f"## [{version}]")[2].partition("\n## ")[0]
    assert "\n- " in entry, f"CHANGELOG.md has no entry for {version}"


def test_each_test_file_has_a_name_of_its_own() -> None:
    """The tests are no package, so pytest imports each file by its bare name."""
    names = [path.name for path in python_files("tests") if path.name not in {"conftest.py", "__main__.py"}]
    assert {one for one in names if names.count(one) > 1} == set()


def run_python(code: str, *args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *args], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )


def test_each_layer_imports_only_those_below_it() -> None:
    done = run_python("import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))")
    assert done.returncode == 0, done.stdout + done.stderr


def test_imports_go_one_way() -> None:
    """No file needs, by whatever way, a file that needs it: not for a type, nor only when it is called."""
    modules = {".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path for path in OURS}
    needs = {name: {one for one in named(path, modules) if one in modules} for name, path in modules.items()}
    assert sum(map(len, needs.values())) > len(modules), "the imports are not read"
    try:
        TopologicalSorter(needs).prepare()
    except CycleError as error:
        pytest.fail(" <- ".join(error.args[1]))


def test_importing_the_package_is_cheap() -> None:
    done = run_python(f"import hitl_fsm, sys; print([m for m in {HEAVY} if m in sys.modules])")
    assert (done.stdout.strip(), done.stderr) == ("[]", "")


@pytest.mark.parametrize("args", LIGHT_COMMANDS, ids=" ".join)
def test_the_command_line_starts_light(args: list[str]) -> None:
    code = f"""
import sys
from hitl_fsm.cli.main import main
try:
    code = main()
except SystemExit as end:
    code = end.code
print("heavy:", [m for m in {HEAVY} if m in sys.modules], file=sys.stderr)
sys.exit(code)
"""
    done = run_python(code, *args)
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines()[-1] == "heavy: []"
