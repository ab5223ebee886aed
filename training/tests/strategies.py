"""Any valid configuration, small enough to train; and any JSON at all."""

from hypothesis import strategies as st

from training.config import (
    CNN,
    EMA,
    RNN,
    SGD,
    Adagrad,
    Adam,
    AdamW,
    Augmentation,
    Constant,
    ConvBlock,
    Cosine,
    Image,
    JobConfig,
    Lookahead,
    Magnitude,
    Momentum,
    Muon,
    NoAveraging,
    NoPruning,
    OneCycle,
    ResNet,
    Structured,
    Text,
    Transformer,
    ViT,
)


def within(low, high):
    return st.floats(low, high, allow_nan=False)


def tuples(values, low, high):
    return st.lists(values, min_size=low, max_size=high).map(tuple)


RATES, SHARES = within(1e-6, 0.1), within(0, 0.9)
EVERY = {"weight_decay": within(0, 1), "bias_rate": within(0.01, 100)}
OPTIMIZERS = st.one_of(
    st.builds(SGD, learning_rate=RATES, **EVERY),
    st.builds(
        Momentum,
        learning_rate=RATES,
        momentum=within(0.01, 0.99),
        nesterov=st.booleans(),
        **EVERY,
    ),
    st.builds(Adagrad, learning_rate=RATES, initial_accumulator=within(0, 10), **EVERY),
    st.builds(Adam, learning_rate=RATES, beta1=within(0, 0.99), beta2=within(0, 0.9999), **EVERY),
    st.builds(AdamW, learning_rate=RATES, epsilon=within(1e-12, 0.01), **EVERY),
    st.builds(
        Muon, learning_rate=RATES, momentum=within(0, 0.99), rest_rate=within(0.01, 10), **EVERY
    ),
)
SCHEDULES = st.one_of(
    st.builds(Constant, warmup=within(0, 0.5)),
    st.builds(Cosine, warmup=within(0, 0.5)),
    st.builds(OneCycle, warmup=within(0.01, 0.9)),
)
AVERAGINGS = st.one_of(
    st.just(NoAveraging()),
    st.builds(EMA, decay=within(0.5, 0.9999)),
    st.builds(Lookahead, every=st.integers(2, 100), decay=within(0, 0.99)),
)
PRUNED = {"amount": within(0.01, 0.95), "epochs": st.integers(1, 3)}
PRUNINGS = st.just(NoPruning()) | st.builds(Magnitude, **PRUNED)
AUGMENTATIONS = st.booleans().flatmap(
    lambda flip: st.builds(
        Augmentation,
        flip=st.just(flip),
        alternate=st.booleans() if flip else st.just(False),
        translate=within(0, 0.5),
        rotate=within(0, 180),
        zoom=within(0, 0.5),
        crop=SHARES,
        cutout=within(0, 0.75),
        colour=SHARES,
        mixup=within(0, 1),
    )
)
SAMPLINGS = st.sampled_from(["none", "oversample", "undersample", "weighted"])
BALANCES = st.one_of(
    st.fixed_dictionaries({"sampling": SAMPLINGS}),
    st.just({"class_weights": "balanced"}),
)
TRAINING = {
    "optimizer": OPTIMIZERS,
    "schedule": SCHEDULES,
    "epochs": st.integers(1, 3),
    "patience": st.integers(0, 3),
    "batch_size": st.integers(8, 16),
    "label_smoothing": within(0, 0.3),
    "gradient_clip": within(0, 100),
    "averaging": AVERAGINGS,
    "precision": st.sampled_from(["auto", "float32"]),
    "compile": st.sampled_from(["off", "auto"]),
    "seed": st.integers(0, 2**31 - 1),
}


@st.composite
def jobs(draw, **fields):
    """A configuration with these fields, and any of those that say how it is trained."""
    found = draw(st.fixed_dictionaries({**fields, **TRAINING}))
    return JobConfig(**found, **draw(BALANCES))


# ---------------------------------------------------------------------------- images

