"""Pictures to a text data set on disk: planned in shards, resumable, each picture exactly once.

The driver alone writes. It holds a lock on the folder, so that a shard has one writer; workers only give rows, and giving them twice
changes nothing. What was finished before a kill is found by its records and kept.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from export.cache.held_folder import held
from export.errors import BuildError
from export.progress import Report
from export.texts.card import card_of
from export.texts.changed import changed_picture, first_changed
from export.texts.dataset import CARD, DATASET, SCHEMA, Dataset, Digests, TextDataset, read, rows_of
from export.texts.describer import Used
from export.texts.errors import TextsError
from export.texts.pace import Pace
from export.texts.picture import Picture
from export.texts.row import Row
from export.texts.shard import Shard, finished_shard, write_shard
from export.texts.sources import TextsSpec
from export.texts.tally import Tally
from firmware_config.write import write_atomic

UNFINISHED = "unfinished"
"""The folder of the plan and of the records of shards while the data set is being made."""
PLAN = "plan.json"
SHARD_ROWS = 500
"""Pictures of a shard: what a kill costs at most, for each worker."""

Batches = Mapping[int, Sequence[Picture]]
"""Number of a shard to its pictures."""


class Workers(Protocol):
    """Who describes the pictures of shards."""

    def describe(self, shards: Batches, described: Pace) -> Iterator[tuple[int, Sequence[Row]]]:
        """The rows of each shard once, shards in any order, rows in that of its pictures; tells `described` of pictures as they are done.

        Raises:
            ExportError, ConfigError, EdgeError: the models cannot be loaded, or workers die again and again.
        """


@dataclass(frozen=True, slots=True)
class Job:
    """What is to be described: the sources, what describes them, and how many pictures a shard has."""

    spec: TextsSpec
    pictures: Sequence[Picture]
    used: Used
    shard_rows: int = SHARD_ROWS

    @property
    def shards(self) -> dict[int, Sequence[Picture]]:
        """The pictures of each shard."""
        starts = range(0, len(self.pictures), self.shard_rows)
        return {number: self.pictures[start : start + self.shard_rows] for number, start in enumerate(starts)}


def describe(job: Job, out: Path, *, workers: Workers, report: Report) -> TextDataset:
    """Make the text data set in the folder `out`, or go on where it was stopped.

    Raises:
        TextsError: `out` holds something else.
        FolderHeldError: somebody else is at work there.
        BuildError: it cannot be written.
        ExportError, ConfigError, EdgeError: as of `Workers`.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        with held(out, what=f"describing into {out}"):
            return _describe(job, out, workers=workers, report=report)
    except OSError as err:
        msg = f"the text data set cannot be written into {out} ({err.strerror}): make room, or give another folder as --out"
        raise BuildError(msg) from err


def _describe(job: Job, out: Path, *, workers: Workers, report: Report) -> TextDataset:
    sources, shards, records = sources_digest(job.pictures), job.shards, out / UNFINISHED
    plan = {"sources": sources, "shard_rows": job.shard_rows, "name": job.spec.name, "about": job.spec.about, **_made_by(job.used)}
    if (out / DATASET).exists():
        return _finished(out, plan, shards)
    _begin(out, plan)
    found = {number: finished_shard(out, records, number, len(shards[number])) for number in shards}
    finished: dict[int, Shard] = {
        number: shard for number, shard in found.items() if shard is not None and changed_picture(out, shard, shards[number]) is None
    }
    missing = {number: pictures for number, pictures in shards.items() if number not in finished}
    pace = Pace(len(job.pictures), done=sum(shard.rows for shard in finished.values()), report=report)
    if missing:
        for number, rows in workers.describe(missing, pace):
            if [row.source for row in rows] != [picture.source for picture in missing[number]]:
                msg = f"the rows of shard {number} are not those of its pictures: report this as a bug"
                raise BuildError(msg)
            finished[number] = write_shard(out, records, number, rows)
        report(pace.summary() + "\n")
    _finish(job, out, sources, [finished[number] for number in sorted(finished)])
    return read(out)


