"""False alarms of the drift watch in simulated months, and how long a real change takes: `python -m benchmarks.drift`.

A line of 10,000 parts a day and 200 words. Parts come in runs of alike parts that carry the same words, and in lots whose shares differ;
the three shifts of a day differ too. The figures are in docs/studies/drift.md.
"""

from __future__ import annotations

import argparse
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

import numpy as np
from numpy.typing import NDArray

from edge.drift.statistics import discoveries, two_sided
from edge.drift.watch import Change, Watch
from edge.drift.windows import Window
from edge.drift.words import Word
from firmware_config.drift import Drift

BEGIN = datetime(2026, 1, 5, 6, tzinfo=timezone.utc)
WINDOWS_A_MONTH = 90
CHANGED = Word("tag", "word 000")


@dataclass(frozen=True, slots=True)
class Line:
    """How the parts of a line depend on each other.

    `run` parts in a row carry the same words; a lot has `lot` parts on average and its own shares; `lot_spread` and `shift_spread` are the
    standard deviations of the logarithm of the odds between lots and between the three shifts.
    """

    name: str
    run: int = 1
    lot: int = 1_500
    lot_spread: float = 0.0
    shift_spread: float = 0.0


LINES = (
    Line("independent parts"),
    Line("runs of 20 alike parts", run=20),
    Line("lots of 1,500 parts", run=5, lot_spread=0.3, shift_spread=0.1),
    Line("lots of 10,000 parts (a day)", run=5, lot=10_000, lot_spread=0.3, shift_spread=0.1),
    Line("lots of 30,000 parts (three days)", run=5, lot=30_000, lot_spread=0.3, shift_spread=0.1),
    Line("lots of 100,000 parts (ten days)", run=5, lot=100_000, lot_spread=0.3, shift_spread=0.1),
)


