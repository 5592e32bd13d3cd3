"""Partial convolution against a slow definition, what it is for, and the network's size."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch.utils.flop_counter import FlopCounterMode

from effect.inpaint.nets.partial import PartialConfig, PartialConv, PartialGenerator


def slow_partial_convolution(
    x: NDArray, mask: NDArray, weight: NDArray, bias: NDArray, stride: int
) -> tuple[NDArray, NDArray]:
    """Equations 1 and 2 of one picture, window by window: x and mask (C, H, W), every channel with its own mask."""
    outputs, _, kernel, _ = weight.shape
    pad = kernel // 2
    x, mask = (np.pad(a, ((0, 0), (pad, pad), (pad, pad))) for a in (x, mask))
    rows, columns = (range(0, side - kernel + 1, stride) for side in x.shape[1:])
    painted = np.zeros((outputs, len(rows), len(columns)))
    updated = np.zeros((len(rows), len(columns)))
    for i, top in enumerate(rows):
        for j, left in enumerate(columns):
            window = np.s_[:, top : top + kernel, left : left + kernel]
            known = mask[window].sum()
            if known > 0:
                seen = (weight * (x[window] * mask[window])).sum(axis=(1, 2, 3))
                painted[:, i, j] = seen * mask[window].size / known + bias
                updated[i, j] = 1
    return painted, updated


@pytest.mark.parametrize("kernel, stride", [(3, 1), (3, 2), (5, 2), (7, 2)])
def test_partial_convolution_is_what_the_loops_define(kernel, stride):
    """Two sources of different width and mask, as where the decoder meets a skip."""
    torch.manual_seed(1)
    layer = PartialConv(5, 4, kernel, stride)
    torch.nn.init.normal_(layer.bias)
    shares = ((3, 0.2), (2, 0.1))  # channels, known share
    sources = [(torch.randn(2, c, 10, 12), torch.rand(2, 1, 10, 12) < share) for c, share in shares]
    for _, mask in sources:
        mask[:, :, 4:, 5:] = False  # windows that see nothing
    with torch.inference_mode():
        painted, updated = layer([(x, mask.float()) for x, mask in sources])
    weight, bias = layer.conv.weight.detach().double().numpy(), layer.bias.detach().double().numpy()
    for index in range(2):
        x = np.concatenate([features[index].double().numpy() for features, _ in sources])
        masks = [np.repeat(mask[index].numpy(), features.shape[1], axis=0) for features, mask in sources]
        wanted, wanted_mask = slow_partial_convolution(x, np.concatenate(masks), weight, bias, stride)
        np.testing.assert_array_equal(updated[index, 0].numpy(), wanted_mask)
        np.testing.assert_allclose(painted[index].numpy(), wanted, atol=1e-4)
        assert 0 < wanted_mask.mean() < 1


def test_an_even_picture_stays_even_however_little_of_it_is_known():
    """What the renormalisation is for: the weights' sum arrives whole wherever a window sees anything."""
    layer = PartialConv(1, 1, 5)
    torch.nn.init.constant_(layer.conv.weight, 1 / 25)
    mask = (torch.rand(1, 1, 32, 32, generator=torch.Generator().manual_seed(2)) < 0.1).float()
    with torch.inference_mode():
        painted, updated = layer([(torch.full_like(mask, 0.7), mask)])
    assert torch.allclose(painted, 0.7 * updated, atol=1e-6)
    assert mask.mean() < 0.15 and updated.mean() > 0.8


def test_the_hole_closes_from_its_rim():
    mask = torch.ones(1, 1, 16, 16)
    mask[:, :, 4:12, 4:12] = 0
    layer, missing = PartialConv(1, 1, 3), []
    with torch.inference_mode():
        for _ in range(5):
            missing.append(int((mask == 0).sum()))
            _, mask = layer([(mask, mask)])
    assert missing == [64, 36, 16, 4, 0]


def test_a_picture_without_known_pixels_is_painted_with_finite_numbers():
    generator = PartialGenerator(PartialConfig(channels=4, depth=3)).eval()
    with torch.inference_mode():
        (painted,) = generator(torch.ones(1, 3, 16, 16), torch.ones(1, 1, 16, 16))
    assert torch.isfinite(painted).all()


# Table 1 of the paper's supplement, for 512 x 512: inputs, outputs, kernel and the output's side in pixels.
SUPPLEMENT = (
    (3, 64, 7, 256),
    (64, 128, 5, 128),
    (128, 256, 5, 64),
    (256, 512, 3, 32),
    (512, 512, 3, 16),
    (512, 512, 3, 8),
    (512, 512, 3, 4),
    (512, 512, 3, 2),
    (512 + 512, 512, 3, 4),
    (512 + 512, 512, 3, 8),
    (512 + 512, 512, 3, 16),
    (512 + 512, 512, 3, 32),
    (512 + 256, 256, 3, 64),
    (256 + 128, 128, 3, 128),
    (128 + 64, 64, 3, 256),
    (64 + 3, 3, 3, 512),
)


def test_weights_and_products_are_those_of_the_paper_s_table():
    with torch.device("meta"):  # counted without computing
        generator = PartialGenerator(PartialConfig(channels=64, depth=8)).eval()
        with FlopCounterMode(display=False) as counter:
            generator(torch.zeros(1, 3, 512, 512), torch.zeros(1, 1, 512, 512))
    weights = [(i * o * kernel**2, side**2) for i, o, kernel, side in SUPPLEMENT]
    convolutions = sum(w.numel() for w in generator.parameters() if w.ndim == 4)
    assert convolutions == sum(count for count, _ in weights) == 32_848_849
    products = sum(count * places for count, places in weights)
    assert counter.get_total_flops() / 2 == products == 37_972_344_832
    # Biases and normalisation on top.
    assert sum(w.numel() for w in generator.parameters()) == pytest.approx(32.86e6, abs=0.01e6)


def test_one_halving_less_suits_pictures_of_128_pixels():
    generator = PartialGenerator()
    assert generator.stride == 128
    parameters = sum(w.numel() for w in generator.parameters())
    assert parameters == pytest.approx(25.8e6, abs=0.1e6)
