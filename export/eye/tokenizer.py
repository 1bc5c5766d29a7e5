"""One small word-level tokenizer for CLIP and BLIP."""

from __future__ import annotations

from collections.abc import Iterable

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

PAD, UNKNOWN, START, END, DECODE = "[PAD]", "[UNK]", "[CLS]", "[SEP]", "[DEC]"
"""BERT's special tokens and BLIP's decoder start, in the order of their ids 0 to 4.

[SEP] must not be 2: `CLIPTextModel` of transformers takes an `eos_token_id` of 2 for a legacy checkpoint and pools at another token.
"""
PAD_ID, START_ID, END_ID, DECODE_ID = 0, 2, 3, 4


def make_tokenizer(sentences: Iterable[str]) -> Tokenizer:
    """Make a tokenizer that knows every word of `sentences` and encodes a sentence as [CLS] ... [SEP]."""
    normalizer = normalizers.Lowercase()
    splitter = pre_tokenizers.BertPreTokenizer()
    words = sorted({word for sentence in sentences for word, _ in splitter.pre_tokenize_str(normalizer.normalize_str(sentence))})
    ids = {word: index for index, word in enumerate((PAD, UNKNOWN, START, END, DECODE, *words))}
    tokenizer = Tokenizer(models.WordLevel(ids, unk_token=UNKNOWN))
    tokenizer.add_special_tokens([PAD, UNKNOWN, START, END, DECODE])
    tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = splitter
    tokenizer.post_processor = processors.TemplateProcessing(single=f"{START} $A {END}", special_tokens=[(START, START_ID), (END, END_ID)])
    return tokenizer
