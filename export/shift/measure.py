"""The shift of each representation from each source to each target, and the plain answers.

`a_distance`, `mmd2` and `mmd_p` are class-conditional: good and bad have the same share in source and target, because domains differ in
how many parts are bad and that is no shift of the pictures. The answers use them. `a_distance_as_it_is` and `mmd2_as_it_is` count the
pictures as they come. All representations are compared on the same pictures, the same folds and the same bootstrap draws of blocks. An
interval is that of the measured pictures, with the classifiers as they were fitted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from export.findings.remark import Remark
from export.findings.shift import Representation, Shift, ShiftFindings
from export.progress import Report
from export.shift.a_distance import a_distance, mistakes
from export.shift.blocks import Blocks, Flags, Floats
from export.shift.contrasts import Sampled, contrasts, figure_of
from export.shift.discrepancy import gaussian_kernel, permutation_p, squared_discrepancy
from export.shift.drop import Transferred, pooled_auroc, transfer
from export.shift.pairing import Pairing, ShiftError, pair_up, rows_of
from export.shift.space import Space


@dataclass(frozen=True, slots=True, eq=False)
class _Corpus:
    """What belongs to all pairs. `times` float32 (1 + draws, blocks): row 0 counts each block once."""

    bad: Flags
    blocks: Blocks
    times: NDArray[np.float32]
    seed: int


def shift_findings(
    representations: Mapping[Representation, NDArray[np.floating]],
    *,
    domains: Sequence[str],
    blocks: Sequence[str],
    bad: Flags,
    pairs: Sequence[tuple[str, str]],
    seed: int,
    groups: Mapping[str, Sequence[str]] | None = None,
    report: Report = lambda _: None,
) -> ShiftFindings:
    """Measure N labelled pictures. Each representation is float (N, D); `bad` bool (N,) says which pictures are of defective parts.

    `pairs` are (source, target): names of domains, or of `groups`, each of which stands for several domains; groups may overlap each
    other, but not inside a pair. A picture that a representation has no finite numbers for is left out of all of them. What cannot be
    compared is a remark in `left_out`.
    """
    with threadpool_limits(1):  # hundreds of small fits: four times as long on two busy cores
        return _findings(representations, domains, blocks, bad, pairs, seed=seed, groups=groups or {}, report=report)


def _findings(
    representations: Mapping[Representation, NDArray[np.floating]],
    domains: Sequence[str],
    blocks: Sequence[str],
    bad: Flags,
    pairs: Sequence[tuple[str, str]],
    *,
    seed: int,
    groups: Mapping[str, Sequence[str]],
    report: Report,
) -> ShiftFindings:
    usable = np.all([np.isfinite(features).all(1) for features in representations.values()], axis=0)
    left_out = []
    if not usable.all():
        counts = {"count": int((~usable).sum()), "of": len(usable)}
        left_out.append(Remark(code="no_numbers", values={**counts, "representations": ", ".join(representations)}))
    kept = np.flatnonzero(usable)
    names = [domains[row] for row in kept.tolist()]
    numbered = Blocks.of([blocks[row] for row in kept.tolist()], names)
    drawn = numbered.draws(seed)
    corpus = _Corpus(np.asarray(bad, np.bool_)[kept], numbered, np.vstack([np.ones_like(drawn[:1]), drawn]), seed)
    features = {representation: values[kept] for representation, values in representations.items()}
    spaces = {representation: Space.of(values).apply(values) for representation, values in features.items()} if len(kept) > 1 else {}
    members = {name: frozenset(inside) for name, inside in groups.items()}
    found: list[Sampled] = []
    for source, target in pairs:
        try:
            rows = (rows_of(source, domains=names, groups=members), rows_of(target, domains=names, groups=members))
            pairing = pair_up(*rows, bad=corpus.bad, blocks=numbered, seed=seed)
        except ShiftError as err:
            left_out.append(Remark(code="pair_left_out", values={"source": source, "target": target, "why": err.why}))
            continue
        for representation, space in spaces.items():
            report(f"shift from {source} to {target} in {representation}")
            transferred = transfer(features[representation], *rows, bad=corpus.bad, blocks=numbered, seed=seed)
            found.append(_measured((source, target, representation), space, pairing, transferred, corpus))
    return ShiftFindings(pairs=tuple(one.shift for one in found), contrasts=contrasts(found), left_out=tuple(left_out))


def _measured(
    names: tuple[str, str, Representation], space: Floats, pairing: Pairing, transferred: Transferred, corpus: _Corpus
) -> Sampled:
    source, target, representation = names
    drawn = space[pairing.rows]
    distances, as_it_is = (_distances(drawn, pairing, shares, corpus) for shares in (pairing.equal, pairing.natural))
    on_source, on_target = (pooled_auroc(scored, corpus.times, corpus.blocks) for scored in (transferred.source, transferred.target))
    drops, kernel = on_source - on_target, gaussian_kernel(drawn)
    known = bool(np.isfinite(drops[0]))
    return Sampled(
        Shift(
            source=source,
            target=target,
            representation=representation,
            dimensions=space.shape[1],
            pictures=pairing.pictures,
            a_distance=figure_of(distances),
            mmd2=squared_discrepancy(kernel, pairing, pairing.equal, blocks=corpus.blocks),
            mmd_p=permutation_p(kernel, pairing, blocks=corpus.blocks, seed=corpus.seed),
            source_auroc=_or_none(on_source[0]),
            target_auroc=_or_none(on_target[0]),
            drop=figure_of(drops) if known else None,
            a_distance_as_it_is=figure_of(as_it_is),
            mmd2_as_it_is=_or_none(squared_discrepancy(kernel, pairing, pairing.natural, blocks=corpus.blocks)),
        ),
        distances,
        drops if known else None,
    )


def _distances(drawn: Floats, pairing: Pairing, shares: Floats, corpus: _Corpus) -> Floats:
    wrong = mistakes(drawn, pairing, shares, blocks=corpus.blocks, seed=corpus.seed)
    return a_distance(wrong, pairing, shares, corpus.times[:, corpus.blocks.numbers[pairing.rows]].astype(np.float64))


def _or_none(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
