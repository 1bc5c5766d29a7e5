"""What examples in words do to golden verdicts: `python -m benchmarks.examples LINES.jsonl` prints the table of docs/studies/examples.md.

Examples are the first stored inspections of each label; the golden pictures are put into words once and judged with more and more of them.
"""

from __future__ import annotations

import argparse
from collections import Counter
from dataclasses import replace
from pathlib import Path

from edge.bundle.open import open_trusted_bundle
from edge.describers import open_vision_models
from edge.judges import open_language_model
from edge.judges.prompt import Example
from edge.judges.scoring import Scoring
from edge.review.rejudge import Rejudger
from edge.review.teach import Golden, golden_of
from edge.spool.history import History, description_and_scores
from firmware_config.board import read_board
from firmware_config.bundle import GOLDEN_STATION
from firmware_config.station import Station, read_station

TEMPLATE = "examples"
METHODS: tuple[Scoring, ...] = ("rank", "contextual")
FIRST = ("functional", "crack")
"""The labels of the first examples; then follows one of each other label that occurs."""


def main() -> None:
    """Judge the golden pictures with none, one, two and one example of each label."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("lines", type=Path, help="of `kotoba-edge inspect` with the bundle's own station")
    parser.add_argument("--bundle", type=Path, default=Path(".kotoba/starter"))
    parser.add_argument("--keys", type=Path, default=Path(".kotoba/keys"))
    parser.add_argument("--board", default="cpu")
    options = parser.parse_args()
    bundle, board = open_trusted_bundle(options.bundle, keys=options.keys), read_board(options.board)
    station = read_station(bundle.file(GOLDEN_STATION)).with_judge({"template": TEMPLATE, "calibration": None})
    describer, model = open_vision_models(bundle, board=board).describer(station.describe), open_language_model(bundle, board=board)
    certified = {entry.picture: entry.label for entry in bundle.manifest.golden}
    golden = [replace(entry, label=certified[entry.name]) for entry in golden_of(bundle, station, describer)]
    first = first_of_each(options.lines, station)
    chosen = [first[name] for name in FIRST] + [example for name, example in first.items() if name not in FIRST]
    print(f"| examples | {' | '.join(f'`method = {method!r}`' for method in METHODS)} |\n|---|{'---|' * len(METHODS)}")
    for examples in ([], chosen[:1], chosen[1::-1], chosen[::-1]):
        cells = []
        for method in METHODS:
            judge = Rejudger(model, bundle=bundle, station=station.with_judge({"method": method}), examples=examples)
            given = [judge.judge(one.description)[1].label for one in golden]
            cells.append(", ".join(map(str, agreement(golden, given, station))))
        print(f"| {', '.join(label for _, label in examples) or 'none'} | {' | '.join(cells)} |", flush=True)


def first_of_each(lines: Path, station: Station) -> dict[str, Example]:
    """By label, the words of the first inspection whose verdict has it."""
    found: dict[str, Example] = {}
    for inspection in History(lines, is_spool=False).select(station=station.station.name):
        label = inspection.verdict.label
        if label is not None and label not in found:
            found[label] = (description_and_scores(inspection)[0].words, label)
            print(f"example of {label}: {inspection.source}")
    return found


def agreement(golden: list[Golden], given: list[str | None], station: Station) -> tuple[int, int, int]:
    """How many verdicts have the certified label, only the certified decision, or neither."""
    decisions = {label.name: label.decision for label in station.labels}
    found = Counter(
        2 if label == one.label else int(decisions.get(label or "") == decisions[one.label])
        for one, label in zip(golden, given, strict=True)
    )
    return found[2], found[1], found[0]


if __name__ == "__main__":
    main()
