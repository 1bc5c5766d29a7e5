"""The proof as a chart: the loss in percent of what each limit allows, and the layers that lose the most."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from export.proof.figures import Figure, Suspect

KEPT, BROKEN, PLAIN = "#2a7f62", "#c0392b", "#8a8f98"
MOST = 12
"""The largest number of layer types in the chart."""


def draw(figures: Sequence[Figure], suspects: Sequence[Suspect], picture: Path) -> None:
    """Write a PNG: a bar for each figure with a limit, where 100 % is the limit, and below them a bar for each type of layer.

    Raises:
        OSError: the file cannot be written.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure as Canvas

    limited = [one for one in figures if one.limit is not None]
    shown = suspects[:MOST]
    heights = [len(limited) + 2, *([len(shown) + 2] if shown else [])]
    canvas = Canvas(figsize=(10, 0.32 * sum(heights) + 1), layout="constrained")
    FigureCanvasAgg(canvas)
    axes = canvas.subplots(len(heights), squeeze=False, height_ratios=heights)[:, 0]
    shares = [100 * one.excess for one in limited]
    names = [f"{one.stage}  {one.kind}  ({one.precision})  {one.value:.4g}, limit {one.limit:g}" for one in limited]
    axes[0].barh(names, [min(share, 200) for share in shares], color=[KEPT if one.kept else BROKEN for one in limited])
    axes[0].axvline(100, color="black", linewidth=1)
    axes[0].set_xlim(0, 200)
    axes[0].set_xlabel("lost, in % of what the limit allows")
    if shown:
        axes[1].barh([f"{one.layer}  x{one.count}" for one in shown], [1 - one.cosine for one in shown], color=PLAIN)
        axes[1].set_xlabel(f"{shown[0].stage}: 1 - cosine when this type of layer alone is quantized")
    for one in axes:
        one.invert_yaxis()
        one.spines[["top", "right"]].set_visible(False)
    canvas.savefig(picture, dpi=110)
