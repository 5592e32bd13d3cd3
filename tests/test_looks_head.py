"""What a network expects in the hole: told by the generator, learned by its head alone, or
by all of it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from scenes import save_training_pictures
from untrained import save_untrained, save_vgg, vgg_layers

from effect.errors import UserError
from effect.inpaint.nets import build
from effect.inpaint.nets.both_ways import TorchNetwork
from effect.inpaint.nets.gated import GatedConfig, GatedGenerator
from effect.inpaint.nets.generator import Outcome
from effect.inpaint.nets.looks import looks
from effect.inpaint.network import View, paint
from pipelines.train import loop, losses
from pipelines.train.checkpoint import warm_start
from pipelines.train.data import DataConfig, Example, Scenes, read_pictures
from pipelines.train.held_out import held_out_scores
from pipelines.train.recipe import LossConfig, Recipe, RunConfig
from pipelines.train.vgg import VGGFeatures

SIZE = 64
ALONE = LossConfig(coarse=0.0, refined=0.0, known=0.05, looks=1.0)


def generator(**settings: object) -> GatedGenerator:
    torch.manual_seed(3)
    made = build("gated", {"channels": 8, "looks": True, **settings})
    assert isinstance(made, GatedGenerator)
    return made.eval()


def scene(width: int = 64) -> tuple[torch.Tensor, torch.Tensor]:
    rgb = torch.rand(2, 3, 64, width, generator=torch.Generator().manual_seed(2)) * 2 - 1
    hole = torch.zeros(2, 1, 64, width)
    hole[:, :, 24:, 16:40] = 1
    return rgb, hole


# --- what is told


def test_a_picture_and_what_to_expect_come_from_one_pass():
    network, (rgb, hole) = generator(), scene(width=40)
    with torch.inference_mode():
        refined, expected, _ = network.paint(rgb, hole)
        pictures = network(rgb, hole)
    assert torch.equal(refined, pictures[1])
    assert expected is not None and expected.shape == (2, 10, 16, 10) and expected.dtype == torch.float32


def test_what_lies_under_the_hole_has_no_say():
    network, (rgb, hole) = generator(), scene()
    with torch.inference_mode():
        before, after = (network.paint(seen, hole)[1] for seen in (rgb, torch.where(hole > 0, -rgb, rgb)))
        elsewhere = network.paint(torch.where(hole > 0, rgb, -rgb), hole)[1]
    assert before is not None and torch.equal(before, after) and not torch.equal(before, elsewhere)


def test_networks_without_the_head_expect_nothing():
    rgb, hole = scene()
    for network in (generator(looks=False), build("partial", {"channels": 4, "depth": 3}).eval()):
        assert network.paint(rgb, hole)[1] is None
    with pytest.raises(ValueError, match="looks=true"):
        silent = GatedGenerator(GatedConfig(channels=8))
        silent.expect(silent.see(rgb, hole), rgb, hole)


def test_queries_and_keys_follow_what_is_expected():
    network, (rgb, hole) = generator(likeness=6), scene(width=40)
    with torch.inference_mode():
        expected = network.paint(rgb, hole)[1]
        assert expected is not None and expected.shape == (2, 10 + 2 * 6, 16, 10)
        last = network.looks.last
        last.bias[10:] += 1
        more = network.paint(rgb, hole)[1]
    assert more is not None and torch.equal(more[:, :10], expected[:, :10])
    torch.testing.assert_close(more[:, 10:16] - expected[:, 10:16], torch.full((2, 6, 16, 10), 6**-0.5))
    torch.testing.assert_close(more[:, 16:] - expected[:, 16:], torch.ones(2, 6, 16, 10))
    with pytest.raises(UserError, match="looks=true"):
        generator(looks=False, likeness=6)


def view() -> View:
    rgb = np.random.default_rng(1).integers(0, 256, (32, 48, 3)).astype(np.uint8)
    missing = np.zeros((32, 48), bool)
    missing[8:24, 12:28] = True
    return View(rgb, missing, None, rgb, missing, np.zeros_like(missing))


def test_the_mirror_image_of_a_photo_is_painted_as_the_mirror_image(tmp_path: Path):
    network = TorchNetwork(save_untrained(tmp_path, channels=8, looks=True, colours=True))
    torch.nn.init.normal_(network.generator.colours.last.weight, std=0.05)
    seen = view()._replace(
        rgb=np.full((32, 48, 3), 100, np.uint8), broad_rgb=np.full((32, 48, 3), 100, np.uint8)
    )
    mirrored = View(*(None if one is None else np.ascontiguousarray(one[:, ::-1]) for one in seen))
    this, that = paint(network, seen), paint(network, mirrored)
    assert this.expected is not None and that.expected is not None
    np.testing.assert_allclose(that.expected[:, ::-1], this.expected, atol=1e-5)
    # Known colours spread into the hole by a rule that knows left from right.
    np.testing.assert_allclose(that.likely[:, ::-1].astype(int), this.likely, atol=3)


# --- what is learned


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    save_training_pictures(tmp_path, SIZE)
    return tmp_path


def recipe(loss: LossConfig = ALONE, head: bool = True, likeness: int = 0, **run: float) -> Recipe:
    data = DataConfig(size_px=SIZE, batch=2, workers=0)
    settings = {"steps": 20, "log_steps": 5, "learning_rate": 1e-2, "autocast": False, **run}
    network = {"channels": 8, "looks": head, "likeness": likeness}
    return Recipe("gated", network, data, loss, RunConfig(**settings))  # type: ignore[arg-type]


def train(
    recipe: Recipe, folder: Path, start: Path | None = None, vgg: VGGFeatures | None = None
) -> list[str]:
    folder.mkdir(exist_ok=True)
    places = [read_pictures([folder.parent / name]) for name in ("photos", "masks", "persons")]
    told: list[str] = []
    loop.train(recipe, folder, Scenes(*places, recipe.data, 1), vgg=vgg, tell=told.append, start=start)
    return told


def test_the_head_learns_and_the_rest_stays(pictures: Path):
    start = save_untrained(pictures, channels=8)
    told = train(recipe(), pictures / "run", start)
    unlikely = [float(line.split()[3]) for line in told if "images/s" in line]
    assert unlikely[-1] < unlikely[0] - 0.1
    before = load_file(start)
    after = torch.load(pictures / "run" / "checkpoint.pt", weights_only=True)["generator"]
    assert all(torch.equal(after[name], value) for name, value in before.items())
    assert {name.partition(".")[0] for name in after.keys() - before.keys()} == {"looks"}


def test_the_head_learns_what_resembles_what_is_hidden(pictures: Path):
    start = save_untrained(pictures, channels=8, looks=True, seed=5)
    loss = replace(ALONE, likeness=1.0)
    vgg = VGGFeatures(save_vgg(pictures, vgg_layers()))
    told = train(recipe(loss, likeness=8, steps=40), pictures / "run", start, vgg)
    first, *_, last = (line.split() for line in told if "images/s" in line)
    assert first[4] == "likeness" and float(last[5]) < float(first[5]) - 0.2
    before = load_file(start)
    after = torch.load(pictures / "run" / "checkpoint.pt", weights_only=True)["generator"]
    assert all(torch.equal(after[name], before[name]) for name in before if not name.startswith("looks."))


def test_likeness_needs_a_head_that_tells_of_it(pictures: Path):
    with pytest.raises(UserError, match=r"network\.likeness"):
        train(recipe(replace(ALONE, likeness=1.0)), pictures / "run")


def test_likeness_is_learned_beside_looks():
    with pytest.raises(UserError, match=r"loss\.looks"):
        LossConfig(likeness=1.0)


def test_resemblance_is_computed_in_32_bits(pictures: Path, monkeypatch: pytest.MonkeyPatch):
    """In 16 bits, distances of features of length 5 are off by what tells like from unlike."""
    kinds = []
    plain = losses.unlikeness
    monkeypatch.setattr(
        losses, "unlikeness", lambda *parts: kinds.append(torch.is_autocast_enabled("cpu")) or plain(*parts)
    )
    vgg = VGGFeatures(save_vgg(pictures, vgg_layers()))
    loss = replace(ALONE, likeness=1.0)
    train(recipe(loss, likeness=8, steps=1, autocast=True), pictures / "run", vgg=vgg)
    assert kinds == [False]


def test_a_head_that_is_to_tell_of_likeness_keeps_what_it_has_learned(tmp_path: Path):
    start = save_untrained(tmp_path, channels=8, looks=True, seed=5)
    network, before = generator(likeness=6), load_file(start)
    own = network.looks.last.weight.clone()
    warm_start(network, start)
    last = network.looks.last.weight
    assert torch.equal(last[:10], before["looks.last.weight"].float()) and torch.equal(last[10:], own[10:])
    silent = generator()
    warm_start(silent, save_untrained(tmp_path, channels=8, looks=True, likeness=6, seed=5))
    assert silent.looks.last.weight.shape[0] == 10


def test_a_warm_start_keeps_a_head_that_was_trained(pictures: Path):
    start = save_untrained(pictures, channels=8, looks=True, seed=5)
    network = generator()
    warm_start(network, start)
    assert all(torch.equal(value, load_file(start)[name]) for name, value in network.state_dict().items())


def test_a_network_without_a_head_starts_from_one_with_it(tmp_path: Path):
    start = save_untrained(tmp_path, channels=8, looks=True, seed=5)
    network = generator(looks=False)
    warm_start(network, start)
    assert all(torch.equal(value, load_file(start)[name]) for name, value in network.state_dict().items())


def test_picture_and_expectation_learn_together(pictures: Path):
    start = save_untrained(pictures, channels=8, looks=True, seed=5)
    told = train(recipe(LossConfig(looks=1.0)), pictures / "run", start)
    first, last = (next(line.split() for line in lines if "images/s" in line) for lines in (told, told[::-1]))
    assert first[2::2][:3] == ["looks", "coarse", "refined"]
    for place in (3, 5, 7):
        assert float(last[place]) < float(first[place])
    before = load_file(start)
    after = torch.load(pictures / "run" / "checkpoint.pt", weights_only=True)["generator"]
    assert not any(torch.equal(after[name], value) for name, value in before.items() if value.ndim > 1)


def test_a_network_that_does_not_tell_cannot_learn_to(pictures: Path):
    with pytest.raises(UserError, match=r"network\.looks=true"):
        train(recipe(head=False), pictures / "run")


@pytest.mark.parametrize("known_weight", [0.0, 0.3])
def test_unlikelihood_is_the_weighted_negative_logarithm_of_a_gaussian(known_weight: float):
    rng = np.random.default_rng(4)
    means, wanted, log_variances = rng.normal(size=(3, 2, 5, 6, 6))
    hole = rng.random((2, 1, 6, 6))
    expected = torch.from_numpy(np.concatenate([means, log_variances], axis=1)).float()
    got = losses.unlikelihood(
        expected, torch.from_numpy(wanted).float(), torch.from_numpy(hole).float(), known_weight
    )
    deviation = np.exp(log_variances / 2)
    negative_log = ((means - wanted) / deviation) ** 2 / 2 + np.log(deviation)
    each = (negative_log * deviation).mean(axis=1, keepdims=True)  # by the variance to the power of a half
    known = 1 - hole
    by_hand = (each * hole).sum() / hole.sum() + known_weight * (each * known).sum() / known.sum()
    assert got.item() == pytest.approx(by_hand, rel=1e-4)


def test_unlikeness_is_the_cross_entropy_of_what_resembles_what():
    rng = np.random.default_rng(4)
    queries, keys, features = rng.normal(size=(3, 2, 5, 3, 4))
    features *= 0.2
    hidden = np.zeros((2, 1, 3, 4))
    hidden[:, :, :2, 1:3] = 0.5, 1.0
    hole = hidden.copy()
    hole[:, :, 0, 1] = 0  # bitten away: offered to the network, and never right
    got = losses.unlikeness(
        *(torch.from_numpy(one).float() for one in (queries, keys, features, hole, hidden))
    )
    total, weights = 0.0, 0.0
    for number in range(2):
        q, k, f = (one[number].reshape(5, 12).T for one in (queries, keys, features))
        right, offered = hidden[number].ravel() == 0, hole[number].ravel() == 0
        for cell, weight in enumerate(hidden[number].ravel()):
            wanted = np.exp(-((f - f[cell]) ** 2).sum(axis=1) / losses.RESEMBLANCE) * right
            told = np.exp(k @ q[cell]) * offered
            share = wanted[offered] / wanted.sum()
            total -= weight * (share * np.log(told[offered] / told.sum())).sum()
            weights += weight
    assert got.item() == pytest.approx(total / weights, rel=1e-4)


def test_places_are_compared_by_directions_of_features_and_by_looks():
    rng = torch.Generator().manual_seed(7)
    fine, coarse = torch.rand(1, 6, 16, 16, generator=rng), torch.rand(1, 9, 4, 4, generator=rng)
    seen = torch.rand(1, 5, 4, 4, generator=rng)
    got = losses.likeness_features([fine, coarse], seen)
    assert got.shape == (1, 6 + 9 + 5, 4, 4)
    unit = fine / fine.square().sum(dim=1, keepdim=True).sqrt()
    torch.testing.assert_close(got[:, :6, 1, 2], unit[:, :, 4:8, 8:12].mean(dim=(2, 3)))
    torch.testing.assert_close(got, losses.likeness_features([3 * fine, coarse], seen))
    torch.testing.assert_close(got[:, 15:], losses.LOOKS_SHARE * seen)


def test_a_place_where_nothing_is_to_be_told_gets_a_large_variance():
    """Gradients of the logarithm of the variance vanish where it is that of the errors."""
    errors = torch.randn(1, 1, 40, 40, generator=torch.Generator().manual_seed(6)) * 0.7
    slopes = []
    for variance in (0.2, float(errors.square().mean()), 1.5):
        log_variance = torch.full((1, 1, 40, 40), variance).log().requires_grad_()
        expected = torch.cat([torch.zeros_like(errors), log_variance], dim=1)
        losses.unlikelihood(expected, errors, torch.ones_like(errors), 0.0).backward()
        assert log_variance.grad is not None
        slopes.append(log_variance.grad.sum().item())
    assert slopes[0] < -0.1 and abs(slopes[1]) < 1e-5 and slopes[2] > 0.1


def test_held_out_errors_are_those_of_the_hole(monkeypatch: pytest.MonkeyPatch, pictures: Path):
    """A head that tells the truth in the hole and nonsense elsewhere is not wrong."""
    data = DataConfig(size_px=SIZE, person_share=0.0, stroke_share=0.0, box_share=1.0)
    scenes = Scenes(read_pictures([pictures / "photos"]), [], [], data, 0)
    example = Example(*(part[None] for part in scenes[0]))
    cells = torch.nn.functional.avg_pool2d(example.hole, 4)
    means = torch.where(cells > 0, looks(example.truth), torch.tensor(50.0))
    for off, texture, colour in ((0.0, 0.0, 0.0), (0.5, 0.25, 0.25)):
        expected = torch.cat([means + off, torch.zeros_like(means)], dim=1)
        told = lambda self, rgb, hole, guidance, expected=expected: Outcome(rgb, expected)
        monkeypatch.setattr(GatedGenerator, "paint", told)
        scores = held_out_scores(generator(), scenes, 1, autocast=False)
        assert scores["error_texture"] == pytest.approx(texture, abs=1e-5)
        assert scores["error_colour"] == pytest.approx(colour, abs=1e-5)
