"""Train the starter's CLIP: a small vision tower, and a text tower that knows the vocabularies.

The loss has three parts. Words: by the ground truth, each word of the vocabularies is true or false of each picture; the loss is a sigmoid
loss on the cosine (SigLIP, Zhai et al. 2023), because several words are true at once. Patches: each of the 14 x 14 patches has a kind; with
this dense signal a transformer of this size learns hairline cracks in an hour on two cores. Teachers: the probability that the cell is
defective, from the networks in `teacher.py`, on real and painted cells. The heads for patches and teachers are not part of the bundle.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from scipy.stats import spearmanr
from sklearn.metrics import roc_auc_score
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.nn import functional
from transformers import CLIPConfig, CLIPModel, CLIPTextConfig, CLIPVisionConfig

from export.eye.optimise import Optimiser, mixed_precision
from export.eye.tokenizer import END_ID, PAD_ID, START_ID
from export.painting.ground_truth import KINDS
from export.starter.batches import Batch, Batches, real_validation
from export.starter.teacher import Teachers
from export.starter.words import ATTRIBUTES, TAGS

CONTEXT_TOKENS = 16
DIM = 160
LAYERS = 5
SHALLOW_LAYERS = 2
"""Layers of the first stage of the training."""
INTACT, DAMAGED = TAGS.index("intact cell"), TAGS.index("damaged cell")
NOISE_FLOOR = 0.003
"""Variance of camera noise in pixel_values; whitening does not amplify directions below it."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """Steps, batch sizes and peak learning rate of a training, and its seed; `shallow_` is CLIP's first stage."""

    steps: int = 2_500
    batch: int = 24
    learning_rate: float = 2e-3
    shallow_steps: int = 1_500
    shallow_batch: int = 24
    seed: int = 0


def clip_config(vocabulary_size: int) -> CLIPConfig:
    """The sizes of the towers: vision 5 layers of 160 at 224 px and patch 16 (2.2 M weights), text 2 layers of 128."""
    vision = CLIPVisionConfig(
        hidden_size=DIM,
        intermediate_size=4 * DIM,
        num_hidden_layers=LAYERS,
        num_attention_heads=5,
        image_size=224,
        patch_size=16,
        hidden_act="gelu",
        projection_dim=DIM,
    )
    text = CLIPTextConfig(
        vocab_size=vocabulary_size,
        hidden_size=128,
        intermediate_size=512,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=CONTEXT_TOKENS,
        hidden_act="gelu",
        projection_dim=DIM,
        pad_token_id=PAD_ID,
        bos_token_id=START_ID,
        eos_token_id=END_ID,
    )
    return CLIPConfig(text_config=text.to_dict(), vision_config=vision.to_dict(), projection_dim=DIM, attn_implementation="sdpa")


def tokenize(tokenizer: Tokenizer, sentences: tuple[str, ...], length: int) -> tuple[Tensor, Tensor]:
    """Encode sentences to `input_ids` and `attention_mask`, both int64 (len(sentences), length).

    Raises:
        ValueError: a sentence has more than `length` tokens.
    """
    rows = [tokenizer.encode(sentence).ids for sentence in sentences]
    too_long = [sentence for sentence, row in zip(sentences, rows, strict=True) if len(row) > length]
    if too_long:
        msg = f"the phrase {too_long[0]!r} has more than {length} tokens: shorten it"
        raise ValueError(msg)
    ids = torch.tensor([row + [PAD_ID] * (length - len(row)) for row in rows])
    return ids, (ids != PAD_ID).long()


class Heads(nn.Module):
    """Heads for the kind of each patch, the kind of the picture and the probability of a defect; scale and bias of the cosines."""

    def __init__(self) -> None:
        super().__init__()
        self.patch = nn.Linear(DIM, len(KINDS))
        self.picture = nn.Linear(DIM, len(KINDS))
        self.defective = nn.Linear(DIM, 1)
        self.scale = nn.Parameter(torch.tensor(2.3))
        self.bias = nn.Parameter(torch.tensor(-3.0))


