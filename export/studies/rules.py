"""Does a station follow a rule that is changed without training? `python -m export.studies.rules` writes docs/studies/rules.md.

Each rule makes some defective cells acceptable. A way to tell it to the station is good if the decision of exactly these cells becomes OK.
All decisions are taken as if the judge were calibrated, with the temperature of the station as it is.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from edge.bundle.open import Bundle
from edge.calibration.scales import probabilities
from edge.inspection.policy import decide, limits_of
from edge.judges import open_language_model, open_station_judge
from edge.judges.linear.file import read_linear
from edge.judges.linear.judge import LinearJudge
from edge.judges.prompt import Example, description_text
from edge.records import Decision, Description, Verdict
from edge.records import Scores as JudgeScores
from edge.spool.history import History, description_and_scores
from export.bundle.verify import opened
from export.spec import read_temperatures
from export.starter.cells import TRAINING, load_cells
from export.studies.errors import StudyError
from export.studies.template import fill, row, table
from firmware_config.board import Board, read_board
from firmware_config.digest import digest_of_values
from firmware_config.labels import Label
from firmware_config.obstacles import bundle_temperature
from firmware_config.signature import read_trusted_keys
from firmware_config.station import Station, read_station
from firmware_config.word_rules import WordRule
from firmware_config.write import write_atomic

CELLS, SEED = 500, 2026
LESSONS = 4
"""Cells of a rule that are given as examples; they are not counted."""

RULES = {
    "A": "A stain is acceptable: such a cell is functional.",
    "B": "A small dark area or region is acceptable, unless there is a crack: such a cell is functional.",
}

WORD_RULES: dict[str, dict[str, Any]] = {
    "A": {"name": "stains pass", "when": ["stain"], "where": ["tags"], "decision": "ok"},
    "B": {"name": "small dark areas pass", "when": ["small dark"], "unless": ["crack"], "decision": "ok"},
}
"""The two rules as a station may write them. No caption says "stain": the judge makes it of other words, and only tags hold it."""

TUNED, LINEAR = "language model with its adapter", "linear judge"
DECISION_ONLY = "`stain` with decision `ok`"


@dataclass(frozen=True, slots=True)
class Cells:
    """Stored descriptions and scores, the verdict on each, and for which of them each rule is meant."""

    descriptions: tuple[Description, ...]
    scores: tuple[JudgeScores, ...]
    verdicts: tuple[Verdict, ...]
    meant: Mapping[str, tuple[bool, ...]]

    @property
    def texts(self) -> list[str]:
        """The descriptions as the judge reads them."""
        return [description_text(one.words) for one in self.descriptions]


@dataclass(frozen=True, slots=True)
class Way:
    """One way to tell the station a rule; `judge` says who judges."""

    rule: str
    judge: str
    name: str
    station: Station
    examples: tuple[Example, ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """How many cells a rule is meant for, how many of these are OK before and after, and how many others became OK or lost it."""

    meant: int
    before: int
    followed: int
    others: int
    wrongly_ok: int
    wrongly_not_ok: int


def drawn() -> frozenset[str]:
    """The file names of the cells: half of them defective, drawn from those that trained no model."""
    trained, rng = {number for part in TRAINING for number in part}, random.Random(SEED)
    cells = [cell for cell in load_cells() if cell.row not in trained]
    halves = [[cell.path.name for cell in cells if cell.defective == defective] for defective in (False, True)]
    return frozenset(name for half in halves for name in rng.sample(half, CELLS // 2))


def read_cells(jsonl: Path, station: Station, temperature: float) -> Cells:
    """Read the drawn cells from the lines of `kotoba-edge inspect --jsonl`.

    Raises:
        StudyError: some of them are not there.
    """
    names, lines = drawn(), History(jsonl, is_spool=False).select(station=station.station.name)
    pairs = [description_and_scores(line) for line in lines if line.scores is not None and Path(line.source).name in names]
    if len(pairs) != len(names):
        msg = f"{jsonl} has {len(pairs)} of the {len(names)} drawn cells: inspect all cells with `kotoba-edge inspect --jsonl`"
        raise StudyError(msg)
    descriptions, scores = zip(*pairs, strict=True)
    verdicts = decided(station, descriptions, scores, temperature)
    return Cells(descriptions, scores, verdicts, meant_for(descriptions, verdicts))


def meant_for(descriptions: Sequence[Description], verdicts: Sequence[Verdict]) -> dict[str, tuple[bool, ...]]:
    """For which cells each rule is meant, by the verdicts before it: A for stains, B for cells whose captions say so."""
    captions = [" ".join(one.words.captions) for one in descriptions]
    ng = [verdict.decision is Decision.NG for verdict in verdicts]
    return {
        "A": tuple(bad and verdict.label == "stain" for bad, verdict in zip(ng, verdicts, strict=True)),
        "B": tuple(bad and "small dark" in text and "crack" not in text for bad, text in zip(ng, captions, strict=True)),
    }


def decided(
    station: Station, descriptions: Sequence[Description], scores: Sequence[JudgeScores], temperature: float
) -> tuple[Verdict, ...]:
    """Decide on each description as if the scores were calibrated with this temperature."""
    sure = [
        replace(one, probabilities=tuple(map(float, probabilities(np.array(one.log_likelihoods), temperature))), calibrated=True)
        for one in scores
    ]
    limits = limits_of(station, None)
    return tuple(decide(*pair, labels=station.labels, limits=limits) for pair in zip(descriptions, sure, strict=True))


def ways(judge: str, station: Station, cells: Cells, folder: Path, template: str) -> Iterator[Way]:
    """Every way to tell the rules to a station; `folder` takes the templates that are written."""
    meaning = "a soft dark spot; acceptable"
    yield Way("A", judge, f"`stain` with decision `ok` and the meaning {meaning!r}", relabelled(station, "stain", "ok", meaning))
    for rule, meaning in (("A", "no damage, or a stain"), ("B", "no damage, or only a small dark area")):
        yield Way(rule, judge, f"`functional` with the meaning {meaning!r}", relabelled(station, "functional", "ok", meaning))
    for rule, sentence in RULES.items():
        yield Way(rule, judge, "the rule as a sentence of the template", with_sentence(station, folder / f"{rule}.txt", template, sentence))
    path = folder / "examples.txt"
    path.write_text(template.replace("{description}", "{examples}{description}"), encoding="utf-8")
    for rule, meant in cells.meant.items():
        taught = {text: one.words for text, one, is_meant in zip(cells.texts, cells.descriptions, meant, strict=True) if is_meant}
        examples = tuple((words, "functional") for words in list(taught.values())[:LESSONS])
        yield Way(rule, judge, f"{len(examples)} of its cells as lessons", station.with_judge({"template_file": path}), examples)


def relabelled(station: Station, name: str, decision: str, meaning: str | None = None) -> Station:
    """The station with another decision of one label, and another meaning if one is given."""
    changes = {"decision": decision, **({} if meaning is None else {"meaning": meaning})}
    labels = tuple(Label.model_validate(one.model_dump() | changes) if one.name == name else one for one in station.labels)
    return station.model_copy(update={"labels": labels})


def with_sentence(station: Station, path: Path, template: str, sentence: str) -> Station:
    """The station with a sentence after the labels of its template, which is written to `path`."""
    path.write_text(template.replace("{labels}", "{labels}\n" + sentence), encoding="utf-8")
    return station.with_judge({"template_file": path})


def outcome(way: Way, cells: Cells, before: Sequence[Verdict], after: Sequence[Verdict]) -> Outcome:
    """Count what a way changed; cells that were given as examples are left out."""
    taught = {description_text(words) for words, _ in way.examples}
    counted = [
        (is_meant, old.decision is Decision.OK, new.decision is Decision.OK)
        for text, is_meant, old, new in zip(cells.texts, cells.meant[way.rule], before, after, strict=True)
        if text not in taught
    ]
    return Outcome(
        meant=sum(is_meant for is_meant, _, _ in counted),
        before=sum(is_meant and old for is_meant, old, _ in counted),
        followed=sum(is_meant and new for is_meant, _, new in counted),
        others=sum(not is_meant for is_meant, _, _ in counted),
        wrongly_ok=sum(new and not old and not is_meant for is_meant, old, new in counted),
        wrongly_not_ok=sum(old and not new and not is_meant for is_meant, old, new in counted),
    )


class Study:
    """Measures ways on one bundle. Log-likelihoods are kept in `work`: an interrupted study continues from there."""

    def __init__(self, bundle: Bundle, board: Board, cells: Cells, *, work: Path) -> None:
        self._bundle = bundle
        self._model = open_language_model(bundle, board=board)
        self._cells = cells
        self._work = work

    def scores(self, station: Station, examples: Sequence[Example] = ()) -> tuple[JudgeScores, ...]:
        """The scores of a station's judge for all cells; each text is judged once."""
        judge = open_station_judge(self._model, bundle=self._bundle, station=station, examples=examples)
        first = judge.score(self._cells.descriptions[0].words)
        kept = self._work / f"{digest_of_values([first.method, first.prompt, first.adapter]).removeprefix('sha256:')}.json"
        rows: dict[str, list[float]] = json.loads(kept.read_text(encoding="utf-8")) if kept.exists() else {}
        for text, one in zip(self._cells.texts, self._cells.descriptions, strict=True):
            if text not in rows:
                rows[text] = list(judge.score(one.words).log_likelihoods)
        write_atomic(kept, json.dumps(rows).encode())
        stored = zip(self._cells.texts, self._cells.scores, strict=True)
        return tuple(replace(one, log_likelihoods=tuple(rows[text])) for text, one in stored)

    def measure(self, station: Station, temperature: float, linear: Path | None) -> Iterator[tuple[Way, Outcome]]:
        """Measure every way with the station's language model, with rules, and with a linear judge if one is given."""
        bundle, cells = self._bundle, self._cells
        template = bundle.text(bundle.manifest.templates[station.judge.template])
        accepted = relabelled(station, "stain", "ok")
        way = Way("A", TUNED, DECISION_ONLY, accepted)
        yield way, outcome(way, cells, cells.verdicts, decided(accepted, cells.descriptions, cells.scores, temperature))
        for way in ways(TUNED, station, cells, self._work, template):
            after = decided(way.station, cells.descriptions, self.scores(way.station, way.examples), temperature)
            yield way, outcome(way, cells, cells.verdicts, after)
        if linear is not None:
            own = next(
                (one.temperature for one in read_temperatures(linear.parents[1]) if getattr(one, "linear", None) == linear.stem), 1.0
            )
            judge = LinearJudge(read_linear(linear), labels=[label.name for label in station.labels], temperature=own)
            scores = tuple(judge.score(one.words) for one in cells.descriptions)
            before, after = (decided(one, cells.descriptions, scores, own) for one in (station, accepted))
            own_cells = replace(cells, scores=scores, verdicts=before, meant=meant_for(cells.descriptions, before))
            way = Way("A", LINEAR, DECISION_ONLY, accepted)
            yield way, outcome(way, own_cells, before, after)
        for rule, values in WORD_RULES.items():
            ruled = station.model_copy(update={"rules": (WordRule.model_validate(values),)})
            way = Way(rule, "`[[rules]]`, before any judge", _as_toml(values), ruled)
            yield way, outcome(way, cells, cells.verdicts, decided(ruled, cells.descriptions, cells.scores, temperature))


