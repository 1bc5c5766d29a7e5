"""The scorers that a pilot compares, by the names that pilot.json gives them. Their names for people are in the texts of the report."""

from __future__ import annotations

from typing import Literal

Scorer = Literal[
    "box",  # the bundle's own judge with the station's settings, nothing fitted
    "linear_box",  # the bundle's linear judge on the same words, if it has one
    "tuned",  # the language model, tuned on the words of the source
    "tuned_tags",
    "tuned_attributes",
    "tuned_captions",
    "tuned_tags_attributes",
    "tuned_tags_captions",
    "tuned_attributes_captions",
    "zero_shot_rank",  # sum of the log-likelihoods of a label's tokens, as published
    "zero_shot_rank_mean",  # divided by their number
    "zero_shot_rank_calibrated",  # minus those after an empty description (contextual calibration)
    "zero_shot_generate",
    "tuned_generate",
    "neutral_labels",  # tuned with label words that mean nothing
    "shuffled",  # tuned, each picture with the description of another one
    "text_regression",  # TF-IDF and logistic regression on the same words
    "measure_trees",  # boosted trees on picture measures, without words
    "vision_probe",  # logistic regression on the picture features of the bundle's CLIP
    "imagenet_probe",  # the same on frozen ImageNet features
    "patch_memory",  # distance from patches of good pictures (PatchCore)
    "fusion",  # vision_probe and tuned, their log-odds added with weights from the source
    "darkness",  # how dark the picture is, nothing learned
    "majority",
]

JUDGES: tuple[Scorer, ...] = ("box", "tuned", "zero_shot_rank", "zero_shot_rank_mean", "zero_shot_rank_calibrated", "zero_shot_generate")
"""Those in which a language model judges whole descriptions."""

CONTROLS: tuple[Scorer, ...] = (
    "linear_box", "text_regression", "measure_trees", "vision_probe", "imagenet_probe", "patch_memory", "darkness", "majority",
)  # fmt: skip
"""What a user could take in the place of a language model."""
