"""Each situation that docs/operations.md describes for a watched folder is a case here."""

from __future__ import annotations

import re

import pytest

from tests.support.repository import ROOT

CASES = ROOT / "tests/cases"

SITUATIONS = {
    "a file is written or renamed into the folder on this box": "test_a_slow_copy_is_one_verdict_of_the_whole_picture",
    "a file comes over a network share that the box has mounted, or lay there before the start": (
        "test_a_slow_copy_of_which_nothing_is_reported_is_one_verdict"
    ),
    "a copy pauses longer than `stand_still_ms` and nothing is reported of it": (
        "test_a_pause_that_is_longer_than_the_station_says_is_a_fault_and_then_the_whole_picture"
    ),
    "a copy on this box is never finished": "test_a_copy_that_is_never_finished_is_one_fault_and_is_judged_if_it_is_closed_after_all",
    "a file is removed before it was read": ("test_a_file_that_is_removed_before_its_turn_is_a_fault_and_one_that_is_renamed_is_a_picture"),
    "a file with the same name gets other content": "test_a_file_with_new_content_counts_again",
    "a file is touched, copied over itself or given other rights": "test_a_file_with_the_same_content_is_the_same_picture",
    "a file is gone and the same bytes are written again": "test_a_file_that_is_gone_and_written_again_is_a_new_picture",
    "the box starts again": "test_after_a_restart_nothing_is_judged_twice_and_nothing_is_skipped",
    "a file is no picture by its name (`.txt`, `Thumbs.db`, `.part`)": (
        "test_what_is_no_picture_by_its_name_is_left_alone_counted_and_logged_once_for_each_kind"
    ),
    "a file has a picture's name and is none": "test_a_file_with_the_name_of_a_picture_that_is_none_is_a_fault",
    "a link leads out of the folder, or to another folder": "test_links_that_lead_out_of_the_folder_are_left_alone_and_logged",
    "the folder is gone or unmounted": "test_a_folder_that_goes_and_comes_back_is_one_fault_and_nothing_is_judged_again",
    "a judged file cannot be moved or deleted": "test_a_file_that_cannot_be_moved_stays_keeps_its_verdict_and_is_moved_later",
    "more files than Linux reports at once, or more folders than it watches": (
        "test_when_reports_are_lost_every_file_is_still_one_verdict"
    ),
}


def rows() -> list[str]:
    text = (ROOT / "docs/operations.md").read_text(encoding="utf-8").split("\n## Pictures in a folder\n")[1].split("\n## ")[0]
    return [line.strip("| ").split(" | ")[0] for line in text.splitlines() if line.startswith("|")][2:]


def test_every_situation_of_the_document_has_its_case() -> None:
    assert rows() == list(SITUATIONS)


@pytest.mark.parametrize("name", SITUATIONS.values())
def test_the_case_of_a_situation_is_there(name: str) -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in CASES.glob("test_folder_*.py"))
    defined = re.findall(r"^def (test_\w+)", text, re.MULTILINE)

    assert name in defined
