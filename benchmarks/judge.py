"""`python -m benchmarks.judge`: a judgement beside the ways that we did not take, in one run, rounds interleaved, as ratios.

70 tokens of instruction and 88 of description, K labels. Times are of this machine and this minute; nothing here speaks of accuracy.
"""

from __future__ import annotations

import argparse
import gc
import itertools
import os
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import llama_cpp
import numpy as np
from numpy.typing import NDArray

from edge.bundle.open import Bundle, open_trusted_bundle
from edge.daemon.metrics import resident_bytes
from edge.judges import open_language_model
from edge.judges.label_judge import LabelJudge
from edge.judges.language_model import LanguageModel
from edge.judges.llama import LlamaModel
from edge.judges.prompt import Prompt, description_text
from edge.judges.scoring import label_log_likelihoods
from edge.judges.token_tree import TokenTree
from edge.records import Tag, Words
from edge.runtime.threads import threads_of
from firmware_config.board import Board, read_board
from firmware_config.labels import Label

LABELS = (2, 8, 32)
PREFIX_TOKENS, DESCRIPTION_TOKENS = 70, 88
ROUNDS = {2: 5, 8: 5, 32: 3}
NAIVE_LABELS = 8
"""Full prompts of more labels are extrapolated from this many: 32 of them take half a minute."""

NAMES = (
    *("functional", "crack", "dark area", "corner or edge", "stain", "finger interruption", "dead cell", "broken ribbon"),
    *("hot spot", "shunt", "burnt contact", "missing solder", "chipped edge", "cloudy film", "water mark", "scratch"),
    *("loose wire", "bent busbar", "bubble", "dust", "grain boundary", "pinhole", "belt mark", "striation"),
    *("ring", "soot", "peeling", "corrosion", "misprint", "short circuit", "hairline", "hollow"),
)
WORDS = ("cell", "line", "dark", "edge", "grain", "bar", "thin", "spot")
GOAL_MS, GOAL_PLAIN, GOAL_NAIVE = 80.0, 1.0, 15.0


def main() -> None:
    """Print the times of each K, then numbers, memory and switching."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.judge", description=__doc__)
    parser.add_argument("--bundle", type=Path, default=Path(".kotoba/starter"))
    parser.add_argument("--keys", type=Path, default=Path(".kotoba/keys"))
    parser.add_argument("--threads", type=int, help="default: one for each core")
    options = parser.parse_args()
    bundle = open_trusted_bundle(options.bundle, keys=options.keys)
    board = read_board("cpu").model_copy(update={"threads": options.threads})
    judging(bundle, board)


def judging(bundle: Bundle, board: Board) -> None:
    """All that this file measures, on the language model and the first adapter of a bundle."""
    llm = bundle.manifest.llm
    model = open_language_model(bundle, board=board)
    size = sum(file.size for file in bundle.manifest.files if Path(file.path).name == model.path.name) / 1e6
    print(f"{model.path.name} ({size:.0f} MB), {model.runs_on}, {threads_of(board)} threads, load {os.getloadavg()[0]:.1f}")
    adapters: list[Path] = [bundle.root / path for path in llm.adapters.values()]
    for count in LABELS:
        speed(bundle, board, model, count, adapters[0] if adapters else None)
    equality(model)
    if adapters:
        switching(bundle, board, adapters[0])


def speed(bundle: Bundle, board: Board, model: LanguageModel, count: int, adapter: Path | None) -> None:
    """Ours against llama-cpp-python's own class, which has no adapter: ours is shown with and without."""
    gguf = bundle.root / bundle.manifest.llm.model
    prompt, labels, words = prompt_of(model, count), labels_of(count), words_of(model, 0)
    pictures = itertools.cycle([words_of(model, number) for number in range(len(WORDS))])
    ranks = LabelJudge(model, labels=labels, prompt=prompt, adapter=None, temperature=None)
    says = LabelJudge(model, labels=labels, prompt=prompt, adapter=None, temperature=None, scoring="generate")
    plain = llama(gguf, board)
    scoring = llama(gguf, board, logits_all=True)
    whole = model.tokenize(prompt.prefix, special=True, begin=True) + model.tokenize(description_text(words) + prompt.suffix)
    tails = [model.tokenize(answer) for answer in prompt.answers]
    naive = tails[: min(count, NAIVE_LABELS)]

    def chat() -> object:
        messages = [
            {"role": "system", "content": prompt.prefix},
            {"role": "user", "content": description_text(next(pictures)) + prompt.suffix},
        ]
        return plain.create_chat_completion(messages, max_tokens=8, temperature=0.0)

    def fresh() -> object:
        again = open_language_model(bundle, board=board)
        return LabelJudge(again, labels=labels, prompt=prompt, adapter=None, temperature=None).score(next(pictures))

    ways: dict[str, Callable[[], object]] = {
        "ours, rank": lambda: ranks.score(next(pictures)),
        "ours, generate": lambda: says.score(next(pictures)),
        "llama_cpp.Llama.create_chat_completion as it comes (the prefix is reused)": chat,
        "llama_cpp.Llama with logits_all, a full prompt for each label": lambda: [full_prompt(scoring, whole, tail) for tail in naive],
        "ours, model and context made again each time": fresh,
    }
    if adapter is not None:
        tuned = LabelJudge(model, labels=labels, prompt=prompt, adapter=adapter, temperature=None)
        ways["ours, rank, with an adapter"] = lambda: tuned.score(next(pictures))
    if not isinstance(model, LlamaModel):
        other = LlamaModel(gguf, board=board, context_tokens=model.context_tokens)
        by_gguf = LabelJudge(other, labels=labels, prompt=prompt, adapter=None, temperature=None)
        ways["ours, rank, the GGUF on llama.cpp"] = lambda: by_gguf.score(next(pictures))
    times = interleaved(ways, rounds=ROUNDS[count])
    slow = times["llama_cpp.Llama with logits_all, a full prompt for each label"]
    for some in (slow.wall_ms, slow.cpu_ms):
        some[:] = [value * count / len(naive) for value in some]
    prefix = len(model.tokenize(prompt.prefix, special=True, begin=True))
    tokens = TokenTree([whole[prefix:]], tails)
    print(f"\nK = {count}: {len(whole)} prompt tokens, {len(tokens.tokens)} computed for each picture, {len(tokens.asked)} rows of logits")
    show(times)
    if count == NAIVE_LABELS:
        ours, talk, naively = (statistics.median(times[name].wall_ms) for name in list(times)[:1] + list(times)[2:4])
        print(f"  goals at K = 8: {ours:.1f} ms (<= {GOAL_MS:.0f}); x{ours / talk:.2f} of plain generation (<= {GOAL_PLAIN:.1f});", end=" ")
        print(f"{naively / ours:.1f} times as fast as full prompts (>= {GOAL_NAIVE:.0f})")
    for some in (plain, scoring):
        some.close()


