"""What came of a soak: figures, and the samples of memory, descriptors and threads as a table and a plot."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

WARM_UP_S = 30.0
"""A process that has just begun still fills its caches: at least so long, and half of its life."""
BOX, CONSUMER = "box", "consumer"


@dataclass
class Sample:
    """One look at a process; `life` counts how often it has been started, `children` are the readers of its cameras."""

    process: str
    at_s: float
    life: int
    age_s: float
    rss_bytes: int
    descriptors: int
    threads: int
    children: int = 0


@dataclass
class Account:
    """What came of it. `missing` counts pictures without a verdict in the consumer's database and verdicts of the spool that are not there;
    `ok_outside_the_gate` black pictures, and pictures of the live camera that were frozen, old or spoilt by lost packets.
    `changed_bytes_passed` are spoilt pictures too, of a fault that replaces bytes: video has no checksum."""

    seconds: float = 0.0
    fed: int = 0
    box_kills: int = 0
    broker_kills: int = 0
    consumer_kills: int = 0
    camera_faults: dict[str, int] = field(default_factory=dict)
    verdicts: int = 0
    by_decision: dict[str, int] = field(default_factory=dict)
    missing: int = 0
    doubled: int = 0
    ok_outside_the_gate: int = 0
    changed_bytes_passed: int = 0
    live: dict[str, object] = field(default_factory=dict)
    gaps: dict[str, int] = field(default_factory=dict)
    exit_code: int | None = None
    consumer_exit_code: int | None = None
    rss_slope_mib_per_h: dict[str, float | None] = field(default_factory=dict)
    descriptors: dict[str, tuple[int, int]] = field(default_factory=dict)
    threads: dict[str, tuple[int, int]] = field(default_factory=dict)
    samples: list[Sample] = field(default_factory=list)

    def is_good(self) -> bool:
        """Whether nothing was lost, doubled or passed, and box and consumer ended well."""
        wrong = (self.missing, self.doubled, self.ok_outside_the_gate, self.exit_code, self.consumer_exit_code)
        return wrong == (0, 0, 0, 0, 0)

    def sum_up(self) -> None:
        """Make figures of the samples."""
        for process in (BOX, CONSUMER):
            some = [one for one in self.samples if one.process == process]
            warm = [one for one in some if one.age_s > WARM_UP_S]
            self.rss_slope_mib_per_h[process] = slope(some)
            self.descriptors[process] = _range([one.descriptors for one in warm])
            self.threads[process] = _range([one.threads for one in warm])


def _range(values: Sequence[int]) -> tuple[int, int]:
    return min(values, default=0), max(values, default=0)


def slope(samples: Sequence[Sample]) -> float | None:
    """Growth of memory in the second half of each life, in MiB an hour: one line through all of them, each with a height of its own."""
    above = below = 0.0
    for life in {one.life for one in samples}:
        ages = [one.age_s for one in samples if one.life == life]
        some = [one for one in samples if one.life == life and one.age_s > max(WARM_UP_S, max(ages) / 2)]
        if len(some) < 2:
            continue
        age, rss = sum(one.age_s for one in some) / len(some), sum(one.rss_bytes for one in some) / len(some)
        above += sum((one.age_s - age) * (one.rss_bytes - rss) for one in some)
        below += sum((one.age_s - age) ** 2 for one in some)
    return above / below * 3_600 / (1 << 20) if below else None


def read(folder: Path) -> Account:
    """What `write` has written, with the figures of the samples made anew."""
    account = Account(**json.loads((folder / "soak.json").read_text()))
    with (folder / "soak.csv").open(newline="") as file:
        kinds: dict[str, Callable[[str], Any]] = {"str": str, "float": float, "int": int}
        read_as = [kinds[kind] for kind in Sample.__annotations__.values()]
        account.samples = [
            Sample(*(convert(value) for convert, value in zip(read_as, row, strict=True))) for row in list(csv.reader(file))[1:]
        ]
    account.sum_up()
    return account


def write(account: Account, out: Path) -> None:
    """Write soak.json, soak.csv and, where matplotlib is installed, soak.png."""
    out.mkdir(parents=True, exist_ok=True)
    figures = {key: value for key, value in asdict(account).items() if key != "samples"}
    (out / "soak.json").write_text(json.dumps(figures, indent=1) + "\n")
    with (out / "soak.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(Sample.__dataclass_fields__)
        for one in account.samples:
            rows.writerow([round(value, 1) if isinstance(value, float) else value for value in asdict(one).values()])
    try:
        import matplotlib as mpl
    except ImportError:
        sys.stderr.write("no plot: matplotlib comes with the extra `export`\n")
        return
    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, (memory, counts) = plt.subplots(2, sharex=True, figsize=(8, 5))
    for process in (BOX, CONSUMER):
        some = [one for one in account.samples if one.process == process]
        minutes = [one.at_s / 60 for one in some]
        memory.plot(minutes, [one.rss_bytes / (1 << 20) for one in some], ".", markersize=2, label=process)
        counts.plot(minutes, [one.descriptors for one in some], ".", markersize=2, label=f"descriptors, {process}")
        counts.plot(minutes, [one.threads for one in some], ".", markersize=2, label=f"threads, {process}")
    memory.set_ylabel("memory (MiB)")
    memory.set_ylim(bottom=0)
    memory.legend()
    counts.set_xlabel("minutes")
    counts.set_ylim(bottom=0)
    counts.legend()
    figure.tight_layout()
    figure.savefig(out / "soak.png", dpi=100)
    plt.close(figure)
