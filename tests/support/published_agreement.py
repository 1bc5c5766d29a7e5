"""Answers with the published counts of the attribute study in AIAG, Measurement Systems Analysis: 50 parts, A, B and C, three trials each.

The manual's table of single answers is not copied. These answers are made so that every count of its worked example comes out; that such
answers exist at all checks the counts against each other:
- 16 parts are bad and 34 good.
- Against the reference, answers (bad as bad, bad as good, good as bad, good as good): A 45, 3, 5, 97; B 45, 3, 2, 100; C 42, 6, 9, 93.
- In pairs (both bad, first bad only, second bad only, both good): A and B 44, 6, 3, 97; A and C 43, 7, 8, 92; B and C 42, 5, 9, 94.
- Parts with one answer in all trials, all of them right: A 42, B 45, C 40; of all three together 39.
"""

from __future__ import annotations

PARTS, BAD = 50, 16
WRONG = {
    "A": {1: {1}, 2: {1}, 3: {2}, 21: {1}, 22: {1}, 23: {3}, 24: {2}, 27: {1}},
    "B": {1: {1}, 2: {2}, 4: {2}, 21: {1}, 25: {2}},
    "C": {1: {1, 2}, 2: {1, 2}, 3: {1}, 4: {1}, 21: {1, 2}, 22: {1, 2}, 23: {1, 2}, 24: {1}, 25: {1}, 26: {1}},
}
"""Of each appraiser, the part and its trials that were answered wrong; parts 1 to 16 are bad."""


def is_bad(part: int) -> bool:
    return part <= BAD


def answer(appraiser: str, part: int, trial: int) -> str:
    wrong = trial in WRONG[appraiser].get(part, set())
    return "NG" if is_bad(part) != wrong else "OK"


def ratings(*, standard: bool = True) -> str:
    """The answers as a CSV."""
    lines = ["part,appraiser,trial,answer" + (",standard" if standard else "")]
    for part in range(1, PARTS + 1):
        for appraiser in WRONG:
            for trial in (1, 2, 3):
                known = f",{'NG' if is_bad(part) else 'OK'}" if standard else ""
                lines.append(f"{part:02},{appraiser},{trial},{answer(appraiser, part, trial)}{known}")
    return "\n".join(lines) + "\n"
