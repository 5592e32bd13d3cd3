"""The gated generator: its size, its attention against a slow definition, gradients, what it may look at, its file."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch.utils.flop_counter import FlopCounterMode

from effect.inpaint.nets.gated import GatedConfig, GatedGenerator, contextual_attention
from effect.inpaint.nets.gated_conv import GatedConv, Kind

SMALL = GatedConfig(channels=8)


def small_generator(seed: int = 1) -> GatedGenerator:
    torch.manual_seed(seed)
    return GatedGenerator(SMALL).eval()


def scene(size_px: int = 64, pictures: int = 1, seed: int = 2) -> tuple[torch.Tensor, torch.Tensor]:
    """Noise, (B, 3, S, S) in -1..1, and a hole in its lower right quarter, (B, 1, S, S)."""
    generator = torch.Generator().manual_seed(seed)
    rgb = torch.rand(pictures, 3, size_px, size_px, generator=generator) * 2 - 1
    hole = torch.zeros(pictures, 1, size_px, size_px)
    hole[:, :, size_px * 5 // 8 :, size_px * 5 // 8 :] = 1
    return rgb, hole


def test_the_paper_s_width_has_four_million_parameters_and_25_billion_products():
    generator = GatedGenerator(GatedConfig(channels=48)).to("meta")
    with torch.device("meta"), FlopCounterMode(display=False) as counter:  # counted without computing
        generator(torch.zeros(1, 3, 256, 256), torch.zeros(1, 1, 256, 256))
    assert sum(weight.numel() for weight in generator.parameters()) == pytest.approx(4.05e6, abs=0.01e6)
    # The convolutions alone, two operations a product. The attention's matrix products are not in it.
    convolutions = counter.get_flop_counts()["Global"][torch.ops.aten.convolution]
    assert convolutions / 2 == pytest.approx(25.28e9, abs=0.01e9)


def slow_attention(features: NDArray, hole: NDArray, sharpness: float) -> NDArray:
    """Contextual attention of one picture, patch by patch: features (C, h, w), hole bool (h, w)."""
    height, width = features.shape[1:]
    rows, columns = height // 2, width // 2
    places = [(row, column) for row in range(rows) for column in range(columns)]

    def patch(row: int, column: int) -> NDArray:
        padded = np.pad(features[:, ::2, ::2], ((0, 0), (1, 1), (1, 1)))
        return padded[:, row : row + 3, column : column + 3]

    def similarity(known: tuple[int, int], wanted: tuple[int, int]) -> float:
        key = patch(*known)
        return float((key / np.linalg.norm(key) * patch(*wanted)).sum())

    def is_known(row: int, column: int) -> bool:
        top, left = max(0, 2 * row - 2), max(0, 2 * column - 2)
        return not hole[top : 2 * row + 4, left : 2 * column + 4].any()

    def with_neighbours(scores: dict, order: list) -> dict:
        """Add the scores of the pairs that lie one place before and behind, in reading order."""
        result = {}
        for i, known in enumerate(order):
            for j, wanted in enumerate(order):
                shifts = [d for d in (-1, 0, 1) if 0 <= i + d < len(order) and 0 <= j + d < len(order)]
                result[known, wanted] = sum(scores[order[i + d], order[j + d]] for d in shifts)
        return result

    scores = {(known, wanted): similarity(known, wanted) for known in places for wanted in places}
    scores = with_neighbours(scores, places)  # along rows
    scores = with_neighbours(scores, sorted(places, key=lambda place: place[::-1]))  # along columns

    padded = np.pad(features, ((0, 0), (1, 1), (1, 1)))
    canvas = np.zeros_like(padded)
    known_places = [place for place in places if is_known(*place)]
    for wanted in places:
        if not known_places:
            break
        logits = sharpness * np.array([scores[known, wanted] for known in known_places])
        weights = np.exp(logits - logits.max())
        weights /= weights.sum()
        row, column = wanted
        for weight, (y, x) in zip(weights, known_places, strict=True):
            copied = padded[:, 2 * y : 2 * y + 4, 2 * x : 2 * x + 4]
            canvas[:, 2 * row : 2 * row + 4, 2 * column : 2 * column + 4] += weight * copied
    return canvas[:, 1:-1, 1:-1] / 4


def test_attention_is_what_the_loops_define():
    rng = np.random.default_rng(5)
    features = rng.normal(size=(3, 4, 8, 12))
    hole = np.zeros((3, 1, 8, 12), bool)
    hole[0, 0, 5:, 8:] = True
    hole[1, 0, 0, 0] = True
    hole[2] = True  # no known patch
    got = contextual_attention(
        torch.from_numpy(features).float(), torch.from_numpy(hole).float(), 2.0
    ).numpy()
    for index in range(3):
        np.testing.assert_allclose(
            got[index], slow_attention(features[index], hole[index, 0], 2.0), atol=2e-4
        )
    assert np.abs(got[0]).max() > 0.1 and (got[2] == 0).all()


def test_attention_pastes_a_repeated_pattern_back():
    """Sharp attention over a periodic picture finds the pattern's own copies for the hole."""
    tile = torch.randn(1, 6, 8, 8, generator=torch.Generator().manual_seed(3))
    features = tile.repeat(1, 1, 4, 4)
    hole = torch.zeros(1, 1, 32, 32)
    hole[:, :, 12:20, 12:20] = 1
    rebuilt = contextual_attention(features, hole, 50.0)
    assert (rebuilt - features)[:, :, 12:20, 12:20].abs().max() < 0.01


