"""The stages that teach the eye: paint, look, learn what is defective, learn the words, learn the captions, convert. Each is made once."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from edge.picture.preprocess import pixel_values
from export.cache import Step
from export.cache.arrays import new_array
from export.eye.captions import CaptionsRecipe, Seen, train_captions
from export.eye.convert import TaughtEye, Vocabularies, convert
from export.eye.quick import open_front, open_tails
from export.eye.tail import Painted, TailRecipe, Taught, defect_logits, train_tail
from export.eye.tokenizer import make_tokenizer
from export.eye.tower import ImageTower, logit_columns
from export.eye.trunk import Trunk, map_side
from export.eye.words import WordsRecipe, WordTargets, train_words
from export.products.canvases import Canvases
from export.products.product import Product
from export.products.sampler import write_samples
from export.products.wording import EVIDENCE, HIGHEST_LEVEL, LOWEST_LEVEL, Wording, wording_of
from export.progress import Report
from export.teach.stages import Stages

TAILS_BATCH = 16
CHECKED = 400
"""Painted pictures on which int8 is compared with fp32 and the foils are found."""

PAINT = Step("painted", ("export.products.sampler",))
LOOK = Step("front", ("edge.picture.preprocess",))
TAIL = Step("tail", ("export.eye.tail",))
EYE = Step("eye", ("export.eye.convert", "export.eye.words", "export.eye.captions", "export.eye.tower", "export.products.wording"))
"""The code of the trunk counts in these three, too."""


@dataclass(frozen=True, slots=True)
class EyeEffort:
    """How much is painted and learned; `tails` are the seeds of the tails, whose mean judges. For the words, half as much is painted."""

    painted: int
    tails: tuple[int, ...]
    tail: TailRecipe = field(default_factory=TailRecipe)
    words: WordsRecipe = field(default_factory=WordsRecipe)
    captions: CaptionsRecipe = field(default_factory=CaptionsRecipe)


@dataclass(frozen=True, slots=True, eq=False)
class Ground:
    """What is painted on: good pictures, and their files."""

    canvases: Canvases
    files: tuple[Path, ...]


class EyeStages:
    """The stages of one product's eye, in a cache: what was made with the same pictures, choices and code is not made again.

    The tails learn from what is painted on `tails`; words and captions, which hear the tails, from what is painted on `words`.
    """

    def __init__(
        self, product: Product, trunk: Trunk, tails: Ground, words: Ground, *, effort: EyeEffort, seed: int, stages: Stages, report: Report
    ) -> None:
        self._product, self._trunk, self._tails, self._words, self._effort, self._seed = product, trunk, tails, words, effort, seed
        self._stages, self._report = stages, report
        self._decides: dict[str, Any] = {"product": product.model_dump(mode="json"), "seed": seed}

    def painted(self) -> Path:
        """Painted samples for the tails: the arrays of `export.products.sampler.write_samples`."""
        return self._painted(self._tails, self._effort.painted, first=0, title="painted")

    def _painted_for_words(self) -> Path:
        return self._painted(self._words, self._effort.painted // 2, first=self._effort.painted, title="painted for the words")

    def _painted(self, ground: Ground, count: int, *, first: int, title: str) -> Path:
        def make(folder: Path) -> None:
            write_samples(folder, self._product, ground.canvases, count=count, seed=self._seed, report=self._report, first=first)

        settings = self._decides | {"weights": ground.canvases.weights.tolist(), "painted": count, "first": first}
        return self._stages.made(PAINT, make, inputs=ground.files, settings=settings, title=title)

    def _front(self, painted: Path, title: str) -> Path:
        """`front.npy`, the frozen front's features of painted samples, float16 (N, *trunk.shape)."""

        def make(folder: Path) -> None:
            pixels = np.load(painted / "pixels.npy", mmap_mode="r")
            rows = new_array(folder / "front.npy", np.float16, (len(pixels), *self._trunk.shape))
            look = open_front(self._trunk)
            for first, part in _parts(pixels, self._trunk.batch):
                rows[first : first + len(part)] = look(self._pixel_values(part))
                self._report(f"looking at {first + len(part)} of {len(pixels)} painted pictures")
            rows.flush()

        settings = self._trunk.preprocess.model_dump(mode="json")
        return self._stages.made(
            self._on_trunk(LOOK), make, inputs=(painted / "pixels.npy", *self._trunk.files), settings=settings, title=title
        )

    def _on_trunk(self, step: Step) -> Step:
        return replace(step, modules=(*step.modules, type(self._trunk).__module__))

    def tails(self) -> list[Taught]:
        """The taught tails."""
        return [self._tail(seed) for seed in self._effort.tails]

    def _tail(self, seed: int) -> Taught:
        painted = self.painted()
        front = self._front(painted, "front")
        kinds = len(self._product.defects)

        def make(folder: Path) -> None:
            shown = Painted(
                np.load(front / "front.npy", mmap_mode="r"),
                np.load(painted / "kinds.npy").astype(np.int64),
                np.load(painted / "patch_kinds.npy").astype(np.int64),
            )
            taught = train_tail(
                self._trunk,
                shown,
                kinds=kinds,
                recipe=self._effort.tail,
                seed=seed,
                report=lambda line: self._report(f"tail {seed}: {line}"),
            )
            kept = io.BytesIO()  # torch says nothing of use where the disk is full
            torch.save(taught.state_dict(), kept)
            (folder / "tail.pt").write_bytes(kept.getvalue())

        inputs = (front / "front.npy", painted / "kinds.npy", painted / "patch_kinds.npy")
        settings = {"recipe": asdict(self._effort.tail), "seed": seed, "kinds": kinds}
        path = self._stages.made(self._on_trunk(TAIL), make, inputs=inputs, settings=settings, title=f"tail {seed}")
        taught = Taught(self._trunk, kinds)
        taught.load_state_dict(torch.load(path / "tail.pt", weights_only=True))
        return taught.eval().requires_grad_(requires_grad=False)

    def artefacts(self) -> Path:
        """The folder that a bundle takes: graphs, vocabularies, foils, drafts, models.json."""
        tails = self.tails()
        painted = self._painted_for_words()
        front = self._front(painted, "front for the words")
        wording = wording_of(self._product)

        def make(folder: Path) -> None:
            self._teach_words_and_captions(
                folder, painted, np.load(front / "front.npy", mmap_mode="c"), tails, wording
            )  # torch warns of "r"

        settings = self._decides | {name: asdict(getattr(self._effort, name)) for name in ("tail", "words", "captions")}
        settings |= {"tails": list(self._effort.tails), "vocabulary": dict(wording.translations), "painted": self._effort.painted}
        inputs = (*self._tails.files, front / "front.npy", painted / "captions.json", *self._trunk.files)
        return self._stages.made(self._on_trunk(EYE), make, inputs=inputs, settings=settings)

    def _teach_words_and_captions(
        self, folder: Path, painted: Path, front: NDArray[np.float16], tails: Sequence[Taught], wording: Wording
    ) -> None:
        side = map_side(self._product.side_px)
        tokenizer = make_tokenizer(wording.corpus(np.random.default_rng(self._seed)))
        seen = self._seen(tails, front)
        targets = word_targets(wording, np.load(painted / "words.npy"), defect_logits(tails, front), np.load(painted / "kinds.npy"))
        projection, words = train_words(
            seen.pooled, targets, wording.words, tokenizer, exact=logit_columns(len(self._product.defects), len(tails)),
            recipe=self._effort.words, seed=self._seed, report=lambda line: self._report(f"words: {line}"),
        )  # fmt: skip
        captions: list[str] = json.loads((painted / "captions.json").read_text(encoding="utf-8"))
        tower = self._trunk.front()
        blip = train_captions(
            tower, tails, seen, captions, tokenizer, image_size=self._product.side_px,
            recipe=self._effort.captions, seed=self._seed, report=lambda line: self._report(f"captions: {line}"),
        )  # fmt: skip
        image = ImageTower(tower, tails, projection, side=side, known=self._trunk.known).eval()
        eye = TaughtEye(image, words, blip, tokenizer, self._trunk.preprocess)
        pixels = self._pixel_values(np.load(painted / "pixels.npy", mmap_mode="r")[:CHECKED])
        glosses = wording.translations
        vocabularies = Vocabularies({word: glosses[word] for word in wording.tags}, {word: glosses[word] for word in wording.attributes})
        truths = np.where(targets.degrees() < 0, -1, targets.degrees() > 0.5).astype(np.int8)[:CHECKED]
        drafts = sorted(set(captions), key=lambda text: (-captions.count(text), text))[:DRAFTS]
        self._report("converting the eye")
        convert(eye, vocabularies, pixels, truths, drafts, folder)

    def _seen(self, tails: Sequence[Taught], front: NDArray[np.float16]) -> Seen:
        """What the tails see of pictures, from the front's features: looked at once, as each caption step would take as long again."""
        look, pooled, maps = open_tails(self._trunk, tails), [], []
        for _, part in _parts(front, TAILS_BATCH):
            whole, places = look(part)
            pooled.append(whole)
            maps.append(places.astype(np.float16))
        return Seen(np.concatenate(pooled), np.concatenate(maps))

    def _pixel_values(self, pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Preprocess pictures as the box does: uint8 (N, S, S) or (N, S, S, 3) to float32 (N, 3, S, S)."""
        colour = (np.repeat(picture[:, :, None], 3, 2) if picture.ndim == 2 else picture for picture in pictures)
        return np.concatenate([pixel_values(picture, self._trunk.preprocess) for picture in colour])


DRAFTS = 400
"""Likely captions that the decoder of a box may take in one step."""


def word_targets(wording: Wording, truths: NDArray[np.int8], logits: NDArray[np.float64], kinds: NDArray[np.uint8]) -> WordTargets:
    """The targets of all words; the levels of the thermometer are evenly spaced between logits of intact and of defective painted pictures.

    So a picture of a new condition, which looks more damaged than a good one and less than most defects, falls between two of them as well.

    `truths` int8 (N, words), `logits` float64 (N,) and `kinds` uint8 (N,), 0 for intact, are those of painted pictures.
    """
    lowest, highest = np.quantile(logits[kinds == 0], LOWEST_LEVEL), np.quantile(logits[kinds > 0], HIGHEST_LEVEL)
    levels = np.linspace(lowest, max(lowest, highest), len(EVIDENCE))
    rises = np.array([one.of == "damaged" for one in EVIDENCE])
    return WordTargets(truths, logits, [wording.words.index(one.text) for one in EVIDENCE], levels, rises)


def _parts(rows: NDArray[Any], size: int) -> Iterator[tuple[int, NDArray[Any]]]:
    for first in range(0, len(rows), size):
        yield first, rows[first : first + size]
