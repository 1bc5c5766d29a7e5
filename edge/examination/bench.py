"""`kotoba-edge doctor --bench`: a minute of golden pictures, run in each way that this machine and this bundle allow."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone

from edge.errors import EdgeError
from edge.examination.examine import bundle_to_run
from edge.examination.measure import measure
from edge.examination.measured import Measured, Request, in_hex
from edge.examination.suggestion import chosen_threads
from edge.examination.variants import Row, Variant, as_it_is, with_other_parts, with_other_threads
from edge.machine.machine import Machine, read_machine
from edge.machine.users import lock_holders
from edge.runtime.onnx import available_providers
from edge.slots.open import trusted_keys
from edge.spool.file import lock_file
from firmware_config.board import Board, read_board
from firmware_config.settings import BoxSettings

LEAST_S = 1.0
"""Of pictures for one variant, however little time is left."""


@dataclass(frozen=True, slots=True)
class Bench:
    """What was measured, when, and on what. The first row is the board as it is; `measured` is its result.

    `users` are processes that had the spool open meanwhile, `load` is the load of the minute before.
    """

    machine: Machine
    board: Board
    measured: Measured
    rows: tuple[Row, ...]
    users: tuple[int, ...]
    load: float
    at: datetime

    @property
    def disturbed(self) -> str | None:
        """Why the figures are not those of a box that has its cores for itself; None where they are. Busy cores favour few threads."""
        if self.users:
            return "another process has the spool open, and shared the processor"
        cores = self.machine.processor.cores
        return f"the machine was busy, its load was {self.load:.1f} of {cores} cores" if self.load > cores / 2 else None


def bench(
    settings: BoxSettings,
    *,
    seconds: float,
    on_start: Callable[[str], None] = lambda _name: None,
    run: Callable[[Request], Measured] = measure,
) -> Bench:
    """Measure the board as it is, then what else is possible, within about `seconds`; each way gets a second of pictures at least.

    `on_start` is called with the name of each way before it is measured.

    Raises:
        EdgeError, ConfigError: the board, the bundle or the keys cannot be read, or the box cannot run as it is.
    """
    board, machine, load = read_board(settings.board), read_machine(), os.getloadavg()[0]
    bundle = bundle_to_run(settings)
    users, cores, providers = lock_holders(lock_file(settings.spool)), machine.processor.cores, available_providers()
    first, threads = as_it_is(board, cores=cores), with_other_threads(board, cores=cores)
    ways = 1 + len(threads) + len(with_other_parts(board, bundle.manifest, cores=cores, providers=providers))
    ends, rows = time.monotonic() + seconds, list[Row]()

    def measured(variant: Variant) -> Measured:
        on_start(variant.name)
        share_s = (ends - time.monotonic()) / max(1, ways - len(rows)) - _loading_s(rows)
        return run(
            Request(
                bundle=bundle.root,
                trusted=in_hex(trusted_keys(settings)),
                stations=settings.stations,
                board=variant.board,
                seconds=max(LEAST_S, share_s),
                judge=variant.judge,
                behind=bool(users),
            )
        )

    now = measured(first)
    rows.append(Row(first, now))
    for variant in threads:
        rows.append(_row(variant, measured))
    best = board.model_copy(update={"threads": chosen_threads(rows, cores=cores) or board.threads})
    for variant in with_other_parts(best, bundle.manifest, cores=cores, providers=providers):
        if variant.differs != "judge" or now.judge is not None:
            rows.append(_row(variant, measured))
    return Bench(machine, board, now, tuple(rows), users, load, datetime.now(timezone.utc))


def _row(variant: Variant, measured: Callable[[Variant], Measured]) -> Row:
    """A way that cannot be run is a row too: the reason is worth knowing."""
    try:
        return Row(variant, measured(variant))
    except EdgeError as err:
        return Row(variant, str(err))


def _loading_s(rows: Sequence[Row]) -> float:
    """The longest time that loading took so far."""
    return max((row.measured.load_s for row in rows if row.measured is not None), default=0.0)
