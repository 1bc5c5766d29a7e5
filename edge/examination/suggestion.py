"""What follows from a bench for the board file."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from edge.examination.measured import Measured
from edge.examination.variants import Row, Variant
from firmware_config.board import Board

WORTH = 0.9
"""Times vary by a tenth from run to run: one that is not below this share of another counts as equal."""

MEASURED = "-measured"
"""At the end of the name of a board that a bench has changed: the name stands in what a box says of itself."""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """One sentence, and the board that it asks for; None where the bundle has to be built anew first."""

    told: str
    board: Board | None


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far one way gives the scores of another: pictures with the same label, of all, and the largest difference of a probability."""

    same: int
    pictures: int
    largest: float


def chosen_threads(rows: Sequence[Row], *, cores: int) -> int | None:
    """The fewest threads that are as fast as the fastest; None where these are the board's own. `rows` begin with the board as it is."""
    tried = [
        (row.variant.board.threads or cores, row.measured.p50_ms)
        for row in rows
        if row.variant.differs in {"nothing", "threads"} and row.measured is not None
    ]
    fastest = min(p50_ms for _, p50_ms in tried)
    chosen = min(threads for threads, p50_ms in tried if p50_ms * WORTH <= fastest)
    return None if chosen == (rows[0].variant.board.threads or cores) else chosen


def suggestions(rows: Sequence[Row], *, cores: int) -> tuple[Suggestion, ...]:
    """What a person could change, the most harmless first; `rows` begin with the board as it is."""
    board, threads = rows[0].variant.board, chosen_threads(rows, cores=cores)
    by_threads = {row.variant.board.threads or cores: row for row in rows if row.variant.differs in {"nothing", "threads"}}
    base, now = by_threads[threads or board.threads or cores].measured, rows[0].measured
    if base is None or now is None:
        return ()
    found = []
    if threads is not None:
        faster = "and leaves cores to others" if base.p50_ms > now.p50_ms * WORTH else "so it is faster"
        told = f"threads = {threads}: {base.p50_ms:.0f} ms a picture, now {now.p50_ms:.0f} ms, {faster}; words and verdicts stay the same"
        found.append(Suggestion(told, board.model_copy(update={"threads": threads})))
    for row in rows:
        if row.variant.differs in {"judge", "providers"} and row.measured is not None and row.measured.p50_ms < base.p50_ms * WORTH:
            times = f"{row.variant.name}: {row.measured.p50_ms:.0f} ms a picture instead of {base.p50_ms:.0f} ms"
            found.append(Suggestion(f"{times}; {_needs(row.variant)}", None))
    return tuple(found)


def _needs(variant: Variant) -> str:
    """What has to be made anew before a way can be taken: its scores are others, so a calibration does not hold for them."""
    how = '[llm] graph = "none" in its specification' if variant.differs == "judge" else "`kotoba-export build --board` of that kind"
    return f"this takes a bundle that was built for it ({how}), and new calibrations"


def agreement(measured: Measured, other: Measured) -> Agreement:
    """Compare the scores of the pictures that both have judged."""
    ours = {(one.station, one.picture): one for one in measured.scored}
    pairs = [(ours[one.station, one.picture], one) for one in other.scored if (one.station, one.picture) in ours]
    same = sum(one.label == theirs.label for one, theirs in pairs)
    return Agreement(same, len(pairs), max((abs(one.probability - theirs.probability) for one, theirs in pairs), default=0.0))


def board_file(board: Board, *, comment: str) -> str:
    """The TOML of a board that was measured, with every key that is not its default; `comment` is one line."""
    values = board.model_dump(mode="json", exclude_defaults=True, exclude={"about"})
    values["name"] = board.name if board.name.endswith(MEASURED) else board.name + MEASURED
    lines = [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in values.items()]
    return "\n".join((f"# {comment}", *lines, ""))
