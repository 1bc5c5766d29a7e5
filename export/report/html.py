"""A report as one HTML file: no script, no address, its pictures and fonts inside."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

from edge.records import Reason
from edge.texts.cost import TEXTS as COST_TEXTS
from edge.texts.reasons import REASONS
from export.cost.sentences import sentences
from export.cost.study import Study
from export.findings.box import DecisionName
from export.findings.comparison import Protocol
from export.findings.findings import Findings
from export.findings.scorers import CONTROLS, JUDGES, Scorer
from export.report import graphics, numbers
from export.report.answered import WORST, deciding, groups, held, sentence, steps, stopping, worst
from export.report.compared import compared_values
from export.report.embedded import embedded
from export.report.fonts import cut_faces, font_files, known_characters, shown
from export.report.numbers import decimals, ends
from export.report.overall import Overall, beside_the_judge, of_protocol, overall, rivals
from export.report.wording import Language, Wording, wording

TEMPLATES = Path(__file__).parent / "templates"

MOST_OVERKILLED = 40
"""Good parts that are shown; every escaped part is."""

COST_SENTENCES = 3
"""In the first part: whether it pays, the money, the escapes."""

SOURCE = "source validation"
"""What pilot.json calls the pictures that the chapter on trust calibrates on."""

FONTS_PLACE = "/*FONTS*/"


def html(findings: Findings, folder: Path, *, language: Language, cost: Study | None) -> str:
    """The whole page. The same findings and pictures give the same text.

    Raises:
        ReportError: the fonts are missing.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    files = font_files()
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), undefined=StrictUndefined, autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters.update(
        percent=numbers.percent,
        counted=numbers.counted,
        interval=numbers.interval_of,
        decimals=numbers.decimals,
        ends=numbers.ends,
        plain=numbers.plain,
        amount=numbers.amount,
    )
    words = wording(language)
    values = {
        **_tools(folder, language, words),
        **_first(findings, words),
        **compared_values(findings, words),
        **_costs(cost, language),
        **_second(findings, cost),
    }
    environment.filters["columns"] = values["columns"]
    page = environment.get_template("report.html.j2").render(
        f=findings,
        language=language,
        words=words,
        w=words.words,
        product=_in(findings.product, language, findings.name),
        about=_in(findings.about, language, ""),
        style=(TEMPLATES / "style.css").read_text(encoding="utf-8"),
        **values,
    )
    page = shown(page, known_characters(files[400]))
    rules = (
        f'@font-face {{ font-family: "Kotoba Report"; font-weight: {face.weight}; src: url("{face.uri}") format("woff2") }}'
        for face in cut_faces(page, files)
    )
    return page.replace(FONTS_PLACE, "\n".join(rules), 1)


def _in(texts: Mapping[Language, str], language: Language, other: str) -> str:
    """The text of a language; where it lacks, that of another one."""
    return texts.get(language) or next(iter(texts.values()), other)


def _tools(folder: Path, language: Language, words: Wording) -> dict[str, Any]:
    known = {reason.value: texts[language] for reason, texts in REASONS.items()}
    pictures: dict[str | None, str | None] = {}
    names = {scorer: named.name for scorer, named in words.scorers.items()} | words.work

    def picture(name: str | None) -> str | None:
        if name not in pictures:
            pictures[name] = embedded(folder, name)
        return pictures[name]

    def counts(labels: Mapping[str, int]) -> str:
        return ", ".join(f"{label} {count}" for label, count in labels.items())

    return {
        "say": words.say,
        "picture": picture,
        "counts": counts,
        "reason_name": lambda code: known.get(code, code),
        "trusted": lambda name: words.words["source_validation"] if name == SOURCE else name,
        "sentence_of": lambda remark: remark.sentence(language, names),
        "scorer_name": lambda scorer: words.scorers[scorer].name,
        "share_bar": graphics.share_bar,
        "span": graphics.span,
        "tornado_bar": graphics.tornado_bar,
        "points": graphics.points,
        "percent": numbers.percent,
        "counted": numbers.counted,
        "interval": numbers.interval_of,
        "plain": numbers.plain,
        "decisions": get_args(DecisionName),
        "judges": JUDGES,
    }


