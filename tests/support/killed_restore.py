"""Run by test_killed_restore.py: a backup or a restore is killed, or meets a failing disk, at each step of its way.

Prints one JSON object.
"""

from __future__ import annotations

import json
import logging
import shutil
import sys
from contextlib import closing
from datetime import datetime, timezone
from pathlib import Path

from edge.backup.open import opened_backup
from edge.backup.pack import back_up
from edge.backup.restore import finish, in_the_way, restore
from edge.backup.unfinished import decided_folder
from edge.errors import EdgeError
from firmware_config.settings import BoxSettings
from tests.faults.call_index import armed
from tests.support.kept_boxes import EPOCH, ROWS, files_below, make_box, opened_spool, settings_of
from tests.support.killed_apply import KILLED, NEVER_MADE, OVER, REFUSED, WRITTEN, in_child, kill_at

NOW = datetime(2026, 11, 23, 4, 24, tzinfo=timezone.utc)
AGAIN = "epoch-of-the-copy"


def keep(settings: BoxSettings, out: Path) -> int:
    """Take a backup; returns an exit code."""
    try:
        back_up(settings, out, with_bundles=False, now=NOW)
    except EdgeError:
        return 1
    return 0


def bring_back(backup: Path, settings: BoxSettings) -> int:
    """Restore it; returns an exit code."""
    try:
        with opened_backup(backup) as opened:
            in_the_way(opened, settings)
            restore(opened, settings, now=NOW, new_epoch=lambda: AGAIN)
    except EdgeError:
        return 1
    return 0


def wrong_with_backup(settings: BoxSettings, out: Path, how: str) -> str | None:
    """What is wrong after a backup was struck."""
    if out.exists():
        with opened_backup(out) as opened:
            if opened.manifest.rows != ROWS:
                return "rows are missing"
        out.unlink()
    elif how == WRITTEN:
        return "it is not there"
    if in_child(lambda: keep(settings, out)) != WRITTEN:
        return "it cannot be taken again"
    return None if [path.name for path in out.parent.iterdir()] == [out.name] else "something is left behind"


def wrong_with_restore(backup: Path, settings: BoxSettings, root: Path, expected: dict[str, bytes], before: dict[str, bytes]) -> str | None:
    """What is wrong after a restore was struck, and carried out afterwards."""
    was_decided = decided_folder(settings.spool).exists()
    if was_decided:
        finish(settings)
    elif in_child(lambda: bring_back(backup, settings)) != WRITTEN:
        return "it cannot be restored again"
    found = files_below(root)
    aside = {
        name.partition("/before-restore-20261123T042400Z/")[2]: content for name, content in found.items() if "/before-restore-" in name
    }
    kept = {name: content for name, content in found.items() if "/before-restore-" not in name}
    if kept != expected:
        return f"files differ: {sorted(set(kept) ^ set(expected)) or 'contents'}"
    lost = [name for name, content in before.items() if content not in (expected.get(name), aside.get(f"{root}/{name}".lstrip("/")))]
    if lost:
        return f"lost without a trace: {lost}"
    with closing(opened_spool(settings.spool)) as spool:
        rows = len(spool.pending("mqtt", ["cell-01"], 100))
        if (spool.epoch, rows, spool.status().moved_aside) != (AGAIN, ROWS - 5, None):
            return f"the spool is another: {spool.epoch} {rows} {spool.status().moved_aside}"
    return None


def main() -> int:
    """Try every step of one operation."""
    folder, operation, fault, every = Path(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4])
    logging.disable(logging.CRITICAL)
    source = make_box(folder / "box")
    backup = folder / "whole.backup"
    assert keep(source, backup) == 0
    (folder / "out").mkdir()
    out, root = folder / "out/box.backup", folder / "box"
    # On the same paths, because stations name files by them: the box has gone on and was changed since.
    expected = files_below(root)
    expected["lib/lessons.jsonl"] = b'{"lesson": 1}\n{"lesson": 2}\n'
    changed = folder / "changed"
    shutil.copytree(root, changed)
    (changed / "etc/stations/cell-01.toml").write_text("# changed since\n")
    (changed / "lib/answers.jsonl").unlink()
    before = files_below(changed)
    with closing(opened_spool(settings_of(changed).spool)) as spool:
        assert spool.epoch == EPOCH

    tried, wrong, seen, number = 0, list[object](), {KILLED: 0, WRITTEN: 0, REFUSED: 0}, 0
    while True:
        if operation == "restore":
            shutil.rmtree(root)
            shutil.copytree(changed, root)
        else:
            out.unlink(missing_ok=True)

        def struck(at: int = number) -> int:
            def do() -> int:
                return keep(source, out) if operation == "backup" else bring_back(backup, source)

            if fault == "kill":
                kill_at(at)
                return do()
            with armed(
                folder / "out" if operation == "backup" else root, fault.partition("-")[0], at=at, stays=fault.endswith("-stays")
            ) as counter:
                code = do()
            return code if counter.count > at else NEVER_MADE

        how = in_child(struck)
        if how == OVER:
            break
        seen[how] += 1
        what = wrong_with_backup(source, out, how) if operation == "backup" else wrong_with_restore(backup, source, root, expected, before)
        if what is not None:
            wrong.append([number, how, what])
        tried, number = tried + 1, number + every
        if fault == "kill" and how == WRITTEN:
            break
    sys.stdout.write(json.dumps({"tried": tried, "wrong": wrong, **seen}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
