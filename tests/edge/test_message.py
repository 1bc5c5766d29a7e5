from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.errors import MessageError
from edge.message import MAX_MESSAGE_BYTES, SCHEMA, decode, encode, schema
from edge.records import Decision, Description, Inspection, Reason, Scores, Struck, Tag, Verdict, Words
from tests.support.inspections import FULL, LOST
from tests.support.repository import GOLDEN, WIRE

WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
PROBABILITIES = st.floats(0, 1)
TAGS = st.lists(st.builds(Tag, WORDS, NUMBERS), max_size=3).map(tuple)
MOMENTS = st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1), timezones=st.just(timezone.utc))  # noqa: DTZ001  # Hypothesis wants them bare

STRUCK = st.builds(Struck, st.sampled_from(["tag", "attribute", "caption"]), WORDS)
DESCRIPTIONS = st.builds(
    Description,
    st.builds(Words, TAGS, TAGS, st.lists(WORDS).map(tuple)),
    struck=st.lists(STRUCK, max_size=2).map(tuple),
    printed_text=st.booleans(),
)


def scores_of(rows: list[tuple[str, float, float]]) -> Scores:
    labels, log_likelihoods, probabilities = zip(*rows, strict=True)
    return Scores(labels, log_likelihoods, probabilities, method="rank", prompt_tokens=3)


