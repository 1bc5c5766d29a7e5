"""A cost study as a folder: page.md, tornado.png and cost.json."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from edge.texts.cost import TEXTS, Texts
from export.cost.chart import tornado_png
from export.cost.inputs import Input
from export.cost.sentences import ends, plain, sentences, whole
from export.cost.study import Interval, Study
from export.errors import BuildError
from firmware_config.write import write_atomic

CHART = "tornado.png"


def write_study(study: Study, out: Path, language: str) -> None:
    """Write the three files into the folder `out`, which is made where it lacks. The same study gives the same bytes.

    Raises:
        BuildError: the folder cannot be written.
    """
    texts = TEXTS[language]
    files = {
        CHART: tornado_png(study, texts.chart_axis),
        "cost.json": (json.dumps(numbers(study, texts), ensure_ascii=False, indent=2) + "\n").encode(),
        "page.md": page(study, texts).encode(),
    }
    try:
        out.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            write_atomic(out / name, content)
    except OSError as err:
        msg = f"the cost study cannot be written into {out} ({err.strerror}): give another folder as --out"
        raise BuildError(msg) from err


def page(study: Study, texts: Texts) -> str:
    """The page in Markdown."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    # No HTML is made here: the page is Markdown, and every cell is made one line below.
    environment = Environment(loader=PackageLoader("export", "cost"), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)  # noqa: S701

    def interval(one: Interval) -> str:
        return texts.interval.format(value=whole(one.value), **ends(one))

    def origin(one: Input) -> str:
        if one.assumed:
            return f"**{texts.assumed}**"
        counted = () if one.amount.count is None else (texts.counted.format(count=one.amount.count, of=one.amount.of),)
        return ", ".join((*counted, *((_in_a_cell(one.amount.source),) if one.amount.source else ())))

    return environment.get_template("page.md.j2").render(
        study=study,
        texts=texts,
        sentences=sentences(study, texts),
        currency=study.spec.plant.currency,
        other=texts.systems[study.baseline],
        chart=CHART,
        plain=plain,
        whole=whole,
        interval=interval,
        origin=origin,
    )


def numbers(study: Study, texts: Texts) -> dict[str, Any]:
    """The study as data, for other programs."""
    return {
        "schema": "kotoba.cost/1",
        "plant": study.spec.plant.name,
        "currency": study.spec.plant.currency,
        "baseline": study.baseline,
        "outcome": study.outcome,
        "sentences": sentences(study, texts),
        "box": asdict(study.box),
        "other": asdict(study.other),
        "saving": asdict(study.saving),
        "paying_share": study.paying_share,
        "more_escapes_share": study.more_escapes_share,
        "stages": [asdict(stage) for stage in study.stages],
        "boxes": study.boxes,
        "investment": study.investment,
        "payback_years": study.payback_years,
        "tornado": [asdict(bar) for bar in study.tornado],
        "break_even": asdict(study.table),
        "inputs": [
            {
                "key": one.key,
                "value": one.amount.middle,
                "low": one.amount.least,
                "high": one.amount.most,
                "count": one.amount.count,
                "of": one.amount.of,
                "assumed": one.assumed,
                "source": one.amount.source,
            }
            for one in study.inputs
        ],
        "draws": {"seed": study.spec.draws.seed, "count": study.spec.draws.count},
    }


def _in_a_cell(text: str) -> str:
    """A user's text that cannot end a cell or a line of the table."""
    return " ".join(text.split()).replace("|", "\\|")
