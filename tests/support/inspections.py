"""Inspections as the daemon makes them, for every test that needs one."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone

from edge.records import Decision, Description, Familiarity, Inspection, Measured, Reason, Scores, Struck, Tag, Verdict, Words

FULL = Inspection(
    id="0197f0aa-0000-7000-8000-000000000001",
    station="セル検査-1",
    source="cell0001.png",
    part_id="A-17",
    captured_at=datetime(2025, 7, 1, 3, 4, 5, 678000, tzinfo=timezone.utc),
    verdict=Verdict(Decision.NG, "crack", 0.9375, (Reason.LOW_MARGIN, Reason.LATE)),
    description=Description(
        Words(
            tags=(Tag("crack", 0.31), Tag("busbar", 0.25)),
            attributes=(Tag("dark line", 0.28),),
            captions=("a solar cell with a crack", "太陽電池のひび"),
            measured=(Measured("much darker than similar known parts in the upper left", 4.5),),
        ),
        struck=(Struck("caption", 'the word "OK"'),),
        familiarity=Familiarity(1.25, "known", "sha256:" + "9a" * 32),
    ),
    scores=Scores(
        labels=("crack", "good"),
        log_likelihoods=(-1.5, -4.25),
        probabilities=(0.9375, 0.0625),
        method="rank",
        prompt_tokens=212,
        calibrated=True,
    ),
    timings_ms=(("capture", 1.5), ("describe", 210.25), ("judge", 95.0)),
    bundle="sha256:" + "ab" * 32,
    models_digest="sha256:" + "12" * 32,
    station_digest="sha256:" + "cd" * 32,
    settings_digest="sha256:" + "34" * 32,
    evidence_sha256="ef" * 32,
    detail="2 reasons, 1 picture",
    epoch="e1",
    seq=7,
    evidence_path=f"ng/{'ef' * 32}.png",
    clock_synchronised=True,
)

LOST = Inspection(
    id="0197f0aa-0000-7000-8000-000000000002",
    station="s1",
    source="/dev/video0",
    part_id=None,
    captured_at=datetime(2025, 7, 1, 3, 4, 6, tzinfo=timezone.utc),
    verdict=Verdict(Decision.FAULT, None, None, (Reason.CAMERA_STALLED,)),
    description=None,
    scores=None,
    timings_ms=(),
    bundle="",
    models_digest="",
    station_digest="",
    settings_digest="",
    evidence_sha256=None,
)


def inspection(number: int, *, station: str = "s1", decision: Decision = Decision.OK, detail: str | None = None) -> Inspection:
    """Give a small one that is not committed yet; the same number gives the same id."""
    return replace(LOST, id=f"{station}-{number}", station=station, verdict=Verdict(decision, None, None), detail=detail)
