"""Where the starter files (policies and their forms) are, in a checkout and in an installed package.

There is one copy of each: `policies/` and `schemas/` at the root of the repository. A wheel carries them inside the
package; an editable install reads them where they are.
"""

from __future__ import annotations

from pathlib import Path

from hitl_fsm.errors import SettingsError

_PACKAGED = Path(__file__).with_name("starter_files")
_CHECKOUT = Path(__file__).parents[2]


def starter(path: str) -> Path:
    """The starter file or folder at `path`, relative to the root of the repository: `policies`, `schemas/forms`.

    Raises SettingsError when the installation lacks it.
    """
    for root in (_PACKAGED, _CHECKOUT):
        found = root / path
        if found.exists():
            return found
    message = f"the starter files lack {path}"
    raise SettingsError(message, help="the installation is incomplete; install hitl-fsm again")