BLOCKS = st.builds(
    ConvBlock,
    channels=st.integers(1, 12),
    kernel=st.sampled_from([1, 3, 5, 7]),
    pool=st.sampled_from([1, 2]),
)
CNNS = st.builds(
    CNN,
    blocks=tuples(BLOCKS, 1, 3),
    dense=tuples(st.integers(1, 20), 0, 2),
    dropout=SHARES,
    norm=st.sampled_from(["none", "batch", "group"]),
)


def resnets(stem):
    return st.builds(
        ResNet,
        depth=st.sampled_from([9, 18]),
        stem=st.just(stem),
        width=st.just(8),
        norm=st.sampled_from(["batch", "group"]),
    )


def heads_of(width):
    return st.sampled_from([heads for heads in range(1, 9) if width % heads == 0])


def vits(patch):
    return st.sampled_from([8, 24]).flatmap(
        lambda width: st.builds(
            ViT,
            patch=st.just(patch),
            width=st.just(width),
            depth=st.integers(1, 2),
            heads=heads_of(width),
            dropout=SHARES,
        )
    )


def of_images(models, sizes, prunings=PRUNINGS):
    return jobs(
        model=models,
        image=st.builds(
            Image,
            size=sizes,
            resize=st.sampled_from(["letterbox", "crop", "stretch"]),
            channels=st.sampled_from(["grey", "rgb"]),
        ),
        augmentation=AUGMENTATIONS,
        test_time_augmentation=st.booleans(),
        pruning=prunings,
    )


# Each model with the sizes of images that it takes.
IMAGE_CONFIGS = st.one_of(
    of_images(CNNS, st.integers(8, 20), PRUNINGS | st.builds(Structured, **PRUNED)),
    of_images(resnets("small"), st.integers(8, 20)),
    of_images(resnets("whitening"), st.integers(9, 20)),
    of_images(resnets("large"), st.integers(32, 40)),
    st.integers(1, 7).flatmap(
        lambda patch: of_images(vits(patch), st.integers(-(-8 // patch), 9).map(patch.__mul__))
    ),
)

# ---------------------------------------------------------------------------- texts

RNNS = st.builds(
    RNN,
    cell=st.sampled_from(["rnn", "lstm", "gru"]),
    embedding=st.integers(8, 20),
    hidden=st.integers(8, 20),
    layers=st.integers(1, 2),
    bidirectional=st.booleans(),
    pool=st.sampled_from(["last", "mean", "max", "mean_max"]),
    head_dropout=within(0, 0.9),
    dropout=SHARES,
    token_dropout=SHARES,
)
TRANSFORMERS = st.sampled_from([8, 24]).flatmap(
    lambda width: st.builds(
        Transformer,
        width=st.just(width),
        depth=st.integers(1, 2),
        heads=heads_of(width),
        pool=st.sampled_from(["mean", "max", "mean_max"]),
        head_dropout=within(0, 0.9),
        feed_forward=st.integers(1, 4),
        dropout=SHARES,
        token_dropout=SHARES,
    )
)
TEXT_CONFIGS = jobs(
    model=RNNS | TRANSFORMERS,
    text=st.builds(
        Text,
        tokenizer=st.sampled_from(["bpe", "characters"]),
        vocabulary=st.integers(64, 100),
        lowercase=st.booleans(),
        max_length=st.sampled_from([8, 16]),
    ),
    pruning=PRUNINGS,
)

EVERY_CONFIG = IMAGE_CONFIGS | TEXT_CONFIGS

# ---------------------------------------------------------------------------- JSON

FIELD_NAMES = st.sampled_from(
    [
        *("kind", "model", "optimizer", "blocks", "image", "size", "epochs", "seed", "pool", "zz"),
        *("text", "augmentation", "averaging", "pruning", "heads", "width", "alternate", "devices"),
    ]
) | st.text(max_size=4)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(FIELD_NAMES, inner, max_size=4),
    max_leaves=8,
)
