"""The page of a study in Markdown, English or Japanese, and its figures as JSON."""

from __future__ import annotations

import hashlib
import html
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from jinja2 import Environment, StrictUndefined
from pydantic import TypeAdapter

from export.agreement.box import BoxVerdicts
from export.agreement.errors import RatingsError
from export.agreement.interval import CONFIDENCE, Share, share_of
from export.agreement.kappa import Kappa
from export.agreement.limits import EFFECTIVENESS, FALSE_ALARM_RATE, KAPPA_GOOD, KAPPA_POOR, MISS_RATE, Grade
from export.agreement.tables import Rate, Tables
from export.agreement.texts import TEXTS, Language
from firmware_config.write import write_atomic

PAGE, FIGURES = "agreement.md", "agreement.json"
MOST_DIFFERING = 60
"""Parts that the page shows; the figures have all."""
MARKDOWN = re.compile(r"([\\`*_\[\]|~])")


@dataclass(frozen=True, slots=True)
class Source:
    """A file that the figures were made of."""

    name: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Report:
    """What stands in agreement.json."""

    schema: Literal["kotoba.agreement/1"]
    sources: tuple[Source, ...]
    confidence: float
    box: BoxVerdicts | None
    tables: Tables


def report_of(tables: Tables, *, box: BoxVerdicts | None, files: Sequence[Path]) -> Report:
    """Put the figures together with the names and digests of the files that they come from.

    Raises:
        RatingsError: a file cannot be read any more.
    """
    try:
        sources = tuple(Source(path.name, hashlib.sha256(path.read_bytes()).hexdigest()) for path in files)
    except OSError as err:
        msg = f"reading {err.filename}: {err.strerror}: leave the file in place while the page is made"
        raise RatingsError(msg) from err
    return Report("kotoba.agreement/1", sources, CONFIDENCE, box, tables)


def write_report(report: Report, folder: Path, language: Language) -> Path:
    """Write agreement.md and agreement.json into a folder; returns the page.

    Raises:
        RatingsError: the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_atomic(folder / FIGURES, TypeAdapter(Report).dump_json(report, indent=1) + b"\n")
        write_atomic(folder / PAGE, page(report, language).encode())
    except OSError as err:
        msg = f"writing the page to {folder}: {err.strerror}: give another folder or make room"
        raise RatingsError(msg) from err
    return folder / PAGE


def page(report: Report, language: Language) -> str:
    """The page; the same report gives the same text."""
    texts = TEXTS[language]
    pages = Environment(undefined=StrictUndefined, keep_trailing_newline=True, trim_blocks=True, lstrip_blocks=True)  # noqa: S701 -- Markdown
    pages.filters.update(name=named, share=_share, percent=_percent, rate=lambda rate: _rate(rate, texts.grades), kappa=_kappa, se=_figure)
    template = Path(__file__).with_name(f"page.{language}.md").read_text(encoding="utf-8")
    return pages.from_string(template).render(
        report=report,
        tables=report.tables,
        grades=texts.grades,
        most=MOST_DIFFERING,
        unseen=share_of(0, report.tables.bad_parts or 0).high,
        limits={"effectiveness": EFFECTIVENESS, "miss": MISS_RATE, "alarm": FALSE_ALARM_RATE, "good": KAPPA_GOOD, "poor": KAPPA_POOR},
    )


def named(text: str) -> str:
    """A name of somebody else inside Markdown: nothing in it is taken for a table, a link or HTML."""
    return MARKDOWN.sub(r"\\\1", html.escape("".join(one if one.isprintable() else "?" for one in text), quote=False))


def _percent(value: float) -> str:
    """Halves are rounded up, as people do: 6.25 % is 6.3 %."""
    return f"{math.floor(1000 * value + 0.5 + 1e-9) / 10:.1f} %"


def _share(share: Share | None) -> str:
    """Three cells: count, percent, interval."""
    if share is None or share.share is None or share.low is None or share.high is None:
        return "– | – | –"
    return f"{share.count} / {share.of} | {_percent(share.share)} | {_percent(share.low)} – {_percent(share.high)}"


def _rate(rate: Rate | None, grades: dict[Grade, str]) -> str:
    """Three cells: count, percent, grade."""
    return "– | – | –" if rate is None else f"{rate.count} / {rate.of} | {_percent(rate.rate)} | {grades[rate.grade]}"


def _kappa(kappa: Kappa | None) -> str:
    """Three cells: kappa, its standard error by the formula, and over parts."""
    return "– | – | –" if kappa is None else f"{_figure(kappa.value)} | {_figure(kappa.se)} | {_figure(kappa.se_parts)}"


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
