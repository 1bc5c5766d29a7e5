"""Tune a language model as a judge of descriptions: resumable, and cached by everything that decides the adapter."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import math
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score
from torch import Tensor

from edge.calibration.scales import fit_temperature, probability_not_ok
from edge.records import Words
from export.instruct.form import Form, form_of
from export.instruct.learner import Learner, Tokens, judged
from export.instruct.lessons import Allowed, Lesson, Lessons, lesson_of
from export.instruct.models import learner_of, model_digest
from export.instruct.state import State, read_learned, read_state, write_learned, write_state
from export.instruct.tuned import Check, Tuned, TuneSettings
from export.progress import Report
from export.tuning.tune import ADAPTED, ALPHA, RANK, TRAINED_LAYERS
from firmware_config.labels import Label
from firmware_config.write import write_atomic

VERSION = 1
"""Of what a tuning does: raise it when the same data and settings shall give another adapter."""
WARM_UP = 0.1
"""Share of the steps in which the learning rate rises; afterwards it falls along a cosine to zero."""
MOST_VALIDATION = 96
"""Validation examples that are judged at every check, half of them good, evenly spaced: a check must stay cheap beside the steps."""
ADAPTER, RECORD, CURVE, STATE, LEARNED = "adapter.gguf", "tuned.json", "curve.csv", "state.pt", "learned.pt"


def tune_judge(
    words: Sequence[Words],
    labels_of: Sequence[Allowed],
    *,
    validation_words: Sequence[Words],
    validation_labels: Sequence[Allowed],
    labels: Sequence[Label],
    gguf: Path,
    settings: TuneSettings,
    folder: Path,
    report: Report,
) -> Tuned:
    """Tune on `words`, and take the step that is best on validation. The same data and settings give the same adapter.

    `labels` are those that the judge may answer. `gguf` is the model, of the llama family, or the folder of a checkpoint of Hugging Face.
    `folder` keeps tunings, each below a name of its own; what was stopped goes on from its last check.

    Raises:
        TuneError: the examples are not both good and defective, or a label that is right is none of `labels`.
        SpecError, LlmError: the model cannot be tuned.
    """
    lesson = lesson_of(words, labels_of, labels, what="training")
    checks = _fewer(lesson_of(validation_words, validation_labels, labels, what="validation"))
    form = form_of(settings.form, labels, template=settings.template, shown=settings.shown)
    lessons = Lessons(lesson, settings, lambda one: len(form.text(one)))
    digest = _digest(gguf, form, lessons, lesson, checks, labels, settings)
    place = folder / f"tuned-{digest[:32]}"
    done = read_tuned(place)
    if done is not None:
        return done
    place.mkdir(parents=True, exist_ok=True)
    learner = learner_of(gguf, form, ends=settings.form == "published", folder=folder, report=report)
    run = _Run(learner, lesson, lessons, checks, np.array([label.decision == "ok" for label in labels]), settings)
    state = _learn(run, read_state(place / STATE), place, report=report)
    return _finish(run, state, place, f"sha256:{digest}")


def rank_tuned(
    words: Sequence[Words], tuned: Tuned, *, labels: Sequence[Label], gguf: Path, settings: TuneSettings, folder: Path, report: Report
) -> NDArray[np.float64]:
    """Log-likelihoods float64 (N, K) in nats of `labels` by a judge that `tune_judge` gave for the same model, settings and folder.

    They are those of the tuning, in torch: a box rounds in another way. In the published form they are of the answer with its end.

    Raises:
        TuneError, SpecError, LlmError: the model or what was learned cannot be read.
    """
    form = form_of(settings.form, labels, template=settings.template, shown=settings.shown)
    learner = learner_of(gguf, form, ends=settings.form == "published", folder=folder, report=report)
    read_learned(tuned.adapter.with_name(LEARNED), learner.parameters())
    report(f"judging {len(words)} descriptions")
    return judged(learner, [learner.tokens(one) for one in words])


def read_tuned(place: Path) -> Tuned | None:
    """The finished tuning of a folder, None if there is none."""
    if not (place / RECORD).is_file() or not (place / ADAPTER).is_file():
        return None
    values = json.loads((place / RECORD).read_text(encoding="utf-8"))
    return Tuned(**{**values, "adapter": place / ADAPTER, "curve": tuple(Check(**one) for one in values["curve"])})


def curve_csv(curve: Sequence[Check]) -> bytes:
    """The curve as CSV."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["step", "training_loss", "validation_loss", "validation_auroc"])
    for one in curve:
        training = "" if one.training is None else f"{one.training:.4f}"
        writer.writerow([one.step, training, f"{one.validation:.4f}", f"{one.auroc:.4f}"])
    return text.getvalue().encode()


