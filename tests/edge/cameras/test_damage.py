"""When the pictures of a stream are damaged, from what the decoder prints and which pictures are key frames."""

from __future__ import annotations

import pytest

from edge.cameras.damage import BEGIN_S, DOUBT_S, HOLD_S, MAX_COMPLAINT, Damage, complaint_in

ERROR = "[OPENCV:FFMPEG:16] error while decoding MB 17 2\n"
MISSED = "[OPENCV:FFMPEG:24] RTP: missed 3 packets\n"
CONCEALED = "[OPENCV:FFMPEG:32] concealing 160 DC, 160 AC, 160 MV errors in P frame\n"


@pytest.mark.parametrize(
    ("said", "complaint"),
    [
        ("", None),
        (ERROR, "error while decoding MB 17 2"),
        (CONCEALED, "concealing 160 DC, 160 AC, 160 MV errors in P frame"),
        (MISSED, "RTP: missed 3 packets"),
        ("[OPENCV:FFMPEG:48] Frame num gap 5 3\n", "Frame num gap 5 3"),
        ("[OPENCV:FFMPEG:48] missing nothing, dropping nothing\n", None),
        ("[OPENCV:FFMPEG:24] deprecated pixel format used, make sure you did set range correctly\n", None),
        ("[OPENCV:FFMPEG:16] unable to decode APP fields: Invalid data found\n", None),
        ("[OPENCV:FFMPEG:32] Reinit context to 320x240\n" + ERROR, "error while decoding MB 17 2"),
        ("[ WARN:0@1.2] global cap_ffmpeg.cpp:1 an error of ours\n", None),
        ("[OPENCV:FFMPEG:16] " + "x" * 1_000 + "\n", "x" * MAX_COMPLAINT),
        ("[OPENCV:FFMPEG:16] method DESCRIBE of rtsp://me:my/secret@cam/1 failed\n", "method DESCRIBE of rtsp://***@cam/1 failed"),
        ("[OPENCV:FFMPEG:16] rtsp://me:" + "secret" * 100 + "@cam/1\n", "rtsp://***@cam/1"),
    ],
)
def test_a_complaint_is_an_error_or_a_loss_and_no_header_without_a_picture(said: str, complaint: str | None) -> None:
    assert complaint_in(said) == complaint


def test_what_the_station_knows_to_be_harmless_is_no_complaint() -> None:
    assert complaint_in(ERROR, harmless=["decoding MB"]) is None
    assert complaint_in(ERROR + CONCEALED, harmless=["decoding MB"]) is not None


def test_pictures_are_damaged_from_the_complaint_until_the_next_clean_key_frame() -> None:
    damage = Damage(opened_s=0.0)
    stream = [
        ("", True, "I"),
        ("", False, "P"),
        (MISSED, False, "P"),
        (ERROR, False, "P"),
        ("", False, "P"),
        ("", True, "I"),
        ("", False, "P"),
    ]

    lost = [damage.see(said, key_packet=key, kind=kind, at_s=1.0) is not None for said, key, kind in stream]

    assert lost == [False, False, True, True, True, False, False]


def test_a_damaged_key_frame_mends_nothing() -> None:
    damage = Damage(opened_s=0.0)
    stream = [(ERROR, False, "P"), (ERROR, True, "I"), ("", False, "P"), ("", True, "I")]

    assert [damage.see(said, key_packet=key, kind=kind, at_s=1.0) is not None for said, key, kind in stream] == [True, True, True, False]


def test_an_intra_picture_that_is_no_key_frame_mends_nothing() -> None:
    damage = Damage(opened_s=0.0)
    damage.see(ERROR, key_packet=False, kind="P", at_s=1.0)

    assert damage.see("", key_packet=False, kind="I", at_s=1.0) is not None


def test_with_reordering_a_key_frame_counts_when_its_picture_comes_and_nothing_after_its_packet_was_damaged() -> None:
    clean = [("", True, "B"), ("", False, "P"), ("", False, "I")]
    spoilt = [("", True, "B"), (ERROR, False, "P"), ("", False, "I")]

    for stream, lost in ((clean, [True, True, False]), (spoilt, [True, True, True])):
        damage = Damage(opened_s=0.0)
        damage.see(ERROR, key_packet=False, kind="P", at_s=1.0)
        assert [damage.see(said, key_packet=key, kind=kind, at_s=1.0) is not None for said, key, kind in stream] == lost


def test_the_first_complaint_is_the_one_that_is_told() -> None:
    damage = Damage(opened_s=0.0)
    damage.see("", key_packet=True, kind="I", at_s=0.5)

    assert damage.see(ERROR, key_packet=False, kind="P", at_s=1.0) == damage.see(CONCEALED, key_packet=False, kind="P", at_s=1.0)


