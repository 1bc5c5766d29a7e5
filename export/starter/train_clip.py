"""Train the starter's CLIP: a small vision tower that tells what was painted, a text tower that knows the vocabularies.

Three signals. Each word of the vocabularies is true or false of each picture (sigmoid loss on the cosine, as in SigLIP, Zhai et al. 2023,
because several words are true at once), by the painter's truth. Each of the 14 x 14 patches has a kind: that dense signal is what lets a
transformer of this size learn hairlines in an hour on two cores. And whether the cell is defective at all, the tower learns from its
teachers (`teacher.py`), on real cells as on painted ones. The heads of the last two are thrown away.
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

from export.painting.truth import KINDS
from export.starter.batches import Batch, Batches, real_validation
from export.starter.optimise import Optimiser, mixed_precision
from export.starter.teacher import Teachers
from export.starter.tokenizer import END_ID, PAD_ID, START_ID
from export.starter.words import ATTRIBUTES, TAGS

CONTEXT_TOKENS = 16
DIM = 160
LAYERS = 5
SHALLOW = 2
SOUND, UNSOUND = TAGS.index("intact cell"), TAGS.index("damaged cell")
NOISE_FLOOR = 0.003
"""Variance of camera noise in pixel_values: directions below it are not amplified."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """How long and how fast."""

    steps: int = 2_500
    batch: int = 24
    learning_rate: float = 2e-3
    shallow_steps: int = 1_500
    shallow_batch: int = 24
    seed: int = 0


def clip_config(vocabulary_size: int) -> CLIPConfig:
    """The towers' sizes: vision 5 layers of 160 at 224 px and patch 16 (2.2 M weights), text 2 layers of 128."""
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
    """`input_ids` and `attention_mask`, both int64 (len(sentences), length)."""
    rows = [tokenizer.encode(sentence).ids for sentence in sentences]
    too_long = [sentence for sentence, row in zip(sentences, rows, strict=True) if len(row) > length]
    if too_long:
        msg = f"the phrase {too_long[0]!r} has more than {length} tokens: shorten it"
        raise ValueError(msg)
    ids = torch.tensor([row + [PAD_ID] * (length - len(row)) for row in rows])
    return ids, (ids != PAD_ID).long()


class Heads(nn.Module):
    """What training needs beside CLIP itself: the kind of each patch, kind and soundness of the picture, scale and bias of the cosines."""

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
    """The summed loss of a batch and its parts, for the log."""
    with mixed_precision():
        opinion = teachers(batch.pixel_values).float()
        vision = clip.vision_model(pixel_values=batch.pixel_values)
    pooled, patch_states = vision.pooler_output.float(), vision.last_hidden_state[:, 1:].float()
    image = functional.normalize(clip.visual_projection(pooled), dim=-1)
    text = functional.normalize(clip.get_text_features(input_ids=phrases[0], attention_mask=phrases[1]), dim=-1)
    logits = heads.scale.exp() * image @ text.T + heads.bias
    known = (batch.words >= 0).float()
    known[:, [SOUND, UNSOUND]] = 0
    each = functional.binary_cross_entropy_with_logits(logits, batch.words.clamp(min=0), reduction="none") * known
    words = each.sum() / known.sum().clamp(min=1) * 4
    # A patch without a defect is twenty times as frequent as one with: weigh it down.
    weight = torch.ones(len(KINDS))
    weight[0] = 0.25
    patches = functional.cross_entropy(heads.patch(patch_states).flatten(0, 1), batch.patch_kinds.flatten(), weight=weight, ignore_index=-1)
    picture = heads.picture(pooled)
    sure = batch.kind >= 0
    kind = functional.cross_entropy(picture[sure], batch.kind[sure]) if bool(sure.any()) else picture.sum() * 0
    sound = functional.binary_cross_entropy_with_logits(heads.defective(pooled)[:, 0], opinion)
    said = functional.binary_cross_entropy_with_logits(logits[:, [SOUND, UNSOUND]], torch.stack([1 - opinion, opinion], 1))
    total = words + 0.5 * patches + 0.5 * kind + sound + said
    parts = (("words", words), ("patches", patches), ("kind", kind), ("sound", sound), ("said", said))
    return total, {name: value.item() for name, value in parts}


