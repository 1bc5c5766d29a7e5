"""The five pictures of docs/explain.md: `python benchmarks/explained.py` in the repository's folder, with the starter bundle in `.kotoba`.

The cells are the first of the demo's sample (seed 7 of `edge.demo.cells`; the bundle learned from none of them) with two OK, two NG and
one REVIEW whose words differ. The station asks for a confidence of 0.75, so that there is doubt.
"""

from __future__ import annotations

import argparse
from collections import Counter
from datetime import datetime, timezone
from pathlib import Path

from edge.bundle.open import open_trusted_bundle
from edge.demo.cells import sample_cells
from edge.inspection.open import open_inspectors
from edge.judges import open_language_model
from edge.judges.prompt import description_text
from edge.picture.decode import read_picture
from edge.records import Decision, Frame
from edge.review.explain import explain
from edge.review.explain_picture import evidence_of, write_explanation
from edge.review.explain_text import strongest
from edge.review.rejudge import Rejudger
from firmware_config.board import read_board
from firmware_config.bundle import GOLDEN_STATION
from firmware_config.station import read_station

WANTED = Counter({Decision.OK: 2, Decision.NG: 2, Decision.REVIEW: 1})
LOOKED_AT = 60
MIN_CONFIDENCE = 0.75
MOMENT = datetime(2026, 11, 24, tzinfo=timezone.utc)


def main() -> None:
    """Inspect cells until there are five, explain and draw them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--starter", type=Path, default=Path(".kotoba/starter"))
    parser.add_argument("--keys", type=Path, default=Path(".kotoba/keys"))
    parser.add_argument("--board", default="cpu")
    parser.add_argument("--out", type=Path, default=Path("docs"))
    options = parser.parse_args()
    bundle, board = open_trusted_bundle(options.starter, keys=options.keys), read_board(options.board)
    station = read_station(bundle.file(GOLDEN_STATION)).with_judge({"min_confidence": MIN_CONFIDENCE})
    (inspector,) = open_inspectors(bundle, [station], board=board)
    rejudger = Rejudger(open_language_model(bundle, board=board), bundle=bundle, station=station)
    left, shown = WANTED.copy(), set[str]()
    for number, cell in enumerate(sample_cells(LOOKED_AT), 1):
        pixels = read_picture(cell.path, max_pixels=1_000_000, max_bytes=1_000_000)
        inspection = inspector.inspect(Frame(pixels, MOMENT, 0, station.station.name, number, cell.path.name))
        if inspection.description is None:
            continue
        text = description_text(inspection.description.words)
        if not left[inspection.verdict.decision] or text in shown:
            continue
        shown.add(text)
        left[inspection.verdict.decision] -= 1
        out = options.out / f"explain-{WANTED.total() - left.total()}.png"
        explanation = explain(rejudger, inspection)
        write_explanation(out, explanation, pixels=evidence_of(inspection, cell.path, station=station))
        most = ", ".join(f"{effect.word} {effect.log_odds:+.2f}" for sign in (1, -1) for effect in strongest(explanation, sign=sign))
        print(f"{out}: {inspection.verdict.decision.value} {inspection.verdict.label}, true: {cell.label}; {most}", flush=True)
        if not left.total():
            return


if __name__ == "__main__":
    main()
