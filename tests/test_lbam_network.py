"""The attention maps' activation and mask update against slow definitions, their bounds, and the network's size."""

import math

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from effect.inpaint.nets.lbam import (
    AttentionMap,
    LBAMConfig,
    LBAMGenerator,
    asymmetric_gaussian,
    updated_mask,
)


def slow_activation(x: float, a: float, mu: float, gamma_left: float, gamma_right: float) -> float:
    """Equation 8 for one number."""
    if x < mu:
        return a * math.exp(-gamma_left * (x - mu) ** 2)
    return 1 + (a - 1) * math.exp(-gamma_right * (x - mu) ** 2)


@pytest.mark.parametrize("shape", [(1.1, 2.0, 1.0, 1.0), (3.5, 0.4, 0.5, 2.0)])
def test_the_activation_is_equation_8(shape):
    x = torch.linspace(-6, 6, 97)
    got = asymmetric_gaussian(x, *torch.tensor(shape))
    wanted = [slow_activation(value, *shape) for value in x.tolist()]
    assert torch.allclose(got, torch.tensor(wanted), atol=1e-6)
    a, mu = shape[:2]
    at_mu = asymmetric_gaussian(torch.tensor([mu]), *torch.tensor(shape))
    assert at_mu.item() == pytest.approx(a, abs=1e-6)
    assert got[0] < 0.01 and got[-1] == pytest.approx(1, abs=0.01)


def test_the_mask_update_is_a_power_of_what_is_positive():
    x = torch.linspace(-2, 3, 41)
    wanted = torch.tensor([value**0.8 if value > 0 else 0.0 for value in x.tolist()])
    assert torch.allclose(updated_mask(x), wanted, atol=1e-6)


def test_the_mask_update_s_slope_is_finite_where_everything_is_missing():
    x = torch.tensor([-1.0, 0.0, 1e-3, 1.0], requires_grad=True)
    updated_mask(x).sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == pytest.approx([0, 0, 0.8 * 1e-3**-0.2, 0.8], rel=1e-4)


def test_a_mask_s_step_is_convolution_then_both_functions():
    torch.manual_seed(1)
    step, mask = AttentionMap(2, 3, (1.1, 2.0, 1.0, 1.0)).eval(), torch.rand(1, 2, 6, 8)
    torch.nn.init.normal_(step.conv.weight)
    with torch.inference_mode():
        attention, updated = step(mask)
    padded = torch.nn.functional.pad(mask, (1, 1, 1, 1))[0]
    weight = step.conv.weight.detach()
    assert attention.shape == updated.shape == (1, 3, 3, 4)
    for output in range(3):
        for row in range(3):
            for column in range(4):
                window = padded[:, 2 * row : 2 * row + 4, 2 * column : 2 * column + 4]
                x = float((window * weight[output]).sum())
                place = (0, output, row, column)
                assert attention[place].item() == pytest.approx(
                    slow_activation(x, 1.1, 2.0, 1.0, 1.0), abs=1e-5
                )
                assert updated[place].item() == pytest.approx(max(x, 0.0) ** 0.8, abs=1e-5)


def test_training_keeps_the_activation_s_shape_within_bounds():
    step = AttentionMap(1, 2, (0.0, 9.0, 0.0, 9.0))
    step.eval()(torch.ones(1, 1, 4, 4))
    assert step.shape.tolist() == [0, 9, 0, 9]  # looking changes nothing
    step.train()(torch.ones(1, 1, 4, 4))
    assert step.shape.tolist() == pytest.approx([1.01, 3.0, 0.5, 2.0])


@pytest.mark.parametrize("missing", [0.0, 1.0])
def test_wholly_known_and_wholly_missing_pictures_learn_with_finite_numbers(missing):
    torch.manual_seed(2)
    generator = LBAMGenerator(LBAMConfig(channels=4, depth=3)).train()
    (painted,) = generator(torch.randn(2, 3, 16, 16), torch.full((2, 1, 16, 16), missing))
    painted.square().sum().backward()
    assert torch.isfinite(painted).all()
    assert all(torch.isfinite(w.grad).all() for w in generator.parameters() if w.grad is not None)


def test_both_directions_of_attention_reach_the_picture():
    torch.manual_seed(3)
    generator = LBAMGenerator(LBAMConfig(channels=4, depth=3)).eval()
    rgb, hole = torch.randn(1, 3, 16, 16), torch.zeros(1, 1, 16, 16)
    hole[:, :, 4:12, 4:12] = 1
    with torch.inference_mode():
        (before,) = generator(rgb, hole)
        for maps in (generator.known_maps, generator.hole_maps):
            kept = maps[0].shape.clone()
            maps[0].shape.copy_(torch.tensor([5.0, 0.1, 2.0, 0.5]))
            assert not torch.allclose(generator(rgb, hole)[0], before, rtol=1e-3, atol=0)
            maps[0].shape.copy_(kept)
        assert torch.equal(generator(rgb, hole)[0], before)


# The authors' published layers: every kernel 4 x 4 (inputs, outputs, side of the smaller map at 256 x 256).
MASKS = ((64, 128, 64), (128, 256, 32), (256, 512, 16), (512, 512, 8), (512, 512, 4))
ENCODER = ((4, 64, 128), *MASKS, (512, 512, 2))
FORWARD, REVERSE = ((1, 64, 128), *MASKS, (512, 512, 2)), ((1, 64, 128), *MASKS)
DECODER = (
    (512, 512, 2),
    (1024, 512, 4),
    (1024, 512, 8),
    (1024, 256, 16),
    (512, 128, 32),
    (256, 64, 64),
    (128, 3, 128),
)


def test_weights_and_products_are_those_of_the_authors_layers():
    with torch.device("meta"):  # counted without computing
        generator = LBAMGenerator(LBAMConfig(channels=64, depth=7)).eval()
        with FlopCounterMode(display=False) as counter:
            generator(torch.zeros(1, 3, 256, 256), torch.zeros(1, 1, 256, 256))
    layers = [(16 * i * o, side**2) for i, o, side in (*ENCODER, *FORWARD, *REVERSE, *DECODER)]
    convolutions = sum(w.numel() for w in generator.parameters() if w.ndim == 4)
    # The authors repeat the mask in three channels, which adds 4,096 weights that learn nothing of their own.
    assert convolutions == sum(count for count, _ in layers) == 68_304_896 - 4_096
    assert counter.get_total_flops() / 2 == sum(count * places for count, places in layers)
    assert sum(w.numel() for w in generator.parameters()) == pytest.approx(68.31e6, abs=0.01e6)
