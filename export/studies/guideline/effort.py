"""The hours of an evaluation by phase, from stated assumptions."""

from __future__ import annotations

from dataclasses import dataclass

from export.studies.guideline.sample_size import fewest_parts


@dataclass(frozen=True, slots=True)
class Phase:
    """Assumptions of one phase: `pictures` are judged by `people`, each `times`, in `seconds` a picture; `fixed_hours` come on top."""

    name: str
    ja: str
    pictures: int
    people: int
    times: int
    seconds: int
    fixed_hours: float

    @property
    def judging_hours(self) -> float:
        """Hours of people who judge pictures."""
        return self.pictures * self.people * self.times * self.seconds / 3600

    @property
    def hours(self) -> float:
        """All hours."""
        return self.judging_hours + self.fixed_hours


SECONDS_A_PICTURE = 20
"""Assumed: a known product on a screen."""
AGREEMENT_PARTS = 50
"""As in the attribute studies of AIAG (Measurement Systems Analysis): 50 parts, three people, two times."""
BASELINE_GOOD = 300
BASELINE_LIMIT, PILOT_LIMIT = 0.05, 0.02
"""The escape rates (0..1) that the two phases show with no defect missed."""

PHASES = (
    Phase("look", "下見", 100, 1, 1, SECONDS_A_PICTURE, 8.0),
    Phase("baseline: agreement", "基準: 判定の一致", AGREEMENT_PARTS, 3, 2, SECONDS_A_PICTURE, 4.0),
    Phase("baseline: labels", "基準: ラベル付け", BASELINE_GOOD + fewest_parts(BASELINE_LIMIT), 2, 1, SECONDS_A_PICTURE, 16.0),
    Phase("pilot", "試行", 2_000 + fewest_parts(PILOT_LIMIT), 2, 1, SECONDS_A_PICTURE, 40.0),
    Phase("scale: each further line", "展開: 追加のライン 1 本ごと", 300 + fewest_parts(PILOT_LIMIT), 1, 1, SECONDS_A_PICTURE, 12.0),
    Phase("in use: each month", "運用: 毎月", 300, 1, 1, SECONDS_A_PICTURE, 2.0),
)