def losses(
    clip: CLIPModel, heads: Heads, phrases: tuple[Tensor, Tensor], batch: Batch, teachers: Teachers
) -> tuple[Tensor, dict[str, float]]:
    """The weighted loss of a batch, and its parts by name for the log."""
    with mixed_precision():
        probability = teachers(batch.pixel_values).float()
        vision = clip.vision_model(pixel_values=batch.pixel_values)
    pooled, patch_states = vision.pooler_output.float(), vision.last_hidden_state[:, 1:].float()
    image = functional.normalize(clip.visual_projection(pooled), dim=-1)
    text = functional.normalize(clip.get_text_features(input_ids=phrases[0], attention_mask=phrases[1]), dim=-1)
    logits = heads.scale.exp() * image @ text.T + heads.bias
    known = (batch.words >= 0).float()
    known[:, [INTACT, DAMAGED]] = 0  # the teachers say these two
    by_word = functional.binary_cross_entropy_with_logits(logits, batch.words.clamp(min=0), reduction="none") * known
    words = by_word.sum() / known.sum().clamp(min=1) * 4
    patches = functional.cross_entropy(
        heads.patch(patch_states).flatten(0, 1), batch.patch_kinds.flatten(), weight=patch_weights(), ignore_index=-1
    )
    picture = heads.picture(pooled)
    has_kind = batch.kind >= 0
    kind = functional.cross_entropy(picture[has_kind], batch.kind[has_kind]) if bool(has_kind.any()) else picture.sum() * 0
    defective = functional.binary_cross_entropy_with_logits(heads.defective(pooled)[:, 0], probability)
    intact_or_damaged = functional.binary_cross_entropy_with_logits(
        logits[:, [INTACT, DAMAGED]], torch.stack([1 - probability, probability], 1)
    )
    total = words + 0.5 * patches + 0.5 * kind + defective + intact_or_damaged
    parts = (("words", words), ("patches", patches), ("kind", kind), ("defective", defective), ("intact or damaged", intact_or_damaged))
    return total, {name: value.item() for name, value in parts}


def patch_weights() -> Tensor:
    """Weights of the patch kinds, float32 (kinds,): patches without a defect are twenty times as frequent and count a quarter."""
    weights = torch.ones(len(KINDS))
    weights[0] = 0.25
    return weights


@torch.no_grad()
def intact_scores(clip: CLIPModel, phrases: tuple[Tensor, Tensor], pixel_values: Tensor) -> np.ndarray:
    """Cosine of "intact cell" with each picture, float32 (B,)."""
    clip.eval()
    text = functional.normalize(clip.get_text_features(input_ids=phrases[0], attention_mask=phrases[1]), dim=-1)
    parts = [functional.normalize(clip.get_image_features(pixel_values=part), dim=-1) @ text[INTACT] for part in pixel_values.split(32)]
    clip.train()
    return torch.cat(parts).numpy()


@torch.no_grad()
def whiten_patches(clip: CLIPModel, pixel_values: Tensor) -> None:
    """Initialise the patch embedding as a whitening of the patches of `pixel_values`, float32 (B, 3, S, S), instead of at random.

    A hairline crack is a small signal beside the mean brightness of a patch; after whitening all spatial frequencies have the same weight.
    With random filters, 500 steps hardly found cracks (patch AUROC 0.72).
    """
    patches = pixel_values[:, 0].unfold(1, 16, 16).unfold(2, 16, 16).reshape(-1, 256)
    patches = patches - patches.mean(0)
    values, vectors = torch.linalg.eigh(patches.T @ patches / len(patches))
    filters = vectors[:, -DIM:].flip(1).T / (values[-DIM:].flip(0)[:, None] + NOISE_FLOOR).sqrt()
    embedding = clip.vision_model.embeddings
    embedding.patch_embedding.weight.copy_((filters / 3).reshape(DIM, 1, 16, 16).expand(-1, 3, -1, -1) * 0.3)
    embedding.position_embedding.weight.normal_(std=0.1)