def test_gradients_reach_every_weight():
    generator = small_generator().train()
    rgb, hole = scene()
    coarse, refined = generator(rgb, hole)
    ((coarse - rgb).abs().mean() + (refined - rgb).abs().mean()).backward()
    silent = [
        name for name, weight in generator.named_parameters() if weight.grad is None or not weight.grad.any()
    ]
    assert silent == []


@pytest.mark.parametrize("height, width", [(64, 64), (40, 96)])
def test_both_pictures_have_the_input_s_size_and_range(height, width):
    rgb, hole = torch.rand(2, 3, height, width) * 2 - 1, torch.zeros(2, 1, height, width)
    hole[:, :, 8:24, 8:40] = 1
    with torch.inference_mode():
        pictures = small_generator()(rgb, hole)
    for picture in pictures:
        assert picture.shape == rgb.shape
        assert picture.abs().max() <= 1 and picture.std() > 0


def test_what_lies_under_the_hole_is_never_seen():
    generator, (rgb, hole) = small_generator(), scene()
    with torch.inference_mode():
        before = generator(rgb, hole)
        after = generator(torch.where(hole > 0, -rgb, rgb), hole)
        elsewhere = generator(torch.where(hole > 0, rgb, -rgb), hole)
    assert torch.equal(before[0], after[0]) and torch.equal(before[1], after[1])
    assert not torch.equal(before[1], elsewhere[1])


def test_a_picture_paints_the_same_alone_and_in_a_batch():
    generator, (rgb, hole) = small_generator(), scene(pictures=2)
    hole[1] = 1  # one without any known pixel must not disturb the other
    with torch.inference_mode():
        together, alone = generator(rgb, hole)[1], generator(rgb[:1], hole[:1])[1]
    assert torch.isfinite(together).all()
    assert torch.allclose(together[:1], alone, atol=1e-5)


@pytest.mark.parametrize("gate, parameters", [("full", 4.05e6), ("one", 2.05e6), ("separable", 2.28e6)])
def test_lighter_gates_take_fewer_weights(gate, parameters):
    generator = GatedGenerator(GatedConfig(gate=gate))
    assert sum(weight.numel() for weight in generator.parameters()) == pytest.approx(parameters, abs=0.01e6)


def test_one_gate_is_shared_by_all_features_and_separable_gates_are_not():
    """The gated output divided by the features alone is the gate."""
    x = torch.randn(2, 6, 9, 7, generator=torch.Generator().manual_seed(4))
    for gate, maps in (("one", 1), ("separable", 5), ("full", 5)):
        torch.manual_seed(6)
        layer = GatedConv(6, 10, kind=Kind(gate=gate))
        with torch.inference_mode():
            opened = layer(x) / torch.nn.functional.elu(layer.conv(x)[:, :5])
        assert opened.shape == (2, 5, 9, 7) and opened.min() > 0 and opened.max() < 1
        different = (opened - opened[:, :1]).abs().amax(dim=(0, 2, 3)) > 1e-3
        assert different.sum() == maps - 1


@pytest.mark.parametrize("gate", ["full", "one", "separable"])
def test_a_signal_neither_dies_nor_grows_through_untrained_layers(gate):
    torch.manual_seed(8)
    layers = torch.nn.Sequential(*(GatedConv(24, 48, kind=Kind(gate=gate)) for _ in range(12)))
    one, other = torch.randn(2, 1, 24, 32, 32)
    with torch.inference_mode():
        difference = (layers(one) - layers(other)).std().item()
    assert 0.05 < difference < 5


@pytest.mark.parametrize("gate", ["full", "one", "separable"])
def test_a_sketch_counts_only_inside_the_hole(gate):
    torch.manual_seed(7)
    generator, (rgb, hole) = GatedGenerator(GatedConfig(channels=8, gate=gate, sketch=True)).eval(), scene()
    strokes = torch.zeros_like(hole)
    strokes[:, :, 50, :] = 1
    with torch.inference_mode():
        without = generator(rgb, hole)[1]
        outside = generator(rgb, hole, strokes * (1 - hole))[1]
        with_sketch = generator(rgb, hole, strokes)[1]
        inside_only = generator(rgb, hole, strokes * hole)[1]
    assert torch.equal(without, outside) and torch.equal(with_sketch, inside_only)
    assert (with_sketch - without).abs().max() > 1e-3


def test_a_network_without_sketch_ignores_guidance():
    generator, (rgb, hole) = small_generator(), scene()
    with torch.inference_mode():
        assert torch.equal(generator(rgb, hole)[1], generator(rgb, hole, torch.ones_like(hole))[1])