def equality(model: LanguageModel) -> None:
    """The largest difference between one decode for all labels and a full prompt for each, in the same batch shape and in another."""
    prompt, words = prompt_of(model, 8), words_of(model, 0)
    prefix = model.tokenize(prompt.prefix, special=True, begin=True)
    shared = model.tokenize(description_text(words)) + model.tokenize(prompt.suffix, special=True)
    tails = [model.tokenize(answer) for answer in prompt.answers]
    together = summed(model, prefix, TokenTree([shared], tails))
    alone = np.array([summed(model, prefix, _same_shape(shared, tails, number))[number] for number in range(len(tails))])
    whole = np.array([summed(model, prefix[:1], TokenTree([prefix[1:] + shared], [tail]))[0] for tail in tails])
    same, other = np.abs(together - alone).max(), np.abs(together - whole).max()
    print("\nlog-likelihoods of 8 labels, largest difference to one prompt for each label:")
    print(
        f"  {same:.1e} nats in the same batch shape (goal 1e-6), {other:.1e} nats in other shapes, where 8-bit activations round otherwise"
    )


def _same_shape(shared: Sequence[int], tails: Sequence[Sequence[int]], number: int) -> TokenTree:
    """The batch of all labels, in which only one keeps its tokens: were the labels to see each other, its score would move."""
    return TokenTree([shared], [tail if i == number else [token ^ 1 for token in tail] for i, tail in enumerate(tails)])


