"""A report says what was found and no more: the right decisions, names as they are, nothing where nothing was shown."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from export.findings.figures import Figure
from export.findings.findings import Findings, Reason
from export.report.answered import deciding, sentence, stopping
from export.report.html import html
from export.report.wording import Language, wording
from tests.support.piloted import bare_findings, findings


def text_of(found: Findings, folder: Path, *, language: Language = "en") -> str:
    page = html(found, folder, language=language, cost=None)
    return re.sub(r"<[^>]+>", " ", page[page.index("<body>") :])


def test_a_domain_with_the_name_of_a_method_keeps_its_name() -> None:
    values: dict[str, float | int | str] = {"count": 1, "of": 9, "share": 0.1, "low": 0.03, "high": 0.4, "limit": 0.02}

    said = sentence(Reason(code="domain_fails", values={"domain": "box", **values}), wording("ja"))

    assert said.startswith("box では")
    assert "日本語" in sentence(Reason(code="text_fools_it", values={"way": "japanese", **values}), wording("ja"))


def test_the_decisions_of_the_answer_are_found_though_another_rule_lets_as_many_escape() -> None:
    given = findings("no_go")
    (first, *_), installed = given.decided, [one for one in given.decided if one.rule == "calibrated"]
    calibrated = [one.model_copy(update={"overkill": one.overkill.model_copy(update={"count": 3})}) for one in installed]
    unseen = [one for one in calibrated if not one.seen]
    overkill = given.answer.overkill.model_copy(update={"count": 3 * len(unseen), "of": sum(one.overkill.of for one in unseen)})
    escape = given.answer.escape.model_copy(
        update={"count": sum(one.escape.count for one in unseen), "of": sum(one.escape.of for one in unseen)}
    )
    others = tuple(one for one in given.decided if one.rule == "as_it_comes")
    alike = {"decided": (*others, *calibrated), "answer": given.answer.model_copy(update={"escape": escape, "overkill": overkill})}

    group = deciding(given.model_copy(update=alike))

    assert group is not None
    assert (group.rule, first.rule) == ("calibrated", "as_it_comes")


def test_only_what_stops_a_pilot_stands_under_because() -> None:
    reasons = findings("no_go").answer.reasons
    assert [one.code for one in stopping(reasons)] == ["escape_above_limit", "domain_fails"]
    above = [Reason(code="review_above_limit", values={"low": low, "limit": 0.2}) for low in (0.3, 0.1)]
    assert list(stopping(above)) == above[:1]
    assert list(stopping(above[1:])) == above[1:]


def test_words_without_pictures_are_not_called_domains_that_all_taught(tmp_path: Path) -> None:
    said = text_of(bare_findings(), tmp_path)

    assert "words were given, and no pictures" in said
    assert "No domain was left out of the teaching" not in said


def test_without_an_interval_no_method_is_said_to_be_behind(tmp_path: Path) -> None:
    given = findings("not_enough")
    silent = [
        one.model_copy(update={"measured": tuple(measured.model_copy(update={"behind_reference": None}) for measured in one.measured)})
        for one in given.comparisons
    ]

    said = text_of(given.model_copy(update={"comparisons": tuple(silent)}), tmp_path)

    assert "is shown to be behind on more targets" not in said
    assert "could be given with an interval" in said


def test_more_escaped_parts_than_are_shown_are_counted(tmp_path: Path) -> None:
    given = findings("no_go")
    group = deciding(given)
    assert group is not None
    every = sum(one.escape.count for one in group.domains)

    said = text_of(given.model_copy(update={"escaped": given.escaped[:2]}), tmp_path)

    assert f"2 of {every} parts" in said


@pytest.mark.parametrize(
    ("language", "words"), [("en", ("in Japanese", "the whole")), ("ja", ("日本語", "全体", "検査", "学習側の検証データ"))]
)
def test_ways_stages_and_steps_have_names(tmp_path: Path, language: Language, words: tuple[str, ...]) -> None:
    given = findings("go")
    assert given.attack is not None
    assert given.latency is not None
    assert given.trust is not None
    named = given.model_copy(
        update={
            "attack": given.attack.model_copy(update={"ways": (given.attack.ways[0].model_copy(update={"way": "japanese"}),)}),
            "latency": given.latency.model_copy(update={"stages": (given.latency.stages[0].model_copy(update={"name": "whole"}),)}),
            "trust": given.trust.model_copy(update={"source": "source validation"}),
            "effort": given.effort.model_copy(update={"seconds": {"inspect": 3.0}}),
        }
    )

    said = text_of(named, tmp_path, language=language)

    assert [word for word in words if word not in said] == []
    assert ("source validation" in said) is (language == "en")


def test_a_station_that_allows_printed_text_is_not_said_to_have_found_none(tmp_path: Path) -> None:
    given = findings("go")
    assert given.attack is not None
    looked = text_of(given, tmp_path)
    allowed = given.model_copy(update={"attack": given.attack.model_copy(update={"looks_for_text": False})})

    said = text_of(allowed, tmp_path)

    assert ("text found" in looked, "allow_printed_text" in looked) == (True, False)
    assert ("text found" in said, "allow_printed_text = true" in said) == (False, True)


def test_a_pilot_of_the_text_protocol_alone_says_on_its_first_page_what_does_better(tmp_path: Path) -> None:
    given = findings("no_go")
    (only,) = (one for one in given.comparisons if one.protocol == "paper")
    ahead = [
        one.model_copy(update={"behind_reference": Figure(value=-0.05, low=-0.08, high=-0.02)}) if one.scorer == "vision_probe" else one
        for one in only.measured
    ]
    tuned = only.model_copy(update={"reference": "tuned", "measured": tuple(ahead)})

    said = text_of(given.model_copy(update={"comparisons": (tuned,)}), tmp_path)

    assert said.count("A simpler method does better than the language model: linear probe on CLIP, on 1 of 1 targets") == 2
    assert "compared no other method" in text_of(given.model_copy(update={"comparisons": ()}), tmp_path)