@dataclass(frozen=True, slots=True, eq=False)
class _Run:
    """What one tuning works with; `ok` bool (K,)."""

    learner: Learner
    lesson: Lesson
    lessons: Lessons
    checks: Lesson
    ok: NDArray[np.bool_]
    settings: TuneSettings

    def right(self, log_likelihoods: Tensor, allowed: Tensor) -> Tensor:
        """The log-probability of a right answer, (B,): among the labels in the form "box", among all texts in the published one."""
        if self.settings.form == "box":
            log_likelihoods = torch.log_softmax(log_likelihoods, -1)
        return torch.logsumexp(log_likelihoods.masked_fill(~allowed, -math.inf), -1)


def _learn(run: _Run, state: State | None, place: Path, *, report: Report) -> State:
    """Learn until the last step or until validation gets no better; what was learned is written at every check."""
    settings, learner, started = run.settings, run.learner, time.monotonic()
    learner.restart(settings.seed)
    parameters = learner.parameters()
    optimiser = torch.optim.AdamW(parameters.values(), lr=settings.rate, weight_decay=0.0)
    variants = [[learner.tokens(words) for words in variant] for variant in run.lessons.variants]
    checked = [learner.tokens(words) for words in run.checks.words]
    report(f"reading {len(run.lesson.words)} examples")
    learner.prepare(checked)
    for first in range(0, 0 if state is None else state.step, settings.check_every):
        _prepare(run, variants, first)  # in the same order as before a stop: what is computed together has the same last bits
    if state is None:
        state = _checked(run, State.new(parameters, optimiser), checked, None)
    else:
        state.put_into(parameters, optimiser)
    before, losses = state.seconds, []
    while state.step < settings.steps and not _is_spent(state, settings):
        if state.step % settings.check_every == 0:
            _prepare(run, variants, state.step)
        losses.append(_step(run, state.step, variants, parameters, optimiser))
        state = replace(state, step=state.step + 1)
        if state.step % settings.check_every == 0 or state.step == settings.steps:
            now = replace(state.learned(parameters, optimiser), seconds=before + time.monotonic() - started)
            state, losses = _checked(run, now, checked, float(np.mean(losses))), []
            write_state(place / STATE, state)
            report(_progress(state, settings))
    return state


def _prepare(run: _Run, variants: Sequence[Sequence[Tokens]], first: int) -> None:
    """Compute what does not change while the steps from `first` up to the next check are learned."""
    steps = range(first, min(first + run.settings.check_every, run.settings.steps))
    run.learner.prepare(variants[variant][row] for step in steps for variant, row in run.lessons.picked(step))


def _step(
    run: _Run, step: int, variants: Sequence[Sequence[Tokens]], parameters: dict[str, Tensor], optimiser: torch.optim.Optimizer
) -> float:
    settings, picked = run.settings, run.lessons.picked(step)
    warm_up, cosine = min(1.0, (step + 1) / (WARM_UP * settings.steps)), 1 + math.cos(math.pi * step / settings.steps)
    for group in optimiser.param_groups:
        group["lr"] = settings.rate * warm_up * 0.5 * cosine
    log_likelihoods = run.learner.log_likelihoods([variants[variant][row] for variant, row in picked])
    loss = -run.right(log_likelihoods, torch.from_numpy(run.lesson.allowed[[row for _, row in picked]])).mean()
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(parameters.values(), 1.0)
    optimiser.step()
    return float(loss.item())


