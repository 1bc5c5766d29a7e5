"""Corpora that are drawn at random, with known truth: words and features tell defects, domains shift the features."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.records import Tag, Words
from export.evaluation.corpus import Corpus
from export.evaluation.models import Allowed
from export.texts.row import Row
from firmware_config.labels import Label

LABELS = (
    Label(name="good", meaning="no defect", decision="ok"),
    Label(name="crack", meaning="a broken line", decision="ng"),
    Label(name="stain", meaning="a spot", decision="review"),
)
GOOD_WORDS = ("even", "smooth", "clean")
BAD_WORDS = {"crack": ("line", "broken", "thin"), "stain": ("spot", "dirty", "dark")}
NEUTRAL_WORDS = ("cell", "grid", "grey", "bar")


def drawn_corpus(
    domains: Sequence[str] = ("a", "b", "c"), *, each: int = 60, block: int = 5, seed: int = 0, noise: float = 0.25, wide: int = 6
) -> Corpus:
    """`each` pictures of every domain in blocks of `block`, a third of them defective.

    A word tells the truth but for a share of `noise`; the features tell it with a distance of one spread.
    """
    rng = np.random.default_rng(seed)
    count = each * len(domains)
    bad = rng.random(count) < 1 / 3
    labels = ["good" if not one else str(rng.choice(["crack", "stain"])) for one in bad]
    names = [domain for domain in domains for _ in range(each)]
    blocks = tuple(f"{name}-{number % each // block}" for number, name in enumerate(names))
    shift = np.array([domains.index(name) for name in names])[:, None]
    features = rng.standard_normal((count, wide)) + np.where(bad, 1.0, 0.0)[:, None] + 0.3 * shift
    rows = tuple(
        Row(
            id=f"{number:064x}", source=f"{name}/{number}.png", label=label, domain=name, split=None, block=block_name,
            models_digest="sha256:0", describe_digest="sha256:0",
        )
        for number, (name, label, block_name) in enumerate(zip(names, labels, blocks, strict=True))
    )  # fmt: skip
    told = np.where(rng.random(count) < noise, ~bad, bad)
    return Corpus(
        rows=rows,
        bad=bad,
        domains=tuple(names),
        blocks=blocks,
        splits=(None,) * count,
        words=tuple(
            _words(rng, label if one != (label == "good") else "crack" if one else "good") for one, label in zip(told, labels, strict=True)
        ),
        vision=features.astype(np.float32),
        imagenet=(features + rng.standard_normal(features.shape)).astype(np.float32),
        measures=features[:, :3].astype(np.float32),
        pixels=(128 - 20 * bad[:, None] + 20 * rng.standard_normal((count, 1024))).astype(np.float32),
        box=np.where(told, 2.0, -2.0) + 0.5 * rng.standard_normal(count),
        labels=LABELS,
    )


def _words(rng: np.random.Generator, label: str) -> Words:
    own = GOOD_WORDS if label == "good" else BAD_WORDS[label]
    tags = [str(rng.choice(own)), *rng.choice(NEUTRAL_WORDS, 2, replace=False).tolist()]
    return Words(tuple(Tag(word, 0.3) for word in tags), (Tag(str(rng.choice(own)), 0.2),), (f"a {rng.choice(own)} cell",))


class WordCounts:
    """A judge that counts known words: what a language model without a language is for these corpora. An adapter is a file of words.

    It stands in for `JudgeScorers`, whose real one has tests of its own.
    """

    lengths = np.array([1, 2, 2])

    def __init__(self) -> None:
        self.ranked = 0

    def rank(self, words: Sequence[Words], adapter: Path | None = None) -> NDArray[np.float64]:
        """See `JudgeScorers`."""
        self.ranked += len(words)
        weight = 1.0 if adapter is None else 2.0
        known = (GOOD_WORDS, *BAD_WORDS.values())
        said = [[tag.word for tag in (*one.tags, *one.attributes)] + [w for c in one.captions for w in c.split()] for one in words]
        counts = np.array([[sum(word in some for word in line) for some in known] for line in said], np.float64).reshape(-1, 3)
        return np.asarray(weight * counts - 3.0)

    def empty(self, adapter: Path | None = None) -> NDArray[np.float64]:
        """See `JudgeScorers`."""
        return np.full(3, -3.0 if adapter is None else -2.0)

    def generate(self, words: Sequence[Words], adapter: Path | None = None) -> tuple[str | None, ...]:
        """See `JudgeScorers`: nothing where two labels are as likely."""
        ranked = np.sort(self.rank(words, adapter), 1)
        best = self.rank(words, adapter).argmax(1)
        return tuple(None if line[-1] == line[-2] else LABELS[i].name for line, i in zip(ranked, best, strict=True))

    def hidden(self, words: Sequence[Words], adapter: Path | None = None) -> NDArray[np.float32]:
        """See `JudgeScorers`."""
        return self.rank(words, adapter).astype(np.float32)


class CountedTunings:
    """A tuner that writes down what it was asked to learn."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.asked: list[tuple[tuple[Words, ...], tuple[tuple[str, ...], ...], tuple[Label, ...]]] = []

    def tune(
        self, words: Sequence[Words], allowed: Allowed, *, validation_words: Sequence[Words], validation_allowed: Allowed,
        labels: Sequence[Label], seed: int,
    ) -> Path:  # fmt: skip
        """See `export.evaluation.models.Tuner`."""
        assert len(words) == len(allowed)
        assert len(validation_words) == len(validation_allowed)
        self.asked.append((tuple(words), tuple(allowed), tuple(labels)))
        return self.folder / f"{len(self.asked)}-{seed}.gguf"
