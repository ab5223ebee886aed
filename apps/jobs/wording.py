"""A configuration in words: what it is, and whatever is not at its default.

Takes the plain JSON that a job keeps, older jobs' too: what they lack is at its default.
"""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple, get_args

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from training.config import Averaging, JobConfig, Model, Optimizer, Pruning, Schedule

Config = dict[str, Any]

NAMES = {
    "cnn": "CNN",
    "vit": "ViT",
    "rnn": "RNN",
    "lstm": "LSTM",
    "gru": "GRU",
    "transformer": "Transformer",
    "sgd": "SGD",
    "momentum": gettext_noop("SGD with momentum"),
    "adagrad": "Adagrad",
    "adam": "Adam",
    "adamw": "AdamW",
    "muon": "Muon",
    "constant": gettext_noop("constant"),
    "cosine": gettext_noop("cosine"),
    "one_cycle": gettext_noop("one cycle"),
    "ema": gettext_noop("moving average (EMA)"),
    "lookahead": gettext_noop("lookahead"),
    "magnitude": gettext_noop("smallest weights become zero"),
    "structured": gettext_noop("weakest channels go"),
}
# {n} is the value. Where a field has few values, each of them but the default has words of its own.
PHRASES = {
    "model.dense": gettext_noop("dense layers of {n}"),
    "model.dropout": gettext_noop("dropout {n}"),
    "model.head_dropout": gettext_noop("dropout {n} before the classes"),
    "model.feed_forward": gettext_noop("feed-forward {n} times as wide"),
    "model.token_dropout": gettext_noop("{n} of the tokens hidden"),
    "model.norm=none": gettext_noop("no normalisation"),
    "model.norm=batch": gettext_noop("batch normalisation"),
    "model.norm=group": gettext_noop("group normalisation"),
    "model.stem=large": gettext_noop("large stem"),
    "model.stem=whitening": gettext_noop("whitening stem"),
    "model.width": gettext_noop("width {n}"),
    "model.depth": gettext_noop("{n} layers deep"),
    "model.heads": gettext_noop("{n} heads"),
    "model.patch": gettext_noop("patches of {n} pixels"),
    "model.embedding": gettext_noop("embedding of {n}"),
    "model.hidden": gettext_noop("{n} hidden"),
    "model.layers": gettext_noop("{n} layers"),
    "model.bidirectional=False": gettext_noop("forwards only"),
    "model.pool=last": gettext_noop("classifies by the last state"),
    "model.pool=mean": gettext_noop("classifies by the mean over the tokens"),
    "model.pool=mean_max": gettext_noop("classifies by mean and largest over the tokens"),
    "model.pool=max": gettext_noop("classifies by the largest over the tokens"),
    "optimizer.weight_decay": gettext_noop("weight decay {n}"),
    "optimizer.bias_rate": gettext_noop("biases of norms {n} times as fast"),
    "optimizer.momentum": gettext_noop("momentum {n}"),
    "optimizer.nesterov=False": gettext_noop("without Nesterov"),
    "optimizer.initial_accumulator": gettext_noop("first accumulator {n}"),
    "optimizer.beta1": "β₁ {n}",
    "optimizer.beta2": "β₂ {n}",
    "optimizer.epsilon": "ε {n}",
    "optimizer.rest_rate": gettext_noop("AdamW at {n} of the rate for the rest"),
    "schedule.warmup": gettext_noop("rises for {n} of the steps"),
    "image.resize=crop": gettext_noop("cut to its centre"),
    "image.resize=stretch": gettext_noop("stretched to a square"),
    "image.channels=rgb": gettext_noop("colour"),
    "image.channels=grey": gettext_noop("greyscale"),
    "text.lowercase=False": gettext_noop("capital letters kept"),
    "augmentation.flip=True": gettext_noop("mirrored"),
    "augmentation.alternate=True": gettext_noop("by turns"),
    "augmentation.translate": gettext_noop("shift {n}"),
    "augmentation.rotate": gettext_noop("rotation {n}°"),
    "augmentation.zoom": gettext_noop("zoom {n}"),
    "augmentation.crop": gettext_noop("crop {n}"),
    "augmentation.cutout": gettext_noop("cutout {n}"),
    "augmentation.colour": gettext_noop("colour change {n}"),
    "augmentation.mixup": gettext_noop("mixup {n}"),
    "patience": gettext_noop("stops after {n} without a better one"),
    "sampling=oversample": gettext_noop("small classes repeated"),
    "sampling=undersample": gettext_noop("large classes cut"),
    "sampling=weighted": gettext_noop("every class drawn as often"),
    "class_weights=balanced": gettext_noop("rare classes count more"),
    "label_smoothing": gettext_noop("labels smoothed by {n}"),
    "gradient_clip": gettext_noop("no longer than {n}"),
    "averaging.every": gettext_noop("every {n} steps"),
    "averaging.decay": gettext_noop("decay {n}"),
    "pruning.amount": gettext_noop("share {n}"),
    "pruning.epochs": gettext_noop("{n} more epochs"),
    "test_time_augmentation=True": gettext_noop("mean of several views"),
    "precision=float32": "float32",
    "compile=auto": gettext_noop("where it pays"),
    "devices": "{n}",
}
# Said by the name of the network, or in a fact of their own.
SAID = {
    "model.blocks", "model.cell", "optimizer.learning_rate", "image.size",
    "text.tokenizer", "text.vocabulary", "text.max_length", "epochs", "batch_size", "seed",
}  # fmt: skip


