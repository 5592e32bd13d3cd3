"""The kinds of gated convolution: what they cost, what reaches what, how they begin."""

from pathlib import Path

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from effect.inpaint.nets import build
from effect.inpaint.nets.gated import GatedConfig, GatedGenerator
from effect.inpaint.nets.gated_conv import GatedConv, Kind
from pipelines.evaluate import cost
from pipelines.train.recipe import Recipe

KINDS = {
    "full": Kind(),
    "one gate": Kind(gate="one"),
    "grouped": Kind(conv="grouped"),
    "grouped, one gate": Kind(conv="grouped", gate="one"),
    "grouped, separable gates": Kind(conv="grouped", gate="separable"),
    "separable": Kind(conv="separable"),
    "separable, one gate": Kind(conv="separable", gate="one"),
    "separable, separable gates": Kind(conv="separable", gate="separable"),
    "separable, leaky": Kind(conv="separable", activation="leaky"),
    "shortcut": Kind(shortcut=True),
    "separable, leaky, shortcut": Kind(conv="separable", activation="leaky", shortcut=True),
}
EXPANDED = Kind(conv="separable", expansion=3)


def products(network: nn.Module, *inputs: torch.Tensor) -> int:
    """Multiplications with addition, counted by hand: of every convolution, pixels out times weights."""
    total = 0

    def count(layer: nn.Module, _: object, output: torch.Tensor) -> None:
        nonlocal total
        total += output[0, 0].numel() * layer.get_parameter("weight").numel()

    hooks = [
        layer.register_forward_hook(count) for layer in network.modules() if isinstance(layer, nn.Conv2d)
    ]
    with torch.inference_mode():
        network(*inputs)
    for hook in hooks:
        hook.remove()
    return total


@pytest.mark.parametrize("kind", [*KINDS.values(), EXPANDED], ids=[*KINDS, "expanded"])
def test_what_a_network_costs_is_what_two_counters_say(kind: Kind):
    generator = GatedGenerator(GatedConfig(channels=16, **kind._asdict())).eval()
    rgb, hole = torch.zeros(1, 3, 32, 48), torch.ones(1, 1, 32, 48)
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        generator(rgb, hole)
    counted = counter.get_flop_counts()["Global"][torch.ops.aten.convolution] / 2
    assert counted == products(generator, rgb, hole)
    parameters, gmac = cost(generator, 32)
    assert gmac * 1e9 == pytest.approx(counted * 2 / 3)
    assert parameters * 1e6 == pytest.approx(sum(p.numel() for p in generator.parameters()))


def test_the_smallest_recipe_keeps_to_its_budget_and_lighter_kinds_cost_less():
    small = Recipe.read(Path("small"))
    assert small.data.size_px == 128 and small.settings["channels"] == 24
    parameters, gmac = cost(build(small.network, small.settings), 128)
    assert gmac <= 0.3 and parameters < 1  # one byte a weight in int8
    ladder = [{}, {"conv": "grouped"}, {"conv": "separable"}, {"conv": "separable", "channels": 24}]
    costs = [cost(build("gated", settings), 64) for settings in ladder]
    assert costs == sorted(costs, reverse=True) and costs[0][1] > 10 * costs[-1][1]


def test_two_grouped_layers_mix_all_channels_and_gates_open_on_every_group():
    torch.manual_seed(3)
    kind = Kind(conv="grouped", groups=4)
    layers = nn.Sequential(GatedConv(16, 32, kind=kind), GatedConv(16, 32, kind=kind)).double()
    x = torch.randn(1, 16, 5, 5, dtype=torch.double, requires_grad=True)
    for layer, reached in ((layers[:1], 4), (layers, 16)):
        seen = [
            torch.autograd.grad(layer(x)[0, c, 2, 2], x)[0].abs().sum(dim=(0, 2, 3)) > 0 for c in range(16)
        ]
        assert [int(channels.sum()) for channels in seen] == [reached] * 16


def test_a_separable_layer_is_one_filter_a_channel_and_a_mixture():
    """Without an expansion it is a full convolution whose weights are products."""
    torch.manual_seed(4)
    layer, x = GatedConv(6, 10, kind=Kind(conv="separable")), torch.randn(2, 6, 9, 7)
    depthwise, project = layer.conv
    weight = project.weight * depthwise.weight.transpose(0, 1)  # (10, 6, 1, 1) x (1, 6, 3, 3)
    with torch.inference_mode():
        both = nn.functional.conv2d(x, weight, padding=1)
        wanted = nn.functional.elu(both[:, :5]) * torch.sigmoid(both[:, 5:])
        assert torch.allclose(layer(x), wanted, atol=1e-5)


def test_a_shortcut_adds_the_input_where_sizes_agree_and_nothing_elsewhere():
    x = torch.randn(2, 6, 8, 8, generator=torch.Generator().manual_seed(5))
    for outputs, stride, passes in ((6, 1, True), (6, 2, False), (8, 1, False)):
        plain = GatedConv(6, 2 * outputs, stride=stride)
        layer = GatedConv(6, 2 * outputs, stride=stride, kind=Kind(shortcut=True))
        layer.load_state_dict(plain.state_dict())  # no weights of its own
        with torch.inference_mode():
            assert torch.equal(layer(x), x + plain(x) if passes else plain(x))


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_a_signal_neither_dies_nor_grows_through_untrained_layers(kind: Kind):
    torch.manual_seed(8)
    layers = nn.Sequential(*(GatedConv(24, 48, kind=kind) for _ in range(12)))
    one, other = torch.randn(2, 1, 24, 32, 32)
    with torch.inference_mode():
        difference = (layers(one) - layers(other)).std().item()
    assert 0.05 < difference < 5


@pytest.mark.parametrize("dilation", [1, 2, 4, 8])
def test_gradients_in_bfloat16_are_those_in_32_bits(dilation: int):
    """torch 2.15 on processors: weights of dilated depthwise convolutions got any gradient, NaN among them."""
    torch.manual_seed(10)
    layer = GatedConv(24, 48, dilation=dilation, kind=Kind(conv="separable"))
    x = torch.randn(4, 24, 32, 32).to(memory_format=torch.channels_last)
    gradients = []
    for autocast in (False, True):
        with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
            loss = layer(x).float().square().mean()
        gradients.append(torch.autograd.grad(loss, list(layer.parameters())))
    for wanted, gradient in zip(*gradients, strict=True):
        assert (gradient - wanted).norm() < 0.02 * wanted.norm()


def test_expanded_layers_begin_with_the_size_that_full_ones_have():
    """Where ReLU6 halves in between, the start makes up for it."""
    torch.manual_seed(9)
    x = torch.randn(4, 24, 32, 32)
    with torch.inference_mode():
        sizes = [
            GatedConv(24, 480, kind=kind)(x).square().mean().sqrt().item() for kind in (Kind(), EXPANDED)
        ]
    assert sizes[1] == pytest.approx(sizes[0], rel=0.2)