def switching(bundle: Bundle, board: Board, adapter: Path) -> None:
    """What a second station with another adapter costs: memory, and the change of adapter between two judgements."""
    model = open_language_model(bundle, board=board)
    prompt, words, labels = prompt_of(model, 8), words_of(model, 0), labels_of(8)
    copy = Path(os.environ.get("TMPDIR", "/tmp")) / f"kotoba-second-{os.getpid()}.gguf"  # noqa: S108 -- its name is ours alone
    copy.write_bytes(adapter.read_bytes())
    try:
        one = LabelJudge(model, labels=labels, prompt=prompt, adapter=adapter, temperature=None)
        for _ in range(2):
            one.score(words)
        gc.collect()
        before = resident_bytes()
        two = LabelJudge(model, labels=labels, prompt=prompt, adapter=copy, temperature=None)
        for judge in (two, one, two):
            judge.score(words)
        gc.collect()
        grown = resident_bytes() - before
    finally:
        copy.unlink()
    ways: dict[str, Callable[[], object]] = {
        "the same station": lambda: (one.score(words), one.score(words)),
        "in turns": lambda: (one.score(words), two.score(words)),
    }
    times = interleaved(ways, rounds=6)
    same, turns = (statistics.median(some.wall_ms) / 2 for some in times.values())
    size = adapter.stat().st_size
    print(f"\na second station with an adapter of its own ({size / 1e6:.1f} MB on disk): {grown / 1e6:.1f} MB more memory (goal < 30)")
    print(f"a judgement takes {same:.1f} ms, with a change of adapter before it {turns:.1f} ms: the change costs {turns - same:.1f} ms")


def summed(model: LanguageModel, prefix: Sequence[int], tree: TokenTree) -> NDArray[np.float64]:
    """Log-likelihood in nats of each sequence of a tree."""
    with model.lock:
        return label_log_likelihoods(tree, model.ask(prefix, tree, None), "rank")


def llama(gguf: Path, board: Board, *, logits_all: bool = False) -> llama_cpp.Llama:
    """The class of llama-cpp-python that people use."""
    threads = threads_of(board)
    return llama_cpp.Llama(
        str(gguf), n_ctx=512, n_threads=threads, n_threads_batch=threads, logits_all=logits_all, chat_format="chatml", verbose=False
    )


def full_prompt(scoring: llama_cpp.Llama, whole: Sequence[int], tail: Sequence[int]) -> float:
    """The log-likelihood of one label as it is mostly computed: everything again, logits of every token."""
    scoring.reset()
    scoring.eval([*whole, *tail])
    logits = np.array(scoring.scores[len(whole) - 1 : len(whole) + len(tail) - 1], np.float64)
    return float(sum(row[token] - np.logaddexp.reduce(row) for row, token in zip(logits, tail, strict=True)))


def labels_of(count: int) -> list[Label]:
    """So many defects."""
    return [Label(name=name, decision="ng") for name in NAMES[:count]]


def prompt_of(model: LanguageModel, count: int) -> Prompt:
    """An instruction of 70 tokens where the labels leave room for that."""
    lead = "Judge."
    while True:
        prompt = Prompt.parse(lead + "\n{labels}\n{description}Answer:\n", labels_of(count))
        if len(model.tokenize(prompt.prefix, special=True, begin=True)) >= PREFIX_TOKENS:
            return prompt
        lead += " Look."


def words_of(model: LanguageModel, picture: int) -> Words:
    """Words of 88 tokens, other ones from the first word on for each picture: nothing may be reused but the instruction."""
    caption: list[str] = []
    while True:
        found = Words((Tag(WORDS[picture % len(WORDS)], 0.3),), (Tag("even light", 0.3),), (" ".join(caption),))
        if len(model.tokenize(description_text(found))) >= DESCRIPTION_TOKENS:
            return found
        caption.append(WORDS[len(caption) % len(WORDS)])


@dataclass(slots=True)
class Times:
    """Milliseconds of each round: by the clock, and of all cores that worked for us, which a busy machine distorts less."""

    wall_ms: list[float] = field(default_factory=list)
    cpu_ms: list[float] = field(default_factory=list)


def interleaved(ways: dict[str, Callable[[], object]], *, rounds: int) -> dict[str, Times]:
    """Run all ways in turns; the first round warms up."""
    times = {name: Times() for name in ways}
    for turn in range(rounds + 1):
        for name, way in ways.items():
            wall, cpu = time.perf_counter(), time.process_time()
            way()
            if turn:
                times[name].wall_ms.append((time.perf_counter() - wall) * 1e3)
                times[name].cpu_ms.append((time.process_time() - cpu) * 1e3)
    return times


def show(times: dict[str, Times]) -> None:
    """Median, best, least processor time, and the median's ratio to that of the first."""
    first = statistics.median(next(iter(times.values())).wall_ms)
    for name, some in times.items():
        median = statistics.median(some.wall_ms)
        print(f"  {median:9.1f} ms (best {min(some.wall_ms):8.1f}, of processors {min(some.cpu_ms):8.1f})  x{median / first:6.2f}  {name}")


if __name__ == "__main__":
    main()
