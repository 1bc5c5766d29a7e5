"""Exit codes of the three commands."""

from __future__ import annotations

DONE = 0
FAILED = 1
WRONG_USAGE = 2
"""Given by argparse."""

BAD_CONFIG = 78
"""EX_CONFIG of sysexits.h; systemd does not restart a box that ends with it, because a wrong file stays wrong."""
