"""The fonts of a report: cut down to the characters that it shows, so that it carries them along."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

from export.report.errors import ReportError

FACES = {400: ("noto_cjk_sans_jp_regular", "NotoSansCJKjp-Regular.otf"), 700: ("noto_cjk_sans_jp_bold", "NotoSansCJKjp-Bold.otf")}
"""By weight: the package of a font, and its file in it. Noto Sans CJK JP, SIL Open Font License 1.1."""

FEATURES = ("kern",)
"""Each other feature brings glyphs along that no page shows."""
MADE_BY_A_VIEWER = "•0123456789./"
"""Marks of lists, page numbers and leaders, which stand in no text."""

UNSHOWN = "\n\t\r"
"""Characters that a page may hold and that need no glyph."""


@dataclass(frozen=True, slots=True)
class Face:
    """A font for one weight as a data URI."""

    weight: int
    uri: str


def font_files(faces: Mapping[int, tuple[str, str]] = FACES) -> dict[int, Path]:
    """The file of each weight.

    Raises:
        ReportError: a package of fonts is not installed.
    """
    files = {}
    for weight, (package, name) in faces.items():
        spec = find_spec(package)
        if spec is None or spec.origin is None or not (file := Path(spec.origin).parent / name).is_file():
            wanted = package.replace("_", "-")
            msg = f"writing a report: the font {name} is missing: install it with pip install {wanted}, or the extra kotoba-edge[export]"
            raise ReportError(msg)
        files[weight] = file
    return files


def known_characters(file: Path) -> AbstractSet[int]:
    """The code points that a font can show."""
    with _fonts().TTFont(file, lazy=True) as font:
        return frozenset(font.getBestCmap())


def shown(text: str, known: AbstractSet[int]) -> str:
    """The text, with the code of each character that the font does not have in its place: `[U+1F600]`.

    A viewer would take another font for it, which another machine may not have.
    """
    lacking = {ord(one) for one in set(text) if one not in UNSHOWN} - known
    return text.translate({code: f"[U+{code:04X}]" for code in lacking})


def cut_faces(text: str, files: dict[int, Path]) -> tuple[Face, ...]:
    """The fonts with the glyphs that `text` needs. The same characters give the same bytes."""
    return tuple(Face(weight, _cut(file, text)) for weight, file in files.items())


def _cut(file: Path, text: str) -> str:
    subset = import_module("fontTools.subset")
    options = subset.Options(
        flavor="woff2", layout_features=list(FEATURES), hinting=False, desubroutinize=True, notdef_outline=True, recalc_timestamp=False
    )
    written = io.BytesIO()
    with _fonts().TTFont(file, lazy=True, recalcTimestamp=False) as font:
        subsetter = subset.Subsetter(options)
        subsetter.populate(text=text + MADE_BY_A_VIEWER)
        subsetter.subset(font)
        font.flavor = "woff2"
        font.save(written)
    return "data:font/woff2;base64," + base64.b64encode(written.getvalue()).decode()


def _fonts() -> ModuleType:
    return import_module("fontTools.ttLib")
