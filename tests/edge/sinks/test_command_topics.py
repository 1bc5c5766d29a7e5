from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import pytest
from paho.mqtt.properties import Properties

from edge.message import encode
from edge.records import Taken, TriggerRequest
from edge.sinks.mqtt.command_topics import CommandTopics
from edge.sinks.mqtt.connection import Received
from edge.sinks.mqtt.responses import MAX_EXPECTED, MAX_WAITING, WINDOW, Responses
from edge.sinks.route import Commands
from tests.support.inspections import FULL

TRIGGER, SWITCH = "plant/s1/trigger", "plant/s1/enabled/set"


class Link:
    """A connection that keeps what it is told; `closed` takes nothing, `acknowledges` says whether the broker does."""

    def __init__(self, *, closed: bool = False, acknowledges: bool = True, max_packet_bytes: int | None = None) -> None:
        self.told: list[tuple[str, bytes, bytes | None]] = []
        self.closed, self.acknowledges = closed, acknowledges
        self.max_packet_bytes = max_packet_bytes

    def tell(self, topic: str, payload: bytes, *, properties: Properties) -> Callable[[], bool] | None:
        if self.closed:
            return None
        self.told.append((topic, payload, getattr(properties, "CorrelationData", None)))
        return lambda: self.acknowledges


class Box:
    """Takes commands as it is told to."""

    def __init__(self) -> None:
        self.asked: list[TriggerRequest] = []
        self.switched: list[tuple[str, bool]] = []
        self.becomes: Taken = "taken"
        self.responses = Responses()
        self.listen(as_published=True)

    def listen(self, *, as_published: bool) -> None:
        self.topics = CommandTopics(
            root="plant", stations=("s1", "s2"), triggered=("s1",), responses=self.responses, as_published=as_published
        )
        self.topics.obey(Commands(self._ask, lambda station, on: self.switched.append((station, on))))

    def _ask(self, request: TriggerRequest) -> Taken:
        self.asked.append(request)
        return self.becomes

    def answers(self) -> list[tuple[str, bytes, bytes | None]]:
        link = Link()
        self.responses.send(link)
        return link.told


@pytest.fixture
def box() -> Box:
    return Box()


def received(payload: bytes, *, topic: str = TRIGGER, retained: bool = False, response_topic: str | None = "plc", at: int = 7) -> Received:
    return Received(topic, payload, retained, response_topic, b"c1", at)


def inspected(request_id: str) -> bytes:
    return encode(replace(FULL, station="s1", request_id=request_id))


def test_it_listens_for_triggers_of_the_stations_that_take_them_and_for_the_switch_of_each(box: Box) -> None:
    assert set(box.topics.topics) == {TRIGGER, SWITCH, "plant/s2/enabled/set"}
    assert set(box.topics.switches) == {SWITCH, "plant/s2/enabled/set"}


def test_a_trigger_is_asked_with_the_moment_of_its_arrival_and_answered_where_it_said(box: Box) -> None:
    box.topics.take(received(b'{"request_id": "r1", "part_id": "p1"}'))
    box.responses.answer(replace(FULL, station="s1", request_id="r1"))
    assert box.asked == [TriggerRequest("s1", "r1", "p1", 7)]
    assert box.answers() == [("plc", inspected("r1"), b"c1")]
    assert box.answers() == []


def test_a_trigger_without_a_response_topic_is_answered_on_the_verdict_topic_alone(box: Box) -> None:
    box.topics.take(received(b'{"request_id": "r1"}', response_topic=None))
    box.responses.answer(replace(FULL, station="s1", request_id="r1"))
    assert (len(box.asked), box.answers()) == (1, [])


@pytest.mark.parametrize("topic", ["", "plc/#", "plc/+/x", "x" * 2_000])
def test_a_response_topic_that_cannot_be_published_on_is_none(box: Box, topic: str) -> None:
    box.topics.take(received(b'{"request_id": "r1"}', response_topic=topic))
    box.topics.take(received(b"no", response_topic=topic))
    box.responses.answer(replace(FULL, station="s1", request_id="r1"))
    assert (len(box.asked), box.answers()) == (1, [])


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"1",
        b"{}",
        b"\xff",
        b'{"request_id": 1}',
        b'{"request_id": ""}',
        b'{"request_id": "' + b"x" * 129 + b'"}',
        b"[" * 4_000,
        b'{"request_id": "r", "part": "p"}',
        b'{"request_id": "r", "part_id": ""}',
        b'{"request_id": "\\ud800"}',
        b'{"request_id": "r\\u0000"}',
        b'{"request_id": "r", "part_id": "A\\u0000B"}',
        b'{"request_id": "r", "part_id": "A\\nB"}',
        b'{"request_id": "r", "part_id": "A\\u0085B"}',
        b'{"request_id": "r", "part_id": "A\\udfffB"}',
        b"x" * 5_000,
    ],
)
def test_what_is_no_trigger_is_answered_with_an_error(box: Box, payload: bytes) -> None:
    box.topics.take(received(payload))
    ((topic, said, correlation),) = box.answers()
    assert (topic, correlation, box.asked) == ("plc", b"c1", [])
    assert list(json.loads(said)) == ["error"]


def test_a_retained_trigger_never_fires(box: Box) -> None:
    box.topics.take(received(b'{"request_id": "r1"}', retained=True))
    assert box.asked == []
    assert b"publish triggers without retain" in box.answers()[0][1]


@pytest.mark.parametrize(("becomes", "error"), [("full", b"trigger more slowly"), ("untriggered", b'has no [trigger] kind = \\"mqtt\\"')])
def test_a_trigger_that_is_not_taken_is_answered_with_an_error(box: Box, becomes: Taken, error: bytes) -> None:
    box.becomes = becomes
    box.topics.take(received(b'{"request_id": "r1"}'))
    assert error in box.answers()[0][1]
    box.responses.answer(replace(FULL, station="s1", request_id="r1"))
    assert box.answers()[1:] == []


