"""A small random VisionEncoderDecoderModel (ViT and GPT-2), exported by Optimum, in a bundle with the starter's CLIP."""

from __future__ import annotations

import atexit
import hashlib
import json
import shutil
import warnings
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import torch
from optimum.exporters.onnx import main_export
from transformers import GPT2Config, VisionEncoderDecoderConfig, VisionEncoderDecoderModel, ViTConfig

from edge.bundle.open import Bundle, open_trusted_bundle
from export.eye.tokenizer import DECODE_ID, END_ID, PAD_ID
from firmware_config.signature import encode_signature, generate_key, key_id, public_key
from tests.support import tiny_models
from tests.support.repository import STARTER

SIZE = 32


@cache
def model() -> VisionEncoderDecoderModel:
    """Make the model with random weights, the same every time."""
    torch.manual_seed(3)
    vision = ViTConfig(
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        image_size=SIZE,
        patch_size=16,
        initializer_range=0.3,
    )
    text = GPT2Config(
        vocab_size=tiny_models.tokenizer().get_vocab_size(),
        n_embd=32,
        n_layer=2,
        n_head=2,
        n_positions=40,
        add_cross_attention=True,
        is_decoder=True,
        initializer_range=0.3,
        bos_token_id=DECODE_ID,
        eos_token_id=END_ID,
    )
    made = VisionEncoderDecoderModel(config=VisionEncoderDecoderConfig.from_encoder_decoder_configs(vision, text)).eval()
    for config in (made.config, made.generation_config):
        config.decoder_start_token_id, config.eos_token_id, config.pad_token_id = DECODE_ID, END_ID, PAD_ID
    return made


@cache
def bundle() -> Bundle:
    """Make a copy of the starter bundle with this captioner in place of BLIP, signed with a fresh key."""
    folder = Path(mkdtemp(prefix="kotoba-"))
    atexit.register(shutil.rmtree, folder)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch and transformers warn of their own exporter
        model().save_pretrained(folder / "checkpoint")
        main_export(
            str(folder / "checkpoint"),
            output=folder / "onnx",
            library_name="transformers",
            task="image-to-text",
            do_validation=False,
            no_post_process=True,
        )
    root = folder / "bundle"
    shutil.copytree(STARTER, root)
    (root / "captioner").mkdir()
    for graph in ("encoder_model", "decoder_model"):
        shutil.copy(folder / f"onnx/{graph}.onnx", root / f"captioner/{graph}.onnx")
    tiny_models.tokenizer().save(str(root / "captioner/tokenizer.json"))
    manifest = json.loads((root / "manifest.json").read_text(encoding="utf-8"))
    manifest["describer"] = {
        "kind": "vision_encoder_decoder",
        "clip": manifest["describer"]["clip"],
        "encoder": "captioner/encoder_model.onnx",
        "decoder": "captioner/decoder_model.onnx",
        "tokenizer": "captioner/tokenizer.json",
        "preprocess": {"size": SIZE, "mean": [0.5] * 3, "std": [0.5] * 3},
        "decoder_start_token_id": DECODE_ID,
        "eos_token_id": END_ID,
        "pad_token_id": PAD_ID,
    }
    for path in sorted((root / "captioner").iterdir()):
        content = path.read_bytes()
        entry = {
            "path": f"captioner/{path.name}",
            "sha256": hashlib.sha256(content).hexdigest(),
            "size": len(content),
            "licence": "Apache-2.0",
        }
        manifest["files"].append(entry)
    private = generate_key()
    manifest["key_id"] = key_id(public_key(private))
    raw = json.dumps(manifest).encode()
    (root / "manifest.json").write_bytes(raw)
    (root / "manifest.sig").write_bytes(encode_signature(raw, private))
    keys = folder / "keys"
    keys.mkdir()
    (keys / "test.pub").write_text(public_key(private).hex() + "\n", encoding="ascii")
    return open_trusted_bundle(root, keys=keys)
