"""What a network says to a whole split, plainly and by several views."""

import pytest
import torch
from torch import nn

from training.config import RNN, Image, JobConfig
from training.data.images import Images
from training.data.texts import Texts
from training.errors import Cancelled
from training.evaluation import evaluate, evaluate_views, views
from training.models import build


def split(count=300, size=8):
    source = torch.Generator().manual_seed(2)
    pixels = torch.randint(0, 256, (count, size, size, 1), generator=source, dtype=torch.uint8)
    return Images(pixels, torch.arange(count) % 3)


NETWORK = build(JobConfig(image=Image(size=8, channels="grey")), 3)


def test_each_sample_has_its_own_row():
    data = split()  # more than one piece
    found = evaluate(NETWORK, data, precision="float32")
    for row in (0, 255, 256, 299):
        one = Images(data.pixels[row : row + 1], data.labels[row : row + 1])
        expected = evaluate(NETWORK, one, precision="float32")
        torch.testing.assert_close(found[row : row + 1], expected, atol=1e-4, rtol=1e-4)


def test_other_weights_are_used_and_forgotten():
    data = split(10)
    plain = evaluate(NETWORK, data)
    zeros = {key: torch.zeros_like(value) for key, value in NETWORK.state_dict().items()}
    assert (evaluate(NETWORK, data, weights=zeros) == 0).all()
    assert torch.equal(evaluate(NETWORK, data), plain)


def test_recurrent_weights_stay_where_they_are():
    """On a GPU a recurrent layer moves its weights when it is handed others, and leaves them stale."""
    config = JobConfig(model=RNN(embedding=8, hidden=8))
    network = build(config, 3)
    before = {name: (one, one.data_ptr()) for name, one in network.named_parameters()}
    data = Texts(torch.arange(2, 14), torch.tensor([0, 5, 12]), torch.tensor([0, 1]))
    zeros = {key: torch.zeros_like(value) for key, value in network.state_dict().items()}
    assert (evaluate(network, data, weights=zeros) == 0).all()
    for name, one in network.named_parameters():
        assert one is before[name][0]
        assert one.data_ptr() == before[name][1]
        assert one.requires_grad
    flat = [layer._flat_weights for layer in network.modules() if isinstance(layer, nn.LSTM)]
    assert {id(one) for each in flat for one in each} <= {id(one) for one in network.parameters()}


def test_it_can_be_stopped_between_pieces():
    def stop():
        raise Cancelled

    with pytest.raises(Cancelled):
        evaluate(NETWORK, split(), beat=stop)


def test_six_views_by_hand():
    image = torch.tensor([[1.0, 2, 3], [4, 5, 6], [7, 8, 9]]).view(1, 1, 3, 3)
    found = [view[0, 0].tolist() for view in views(image, mirrored=True)]
    assert found == [
        [[1, 2, 3], [4, 5, 6], [7, 8, 9]],
        [[3, 2, 1], [6, 5, 4], [9, 8, 7]],
        [[1, 1, 2], [1, 1, 2], [4, 4, 5]],
        [[2, 1, 1], [2, 1, 1], [5, 4, 4]],
        [[5, 6, 6], [8, 9, 9], [8, 9, 9]],
        [[6, 6, 5], [9, 9, 8], [9, 9, 8]],
    ]
    assert len(list(views(image, mirrored=False))) == 3


def test_views_are_averaged_as_probabilities():
    class Brightest(nn.Module):
        def forward(self, images):
            return images[:, 0, 0, :2]  # the first two pixels are the logits

    data = split(5)
    found = evaluate_views(Brightest(), data, mirrored=True, precision="float32")
    images = data.pixels.permute(0, 3, 1, 2).float()
    shares = [view[:, 0, 0, :2].softmax(1) for view in views(images, mirrored=True)]
    torch.testing.assert_close(found.exp(), torch.stack(shares).mean(0))
    torch.testing.assert_close(found.exp().sum(1), torch.ones(5))
