from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from edge.consumer.line_protocol import line, string, tag, timestamp_ns
from edge.consumer.messages import VerdictMessage, read_verdict
from edge.message import encode
from tests.support.inspections import FULL
from tests.support.points import read_point

VERDICT = read_verdict(encode(FULL), station=FULL.station)


def with_(**changes: object) -> VerdictMessage:
    return VERDICT.model_copy(update=changes)


def test_a_verdict_is_this_line() -> None:
    assert line(VERDICT) == (
        'kotoba_verdict,station=セル検査-1,decision=NG,label=crack id="0197f0aa-0000-7000-8000-000000000001",epoch="e1",seq=7i,'
        'confidence=0.9375,reasons="low_margin,late",part_id="A-17" 1751339045678494446'
    )


def test_a_replayed_copy_is_the_same_line() -> None:
    assert line(with_(replayed=True)) == line(VERDICT)


def test_what_is_not_known_is_left_out() -> None:
    written = line(with_(label=None, confidence=None, part_id=None, reasons=()))
    assert "label" not in written
    assert "confidence" not in written
    assert ',reasons="" ' in written


def test_each_special_character_is_escaped_where_it_must_be() -> None:
    assert tag('a b,c=d"e\\f\ng') == 'a\\ b\\,c\\=d"e\\f\\ng'
    assert tag("ends\\\\") == "ends"
    assert string('a b,c="d\\e\nf') == '"a b,c=\\"d\\\\e\\nf"'


TEXT = st.text(st.characters(exclude_characters="\0\\", exclude_categories=["Cs"]), min_size=1, max_size=20)


@given(TEXT, TEXT, TEXT)
def test_a_reader_finds_what_was_written(station: str, label: str, part: str) -> None:
    verdict = with_(station=station, label=label, part_id=part)
    written = line(verdict)
    assert "\n" not in written
    point = read_point(written)
    assert point.measurement == "kotoba_verdict"
    assert point.tags == {"station": one_line(station), "decision": "NG", "label": one_line(label)}
    assert point.fields["part_id"] == one_line(part)
    assert (point.fields["id"], point.fields["seq"], point.fields["confidence"]) == (VERDICT.id, 7, 0.9375)
    assert point.timestamp_ns == timestamp_ns(verdict)


@given(st.text(st.characters(exclude_characters="\0\n\r", exclude_categories=["Cs"]), max_size=20))
def test_quotes_and_backslashes_in_a_field_come_back(part: str) -> None:
    assert read_point(line(with_(part_id=part))).fields["part_id"] == part


def test_verdicts_of_one_millisecond_are_different_points() -> None:
    times = {timestamp_ns(with_(seq=seq)) for seq in range(1, 1_000)}
    assert len(times) == 999
    assert {time // 1_000_000 for time in times} == {1_751_339_045_678}


def test_the_time_is_exact_far_from_now() -> None:
    later = with_(captured_at=FULL.captured_at + timedelta(days=36_500))
    assert timestamp_ns(later) - timestamp_ns(VERDICT) == 36_500 * 86_400 * 1_000_000_000


def one_line(text: str) -> str:
    return text.replace("\n", "\\n").replace("\r", "\\r")