def _checked(run: _Run, state: State, checked: Sequence[Tokens], training: float | None) -> State:
    """The state with one more point of its curve; good and defective validation examples count the same in all."""
    said = judged(run.learner, checked)
    losses = -run.right(torch.from_numpy(said), torch.from_numpy(run.checks.allowed)).numpy()
    bad = run.checks.bad
    loss = float(losses[bad].mean() + losses[~bad].mean()) / 2
    auroc = float(roc_auc_score(bad, probability_not_ok(said, run.ok)))
    return state.with_check(Check(state.step, training, loss, auroc), said)


def _is_spent(state: State, settings: TuneSettings) -> bool:
    return state.step - state.best_step >= settings.patience * settings.check_every


def _progress(state: State, settings: TuneSettings) -> str:
    last, best = state.curve[-1], state.best
    return (
        f"tuning: step {state.step} of {settings.steps}, {state.seconds:.0f} s, validation {last.validation:.3f}, AUROC {last.auroc:.3f} "
        f"(best {best.validation:.3f} at step {best.step})"
    )


def _finish(run: _Run, state: State, place: Path, digest: str) -> Tuned:
    """Write the adapter of the best step, and the record last."""
    state.put_best_into(run.learner.parameters())
    run.learner.write(place / ADAPTER)
    write_learned(place / LEARNED, run.learner.parameters())
    write_atomic(place / CURVE, curve_csv(state.curve))
    tuned = Tuned(
        adapter=place / ADAPTER,
        curve=state.curve,
        best_step=state.best_step,
        validation_loss=state.best.validation,
        validation_auroc=state.best.auroc,
        temperature=fit_temperature(state.best_said.numpy(), run.checks.allowed, run.ok),
        fingerprint=run.learner.fingerprint,
        digest=digest,
        examples=len(run.lesson.words),
        seconds=state.seconds,
    )
    values = {**asdict(tuned), "adapter": ADAPTER}
    write_atomic(place / RECORD, (json.dumps(values, indent=1, ensure_ascii=False) + "\n").encode())
    (place / STATE).unlink(missing_ok=True)
    return tuned


def _fewer(lesson: Lesson) -> Lesson:
    """At most MOST_VALIDATION examples, evenly spaced among the good and among the defective ones."""
    rows: list[int] = []
    for side in (np.flatnonzero(~lesson.bad), np.flatnonzero(lesson.bad)):
        count = min(len(side), MOST_VALIDATION // 2)
        rows += [int(side[index * len(side) // count]) for index in range(count)]
    return Lesson(tuple(lesson.words[row] for row in rows), lesson.allowed[rows], lesson.bad[rows])


def _digest(
    model: Path, form: Form, lessons: Lessons, lesson: Lesson, checks: Lesson, labels: Sequence[Label], settings: TuneSettings
) -> str:
    """The digest of everything that decides an adapter, in hexadecimal digits."""
    decides = {
        "version": VERSION,
        "lora": [RANK, ALPHA, ADAPTED, TRAINED_LAYERS, WARM_UP, MOST_VALIDATION],
        "model": model_digest(model),
        "prompt": [form.prompt.prefix, form.prompt.suffix, *form.prompt.answers],
        "decisions": [label.decision for label in labels],
        "settings": asdict(settings),
        "examples": [[form.text(words) for words in variant] for variant in lessons.variants],
        "allowed": lesson.allowed.tolist(),
        "checks": [form.text(words) for words in checks.words],
        "checks_allowed": checks.allowed.tolist(),
    }
    return hashlib.sha256(json.dumps(decides, ensure_ascii=False, sort_keys=True).encode()).hexdigest()
