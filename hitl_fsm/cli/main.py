"""The entry point: runs a command and turns every error into words and an exit code (DESIGN section 8)."""

from __future__ import annotations

import gc
import sys
from typing import NoReturn

from hitl_fsm.errors import AnswerRefused, HitlError

EXIT_OK = 0
EXIT_NEGATIVE = 1
EXIT_USAGE = 2
EXIT_OPERATIONAL = 3
EXIT_PAUSED = 8
EXIT_INTERRUPTED = 130
YOUNG_OBJECTS = 50_000
"""So many new objects before Python looks among them for garbage: what a command reads and builds is hardly any."""
REPORT = "this is a defect: please report it, with what `hitl-fsm -v …` prints"


def main() -> NoReturn:
    """Run the command line of this process and end the process with its exit code."""
    gc.set_threshold(YOUNG_OBJECTS)
    code = run()
    gc.freeze()  # else Python looks for garbage among all that was imported: a fifth of the time of a short command
    sys.exit(code)


def run() -> int:
    """The exit code of one use of the program."""
    _encode_output()
    from hitl_fsm.cli.root import command  # noqa: PLC0415 - after the output is set up
    from hitl_fsm.cli.session import Session  # noqa: PLC0415 - as above

    session = Session()
    try:
        command().main(prog_name="hitl-fsm", obj=session)
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else EXIT_OK if ended.code is None else EXIT_OPERATIONAL
    except HitlError as failed:
        _tell(failed, verbose=session.verbose)
        return failed.exit_code
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except EOFError:
        _error("the input ended before the question was answered", "nothing was recorded")
        return EXIT_USAGE
    except Exception as defect:  # the last line of defence: told, never shown as a traceback unless asked for
        if session.verbose:
            raise
        _error(f"HF000 {type(defect).__name__}: {defect}", REPORT)
        return EXIT_OPERATIONAL
    return EXIT_OK


def _encode_output() -> None:
    """A locale without UTF-8 must not turn an answer into a traceback."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")


def _tell(failed: HitlError, *, verbose: int) -> None:
    if verbose and failed.__cause__ is not None:
        import traceback  # noqa: PLC0415 - only when asked for

        traceback.print_exception(failed.__cause__)
    problems = failed.problems if isinstance(failed, AnswerRefused) else ()
    _error(f"{failed.code} {failed.message}", failed.help, problems)


def _error(message: str, hint: str | None, problems: tuple[str, ...] = ()) -> None:
    from hitl_fsm.cli.output import error  # noqa: PLC0415 - only for a mistake

    error(message, hint, problems)