INSPECTIONS = st.builds(
    Inspection,
    id=WORDS.filter(bool),
    station=WORDS.filter(bool),
    source=WORDS,
    part_id=st.none() | WORDS,
    captured_at=MOMENTS.map(lambda moment: moment.replace(microsecond=moment.microsecond // 1000 * 1000)),
    verdict=st.builds(
        Verdict,
        st.sampled_from(Decision),
        st.none() | WORDS,
        st.none() | PROBABILITIES,
        st.lists(st.sampled_from(Reason), max_size=3).map(tuple),
    ),
    description=st.none() | DESCRIPTIONS,
    scores=st.none()
    | st.lists(st.tuples(WORDS, NUMBERS, PROBABILITIES), min_size=1, max_size=3, unique_by=lambda row: row[0]).map(scores_of),
    timings_ms=st.dictionaries(WORDS, NUMBERS, max_size=3).map(lambda timings: tuple(timings.items())),
    bundle=WORDS,
    models_digest=WORDS,
    station_digest=WORDS,
    settings_digest=WORDS,
    evidence_sha256=st.none() | WORDS,
    detail=st.none() | WORDS,
    epoch=WORDS,
    seq=st.integers(0, 2**53),
    replayed=st.booleans(),
)


@given(INSPECTIONS)
def test_what_was_encoded_is_decoded_to_the_same(inspection: Inspection) -> None:
    line = encode(inspection)

    assert decode(line) == inspection
    assert encode(decode(line)) == line
    assert b"\n" not in line


def test_the_line_is_the_golden_one() -> None:
    """A change here breaks every consumer: it needs a new schema name, unless a field is only added.

    After an intended change: python -m tests.support.golden.
    """
    lines = (GOLDEN / "inspection.json").read_bytes().splitlines()

    assert [encode(FULL), encode(LOST)] == lines
    assert [decode(line) for line in lines] == [FULL, LOST]


def test_the_schema_is_the_golden_one() -> None:
    assert schema() == json.loads((WIRE / "message.json").read_text())


def test_every_field_of_the_line_is_in_the_schema() -> None:
    line = json.loads(encode(FULL))
    assert list(line) == list(schema()["properties"])
    assert line["schema"] == SCHEMA


def test_wall_time_is_utc_whatever_the_zone_it_came_in() -> None:
    tokyo = FULL.captured_at.astimezone(timezone(timedelta(hours=9)))
    assert encode(replace(FULL, captured_at=tokyo)) == encode(FULL)


def test_a_file_name_that_is_no_text_is_still_said() -> None:
    name = b"cell\xff.png".decode(errors="surrogateescape")
    line = encode(replace(FULL, source=name, detail=f"cannot read {name}"))
    assert decode(line).source == "cell\\udcff.png"


def with_score(value: float) -> Inspection:
    return replace(FULL, scores=Scores(("a", "b"), (value, -1.0), (0.5, 0.5), method="rank", prompt_tokens=1))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize(
    "broken",
    [
        with_score,
        lambda value: replace(FULL, verdict=replace(FULL.verdict, confidence=value)),
        lambda value: replace(FULL, description=Description(Words((Tag("crack", value),), (), ()))),
        lambda value: replace(FULL, timings_ms=(("judge", value),)),
    ],
    ids=["log-likelihood", "confidence", "tag", "timing"],
)
def test_a_number_that_is_not_finite_is_refused(broken: Callable[[float], Inspection], value: float) -> None:
    with pytest.raises(MessageError, match=f"encoding inspection {FULL.id}.*finite"):
        encode(broken(value))


@pytest.mark.parametrize("broken", [replace(FULL, id=""), replace(FULL, seq=-1), replace(FULL, verdict=Verdict(Decision.OK, "good", 1.01))])
def test_a_value_out_of_its_range_is_refused(broken: Inspection) -> None:
    with pytest.raises(MessageError, match="encoding inspection"):
        encode(broken)


def changed(**fields: object) -> bytes:
    return json.dumps({**json.loads(encode(FULL)), **fields}).encode()


def without(field: str) -> bytes:
    return json.dumps({name: value for name, value in json.loads(encode(FULL)).items() if name != field}).encode()


HOSTILE = {
    "nothing": b"",
    "no JSON": b"hello",
    "half a line": encode(FULL)[:-20],
    "two lines": encode(FULL) + b"\n" + encode(FULL),
    "no text": b"\xff\xfe" + encode(FULL),
    "a list": b"[]",
    "a number": b"1e999",
    "deep nesting": b"[" * 100_000,
    "too long": b" " * (MAX_MESSAGE_BYTES + 1),
    "another schema": changed(schema="kotoba.inspection/2"),
    "a field too much": changed(order="rm -rf /"),
    "a field too much further in": changed(evidence={"sha256": None, "url": None, "path": "/etc/passwd"}),
    "no such decision": changed(decision="ok"),
    "no such reason": changed(reasons=["because"]),
    "naive time": changed(captured_at="2025-07-01T03:04:05.678"),
    "a confidence above one": changed(confidence=1.5),
    "a confidence that is no number": encode(FULL).replace(b"0.9375", b"NaN"),
    "an infinite timing": changed(timings_ms={"judge": 1}).replace(b'"judge": 1}', b'"judge": 1e999}'),
    "a negative seq": changed(seq=-1),
    "a seq that is no whole number": changed(seq=1.5),
    "an empty id": changed(id=""),
    "a missing field": without("captured_at"),
    "probabilities without a judge": changed(judge=None),
    "a judge without probabilities": changed(probabilities=None),
    "probabilities of other labels": changed(probabilities={"good": 0.9375, "crack": 0.0625}),
}


@pytest.mark.parametrize("line", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_line_is_refused_in_one_short_sentence(line: bytes) -> None:
    with pytest.raises(MessageError, match="decoding an inspection") as refusal:
        decode(line)
    assert len(str(refusal.value)) < 1000


@given(st.binary(max_size=200))
def test_no_bytes_at_all_raise_anything_else(line: bytes) -> None:
    with pytest.raises(MessageError):
        decode(line)


@given(st.data())
def test_a_line_with_flipped_bytes_is_refused_or_still_an_inspection(data: st.DataObject) -> None:
    line = bytearray(encode(FULL))
    for place in data.draw(st.lists(st.integers(0, len(line) - 1), min_size=1, max_size=4)):
        line[place] ^= data.draw(st.integers(1, 255))
    try:
        inspection = decode(bytes(line))
    except MessageError:
        return
    assert decode(encode(inspection)) == inspection
