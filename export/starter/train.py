"""Make the starter's weights again from nothing: `python -m export.starter.train`. A stage whose outcome lies in the work folder is skipped.

Stages: paint samples, train CLIP, train BLIP, convert both to int8, describe with them, tune the judge on the words.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer
from transformers import BlipForConditionalGeneration, CLIPModel

from export.starter.batches import Batches
from export.starter.sample import write_samples
from export.starter.tokenizer import make_tokenizer
from export.starter.train_blip import train_blip
from export.starter.train_clip import Recipe, train_clip
from export.starter.words import every_sentence

PAINTED = 44_000
SEED = 11
CLIP = Recipe()
BLIP = Recipe(steps=800, learning_rate=1e-3)


def main() -> None:
    """Run the stages that are not done."""
    parser = argparse.ArgumentParser(prog="python -m export.starter.train", description=__doc__)
    parser.add_argument("--work", type=Path, default=Path(".kotoba/training"), help="scratch folder, 2.5 GB (default: %(default)s)")
    parser.add_argument("--out", type=Path, default=Path("export/starter/weights"), help="where the artefacts go (default: %(default)s)")
    arguments = parser.parse_args()
    train(arguments.work, arguments.out)


def train(work: Path, out: Path) -> None:
    """All stages; `out` ends up as the folder that the starter's build reads."""
    work.mkdir(parents=True, exist_ok=True)
    painted = work / "painted"
    if not (painted / "captions.json").exists():
        write_samples(painted, count=PAINTED, seed=SEED)
    tokenizer = _tokenizer(work / "tokenizer.json")
    if not (work / "clip/config.json").exists():
        train_clip(Batches(painted, seed=SEED), tokenizer, work / "clip", CLIP)
    if not (work / "blip/config.json").exists():
        train_blip(Batches(painted, seed=SEED + 1), tokenizer, CLIPModel.from_pretrained(work / "clip"), work / "blip", BLIP)
    if not (out / "models.json").exists():
        from export.starter.convert import convert

        pixels = Batches(painted, seed=SEED + 2).draw(64).pixel_values.numpy()
        print(json.dumps(convert(work / "clip", work / "blip", tokenizer, pixels, out)))


def _tokenizer(path: Path) -> Tokenizer:
    if not path.exists():
        make_tokenizer(every_sentence(np.random.default_rng(SEED))).save(str(path))
    return Tokenizer.from_file(str(path))


if __name__ == "__main__":
    main()
