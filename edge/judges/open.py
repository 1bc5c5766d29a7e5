"""Judges: words to a probability for each label."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from firmware_config.calibration import labels_of, read_calibration

if TYPE_CHECKING:
    from edge.bundle.open import Bundle
    from edge.interfaces import Judge
    from edge.judges.calibrated import CalibratedJudge
    from edge.judges.label_judge import LabelJudge
    from edge.judges.language_model import LanguageModel
    from edge.judges.prompt import Example
    from firmware_config.board import Board
    from firmware_config.station import Station

MAX_TEMPLATE = 100_000
"""Characters; an instruction is some hundred words, and more would not fit into a context."""


def open_language_model(bundle: Bundle, *, board: Board) -> LanguageModel:
    """The language model of a bundle: its graph if it has one and the board keeps the model off a card, else its GGUF on llama.cpp.

    Raises:
        BundleError: it cannot be loaded on this board.
    """
    llm = bundle.manifest.llm
    model = bundle.path(llm.model)
    if llm.graph is not None and board.llm_gpu_layers == 0:
        from edge.judges.graph import GraphModel

        return GraphModel(bundle.path(llm.graph), vocabulary=model, board=board, context_tokens=llm.context_tokens)
    from edge.judges.llama import LlamaModel

    return LlamaModel(model, board=board, context_tokens=llm.context_tokens)


def open_judge(model: LanguageModel, *, bundle: Bundle, station: Station) -> Judge:
    """Make the judge of a station on a model that several stations may share.

    Raises:
        BundleError: as `open_plain_judge`.
        CalibrationError: the station's calibration cannot be read, or was fitted for another judge.
    """
    judge = open_plain_judge(model, bundle=bundle, station=station)
    return open_calibration(judge, bundle=bundle, station=station) or judge


def open_plain_judge(model: LanguageModel, *, bundle: Bundle, station: Station, examples: Sequence[Example] | None = None) -> LabelJudge:
    """The judge of a station without its calibration file; `examples` stand for those of its lessons.

    A temperature of the bundle was fitted on ranked words under its own template, as its describer says them: a station that judges
    otherwise, or reads filtered words or terms of its own, is uncalibrated.

    Raises:
        BundleError: the bundle lacks the station's template or adapter, or they, its labels or its examples do not fit the model.
    """
    from edge.errors import BundleError
    from edge.judges.label_judge import LabelJudge
    from edge.judges.prompt import Prompt
    from edge.judges.scoring import RANK, Method

    manifest, wanted = bundle.manifest, station.judge
    if wanted.adapter is not None and wanted.adapter not in manifest.llm.adapters:
        have = ", ".join(sorted(manifest.llm.adapters)) or "none"
        msg = f"station {station.station.name} asks for adapter {wanted.adapter!r}, bundle {manifest.name} has {have}"
        raise BundleError(msg)
    template = template_of(bundle, station)
    method = Method(wanted.method, wanted.score, wanted.answers)
    temperature = next((c.temperature for c in manifest.calibration if (c.adapter, c.template) == (wanted.adapter, wanted.template)), None)
    as_fitted = method == RANK and wanted.template_file is None and not station.describe.filter and not station.describe.terms
    adapter = manifest.llm.adapters[wanted.adapter] if wanted.adapter is not None else None
    examples = _examples(station) if examples is None else examples
    try:
        return LabelJudge(
            model,
            labels=station.labels,
            prompt=Prompt.parse(template, station.labels, examples=examples, answers=wanted.answers),
            adapter=bundle.path(adapter) if adapter is not None else None,
            temperature=temperature if as_fitted and not examples else None,
            method=method,
            adapter_digest=next((f"sha256:{file.sha256}" for file in manifest.files if file.path == adapter), None),
        )
    except BundleError as err:
        msg = f"station {station.station.name}, template {wanted.template_file or wanted.template}: {err}"
        raise BundleError(msg) from err


def open_calibration(judge: Judge, *, bundle: Bundle, station: Station) -> CalibratedJudge | None:
    """The judge with the station's calibration file; None if the station names none.

    Raises:
        CalibrationError: it cannot be read, or was fitted for another judge.
    """
    from edge.judges.calibrated import CalibratedJudge

    path = station.judge.calibration
    if path is None:
        return None
    return CalibratedJudge(
        judge,
        read_calibration(path),
        path=path,
        models=bundle.manifest.models_digest,
        describing=station.describing_digest,
        labels=labels_of(station.labels),
    )


def _examples(station: Station) -> Sequence[Example]:
    """What people taught the station."""
    from edge.errors import BundleError, LessonError
    from edge.judges.lessons import examples_of, read_lessons, taught

    if station.judge.lessons is None:
        return ()
    try:
        return examples_of(taught(read_lessons(station.judge.lessons, station=station.station.name)))
    except LessonError as err:
        msg = f"station {station.station.name}: {err}"
        raise BundleError(msg) from err


def template_of(bundle: Bundle, station: Station) -> str:
    """The text of the station's instruction template: its own file, or one of the bundle.

    Raises:
        BundleError: it is not there, too large, or not UTF-8.
    """
    from edge.errors import BundleError

    wanted, manifest = station.judge, bundle.manifest
    if wanted.template_file is None and wanted.template not in manifest.templates:
        have = ", ".join(sorted(manifest.templates)) or "none"
        msg = f"station {station.station.name} asks for template {wanted.template!r}, bundle {manifest.name} has {have}"
        raise BundleError(msg)
    path: Path = wanted.template_file or bundle.path(manifest.templates[wanted.template])
    try:
        with path.open(encoding="utf-8") as file:
            template = file.read(MAX_TEMPLATE + 1)
    except OSError as err:
        msg = f"instruction template {path} cannot be read ({err.strerror}): correct judge.template_file or put the file there"
        raise BundleError(msg) from err
    except UnicodeDecodeError as err:
        msg = f"instruction template {path} is not UTF-8 text: save it as UTF-8"
        raise BundleError(msg) from err
    if len(template) > MAX_TEMPLATE:
        msg = f"instruction template {path} has more than {MAX_TEMPLATE} characters: shorten it"
        raise BundleError(msg)
    return template
