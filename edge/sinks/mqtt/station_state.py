"""What the retained state topic of a station says: its last verdict, its camera and how many of each decision."""

from __future__ import annotations

import json
from collections import Counter

from edge.message import utc_text
from edge.records import Decision, Inspection, Reason

CAMERA_TROUBLE = frozenset({
    Reason.UNREADABLE, Reason.UNSUPPORTED, Reason.TOO_LARGE, Reason.EMPTY, Reason.CAMERA_STALLED, Reason.CAMERA_UNREACHABLE, Reason.BLANK,
    Reason.WRONG_SIZE, Reason.FROZEN,
})  # fmt: skip


class StationState:
    """Grows with each verdict that was delivered since the daemon began."""

    def __init__(self, station: str) -> None:
        self._station = station
        self._last: Inspection | None = None
        self._counts: Counter[Decision] = Counter()

    def add(self, inspection: Inspection) -> None:
        """Count a verdict; a replayed one is old and changes nothing."""
        if not inspection.replayed:
            self._last = inspection
            self._counts[inspection.verdict.decision] += 1

    def payload(self) -> bytes:
        """Say it as JSON."""
        last = self._last
        state = {
            "station": self._station,
            "camera": "unknown" if last is None else "trouble" if CAMERA_TROUBLE.intersection(last.verdict.reasons) else "ok",
            "counts": {decision.value: self._counts[decision] for decision in Decision},
            "last": last
            and {
                "id": last.id,
                "epoch": last.epoch,
                "seq": last.seq,
                "captured_at": utc_text(last.captured_at),
                "decision": last.verdict.decision.value,
                "label": last.verdict.label,
                "confidence": last.verdict.confidence,
                "reasons": [reason.value for reason in last.verdict.reasons],
            },
        }
        return json.dumps(state, ensure_ascii=False, allow_nan=False).encode()
