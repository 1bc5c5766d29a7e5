"""`kotoba-export tune`: tune a language model as the judge of a text data set."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from export.commands.options import STATE, Commands, Progress, add_command, add_keys_option
from firmware_config.exit_codes import DONE

if TYPE_CHECKING:
    from export.instruct.on_dataset import Course
    from firmware_config.station import Station


def register(commands: Commands) -> None:
    """Add the verb."""
    tune = add_command(
        commands,
        "tune",
        summary="Tune a language model as the judge of a text data set, and write its LoRA as a GGUF adapter.",
        details="DATASET is a folder of `kotoba-export describe`. The step is taken that is best on validation: rows of the split "
        "validation, else whole blocks. Rows of the split test are never read. The same command goes on where it was stopped. "
        "See docs/tuning.md.",
        example="kotoba-export tune texts --bundle .kotoba/starter --out tuned",
        run=_tune,
    )
    tune.add_argument("dataset", type=Path, metavar="DATASET", help="The folder of the text data set.")
    tune.add_argument(
        "--bundle",
        type=Path,
        default=STATE / "starter",
        metavar="DIR",
        help="The bundle whose language model is tuned, with the labels and the instruction of its golden station. Default: %(default)s.",
    )
    add_keys_option(tune)
    tune.add_argument(
        "--model",
        type=Path,
        metavar="PATH",
        help="Another model: a .gguf file of the llama family, or the folder of a checkpoint of Hugging Face. Default: that of the bundle.",
    )
    tune.add_argument(
        "--station",
        type=Path,
        metavar="FILE",
        help="The station file with the labels and the instruction. With it and --model no bundle is read, and the instruction is a plain "
        "one. Default: the golden station of the bundle.",
    )
    tune.add_argument("--out", type=Path, required=True, metavar="DIR", help="The folder of the adapter, new or begun before.")
    tune.add_argument(
        "--good",
        action="append",
        default=[],
        metavar="LABEL",
        help="A label of the data set that means a good part. It can be repeated, and is needed where the station "
        "does not know the labels. Default: the station's decisions.",
    )
    _add_adaptation(tune)
    _add_settings(tune)


def _add_adaptation(tune: argparse.ArgumentParser) -> None:
    tune.add_argument(
        "--adapt-to",
        action="append",
        default=[],
        metavar="DOMAIN",
        help="A domain whose pictures teach without their labels: the tuned judge labels them, "
        "and is tuned again with them. It can be repeated. Default: none.",
    )
    tune.add_argument("--rounds", type=int, default=1, metavar="N", help="How often that is done. Default: %(default)s.")
    tune.add_argument(
        "--confidence",
        type=float,
        default=0.8,
        metavar="P",
        help="How sure, 0 to 1, the judge must be of a picture that it labels; 0 takes all of them, as published. Default: %(default)s.",
    )


def _add_settings(tune: argparse.ArgumentParser) -> None:
    tune.add_argument(
        "--form",
        choices=("box", "published"),
        default="box",
        help="The prompt and the loss: of a box, where labels compete with each other, or as published, on the tokens of "
        "the answer. Default: %(default)s.",
    )
    tune.add_argument(
        "--validation",
        type=float,
        default=0.2,
        metavar="SHARE",
        help="The share, 0 to 1, of each label that chooses the step. Default: %(default)s.",
    )
    tune.add_argument("--steps", type=int, default=120, metavar="N", help="The number of steps at most. Default: %(default)s.")
    tune.add_argument("--batch", type=int, default=8, metavar="N", help="The number of examples in a step. Default: %(default)s.")
    tune.add_argument("--rate", type=float, default=1e-3, metavar="X", help="The largest learning rate. Default: %(default)s.")
    tune.add_argument("--seed", type=int, default=0, metavar="N", help="The seed of everything random. Default: %(default)s.")


def _tune(options: argparse.Namespace) -> int:
    from export.instruct.on_dataset import tune_dataset
    from export.texts.dataset import read

    course = _course(options)
    dataset = read(options.dataset)
    with Progress() as report:
        done = tune_dataset(dataset, course, options.out, report=report)
    sides, tuned = done.sides, done.tuned
    print(f"learned from {len(sides.source)} rows, {len(sides.validation)} for validation, {len(sides.target)} of the target")
    for one in done.rounds:
        what = "the source alone" if one.number == 0 else f"round {one.number}, {len(one.pseudo)} pseudo-labels"
        print(
            f"{what}: step {one.tuned.best_step}, validation loss {one.tuned.validation_loss:.3f}, AUROC {one.tuned.validation_auroc:.3f}, "
            f"{one.tuned.seconds:.0f} s, {100 * one.tuned.seconds / one.tuned.examples:.0f} s for 100 examples"
        )
    if course.adapt_to and len(done.rounds) <= course.rounds:
        print(f"no round {len(done.rounds)}: no picture of the target got a label, at --confidence {options.confidence:g}")
    print(f"{done.adapter}: made for the model {tuned.fingerprint}, temperature {tuned.temperature:.3f}")
    return DONE


def _course(options: argparse.Namespace) -> Course:
    """What the options stand for."""
    from export.instruct.errors import TuneError
    from export.instruct.on_dataset import Course
    from export.instruct.tuned import TuneSettings

    for name, value, low, high in (
        ("--confidence", options.confidence, 0, 1),
        ("--validation", options.validation, 0.01, 0.9),
        ("--rounds", options.rounds, 1, 20),
        ("--steps", options.steps, 1, 1e6),
        ("--batch", options.batch, 2, 1e4),
        ("--rate", options.rate, 1e-9, 1),
        ("--seed", options.seed, 0, 2**31),
    ):  # fmt: skip
        if not low <= value <= high:
            msg = f"tuning with {name} {value:g}: give a value from {low:g} to {high:g}"
            raise TuneError(msg)
    model, station, template = _judge(options)
    settings = TuneSettings(
        seed=options.seed, steps=options.steps, batch=options.batch, rate=options.rate, form=options.form, template=template
    )
    return Course(
        model=model,
        labels=station.labels,
        settings=settings,
        good=tuple(options.good),
        adapt_to=tuple(options.adapt_to),
        rounds=options.rounds,
        confidence=options.confidence or None,
        share=options.validation,
    )


def _judge(options: argparse.Namespace) -> tuple[Path, Station, str | None]:
    """The model, the station and the instruction; a model and a station file need no bundle, their instruction is a plain one."""
    from edge.bundle.open import open_trusted_bundle
    from edge.inspection.golden import read_golden_station
    from edge.judges.template import read_template
    from firmware_config.station import read_station

    if options.model is not None and options.station is not None:
        return options.model, read_station(options.station), None
    bundle = open_trusted_bundle(options.bundle, keys=options.keys)
    station = read_golden_station(bundle) if options.station is None else read_station(options.station)
    return options.model or options.bundle / bundle.manifest.llm.model, station, read_template(bundle, station)
