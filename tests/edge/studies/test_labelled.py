from __future__ import annotations

from pathlib import Path

import pytest

from edge.errors import LabelsError
from edge.studies.labelled import match, read_labels, read_lines
from tests.support.calibrations import lines
from tests.support.sample_records import MODELS, station


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "is empty, expected the columns source,label"),
        (b"picture,label\n", "begins with 'picture,label', expected the columns source,label"),
        (b"source,label\na.png\n", "line 2: 1 columns"),
        (b"source,label\na.png,ok\na.png,ng\n", "line 3: 'a.png' is there twice"),
        (b"source,label\n\xff,ok\n", "is not a CSV file in UTF-8"),
        (b'source,label\n"a.png,ok\n', "is not a CSV file in UTF-8"),
    ],
)
def test_a_wrong_table_of_labels_is_refused(tmp_path: Path, content: bytes, complaint: str) -> None:
    (tmp_path / "labels.csv").write_bytes(content)
    with pytest.raises(LabelsError, match=complaint):
        read_labels(tmp_path / "labels.csv")


def test_a_table_that_a_spreadsheet_wrote_is_read(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_bytes(b'\xef\xbb\xbfsource,label\r\n"a,b.png",ok\r\n')
    assert read_labels(tmp_path / "labels.csv") == {"a,b.png": "ok"}


def test_files_that_cannot_be_read_are_refused(tmp_path: Path) -> None:
    with pytest.raises(LabelsError, match="cannot be read"):
        read_labels(tmp_path / "labels.csv")
    with pytest.raises(LabelsError, match="cannot be read"):
        read_lines(tmp_path / "lines.jsonl")
    (tmp_path / "lines.jsonl").write_text("no line\n")
    with pytest.raises(LabelsError, match="decoding an inspection"):
        read_lines(tmp_path / "lines.jsonl")


def test_a_decision_allows_all_its_labels_and_a_label_only_itself() -> None:
    inspected, _ = lines(4)
    labels = dict(zip((line.source for line in inspected), ("ok", "ng", "review", "crack"), strict=True))
    labelled = match(inspected, labels, station(), MODELS)
    assert [picture.allowed for picture in labelled.pictures] == [{"good"}, {"crack"}, {"unclear"}, {"crack"}]
