"""What an assembled part is made of, how good ones vary, and what may go wrong. Places are pixels of the part's frame, 320 x 256."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

WIDTH_PX, HEIGHT_PX = 320, 256

SCREW_PLACES = ((31, 30), (160, 27), (289, 30), (31, 226), (160, 229), (289, 226))
SCREW_RADIUS = 8.0
CONNECTOR_PLACE, CONNECTOR_SIZE = (104.0, 182.0), (86.0, 28.0)
CAPACITOR_PLACES = ((84.0, 94.0), (230.0, 172.0))
LABEL_PLACE, LABEL_SIZE = (226.0, 74.0), (96.0, 48.0)

TOLERANCE_PX, TOLERANCE_DEGREES = 0.7, 0.6
"""Deviation of the place and of the angle of a good component; at most three times as much."""
FAULT_SHIFT_PX, FAULT_TILT_DEGREES = (4.0, 13.0), (4.0, 12.0)
"""How far a shifted connector is off, and how far a tilted one is turned. The smallest shift is twice the largest of a good one."""


@dataclass(frozen=True, slots=True)
class Placed:
    """Where a component is: centre in px, turned by `angle` degrees, its colour brighter by the factor `shade`."""

    x: float
    y: float
    angle: float = 0.0
    shade: float = 1.0


@dataclass(frozen=True, slots=True)
class Capacitor:
    """A round capacitor: radius in px, the name of its sleeve's colour."""

    place: Placed
    radius: float
    sleeve: str


FITTED = ((21.0, "blue"), (15.0, "black"))
"""Radius and sleeve of the two capacitors that belong on the board."""


@dataclass(frozen=True, slots=True)
class Scratch:
    """A scratch through `points` (px), `width` px wide, that reflects `strength` more light (0..1)."""

    points: tuple[tuple[float, float], ...]
    width: float
    strength: float


@dataclass(frozen=True, slots=True)
class Part:
    """One part. A component that is None is missing. `looks` is the seed of what varies without a name: tones, dust, the printed code.

    `lacquer` is the name of the board's colour.
    """

    screws: tuple[Placed | None, ...]
    connector: Placed | None
    capacitors: tuple[Capacitor, ...]
    looks: int
    loose_screw: Placed | None = None
    scratches: tuple[Scratch, ...] = field(default=())
    lacquer: str = "green"


def good_part(rng: np.random.Generator) -> Part:
    """A part as it should be: each component in its place, within its tolerance."""
    finish = rng.uniform(0.75, 1.3)  # screws of one box look alike
    return Part(
        screws=tuple(_placed(x, y, rng, turned=float(rng.uniform(0, 360)), shade=finish) for x, y in SCREW_PLACES),
        connector=_placed(*CONNECTOR_PLACE, rng),
        capacitors=tuple(
            Capacitor(_placed(x, y, rng, turned=float(rng.normal(0, 5))), radius, sleeve)
            for (x, y), (radius, sleeve) in zip(CAPACITOR_PLACES, FITTED, strict=True)
        ),
        looks=int(rng.integers(2**31)),
    )


def _placed(x: float, y: float, rng: np.random.Generator, *, turned: float | None = None, shade: float = 1.0) -> Placed:
    dx, dy, da = np.clip(rng.normal(0, 1, 3), -3, 3) * (TOLERANCE_PX, TOLERANCE_PX, TOLERANCE_DEGREES)
    angle = float(da) if turned is None else turned
    return Placed(x + float(dx), y + float(dy), angle, shade * float(rng.uniform(0.93, 1.07)))


def missing_screw(part: Part, rng: np.random.Generator) -> Part:
    """One screw was forgotten; its hole stays."""
    gone = int(rng.integers(len(part.screws)))
    return replace(part, screws=tuple(None if i == gone else screw for i, screw in enumerate(part.screws)))


def missing_connector(part: Part, rng: np.random.Generator) -> Part:  # noqa: ARG001 -- there is nothing to draw by chance
    """The connector was not fitted; its solder pads stay."""
    return replace(part, connector=None)


def shifted_connector(part: Part, rng: np.random.Generator) -> Part:
    """The connector sits beside its place."""
    far, way = rng.uniform(*FAULT_SHIFT_PX), rng.uniform(0, 2 * np.pi)
    x, y = CONNECTOR_PLACE
    return replace(part, connector=Placed(x + float(far * np.cos(way)), y + float(far * np.sin(way))))


def tilted_connector(part: Part, rng: np.random.Generator) -> Part:
    """The connector is turned."""
    return replace(part, connector=Placed(*CONNECTOR_PLACE, angle=float(rng.uniform(*FAULT_TILT_DEGREES) * rng.choice([-1, 1]))))


def loose_screw(part: Part, rng: np.random.Generator) -> Part:
    """A screw lies on the board, away from the screws that hold it."""
    while True:
        x, y = rng.uniform(30, WIDTH_PX - 30), rng.uniform(30, HEIGHT_PX - 30)
        if min(np.hypot(x - sx, y - sy) for sx, sy in SCREW_PLACES) > 4 * SCREW_RADIUS:
            shade = next(screw.shade for screw in part.screws if screw)
            return replace(part, loose_screw=Placed(float(x), float(y), float(rng.uniform(0, 360)), shade))


def scratch(part: Part, rng: np.random.Generator) -> Part:
    """A thin bright scratch runs over the board."""
    length, way, bend = rng.uniform(25, 110), rng.uniform(0, 2 * np.pi), rng.normal(0, 0.08)
    steps = way + bend * np.arange(6)
    path = np.cumsum(np.stack([np.cos(steps), np.sin(steps)], 1) * length / 6, 0)
    start = rng.uniform((40, 40), (WIDTH_PX - 40, HEIGHT_PX - 40)) - path.mean(0)
    points = np.clip(start + path, 16, (WIDTH_PX - 16, HEIGHT_PX - 16))
    one = Scratch(tuple((float(x), float(y)) for x, y in points), float(rng.uniform(0.7, 1.6)), float(rng.uniform(0.08, 0.4)))
    return replace(part, scratches=(*part.scratches, one))


def wrong_capacitor(part: Part, rng: np.random.Generator) -> Part:
    """The capacitors are swapped, or one has the right size and another sleeve."""
    first, second = part.capacitors
    if rng.random() < 0.5:
        swapped = (replace(first, radius=second.radius, sleeve=second.sleeve), replace(second, radius=first.radius, sleeve=first.sleeve))
        return replace(part, capacitors=swapped)
    wrong = int(rng.integers(2))
    others = [sleeve for sleeve in ("blue", "black", "green", "violet") if sleeve != part.capacitors[wrong].sleeve]
    changed = replace(part.capacitors[wrong], sleeve=str(rng.choice(others)))
    return replace(part, capacitors=(changed, second) if wrong == 0 else (first, changed))


FAULTS: Mapping[str, Callable[[Part, np.random.Generator], Part]] = {
    "missing-screw": missing_screw,
    "missing-connector": missing_connector,
    "shifted-connector": shifted_connector,
    "tilted-connector": tilted_connector,
    "loose-screw": loose_screw,
    "scratch": scratch,
    "wrong-capacitor": wrong_capacitor,
}
"""What may go wrong, by the name of its folder: a good part to a part with that fault."""
