"""The foils of the starter's words, and the cosine at which a word is as likely true as false.

python -m export.starter.foils      (a minute; on painted pictures of the training modules)
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from export.models.foils import choose_foils, write_foils
from export.painting.grain import make_grain
from export.starter.batches import as_pixel_values
from export.starter.sample import SIZE_PX, Sampler, good_cells
from export.starter.words import word_targets

SEED, PICTURES = 16, 400
WEIGHTS = Path("export/starter/weights")


def make_foils(out: Path) -> None:
    """Write clip/foils.json into the artefacts `out`, which hold the starter's CLIP; name it in models.json, with `threshold`."""
    rng = np.random.default_rng(SEED)
    sampler = Sampler(good_cells(), make_grain(24, SIZE_PX, rng), rng)
    session = ort.InferenceSession(str(out / "clip/vision.onnx"))
    samples = [sampler.draw() for _ in range(PICTURES)]
    pictures = np.stack([session.run(["image_embeds"], {"pixel_values": as_pixel_values(sample.pixels)[None]})[0][0] for sample in samples])
    targets = np.stack([word_targets(sample.ground_truth) for sample in samples])
    kinds = ("tags", "attributes")
    words = [word for kind in kinds for word in (out / f"clip/{kind}.txt").read_text(encoding="utf-8").splitlines()]
    embeddings = np.concatenate([np.load(out / f"clip/{kind}.npy") for kind in kinds])
    models = json.loads((out / "models.json").read_text(encoding="utf-8"))
    models["clip"] |= write_foils(choose_foils(words, embeddings, pictures), out)
    models["clip"]["threshold"] = _threshold(pictures @ embeddings.T, targets)
    (out / "models.json").write_text(json.dumps(models, indent=1) + "\n", encoding="utf-8")


def _threshold(cosines: NDArray[np.float32], targets: NDArray[np.int8]) -> float:
    """Where a logistic curve over the cosines of all words, (pictures, words), crosses a half; doubtful words (-1) do not count."""
    model = LogisticRegression(C=1e4).fit(cosines[targets >= 0][:, None], targets[targets >= 0])
    return round(float(-model.intercept_[0] / model.coef_[0, 0]), 3)


if __name__ == "__main__":
    make_foils(WEIGHTS)
