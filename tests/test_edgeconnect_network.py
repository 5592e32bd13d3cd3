"""EdgeConnect: what each of its two networks sees, the frozen first one, residual blocks, sizes."""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from effect.inpaint.nets.edgeconnect import (
    EdgeConnectConfig,
    EdgeConnectGenerator,
    EdgeGenerator,
    ResidualBlock,
)
from effect.inpaint.nets.generator import Generator

TINY = EdgeConnectConfig(channels=4, blocks=2)


def scene() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    rng = torch.Generator().manual_seed(1)
    rgb = torch.rand(2, 3, 32, 32, generator=rng) * 2 - 1
    hole = torch.zeros(2, 1, 32, 32)
    hole[:, :, 10:26, 8:20] = 1
    return rgb, hole, (torch.rand(2, 1, 32, 32, generator=rng) < 0.1).float()


@pytest.mark.parametrize("network", [EdgeGenerator, EdgeConnectGenerator])
def test_only_the_known_part_s_edges_count(network):
    torch.manual_seed(2)
    generator, (rgb, hole, edges) = network(TINY).eval(), scene()
    with torch.inference_mode():
        result = generator(rgb, hole, edges)[0]
        assert torch.equal(result, generator(rgb, hole, edges * (1 - hole))[0])
        assert torch.equal(generator(rgb, hole)[0], generator(rgb, hole, edges * hole)[0])
        assert not torch.allclose(result, generator(rgb, hole)[0], atol=1e-4)


def test_edges_depend_on_brightness_and_not_on_colour():
    torch.manual_seed(3)
    generator, (rgb, hole, edges) = EdgeGenerator(TINY).eval(), scene()
    grey = (0.299 * rgb[:, :1] + 0.587 * rgb[:, 1:2] + 0.114 * rgb[:, 2:]).expand(-1, 3, -1, -1)
    with torch.inference_mode():
        (coloured,), (plain,) = generator(rgb, hole, edges), generator(grey, hole, edges)
    assert torch.allclose(coloured, plain, atol=1e-4)
    assert coloured.min() > 0 and coloured.max() < 1


def test_the_painter_follows_known_edges_outside_and_imagined_ones_inside_the_hole():
    class Imagined(Generator):
        def forward(self, rgb, hole, guidance=None):
            return (torch.full_like(hole, 0.25),)

    seen = []
    generator, (rgb, hole, edges) = EdgeConnectGenerator(TINY), scene()
    generator.edges = Imagined()
    generator.completion.register_forward_pre_hook(lambda layer, inputs: seen.append(inputs[0]))
    generator(rgb, hole, edges)
    assert torch.equal(seen[0][:, 3:], torch.where(hole > 0, 0.25, edges))
    assert torch.equal(seen[0][:, :3], torch.where(hole > 0, 1.0, rgb))


def test_training_leaves_the_edge_generator_as_it_was():
    torch.manual_seed(4)
    generator, (rgb, hole, edges) = EdgeConnectGenerator(TINY).train(), scene()
    before = {name: value.clone() for name, value in generator.edges.state_dict().items()}
    for _ in range(2):
        generator(rgb, hole, edges)[0].square().mean().backward()
        with torch.no_grad():
            for weight in generator.parameters():
                if weight.grad is not None:
                    weight.sub_(weight.grad)
    assert generator.completion.training and not generator.edges.training
    after = generator.edges.state_dict()
    assert all(torch.equal(after[name], value) for name, value in before.items())


def test_weights_of_a_trained_edge_generator_fit_into_the_second_stage():
    torch.manual_seed(5)
    first, second, (rgb, hole, edges) = EdgeGenerator(TINY), EdgeConnectGenerator(TINY), scene()
    second.edges.load_state_dict(first.state_dict())
    with torch.inference_mode():
        assert torch.equal(second.edges(rgb, hole, edges)[0], first.eval()(rgb, hole, edges)[0])


def test_the_edge_generator_s_convolutions_have_a_norm_of_one():
    torch.manual_seed(6)
    generator, (rgb, hole, edges) = EdgeGenerator(EdgeConnectConfig(channels=2, blocks=1)).train(), scene()
    for _ in range(60):  # the power iteration settles
        generator(rgb, hole, edges)
    block = next(layer for layer in generator.layers if isinstance(layer, ResidualBlock))
    matrix = block.layers[1].weight.detach().flatten(1)
    assert torch.linalg.matrix_norm(matrix, 2).item() == pytest.approx(1, abs=0.01)


def test_a_residual_block_reaches_three_pixels_far():
    """Dilation 2, then 1. Its normalisation, which every pixel enters, is replaced."""
    block = ResidualBlock(1, wrap=lambda layer: layer)
    block.layers[2], block.layers[6] = torch.nn.Identity(), torch.nn.Identity()
    block.layers[3] = torch.nn.Identity()
    torch.nn.init.ones_(block.layers[1].weight)
    torch.nn.init.ones_(block.layers[5].weight)
    point = torch.zeros(1, 1, 15, 15)
    point[..., 7, 7] = 1
    with torch.inference_mode():
        reached = (block(point)[0, 0] > 0).nonzero()
    assert reached.min() == 4 and reached.max() == 10


# The authors' published layers but the last: inputs, outputs, kernel, side of the smaller map at 256 x 256.
BODY = ((64, 128, 4, 128), (128, 256, 4, 64), *[(256, 256, 3, 64)] * 16, (256, 128, 4, 64), (128, 64, 4, 128))


@pytest.mark.parametrize("network, first, last", [(EdgeGenerator, 3, 1), (None, 4, 3)])
def test_weights_and_products_are_those_of_the_authors_layers(network, first, last):
    generator = (network() if network else EdgeConnectGenerator()).eval().to("meta")
    with torch.device("meta"), FlopCounterMode(display=False) as counter:  # counted without computing
        generator(torch.zeros(1, 3, 256, 256), torch.zeros(1, 1, 256, 256))
    layers = [
        (i * o * kernel**2, side**2)
        for i, o, kernel, side in ((first, 64, 7, 256), *BODY, (64, last, 7, 256))
    ]
    parameters = sum(w.numel() for w in (generator if network else generator.completion).parameters())
    assert parameters == sum(count for count, _ in layers) + last  # the last layer's biases
    products = sum(count * places for count, places in layers)
    if not network:  # both stages run
        products += 48.07e9
        assert sum(w.numel() for w in generator.parameters()) == pytest.approx(21.53e6, abs=0.01e6)
    assert counter.get_total_flops() / 2 == pytest.approx(products, rel=1e-3)