def append_identity_layers(clip: CLIPModel, layers: nn.ModuleList) -> None:
    """Append the layers above SHALLOW_LAYERS; they start by adding zero to the residual stream."""
    for layer in layers[SHALLOW_LAYERS:]:
        for last in (layer.self_attn.out_proj, layer.mlp.fc2):
            nn.init.zeros_(last.weight)
            nn.init.zeros_(last.bias)
    clip.vision_model.encoder.layers = layers


def train_clip(batches: Batches, teachers: Teachers, tokenizer: Tokenizer, out: Path, recipe: Recipe) -> CLIPModel:
    """Train CLIP; the moving average of the weights is returned and saved to `out` in the Hugging Face layout. Progress goes to stdout.

    The first stage trains two layers alone, which learn the look of patches at a third of the cost. The second stage trains all layers. The
    result of the first stage is saved to `out`, so that a training that was interrupted continues from there.
    """
    torch.manual_seed(recipe.seed)
    clip = CLIPModel(clip_config(tokenizer.get_vocab_size()))
    whiten_patches(clip, batches.draw(256).pixel_values)
    heads = Heads()
    phrases = tokenize(tokenizer, (*TAGS, *ATTRIBUTES), CONTEXT_TOKENS)
    layers = clip.vision_model.encoder.layers
    clip.vision_model.encoder.layers = layers[:SHALLOW_LAYERS]
    shallow = out / "shallow.pt"
    if shallow.exists():
        nn.ModuleList([clip, heads]).load_state_dict(torch.load(shallow))
    else:
        _train(
            clip,
            heads,
            phrases,
            batches,
            teachers,
            steps=recipe.shallow_steps,
            batch=recipe.shallow_batch,
            learning_rate=recipe.learning_rate,
            decay=False,
        )
        out.mkdir(parents=True, exist_ok=True)
        torch.save(nn.ModuleList([clip, heads]).state_dict(), shallow)
    append_identity_layers(clip, layers)
    _train(clip, heads, phrases, batches, teachers, steps=recipe.steps, batch=recipe.batch, learning_rate=recipe.learning_rate, decay=True)
    clip.save_pretrained(out)
    torch.save(heads.state_dict(), out / "heads.pt")
    return clip


def _train(
    clip: CLIPModel,
    heads: Heads,
    phrases: tuple[Tensor, Tensor],
    batches: Batches,
    teachers: Teachers,
    *,
    steps: int,
    batch: int,
    learning_rate: float,
    decay: bool,
) -> None:
    """Train in place; afterwards the weights are their moving average."""
    optimiser = Optimiser([clip, heads], learning_rate=learning_rate, steps=steps, decay=decay)
    validation = {name: real_validation(varied=name == "varied") for name in ("as it is", "varied")}
    started = time.monotonic()
    mean: dict[str, float] = {}
    clip.train()
    for step in range(1, steps + 1):
        loss, parts = losses(clip, heads, phrases, batches.draw(batch), teachers)
        optimiser.step(loss)
        mean = {name: 0.98 * mean.get(name, value) + 0.02 * value for name, value in parts.items()}
        if step % 50 == 0:
            print(f"{step} {time.monotonic() - started:.0f}s " + " ".join(f"{k} {v:.3f}" for k, v in mean.items()), flush=True)
        if step % 500 == 0 or step == steps:
            optimiser.swap_average()
            for name, (values, defective) in validation.items():
                scores = -intact_scores(clip, phrases, values)
                correlation = spearmanr(scores, torch.cat([teachers(part) for part in values.split(66)])).statistic
                figures = f"AUROC {roc_auc_score(defective, scores):.3f}, rank correlation with the teachers {correlation:.3f}"
                print(f"{step} source validation cells {name}: {figures}", flush=True)
            optimiser.swap_average()
    optimiser.swap_average()
