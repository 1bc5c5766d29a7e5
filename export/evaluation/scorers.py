"""Every scorer by its name. Those that learn for more than a moment are kept on disk."""

from __future__ import annotations

import hashlib
import io
import json
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from edge.judges.prompt import description_text
from export.cache.source_tree import SourceTree
from export.cache.steps import OUR_CODE, installed_version
from export.evaluation.case import Case, Scored
from export.evaluation.corpus import Corpus
from export.evaluation.judged import Judges, Kind, boxed
from export.evaluation.learned import measure_trees, probe, text_regression
from export.evaluation.plain import darkness, majority, patch_memory
from export.findings.scorers import Scorer
from firmware_config.write import write_atomic

ABLATIONS: dict[Scorer, tuple[Kind, ...]] = {
    "tuned_tags": ("tags",),
    "tuned_attributes": ("attributes",),
    "tuned_captions": ("captions",),
    "tuned_tags_attributes": ("tags", "attributes"),
    "tuned_tags_captions": ("tags", "captions"),
    "tuned_attributes_captions": ("attributes", "captions"),
}
KEPT: tuple[Scorer, ...] = ("text_regression", "vision_probe", "imagenet_probe", "measure_trees", "patch_memory")
"""Scorers whose scores are kept. Those of the language model are kept by the judge and the tuner that are given."""
LEARNING_CODE = ("export.evaluation.learned", "export.evaluation.plain")


class Scorers:
    """Scores cases. `folder` keeps scores, by a digest of the pictures, the split, the code and the libraries."""

    def __init__(self, folder: Path, judges: Judges) -> None:
        self._folder = folder
        self._judges = judges
        self._code = ""
        self._digests: dict[Corpus, str] = {}

    def score(self, scorer: Scorer, case: Case) -> Scored:
        """The scores of a scorer.

        Raises:
            NotMeasured: it cannot be measured on this case.
            OSError: the folder cannot be written.
        """
        return self._kept(scorer, case) if scorer in KEPT else self._made(scorer, case)

    def _made(self, scorer: Scorer, case: Case) -> Scored:  # noqa: C901, PLR0911, PLR0912 -- a table of names
        corpus, judges = case.corpus, self._judges
        if scorer in ABLATIONS:
            return judges.tuned(case, ABLATIONS[scorer])
        match scorer:
            case "box":
                return boxed(case, corpus.box)
            case "linear_box":
                return boxed(case, corpus.linear_box)
            case "tuned":
                return judges.tuned(case)
            case "zero_shot_rank":
                return judges.zero_shot(case, "sum")
            case "zero_shot_rank_mean":
                return judges.zero_shot(case, "mean")
            case "zero_shot_rank_calibrated":
                return judges.zero_shot(case, "calibrated")
            case "zero_shot_generate" | "tuned_generate":
                return judges.generated(case, tuned=scorer == "tuned_generate")
            case "neutral_labels":
                return judges.neutrally_tuned(case)
            case "shuffled":
                return judges.shuffled(case)
            case "fusion":
                return judges.fusion(case, self.score("vision_probe", case))
            case "text_regression":
                return text_regression(case)
            case "measure_trees":
                return measure_trees(case)
            case "vision_probe":
                return probe(case, corpus.vision)
            case "imagenet_probe":
                return probe(case, corpus.imagenet)
            case "patch_memory":
                return patch_memory(case)
            case "darkness":
                return darkness(case)
            case "majority":
                return majority(case)
        msg = f"there is no scorer {scorer!r}"
        raise ValueError(msg)

    def _kept(self, scorer: Scorer, case: Case) -> Scored:
        path = self._folder / f"{scorer}-{self._key(scorer, case)}.npz"
        if path.is_file():
            with np.load(path) as arrays:
                return Scored(arrays["validation"], arrays["target"])
        with threadpool_limits(limits=1):  # quicker on a busy machine, and sums in the same order on every one
            scored = self._made(scorer, case)
        content = io.BytesIO()
        np.savez(content, validation=scored.validation, target=scored.target)
        self._folder.mkdir(parents=True, exist_ok=True)
        write_atomic(path, content.getvalue())
        return scored

    def _key(self, scorer: Scorer, case: Case) -> str:
        digest = hashlib.sha256(
            f"{scorer} {case.seed} {case.extra.weight} {self._digest_of_code()} {self._digest_of(case.corpus)}".encode()
        )
        for part in (case.train, case.validation, case.target, case.extra.rows, case.extra.bad):
            digest.update(f" {len(part)} ".encode() + part.tobytes())
        return digest.hexdigest()[:32]

    def _digest_of_code(self) -> str:
        if not self._code:
            code = SourceTree(OUR_CODE).reached_from(LEARNING_CODE)
            libraries = {name: installed_version(name) for name in ("numpy", "scipy", "sklearn", "torch")}
            self._code = hashlib.sha256(json.dumps([code.sources, libraries], sort_keys=True).encode()).hexdigest()
        return self._code

    def _digest_of(self, corpus: Corpus) -> str:
        if corpus not in self._digests:
            digest = hashlib.sha256(json.dumps([description_text(one) for one in corpus.words]).encode())
            for array in (corpus.bad, corpus.vision, corpus.imagenet, corpus.measures, corpus.patches):
                if array is not None:
                    digest.update(f" {array.dtype} {array.shape} ".encode() + np.ascontiguousarray(array).tobytes())
            self._digests[corpus] = digest.hexdigest()
        return self._digests[corpus]
