"""Every option of the loop: it does what it says, and a resumed run has the same bits."""

import pytest
import torch

from training import checkpoint, engine
from training.config import (
    CNN,
    EMA,
    RNN,
    SGD,
    Augmentation,
    Constant,
    ConvBlock,
    Image,
    JobConfig,
    Lookahead,
    Momentum,
    Muon,
    ResNet,
    Text,
    Transformer,
    ViT,
)
from training.data.images import Images
from training.data.texts import Texts
from training.errors import Cancelled
from training.evaluation import accuracy, evaluate
from training.pulse import Pulse
from training.snapshot import from_checkpoint, to_checkpoint

CPU = torch.device("cpu")
TEXT = Text(vocabulary=64, max_length=32)
MODEL = CNN(blocks=(ConvBlock(channels=6), ConvBlock(channels=8)), dense=(16,), norm="batch")
IMAGE = Image(size=12)
BASE = {"image": IMAGE, "model": MODEL, "epochs": 3, "batch_size": 8, "seed": 7}


def images(count=44, classes=3):
    source = torch.Generator().manual_seed(1)
    pixels = torch.randint(0, 256, (count, 12, 12, 3), generator=source, dtype=torch.uint8)
    return Images(pixels, torch.arange(count).pow(2) % classes)


def texts(count=60, classes=3):
    """Texts of 3 to 17 tokens; one of them tells the class."""
    source = torch.Generator().manual_seed(1)
    lengths = torch.randint(3, 18, (count,), generator=source)
    offsets = torch.cat((torch.zeros(1, dtype=torch.int64), lengths.cumsum(0)))
    tokens = torch.randint(10, 60, (int(offsets[-1]),), generator=source)
    labels = torch.arange(count) % classes
    tokens[offsets[:-1] + lengths // 2] = 2 + labels
    return Texts(tokens, offsets, labels)


def begin(config):
    data = texts if config.reads_texts else images
    return engine.start(config, 3, data(), data(20), CPU)


OPTIONS = {
    "ema": JobConfig(**BASE, averaging=EMA(decay=0.8)),
    "lookahead": JobConfig(**BASE, averaging=Lookahead(every=3, decay=0.8)),
    "muon": JobConfig(**BASE, optimizer=Muon()),
    "bias rate": JobConfig(**BASE, optimizer=Momentum(bias_rate=16)),
    "mixup and all": JobConfig(
        **BASE,
        augmentation=Augmentation(
            flip=True, alternate=True, translate=0.1, crop=0.2, cutout=0.3, colour=0.2, mixup=0.4
        ),
        class_weights="balanced",
        gradient_clip=0.5,
        label_smoothing=0.1,
    ),
    "oversample": JobConfig(**BASE, sampling="oversample"),
    "undersample": JobConfig(**BASE, sampling="undersample"),
    "weighted": JobConfig(**BASE, sampling="weighted"),
    "whitening": JobConfig(**{**BASE, "model": ResNet(width=8, stem="whitening")}),
    "vit": JobConfig(**{**BASE, "model": ViT(width=16, depth=1, heads=2, dropout=0.2)}),
    "lstm": JobConfig(model=RNN(embedding=8, hidden=8), text=TEXT, epochs=3, batch_size=8),
    "transformer": JobConfig(
        model=Transformer(width=16, depth=1), text=TEXT, epochs=3, batch_size=8, gradient_clip=1.0
    ),
}


@pytest.mark.parametrize("name", OPTIONS)
def test_a_resumed_run_gives_the_same_bits(tmp_path, name):
    config = OPTIONS[name]
    whole = begin(config)
    engine.train(whole, Pulse())

    half = begin(config)
    cut = half.steps_per_epoch + 2
    with pytest.raises(Cancelled):
        engine.train(half, Pulse(save=_saver(tmp_path), stopped=lambda: half.step >= cut))
    resumed = begin(config)
    from_checkpoint(resumed, *checkpoint.load_latest(tmp_path, {}))
    assert resumed.step == cut
    engine.train(resumed, Pulse())

    ends = [run.network.state_dict() for run in (whole, resumed)]
    assert all(torch.equal(ends[0][key], ends[1][key]) for key in ends[0])
    for one, other in zip(whole.history, resumed.history, strict=True):
        assert {**one, "seconds": 0} == {**other, "seconds": 0}


def _saver(folder):
    def save(run):
        tensors, state = to_checkpoint(run)
        checkpoint.save(folder, f"{run.step:010d}-{len(run.history):06d}", tensors, state)

    return save


@pytest.mark.parametrize(
    "model",
    [
        RNN(embedding=16, hidden=16, cell="lstm", token_dropout=0, dropout=0),
        RNN(embedding=16, hidden=16, cell="gru", pool="last", token_dropout=0, dropout=0),
        RNN(embedding=16, hidden=32, cell="rnn", pool="mean", token_dropout=0, dropout=0),
        Transformer(width=32, pool="max", token_dropout=0, dropout=0),
    ],
    ids=lambda one: getattr(one, "cell", one.kind),
)
def test_networks_for_texts_find_the_word_that_tells(model):
    config = JobConfig(model=model, text=TEXT, epochs=25, batch_size=20, gradient_clip=1.0)
    run = engine.start(config, 3, texts(300), None, CPU)
    engine.train(run, Pulse())
    assert run.history[-1]["train_accuracy"] > 0.97
    data = texts(300)
    assert accuracy(evaluate(run.network, data), data.labels) > 0.97


def test_stops_early_where_nothing_gets_better():
    config = JobConfig(
        **{**BASE, "epochs": 50}, patience=3, optimizer=SGD(learning_rate=1e-9), schedule=Constant()
    )
    run = begin(config)
    engine.train(run, Pulse())
    assert len(run.history) == run.best["epoch"] + 3 < 50


def test_the_average_is_what_is_measured_and_kept():
    config = OPTIONS["ema"]
    run = engine.start(config, 3, images(), None, CPU)
    seen = []

    class Watching(Pulse):
        def epoch(self, run):
            weights = run.average.weights()
            seen.append({key: value.clone() for key, value in weights.items()})

    engine.train(run, Watching())
    kept = run.network.state_dict()
    assert all(torch.equal(kept[key], seen[-1][key]) for key in kept)


def test_balanced_weights_make_rare_classes_count():
    labels = torch.tensor([0] * 40 + [1] * 4)
    pixels = torch.randint(0, 256, (44, 12, 12, 3), dtype=torch.uint8)
    run = engine.start(
        JobConfig(**BASE, class_weights="balanced"), 2, Images(pixels, labels), None, CPU
    )
    assert run.class_weights.tolist() == pytest.approx([44 / 80, 44 / 8])


@pytest.mark.parametrize(
    ("sampling", "steps"), [("none", 5), ("oversample", 9), ("undersample", 2), ("weighted", 5)]
)
def test_an_epoch_is_as_long_as_its_sampling_says(sampling, steps):
    labels = torch.tensor([0] * 36 + [1] * 8)
    pixels = torch.randint(0, 256, (44, 12, 12, 3), dtype=torch.uint8)
    config = JobConfig(**{**BASE, "epochs": 1}, sampling=sampling)
    run = engine.start(config, 2, Images(pixels, labels), None, CPU)
    engine.train(run, Pulse())

    assert run.step == steps


def test_full_precision_on_request():
    seen = []

    class Looking(torch.nn.Module):
        def forward(self, x):
            seen.append(torch.is_autocast_enabled("cpu"))
            return x

    for precision in ("auto", "float32"):
        run = begin(JobConfig(**{**BASE, "epochs": 1}, precision=precision))
        run.network.body.append(Looking())
        engine.train(run, Pulse())
    assert seen[-1] is False