@torch.no_grad()
def intact_scores(clip: CLIPModel, phrases: tuple[Tensor, Tensor], pixel_values: Tensor) -> np.ndarray:
    """Cosine of "intact cell" per picture, float32 (B,)."""
    clip.eval()
    text = functional.normalize(clip.get_text_features(input_ids=phrases[0], attention_mask=phrases[1]), dim=-1)
    parts = [functional.normalize(clip.get_image_features(pixel_values=part), dim=-1) @ text[SOUND] for part in pixel_values.split(32)]
    clip.train()
    return torch.cat(parts).numpy()


@torch.no_grad()
def whiten_patches(clip: CLIPModel, pixel_values: Tensor) -> None:
    """Start the patch embedding as a whitening of real patches instead of at random.

    A hairline is a small signal beside a patch's mean brightness; after whitening every spatial frequency weighs the same. With random
    filters 500 steps left cracks all but unseen (patch AUROC 0.72).
    """
    patches = pixel_values[:, 0].unfold(1, 16, 16).unfold(2, 16, 16).reshape(-1, 256)
    patches = patches - patches.mean(0)
    values, vectors = torch.linalg.eigh(patches.T @ patches / len(patches))
    filters = vectors[:, -DIM:].flip(1).T / (values[-DIM:].flip(0)[:, None] + NOISE_FLOOR).sqrt()
    embedding = clip.vision_model.embeddings
    embedding.patch_embedding.weight.copy_((filters / 3).reshape(DIM, 1, 16, 16).expand(-1, 3, -1, -1) * 0.3)
    embedding.position_embedding.weight.normal_(std=0.1)


def deepen(clip: CLIPModel, layers: nn.ModuleList) -> None:
    """Put the deeper layers back as layers that as yet do nothing: what they add to the residual stream starts at zero."""
    for layer in layers[SHALLOW:]:
        for last in (layer.self_attn.out_proj, layer.mlp.fc2):
            nn.init.zeros_(last.weight)
            nn.init.zeros_(last.bias)
    clip.vision_model.encoder.layers = layers


def train_clip(batches: Batches, teachers: Teachers, tokenizer: Tokenizer, out: Path, recipe: Recipe) -> CLIPModel:
    """Train, keep the moving average of the weights, save to `out` in the Hugging Face layout; logs to stdout.

    First two layers alone, which learn what a patch looks like at a third of the cost; then all of them. The shallow stage is kept in
    `out`, so that a training that was cut off goes on from there.
    """
    torch.manual_seed(recipe.seed)
    clip = CLIPModel(clip_config(tokenizer.get_vocab_size()))
    whiten_patches(clip, batches.draw(256).pixel_values)
    heads = Heads()
    phrases = tokenize(tokenizer, (*TAGS, *ATTRIBUTES), CONTEXT_TOKENS)
    layers = clip.vision_model.encoder.layers
    clip.vision_model.encoder.layers = layers[:SHALLOW]
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
    deepen(clip, layers)
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
    """Train in place and end with the moving average of the weights."""
    optimiser = Optimiser([clip, heads], learning_rate=learning_rate, steps=steps, decay=decay)
    runs = {name: real_validation(varied=name == "varied") for name in ("as it is", "varied")}
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
            for name, (values, defective) in runs.items():
                scores = -intact_scores(clip, phrases, values)
                like = spearmanr(scores, torch.cat([teachers(part) for part in values.split(66)])).statistic
                said = f"AUROC {roc_auc_score(defective, scores):.3f}, rank correlation with the teachers {like:.3f}"
                print(f"{step} source validation cells {name}: {said}", flush=True)
            optimiser.swap_average()
    optimiser.swap_average()
