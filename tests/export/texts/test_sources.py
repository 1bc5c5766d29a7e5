"""Pictures are named by a folder tree, a CSV or a specification; what is wrong with them is one sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from export.texts.checks import require_sound
from export.texts.errors import TextsError
from export.texts.picture import Picture
from export.texts.sources import read_sources
from tests.support.described_texts import write_tree
from tests.support.tiny_bundle import is_one_sentence


def names(pictures: list[Picture]) -> list[tuple[str, str | None, str, str | None, str | None]]:
    return [(one.source, one.label, one.domain, one.split, one.block) for one in pictures]


def refused(given: Path) -> str:
    with pytest.raises(TextsError) as raised:
        require_sound(read_sources(given)[1], labels=("intact", "crack"))
    assert is_one_sentence(str(raised.value))
    return str(raised.value)


def test_a_tree_gives_domain_class_and_block_in_the_order_of_the_names(tmp_path: Path) -> None:
    tree = write_tree(tmp_path / "cells", count=1, domains=("line2", "line1"))
    (tree / "line1" / "crack" / "tray7").mkdir()
    (tree / "line1" / "crack" / "tray7" / "a.JPG").write_bytes(b"x")
    (tree / "line1" / "crack" / "notes.txt").write_text("no picture")
    (tree / "line1" / ".hidden.png").write_bytes(b"x")

    spec, pictures = read_sources(tree)

    assert spec.name == "cells"
    assert names(pictures) == [
        ("line1/crack/000.png", "crack", "line1", None, None),
        ("line1/crack/tray7/a.JPG", "crack", "line1", None, "line1/tray7"),
        ("line1/intact/000.png", "intact", "line1", None, None),
        ("line2/crack/000.png", "crack", "line2", None, None),
        ("line2/intact/000.png", "intact", "line2", None, None),
    ]
    assert all(one.path == tree / one.source for one in pictures)


def test_a_csv_gives_what_it_knows(tmp_path: Path) -> None:
    table = tmp_path / "parts.csv"
    table.write_text("﻿path,label,domain,split,block\na.png,crack,line1,train,tray 1\nb/c.png, ,,,\n", encoding="utf-8")

    spec, pictures = read_sources(table)

    assert spec.name == "parts"
    assert names(pictures) == [("a.png", "crack", "line1", "train", "tray 1"), ("b/c.png", None, "all", None, None)]
    assert [one.path for one in pictures] == [tmp_path / "a.png", tmp_path / "b/c.png"]


def test_a_specification_joins_sources_and_renames_labels(tmp_path: Path) -> None:
    write_tree(tmp_path / "old", count=1, domains=("line1",))
    (tmp_path / "new.csv").write_text("path,label\nx.png,riss\n")
    spec = tmp_path / "both.toml"
    spec.write_text(
        'name = "both"\nlabels = {riss = "crack"}\n[[pictures]]\nfolder = "old"\nsplit = "train"\n'
        '[[pictures]]\ncsv = "new.csv"\nroot = "shots"\ndomain = "line9"\nsplit = "test"\n'
    )

    _, pictures = read_sources(spec)

    assert names(pictures) == [
        ("old/line1/crack/000.png", "crack", "line1", "train", None),
        ("old/line1/intact/000.png", "intact", "line1", "train", None),
        ("shots/x.png", "crack", "line9", "test", None),
    ]
    assert pictures[2].path == tmp_path / "shots/x.png"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "the column 'path' is missing"),
        ("path\n", "names no picture"),
        ("path,colour\na.png,red\n", "the column 'colour' is unknown or double"),
        ("path,label\na.png\n", "line 2: 1 values, expected 2"),
        ("path\n/etc/a.png\n", "line 2: the path is '/etc/a.png'"),
        ("path\n../a.png\n", "line 2: the path is '../a.png'"),
        ("path,split\na.png,holdout\n", "line 2: the split is 'holdout': expected train, validation, test"),
        ("path\na.png\na.png\n", "'a.png' is named twice"),
        ('path\n"a.png\n', "it is no CSV"),
        ("path,label\na.png,scratch\n", "labelled 'scratch', which the station does not know (it knows intact, crack)"),
        ("path,split,block\na.png,train,t1\nb.png,test,t1\n", "the block 't1' is in the splits train (a.png) and test (b.png)"),
    ],
)
def test_a_mistake_in_a_csv_is_one_sentence(tmp_path: Path, text: str, told: str) -> None:
    table = tmp_path / "parts.csv"
    table.write_text(text)
    assert told in refused(table)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("name = 3", "name"),
        ('name = "a"\n[[pictures]]\n', "name either a folder, or a csv"),
        ('name = "a"\n[[pictures]]\nfolder = "none"\n', "it is no folder"),
        ('name = "a"\nlabels = {x = "y"}\n[[pictures]]\nfolder = "cells"\n', "renames 'x', which no picture has"),
        ("name = ", "is not TOML"),
    ],
)
def test_a_mistake_in_a_specification_is_one_sentence(tmp_path: Path, text: str, told: str) -> None:
    write_tree(tmp_path / "cells", count=1)
    spec = tmp_path / "texts.toml"
    spec.write_text(text)
    assert told in refused(spec)


def test_a_tree_of_another_depth_is_refused(tmp_path: Path) -> None:
    (tmp_path / "crack").mkdir()
    (tmp_path / "crack" / "a.png").write_bytes(b"x")
    assert "'crack/a.png' lies in 1 folders" in refused(tmp_path)
    assert "it holds none" in refused_empty(tmp_path / "empty")


def refused_empty(folder: Path) -> str:
    folder.mkdir()
    return refused(folder)


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        (("a.png,crack,train", "b.png,crack,test"), "a.png (split train) and b.png (split test) are the same picture"),
        (("a.png,crack,train", "b.png,intact,train"), "a.png (crack) and b.png (intact) are the same picture"),
    ],
)
def test_the_same_picture_in_two_splits_or_under_two_labels_is_refused(tmp_path: Path, lines: tuple[str, ...], told: str) -> None:
    for name, content in {"a.png": b"one", "b.png": b"one", "c.png": b"two"}.items():
        (tmp_path / name).write_bytes(content)
    table = tmp_path / "parts.csv"
    table.write_text("\n".join(("path,label,split", *lines, "c.png,crack,test")))
    assert told in refused(table)
