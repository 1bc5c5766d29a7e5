"""What has changed in a time, as a short text for people or as lines for machines."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, tzinfo

from edge.drift.sentence import moment, sentence
from edge.drift.watch import Change, Watch
from edge.drift.windows import Window
from edge.texts.drift import TEXTS
from firmware_config.station import Station


def report(station: Station, windows: Sequence[Window], *, since: datetime | None = None, zone: tzinfo | None = None) -> str:
    """Say what the windows that end after `since` have shown, and what lasts, in the language of the station."""
    language, name = station.station.language, station.station.name
    texts = TEXTS[language]
    told, lasting, here = _changes(station, windows, since=since)
    seen = [window for window in windows if since is None or window.end > since]
    lines = []
    if seen:
        start, end = (moment(at, texts, zone=zone) for at in (seen[0].start, seen[-1].end))
        lines.append(texts.head.format(station=name, parts=sum(window.parts for window in seen), start=start, end=end))
    if here < station.drift.reference_windows:
        return "\n".join([*lines, texts.waiting.format(station=name, here=here, needed=station.drift.reference_windows)])
    groups = ((texts.told, told), (texts.lasting, [change for change in lasting if change not in told]))
    for head, changes in groups:
        if changes:
            lines += [head, *(f"  {sentence(change, station=name, language=language, zone=zone)}" for change in changes)]
    if not told and not lasting:
        lines.append(texts.nothing)
    return "\n".join(lines)


def report_lines(
    station: Station, windows: Sequence[Window], *, since: datetime | None = None, zone: tzinfo | None = None
) -> list[dict[str, object]]:
    """The same, an object for each change; `lasts` says whether it is still so."""
    told, lasting, _ = _changes(station, windows, since=since)
    return [
        {
            "station": station.station.name,
            "news": change.news,
            "kind": change.word.kind,
            "word": change.word.text,
            "since": change.since.isoformat(),
            "told": change.at.isoformat(),
            "count": change.count,
            "parts": change.parts,
            "count_before": change.before,
            "parts_before": change.parts_before,
            "lasts": change in lasting,
            "text": sentence(change, station=station.station.name, language=station.station.language, zone=zone),
        }
        for change in [*told, *(change for change in lasting if change not in told)]
    ]


def _changes(station: Station, windows: Sequence[Window], *, since: datetime | None) -> tuple[list[Change], tuple[Change, ...], int]:
    """What was told after `since`, what lasts, and how many windows of the reference there are."""
    watch = Watch(station.drift)
    told = [change for window in windows for change in watch.take(window) if since is None or change.at > since]
    return told, watch.standing, watch.reference_windows
