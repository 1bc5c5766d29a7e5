"""The page of the study, in Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from edge.records import Decision, Reason
from edge.studies.known_pictures import MARGINS
from export.starter.cells import HELD_OUT_MONO, SOURCE_VALIDATION, TRAINING
from export.studies.familiarity.measure import Looked, Study
from export.studies.protocol import auroc
from export.studies.template import fill, row, table

TEMPLATE = Path(__file__).with_name("page.md")
GATES = (Reason.CLIPPED, Reason.BLANK, Reason.DARK, Reason.BLURRED)
HEAD = ("pictures", "number", "OK", "OK with gates", "OK with memory", "OK with both", "unfamiliar", "new condition")


def page(study: Study, *, command: str) -> str:
    """Write the page; `command` is the one that makes it again."""
    sets = {name: looked for name, looked in study.sets.items() if name not in study.no_parts}
    outside = [looked for name in study.no_parts for looked in study.sets[name]]
    rows = _rows(study)
    familiar = np.array([study.looked[i].distance for i in (*rows["source validation"], *rows["held-out mono runs"])])
    poly = rows["poly cells"]
    bad, good = ([study.looked[i] for i in poly if study.cells[i].defective is wanted] for wanted in (True, False))
    learned, defective = study.learned, [looked for name, looked in sets.items() if name.startswith("defective,")]
    return fill(
        TEMPLATE,
        command=command,
        pictures=len(learned.left_out),
        good=sum(cell.probability == 0.0 for cell in (study.cells[i] for i in rows["training"])),
        margins=", ".join(f"{key} {margin:g}" for key, margin in MARGINS.items()),
        known=f"{learned.known:.2f}",
        empty=f"{learned.empty:.2f}",
        new_condition=f"{learned.new_condition:.2f}",
        unfamiliar=f"{learned.unfamiliar:.2f}",
        limits=", ".join(f"{one.key} {one.value:g} (known pictures {one.low:.3g} to {one.high:.3g})" for one in study.limits),
        no_parts=table((*HEAD, "AUROC"), [_row(name, study.sets[name], familiar) for name in study.no_parts]),
        ok_no_parts=_ok(outside, "with_all"),
        all_no_parts=len(outside),
        before_no_parts=_ok(outside, "without"),
        defective=len(defective[0]),
        changed=table((*HEAD, "AUROC"), [_row(name, looked, familiar) for name, looked in sets.items()]),
        worst=f"{_ok(defective[0], 'without')} of {len(defective[0])}; at most {max(_ok(one, 'with_all') for one in defective)} with both",
        cells=table(HEAD, _cell_rows(study, rows)),
        alarms=table(("cells", *(gate.value for gate in GATES), "unfamiliar"), [_alarms(study, name, rows[name]) for name in rows]),
        poly_unfamiliar=_share(study.looked[i].degree == "unfamiliar" for i in poly),
        poly_new=_share(study.looked[i].degree == "new_condition" for i in poly),
        poly_escape_before=_share(one.without is Decision.OK for one in bad),
        poly_escape=_share(one.with_all is Decision.OK for one in bad),
        poly_lost_before=_share(one.without is not Decision.OK for one in good),
        poly_lost=_share(one.with_all is not Decision.OK for one in good),
    )


def _rows(study: Study) -> dict[str, list[int]]:
    """The rows of the data set by the part that they play."""
    ranges = {
        "source cells": (range(360, 540), range(900, 1614)),
        "training": TRAINING,
        "source validation": SOURCE_VALIDATION,
        "held-out mono runs": HELD_OUT_MONO,
    }
    rows = {name: [i for part in parts for i in part if study.cells[i].material == "mono"] for name, parts in ranges.items()}
    return rows | {"poly cells": [cell.row for cell in study.cells if cell.material == "poly"]}


def _row(name: str, looked: Sequence[Looked], familiar: np.ndarray | None = None) -> str:
    counts = [str(_ok(looked, which)) for which in ("without", "with_gates", "with_memory", "with_all")]
    degrees = [_share(one.degree == degree for one in looked) for degree in ("unfamiliar", "new_condition")]
    if familiar is None:
        return row(name, len(looked), *counts, *degrees)
    distances = np.array([one.distance for one in looked])
    flags = np.r_[np.zeros(len(familiar), bool), np.ones(len(distances), bool)]
    return row(name, len(looked), *counts, *degrees, f"{auroc(np.r_[familiar, distances], flags):.4f}")


def _cell_rows(study: Study, rows: dict[str, list[int]]) -> list[str]:
    found = []
    for name in ("source validation", "held-out mono runs", "poly cells"):
        for what, wanted in (("good", False), ("defective", True)):
            found.append(_row(f"{name}, {what}", [study.looked[i] for i in rows[name] if study.cells[i].defective is wanted]))
    return found


def _alarms(study: Study, name: str, rows: Sequence[int]) -> str:
    looked = [study.looked[i] for i in rows]
    shares = [_share(one.gate is gate for one in looked) for gate in GATES]
    return row(f"{name} ({len(rows)})", *shares, _share(one.degree == "unfamiliar" for one in looked))


def _ok(looked: Iterable[Looked], which: str) -> int:
    return sum(getattr(one, which) is Decision.OK for one in looked)


def _share(flags: Iterable[bool]) -> str:
    values = list(flags)
    return f"{sum(values) / max(1, len(values)):.1%}"
