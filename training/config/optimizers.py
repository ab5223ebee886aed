"""How the weights move."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from training.config.strict import Strict, refuse


class _Optimizer(Strict):
    weight_decay: float = Field(0.0, ge=0, le=1)
    """Pull of the weights towards zero; never applied to norms and biases."""
    bias_rate: float = Field(1.0, gt=0, le=100)
    """Rate of the norms' biases, as a multiple of the learning rate (Page 2019)."""


class SGD(_Optimizer):
    """Stochastic gradient descent."""

    kind: Literal["sgd"] = "sgd"
    """Which optimizer this is."""
    learning_rate: float = Field(0.1, gt=0, le=10)
    """Length of a step, at its longest."""


class Momentum(_Optimizer):
    """SGD that keeps going the way it went."""

    kind: Literal["momentum"] = "momentum"
    """Which optimizer this is."""
    learning_rate: float = Field(0.05, gt=0, le=10)
    """Length of a step, at its longest."""
    momentum: float = Field(0.9, ge=0, lt=1)
    """Share of the last step that is kept."""
    nesterov: bool = True
    """Look ahead before correcting (Nesterov 1983)."""

    @model_validator(mode="after")
    def _nesterov_needs_momentum(self) -> Self:
        if self.nesterov and self.momentum == 0:
            raise refuse(
                "optimizer.nesterov",
                "nesterov_without_momentum",
                "Nesterov needs a momentum above 0: raise optimizer.momentum or turn this off.",
            )
        return self


class Adagrad(_Optimizer):
    """Steps shrink where much was learnt already (Duchi et al. 2011); the rate only falls."""

    kind: Literal["adagrad"] = "adagrad"
    """Which optimizer this is."""
    learning_rate: float = Field(0.01, gt=0, le=10)
    """Length of a step, at its longest."""
    initial_accumulator: float = Field(0.1, ge=0, le=10)
    """Where the sum of squared gradients starts; above 0 tames the first steps."""


class _Adam(_Optimizer):
    learning_rate: float = Field(0.001, gt=0, le=1)
    """Length of a step, at its longest."""
    beta1: float = Field(0.9, ge=0, lt=1)
    """Memory of the gradient's mean."""
    beta2: float = Field(0.999, ge=0, lt=1)
    """Memory of the gradient's square."""
    epsilon: float = Field(1e-8, ge=1e-12, le=0.01)
    """Keeps the division finite."""


class Adam(_Adam):
    """Adam (Kingma and Ba 2015); decay mixes into the gradient."""

    kind: Literal["adam"] = "adam"
    """Which optimizer this is."""


class AdamW(_Adam):
    """Adam with decay apart from the gradient (Loshchilov and Hutter 2019)."""

    kind: Literal["adamw"] = "adamw"
    """Which optimizer this is."""
    weight_decay: float = Field(0.01, ge=0, le=1)
    """Pull of the weights towards zero; never applied to norms and biases."""


class Muon(_Optimizer):
    """Momentum made orthogonal for filters and matrices (Jordan et al. 2024); AdamW for the rest."""

    kind: Literal["muon"] = "muon"
    """Which optimizer this is."""
    learning_rate: float = Field(0.02, gt=0, le=10)
    """Length of a step, at its longest."""
    momentum: float = Field(0.9, ge=0, lt=1)
    """Share of the last step that is kept; Nesterov's form."""
    weight_decay: float = Field(0.01, ge=0, le=1)
    """Pull of the weights towards zero; never applied to norms and biases."""
    rest_rate: float = Field(0.15, gt=0, le=10)
    """Rate of AdamW for embeddings, norms, biases and classes, as a multiple of the learning rate;
    bias_rate multiplies on top of it."""


Optimizer = Annotated[SGD | Momentum | Adagrad | Adam | AdamW | Muon, Field(discriminator="kind")]
