"""The tornado as a picture. Its words are the keys of the specification, which need no font of another language."""

from __future__ import annotations

import io

from export.cost.study import Study

AT_LOW, AT_HIGH = "#8a8f98", "#2a7f62"
MOST = 15
"""The largest number of bars."""


def tornado_png(study: Study, axis: str) -> bytes:
    """A PNG: for each figure the saving at both ends of its range; the line is the saving at all values. The same study, the same bytes."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    bars = study.tornado[:MOST]
    canvas = Figure(figsize=(9, 0.36 * len(bars) + 1.2), layout="constrained")
    FigureCanvasAgg(canvas)
    axes = canvas.subplots()
    keys = [f"{bar.key}  {bar.low:.4g} .. {bar.high:.4g}" for bar in bars]
    middle = study.saving.value
    for ends, colour, name in (
        ([bar.saving_at_low for bar in bars], AT_LOW, "low end"),
        ([bar.saving_at_high for bar in bars], AT_HIGH, "high end"),
    ):
        axes.barh(keys, [end - middle for end in ends], left=middle, color=colour, label=name)
    axes.axvline(middle, color="black", linewidth=1)
    axes.axvline(0, color="#c0392b", linewidth=1, linestyle="--")
    axes.set_xlabel(f"{axis} [{study.spec.plant.currency} / year]")
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.invert_yaxis()
    axes.spines[["top", "right"]].set_visible(False)
    if bars:
        axes.legend(frameon=False)
    written = io.BytesIO()
    canvas.savefig(written, format="png", dpi=110, metadata={"Software": None})
    return written.getvalue()
