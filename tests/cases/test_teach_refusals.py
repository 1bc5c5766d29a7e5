"""What `kotoba-export teach` cannot teach from is refused in one sentence, before any long work."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from export.cli import main
from export.products.product import read_product
from export.products.wording import wording_of
from firmware_config.exit_codes import BAD_CONFIG, DONE
from tests.support.odd_checkpoints import edit_json, write_clip
from tests.support.repository import ROOT
from tests.support.teaching import LABELS, PRODUCT, SPEC, write_pictures, write_teaching
from tests.support.tiny_bundle import is_one_sentence


def _few(root: Path) -> None:
    for path in sorted((root / "good").iterdir())[3:]:
        path.unlink()


def _empty(root: Path) -> None:
    shutil.rmtree(root / "good")
    (root / "good/empty").mkdir(parents=True)
    (root / "good/notes.txt").write_text("none yet")


def _mixed(root: Path) -> None:
    write_pictures(root / "good/line-2", 20, side=96, seed=1)


def _torn(root: Path) -> None:
    path = root / "good/007.png"
    path.write_bytes(path.read_bytes()[:-200])


def _twice(root: Path) -> None:
    (root / "scratched").mkdir()
    shutil.copy(root / "good/004.png", root / "scratched/again.png")


def _printed(root: Path) -> None:
    for number, path in enumerate(sorted((root / "good").iterdir())):
        picture = np.full((240, 320), 90 + number, np.uint8)
        for line in range(3):
            cv2.putText(picture, f"LOT {number:03} 2026", (20, 80 + 60 * line), cv2.FONT_HERSHEY_SIMPLEX, 1.1, 230, 2)
        assert cv2.imwrite(str(path), picture)


def _clip(root: Path) -> None:
    write_clip(root / "clip")


def _clip_without_processor(root: Path) -> None:
    (write_clip(root / "clip") / "preprocessor_config.json").unlink()


def _language_model(root: Path) -> None:
    edit_json(write_clip(root / "clip") / "config.json", lambda values: values.update(model_type="llama"))


def _nothing(_: Path) -> None:
    """The specification alone is wrong."""


TRUNK = SPEC + '\n[eye]\ntrunk = "clip"\n'
LABELLED = SPEC.replace("[pictures]", '[pictures]\nlabelled = { scratch = ["scratched"] }')
RUST = LABELS + '\n[[labels]]\nname = "rust"\ndecision = "ng"\n'

CASES: dict[str, tuple[Callable[[Path], None], str, str, str]] = {
    "a folder with 3 pictures": (_few, SPEC, PRODUCT, "good holds 3, and a domain needs at least 20"),
    "a folder without a picture": (_empty, SPEC, PRODUCT, "good holds none, nor does a folder below it: put 20 to 2,000 pictures"),
    "a folder that is not there": (
        _nothing, SPEC.replace('["good"]', '["goods"]'), PRODUCT, "pictures.good names {root}/goods, which is no folder",
    ),
    "two sizes": (_mixed, SPEC, PRODUCT, "picture {root}/good/000.png is 64x64 pixels and {root}/good/line-2/000.png is 96x96"),
    "a size that the product does not scale": (
        _mixed, SPEC.replace("[pictures]", "[pictures]\nscale = true"), PRODUCT.replace("side_px", "scaled = false\nside_px"),
        "picture {root}/good/line-2/000.png is 96x96 pixels, and its eye sees 64x64 without scaling",
    ),
    "a damaged picture": (_torn, SPEC, PRODUCT, "{root}/good/007.png"),
    "parts with print that nobody mentioned": (
        _printed, SPEC, PRODUCT, "20 of 20 pictures of good parts, such as {root}/good/000.png, show what looks like print",
    ),
    "a picture that is good and labelled": (
        _twice, LABELLED, PRODUCT,
        "the same picture is in good ({root}/good) as {root}/good/004.png and in labelled 'scratch' as {root}/scratched/again.png",
    ),
    "a domain that is named twice": (_nothing, SPEC.replace('["good"]', '["good", "good"]'), PRODUCT, "names the folder {root}/good twice"),
    "labelled pictures that are not there": (_nothing, LABELLED, PRODUCT, "pictures.labelled 'scratch' names {root}/scratched"),
    "labelled pictures of no label": (
        _nothing, LABELLED.replace("scratch =", "scrach ="), PRODUCT, "there is no label 'scrach', the nearest is 'scratch'",
    ),
    "adapting to no pictures": (_nothing, SPEC + "\n[adapt]\nrounds = 2\n", PRODUCT, "[adapt] takes pictures.unlabelled, and there are"),
    "a label without words": (_nothing, SPEC + RUST, PRODUCT, "no defect of the product bolt leads to 'rust', so no word tells it"),
    "a label that is listed twice": (_nothing, SPEC + LABELS.replace('"stain"', '"good"'), PRODUCT, "labels: 'good' is listed twice"),
    "a defect without its label": (
        _nothing, SPEC + LABELS[: LABELS.rindex("[[labels]]")], PRODUCT, "the label of parts with the defect 'stain', is not among",
    ),
    "no label of good parts": (
        _nothing, SPEC + LABELS.replace('"good"', '"fine"'), PRODUCT, "'good', the product's label of good parts, is not among them",
    ),
    "good parts that are rejected": (
        _nothing, SPEC + LABELS.replace('"ok"', '"review"'), PRODUCT, "the product's label of good parts, has the decision \"review\"",
    ),
    "a hairline below a pixel": (
        _nothing, SPEC, PRODUCT.replace('"scratch"\n\n', '"scratch"\nwidth = [0.004, 0.01]\n\n'),
        "'scratch' cannot be painted: its width begins at 0.004, 0.3 of the eye's 64 pixels",
    ),
    "a defect below two pixels": (
        _nothing, SPEC, PRODUCT.replace('"blob"', '"blob"\nsize = [0.02, 0.3]'), "its size begins at 0.02, 1.3 of the eye's",
    ),
    "geometry without masks": (_nothing, SPEC, PRODUCT.replace('"blob"', '"shifted_component"'), "name a folder of masks"),
    "an unknown product": (_nothing, SPEC.replace('"bolt"', '"bolt-2"'), PRODUCT, "one of assembly, food, printed_label, "),
    "a misspelt key": (_nothing, SPEC.replace("[pictures]", "[picture]"), PRODUCT, "no such key, the nearest is pictures"),
    "no licence": (_nothing, SPEC[: SPEC.index("[[licences]]")], PRODUCT, "licences: Field required"),
    "a trunk that is not there": (_nothing, TRUNK, PRODUCT, "CLIP or BLIP checkpoint {root}/clip is no folder"),
    "a trunk without its preprocessing": (_clip_without_processor, TRUNK, PRODUCT, "{root}/clip/preprocessor_config.json cannot be read"),
    "a trunk that sees no pictures": (
        _language_model, TRUNK, PRODUCT, "checkpoint {root}/clip is of the type 'llama', expected clip or siglip or blip",
    ),
    "a size that does not fit the patches of the trunk": (
        _clip, TRUNK, PRODUCT.replace("side_px = 64", "side_px = 72"), "side_px of 72 is no multiple of that: give its product.toml",
    ),
    "no templates": (_nothing, SPEC.replace("[pictures]", 'templates = "good"\n[pictures]', 1), PRODUCT, "templates"),
    "a language model that is not there": (_nothing, SPEC + '[llm]\npath = "m.gguf"\n', PRODUCT, "the language model {root}/m.gguf"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_what_cannot_be_taught_is_refused_in_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str], case: str) -> None:
    arrange, spec, product, expected = CASES[case]
    path = write_teaching(tmp_path, spec=spec, product=product)
    arrange(tmp_path)

    code = main(["teach", str(path), "--cache", str(tmp_path / "cache")])

    said = capsys.readouterr()
    sentence = said.err.removeprefix("kotoba-export: ").rstrip("\n")
    assert code == BAD_CONFIG, said
    assert expected.format(root=tmp_path) in sentence, sentence
    assert is_one_sentence(sentence), sentence
    assert said.out == ""
    assert not (tmp_path / "cache").exists()


def test_too_little_disk_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_teaching(tmp_path)
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=2**20))
    assert main(["teach", str(path), "--cache", str(tmp_path / "cache")]) == BAD_CONFIG
    sentence = capsys.readouterr().err.removeprefix("kotoba-export: ").rstrip()
    assert f"MiB of disk and {tmp_path} has 1 MiB free: make room" in sentence
    assert is_one_sentence(sentence)


def test_a_sound_specification_is_checked_and_its_plan_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_teaching(tmp_path)
    assert main(["teach", str(path), "--check", "--cache", str(tmp_path / "cache")]) == DONE
    printed = capsys.readouterr().out
    assert f"good      {tmp_path}/good: 16 to paint on, 4 held out" in printed
    assert "good (ok), scratch (ng), stain (ng)" in printed
    assert "minutes on two cores" in printed


def test_the_documented_specification_and_product_can_be_taught(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = (ROOT / "docs/teaching.md").read_text(encoding="utf-8")
    for name in ("bolts.toml", "bolt/product.toml"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(page.split(f"`{name}`:\n\n```toml\n")[1].split("```")[0], encoding="utf-8")
    write_pictures(tmp_path / "good", 20)
    assert main(["teach", str(tmp_path / "bolts.toml"), "--check", "--cache", str(tmp_path / "cache")]) == DONE
    assert "good (ok), scratch (ng), stain (ng)" in capsys.readouterr().out
    wording = wording_of(read_product(tmp_path / "bolt"))
    assert {"intact bolt", "several scratches", "clear stain", "long scratch", "dust"} <= set(wording.tags)
    assert not {"small stain", "large stain"} & set(wording.words)
