"""The page that shows what was learnt: one HTML file with everything inside, without script or network, readable in print."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from jinja2 import Environment, StrictUndefined
from numpy.typing import NDArray

from edge.calibration.scales import probabilities
from edge.judges.linear.file import LinearModel, read_linear
from edge.picture.decode import read_picture
from edge.records import Words
from edge.texts.measured import japanese_of
from export.bundle.build import Built
from export.bundle.verify import unexpected
from export.products.sampler import PATCH_PX
from export.teach.checks import GROUPS, LANGUAGE_MODEL
from export.teach.describe import in_colour
from export.teach.figures import auroc, confusion
from export.teach.plan import Plan
from export.tuning.examples import Example, read_examples
from firmware_config.bundle import Golden
from firmware_config.write import write_atomic

TEMPLATE = Path(__file__).with_name("page.html")
THUMBNAIL_PX, JPEG_QUALITY = 160, 82
PAINTED_OF_A_KIND, MOST_PAINTED = 3, 36
SHOWN_OF_A_LABEL, SHOWN_GOOD, FARTHEST = 4, 8, 8
"""Checks of each label, held-out good pictures, and good pictures far from the memory that are shown."""
WEIGHTIEST = 10
FRAME_BGR = (31, 138, 217)
PAINTED, GOOD, LABELLED = GROUPS


@dataclass(frozen=True, slots=True)
class Made:
    """The folders of finished stages."""

    painted: Path
    memory: Path
    words: Path
    judges: Path


@dataclass(frozen=True, slots=True)
class Checked:
    """Pictures that checked the judges: `examples` with their words, and `said`, of each judge, log-likelihoods float64 (N, labels)."""

    group: str
    examples: Sequence[Example]
    said: Mapping[str, NDArray[np.float64]]
    folder: Path

    def thumbnail(self, number: int) -> str:
        """The picture of one example."""
        return _thumbnail(read_picture(self.folder / f"{self.group}-{number}.jpg"))


def write_page(path: Path, plan: Plan, made: Made, built: Built, took: Mapping[str, float], *, guarantee: str) -> None:
    """Write the page of a bundle that was taught; `took` has the seconds of each stage, `guarantee` says what its calibration guarantees.

    Raises:
        OSError, PictureError: a file of a stage or a good picture cannot be read, or the page cannot be written.
    """
    checked, product = _checked(plan, made), plan.product
    values = {
        "plan": plan, "product": product, "built": built, "made_at": datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        "wrong_golden": len(unexpected(built.golden, plan.labels)), "expected_golden": sum(map(_is_expected, built.golden)),
        "kinds_of": {label.name: [kind for kind in product.defects if plan.label_of[kind.name] == label.name] for label in plan.labels},
        "painted": list(_painted(plan, made.painted)), "painted_count": plan.effort.painted,
        "good": list(_shown(plan, checked[GOOD], SHOWN_GOOD)), "checks": list(_shown(plan, checked[PAINTED], SHOWN_OF_A_LABEL)),
        "labelled": list(_shown(plan, checked[LABELLED], SHOWN_OF_A_LABEL)),
        "figures": [_figures(plan, judge, checked) for judge in checked[PAINTED].said],
        "counts": {group: len(one.examples) for group, one in checked.items()},
        "confusions": [(title, confusion(plan.labels, one.examples, one.said[LANGUAGE_MODEL])) for title, one in _groups(checked)],
        "weights": list(_weightiest(plan, read_linear(made.judges / f"judges/{plan.spec.name}.json"))),
        "guarantee": guarantee,
        "farthest": list(_farthest(plan, made.memory)), "took": {name: seconds for name, seconds in took.items() if math.isfinite(seconds)},
    }  # fmt: skip
    pages = Environment(undefined=StrictUndefined, autoescape=True, trim_blocks=True, lstrip_blocks=True)
    pages.filters |= {"span": _span, "percent": lambda share: f"{100 * share:.0f} %"}
    write_atomic(path, pages.from_string(TEMPLATE.read_text(encoding="utf-8")).render(values).encode())


def _is_expected(entry: Golden) -> bool:
    return entry.expected is not None


def _checked(plan: Plan, made: Made) -> dict[str, Checked]:
    said = json.loads((made.judges / "checks.json").read_text(encoding="utf-8"))["log_likelihoods"]
    found = {}
    for group in GROUPS:
        path = made.words / f"{group}.jsonl"
        examples = read_examples(path, plan.labels) if path.stat().st_size else ()
        rows = {judge: np.array(scores, np.float64).reshape(-1, len(plan.labels)) for judge, scores in said[group].items()}
        found[group] = Checked(group, examples, rows, made.words / "pictures")
    return found


def _groups(checked: Mapping[str, Checked]) -> Iterator[tuple[str, Checked]]:
    titles = {PAINTED: ("painted checks", "描画した検査画像"), LABELLED: ("labelled checks", "ラベル付きの検査画像")}
    for group, title in titles.items():
        if checked[group].examples:
            yield " / ".join(title), checked[group]


def _figures(plan: Plan, judge: str, checked: Mapping[str, Checked]) -> dict[str, Any]:
    """The figures of one judge."""
    good = checked[GOOD]
    other = sum(plan.labels[row].name != plan.product.good.label for row in good.said[judge].argmax(-1))
    measured = {group: auroc(plan.labels, one.examples, one.said[judge]) for group, one in checked.items()}
    return {"judge": judge, "painted": measured[PAINTED], "labelled": measured[LABELLED], "other": other, "good": len(good.examples)}


def _painted(plan: Plan, folder: Path) -> Iterator[dict[str, Any]]:
    """Painted training pictures: some of each kind, the intact ones first."""
    names = ("pixels", "kinds", "patch_kinds", "words")
    pixels, kinds, patch_kinds, words = (np.load(folder / f"{name}.npy", mmap_mode="r") for name in names)
    captions: list[str] = json.loads((folder / "captions.json").read_text(encoding="utf-8"))
    each = max(1, min(PAINTED_OF_A_KIND, MOST_PAINTED // (1 + len(plan.product.defects))))
    for number in range(1 + len(plan.product.defects)):
        kind = plan.product.defects[number - 1] if number else None
        for row in np.flatnonzero(kinds == number)[:each]:
            true = [word for word, truth in zip(plan.wording.words, words[row], strict=True) if truth == 1]
            name, ja = (kind.name, kind.ja) if kind else ("intact", "異常なし")
            yield {
                "picture": _thumbnail(_outlined(pixels[row], patch_kinds[row])), "kind": name, "ja": ja, "caption": captions[row],
                "words": _glossed(plan, true),
            }  # fmt: skip


def _outlined(pixels: NDArray[np.uint8], patch_kinds: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A painted picture with a frame around its defects: a change of texture is hard to find for people too."""
    outlined = in_colour(pixels).copy()
    rows, columns = np.nonzero(patch_kinds)
    if len(rows):
        first, last = (
            (columns.min() * PATCH_PX, rows.min() * PATCH_PX),
            ((columns.max() + 1) * PATCH_PX - 1, (rows.max() + 1) * PATCH_PX - 1),
        )
        cv2.rectangle(outlined, first, last, FRAME_BGR, max(1, round(len(pixels) / THUMBNAIL_PX)))
    return outlined