def main() -> None:
    """Parse the command line, measure and write the page."""
    parser = argparse.ArgumentParser(prog="python -m export.studies.rules", description=__doc__)
    parser.add_argument("jsonl", type=Path, metavar="JSONL", help="The lines of `kotoba-edge inspect` over all cells.")
    parser.add_argument("--station", type=Path, required=True, metavar="FILE", help="The station file that they were inspected with.")
    parser.add_argument("--bundle", type=Path, required=True, metavar="DIR", help="The bundle.")
    parser.add_argument("--keys", type=Path, required=True, metavar="DIR", help="The folder of trusted public keys.")
    parser.add_argument("--linear", type=Path, metavar="FILE.json", help="A linear judge, to be measured as well. Default: none.")
    parser.add_argument("--work", type=Path, default=Path(".kotoba/rules"), metavar="DIR", help="Keeps scores. Default: %(default)s.")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.md", help="The page.")
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    station = read_station(options.station)
    with opened(options.bundle, trusted=read_trusted_keys(options.keys)) as bundle:
        temperature = bundle_temperature(station, bundle.manifest) or 1.0
        cells = read_cells(options.jsonl, station, temperature)
        study, rows = Study(bundle, read_board("cpu"), cells, work=options.work), []
        for way, found in study.measure(station, temperature, options.linear):
            rows.append(_row(way, found))
            print(rows[-1], flush=True)
        text = page(cells, rows, bundle=bundle)
    write_atomic(options.out, text.encode())


HEADS = ("rule", "judge", "how it is told", "meant cells that are OK (before)", "others that became OK", "others that lost their OK")


def page(cells: Cells, rows: Sequence[str], *, bundle: Bundle) -> str:
    """The page as Markdown."""
    return fill(
        Path(__file__).with_name("rules.md"),
        table=table(HEADS, list(rows)),
        cells=len(cells.descriptions),
        rule_a=RULES["A"],
        rule_b=RULES["B"],
        meant_a=sum(cells.meant["A"]),
        meant_b=sum(cells.meant["B"]),
        bundle=bundle.manifest.name,
        digest=bundle.digest,
    )


def _as_toml(values: Mapping[str, object]) -> str:
    return "`" + ", ".join(f"{key} = {json.dumps(value)}" for key, value in values.items() if key != "name") + "`"


def _row(way: Way, found: Outcome) -> str:
    followed = f"{found.followed} of {found.meant} ({found.before})"
    return row(way.rule, way.judge, way.name, followed, f"{found.wrongly_ok} of {found.others}", found.wrongly_not_ok)


if __name__ == "__main__":
    main()
