"""The rows of the table of what a box must survive: each experiment, what is asked, and the tests or the page that have its figure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from tests.support.repository import ROOT

STUDIES = ROOT / "docs/studies"
Line = tuple[str, str]
"""A pattern, and how its groups are told."""


@dataclass(frozen=True)
class Study:
    """A page with figures of its own; of each pattern the first line in which it is found."""

    page: str
    lines: tuple[Line, ...]

    def told(self, folder: Path = STUDIES) -> tuple[str, ...]:
        """What it says, and its address.

        Raises:
            LookupError: a line is not there.
        """
        text = (folder / self.page).read_text(encoding="utf-8")
        figures = []
        for pattern, words in self.lines:
            match = re.search(pattern, text, re.MULTILINE)
            if match is None:
                msg = f"{self.page} has no line {pattern!r}: correct the pattern, or make the page anew"
                raise LookupError(msg)
            figures.append(words.format(*(" ".join(group.split()) for group in match.groups())))
        return (*figures, f"[{self.page}]({self.page})")


@dataclass(frozen=True)
class Row:
    """`tests` are what pytest is to run; `has_full_size` says that those marked `soak` are the full size. `note` is what is not reached."""

    experiment: str
    asked: str
    tests: tuple[str, ...] = ()
    has_full_size: bool = False
    study: Study | None = None
    note: str = ""


def _camera(row: str) -> Line:
    return (rf"^\| ({row}[^|]*)\|[^|]*\|([^|]*)\|", "{0}: {1}")


def _hostile(kind: str) -> Line:
    return (rf"^\| {kind} \| ([\d,]+) \| ([\d,]+) \|", f"{{1}} of {{0}} {kind} refused")


def _attack(how: str) -> Line:
    return (rf"^\| ({how}[^|]*)\| (\d+) \| (\d+) [^|]*\|[^|]*\| (\d+) \|", "{0}: {2} of {1} OK without a guard, {3} with both")


def _soaked(name: str) -> Line:
    return (rf"^\| \**{name}\** \|([^|]*)\|", f"{name}: {{0}}")


SPOOL, SYSTEM, INSPECTION, BUNDLE = "tests/edge/spool", "tests/system", "tests/edge/inspection", "tests/edge/bundle"
UNPACKING = f"{BUNDLE}/test_interrupted_unpack.py"
SLOTS = "tests/edge/slots"
FROZEN = (r"C2, \d+ x frozen: H\.264, 1 M", r"C2, \d+ x frozen: H\.264, 500", r"C2, \d+ x frozen: H\.265", r"C2, \d+ x frozen: MPEG-4")
DAMAGED = tuple(
    f"C3, {stream}" for stream in (r"H\.264, 20% of packets drop", r"H\.264, 20% of packets garbage", r"H\.265, 2% of packets g")
)

ROWS = {
    "R1": Row(
        "kill -9 of the spool's writer, 1,000 times", "200,000 acknowledged, 0 lost", (f"{SPOOL}/test_spool_kill.py",), has_full_size=True
    ),
    "R2": Row("5,000 simulated power cuts", "0 lost; with NORMAL some are", (f"{SPOOL}/test_spool_power.py",), has_full_size=True),
    "R3": Row(
        "EIO, ENOSPC, short write at every disk call of the spool, and of unpacking a bundle",
        "0 lost, no bundle but the whole one",
        (
            f"{SPOOL}/test_failing_calls.py",
            f"{UNPACKING}::test_a_disk_call_that_fails_leaves_no_other_bundle",
            f"{SLOTS}/test_killed_slots.py::test_a_disk_call_that_fails_leaves_a_whole_bundle_that_judges",
        ),
        has_full_size=True,
    ),
    "R4": Row(
        "200 daemon kills and 50 broker kills, 100,000 verdicts",
        "each takes effect once, in order",
        (f"{SYSTEM}/test_chaos.py",),
        has_full_size=True,
    ),
    "R5": Row(
        "a broker that loses what it acknowledged (5,000; 500)",
        "every gap seen and replayed",
        (f"{SYSTEM}/test_forgetful_broker.py",),
        has_full_size=True,
    ),
    "R6": Row(
        "ten scripted bad acknowledgements, 100 times each",
        "all stay pending, then delivered; the alarm within 5 s",
        ("tests/edge/sinks/test_bad_acknowledgements.py",),
        has_full_size=True,
    ),
    "R7": Row(
        "20 black-holed links, keepalive 10 s",
        "noticed in 25 s, back in 15 s after healing",
        (f"{SYSTEM}/test_black_hole.py",),
        has_full_size=True,
    ),
    "R8": Row(
        "a backlog of 100,000 of 1 KB",
        "drained in 120 s, +50 MiB, p99 of live verdicts at most twice that of idle ones",
        (f"{SYSTEM}/test_backlog.py",),
        has_full_size=True,
        note="the p99 is not reached on a machine with other work; rate and memory are",
    ),
    "R9": Row("the disk is full at 100 moments", "0 lost, no OK while full", (f"{SYSTEM}/test_full_disk.py",), has_full_size=True),
    "R10": Row("250 harmed spools", "noticed or unharmed, up in 5 s", (f"{SPOOL}/test_harmed_spools.py",)),
    "C1": Row(
        "50 cameras that stall, 50 that go",
        "a FAULT in 5 s, pictures 10 s after healing, nothing left over",
        study=Study("cameras.md", (_camera("C1, 50 x stall"), _camera("C1, 50 x gone"))),
    ),
    "C2": Row(
        "50 frozen pictures, encoded anew",
        "flagged in 2 s, no OK after it",
        study=Study("cameras.md", tuple(_camera(row) for row in (*FROZEN, r"C2, \d+ x frozen: Motion JPEG"))),
    ),
    "C3": Row(
        "corrupt RTP and dropped packets, 1,000 pictures each",
        "99 % of damaged pictures flagged, at most 0.1 % of sound ones",
        study=Study("cameras.md", tuple(_camera(row) for row in DAMAGED)),
        note="not reached for H.265 whose bytes are changed; the page says why",
    ),
    "D1": Row("unit files", "understood, closed to 15 and 13", (f"{SYSTEM}/test_units.py",)),
    "D2": Row("hung stages", "the pings stop within an interval", (f"{SYSTEM}/test_hung_stages.py",)),
    "D3": Row("SIGTERM under load, 200 times", "exit 0 in 5 s, 0 lost", (f"{SYSTEM}/test_sigterm.py",), has_full_size=True),
    "D4": Row(
        "an hour with a fault every 30 s, three stations, the consumer at the end",
        "0 missing, doubled or passed; RSS at most +1 MiB/h, descriptors and threads constant",
        study=Study(
            "soak.md",
            (
                (r"^\| \| ([^|]*) \|", "{0}"),
                *(_soaked(name) for name in ("missing", "doubled", "OK outside the gate", "descriptors and threads of the box")),
                (r"15 minutes, (\+[\d.]+ MiB/h) from then", "memory of a box that is not killed: {0}"),
            ),
        ),
        note="full size is 8 hours: not run",
    ),
    "D5": Row(
        "SIGHUP under load, 100 times, every third file bad",
        "0 lost, no station stopped but the changed one, p99 of the others' latency at most twice that of an idle box",
        (f"{SYSTEM}/test_reload.py",),
        has_full_size=True,
        note="with small models of random weights; quiet moments and reloads took turns beside other work; no test asserts the p99",
    ),
    "M1": Row(
        "60 hostile bundles",
        "refused before a native parser, nothing outside, no hang over 2 s",
        (
            *(f"{BUNDLE}/test_{name}.py" for name in ("hostile_archives", "open_bundle", "slow_headers", "swapped_files")),
            f"{SLOTS}/test_hostile_installs.py",
        ),
        study=Study(
            "hostile-input.md",
            (
                _hostile("hostile archives"),
                _hostile("bundles that a trusted builder signed, and must not be used"),
                _hostile("bundles that were changed on disk"),
                (r"took (\d+) of the (\d+) archives without a word", "control: `extractall` takes {0} of {1}"),
            ),
        ),
    ),
    "M2": Row(
        "7,000 mutated files",
        "refused, no hang",
        (f"{BUNDLE}/test_mutated_bundles.py",),
        has_full_size=True,
        study=Study("hostile-input.md", tuple(_hostile(f"damaged {what}") for what in ("archives", "folders", "models in signed bundles"))),
    ),
    "M3": Row(
        "300 kills and as many power cuts while a bundle is unpacked, installed, tried, activated or taken back",
        "never a mixed bundle, always one that judges",
        (
            f"{UNPACKING}::test_a_kill_leaves_no_other_bundle",
            f"{SLOTS}/test_killed_slots.py::test_a_kill_leaves_a_whole_bundle_that_judges",
            f"{SLOTS}/test_power_cuts.py",
        ),
        has_full_size=True,
    ),
    "L1": Row("1,000 bad model outputs", "0 OK", (f"{INSPECTION}/test_policy.py::test_a_thousand_bad_model_outputs_give_no_ok",)),
    "L2": Row(
        "100 defects with printed PASS, OK, orders",
        "0 OK, the raw rate beside it",
        ("tests/cases/test_printed_text.py",),
        study=Study(
            "typographic-attack.md",
            tuple(_attack(how) for how in ("all five attacks", "turned by any angle", "Japanese", "repeated", "faint")),
        ),
        note="not reached for print in Japanese and faint print: one of 100 each",
    ),
    "L3": Row(
        "one picture 100 times on the CPU",
        "100 identical verdicts",
        (f"{SYSTEM}/test_demo.py::test_inspect_says_the_same_of_the_same_picture_100_times",),
    ),
    "W1": Row(
        "the commands in a network of loopback only, watched for two minutes",
        "0 connections, 0 look-ups outside",
        (f"{SYSTEM}/test_silence.py",),
        has_full_size=True,
    ),
}