def _first(findings: Findings, words: Wording) -> dict[str, Any]:
    group = deciding(findings)
    failing = worst(group) if group else ()
    left_out = of_protocol(findings, "leave_one_domain_out") or of_protocol(findings, "paper")
    found = overall(left_out)
    reference: Scorer = left_out[0].reference if left_out else "box"
    near = rivals(found)
    judged = next((one for one in found if one.scorer == reference), None)
    return {
        "ending": words.outcomes[findings.answer.outcome],
        "held": held(findings),
        "reasons": tuple(sentence(one, words) for one in findings.answer.reasons),
        "because": tuple(sentence(one, words) for one in stopping(findings.answer.reasons)),
        "steps": steps(findings, words),
        "worst": failing[:WORST],
        "more_domains": len(failing) if len(failing) > WORST else 0,
        "beside": beside_the_judge(found),
        "beside_targets": len(left_out),
        "reference": words.scorers[reference].name,
        "reference_scorer": reference,
        "rivals_known": any(one.scorer in CONTROLS and one.standing for one in found),
        "rivals": tuple(_rival(one, judged, words) for one in near),
        "better_rivals": tuple(_rival(one, judged, words) for one in near if one.standing == "better"),
        "contrasts": _contrasts(findings, words),
    }


def _rival(one: Overall, judged: Overall | None, words: Wording) -> str:
    reference = "box" if judged is None else judged.scorer
    return words.say(
        "rival_better" if one.standing == "better" else "rival_open",
        name=words.scorers[one.scorer].name,
        better=one.better,
        targets=one.targets,
        auroc=decimals(one.auroc.mean if one.auroc else None),
        reference=words.scorers[reference].name,
        reference_auroc=decimals(judged.auroc.mean if judged is not None and judged.auroc else None),
    )


def _contrasts(findings: Findings, words: Wording) -> tuple[str, ...]:
    told = []
    for one in findings.shift.contrasts if findings.shift else ():
        by_distance = words.say(
            "contrast_a",
            less=words.representations[one.less],
            more=words.representations[one.more],
            answer=words.answers[one.by_a_distance],
            value=decimals(one.a_distance.value),
            interval=ends(one.a_distance) or numbers.NOTHING,
        )
        by_drop = ""
        if one.drop is not None and one.by_drop is not None:
            by_drop = words.say(
                "contrast_drop",
                answer=words.answers[one.by_drop],
                value=decimals(one.drop.value),
                interval=ends(one.drop) or numbers.NOTHING,
            )
        told.append(by_distance + by_drop)
    return tuple(told)


def _costs(cost: Study | None, language: Language) -> dict[str, Any]:
    if cost is None:
        return {"cost": None, "cost_sentences": (), "all_cost_sentences": (), "money": None, "tornado_ends": (0.0, 0.0)}
    texts = COST_TEXTS[language]
    told = sentences(cost, texts)
    reached = [end for bar in cost.tornado for end in (bar.saving_at_low, bar.saving_at_high)]
    most = (min((*reached, cost.saving.value, 0.0)), max((*reached, cost.saving.value, 0.0)))
    return {"cost": cost, "cost_sentences": told[:COST_SENTENCES], "all_cost_sentences": told, "money": texts, "tornado_ends": most}


def _second(findings: Findings, cost: Study | None) -> dict[str, Any]:
    """The chapters that there is something to say in, and what they show."""
    there = {
        "looked_at": True,
        "how": True,
        "decided": bool(findings.decided),
        "compared": bool(findings.comparisons),
        "equal": bool(findings.effort.equal),
        "shift": findings.shift is not None,
        "trust": findings.trust is not None,
        "attack": findings.attack is not None,
        "latency": findings.latency is not None,
        "costs": cost is not None,
        "effort": True,
        "escaped": True,
        "overkilled": bool(findings.overkilled),
        "detail": bool(findings.comparisons),
        "remarks": True,
        "again": True,
    }
    group = deciding(findings)
    counted: Counter[str] = Counter()
    for one in group.domains if group else ():
        counted.update(one.reasons)
    order = {reason.value: place for place, reason in enumerate(Reason)}
    return {
        "chapters": tuple(name for name, is_there in there.items() if is_there),
        "groups": groups(findings),
        "escaped_parts": max(len(findings.escaped), sum(one.escape.count for one in group.domains) if group else 0),
        "overkilled_parts": max(len(findings.overkilled), sum(one.overkill.count for one in group.domains) if group else 0),
        "reason_counts": sorted(counted.items(), key=lambda pair: (-pair[1], order.get(pair[0], len(order)), pair[0])),
        "overkilled": findings.overkilled[:MOST_OVERKILLED],
        "protocols": tuple(code for code in get_args(Protocol) if of_protocol(findings, code)),
    }
