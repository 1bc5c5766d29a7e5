"""The linear judge: its numbers, what it refuses, and a station that uses it."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edge.bundle.open import Bundle, open_bundle
from edge.errors import BundleError, JudgeError
from edge.judges import open_needed_model, open_station_judge
from edge.judges.linear.file import MAX_LINEAR_BYTES, read_linear
from edge.judges.linear.judge import LinearJudge
from edge.judges.linear.terms import terms_of
from edge.records import Tag, Words
from firmware_config.board import Board
from firmware_config.calibration import FittedFor, labels_of, write_calibration
from firmware_config.errors import CalibrationError
from firmware_config.station import Station
from tests.support.calibrations import calibration
from tests.support.linear_models import linear_file, linear_model
from tests.support.sample_records import LABELS, station, words
from tests.support.tiny_bundle import TRUSTED, as_json, is_one_sentence, manifest_of, sound_files, write

LINEAR = {"method": "linear", "linear": "words"}


def test_a_label_is_scored_by_the_weights_of_the_words() -> None:
    judge = LinearJudge(linear_model(), labels=LABELS, temperature=None)

    scores = judge.score(Words((Tag("crack", 0.3),), (), ()))  # the text is "Tags: crack"

    length = math.hypot(1.0, 3.0)
    logits = [0.1 + (0.2 - 12.0) / length, (0.1 + 15.0) / length, -0.1]
    total = math.log(sum(map(math.exp, logits)))
    assert scores.log_likelihoods == pytest.approx([logit - total for logit in logits], abs=1e-12)
    assert scores.probabilities == pytest.approx([math.exp(logit - total) for logit in logits], abs=1e-12)
    assert (scores.method, scores.calibrated, scores.prompt, scores.prompt_tokens) == ("linear", False, None, 0)


def test_words_and_pairs_within_a_phrase_are_counted_and_a_pair_over_a_comma_is_none() -> None:
    assert terms_of("Tags: hairline crack, a Dark\u3000spot\n- x 5.0 cm") == [
        "tags", "hairline", "crack", "hairline crack", "dark", "spot", "dark spot", "cm",
    ]  # fmt: skip


def test_weights_add_up_to_the_difference_of_two_labels() -> None:
    judge = LinearJudge(linear_model(), labels=LABELS, temperature=2.0)
    scores = judge.score(words("a dark crack"))

    intercept, terms = judge.weigh(words("a dark crack"), "crack", "good")

    assert intercept + sum(terms.values()) == pytest.approx(scores.log_likelihoods[1] - scores.log_likelihoods[0], abs=1e-12)
    assert next(iter(terms)) == "crack"
    assert terms["crack"] > 0 > terms["intact"]


def test_a_station_may_have_fewer_labels_than_its_linear_judge_and_in_another_order() -> None:
    judge = LinearJudge(linear_model(), labels=("crack", "good"), temperature=1.0)
    scores = judge.score(words("a crack"))
    assert scores.labels == ("crack", "good")
    assert sum(scores.probabilities) == pytest.approx(1.0)


def test_a_label_that_the_judge_does_not_know_is_refused_with_both_lists() -> None:
    with pytest.raises(BundleError, match="'stain': it was fitted for good, crack, unclear, the station has good, stain") as caught:
        LinearJudge(linear_model(), labels=("good", "stain"), temperature=None)
    assert is_one_sentence(str(caught.value))


def test_words_of_which_none_is_known_are_not_judged() -> None:
    judge = LinearJudge(linear_model(), labels=LABELS, temperature=None)
    with pytest.raises(JudgeError, match="knows no word of the description"):
        judge.score(Words((Tag("割れ", 0.3),), (Tag("暗い", 0.3),), ("線状の割れ",)))


def changed(**values: object) -> bytes:
    return json.dumps(json.loads(linear_file(linear_model())) | values).encode()


WRONG: dict[str, tuple[bytes | None, str]] = {
    "no file": (None, "cannot be read"),
    "not JSON": (b"{", "it is not JSON"),
    "another schema": (changed(schema="kotoba.linear/2"), "schema"),
    "a weight too few": (changed(terms={"crack": {"idf": 2.0, "weights": [1.0, 2.0]}}), "'crack' has 2 weights for 3 labels"),
    "an intercept too many": (changed(intercepts=[0, 0, 0, 0]), "4 intercepts for 3 labels"),
    "a label twice": (changed(labels=["good", "crack", "good"]), "a label is listed twice"),
    "a weight that is not finite": (changed().replace(b"-4.0", b"NaN"), "it holds NaN"),
    "a term of three words": (
        changed(terms={"a long crack there": {"idf": 2.0, "weights": [1.0, 2.0, 3.0]}}),
        "no description can hold it",
    ),
    "no terms": (changed(terms={}), "terms"),
    "too large": (b" " * (MAX_LINEAR_BYTES + 1), "has more than"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_file_that_is_no_linear_judge_is_refused_in_one_sentence(tmp_path: Path, case: str) -> None:
    content, message = WRONG[case]
    if content is not None:
        (tmp_path / "words.json").write_bytes(content)
    with pytest.raises(BundleError, match=message) as caught:
        read_linear(tmp_path / "words.json")
    assert is_one_sentence(str(caught.value))


def bundle_with(root: Path, linear: bytes, *, temperatures: tuple[dict[str, Any], ...] = ()) -> Bundle:
    """A bundle with a linear judge; its language model cannot run."""
    files = {**sound_files(), "judges/words.json": linear}
    manifest = manifest_of(files) | {"linear": {"words": "judges/words.json"}, "temperatures": temperatures}
    root.mkdir()
    write(root, files, as_json(manifest))
    return open_bundle(root, trusted=TRUSTED)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    root = tmp_path_factory.mktemp("bundle") / "linear"
    return bundle_with(root, linear_file(linear_model()), temperatures=({"linear": "words", "temperature": 2.0},))


def test_no_language_model_is_loaded_where_every_station_has_a_linear_judge(bundle: Bundle) -> None:
    board = Board(name="test", providers=("cpu",), threads=1)

    assert open_needed_model(bundle, [station(judge=LINEAR)], board=board) is None
    with pytest.raises(BundleError):  # the language model of this bundle cannot be loaded
        open_needed_model(bundle, [station(judge=LINEAR), station("cell-02")], board=board)


def test_the_daemon_with_linear_judges_imports_no_llama() -> None:
    code = "import sys, edge.inspection.open, edge.judges.station_judge; sys.exit('llama_cpp' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0


def test_scores_of_a_station_name_the_file_and_take_the_temperature_of_its_bundle(bundle: Bundle) -> None:
    scores = open_station_judge(None, bundle=bundle, station=station(judge=LINEAR)).score(words())

    digest = next(file.sha256 for file in bundle.manifest.files if file.path == "judges/words.json")
    untempered = LinearJudge(linear_model(), labels=LABELS, temperature=2.0).score(words())
    assert (scores.method, scores.adapter, scores.calibrated) == ("linear", f"sha256:{digest}", True)
    assert scores.probabilities == untempered.probabilities


@pytest.mark.parametrize("describe", [{"filter": True}, {"terms": [{"name": "crack", "also": ["fissure"]}]}], ids=str)
def test_the_temperature_of_the_bundle_does_not_apply_to_words_that_the_station_changes(bundle: Bundle, describe: dict[str, Any]) -> None:
    assert not open_station_judge(None, bundle=bundle, station=station(judge=LINEAR, describe=describe)).score(words()).calibrated


def test_scores_are_cached_as_those_of_a_language_model(bundle: Bundle) -> None:
    lookups: list[bool] = []
    judge = open_station_judge(None, bundle=bundle, station=station(judge=LINEAR), on_lookup=lookups.append)
    assert judge.score(words()) is judge.score(words())
    assert lookups == [False, True]


def calibrated_station(bundle: Bundle, path: Path) -> Station:
    own = station(judge=LINEAR)
    scores = open_station_judge(None, bundle=bundle, station=own).score(words())
    fitted_for = FittedFor(
        models=bundle.manifest.models_digest, prompt=None, adapter=scores.adapter, method="linear",
        describing=own.describing_digest, labels=labels_of(own.labels),
    )  # fmt: skip
    write_calibration(path, calibration(fitted_for.model_dump()))
    return station(judge={**LINEAR, "calibration": path})


def test_a_calibration_of_a_linear_judge_is_valid_for_this_file_only(bundle: Bundle, tmp_path: Path) -> None:
    own = calibrated_station(bundle, tmp_path / "cell.json")
    other = bundle_with(tmp_path / "other", changed(intercepts=[0.0, 0.0, 0.0]))

    assert open_station_judge(None, bundle=bundle, station=own).score(words()).calibration is not None
    with pytest.raises(CalibrationError, match="fitted for adapter or linear judge sha256:") as caught:
        open_station_judge(None, bundle=other, station=own)
    assert is_one_sentence(str(caught.value))


UNFIT: dict[str, tuple[Callable[[Path], Bundle], Station, str]] = {
    "no such judge": (
        lambda root: bundle_with(root, linear_file(linear_model())),
        station(judge={"method": "linear", "linear": "other"}),
        "station cell-01 needs linear judge 'other', bundle tiny has words",
    ),
    "a judge for other labels": (
        lambda root: bundle_with(root, linear_file(linear_model(("good", "stain", "unclear")))),
        station(judge=LINEAR),
        "station cell-01, linear judge words: the linear judge does not know 'crack'",
    ),
    "a damaged judge": (lambda root: bundle_with(root, b"{}"), station(judge=LINEAR), r"linear judge .*words\.json: .*labels"),
}


@pytest.mark.parametrize("case", UNFIT)
def test_a_station_that_the_linear_judge_cannot_serve_is_refused(tmp_path: Path, case: str) -> None:
    make, own, message = UNFIT[case]
    with pytest.raises(BundleError, match=message) as caught:
        open_station_judge(None, bundle=make(tmp_path / "bundle"), station=own)
    assert is_one_sentence(str(caught.value))


def test_examples_are_refused_because_a_linear_judge_reads_none(bundle: Bundle) -> None:
    with pytest.raises(BundleError, match="1 lessons that are examples, which a linear judge does not read"):
        open_station_judge(None, bundle=bundle, station=station(judge=LINEAR), examples=[(words(), "crack")])
