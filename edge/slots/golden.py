"""Whether this box, on its own board, gives the golden verdicts of a bundle: asked of the first bundle, which no trial stands before."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from edge.bundle.open import Bundle
from edge.errors import BundleError
from edge.inspection.golden import Comparison, compare, inspect_golden_picture, read_golden_station
from edge.inspection.open import open_inspectors
from firmware_config.board import Board
from firmware_config.bundle import Golden

Progress = Callable[[tuple[Golden, ...]], Iterable[Golden]]


def require_golden_verdicts(bundle: Bundle, *, board: Board, progress: Progress = iter) -> int:
    """Inspect every golden picture of a bundle; returns how many there are. `progress` gives them one by one.

    Raises:
        BundleError: the models cannot be loaded on this board, or a verdict differs.
        StationError: the golden station is not understood.
    """
    station = read_golden_station(bundle)
    (inspector,) = open_inspectors(bundle, [station], board=board)
    golden = bundle.manifest.golden
    compared = [compare(one, inspect_golden_picture(bundle, one.picture, inspector), station.labels) for one in progress(golden)]
    differing = [one for one in compared if not one.is_same]
    if differing:
        msg = (
            f"{bundle.manifest.name} version {bundle.manifest.bundle_version}: {len(differing)} of {len(golden)} golden verdicts differ on "
            f"this box ({_told(differing[0])}): take a bundle that was built for the board {board.name}"
        )
        raise BundleError(msg)
    return len(golden)


def _told(one: Comparison) -> str:
    golden = one.golden
    got = "no label" if one.label is None or one.probability is None else f"{one.decision.value} {one.label} {one.probability:.3f}"
    return f"{golden.picture}: {got}, certified {golden.decision} {golden.label} {golden.probability:.3f}"