@pytest.mark.parametrize(("at_s", "has_begun"), [(1.0, False), (BEGIN_S + 1.0, True)])
def test_before_the_first_sound_picture_complaints_mean_nothing_for_a_while(at_s: float, has_begun: bool) -> None:  # noqa: FBT001
    damage = Damage(opened_s=0.0)

    assert damage.see(ERROR, key_packet=False, kind="P", at_s=at_s) is not None
    assert damage.has_begun is has_begun


def test_of_a_stream_that_never_begins_the_newest_complaint_is_told() -> None:
    damage = Damage(opened_s=0.0)
    damage.join("[OPENCV:FFMPEG:16] Received packet without a start chunk; dropping frame.\n")

    told = [damage.see(ERROR, key_packet=True, kind="", at_s=at_s) for at_s in (0.1, BEGIN_S + 0.1)]
    after = damage.see(MISSED, key_packet=True, kind="", at_s=BEGIN_S + 0.2)

    assert told == ["error while decoding MB 17 2"] * 2
    assert (damage.has_begun, after) == (True, "error while decoding MB 17 2")


def test_a_stream_begins_with_its_first_picture_that_nobody_complains_about() -> None:
    damage = Damage(opened_s=0.0)
    damage.see("", key_packet=False, kind="", at_s=0.1)
    assert not damage.has_begun

    damage.see("", key_packet=False, kind="P", at_s=0.2)
    assert damage.has_begun


def test_a_stream_that_was_opened_with_complaints_begins_with_a_key_frame_that_was_not_read_ahead() -> None:
    damage = Damage(opened_s=0.0)
    damage.join(ERROR)

    assert damage.see("", key_packet=True, kind="I", at_s=0.1) is not None
    assert damage.see("", key_packet=False, kind="P", at_s=HOLD_S + 0.1) is not None
    assert damage.see("", key_packet=True, kind="I", at_s=HOLD_S + 0.2) is None


AFTER_S = DOUBT_S / 2


def lost_after(damage: Damage, said: str, seconds: float) -> bool:
    """Whether a key frame is lost that comes so many seconds after a sound picture and a picture of which the decoder said this."""
    damage.see("", key_packet=True, kind="I", at_s=1.0)
    damage.see(said, key_packet=False, kind="P", at_s=1.0)
    return damage.see("", key_packet=True, kind="I", at_s=1.0 + seconds) is not None


@pytest.mark.parametrize(("said", "is_doubted"), [(MISSED, False), (ERROR + MISSED, False), (ERROR, True), (CONCEALED, True)])
def test_a_stream_in_which_no_packet_is_missing_and_the_decoder_complains_is_doubted(said: str, is_doubted: bool) -> None:  # noqa: FBT001
    damage = Damage(opened_s=0.0)

    damage.see("", key_packet=True, kind="I", at_s=1.0)
    damage.see(said, key_packet=False, kind="P", at_s=1.0)
    damage.see("", key_packet=False, kind="P", at_s=1.0)

    assert (damage.see("", key_packet=True, kind="I", at_s=1.0 + AFTER_S) is not None) is is_doubted
    assert damage.is_doubted is is_doubted


def test_a_doubted_stream_is_believed_with_the_first_key_frame_after_some_time_without_complaint() -> None:
    damage = Damage(opened_s=0.0)

    assert lost_after(damage, ERROR, AFTER_S)
    assert lost_after(damage, ERROR, AFTER_S)
    assert not lost_after(damage, ERROR, DOUBT_S)
    assert not damage.is_doubted


def test_what_is_complained_about_after_a_loss_comes_from_the_loss() -> None:
    damage = Damage(opened_s=0.0)
    damage.see("", key_packet=True, kind="I", at_s=1.0)
    damage.see(MISSED, key_packet=False, kind="P", at_s=1.0)
    damage.see(ERROR, key_packet=False, kind="P", at_s=1.1)

    assert damage.see("", key_packet=True, kind="I", at_s=1.2) is None
    assert lost_after(damage, ERROR, AFTER_S)


def test_complaints_before_the_first_sound_picture_raise_no_doubt() -> None:
    damage = Damage(opened_s=0.0)
    damage.see(ERROR, key_packet=False, kind="P", at_s=BEGIN_S + 1.0)

    assert not damage.is_doubted
    assert damage.see("", key_packet=True, kind="I", at_s=BEGIN_S + 1.1) is None


def test_the_damage_of_a_file_stays_where_it_is() -> None:
    assert not lost_after(Damage(opened_s=0.0, doubt_s=0.0), ERROR, 0.1)


def test_a_key_frame_right_after_a_loss_may_be_the_picture_that_misses_a_part() -> None:
    damage = Damage(opened_s=0.0)
    damage.see("", key_packet=True, kind="I", at_s=1.0)

    assert lost_after(damage, MISSED, 0.1)
    assert damage.see("", key_packet=False, kind="P", at_s=1.2) is not None
    assert damage.see("", key_packet=True, kind="I", at_s=1.3) is None
