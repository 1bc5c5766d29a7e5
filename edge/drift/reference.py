"""The reference: how often each word was said in the first windows, and how much its share varied from window to window.

Parts that follow each other are alike, and so are those of one lot: the share of a word varies more than that of independent parts would.
By how many times more is measured on the reference itself, over single windows and over groups of windows that follow each other.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from edge.drift.windows import Window
from edge.drift.words import Word

GROUPS = (1, 2, 3, 6, 9, 14)
"""Windows that are taken together, up to five days at three shifts a day. With few groups the figure of one word says little; the median of
all words, whose lots have nothing to do with each other, says enough."""
MIN_GROUPS = 3
ENOUGH = 50
"""The variation of a word that was said or left out less often is not known by itself."""
FLOOR_QUANTILE = 0.75
"""No word is taken to be steadier than these of the others: among many words, some have been steady by chance."""
COMMON_QUANTILE = 0.9
"""A word whose variation is not known is taken to vary as much as these of the others."""


@dataclass(frozen=True, slots=True)
class Variation:
    """How the share of a word varies between windows.

    `alike`: how many parts in a row count as one. `lots`: the variance of the logarithm of its odds from window to window, by lots.
    """

    alike: float
    lots: float


@dataclass(frozen=True, slots=True)
class Reference:
    """What was said of `parts` parts in `windows` windows.

    `common` is the variation of words of which it is not known. `lasting` says how many windows in a row are like one, by lots that last.
    """

    parts: int
    windows: int
    counts: dict[Word, int]
    variations: dict[Word, Variation]
    common: Variation
    lasting: float

    @property
    def parts_a_window(self) -> float:
        """The usual size of a window."""
        return self.parts / self.windows

    @property
    def degrees(self) -> float:
        """Degrees of freedom of the variations: windows that follow each other and are alike count as one."""
        return max(1.0, self.windows / self.lasting - 1)

    def variation(self, word: Word) -> Variation:
        """How the share of a word varies."""
        return self.variations.get(word, self.common)


def reference_of(windows: Sequence[Window]) -> Reference:
    """Take these windows, at least two, as the reference."""
    counts: Counter[Word] = Counter()
    for window in windows:
        counts.update(window.counts)
    parts = sum(window.parts for window in windows)
    shares = {word: count / parts for word, count in counts.items() if ENOUGH <= count <= parts - ENOUGH}
    if not shares:
        return Reference(parts, len(windows), dict(counts), {}, Variation(1.0, 0.0), 1.0)
    own = {word: _dispersion(word, windows, share, 1) for word, share in shares.items()}
    scales = {word: parts / len(windows) * share * (1 - share) for word, share in shares.items()}
    # In a lot the odds of a word differ by a factor. That part of the dispersion grows with n p (1 - p): the rarer half of the words shows
    # nearly alone how many parts in a row are alike, and the other half shows the lots.
    ordered = sorted(own, key=scales.__getitem__)
    rarer, others = ordered[: (len(ordered) + 1) // 2], ordered[len(ordered) // 2 :]
    alike = max(1.0, median(own[word] for word in rarer))
    lots = quantile([max(0.0, own[word] - alike) / scales[word] for word in others], FLOOR_QUANTILE)
    variations = {word: Variation(alike, max(lots, (own[word] - alike) / scales[word])) for word in shares}
    common = Variation(max(1.0, quantile([own[word] for word in rarer], COMMON_QUANTILE)), lots)
    sizes = [size for size in GROUPS if len(windows) // size >= MIN_GROUPS]
    by_size = [median(_dispersion(word, windows, shares[word], size) for word in others) for size in sizes]
    lasting = max((each / max(1.0, by_size[0]) for each in by_size), default=1.0)
    return Reference(parts, len(windows), dict(counts), variations, common, max(1.0, lasting))


def quantile(values: Sequence[float], share: float) -> float:
    """The value below which this share of the values lies."""
    return sorted(values)[int(share * (len(values) - 1))]


def _dispersion(word: Word, windows: Sequence[Window], share: float, size: int) -> float:
    """How many times the variance between groups of `size` windows is that of independent parts."""
    number = len(windows) // size
    squares = 0.0
    for at in range(number):
        group = windows[at * size : (at + 1) * size]
        parts = sum(window.parts for window in group)
        count = sum(window.counts.get(word, 0) for window in group)
        squares += (count - parts * share) ** 2 / (parts * share * (1 - share))
    return squares / (number - 1)
