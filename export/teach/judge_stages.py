"""The stages that teach the judge: a memory of good pictures, the words of painted and labelled ones, tunings, the linear judge."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from functools import cache
from itertools import chain
from pathlib import Path

from edge.bundle.open import Bundle
from edge.describers import open_vision_models
from edge.interfaces import Describer, Judge, VisionModels
from edge.judges.graph import GraphModel
from edge.judges.label_judge import LabelJudge
from edge.judges.language_model import Vocabulary
from edge.judges.linear.judge import LinearJudge
from edge.judges.prompt import Prompt
from export.cache import Step, sha256
from export.models.llm.graph import write_graph
from export.models.llm.steps import quantized_gguf
from export.products.canvases import read_canvases
from export.progress import Report
from export.teach.adapt import GROUP as UNLABELLED
from export.teach.adapt import adapted
from export.teach.checks import GROUPS, LANGUAGE_MODEL, LINEAR, RememberingJudge, write_checks
from export.teach.describe import Shown, painted_pictures, real_pictures, write_descriptions
from export.teach.memory import TaughtMemory
from export.teach.plan import Plan
from export.teach.stages import Stages
from export.teach.template import instruction
from export.tuning.average import average
from export.tuning.examples import Example, augmented, read_examples
from export.tuning.linear import fit_linear, write_linear
from export.tuning.temperature import measure_temperature, without_measured
from export.tuning.tune import Tuner, Tuning
from firmware_config.board import Board
from firmware_config.bundle import AdapterTemperature, Llm, Manifest
from firmware_config.station import Describe

MEMORY = Step("memory", ("export.teach.memory",))
WORDS = Step("described", ("export.teach.describe", "export.teach.memory", "edge.describers"))
TUNED = Step("tuned", ("export.tuning.tune", "export.tuning.examples"))
JUDGED = Step(
    "judges",
    (
        "export.tuning.average", "export.tuning.examples", "export.tuning.linear", "export.tuning.temperature", "export.teach.checks",
        "edge.judges",
    ),
)  # fmt: skip

TEMPLATE = "default"
WORD_DROPOUT, KIND_DROPOUT = 0.2, 0.3
"""Probabilities with which a word, and all words of a kind that the eye says, are dropped while the judge is tuned: docs/decisions/0007."""
COPIES = 3
"""The linear judge learns from the examples as they are and from so many augmented copies."""
LABELLED_PART = 0.3
"""Labelled pictures are repeated until they are about this part of the examples, each at most MOST_REPEATS times."""
MOST_REPEATS = 8
MOST_GOOD_CHECKS = 200
"""Held-out good pictures that are described."""
PAINTED_SEED, CHECKS_SEED, CALIBRATION_SEED = 100, 200, 300
"""Added to the seed: what is painted differs between what teaches, what checks and what calibrates."""

DESCRIBE = Describe(tags=16, attributes=8, samples=0, only_true=True, measured=True)
"""How the stations of a taught bundle describe, where they have a memory."""


class JudgeStages:
    """The stages of one product's judge, in a cache."""

    def __init__(self, plan: Plan, artefacts: Path, *, stages: Stages, board: Board, report: Report) -> None:
        self._plan, self._artefacts, self._stages, self._board, self._report = plan, artefacts, stages, board, report
        self._vision: VisionModels | None = None
        self._labels = plan.labels

    @property
    def _models(self) -> VisionModels:
        if self._vision is None:
            self._vision = open_vision_models(unsigned_bundle(self._artefacts), board=self._board)
        return self._vision

    @property
    def _good(self) -> tuple[Path, ...]:
        return tuple(path for domain in self._plan.domains for path in domain.paths)

    @property
    def _labelled(self) -> tuple[Path, ...]:
        return tuple(path for paths in self._plan.pictures.labelled.values() for path in paths)

    def memory(self, *, held_out: bool = True) -> Path:
        """The folder of `memory.json`, what a station knows, and `limits.json`, the limits of a healthy picture.

        They come from all good pictures, or from all that are not held out. What teaches and checks the judge is measured against memories
        that lack the picture itself.
        """
        good = self._good if held_out else tuple(path for domain in self._plan.domains for path in domain.training)

        def make(folder: Path) -> None:
            self._report("measuring good pictures")
            taught = TaughtMemory(self._models, self._plan.product.measured)
            taught.write(good, self._plan.pictures.unlabelled, folder, labelled=self._labelled)

        models = (self._artefacts / "models.json", self._artefacts / "clip/vision.onnx")
        inputs = (*models, *good, *self._plan.pictures.unlabelled, *self._labelled)
        settings = {"measured": self._plan.product.measured}
        return self._stages.made(
            MEMORY, make, inputs=inputs, settings=settings, title=None if held_out else "memory without the held-out ones"
        )

    def words(self) -> Path:
        """The folder of the words of painted and labelled pictures: painted.jsonl and labelled.jsonl teach, the two checks do not."""
        plan = self._plan
        labelled = self._labelled

        def make(folder: Path) -> None:
            taught, count = TaughtMemory(self._models, plan.product.measured), plan.effort.described
            painted = self._painted([domain.for_judge for domain in plan.domains], taught, count, self._seed + PAINTED_SEED)
            write_descriptions(painted, folder / "painted.jsonl", count=count, report=self._report)
            checks = self._painted([domain.held_out for domain in plan.domains], taught, count // 4, self._seed + CHECKS_SEED)
            write_descriptions(checks, folder / "checks.jsonl", count=count // 4, report=self._report, pictures=True)
            good = self._held_out_good()
            describer = self._describer(taught, {path for domain in plan.domains for path in domain.held_out})
            shown = ((one, describer) for one in real_pictures(good, (plan.product.good.label,)))
            write_descriptions(shown, folder / "good-checks.jsonl", count=len(good), report=self._report, pictures=True)
            everything = self._describer(taught, set())
            for name, is_held_out in (("labelled", False), ("labelled-checks", True)):
                shown = ((one, everything) for one in labelled_pictures(plan, held_out=is_held_out))
                write_descriptions(shown, folder / f"{name}.jsonl", count=len(labelled), report=self._report, pictures=is_held_out)
            if plan.spec.adapt is not None:
                names = tuple(label.name for label in self._labels)
                shown = ((one, everything) for one in real_pictures(plan.pictures.unlabelled, names))
                write_descriptions(shown, folder / f"{UNLABELLED}.jsonl", count=len(plan.pictures.unlabelled), report=self._report)

        decides = {
            "product": plan.product.model_dump(mode="json"), "labels": plan.label_of, "described": plan.effort.described,
            "held_out": plan.spec.held_out, "seed": self._seed, "describe": DESCRIBE.model_dump(mode="json"),
            "domains": [len(domain.paths) for domain in plan.domains],
            "labelled": {label: len(paths) for label, paths in plan.pictures.labelled.items()},
            "labelled_for": plan.spec.pictures.labelled_for,
            **({} if plan.spec.adapt is None else {"unlabelled": len(plan.pictures.unlabelled)}),
        }  # fmt: skip
        files = (self._artefacts / "models.json", self._artefacts / "clip/vision.onnx", self._artefacts / "blip/vision.onnx")
        return self._stages.made(WORDS, make, inputs=(*files, *self._good, *plan.pictures.unlabelled, *labelled), settings=decides)

    @property
    def _seed(self) -> int:
        return self._plan.spec.seeds[0]

    @property
    def _label_values(self) -> list[dict[str, object]]:
        return [label.model_dump(mode="json") for label in self._labels]

    def _painted(self, domains: Sequence[Sequence[Path]], taught: TaughtMemory, count: int, seed: int) -> Iterator[tuple[Shown, Describer]]:
        """Pictures painted on some of each domain, in the words of a memory that lacks these."""
        plan = self._plan
        describer = self._describer(taught, set(chain(*domains)))
        for one in painted_pictures(plan.product, read_canvases(plan.product, domains), plan.label_of, count=count, seed=seed):
            yield one, describer

    def _describer(self, taught: TaughtMemory, without: Collection[Path]) -> Describer:
        """As a station describes whose memory lacks some good pictures; without a memory nothing is measured."""
        memory = taught.learned([path for path in self._good if path not in without], self._plan.pictures.unlabelled)
        return self._models.describer(DESCRIBE.model_copy(update={"measured": memory is not None and self._plan.product.measured}), memory)

    def _held_out_good(self) -> list[Path]:
        """Good pictures that taught nothing, at most MOST_GOOD_CHECKS of them, evenly spaced."""
        paths = [path for domain in self._plan.domains for path in domain.held_out]
        count = min(MOST_GOOD_CHECKS, len(paths))
        return [paths[index * len(paths) // count] for index in range(count)]

    def examples(self) -> tuple[list[Example], list[Example]]:
        """What teaches the judges, labelled pictures as often as they count, and the checks that choose what is not learned."""
        painted, labelled, checks = (
            self._read(self.words(), name) for name in (("painted",), ("labelled",), ("checks", "labelled-checks"))
        )
        return [*painted, *(labelled * _repeats(len(labelled), len(painted)))], checks

    def judges(self) -> Path:
        """The folder of adapters/NAME.gguf, judges/NAME.json, templates/ and temperatures.json, adapted where the plan says so."""
        adapt = self._plan.spec.adapt
        if adapt is None:
            return self._judges(())
        unlabelled = self._read(self.words(), (UNLABELLED,))
        return adapted(self._judges, unlabelled, rounds=adapt.rounds, labels=self._labels, report=self._report)

    def _judges(self, more: Sequence[Example]) -> Path:
        """The judges that learn from painted and labelled pictures, and from some more examples."""
        plan, words = self._plan, self.words()
        gguf = quantized_gguf(plan.llm, plan.spec.llm.quantisation, cache=self._stages.cache, report=self._report)
        template = instruction(plan)
        taught, checks = self.examples()
        taught += more
        less = [augmented(taught, dropout=WORD_DROPOUT, kinds=KIND_DROPOUT, seed=self._seed + 6 + copy) for copy in range(COPIES)]
        examples, seeds = less[0], range(self._seed, self._seed + plan.effort.tunings)
        decides = {"more": [asdict(example) for example in more]} if more else {}
        tunings = self._tunings(gguf, template, examples, words, seeds, decides)
        groups = GROUPS if plan.spec.adapt is None else (*GROUPS, UNLABELLED)

        def make(folder: Path) -> None:
            (folder / "adapters").mkdir()
            (folder / "templates").mkdir()
            adapter = folder / f"adapters/{plan.spec.name}.gguf"
            average(tunings, adapter)
            (folder / f"templates/{TEMPLATE}.txt").write_text(template, encoding="utf-8")
            context = plan.spec.llm.context_tokens
            write_graph(gguf, folder / "model.onnx", self._board.llm_graph or "int8", context_tokens=context, adapters=[adapter])
            model = GraphModel(folder / "model.onnx", vocabulary=gguf, board=self._board, context_tokens=context)
            prompt = Prompt.parse(template, self._labels)
            judge = RememberingJudge(LabelJudge(model, labels=self._labels, prompt=prompt, adapter=adapter, temperature=None))
            fitted = measure_temperature(judge, self._labels, checks)
            measuring = plan.product.measured
            self._write_temperatures(folder, judge, fitted.temperature, checks)
            linear = fit_linear([*taught, *chain(*less)], checks, self._labels, measuring=measuring)
            write_linear(folder, plan.spec.name, linear)
            judges: dict[str, Judge] = {
                LANGUAGE_MODEL: judge,
                LINEAR: LinearJudge(linear.model, labels=linear.model.labels, temperature=None),
            }
            write_checks(folder / "checks.json", judges, {group: self._read(words, (group,)) for group in groups}, self._labels)
            (folder / "model.onnx").unlink()
            figures = {"judge_auroc": fitted.auroc, "linear_auroc": linear.auroc, "temperature": fitted.temperature}
            (folder / "figures.json").write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")

        settings: dict[str, object] = {"template": template, "name": plan.spec.name, "labels": self._label_values}
        settings |= {**decides, "dropout": (WORD_DROPOUT, KIND_DROPOUT), "copies": COPIES}
        examples_of = [words / f"{name}.jsonl" for name in ("painted", "labelled", *groups)]
        return self._stages.made(JUDGED, make, inputs=(gguf, *tunings, *examples_of), settings=settings)

    def _write_temperatures(self, folder: Path, judge: Judge, temperature: float, checks: Sequence[Example]) -> None:
        """Write that of the checks and, where something was measured, that of a station that measures nothing."""
        name, found = self._plan.spec.name, [(temperature, self._plan.product.measured)]
        if not any(example.words.measured for example in checks):
            found = [(temperature, False)]
        elif found[0][1] is not False:
            found.append((measure_temperature(judge, self._labels, without_measured(checks)).temperature, False))
        entries = [
            AdapterTemperature(adapter=name, template=TEMPLATE, temperature=round(one, 4), measured=measured) for one, measured in found
        ]
        values = [entry.model_dump(mode="json") for entry in entries]
        (folder / "temperatures.json").write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")

    def _read(self, words: Path, names: Sequence[str]) -> list[Example]:
        paths = [words / f"{name}.jsonl" for name in names]
        return [example for path in paths if path.stat().st_size for example in read_examples(path, self._labels)]

    def _tunings(
        self, gguf: Path, template: str, examples: Sequence[Example], words: Path, seeds: Iterable[int], decides: Mapping[str, object]
    ) -> list[Path]:
        """An adapter for each seed. The tuner is shared: what the frozen layers make of the examples is the same for all."""

        @cache
        def tuner() -> Tuner:
            return Tuner(gguf, vocabulary=Vocabulary.of_file(gguf), template=template, labels=self._labels)

        def tuned(seed: int) -> Path:
            def make(folder: Path) -> None:
                tuner().tune(examples, replace(Tuning(), seed=seed), report=lambda line: self._report(f"judge {seed}: {line}"))
                tuner().write(folder / "adapter.gguf")

            settings: dict[str, object] = {"template": template, "labels": self._label_values, **decides}
            settings |= {"seed": seed, "dropout": (WORD_DROPOUT, KIND_DROPOUT), "examples": len(examples)}
            inputs = (gguf, words / "painted.jsonl", words / "labelled.jsonl")
            return self._stages.made(TUNED, make, inputs=inputs, settings=settings, title=f"tuned {seed}") / "adapter.gguf"

        return [tuned(seed) for seed in seeds]


def labelled_pictures(plan: Plan, *, held_out: bool) -> Iterator[Shown]:
    """The labelled pictures that teach, or those that check: the last of each label, as one block, or all of them."""
    share = 1.0 if plan.spec.pictures.labelled_for == "checks" else plan.spec.held_out
    for label, paths in plan.pictures.labelled.items():
        first = len(paths) - round(share * len(paths))
        yield from real_pictures(paths[first:] if held_out else paths[:first], plan.allowed(label))


def _repeats(labelled: int, painted: int) -> int:
    """How often each labelled picture stands among the examples."""
    if not labelled:
        return 0
    return max(1, min(MOST_REPEATS, round(LABELLED_PART / (1 - LABELLED_PART) * painted / labelled)))


def unsigned_bundle(artefacts: Path) -> Bundle:
    """An unsigned bundle of the eye alone, so that its describer can be opened before there is a judge.

    The digests of its files are theirs: the memory of known pictures holds that of the graph.
    """
    models = json.loads((artefacts / "models.json").read_text(encoding="utf-8"))
    files = [path.relative_to(artefacts).as_posix() for path in sorted(artefacts.rglob("*")) if path.is_file()]
    listed = [
        {"path": path, "sha256": sha256(artefacts / path), "size": (artefacts / path).stat().st_size, "licence": "unsigned"}
        for path in files
    ]
    values = {"schema": "kotoba.bundle/1", "name": "unsigned", "bundle_version": 1, "key_id": "0" * 16, "templates": {}, "files": listed}
    describer = {"kind": "clip_blip", "clip": models["clip"], "blip": models["blip"]}
    manifest = Manifest.model_validate({**values, "describer": describer, "llm": Llm(model="llm/model.gguf")})
    return Bundle(artefacts, manifest, "unsigned", unsigned=True)