IN_THE_NAME = ("model.depth", "resnet")


class Fact(NamedTuple):
    term: str
    text: str


def short(config: Config) -> str:
    """The network and the optimizer in two words."""
    optimizer = config["optimizer"]["kind"]
    return f"{network(config['model'])}, {'SGD+M' if optimizer == 'momentum' else _name(optimizer)}"


def network(model: Config) -> str:
    """The name that a network goes by."""
    if model["kind"] == "resnet":
        return f"ResNet-{model['depth']}"
    return _name(model.get("cell") or model["kind"])


def facts(config: Config) -> list[Fact]:
    """Everything that makes this configuration what it is, to be read."""
    return [fact for fact in _facts(config) if fact.text]


def _facts(config: Config) -> Iterator[Fact]:
    model, optimizer = config["model"], config["optimizer"]
    yield Fact(_("Model"), _join([network(model), _blocks(model), *_changed(config, "model")]))
    yield Fact(_("Optimizer"), _kind(config, "optimizer"))
    yield Fact(_("Learning rate"), _number(optimizer["learning_rate"]))
    yield Fact(_("Schedule"), _kind(config, "schedule"))
    yield Fact(_("Epochs"), _join([str(config["epochs"]), *_changed(config, "", ["patience"])]))
    yield Fact(_("Batch size"), str(config["batch_size"]))
    yield Fact(_("Seed"), str(config["seed"]))
    if "text" in config:
        yield Fact(_("Text"), _text(config))
    else:
        yield Fact(_("Image"), _image(config))
    yield Fact(_("Augmentation"), _join(_changed(config, "augmentation")))
    about_classes = ["class_weights", "sampling", "label_smoothing"]
    yield Fact(_("Classes and labels"), _join(_changed(config, "", about_classes)))
    yield Fact(_("Gradient limit"), _join(_changed(config, "", ["gradient_clip"])))
    yield Fact(_("Weight averaging"), _kind(config, "averaging"))
    yield Fact(_("Pruning"), _kind(config, "pruning"))
    yield Fact(_("Measured, too"), _join(_changed(config, "", ["test_time_augmentation"])))
    yield Fact(_("Precision"), _join(_changed(config, "", ["precision"])))
    yield Fact(_("Compiled"), _join(_changed(config, "", ["compile"])))
    yield Fact(_("Devices"), _join(_changed(config, "", ["devices"])))


def _blocks(model: Config) -> str:
    """The convolutions of a CNN: channels, window and pooling of each."""
    found = []
    for block in model.get("blocks", ()):
        size = f"{block['kernel']}×{block['kernel']}"
        pool = _("pool {n}").format(n=block["pool"]) if block["pool"] > 1 else ""
        found.append(f"{block['channels']} ({_join([size, pool])})")
    return " → ".join(found)


def _image(config: Config) -> str:
    side = config["image"]["size"]
    return _join([f"{side}×{side}", *_changed(config, "image", always=["channels"])])


def _text(config: Config) -> str:
    text = config["text"]
    characters = text["tokenizer"] == "characters"
    tokens = _("characters") if characters else _("pieces of words")
    known = _("at most {n} to tell apart").format(n=text["vocabulary"])
    length = _("the first {n} of a text").format(n=text["max_length"])
    return _join([tokens, known, length, *_changed(config, "text")])


def _kind(config: Config, part: str) -> str:
    """A part that is one of several kinds: its name and what is changed; nothing for “none”."""
    kind = config.get(part, {}).get("kind", "none")
    shown = {"pruning": ["amount", "epochs"]}.get(part, [])
    changed = _changed(config, part, always=shown)
    return "" if kind == "none" else _join([_name(kind), *changed])


def _changed(
    config: Config, part: str, names: Iterable[str] = (), *, always: Iterable[str] = ()
) -> Iterator[str]:
    """Words for what is not at its default in a part; of the whole, for the fields ``names``."""
    values = (
        config.get(part, {}) if part else {name: config[name] for name in names if name in config}
    )
    defaults = _defaults(part, values)
    for name in (each for each in defaults if each in values):  # in the order of training.config
        path = f"{part}.{name}" if part else name
        said = path in SAID or name == "kind" or (path, values.get("kind")) == IN_THE_NAME
        if not said and (values[name] != defaults[name] or name in always):
            yield _phrase(path, values[name])


def _phrase(path: str, value: Any) -> str:
    words = PHRASES.get(f"{path}={value}") or PHRASES.get(path)
    if words is None:
        return f"{path} {value}"
    shown = ", ".join(map(_number, value)) if isinstance(value, list) else _number(value)
    return _(words).format(n=shown)


def _number(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _defaults(part: str, values: Config) -> Config:
    if part in _KINDS:
        return _KINDS[part].get(values.get("kind", ""), {})
    return _WHOLE[part] if part else _WHOLE


def _name(kind: str) -> str:
    return _(NAMES[kind]) if kind in NAMES else kind


def _join(parts: Iterable[str]) -> str:
    return _(", ").join(part for part in parts if part)


def _by_kind(union: Any) -> dict[str, Config]:
    """{kind: its defaults} of a choice between parts."""
    members = get_args(get_args(union)[0])
    return {each().kind: each().model_dump(mode="json") for each in members}


_WHOLE = JobConfig().model_dump(mode="json")
_KINDS = {
    "model": _by_kind(Model),
    "optimizer": _by_kind(Optimizer),
    "schedule": _by_kind(Schedule),
    "averaging": _by_kind(Averaging),
    "pruning": _by_kind(Pruning),
}
