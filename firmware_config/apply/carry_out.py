"""Carries out what is decided, or takes it back, so that a kill or a full disk never leaves a mixture for good."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from firmware_config.apply.plan import Plan, is_same
from firmware_config.apply.record import Change, Record, Records
from firmware_config.apply.target import Target
from firmware_config.errors import ApplyError


def carry_out(plan: Plan, target: Target, records: Records, *, at: datetime) -> int | None:
    """Write a plan, all or nothing; returns the number under which the state before is kept, None where a change was taken back.

    Raises:
        ApplyError: it could not be written; the root is then as it was before, or the sentence says what to do.
    """
    record = plan.record(at)
    try:
        records.decide(record, plan.contents)
    except OSError as err:
        sentence = f"{records.folder} cannot be written ({err.strerror})"
        try:
            records.sweep()
            records.drop_pending()
        except OSError as left:
            msg = f"{sentence}, nor cleared ({left.strerror}): mend the disk and run the same command again"
            raise ApplyError(msg) from err
        msg = f"{sentence}: make room or mend the disk; nothing was changed"
        raise ApplyError(msg) from err
    return _carried_out(record, target, records)


@dataclass(frozen=True, slots=True)
class Ended:
    """What was done with a change that had been interrupted.

    `went_back`: the root is as it was before that change or an earlier one. `changed` says of each of its paths whether a file lies there.
    """

    sentence: str
    went_back: bool
    changed: dict[str, bool]


def recover(target: Target, records: Records, *, overwrite: bool) -> Ended | None:
    """End what a kill or power cut has interrupted; None where there was nothing to do.

    Raises:
        ApplyError: a file was changed by hand meanwhile, and `overwrite` is not set; or it cannot be written.
    """
    try:
        records.sweep()
    except OSError as err:
        msg = f"{records.folder} cannot be cleared ({err.strerror}): mend the disk and run the same command again"
        raise ApplyError(msg) from err
    folder = records.pending
    if folder is None:
        return None
    record = records.read(folder)
    back = records.turns_back()
    if not overwrite:
        _require_untouched(record, target)
    if back:
        _take_back(record, target, records)
        return Ended(
            f"the apply of {record.at:%Y-%m-%d %H:%M} UTC had failed: what it had written is taken back",
            went_back=True,
            changed=_there(record, back=True),
        )
    _carried_out(record, target, records)
    sentence = f"the apply of {record.at:%Y-%m-%d %H:%M} UTC was interrupted: it is finished now"
    return Ended(sentence, went_back=record.undoes is not None, changed=_there(record, back=False))


def _there(record: Record, *, back: bool) -> dict[str, bool]:
    return {change.path: (change.before if back else change.after) is not None for change in record.changes}


def _carried_out(record: Record, target: Target, records: Records) -> int | None:
    try:
        _write(record, target, records)
    except (OSError, ApplyError) as err:
        why = f"{err.filename}: {err.strerror}" if isinstance(err, OSError) else str(err)
        try:
            records.turn_back()
            _take_back(record, target, records)
        except (OSError, ApplyError) as left:
            msg = f"writing the files failed ({why}), and so did taking them back ({left}): mend it and run the same command again"
            raise ApplyError(msg) from err
        msg = f"writing the files failed ({why}): nothing was changed; make room or mend the disk, and run the command again"
        raise ApplyError(msg) from err
    try:
        return records.finish(record)
    except OSError as err:
        msg = f"all files are written, but {records.folder} cannot be ({err.strerror}): mend the disk and run the same command again"
        raise ApplyError(msg) from err


def _write(record: Record, target: Target, records: Records) -> None:
    folder = _decided(records)
    for where, mode in record.made_folders.items():
        target.make_folder(where, mode)
    for change in record.changes:
        if change.after is None:
            target.remove(change.path)
        elif not is_same(target.state(change.path), change.after, owns=target.owns):
            target.put(change.path, records.content(folder, change.after), change.after)
    for where in record.removed_folders:
        target.remove_folder(where)
    records.write_managed(record.managed)


def _take_back(record: Record, target: Target, records: Records) -> None:
    folder = _decided(records)
    for where, mode in reversed(record.removed_folders.items()):
        target.make_folder(where, mode)
    for change in reversed(record.changes):
        target.clear(change.path)
        if change.before is None:
            target.remove(change.path)
        elif not is_same(target.state(change.path), change.before, owns=target.owns):
            target.put(change.path, records.content(folder, change.before), change.before)
    for where in reversed(record.made_folders):
        target.remove_folder(where)
    records.write_managed(record.managed_before)
    records.drop_pending()


def _decided(records: Records) -> Path:
    folder = records.pending
    if folder is None:
        msg = f"{records.folder} holds nothing that was decided: somebody else has changed it: run the command again"
        raise ApplyError(msg)
    return folder


def _require_untouched(record: Record, target: Target) -> None:
    touched = [change.path for change in record.changes if not _is_known(change, target)]
    if touched:
        msg = f"{_listed(touched)} changed by hand after an apply was interrupted: save it elsewhere, then run this with --overwrite"
        raise ApplyError(msg)


def _is_known(change: Change, target: Target) -> bool:
    now = target.state(change.path)
    digest = None if now is None else now.digest
    return digest in [None if state is None else state.digest for state in (change.before, change.after)]


def _listed(paths: Sequence[str]) -> str:
    names = ", ".join(f"/{each}" for each in paths)
    return f"{names} was" if len(paths) == 1 else f"{names} were"