def windows(
    line: Line, *, number: int, words: int, parts: int, seed: int, change_at: int | None = None, shares: tuple[float, float] = (0.05, 0.05)
) -> Iterator[Window]:
    """The windows of a simulated line. From the window `change_at` on, the first word's share is the second of `shares`."""
    rng = np.random.default_rng(seed)
    base = np.exp(rng.uniform(np.log(0.001), np.log(0.6), words))
    by_shift = rng.normal(0, line.shift_spread, (3, words))
    names = [Word("tag", f"word {at:03d}") for at in range(words)]
    lot_left, lot_effect = 0, np.zeros(words)
    for at in range(number):
        base[0] = shares[0] if change_at is None or at < change_at else shares[1]
        counts, left = np.zeros(words, np.int64), parts
        while left > 0:
            if lot_left <= 0:
                lot_left = line.run * int(1 + rng.geometric(line.run / line.lot))
                lot_effect = rng.normal(0, line.lot_spread, words)
            taken = min(left, lot_left)
            counts += _counts(rng, base, by_shift[at % 3] + lot_effect, runs=max(1, taken // line.run), parts=taken)
            left, lot_left = left - taken, lot_left - taken
        start = BEGIN + at * timedelta(hours=8)
        said = {name: int(count) for name, count in zip(names, counts, strict=True) if count}
        yield Window(start, start + timedelta(hours=8), "simulated", parts, said)


def _counts(
    rng: np.random.Generator, base: NDArray[np.float64], effect: NDArray[np.float64], *, runs: int, parts: int
) -> NDArray[np.int64]:
    odds = base / (1 - base) * np.exp(effect)
    share = rng.binomial(runs, odds / (1 + odds)) / runs
    return np.asarray(np.rint(share * parts), np.int64)


def told(settings: Drift, simulated: Iterator[Window]) -> list[Change]:
    """What the watch tells of these windows."""
    watch = Watch(settings)
    return [change for window in simulated for change in watch.take(window) if change.news == "changed"]


def false_alarms(
    line: Line, *, months: int, words: int = 200, parts: int = 3_333, seed: int = 0, settings: Drift | None = None
) -> list[int]:
    """The false alarms of each month: windows after which something is told. Each month is simulated with its own reference."""
    settings = settings or Drift()
    number = settings.reference_windows + WINDOWS_A_MONTH
    simulated = [windows(line, number=number, words=words, parts=parts, seed=seed + at) for at in range(months)]
    return [len({change.at for change in told(settings, each)}) for each in simulated]


def plain_alarms(line: Line, *, months: int, words: int = 200, parts: int = 3_333, seed: int = 0) -> list[int]:
    """The same for a plain two-proportion test of each window, which takes all parts for independent ones."""
    settings, found = Drift(), []
    for at in range(months):
        number = settings.reference_windows + WINDOWS_A_MONTH
        simulated = list(windows(line, number=number, words=words, parts=parts, seed=seed + at))
        before: Counter[Word] = Counter()
        for window in simulated[: settings.reference_windows]:
            before.update(window.counts)
        later, size = simulated[settings.reference_windows :], parts * settings.reference_windows
        found.append(sum(_is_plain_alarm(window, before, size, settings.false_alarms_a_window) for window in later))
    return found


def _is_plain_alarm(window: Window, before: Counter[Word], size: int, rate: float) -> bool:
    p_values = []
    for word in {*window.counts, *before}:
        count = window.counts.get(word, 0)
        pooled = (count + before[word]) / (window.parts + size)
        spread = math.sqrt(pooled * (1 - pooled) * (1 / window.parts + 1 / size))
        p_values.append(two_sided((count / window.parts - before[word] / size) / spread))
    return any(discoveries(p_values, rate))


def delay(line: Line, shares: tuple[float, float], *, words: int = 200, parts: int = 3_333, seed: int = 0, limit: int = 30) -> int | None:
    """After how many windows a change of the first word is told, None if not within `limit` windows."""
    settings = Drift()
    begins = settings.reference_windows + 3
    simulated = windows(line, number=begins + limit, words=words, parts=parts, seed=seed, change_at=begins, shares=shares)
    changes = [change for change in told(settings, simulated) if change.word == CHANGED and change.at > BEGIN + begins * timedelta(hours=8)]
    return None if not changes else round((changes[0].at - BEGIN) / timedelta(hours=8)) - begins


def main(arguments: Sequence[str] | None = None) -> None:
    """Print both tables."""
    command = argparse.ArgumentParser(prog="python -m benchmarks.drift", description=__doc__)
    command.add_argument("--months", type=int, default=100, help="Simulated months for each kind of line. Default: %(default)s.")
    command.add_argument("--changes", type=int, default=20, help="Simulated changes for each delay. Default: %(default)s.")
    command.add_argument(
        "--seed", type=int, default=0, help="The first seed; each month and each change has the next one. Default: %(default)s."
    )
    options = command.parse_args(arguments)
    print("| line | months | false alarms a month | months with none | most in a month | of a plain test |\n|---|---|---|---|---|---|")
    longer = Drift(reference_windows=126)
    for line, settings in (*((line, Drift()) for line in LINES), (LINES[-1], longer)):
        found = false_alarms(line, months=options.months, seed=options.seed, settings=settings)
        of_plain = [] if settings is longer else plain_alarms(line, months=max(1, options.months // 10), seed=options.seed)
        plain = f"{np.mean(of_plain):.0f}" if of_plain else ""
        name = f"{line.name}, reference of 42 days" if settings is longer else line.name
        print(f"| {name} | {len(found)} | {np.mean(found):.2f} | {found.count(0)} | {max(found)} | {plain} |", flush=True)
    print("\n| change | line | parts a window | told after windows, median | within 30 windows |\n|---|---|---|---|---|")
    for shares in ((0.05, 0.12), (0.01, 0.03), (0.3, 0.4)):
        for line in (LINES[0], LINES[2]):
            for parts in (400, 3_333):
                waits = [delay(line, shares, parts=parts, seed=options.seed + at) for at in range(options.changes)]
                known = [wait for wait in waits if wait is not None]
                median = f"{np.median(known):.0f}" if known else "-"
                name = f"{shares[0]:.0%} to {shares[1]:.0%}"
                print(f"| {name} | {line.name} | {parts} | {median} | {len(known)} of {len(waits)} |", flush=True)


if __name__ == "__main__":
    main()
