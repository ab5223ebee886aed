"""What a training job may be: the single source of truth, free of torch and numpy.

A configuration is declared, never programmed: every number is bounded, unknown fields are refused,
and each choice is an object with a ``kind``. ``JobConfig()`` alone is a sensible job.
"""

from training.config.inputs import MOST_PIXELS, Augmentation, Image, Text
from training.config.job import (
    EMA,
    LARGEST_LAYER,
    MOST_PATCHES,
    SMALLEST_NORMED_BATCH,
    Averaging,
    JobConfig,
    Lookahead,
    Magnitude,
    NoAveraging,
    NoPruning,
    Pruning,
    Structured,
    canonical_json,
    config_sha256,
)
from training.config.models import (
    CNN,
    RNN,
    ConvBlock,
    ImageModel,
    Model,
    ResNet,
    TextModel,
    Transformer,
    ViT,
)
from training.config.optimizers import SGD, Adagrad, Adam, AdamW, Momentum, Muon, Optimizer
from training.config.schedules import Constant, Cosine, OneCycle, Schedule
from training.explain import Problem, describe_errors, list_problems

__all__ = [
    "CNN", "EMA", "LARGEST_LAYER", "MOST_PATCHES", "MOST_PIXELS", "RNN", "SGD",
    "SMALLEST_NORMED_BATCH", "Adagrad", "Adam", "AdamW", "Augmentation", "Averaging", "Constant",
    "ConvBlock", "Cosine", "Image", "ImageModel", "JobConfig", "Lookahead", "Magnitude", "Model",
    "Momentum", "Muon", "NoAveraging", "NoPruning", "OneCycle", "Optimizer", "Problem", "Pruning",
    "ResNet", "Schedule", "Structured", "Text", "TextModel", "Transformer", "ViT",
    "canonical_json", "config_sha256", "describe_errors", "list_problems",
]  # fmt: skip
