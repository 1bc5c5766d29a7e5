"""A bench as text for people, and as an object for programs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from edge.examination.behind import behind
from edge.examination.bench import Bench
from edge.examination.measured import Measured
from edge.examination.suggestion import Suggestion, agreement, board_file, suggestions

ENOUGH_FOR_P95 = 10
"""Pictures of a station; of fewer, the 95th percentile is just the slowest one."""

BOARD_FILE = "/etc/kotoba/board.toml"


def told(made: Bench) -> Iterator[str]:
    """The lines of a bench: what it ran on, a table, what follows."""
    cores = made.machine.processor.cores
    yield f"{made.machine.told}; board {made.board.name}"
    yield f"{made.at:%Y-%m-%d %H:%M} UTC, load of the minute before {made.load:.1f} of {cores} cores{behind(made.users)}"
    yield ""
    yield from _aligned([_head(made.measured), *(_cells(made, row.variant.name, row.measured) for row in made.rows if row.measured)])
    for row in made.rows:
        if row.measured is None:
            yield f"{row.variant.name}: {row.result}"
    yield ""
    yield "ms a picture, the mean over the stations; MB at the peak; J a picture; the last columns compare scores with the first row's"
    if made.measured.joules_per_picture is None:
        yield f"energy is not readable here: {made.measured.energy}"
    else:
        yield f"energy: {made.measured.energy}, idle included"
    yield ""
    if made.disturbed is None:
        yield from _suggested(made, suggestions(made.rows, cores=cores))
    else:
        yield f"no suggestion: {made.disturbed}: run it again while the machine does nothing else"


def as_json(made: Bench) -> dict[str, object]:
    """The same for programs."""
    why_none = made.disturbed
    found = () if why_none else suggestions(made.rows, cores=made.machine.processor.cores)
    return {
        "machine": made.machine.told,
        "board": made.board.name,
        "at": made.at.isoformat(timespec="seconds"),
        "load": made.load,
        "cores": made.machine.processor.cores,
        "beside": list(made.users),
        "rows": [
            {
                "name": row.variant.name,
                "threads": row.variant.board.threads or made.machine.processor.cores,
                "providers": list(row.variant.board.providers),
                "judge": row.variant.judge,
                "error": row.result if isinstance(row.result, str) else None,
                "measured": None if row.measured is None else row.measured.model_dump(mode="json"),
            }
            for row in made.rows
        ],
        "no_suggestion": why_none,
        "suggestions": [{"told": one.told, "board": _file(made, one)} for one in found],
    }


def _suggested(made: Bench, found: Sequence[Suggestion]) -> Iterator[str]:
    if not found:
        yield "suggestion: leave the board as it is; nothing that was measured is faster by more than a tenth"
    for one in found:
        yield f"suggestion: {one.told}"
        text = _file(made, one)
        if text is not None:
            yield f"write this to {BOARD_FILE}, and set KOTOBA_BOARD={BOARD_FILE}:"
            yield ""
            yield from text.splitlines()


def _file(made: Bench, one: Suggestion) -> str | None:
    if one.board is None:
        return None
    return board_file(
        one.board, comment=f"Board {made.board.name}, changed by a bench of {made.at:%Y-%m-%d} on {made.machine.processor.told}."
    )


def _head(measured: Measured) -> list[str]:
    return ["", *_stages(measured), "p50", "p95", "MB", "J", "same label", "probability"]


def _cells(made: Bench, name: str, measured: Measured) -> list[str]:
    compared = agreement(made.measured, measured)
    stages = _stages(measured)
    return [
        name,
        *(_number(stages.get(stage), 1) for stage in _stages(made.measured)),
        _number(measured.p50_ms, 1),
        _number(measured.p95_ms if min(times.pictures for times in measured.stations) >= ENOUGH_FOR_P95 else None, 1),
        _number(measured.peak_mb, 0),
        _number(measured.joules_per_picture, 2),
        f"{compared.same} of {compared.pictures}",
        f"{compared.largest:.3f}",
    ]


def _stages(measured: Measured) -> dict[str, float]:
    """Median of each stage, the mean over the stations that have it."""
    names = dict.fromkeys(name for times in measured.stations for name in times.stages_ms)
    spent = {name: [times.stages_ms[name] for times in measured.stations if name in times.stages_ms] for name in names}
    return {name: sum(values) / len(values) for name, values in spent.items()}


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:,.{digits}f}"


def _aligned(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """The first column to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for first, *others in rows:
        yield "  ".join((first.ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True)))).rstrip()
