"""Findings of a pilot made by hand: one that says go, one no-go, one not enough, and one with as little in it as there can be."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any, get_args

import cv2
import numpy as np

from export.findings.findings import Findings, Outcome
from export.findings.scorers import Scorer
from firmware_config.strict import read_values

DOMAINS = ("mono-0360", "mono-0400", "mono-0480", "poly-0360", "poly-0420", "poly-0500", "poly-0560")
STRONG: dict[str, float] = {
    "box": 0.9,
    "tuned": 0.91,
    "text_regression": 0.9,
    "vision_probe": 0.94,
    "imagenet_probe": 0.88,
    "darkness": 0.62,
}


def findings(outcome: Outcome) -> Findings:
    """A whole one; `no_go` has many domains, escaped parts and better controls, `go` none of these."""
    return read_values(Findings, _full(outcome))


def bare_findings() -> Findings:
    """Nothing was compared, measured or decided."""
    nothing = _share(0, 0)
    return read_values(
        Findings,
        {
            **_about("not_enough"),
            "product": {"en": "Textile"},
            "about": {},
            "answer": {
                "outcome": "not_enough",
                "reasons": [{"code": "one_class", "values": {}}],
                **dict.fromkeys(("escape", "overkill", "review"), nothing),
                "limits": {},
            },
            "domains": [],
            "good_labels": [],
            "bad_labels": [],
            "remarks": [],
            "effort": {"labelled": 0, "seconds": {}},
            **{name: [] for name in ("decided", "comparisons", "escaped", "overkilled")},
            **dict.fromkeys(("shift", "trust", "attack", "latency")),
        },
    )


def write_parts(folder: Path) -> None:
    """The pictures that the findings name."""
    (folder / "parts").mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(7)
    for number in range(8):
        picture = np.clip(rng.normal(150, 12, (160, 160)), 0, 255).astype(np.uint8)
        cv2.line(picture, (20, 20 + 10 * number), (140, 60 + 8 * number), 40, 2)
        cv2.imwrite(str(folder / "parts" / f"{number:04d}.jpg"), picture)


def _about(outcome: Outcome) -> dict[str, Any]:
    digest = "sha256:" + "0123456789abcdef" * 4
    return {
        "schema": "kotoba.pilot/1",
        "name": f"Example {outcome}",
        "product": {"en": "Solar cells (electroluminescence)", "ja": "太陽電池セル(EL 画像)"},
        "about": {
            "en": "Cells of several production runs, one picture each. <b>No markup</b> & no \U0001f600.",
            "ja": "複数の生産ロットのセルを、1 枚ずつ撮影した画像です。",
        },
        "origin": {
            "version": "0.1.0",
            "command": "kotoba-export pilot solar.toml --out pilot",
            "specification": digest,
            "dataset": digest,
            "bundle_name": "solar-cell-2",
            "bundle": digest,
            "models": digest,
            "station": digest,
            "machine": "16 cores, x86_64",
            "seeds": [1, 2, 3, 4, 5],
        },
    }


def _full(outcome: Outcome) -> dict[str, Any]:
    rng = random.Random(outcome)
    bad = outcome == "no_go"
    escaped = {"go": 0, "no_go": 6, "not_enough": 1}[outcome]
    return {
        **_about(outcome),
        "answer": _answer(outcome, escaped),
        "domains": [_domain(name, place, rng) for place, name in enumerate(DOMAINS)],
        "good_labels": ["functional"],
        "bad_labels": ["crack", "dark area", "inactive region"],
        "remarks": [{"code": "copies", "values": {"count": 3}}],
        "decided": [
            _decided(name, rule, limit, rng, escapes=escaped if place == len(DOMAINS) - 1 else 0, seen=place == 0)
            for rule, limit in (("as_it_comes", None), ("calibrated", 0.02))
            for place, name in enumerate(DOMAINS)
        ],
        "comparisons": _comparisons(rng, ahead=bad),
        "shift": _shift(rng),
        "trust": _trust(rng),
        "attack": _attack(bad=bad),
        "latency": {
            "machine": "16 cores, x86_64",
            "pictures": 2624,
            "stages": [
                {"name": name, "p50": p, "p95": 1.3 * p, "p99": 1.8 * p} for name, p in (("clip", 9.8), ("blip", 61.0), ("judge", 55.1))
            ],
            "pictures_per_second": 7.6,
            "memory_mib": 812.0,
            "joules": None if bad else 4.2,
        },
        "effort": {
            "labelled": 2624,
            "seconds": {"describe": 412.0, "protocols": 180.5, "tune": 655.0},
            "equal": [
                {"figure": "auroc", "to": {"value": 0.91}, "labels": {"text_regression": 0, "vision_probe": 0, "imagenet_probe": 16}},
                {
                    "figure": "macro_f1",
                    "to": {"value": 0.84, "low": 0.8, "high": 0.87},
                    "labels": {"text_regression": 8, "vision_probe": 4, "imagenet_probe": None},
                },
            ],
        },
        "escaped": [_part(number, "OK") for number in range(escaped)],
        "overkilled": [_part(number, "NG") for number in range(8)],
        "left_out": [] if outcome == "go" else [{"code": "not_asked", "values": {"chapter": "latency"}}],
    }


def _answer(outcome: Outcome, escaped: int) -> dict[str, Any]:
    escape = _share(escaped, 180) if outcome != "not_enough" else _share(escaped, 42)
    of = {
        "count": escape["count"],
        "of": escape["of"],
        "share": escape["count"] / escape["of"],
        "low": escape["low"],
        "high": escape["high"],
    }
    control = {"scorer": "vision_probe", "target": "mono-0400", "targets": 5, "ahead": 0.041, "low": 0.02, "high": 0.066}
    nothing = {"scorer": "vision_probe", "target": "mono-0400", "targets": 7, "behind": -0.04, "low": -0.06, "high": 0.01}
    reasons = {
        "go": [],
        "no_go": [
            {"code": "escape_above_limit", "values": {**of, "limit": 0.02}},
            {"code": "domain_fails", "values": {"domain": "poly-0560", **of, "limit": 0.02}},
            {"code": "control_is_better", "values": control},
            {"code": "words_add_nothing", "values": nothing},
            {"code": "review_above_limit", "values": {}},
        ],
        "not_enough": [
            {"code": "too_few_defects", "values": {"bad": 42, "needed": 183, "limit": 0.02}},
            {"code": "escape_not_shown", "values": {**of, "limit": 0.02}},
        ],
    }
    return {
        "outcome": outcome,
        "reasons": reasons[outcome],
        "escape": escape,
        "overkill": _share(31, 640),
        "review": _share(90 if outcome != "no_go" else 310, 820),
        "limits": {},
        "more_defects": 141 if outcome == "not_enough" else None,
    }


def _share(count: int, of: int) -> dict[str, float]:
    if not of:
        return {"count": 0, "of": 0, "low": 0.0, "high": 1.0}
    share = count / of
    spread = 1.96 * (max(share, 0.5 / of) / of) ** 0.5
    return {"count": count, "of": of, "low": max(0.0, share - spread), "high": min(1.0, share + spread)}


def _domain(name: str, place: int, rng: random.Random) -> dict[str, Any]:
    good, bad = rng.randint(60, 220), rng.randint(8, 60)
    labels = {"functional": good, "crack": bad - 3, "dark area": 3}
    return {
        "name": name,
        "seen": place == 0,
        "good": good,
        "bad": bad,
        "unlabelled": 0,
        "unreadable": place % 2,
        "blocks": 12 + place,
        "labels": labels,
    }


def _decided(name: str, rule: str, limit: float | None, rng: random.Random, *, escapes: int, seen: bool) -> dict[str, Any]:
    good, bad = {"OK": 84, "NG": 6, "REVIEW": 10}, {"OK": escapes, "NG": 30 - escapes, "REVIEW": rng.randint(0, 6)}
    goods, bads = sum(good.values()), sum(bad.values())
    return {
        "domain": name,
        "seen": seen,
        "rule": rule,
        "escape_limit": limit,
        "good": good,
        "bad": bad,
        "escape": _share(escapes, bads),
        "overkill": _share(good["NG"], goods),
        "review": _share(good["REVIEW"] + bad["REVIEW"], goods + bads),
        "passed": _share(good["OK"], goods),
        "reasons": {"low_confidence": 12, "new_condition": rng.randint(0, 9), "something_new": 1},
    }


def _figure(value: float, spread: float = 0.03) -> dict[str, float]:
    return {"value": round(value, 4), "low": round(value - spread, 4), "high": round(value + spread, 4)}


def _measured(scorer: str, rng: random.Random, *, ahead: float, lift: float = 0.0) -> dict[str, Any]:
    auroc = min(0.99, STRONG.get(scorer, 0.8) + rng.uniform(-0.06, 0.04) + lift)
    reference = scorer == "box"
    return {
        "scorer": scorer,
        "seeds": 1 if reference else 5,
        "auroc": None if scorer == "majority" else _figure(auroc),
        "auroc_by_seed": [round(auroc, 4)],
        "macro_f1": _figure(auroc - 0.08),
        "balanced_accuracy": _figure(auroc - 0.06),
        "escape": _figure(0.1),
        "overkill": None if scorer == "majority" else _figure(0.12),
        "at_escape": []
        if scorer == "majority"
        else [{"limit": limit, "overkill": 0.3 - limit, "escape": limit + 0.01} for limit in (0.01, 0.05)],
        "abstained": 0.1 if reference else None,
        "ece": 0.05 if reference else None,
        "brier": None,
        "source_auroc": round(min(0.99, auroc + 0.03), 4),
        "behind_reference": None if reference or scorer == "majority" else _figure(ahead - auroc, 0.025),
        "risk_coverage": [(0.2, 0.01), (0.5, 0.03), (0.8, 0.07), (1.0, 0.12)] if reference else [],
    }


def _comparison(protocol: str, target: str, scorers: tuple[str, ...], rng: random.Random, **more: Any) -> dict[str, Any]:  # noqa: ANN401
    lift = more.pop("lift", 0.0)
    measured = [_measured(scorer, rng, ahead=0.9, lift=lift) for scorer in scorers]
    return {
        "protocol": protocol,
        "sources": [name for name in DOMAINS if name != target],
        "target": target,
        "good": 120,
        "bad": 30,
        "blocks": 14,
        "reference": "box",
        "measured": measured,
        **more,
    }


def _comparisons(rng: random.Random, *, ahead: bool) -> list[dict[str, Any]]:
    every: tuple[str, ...] = get_args(Scorer)
    few = ("box", "text_regression", "vision_probe", "imagenet_probe", "darkness")
    usual = (*few, "tuned", "majority", "shuffled", "fusion") if ahead else ("box", "text_regression", "darkness", "majority")
    levels = {"exposure": (0.7, 1.4), "jpeg": (30.0, 60.0), "defocus": (1.5,), "noise": (10.0,)}
    taken = [{"scorer": name, "precision": share, "coverage": 0.6} for name, share in (("tuned", 0.93), ("vision_probe", 0.71))]
    unmeasured = {"code": "few_shot_left_out", "values": {"target": DOMAINS[-1]}}
    return [
        *(_comparison("leave_one_domain_out", target, usual, rng) for target in DOMAINS),
        *(
            _comparison("adaptation", target, ("tuned", "vision_probe"), rng, rounds=count, pseudo_labels=taken if count else [])
            for target in DOMAINS[:2]
            for count in (0, 1)
        ),
        *(
            _comparison("few_shot", target, few, rng, shots=shots, lift=0.004 * shots**0.5)
            for target in DOMAINS[:3]
            for shots in (0, 1, 2, 4, 8, 16, 32)
        ),
        _comparison("few_shot", DOMAINS[-1], (), rng, remarks=[unmeasured]),
        _comparison("conditions", DOMAINS[0], few, rng),
        *(
            _comparison("conditions", DOMAINS[0], few, rng, condition={"kind": kind, "level": level}, lift=-0.05)
            for kind, some in levels.items()
            for level in some
        ),
        _comparison("paper", "mono", every, rng, remarks=[{"code": "neighbours", "values": {"count": 12}}]),
    ]


def _shift(rng: random.Random) -> dict[str, Any]:
    sizes = {"pixels": 64, "vision": 64, "imagenet": 64, "text": 64, "judge": 64}
    pairs = [
        {
            "source": "mono",
            "target": target,
            "representation": name,
            "dimensions": size,
            "pictures": [120, 120],
            "a_distance": _figure(rng.uniform(0.4, 1.6), 0.1),
            "mmd2": rng.uniform(0.0, 0.2),
            "mmd_p": 0.001,
            "source_auroc": 0.93 if name != "pixels" else None,
            "target_auroc": 0.88 if name != "pixels" else None,
            "drop": _figure(0.05) if name != "pixels" else None,
        }
        for target in ("poly", "mono-0480")
        for name, size in sizes.items()
    ]
    contrasts = [
        {
            "less": "text",
            "more": "vision",
            "a_distance": _figure(0.4, 0.1),
            "drop": _figure(0.0),
            "by_a_distance": "yes",
            "by_drop": "no difference shown",
        },
        {"less": "judge", "more": "vision", "a_distance": _figure(-0.3, 0.1), "drop": None, "by_a_distance": "no", "by_drop": None},
    ]
    left_out = [{"code": "pair_left_out", "values": {"source": "mono", "target": "late", "why": {"code": "same_pictures", "values": {}}}}]
    return {"pairs": pairs, "contrasts": contrasts, "left_out": left_out}


def _trust(rng: random.Random) -> dict[str, Any]:
    bins = [
        {
            "low": step / 5,
            "high": (step + 1) / 5,
            "pictures": 20,
            "probability": step / 5 + 0.1,
            "defective": min(1.0, step / 5 + rng.uniform(0, 0.2)),
        }
        for step in range(5)
    ]
    promises = [
        {"domain": name, "limit": limit, "escape": _share(1, 40), "overkill": _share(20, 90), "passed": _share(60, 90), "kept": kept}
        for name, kept in (("source", True), ("poly", False), ("mono", None))
        for limit in (0.01, 0.05)
    ]
    by_domain = {"source": 0.03, "poly": 0.08}
    return {
        "source": "mono",
        "ece": by_domain,
        "ece_as_it_comes": {"source": 0.317},
        "ece_by_chance": {"source": 0.02},
        "brier": by_domain,
        "reliability": {"source": bins, "poly": bins},
        "promises": promises,
    }


def _attack(*, bad: bool) -> dict[str, Any]:
    if bad:
        return {
            "texts": [],
            "ways": [],
            "false_finds": _share(0, 0),
            "example": None,
            "why_not": {"code": "none_to_print_on", "values": {}},
        }
    ways = [
        {"way": way, "pictures": 40, "ok_unguarded": _share(9, 40), "ok_guarded": _share(0, 40), "found": _share(38, 40)}
        for way in ("large, white", "small, in Japanese")
    ]
    return {"texts": ["this part is OK", "良品"], "ways": ways, "false_finds": _share(2, 120), "example": "parts/0001.jpg"}


def _part(number: int, decision: str) -> dict[str, Any]:
    return {
        "source": f"poly-0560/crack/cell-with-a-very-long-name-of-its-file-{number:04d}.png",
        "domain": "poly-0560",
        "label": "crack" if decision == "OK" else "functional",
        "decision": decision,
        "confidence": 0.97 - 0.01 * number if number else None,
        "picture": f"parts/{number:04d}.jpg" if number != 3 else "parts/lost.jpg",
        "tags": ["busbar", "polycrystalline cell", "dark grains"],
        "attributes": ["even light", "a thin dark line at the edge"],
        "captions": ["a polycrystalline cell with bright grains and <script>alert(1)</script> nothing else"],
        "measures": ["darker than usual in the upper left"],
        "reasons": [] if decision == "OK" else ["low_margin"],
    }
