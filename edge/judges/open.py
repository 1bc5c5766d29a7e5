"""Opens the language model of a bundle, where a station needs it, and the judge of a station.

The modules that need llama.cpp or onnxruntime are imported inside the functions: `edge.judges.prompt` and `edge.judges.lessons` are read by
commands that judge nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from edge.errors import BundleError, LessonError
from firmware_config.bundle_parts import missing_adapter, missing_linear, tuned_part_digest
from firmware_config.calibration import Calibration, FittedFor, labels_of, read_calibration
from firmware_config.obstacles import bundle_temperature

if TYPE_CHECKING:
    from edge.bundle.open import Bundle
    from edge.judges.label_judge import LabelJudge
    from edge.judges.language_model import LanguageModel
    from edge.judges.linear.judge import LinearJudge
    from edge.judges.prompt import Example
    from edge.judges.scoring import Scoring
    from edge.judges.station_judge import LabelScorer, StationJudge
    from firmware_config.board import Board
    from firmware_config.station import Station


def open_language_model(bundle: Bundle, *, board: Board) -> LanguageModel:
    """Load the language model of a bundle, once for all stations.

    The ONNX graph judges where the bundle has one and the board keeps the model off a GPU (`llm_gpu_layers = 0`); else llama.cpp with the
    GGUF: docs/decisions/0008-the-judge-as-a-graph.md.

    Raises:
        BundleError: it cannot be loaded on this board, or the board puts layers on a GPU which this llama.cpp cannot use.
    """
    llm = bundle.manifest.llm
    gguf = bundle.file(llm.model)
    if llm.graph is not None and board.llm_gpu_layers == 0:
        from edge.judges.graph import GraphModel

        return GraphModel(bundle.file(llm.graph), vocabulary=gguf, board=board, context_tokens=llm.context_tokens)
    from edge.judges.language_model import require_offload
    from edge.judges.llama import LlamaModel

    require_offload(board.llm_gpu_layers)
    return LlamaModel(gguf, board=board, context_tokens=llm.context_tokens)


def open_needed_model(bundle: Bundle, stations: Sequence[Station], *, board: Board) -> LanguageModel | None:
    """Load the language model of a bundle, unless every station is judged by a linear judge: then None, which saves its memory.

    Raises:
        BundleError: as `open_language_model`.
    """
    return None if all(station.judge.method == "linear" for station in stations) else open_language_model(bundle, board=board)


def open_station_judge(
    model: LanguageModel | None,
    *,
    bundle: Bundle,
    station: Station,
    examples: Sequence[Example] | None = None,
    on_lookup: Callable[[bool], None] | None = None,
) -> StationJudge:
    """Make the judge of a station on a model that several stations may share; a linear judge needs none.

    `examples` replace those of the station's lessons. With `on_lookup` the judge caches scores (`[judge] cached_scores`) and calls it for
    each judgement, with True for scores from the cache; without it each call runs the model.

    Raises:
        BundleError: the bundle lacks the station's template, adapter or linear judge; or they, its labels or its examples do not fit the
            model; or `model` is None and the station needs it.
        CalibrationError: the station's calibration cannot be read, or was fitted for another judge.
    """
    from edge.judges.station_judge import StationJudge

    judge = _scorer(model, bundle, station, lesson_examples(station) if examples is None else examples)
    calibration = _calibration(judge, bundle, station)
    if on_lookup is None:
        return StationJudge(judge, calibration=calibration)
    return StationJudge(judge, calibration=calibration, cached_scores=station.judge.cached_scores, on_lookup=on_lookup)


def _scorer(model: LanguageModel | None, bundle: Bundle, station: Station, examples: Sequence[Example]) -> LabelScorer:
    method = station.judge.method
    if method == "linear":
        return _linear_judge(bundle, station, examples)
    if model is None:
        msg = f"station {station.station.name} judges with the language model, which was not loaded: report this as a bug"
        raise BundleError(msg)
    return _label_judge(model, bundle, station, examples, scoring=method)


def _linear_judge(bundle: Bundle, station: Station, examples: Sequence[Example]) -> LinearJudge:
    from edge.judges.linear.file import read_linear
    from edge.judges.linear.judge import LinearJudge

    name, missing = station.station.name, missing_linear(station, bundle.manifest)
    if missing is not None:
        raise BundleError(missing)
    if examples:
        msg = (
            f"station {name} has {len(examples)} lessons that are examples, which a linear judge does not read: undo them with "
            "`kotoba-edge learn undo`, or remove [judge] lessons"
        )
        raise BundleError(msg)
    model = read_linear(bundle.file(bundle.manifest.linear[station.judge.linear or ""]))
    temperature, digest = bundle_temperature(station, bundle.manifest), tuned_part_digest(station, bundle.manifest)
    try:
        return LinearJudge(model, labels=[label.name for label in station.labels], temperature=temperature, digest=digest)
    except BundleError as err:
        msg = f"station {name}, linear judge {station.judge.linear}: {err}"
        raise BundleError(msg) from err


def _label_judge(model: LanguageModel, bundle: Bundle, station: Station, examples: Sequence[Example], *, scoring: Scoring) -> LabelJudge:
    from edge.judges.label_judge import LabelJudge
    from edge.judges.prompt import Prompt
    from edge.judges.template import read_template

    settings, missing = station.judge, missing_adapter(station, bundle.manifest)
    if missing is not None:
        raise BundleError(missing)
    adapter = None if settings.adapter is None else bundle.file(bundle.manifest.llm.adapters[settings.adapter])
    template = read_template(bundle, station)
    try:
        return LabelJudge(
            model,
            labels=station.labels,
            prompt=Prompt.parse(template, station.labels, examples=examples),
            adapter=adapter,
            temperature=bundle_temperature(station, bundle.manifest, is_taught=bool(examples)),
            scoring=scoring,
            adapter_digest=tuned_part_digest(station, bundle.manifest),
        )
    except BundleError as err:
        msg = f"station {station.station.name}, template {settings.template_file or settings.template}: {err}"
        raise BundleError(msg) from err


def lesson_examples(station: Station) -> Sequence[Example]:
    """The examples that the station's lessons give its judge; none without lessons.

    Raises:
        BundleError: the lessons cannot be read.
    """
    from edge.judges.lessons import active_lessons, examples_of, read_lessons

    if station.judge.lessons is None:
        return ()
    try:
        return examples_of(active_lessons(read_lessons(station.judge.lessons, station=station.station.name)))
    except LessonError as err:
        msg = f"station {station.station.name}: {err}"
        raise BundleError(msg) from err


def _calibration(judge: LabelScorer, bundle: Bundle, station: Station) -> Calibration | None:
    path = station.judge.calibration
    if path is None:
        return None
    calibration = read_calibration(bundle.file_at(path))
    calibration.require_fitted_for(
        FittedFor(
            models=bundle.manifest.models_digest,
            prompt=judge.prompt_digest,
            adapter=judge.adapter_digest,
            method=judge.scoring,
            describing=station.describing_digest,
            labels=labels_of(station.labels),
        ),
        path=path,
    )
    return calibration
