"""Any valid configuration, small enough to train; and any JSON at all."""

from hypothesis import strategies as st

from training.config import (
    CNN,
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
    Momentum,
    OneCycle,
    ResNet,
)


def within(low, high):
    return st.floats(low, high, allow_nan=False)


RATES = within(1e-6, 0.1)
OPTIMIZERS = st.one_of(
    st.builds(SGD, learning_rate=RATES, weight_decay=within(0, 1)),
    st.builds(Momentum, learning_rate=RATES, momentum=within(0.01, 0.99), nesterov=st.booleans()),
    st.builds(Adagrad, learning_rate=RATES, initial_accumulator=within(0, 10)),
    st.builds(Adam, learning_rate=RATES, beta1=within(0, 0.99), beta2=within(0, 0.9999)),
    st.builds(AdamW, learning_rate=RATES, epsilon=within(1e-12, 0.01)),
)
SCHEDULES = st.one_of(
    st.builds(Constant, warmup=within(0, 0.5)),
    st.builds(Cosine, warmup=within(0, 0.5)),
    st.builds(OneCycle, warmup=within(0.01, 0.9)),
)
BLOCKS = st.builds(
    ConvBlock,
    channels=st.integers(1, 12),
    kernel=st.sampled_from([1, 3, 5, 7]),
    pool=st.sampled_from([1, 2]),
)
NORMS = st.sampled_from(["none", "batch", "group"])
MODELS = st.one_of(
    st.builds(
        CNN,
        blocks=st.lists(BLOCKS, min_size=1, max_size=3).map(tuple),
        dense=st.lists(st.integers(1, 20), max_size=2).map(tuple),
        dropout=within(0, 0.9),
        norm=NORMS,
    ),
    st.builds(
        ResNet,
        depth=st.sampled_from([9, 18]),
        width=st.just(8),
        norm=st.sampled_from(["batch", "group"]),
    ),
)
CONFIGS = st.builds(
    JobConfig,
    model=MODELS,
    optimizer=OPTIMIZERS,
    schedule=SCHEDULES,
    image=st.builds(Image, size=st.integers(8, 20), channels=st.sampled_from(["grey", "rgb"])),
    augmentation=st.builds(
        Augmentation,
        flip=st.booleans(),
        translate=within(0, 0.5),
        rotate=within(0, 180),
        zoom=within(0, 0.5),
    ),
    epochs=st.integers(1, 3),
    batch_size=st.integers(8, 16),
    label_smoothing=within(0, 0.3),
    seed=st.integers(0, 2**31 - 1),
)


FIELD_NAMES = st.sampled_from(
    ["kind", "model", "optimizer", "blocks", "image", "size", "epochs", "seed", "pool", "zz"]
) | st.text(max_size=4)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(FIELD_NAMES, inner, max_size=4),
    max_leaves=8,
)
