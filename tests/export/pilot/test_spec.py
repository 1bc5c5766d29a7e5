"""A specification of a pilot says what is wrong in one sentence; a new one explains every key and can be read."""

from __future__ import annotations

from pathlib import Path

import pytest

from export.errors import SpecError
from export.pilot.new_spec import pilot_text
from export.pilot.spec import read_pilot_spec
from tests.support.tiny_bundle import is_one_sentence

SPEC = """
[pilot]
name = "line 3"
product = { en = "castings", ja = "鋳物" }
[data]
pictures = "pictures"
[bundle]
bundle = "bundle"
keys = "keys"
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "pilot.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_paths_are_relative_to_the_file_and_everything_else_has_a_default(tmp_path: Path) -> None:
    spec = read_pilot_spec(write(tmp_path, SPEC))

    assert (spec.data.pictures, spec.bundle.bundle) == (tmp_path / "pictures", tmp_path / "bundle")
    assert (spec.limits.escape, spec.decisions.rule, spec.cost) == (0.02, "as_it_comes", None)
    assert [(one.kind, one.level) for one in spec.protocols.changes][:2] == [("exposure", 0.7), ("exposure", 1.4)]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('pictures = "pictures"', "", "name either pictures or texts"),
        ('pictures = "pictures"', 'pictures = "pictures"\ntexts = "texts"', "name either pictures or texts"),
        ('ja = "鋳物"', 'ja = "鋳物", fr = "fonte"', "en"),
        (', ja = "鋳物"', "", "product has no text in 'ja'"),
        ('pictures = "pictures"', 'pictures = "pictures"\ngood_labels = ["a"]\nbad_labels = ["a"]', "the label 'a' is both good and bad"),
        ('pictures = "pictures"', 'pictures = "pictures"\ngroups = { a = ["x"], b = ["x"] }', "the domain 'x' is in two groups"),
        ("[bundle]", "[protocols]\nshots = [1, 1]\n[bundle]", "shots names a value twice"),
        ("[bundle]", "[protocols]\nshot = [1]\n[bundle]", "the nearest is shots"),
        ("[bundle]", "[protocols]\ntuned_shots = [3]\n[bundle]", "tuned_shots names 3, which is none of shots"),
        ("[bundle]", '[decisions]\nrule = "calibrated"\n[bundle]', "data.seen names no domain"),
        ("[bundle]", "[limits]\nescape = 2\n[bundle]", "limits.escape"),
    ],
)
def test_a_wrong_value_is_one_sentence(tmp_path: Path, old: str, new: str, said: str) -> None:
    with pytest.raises(SpecError, match=r"pilot\.toml") as raised:
        read_pilot_spec(write(tmp_path, SPEC.replace(old, new)))

    assert said in str(raised.value)
    assert is_one_sentence(str(raised.value))


def test_a_missing_file_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="cannot be read") as raised:
        read_pilot_spec(tmp_path / "no.toml")

    assert is_one_sentence(str(raised.value))


def test_a_new_specification_explains_every_key_and_can_be_read(tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()

    text = pilot_text("line 3", tmp_path / "pictures", bundle=tmp_path / "b", keys=tmp_path / "k", near=tmp_path)

    spec = read_pilot_spec(write(tmp_path, text))
    assert spec.data.pictures == tmp_path / "pictures"
    for key in ("good_labels", "calibrate_escape", "tune_examples", "condition_pictures", "attack_pictures"):
        assert f"# {key} = " in text


def test_every_default_that_a_new_specification_shows_can_be_set(tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    text = pilot_text("line 3", tmp_path / "pictures", bundle=tmp_path / "b", keys=tmp_path / "k", near=tmp_path)
    unset = ("# texts =", "# spec =", "# [cost]", "# about =")

    lines = [
        line.removeprefix("# ") if line.startswith("# ") and " = " in line and not line.startswith(unset) else line
        for line in text.splitlines()
    ]

    set_ = read_pilot_spec(write(tmp_path, "\n".join(lines)))
    plain = read_pilot_spec(write(tmp_path, text))
    assert set_.model_copy(update={"bundle": plain.bundle}) == plain


def test_pictures_that_are_not_there_are_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="does not exist"):
        pilot_text("line 3", tmp_path / "no", bundle=tmp_path, keys=tmp_path, near=tmp_path)
