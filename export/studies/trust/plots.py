"""The plots of the trust study: reliability, risk of the surest decisions, and the decisions under the escape guarantee."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from edge.calibration.reliability import bin_of
from export.studies.protocol import Interval
from export.studies.trust.measure import ESCAPE, DecisionRates, Predictions, risk_coverage

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BEFORE, AFTER, LIMIT = "#8a8f98", "#1f6fb2", "#c0392b"
COLOURS = (AFTER, "#d98a1f", "#2a7f62")
"""Colours of the judge and the controls, in their order."""

DPI = 110
FIRST_SHARE = 0.05
"""A risk is drawn from this share of cells on; below it are too few cells."""


def draw_reliability(panels: Mapping[str, tuple[Predictions, Predictions]], picture: Path) -> None:
    """Draw a panel for each set: predicted probability against share of defective cells, before and after calibration."""
    with _Canvas(picture, len(panels), height=4.4) as axes:
        for ax, (name, pair) in zip(axes, panels.items(), strict=True):
            ax.plot([0, 1], [0, 1], color="black", linewidth=1, linestyle=":")
            for predictions, colour, what, marker in zip(pair, (BEFORE, AFTER), ("as scored", "calibrated"), ("s", "o"), strict=True):
                _draw_bins(ax, predictions, colour, f"{what}: ECE {predictions.error:.3f}", marker)
            defective = pair[0].defective
            ax.set(title=f"{name}\n{len(defective)} cells, {int(defective.sum())} defective", xlim=(0, 1), ylim=(0, 1), aspect="equal")
            ax.set_xlabel("predicted probability of a defect")
            ax.legend(loc="upper left", fontsize=9, frameon=False)
        axes[0].set_ylabel("share of defective cells")


def _draw_bins(ax: Axes, predictions: Predictions, colour: str, label: str, marker: str) -> None:
    """Draw a point for each bin with an interval of two standard errors, by Agresti and Coull's rule of two more of each outcome."""
    bins = bin_of(predictions.probabilities)
    counts = np.bincount(bins)
    x, y = np.bincount(bins, predictions.probabilities) / counts, np.bincount(bins, predictions.defective) / counts
    middle = (y * counts + 2) / (counts + 4)
    reach = 2 * np.sqrt(middle * (1 - middle) / (counts + 4))
    low, high = np.clip(middle - reach, 0, y), np.clip(middle + reach, y, 1)
    ax.errorbar(
        x, y, yerr=np.stack([y - low, high - y]), color=colour, marker=marker, linewidth=1.6, elinewidth=0.8, markersize=5, label=label
    )


def draw_risk(panels: Mapping[str, Mapping[str, Predictions]], picture: Path) -> None:
    """Draw a panel for each set: the share of wrong decisions among the surest, for the judge and the controls."""
    with _Canvas(picture, len(panels), height=4.0) as axes:
        top = 0.0
        for ax, (name, by_scorer) in zip(axes, panels.items(), strict=True):
            for (scorer, predictions), colour in zip(by_scorer.items(), COLOURS[: len(by_scorer)], strict=True):
                share, risk = risk_coverage(predictions)
                shown = share >= FIRST_SHARE
                ax.plot(share[shown], risk[shown], color=colour, linewidth=1.8, label=scorer)
                top = max(top, float(risk[shown].max()))
            ax.set(title=name, xlim=(0, 1))
            ax.set_xlabel("share of cells decided, surest first")
        for ax in axes:
            ax.set_ylim(0, top * 1.1)
        axes[0].set_ylabel("share of wrong decisions")
        axes[-1].legend(fontsize=8, frameon=False, loc="lower right")


def draw_guarantee(rows: Sequence[tuple[str, str, DecisionRates]], picture: Path) -> None:
    """Draw four panels: escape beside its guarantee, good cells passed, overkill, REVIEW. `rows` are (set, scorer, rates)."""
    sets = list(dict.fromkeys(name for name, _, _ in rows))
    scorers = list(dict.fromkeys(scorer for _, scorer, _ in rows))
    with _Canvas(picture, 4, height=1.2 + 0.34 * len(rows), share_y=True) as axes:
        for name, scorer, rates in rows:
            y = sets.index(name) * (len(scorers) + 1) + scorers.index(scorer)
            colour = COLOURS[scorers.index(scorer)]
            for ax, figure in zip(axes, (rates.escape, rates.passed, rates.overkill, rates.review), strict=True):
                _dot(ax, figure, y, colour, scorer if ax is axes[0] and name == sets[0] else None)
        axes[0].axvline(100 * ESCAPE, color=LIMIT, linewidth=1.4, linestyle="--", label=f"guaranteed on the source: {ESCAPE:.0%}")
        titles = ("escape: defective, but OK", "passed: good, and OK", "overkill: good, but NG", "REVIEW: a person must look")
        for ax, title, cells in zip(axes, titles, ("defective", "good", "good", "all"), strict=True):
            ax.set(title=title, xlabel=f"% of {cells} cells")
            ax.set_xlim(left=-1)
            ax.grid(axis="x", color="#e3e5e8", linewidth=0.8)
            ax.set_axisbelow(True)
        for ax in axes[1:]:
            ax.set_xlim(-2, 102)
        axes[0].set_yticks([i * (len(scorers) + 1) + (len(scorers) - 1) / 2 for i in range(len(sets))], sets)
        axes[0].invert_yaxis()
        axes[0].figure.legend(loc="outside lower center", ncols=len(scorers) + 1, fontsize=9, frameon=False)


def _dot(ax: Axes, figure: Interval, y: float, colour: str, label: str | None) -> None:
    value, low, high = (100 * number for number in (figure.value, figure.low, figure.high))
    reach = [[max(0.0, value - low)], [max(0.0, high - value)]]
    ax.errorbar([value], [y], xerr=reach, color=colour, marker="o", markersize=6, elinewidth=2, capsize=3, linestyle="", label=label)


class _Canvas:
    """A context with a row of axes; on leaving it the picture is written as PNG."""

    def __init__(self, picture: Path, count: int, *, height: float, share_y: bool = False) -> None:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        self._picture = picture
        self._figure = Figure(figsize=(4.1 * count, height), layout="constrained")
        FigureCanvasAgg(self._figure)
        self._axes: list[Axes] = list(self._figure.subplots(1, count, sharey=share_y, squeeze=False)[0])

    def __enter__(self) -> list[Axes]:
        return self._axes

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            for ax in self._axes:
                ax.spines[["top", "right"]].set_visible(False)
            self._figure.savefig(self._picture, dpi=DPI)
