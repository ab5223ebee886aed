"""Averages of the weights over the steps of a run.

* ema: an exponential moving average beside the weights, as Polyak and Juditsky 1992 averaged them
  evenly; the weights themselves never see it.
* lookahead: slow weights that the fast ones return to (Zhang et al. 2019, "Lookahead Optimizer"), in
  the form of Jordan 2024, "94% on CIFAR-10 in 3.29 Seconds on a Single GPU": at first the return is to
  the weights as they are, and the average gains weight with the cube of the time.
"""

import torch
from torch import Tensor, nn

from training.config import EMA, Averaging, Lookahead


def ema_decay(decay: float, step: int) -> float:
    """Share of the average that stays at step 1, 2, …: few steps are averaged over what there is."""
    return min(decay, (1 + step) / (10 + step))


def lookahead_decay(config: Lookahead, step: int, steps: int) -> float:
    """Share of the average that stays at a return after ``step`` of ``steps`` steps."""
    return float(config.decay**config.every * (step / steps) ** 3)


class Average:
    """The average that a run keeps of its network's weights and statistics (floating buffers).

    It holds on to the network's tensors: the network must neither move nor be rebuilt meanwhile.
    """

    def __init__(self, config: Averaging, network: nn.Module) -> None:
        self.config = config
        self._network = network
        # The network's own tensors, not views of them: on a GPU recurrent layers move theirs.
        live = network.state_dict(keep_vars=True)
        self._names = [key for key, value in live.items() if value.is_floating_point()]
        if not isinstance(config, EMA | Lookahead):
            self._names = []
        self._fast = [live[name] for name in self._names]
        self._slow = [tensor.detach().clone() for tensor in self._fast]

    @torch.no_grad()
    def update(self, step: int, steps: int) -> None:
        """Take in the weights as they are after ``step`` (1 to ``steps``) of a run's ``steps``."""
        if isinstance(self.config, EMA):
            torch._foreach_lerp_(self._slow, self._fast, 1 - ema_decay(self.config.decay, step))
        elif isinstance(self.config, Lookahead):
            if step % self.config.every == 0:
                decay = lookahead_decay(self.config, step, steps)
                torch._foreach_lerp_(self._slow, self._fast, 1 - decay)
                torch._foreach_copy_(self._fast, self._slow)
            elif step == steps > self.config.every:
                # Steps after the last return go unused. A run too short for one keeps its weights.
                torch._foreach_copy_(self._fast, self._slow)

    @property
    def apart(self) -> bool:
        """Whether what is to be evaluated are other weights than the network's own."""
        return isinstance(self.config, EMA)

    def weights(self) -> dict[str, Tensor]:
        """The state dict to evaluate and to keep: for ema the average and the counters (whole
        numbers) as they are, otherwise the network's own. Not copies: clone what is to stay."""
        return self._network.state_dict() | (self.tensors() if self.apart else {})

    def tensors(self) -> dict[str, Tensor]:
        """What :meth:`load` needs to go on, by name; nothing where nothing is averaged."""
        return dict(zip(self._names, self._slow, strict=True))

    @torch.no_grad()
    def restart(self) -> None:
        """Forget the past: the average is of the weights as they are now."""
        for slow, fast in zip(self._slow, self._fast, strict=True):
            slow.copy_(fast)

    @torch.no_grad()
    def load(self, tensors: dict[str, Tensor]) -> None:
        """Put back what :meth:`tensors` gave. Raises ``KeyError`` where one is missing."""
        for name, slow in zip(self._names, self._slow, strict=True):
            slow.copy_(tensors[name])
