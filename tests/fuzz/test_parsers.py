"""Damaged and made up bytes in every parser: each returns, or refuses in its own words, in bounded time and memory."""

from __future__ import annotations

import random
import re
import resource
import tempfile
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.support.mutations import FILLS, WIDTHS, mutated
from tests.support.parsers import Parser, parsers
from tests.support.repository import ROOT

LONGEST_S = 2.0
MOST_MEMORY_KIB = 600_000
"""More than before the test: decoders hold a picture of a million pixels several times."""

LONGEST_REFUSAL = 1_000
"""Characters of a sentence."""

DAMAGES = 2_500
A_FIFTH = [pytest.param(0.2, marks=pytest.mark.long, id="a fifth"), pytest.param(1.0, marks=pytest.mark.soak, id="all")]

with tempfile.TemporaryDirectory() as _made:
    PARSERS = parsers(Path(_made))
BY_NAME = pytest.mark.parametrize("parser", PARSERS, ids=lambda parser: parser.name)


def holds(parser: Parser, raw: bytes, folder: Path) -> bool:
    """Whether the bytes were taken; any error but the parser's own ends the test."""
    refusal = None
    started = time.process_time()
    try:
        parser.parse(raw, folder)
    except parser.errors as err:
        refusal = str(err)
    assert time.process_time() - started < LONGEST_S, f"{parser.name} took too long for {raw[:200]!r} ({len(raw)} bytes)"
    assert refusal is None or (refusal and "\n" not in refusal and len(refusal) < LONGEST_REFUSAL), f"{parser.name}: {refusal!r}"
    return refusal is None


@BY_NAME
def test_a_sound_file_is_taken(parser: Parser, tmp_path: Path) -> None:
    for seed in parser.seeds:
        assert holds(parser, seed, tmp_path) or parser.name == "trusted key"


@BY_NAME
@pytest.mark.parametrize("share", A_FIFTH)
def test_a_damaged_file_is_taken_or_refused(parser: Parser, share: float, tmp_path: Path) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    refused = 0
    for number in range(int(DAMAGES * share)):
        raw = mutated(parser.seeds[number % len(parser.seeds)], random.Random(number))
        refused += not holds(parser, raw, tmp_path)
    assert refused or not parser.errors
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < MOST_MEMORY_KIB


@st.composite
def damaged(draw: st.DrawFn, seeds: tuple[bytes, ...]) -> bytes:
    """A sound file with some edits, which Hypothesis can make fewer and smaller; copied parts make it likelier to hold together."""
    out = bytearray(draw(st.sampled_from(seeds)))
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, len(out)))
        width = draw(st.sampled_from(WIDTHS))
        source = draw(st.integers(0, len(out)))
        kinds = (b"", draw(st.binary(max_size=16)), bytes(out[source : source + width]), draw(st.sampled_from(FILLS)) * width)
        out[at : at + draw(st.sampled_from((0, width)))] = draw(st.sampled_from(kinds))
    return bytes(out)


EXAMPLES = [pytest.param(100, marks=pytest.mark.long, id="100"), pytest.param(2_000, marks=pytest.mark.soak, id="2000")]


@BY_NAME
@pytest.mark.parametrize("examples", EXAMPLES)
def test_what_hypothesis_makes_up_is_taken_or_refused(parser: Parser, examples: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("fuzz")
    sound = st.sampled_from(parser.seeds)
    longer = st.builds(bytes.__add__, sound, st.binary(min_size=1, max_size=40))

    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=examples == 100,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
    )
    @given(raw=st.one_of(damaged(parser.seeds), longer, st.binary(max_size=200)))
    def check(raw: bytes) -> None:
        holds(parser, raw, folder)

    check()


def test_the_published_page_has_the_text_of_its_template_and_all_parsers() -> None:
    page = (ROOT / "docs/studies/hostile-input.md").read_text(encoding="utf-8")
    for fixed in re.split(r"\{\{ \w+ \}\}", (ROOT / "tests/support/hostile_page.md").read_text(encoding="utf-8")):
        assert fixed.strip() in page
    for parser in PARSERS:
        assert f"| {parser.name} | 2,500 |" in page
