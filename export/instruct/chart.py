"""The curve of a tuning as a picture."""

from __future__ import annotations

import io

from export.instruct.tuned import Tuned

TRAINING, VALIDATION, AUROC = "#8a8f98", "#2a7f62", "#2f5d9b"


def curve_png(tuned: Tuned) -> bytes:
    """A PNG of the losses and of the AUROC on validation by step; the vertical line is the step that was taken. Same curve, same bytes."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    canvas = Figure(figsize=(8, 5), layout="constrained")
    FigureCanvasAgg(canvas)
    losses, quality = canvas.subplots(2, 1, sharex=True)
    steps = [check.step for check in tuned.curve]
    learned = [(check.step, check.training) for check in tuned.curve if check.training is not None]
    losses.plot([step for step, _ in learned], [loss for _, loss in learned], color=TRAINING, label="training, since the check before")
    losses.plot(steps, [check.validation for check in tuned.curve], color=VALIDATION, marker="o", label="validation")
    losses.set_ylabel("loss [nat]")
    losses.legend(frameon=False)
    quality.plot(steps, [check.auroc for check in tuned.curve], color=AUROC, marker="o")
    quality.set_ylabel('AUROC of "not ok"')
    quality.set_xlabel("step")
    for axes in (losses, quality):
        axes.axvline(tuned.best_step, color="black", linewidth=1, linestyle="--")
        axes.spines[["top", "right"]].set_visible(False)
    written = io.BytesIO()
    canvas.savefig(written, format="png", dpi=110, metadata={"Software": None})
    return written.getvalue()
