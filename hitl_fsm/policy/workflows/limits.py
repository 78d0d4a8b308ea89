"""What a node may be, in a file as in Python."""

from __future__ import annotations

import re

RETRIES_MAX = 100
"""Times that a step may be tried again."""
ITERATIONS_MAX = 10_000
"""Times that a loop may go round."""
STEP_NAME_MAX = 57
"""Characters of a node's name: a tool's, and its calls are named after it."""
STEP_NAME = re.compile(rf"[A-Za-z_][A-Za-z0-9_.-]{{0,{STEP_NAME_MAX - 1}}}")