def test_a_repeated_trigger_changes_nothing_about_the_answer(box: Box) -> None:
    box.topics.take(received(b'{"request_id": "r1"}'))
    box.becomes = "repeated"
    box.topics.take(replace(received(b'{"request_id": "r1"}', response_topic="elsewhere"), correlation=b"c2"))
    box.responses.answer(replace(FULL, station="s1", request_id="r1"))
    box.topics.take(received(b'{"request_id": "r1"}'))
    box.responses.answer(replace(FULL, station="s1", request_id="r1"))
    assert box.answers() == [("plc", inspected("r1"), b"c1")]


@pytest.mark.parametrize(
    ("payload", "switched"),
    [
        (b"true", [True]),
        (b"false", [False]),
        (b' {"enabled": false}', [False]),
        (b"", []),
        (b"1", []),
        (b'"false"', []),
        (b"off", []),
        (b'{"enabled": 0}', []),
        (b'{"enabled": true, "for": 5}', []),
        (b"null", []),
    ],
)
def test_a_station_is_switched_by_true_and_false_alone(box: Box, payload: bytes, switched: list[bool]) -> None:
    box.topics.take(received(payload, topic=SWITCH))
    assert box.switched == [("s1", on) for on in switched]
    assert len(box.answers()) == (0 if switched or not payload else 1)


ANEW = (b"", None)
R, PLAIN = True, False


@pytest.mark.parametrize(
    ("said", "switched"),
    [
        pytest.param(
            [ANEW, (b"false", R), (b"true", PLAIN), ANEW, (b"false", R)], [False, True], id="kept from before, then said otherwise"
        ),
        pytest.param([ANEW, (b"false", R), ANEW, (b"true", R), ANEW, (b"false", R)], [False, True, False], id="changed while away"),
        pytest.param(
            [ANEW, (b"false", R), (b"true", R), ANEW, (b"false", R)], [False, True, False], id="heard, then changed back while away"
        ),
        pytest.param([ANEW, (b"false", R), (b"true", PLAIN), (b"false", R)], [False, True, False], id="the same again while it listens"),
        pytest.param(
            [ANEW, (b"false", R), ANEW, (b"false", R), (b"true", PLAIN), (b"false", R)], [False, True, False], id="the same again later"
        ),
        pytest.param([ANEW, (b"false", R), (b"", R), (b"true", PLAIN), ANEW, (b"false", R)], [False, True, False], id="taken away between"),
    ],
)
def test_a_retained_switch_is_obeyed_unless_it_is_the_one_of_before(
    box: Box, said: list[tuple[bytes, bool | None]], switched: list[bool]
) -> None:
    tell(box, said)
    assert [on for _, on in box.switched] == switched


def test_without_word_of_what_is_kept_who_publishes_always_retained_is_obeyed(box: Box) -> None:
    box.listen(as_published=False)
    tell(box, [ANEW, (b"false", R), (b"true", PLAIN), ANEW, (b"true", R), ANEW, (b"false", R)])
    assert [on for _, on in box.switched] == [False, True, False]


def tell(box: Box, said: list[tuple[bytes, bool | None]]) -> None:
    for payload, retained in said:
        if retained is None:
            box.topics.listen_anew()
        else:
            box.topics.take(received(payload, topic=SWITCH, retained=retained))


def test_an_answer_goes_again_over_the_next_connection_until_it_is_acknowledged() -> None:
    responses, dead, alive = Responses(), Link(acknowledges=False), Link()
    responses.expect("s1", "r1", "plc", b"c1")
    responses.answer(replace(FULL, station="s1", request_id="r1"))
    for link in (Link(closed=True), dead, dead, alive, Link()):
        responses.send(link)
    assert (len(dead.told), len(alive.told)) == (1, 1)


def test_an_answer_too_large_for_the_broker_goes_without_its_words() -> None:
    responses, link = Responses(), Link(max_packet_bytes=1_200)
    responses.expect("s1", "r1", "plc", None)
    responses.answer(replace(FULL, station="s1", request_id="r1"))
    responses.send(link)
    ((_, payload, correlation),) = link.told
    assert correlation is None
    assert json.loads(payload)["shortened"]
    assert len(payload) < 1_200 < len(inspected("r1"))


def test_of_too_many_expected_answers_the_oldest_is_forgotten() -> None:
    responses, link = Responses(), Link()
    for number in range(MAX_EXPECTED + 1):
        responses.expect("s1", f"r{number}", f"plc/{number}", None)
    for number in (0, 1):
        responses.answer(replace(FULL, station="s1", request_id=f"r{number}"))
    responses.send(link)
    assert [topic for topic, *_ in link.told] == ["plc/1"]


def test_answers_that_nobody_acknowledges_are_dropped_at_last_and_that_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    responses = Responses()
    for number in range(MAX_WAITING + 5):
        responses.refuse(f"plc/{number}", None, "no")
    link = Link()
    responses.send(link)
    assert [topic for topic, *_ in link.told] == [f"plc/{number}" for number in range(5, 5 + WINDOW)]
    assert [record.getMessage() for record in caplog.records] == ["responses dropped, the broker acknowledges too slowly first=plc/0"]


def test_what_is_new_is_sent_and_what_was_sent_is_not_sent_again() -> None:
    responses, link = Responses(), Link(acknowledges=False)
    for number in range(3):
        responses.refuse(f"plc/{number}", None, "no")
        responses.send(link)
    assert [topic for topic, *_ in link.told] == ["plc/0", "plc/1", "plc/2"]
