"""Rendered boards as a pilot: four lines that differ in their light, camera and material, with the truth of each fault.

Lines 1 and 2 are those whose good boards teach. Line 3 has another camera, with a softer lens and more noise, under cooler light. Line 4
makes boards with blue lacquer, lit from below.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from export.products.assembly.part import FAULTS, good_part
from export.products.assembly.render import LINES, Light, good_picture, line_light, photograph, photograph_with_truth
from export.starter.pilot_picture import TRAIN, VALIDATION, PilotPicture, write_picture

DOMAINS = (*LINES, "line-3-camera", "line-4-blue")
GOOD = "good"
LABELS = {
    GOOD: GOOD,
    "missing-screw": "missing",
    "missing-connector": "missing",
    "shifted-connector": "misplaced",
    "tilted-connector": "misplaced",
    "loose-screw": "loose part",
    "scratch": "scratch",
    "wrong-capacitor": "wrong component",
}
"""What the station of the bundle calls each kind of fault; the folder of a picture keeps the kind."""
TRAY = 6
"""Boards of a tray lie under the same light; a tray is a block."""
TEACHING_SEED = 1
"""Of the good boards that teach: those of `python -m export.products.assembly.render`."""
SERIES = 100
"""The first of the series of random numbers of a pilot; those below belong to the pictures of the tutorial."""
VALIDATION_SHARE = 0.4


def boards(seed: int, *, per_fault: int) -> Iterator[PilotPicture]:
    """Of each line, `per_fault` boards with each fault and as many good ones as faulty ones; good and faulty ones share trays."""
    count = per_fault * len(FAULTS)
    for domain in DOMAINS:
        for number in range(2 * count):
            kind = GOOD if number % 2 == 0 else list(FAULTS)[number // 2 % len(FAULTS)]
            yield _picture(seed, domain, kind, number, done=number // TRAY * TRAY / (2 * count))


def write_teaching(folder: Path, *, count: int) -> None:
    """Write the good boards that teach: `line-1` and `line-2`."""
    for number in range(count):
        name = f"{LINES[number % len(LINES)]}/{number // len(LINES):04}.png"
        write_picture(folder / name, good_picture(TEACHING_SEED, 0, number))


def tray_light(domain: str, rng: np.random.Generator) -> Light:
    """The light of a tray."""
    if domain in LINES:
        return line_light(domain, rng)
    light = line_light(LINES[0], rng)
    if domain == "line-3-camera":
        blue, green, red = rng.normal((1.10, 1.0, 0.90), 0.02)
        return replace(
            light,
            gain=light.gain * 0.85,
            tint=(float(blue), float(green), float(red)),
            blur=float(rng.uniform(0.8, 1.0)),
            noise=float(rng.uniform(0.02, 0.03)),
        )
    return replace(light, shadow=(float(rng.normal(0.5, 0.4)), float(rng.normal(-4.5, 0.5))), slope=(0.05, float(rng.normal(-0.22, 0.05))))


def _picture(seed: int, domain: str, kind: str, number: int, *, done: float) -> PilotPicture:
    series = SERIES + 2 * DOMAINS.index(domain)
    tray, name = number // TRAY, f"{number:04}.png"
    split = None if domain not in LINES else TRAIN if done < 1 - VALIDATION_SHARE else VALIDATION

    def write(path: Path) -> None:
        light = tray_light(domain, np.random.default_rng([seed, series, tray]))
        rng = np.random.default_rng([seed, series + 1, number])
        light = _lies(light, rng)
        part = replace(good_part(rng), lacquer="blue" if domain.endswith("blue") else "green")
        if kind == GOOD:
            write_picture(path, photograph(part, light))
            return
        pixels, truth = photograph_with_truth(FAULTS[kind](part, rng), part, light)
        write_picture(path, pixels)
        write_picture(path.parents[3] / "truth" / domain / kind / name, truth.astype(np.uint8) * 255)

    return PilotPicture(f"pictures/{domain}/{kind}/{name}", LABELS[kind], domain, f"{domain}/{tray:03}", split, write)


def _lies(light: Light, rng: np.random.Generator) -> Light:
    """The light of the tray on one board, which lies in its own way and flickers a little."""
    dx, dy = (float(value) for value in np.clip(rng.normal(0, 0.8, 2), -2, 2))
    return replace(
        light,
        gain=light.gain * float(rng.normal(1, 0.01)),
        turn=float(np.clip(rng.normal(0, 0.25), -0.6, 0.6)),
        move=(dx, dy),
        grains=int(rng.integers(2**31)),
    )