def _shown(plan: Plan, checked: Checked, count: int) -> Iterator[dict[str, Any]]:
    """Some checks of each right label, half of them wrongly labelled ones where there are so many."""
    said = checked.said[LANGUAGE_MODEL]
    names = [plan.labels[row].name for row in said.argmax(-1)]
    right = [name in example.allowed for name, example in zip(names, checked.examples, strict=True)]
    for allowed in sorted({example.allowed for example in checked.examples}):
        rows = [row for row, example in enumerate(checked.examples) if example.allowed == allowed]
        wrong = [row for row in rows if not right[row]]
        fine = [row for row in rows if right[row]]
        some = wrong[: max(count // 2, count - len(fine))]
        for row in some + fine[: count - len(some)]:
            example, scores = checked.examples[row], said[row]
            yield {
                "picture": checked.thumbnail(row), "source": example.source, "right": right[row], "allowed": " / ".join(allowed),
                "label": names[row], "probability": float(probabilities(scores).max()),
                "others": {judge: plan.labels[int(rows_of[row].argmax())].name for judge, rows_of in checked.said.items()},
                **_words(plan, example.words),
            }  # fmt: skip


def _words(plan: Plan, words: Words) -> dict[str, Any]:
    return {
        "tags": _glossed(plan, [tag.word for tag in words.tags][:6]),
        "attributes": _glossed(plan, [tag.word for tag in words.attributes][:4]),
        "measured": [(one.word, japanese_of(one.word)) for one in words.measured],
        "captions": words.captions,
    }


def _glossed(plan: Plan, words: Sequence[str]) -> list[tuple[str, str]]:
    return [(word, plan.wording.translations[word]) for word in words]


def _weightiest(plan: Plan, linear: LinearModel) -> Iterator[tuple[str, list[tuple[str, str, float]]]]:
    """For each label the terms that speak most for it: the weight above the mean of all labels, times how rare the term is."""
    glosses = {word.casefold(): ja for word, ja in plan.wording.translations.items()}
    for column, label in enumerate(linear.labels):
        weighed = [
            (name, term.idf * (term.weights[column] - math.fsum(term.weights) / len(term.weights))) for name, term in linear.terms.items()
        ]
        most = sorted(weighed, key=lambda one: (-one[1], one[0]))[:WEIGHTIEST]
        yield label, [(name, glosses.get(name, ""), weight) for name, weight in most if weight > 0]


def _farthest(plan: Plan, memory: Path) -> Iterator[dict[str, Any]]:
    """The good pictures that are least like the others."""
    distances = json.loads((memory / "distances.json").read_text(encoding="utf-8"))
    middle = float(np.median(distances))
    good = [path for domain in plan.domains for path in domain.paths]
    for row in np.argsort(distances)[::-1][:FARTHEST]:
        yield {"picture": _thumbnail(read_picture(good[row])), "path": str(good[row]), "times": distances[row] / middle}


def _thumbnail(pixels: NDArray[np.uint8]) -> str:
    """A data URL of a picture, grey or BGR."""
    scale = THUMBNAIL_PX / max(pixels.shape[:2])
    size = tuple(max(1, round(side * scale)) for side in pixels.shape[1::-1])
    small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_NEAREST)
    raw = cv2.imencode(".jpg", small, (cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY))[1].tobytes()
    return f"data:image/jpeg;base64,{base64.b64encode(raw).decode()}"


def _span(seconds: float) -> str:
    """A time as people say it."""
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
