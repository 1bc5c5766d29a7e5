from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from export.errors import SpecError
from export.eye.tokenizer import PAD_ID
from export.model_sources import SEED_WORDS
from export.models.clip.graphs import export_clip
from export.models.vocabulary import Entry, embeddings, merged, read_vocabulary
from tests.support import tiny_models

pytestmark = [
    pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning"),  # shapes that are constants on purpose
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # torch's, of its own exporter
    pytest.mark.filterwarnings("ignore::UserWarning"),  # torch's, of constants that it does not fold
]


def written(folder: Path, text: str, name: str = "words.tsv") -> Path:
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


def test_words_and_translations_are_read_in_order_and_headings_left_out(tmp_path: Path) -> None:
    path = written(tmp_path, "# marks\nscratch\tきず\n\ndent\nburr\tばり\n")
    assert read_vocabulary(path) == (Entry("scratch", "きず"), Entry("dent", ""), Entry("burr", "ばり"))


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("dent\nscratch\ndent\n", r"line 3: 'dent' is there twice"),
        ("\tきず\n", "line 1: a translation without a word"),
        ("# only\n", "no word"),
    ],
)
def test_a_wrong_line_is_refused_with_its_number(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(SpecError, match=complaint):
        read_vocabulary(written(tmp_path, text))


def test_a_missing_file_and_one_that_is_no_utf8_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="cannot be read"):
        read_vocabulary(tmp_path / "nowhere.txt")
    (tmp_path / "bytes.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SpecError, match="UTF-8"):
        read_vocabulary(tmp_path / "bytes.txt")


def test_files_are_joined_and_a_word_in_two_of_them_is_refused(tmp_path: Path) -> None:
    one, other = written(tmp_path, "dent\n", "one.txt"), written(tmp_path, "burr\n", "other.txt")
    assert [entry.word for entry in merged([one, other])] == ["dent", "burr"]
    with pytest.raises(SpecError, match=r"third\.txt: 'dent' is also in .*one\.txt"):
        merged([one, written(tmp_path, "dent\n", "third.txt")])


@pytest.mark.parametrize("name", ["tags", "attributes"])
def test_the_seed_vocabularies_have_1500_words_each_with_a_japanese_translation(name: str) -> None:
    entries = read_vocabulary(SEED_WORDS / f"{name}.tsv")
    assert len(entries) >= 1500
    for entry in entries:
        assert entry.word.isascii()
        assert entry.word == entry.word.lower()
        assert any("\u3040" <= letter <= "\u30ff" or "\u4e00" <= letter <= "\u9fff" for letter in entry.translation), entry


def test_an_embedding_is_the_mean_over_the_prompts_and_of_unit_length(tmp_path: Path) -> None:
    export_clip(tiny_models.clip(), tmp_path)
    tokenizer = tiny_models.tokenizer()
    words = [f"word{number}" for number in range(70)]
    settings = {"context_tokens": tiny_models.CONTEXT_TOKENS, "pad_token_id": PAD_ID}
    parts = [embeddings(tmp_path / "text.onnx", tokenizer, words, prompts=[prompt], **settings) for prompt in ("{}", "word1 {}")]
    both = embeddings(tmp_path / "text.onnx", tokenizer, words, prompts=["{}", "word1 {}"], **settings)
    assert both.shape == (70, 24)
    assert np.allclose(np.linalg.norm(both, axis=-1), 1, atol=1e-5)
    mean = sum(parts) / np.linalg.norm(sum(parts), axis=-1, keepdims=True)
    assert np.abs(both - mean).max() < 1e-5


def test_a_phrase_that_is_too_long_is_refused(tmp_path: Path) -> None:
    export_clip(tiny_models.clip(), tmp_path)
    settings = {"context_tokens": tiny_models.CONTEXT_TOKENS, "pad_token_id": PAD_ID}
    with pytest.raises(SpecError, match="the text tower takes at most 16"):
        embeddings(tmp_path / "text.onnx", tiny_models.tokenizer(), ["word1 " * 20], prompts=["{}"], **settings)
