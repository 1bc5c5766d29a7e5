"""The judge as a graph beside its GGUF on llama.cpp: `python -m benchmarks.engines LINES.jsonl` prints what docs/performance.md tells.

The same words, the same adapter and labels; the lines are those of `kotoba-edge inspect` over all cells with a bundle that has a graph.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.inspected_cells import InspectedCells, read_inspected_cells
from edge.bundle.open import Bundle, open_trusted_bundle
from edge.calibration.scales import probabilities
from edge.judges import open_language_model, open_station_judge
from export.bundle.compare_models import without_graph
from export.studies.protocol import auroc, difference
from firmware_config.board import read_board
from firmware_config.bundle import GOLDEN_STATION
from firmware_config.station import Station, read_station


def main() -> None:
    """Judge all words on llama.cpp, and compare with what the graph made of them."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.engines", description=__doc__)
    parser.add_argument("lines", type=Path, help="of `kotoba-edge inspect` over all cells")
    parser.add_argument("--bundle", type=Path, default=Path(".kotoba/starter"))
    parser.add_argument("--keys", type=Path, default=Path(".kotoba/keys"))
    options = parser.parse_args()
    bundle = open_trusted_bundle(options.bundle, keys=options.keys)
    station = read_station(bundle.file(GOLDEN_STATION))
    study = read_inspected_cells(options.lines, bundle, station)
    graph = np.array([scores.log_likelihoods for scores in study.scores])
    gguf = judged(study, replace(bundle, manifest=without_graph(bundle.manifest)), station)
    tell(study, station, graph, gguf)


def judged(study: InspectedCells, bundle: Bundle, station: Station) -> np.ndarray:
    """Log-likelihoods (N, K) of all words, and how long they took."""
    judge = open_station_judge(open_language_model(bundle, board=read_board("cpu")), bundle=bundle, station=station)
    started = time.perf_counter()
    found = np.array([judge.score(description.words).log_likelihoods for description in study.descriptions])
    print(f"{len(found)} descriptions on llama.cpp in {time.perf_counter() - started:.0f} s")
    return found


def tell(study: InspectedCells, station: Station, graph: np.ndarray, gguf: np.ndarray) -> None:
    """How often they agree, and how well each tells good cells from bad ones."""
    ok = np.array([label.decision == "ok" for label in station.labels])
    chances = [1 - probabilities(some)[:, ok].sum(-1) for some in (graph, gguf)]
    apart = np.abs(chances[0] - chances[1])
    print(f"same likeliest label: {(graph.argmax(-1) == gguf.argmax(-1)).mean():.1%}")
    print(f"probability of not ok, uncalibrated: {apart.mean():.4f} apart in the mean, {np.quantile(apart, 0.95):.3f} at the 95 % quantile")
    print("| set | cells | AUROC, graph | AUROC, llama.cpp | graph less llama.cpp (95 % interval) |\n|---|---|---|---|---|")
    for name, rows in study.sets.items():
        bad = study.defective[rows]
        one, other = (some[rows] for some in chances)
        print(
            f"| {name} | {len(rows)} | {auroc(one, bad):.3f} | {auroc(other, bad):.3f} | {difference([one], [other], bad, rows)} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
