"""Inspects the pictures of the study once, and decides on each with and without limits and memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone

import numpy as np
from tqdm import tqdm

from edge.bundle.open import Bundle
from edge.describers import open_vision_models
from edge.familiarity.learn import Learned
from edge.familiarity.memory import Memory
from edge.inspection.inspector import describe_picture
from edge.inspection.policy import decide, limits_of
from edge.interfaces import VisionModels
from edge.judges import open_language_model, open_station_judge
from edge.picture.exposure import Exposure, measure
from edge.picture.health import exposure_trouble
from edge.records import Decision, Degree, Frame, Reason
from edge.studies.known_pictures import Limit, learned_memory, limits, measure_pictures
from export.starter.cells import Cell, load_cells, training_cells
from export.studies.familiarity.pictures import Grey, changed_cells, no_parts, read_grey
from firmware_config.board import Board
from firmware_config.station import Picture, Station

FALSE_ALARM = 0.01


@dataclass(frozen=True, slots=True)
class Looked:
    """One picture: what the limits say, its distance, degree, and the decision without limits and memory, and with the memory."""

    exposure: Exposure
    gate: Reason | None
    distance: float
    degree: Degree
    without: Decision
    with_memory: Decision

    @property
    def with_gates(self) -> Decision:
        """The decision with the limits alone."""
        return self.without if self.gate is None else Decision.FAULT

    @property
    def with_all(self) -> Decision:
        """The decision with limits and memory."""
        return self.with_memory if self.gate is None else Decision.FAULT


@dataclass(frozen=True, slots=True)
class Study:
    """Sets of pictures by name, the cells in the order of the data set, and what was learned from the training cells."""

    sets: dict[str, tuple[Looked, ...]]
    no_parts: tuple[str, ...]
    cells: tuple[Cell, ...]
    looked: tuple[Looked, ...]
    learned: Learned
    limits: tuple[Limit, ...]


def study(bundle: Bundle, board: Board, station: Station) -> Study:
    """Learn limits and memory from the training cells, then look at all cells and all other pictures.

    Raises:
        EdgeError: a model of the bundle cannot be run.
        StudyError: a package with pictures is missing.
    """
    vision = open_vision_models(bundle, board=board)
    training = training_cells()
    captures = [
        (_frame(read_grey(cell), cell.path.name), cell.probability == 0.0) for cell in tqdm(training, desc="learning", mininterval=10)
    ]
    known = measure_pictures(captures, station, vision)
    learned = learned_memory(known, vision, false_alarm=FALSE_ALARM)
    memory = Memory(learned.subspace, learned.new_condition, learned.unfamiliar, vision.graph_digest, "sha256:" + "0" * 64)
    found = tuple(limits(known.exposures))
    picture = Picture.model_validate(station.picture.model_dump() | {limit.key: limit.value for limit in found})
    look = _Looker(bundle, board, station, vision, memory, picture)
    outside = no_parts()
    sets = {name: look.at(pictures, name) for name, pictures in (outside | changed_cells(load_cells())).items()}
    cells = load_cells()
    return Study(sets, tuple(outside), cells, look.at([read_grey(cell) for cell in cells], "cells"), learned, found)


class _Looker:
    def __init__(self, bundle: Bundle, board: Board, station: Station, vision: VisionModels, memory: Memory, picture: Picture) -> None:
        judge = open_station_judge(open_language_model(bundle, board=board), bundle=bundle, station=station)
        self._station, self._picture, self._judge = station, picture, judge
        self._describer = vision.describer(station.describe, memory)
        self._limits = limits_of(station, judge.escape)

    def at(self, pictures: Sequence[Grey], name: str) -> tuple[Looked, ...]:
        return tuple(self._look(grey) for grey in tqdm(pictures, desc=name, mininterval=10))

    def _look(self, grey: Grey) -> Looked:
        frame = _frame(grey)
        description = describe_picture(frame, settings=self._station.picture, describer=self._describer)
        scores, familiarity = self._judge.score(description.words), description.familiarity
        if familiarity is None:
            msg = "the describer of the study has a memory, so it always says how familiar a picture is"
            raise AssertionError(msg)
        exposure = measure(frame.pixels)
        plain, known = (
            decide(one, scores, labels=self._station.labels, limits=self._limits).decision
            for one in (replace(description, familiarity=None), description)
        )
        trouble = exposure_trouble(exposure, self._picture)
        return Looked(exposure, trouble and trouble[0], familiarity.distance, familiarity.degree, plain, known)


def _frame(grey: Grey, name: str = "study") -> Frame:
    return Frame(np.repeat(grey[:, :, None], 3, axis=2), datetime.now(timezone.utc), 0, "study", 0, name)
