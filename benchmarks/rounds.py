"""Ways to do one thing, timed in interleaved rounds: a machine that is slow for a while is slow for all of them."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping

from benchmarks.machine import seconds

Way = Callable[[], object]


def compare(title: str, ways: Mapping[str, Way], rounds: int, *, gflop: float, roof: Mapping[str, float], device: str = "cpu") -> None:
    """Print the median of each way, its ratio to the first, and its share of the roof of its type of number."""
    times: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(rounds + 1):
        for name, way in ways.items():
            took = seconds(way, device)
            if turn:  # the first round warms up
                times[name].append(took)
    print(f"\n{title}: {gflop:.0f} GFLOP, {rounds} rounds\n| way | ms | time by the first | share of the roof |\n|---|---|---|---|")
    first = statistics.median(next(iter(times.values())))
    for name, some in times.items():
        middle = statistics.median(some)
        kind = next((kind for kind in ("int8", "bf16", "fp16", "fp32") if kind in name), "")
        share = f"{gflop / middle / roof[kind]:.0%} of {kind}" if kind in roof else ""
        print(f"| {name} | {middle * 1e3:.1f} | {middle / first:.2f} | {share} |", flush=True)
