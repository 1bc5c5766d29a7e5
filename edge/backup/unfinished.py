"""A restore that is decided and not done: the box must not run before it is."""

from __future__ import annotations

from pathlib import Path

from edge.errors import BackupError

DECIDED = "restore-decided"


def decided_folder(spool: Path) -> Path:
    """Where a decided restore lies until it is done."""
    return spool.with_name(DECIDED)


def require_no_unfinished_restore(spool: Path) -> None:
    """Refuse to run a box that is half the old one and half the restored one.

    Raises:
        BackupError: a restore was interrupted.
    """
    if decided_folder(spool).exists():
        msg = f"a restore of this box was interrupted, {decided_folder(spool)}: finish it with `kotoba-edge restore --finish`"
        raise BackupError(msg)
