"""From `module:attribute` to the engine (and the agent) that it names. Whatever is wrong with it is one clear error."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from hitl_fsm.errors import HitlError, SettingsError

if TYPE_CHECKING:
    from hitl_fsm.runtime.engine import Engine
    from hitl_fsm.runtime.runnable import Runnable

FORM = "it is module:attribute, for example app:agent for the name `agent` in app.py"
NAMES_SHOWN = 8
"""Candidates that an error lists."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """`runnable` is None when the target is an engine."""

    engine: Engine
    runnable: Runnable | None


class AppError(SettingsError):
    """The application's own code raised while it was imported."""

    code = "HF702"


def load(target: str) -> Loaded:
    """The engine, or the agent, team or workflow, that a target names."""
    value, module = named(target)
    return _loaded(target, value, module)


def named(target: str) -> tuple[object, ModuleType]:
    """Import the module, with the working directory in reach, and look the attribute up, whatever it is."""
    module_name, colon, path = target.partition(":")
    if not colon or not module_name or not path or not all(part.isidentifier() for part in module_name.split(".")):
        msg = f"{target!r} names no application"
        raise SettingsError(msg, help=FORM)
    if module_name.endswith(".py"):
        msg = f"{target!r} names no application: it is a module's name that comes first, not a file's"
        raise SettingsError(msg, help=f"leave .py out: {module_name.removesuffix('.py')}:{path}")
    value: object = _module(module_name)
    for part in path.split("."):
        if not hasattr(value, part):
            msg = f"{module_name} has no attribute {path!r}"
            raise SettingsError(msg, help=_candidates(sys.modules[module_name], part))
        value = getattr(value, part)
    return value, sys.modules[module_name]


def _loaded(target: str, value: object, module: ModuleType) -> Loaded:
    from hitl_fsm.runtime.engine import Engine  # noqa: PLC0415 - the application has imported it, if it is one
    from hitl_fsm.runtime.runnable import Runnable  # noqa: PLC0415 - as above

    if isinstance(value, Runnable):
        return Loaded(value.engine, value)
    if isinstance(value, Engine):
        return Loaded(value, None)
    msg = f"{target} is a {type(value).__name__}, not an Engine, an Agent, a Team or a Workflow"
    raise SettingsError(msg, help=_candidates(module, ""))


def _module(name: str) -> ModuleType:
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and (name == error.name or name.startswith(f"{error.name}.")):
            msg = f"there is no module {name!r}"
            raise SettingsError(msg, help=_near_files(name)) from error
        raise _raised(name, error) from error
    except HitlError:
        raise
    except Exception as error:  # foreign code may raise anything; it is told, not swallowed
        raise _raised(name, error) from error


def _raised(name: str, error: Exception) -> AppError:
    """The exception's own line, and the line of the application that it came from."""
    place = ""
    if isinstance(error, SyntaxError) and error.filename:
        place = f" at {error.filename}:{error.lineno}"
    else:
        trace = error.__traceback__
        while trace is not None:
            file = trace.tb_frame.f_code.co_filename
            if not file.startswith("<") and f"{'/'}importlib{'/'}" not in file and file != __file__:
                place = f" at {file}:{trace.tb_lineno}"
            trace = trace.tb_next
    text = error.msg if isinstance(error, SyntaxError) else str(error)
    msg = f"importing {name} raised {type(error).__name__}: {text}{place}"
    return AppError(msg, help="-v shows the whole traceback")


def _near_files(name: str) -> str:
    """What could have been meant, among the Python files of the working directory."""
    from difflib import get_close_matches  # noqa: PLC0415 - only for a mistake

    here = Path.cwd()
    found = sorted(
        file.stem if file.suffix == ".py" else file.name
        for file in here.iterdir()
        if (file.suffix == ".py" and file.stem.isidentifier()) or (file / "__init__.py").is_file()
    )
    near = get_close_matches(name, found, n=1)
    if near:
        return f"did you mean {near[0]}?"
    if found:
        return f"modules here: {', '.join(found[:NAMES_SHOWN])}"
    return f"there is no Python file in {here}"


def _candidates(module: ModuleType, wanted: str) -> str:
    """The engines and agents of a module."""
    from difflib import get_close_matches  # noqa: PLC0415 - only for a mistake

    from hitl_fsm.runtime.engine import Engine  # noqa: PLC0415 - as above
    from hitl_fsm.runtime.runnable import Runnable  # noqa: PLC0415 - as above

    names = [name for name, value in vars(module).items() if isinstance(value, Engine | Runnable)]
    near = get_close_matches(wanted, names, n=1)
    if near:
        return f"did you mean {module.__name__}:{near[0]}?"
    if names:
        return "it has " + ", ".join(f"{module.__name__}:{name}" for name in names[:NAMES_SHOWN])
    return f"{module.__name__} has no Engine and no Agent; {FORM}"
