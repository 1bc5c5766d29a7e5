"""Train the starter's BLIP: its vision tower starts with the weights of CLIP's and its decoder learns captions of painted pictures."""

from __future__ import annotations

import time
from pathlib import Path

import torch
from tokenizers import Tokenizer
from torch import nn
from torch.nn import functional
from transformers import BlipConfig, BlipForConditionalGeneration, BlipTextConfig, BlipVisionConfig, CLIPModel

from export.eye.optimise import Optimiser
from export.eye.tokenizer import DECODE_ID, END_ID, PAD_ID
from export.painting.ground_truth import KINDS
from export.starter.batches import Batches
from export.starter.teacher import Teachers
from export.starter.train_clip import DIM, LAYERS, Recipe, patch_weights

CAPTION_TOKENS = 30
TEXT_DIM = 160
TEXT_LAYERS = 3


def blip_config(vocabulary_size: int) -> BlipConfig:
    """The sizes of BLIP: the vision tower as CLIP's, the text decoder with 3 layers of 160 and 5 heads."""
    vision = BlipVisionConfig(
        hidden_size=DIM,
        intermediate_size=4 * DIM,
        num_hidden_layers=LAYERS,
        num_attention_heads=5,
        image_size=224,
        patch_size=16,
        hidden_act="gelu",
    )
    text = BlipTextConfig(
        vocab_size=vocabulary_size,
        hidden_size=TEXT_DIM,
        encoder_hidden_size=DIM,
        intermediate_size=4 * TEXT_DIM,
        num_hidden_layers=TEXT_LAYERS,
        num_attention_heads=5,
        max_position_embeddings=CAPTION_TOKENS + 4,
        hidden_act="gelu",
        bos_token_id=DECODE_ID,
        eos_token_id=END_ID,
        sep_token_id=END_ID,
        pad_token_id=PAD_ID,
        attention_probs_dropout_prob=0.0,
        hidden_dropout_prob=0.0,
    )
    return BlipConfig(text_config=text.to_dict(), vision_config=vision.to_dict())


def copy_vision_weights(clip: CLIPModel, blip: BlipForConditionalGeneration) -> None:
    """Copy the weights of CLIP's vision tower to BLIP's. Both are pre-norm transformers whose parts have different names.

    BLIP has no norm before its first layer; a short training makes up for it.
    """
    source, target = clip.vision_model, blip.vision_model
    with torch.no_grad():
        target.embeddings.patch_embedding.weight.copy_(source.embeddings.patch_embedding.weight)
        target.embeddings.patch_embedding.bias.zero_()
        target.embeddings.class_embedding.copy_(source.embeddings.class_embedding.reshape(1, 1, -1))
        target.embeddings.position_embedding.copy_(source.embeddings.position_embedding.weight[None])
        target.post_layernorm.load_state_dict(source.post_layernorm.state_dict())
        for clip_layer, blip_layer in zip(source.encoder.layers, target.encoder.layers, strict=True):
            attention = clip_layer.self_attn
            blip_layer.self_attn.qkv.weight.copy_(torch.cat([attention.q_proj.weight, attention.k_proj.weight, attention.v_proj.weight]))
            blip_layer.self_attn.qkv.bias.copy_(torch.cat([attention.q_proj.bias, attention.k_proj.bias, attention.v_proj.bias]))
            blip_layer.self_attn.projection.load_state_dict(attention.out_proj.state_dict())
            blip_layer.layer_norm1.load_state_dict(clip_layer.layer_norm1.state_dict())
            blip_layer.layer_norm2.load_state_dict(clip_layer.layer_norm2.state_dict())
            blip_layer.mlp.load_state_dict(clip_layer.mlp.state_dict())


def train_blip(
    batches: Batches, teachers: Teachers, tokenizer: Tokenizer, clip: CLIPModel, out: Path, recipe: Recipe
) -> BlipForConditionalGeneration:
    """Train on captions and, like CLIP, on the kind of each patch and the teachers' probability of a defect.

    The moving average of the weights is returned and saved to `out` in the Hugging Face layout; progress goes to stdout.
    """
    torch.manual_seed(recipe.seed)
    blip = BlipForConditionalGeneration(blip_config(tokenizer.get_vocab_size()))
    copy_vision_weights(clip, blip)
    patch_head, defective_head = nn.Linear(DIM, len(KINDS)), nn.Linear(DIM, 1)
    optimiser = Optimiser([blip, patch_head, defective_head], learning_rate=recipe.learning_rate, steps=recipe.steps)
    weight = patch_weights()
    started = time.monotonic()
    mean: dict[str, float] = {}
    blip.train()
    for step in range(recipe.steps):
        batch = batches.draw(recipe.batch)
        rows = [
            [DECODE_ID, *tokenizer.encode(caption, add_special_tokens=False).ids[: CAPTION_TOKENS - 2], END_ID]
            for caption in batch.captions
        ]
        length = max(map(len, rows))
        ids = torch.tensor([row + [PAD_ID] * (length - len(row)) for row in rows])
        mask = (ids != PAD_ID).long()
        vision = blip.vision_model(pixel_values=batch.pixel_values)
        known = torch.tensor([bool(caption) for caption in batch.captions])
        logits = blip.text_decoder(
            input_ids=ids[known], attention_mask=mask[known], encoder_hidden_states=vision.last_hidden_state[known], return_dict=True
        ).logits
        target = torch.where(mask[known] > 0, ids[known], -100)
        captions = functional.cross_entropy(logits[:, :-1].flatten(0, 1), target[:, 1:].flatten(), ignore_index=-100)
        patches = functional.cross_entropy(
            patch_head(vision.last_hidden_state[:, 1:]).flatten(0, 1), batch.patch_kinds.flatten(), weight=weight, ignore_index=-1
        )
        defective = functional.binary_cross_entropy_with_logits(defective_head(vision.pooler_output)[:, 0], teachers(batch.pixel_values))
        optimiser.step(captions + 0.3 * patches + 0.5 * defective)
        parts = (("captions", captions), ("patches", patches), ("defective", defective))
        mean = {name: 0.98 * mean.get(name, value.item()) + 0.02 * value.item() for name, value in parts}
        if step % 50 == 49:
            print(f"{step + 1} {time.monotonic() - started:.0f}s " + " ".join(f"{k} {v:.3f}" for k, v in mean.items()), flush=True)
        if step % 500 == 499 or step == recipe.steps - 1:
            optimiser.swap_average()
            blip.save_pretrained(out)
            optimiser.swap_average()
    optimiser.swap_average()
    return blip
