"""Which of the starter's words exclude each other: `python -m export.starter.foils`, a minute. Painted training pictures, no labels."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnxruntime as ort

from export.foils import choose_foils, write_foils
from export.starter.batches import as_pixel_values
from export.starter.grain import make_grain
from export.starter.sample import SIZE, Sampler, good_cells

SEED, PICTURES = 16, 400
WEIGHTS = Path("export/starter/weights")


def make_foils(out: Path) -> None:
    """Write clip/foils.json into the folder `out`, which holds the starter's CLIP, and name it in models.json."""
    rng = np.random.default_rng(SEED)
    sampler = Sampler(good_cells(), make_grain(24, SIZE, rng), rng)
    session = ort.InferenceSession(str(out / "clip/vision.onnx"))
    pictures = [
        session.run(["image_embeds"], {"pixel_values": as_pixel_values(sampler.draw().pixels)[None]})[0][0] for _ in range(PICTURES)
    ]
    kinds = ("tags", "attributes")
    words = [word for kind in kinds for word in (out / f"clip/{kind}.txt").read_text(encoding="utf-8").splitlines()]
    embeddings = np.concatenate([np.load(out / f"clip/{kind}.npy") for kind in kinds])
    models = json.loads((out / "models.json").read_text(encoding="utf-8"))
    models["clip"] |= write_foils(choose_foils(words, embeddings, np.stack(pictures)), out)
    (out / "models.json").write_text(json.dumps(models, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    make_foils(WEIGHTS)