def sources_digest(pictures: Iterable[Picture]) -> str:
    """`sha256:` of the list of pictures: name, label, domain, split, block and size in bytes of each, in order."""
    digest = hashlib.sha256()
    for picture in pictures:
        try:
            size = picture.path.stat().st_size
        except OSError:
            size = -1
        line = [picture.source, picture.label, picture.domain, picture.split, picture.block, size]
        digest.update(json.dumps(line, ensure_ascii=False).encode() + b"\n")
    return "sha256:" + digest.hexdigest()


def _made_by(used: Used) -> dict[str, str]:
    return {"bundle": used.bundle, "models": used.models, "describing": used.describing, "station": used.station, "board": used.board}


def _begin(out: Path, plan: Mapping[str, object]) -> None:
    """Write the plan, or see that what was begun there is the same.

    Raises:
        TextsError: something else was begun there, or other files are there.
    """
    path = out / UNFINISHED / PLAN
    if not path.exists():
        strangers = sorted(one.name for one in out.iterdir() if one.name != UNFINISHED)
        if strangers:
            msg = f"describing into {out}: the folder holds {strangers[0]}: give an empty or a new folder as --out"
            raise TextsError(msg)
        path.parent.mkdir(exist_ok=True)
        write_atomic(path, json.dumps(plan, indent=2).encode())
    for torn in (*out.glob(".*"), *path.parent.glob(".*")):  # of a write that was killed: nobody else is at work here
        torn.unlink()
    other = _differences(_read_plan(path), plan)
    if other:
        msg = f"describing into {out}: it was begun with another value of {other}: give another folder as --out, or delete this one"
        raise TextsError(msg)


def _read_plan(path: Path) -> dict[str, object]:
    try:
        begun = json.loads(path.read_bytes())
    except ValueError:
        return {}
    return begun if isinstance(begun, dict) else {}


def _differences(there: Mapping[str, object], plan: Mapping[str, object]) -> str:
    return ", ".join(sorted(name for name in plan if there.get(name) != plan[name]))


def _finished(out: Path, plan: Mapping[str, object], shards: Batches) -> TextDataset:
    """The data set that is there already.

    Raises:
        TextsError: it is another one, or damaged.
    """
    dataset = read(out)
    values = dataset.about.model_dump()
    other = _differences(values | values["digests"], plan)
    if other:
        msg = f"describing into {out}: it holds a finished text data set with another value of {other}: give another folder as --out"
        raise TextsError(msg)
    changed = first_changed(out, dataset.about.shards, shards.values())
    if changed is not None:
        msg = (
            f"describing into {out}: it holds a finished text data set, and {changed.source} is another picture since: give another folder "
            "as --out, or delete this one"
        )
        raise TextsError(msg)
    shutil.rmtree(out / UNFINISHED, ignore_errors=True)
    return dataset


def _finish(job: Job, out: Path, sources: str, shards: Sequence[Shard]) -> None:
    """Write the card and dataset.json, which makes it a data set, and take the records away."""
    used, tally = job.used, Tally(rows_of(out, shards))
    about = Dataset(
        schema=SCHEMA,
        name=job.spec.name,
        about=job.spec.about,
        bundle_name=used.bundle_name,
        station_name=used.station_name,
        board=used.board,
        digests=Digests(bundle=used.bundle, models=used.models, station=used.station, describing=used.describing),
        sources=sources,
        columns=tuple(Row.model_fields),
        rows=tally.rows,
        errors=tally.errors,
        labels=dict(sorted(tally.labels.items())),
        domains=dict(sorted(tally.domains.items())),
        splits=dict(sorted(tally.splits.items())),
        unlabelled=tally.unlabelled,
        blocks=tally.blocks,
        remarks=tally.remarks(),
        shard_rows=job.shard_rows,
        shards=tuple(shards),
    )
    write_atomic(out / CARD, card_of(about).encode())
    write_atomic(out / DATASET, json.dumps(about.model_dump(mode="json", by_alias=True), ensure_ascii=False, indent=2).encode() + b"\n")
    shutil.rmtree(out / UNFINISHED)
