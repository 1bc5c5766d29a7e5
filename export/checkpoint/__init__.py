"""Checkpoints of Hugging Face: their folders, weights, processors and tokenizers, checked before any long work; models come in."""

from __future__ import annotations

from export.checkpoint.folder import LOAD_SAFELY, Checkpoint, load_tokenizer, read_checkpoint, read_json

__all__ = ["LOAD_SAFELY", "Checkpoint", "load_tokenizer", "read_checkpoint", "read_json"]
