"""The measured risk of the change gate: each picture once by the full path, then the gate played through for several limits.

Became OK: the gate's verdict is OK where that of the full path is not. With a truth also: defective pictures among these. The gate is the
very one of the describer; only BLIP's answers come from store. With a filter in the station, captions are reused as they stood after it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import ValidationError

from edge.commands.inspect_paths import captures_of
from edge.bundle.open import open_bundle
from edge.describers.clip import ClipTagger
from edge.describers.reuse import CaptionReuse, Look
from edge.errors import EdgeError
from edge.inspection.open import open_inspectors
from edge.records import Decision, Description, Frame, Verdict
from edge.studies.labelled import labels_of_truth, read_truth
from firmware_config.board import read_board
from firmware_config.calibration import labels_of
from firmware_config.errors import first_mistake
from firmware_config.settings import BoxSettings
from firmware_config.signature import read_trusted_keys
from firmware_config.station import Reuse, Station, read_station

Z = 1.959964
"""Of a 95 % interval."""
RULE_OF_THREE = 3.0
"""Upper 95 % limit of a rate of which nothing was seen in N: 3 / N."""


class StudyError(EdgeError):
    """The study cannot be made from what was given; says why in one sentence."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One picture by the full path; `defective` is None where the truth is not known."""

    look: Look
    description: Description
    decision: Decision
    blip_ms: float
    defective: bool | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What limits do on the pictures: counts, and milliseconds of BLIP saved in all."""

    limits: Reuse
    pictures: int
    reused: int
    changed: int
    became_ok: int
    defects: int
    missed: int
    saved_ms: float


def study(
    paths: Sequence[Path], *, station_file: Path, settings: BoxSettings, truth: Path | None, limits: Sequence[tuple[float, float]]
) -> list[Outcome]:
    """Inspect the pictures and play the gate through for each pair of limits (`max_grey`, `min_cosine`).

    Raises:
        ConfigError, BundleError, CameraError: what the command was told is wrong.
        StudyError: limits out of range, a file name that comes twice, or no healthy picture.
        TruthError: the truth cannot be read, or names a label that the station does not know.
    """
    chosen = [_limits(grey, cosine) for grey, cosine in limits]
    station = read_station(station_file)
    truths = None if truth is None else _read_truth(truth, station)
    captures = captures_of(paths, station.station.name)
    bundle, board = open_bundle(settings.bundle, trusted=read_trusted_keys(settings.keys)), read_board(settings.board)
    plain = _full_path(station)
    (inspector,) = open_inspectors(bundle, [plain], board=board)
    tagger = ClipTagger(bundle, board=board)
    seen = []
    for capture in captures:
        inspection = inspector.inspect(capture)
        if inspection.description is None or not isinstance(capture, Frame):
            continue  # a FAULT: the describer was not asked, or failed
        look = Look.at(pixels := inspector.cropped(capture).pixels, tagger.image_embeds(pixels))
        defective = None if truths is None else truths.get(Path(capture.source).name)
        blip_ms = dict(inspection.timings_ms).get("blip", 0.0)
        seen.append(Seen(look, replace(inspection.description, timings_ms=()), inspection.verdict.decision, blip_ms, defective))
    if not seen:
        msg = f"studying {', '.join(map(str, paths))}: no healthy picture is there: give pictures that `kotoba-edge inspect` can judge"
        raise StudyError(msg)
    judged: dict[Description, Verdict] = {}

    def verdict_on(description: Description) -> Verdict:
        if description not in judged:
            judged[description] = inspector.verdict_on(description)
        return judged[description]

    return [play(seen, one, verdict_on) for one in chosen]


def play(seen: Sequence[Seen], limits: Reuse, verdict_on: Callable[[Description], Verdict]) -> Outcome:
    """Play the gate through: what would have been reused, and what the verdicts would have been."""
    gate = CaptionReuse(limits)
    reused = changed = became_ok = missed = 0
    saved_ms = 0.0
    for one in seen:
        captions = gate.recall(one.look)
        if captions is None:
            gate.keep(one.look, one.description.captions)
            continue
        reused += 1
        saved_ms += one.blip_ms
        if captions == one.description.captions:
            continue
        decision = verdict_on(replace(one.description, captions=captions)).decision
        changed += decision is not one.decision
        turned = decision is Decision.OK and one.decision is not Decision.OK
        became_ok += turned
        missed += turned and one.defective is True
    defects = sum(one.defective is True for one in seen)
    return Outcome(limits, len(seen), reused, changed, became_ok, defects, missed, saved_ms)


def interval(count: int, of: int) -> str:
    """A share with its 95 % interval: Wilson's, or the rule of three where nothing was seen; too narrow where neighbours are alike."""
    if not of:
        return "none known"
    if not count:
        return f"0 (up to {min(1.0, RULE_OF_THREE / of):.2%})"
    share = count / of
    middle, spread = share + Z**2 / (2 * of), Z * math.sqrt(share * (1 - share) / of + Z**2 / (4 * of**2))
    low, high = ((middle + sign * spread) / (1 + Z**2 / of) for sign in (-1, 1))
    return f"{count}: {share:.2%} ({low:.2%} to {high:.2%})"


def _limits(max_grey: float, min_cosine: float) -> Reuse:
    try:
        return Reuse(max_grey=max_grey, min_cosine=min_cosine)
    except ValidationError as err:
        msg = f"limits {max_grey:g} and {min_cosine:g}: {first_mistake(err)}: correct the option"
        raise StudyError(msg) from err


def _full_path(station: Station) -> Station:
    """The station without a gate, and without a deadline: how fast this machine is must not decide."""
    describe = station.describe.model_copy(update={"reuse": None})
    return station.model_copy(update={"describe": describe, "trigger": station.trigger.model_copy(update={"deadline_ms": None})})


def _read_truth(path: Path, station: Station) -> dict[str, bool]:
    """Whether a picture is defective, by file name."""
    decisions = labels_of(station.labels)
    found: dict[str, bool] = {}
    for source, label in read_truth(path).items():
        name = Path(source).name
        if name in found:
            msg = f"truth {path} holds the file name {name} twice: give each picture a name of its own"
            raise StudyError(msg)
        found[name] = any(decisions[allowed] != "ok" for allowed in labels_of_truth(label, source, station))
    return found
