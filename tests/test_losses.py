"""Losses: against their closed forms on fixed scores, or computed again with numpy."""

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from untrained import save_vgg, vgg_layers

from effect.errors import UserError
from pipelines.train import losses
from pipelines.train.discriminator import SNPatchGAN
from pipelines.train.vgg import VGGFeatures


def random_pictures(seed: int) -> torch.Tensor:
    return torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def half_hole() -> torch.Tensor:
    hole = torch.zeros(2, 1, 8, 8)
    hole[0, :, :3] = 1
    hole[1, :, 5:, 2:] = 1
    return hole


@pytest.mark.parametrize("known_weight", [0.0, 0.2, 1.0])
def test_l1_is_the_mean_over_hole_and_weighted_known_pixels(known_weight: float):
    painted, truth, hole = random_pictures(1), random_pictures(2), half_hole()
    error = np.abs(painted.numpy() - truth.numpy()).mean(axis=1)
    missing = hole.numpy()[:, 0] > 0
    wanted = error[missing].mean() + known_weight * error[~missing].mean()
    assert losses.l1(painted, truth, hole, known_weight).item() == pytest.approx(wanted, rel=1e-5)


@pytest.mark.parametrize("hole", [torch.zeros(2, 1, 8, 8), torch.ones(2, 1, 8, 8)])
def test_l1_is_finite_with_all_or_nothing_missing(hole: torch.Tensor):
    loss = losses.l1(random_pictures(1), random_pictures(2), hole, 1.0).item()
    wanted = (random_pictures(1) - random_pictures(2)).abs().mean().item()
    assert loss == pytest.approx(wanted, rel=1e-5)


# --- GAN

REAL, FAKE = torch.tensor([2.0, 1.0, 0.5, -1.0]), torch.tensor([-3.0, -1.0, 0.0, 2.0])


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def closed_form(name: str, real: np.ndarray, fake: np.ndarray) -> tuple[float, float]:
    """Of the discriminator and of the generator, as the papers write them."""
    log, mean = np.log, np.mean
    if name == "hinge":
        return mean(np.maximum(0, 1 - real)) + mean(np.maximum(0, 1 + fake)), -mean(fake)
    if name == "log":
        return -mean(log(sigmoid(real))) - mean(log(1 - sigmoid(fake))), -mean(log(sigmoid(fake)))
    if name == "least_squares":
        return mean((real - 1) ** 2) / 2 + mean(fake**2) / 2, mean((fake - 1) ** 2) / 2
    of_real, of_fake = sigmoid(real - mean(fake)), sigmoid(fake - mean(real))
    return (
        -mean(log(of_real)) - mean(log(1 - of_fake)),
        -mean(log(of_fake)) - mean(log(1 - of_real)),
    )


@pytest.mark.parametrize("name", losses.GAN_LOSSES)
def test_gan_losses_have_their_closed_form(name: str):
    wanted = closed_form(name, REAL.double().numpy(), FAKE.double().numpy())
    got = [loss(REAL, FAKE).item() for loss in losses.GAN_LOSSES[name]]
    assert got == pytest.approx(wanted, rel=1e-5)


def test_hinge_by_hand():
    discriminator, generator = losses.GAN_LOSSES["hinge"]
    assert discriminator(REAL, FAKE).item() == pytest.approx((0 + 0 + 0.5 + 2) / 4 + (0 + 0 + 1 + 3) / 4)
    assert generator(REAL, FAKE).item() == pytest.approx(0.5)


@pytest.mark.parametrize("name", losses.GAN_LOSSES)
def test_the_two_sides_of_a_gan_loss_pull_apart(name: str):
    """The generator wants higher scores of its pictures, the discriminator lower ones, also far out."""
    for far in (1.0, 200.0):
        fake = torch.full((3, 2), -far, requires_grad=True)
        discriminator, generator = losses.GAN_LOSSES[name]
        (down,) = torch.autograd.grad(generator(torch.zeros(3, 2), fake), fake)
        assert (down < 0).all() and torch.isfinite(down).all()
        high = torch.full((3, 2), far, requires_grad=True)
        (up,) = torch.autograd.grad(discriminator(torch.zeros(3, 2), high), high)
        assert (up > 0).all() and torch.isfinite(up).all()


# --- features


def random_features(seed: int) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.rand(2, 3, 6, 5, generator=generator), 50 * torch.rand(2, 4, 3, 2, generator=generator)]


def test_the_perceptual_loss_is_relative_to_each_layer():
    truth = [torch.full((1, 2, 4, 4), 10.0), torch.full((1, 3, 2, 2), 0.1)]
    assert losses.perceptual(truth, truth).item() == 0
    painted = [truth[0] * 1.1, truth[1] * 0.7]
    assert losses.perceptual(painted, truth).item() == pytest.approx(0.1 + 0.3, rel=1e-4)


def test_perceptual_and_style_agree_with_numpy():
    painted, truth = random_features(1), random_features(2)
    wanted_perceptual = wanted_style = 0.0
    for p, t in zip(painted, truth, strict=True):
        p, t = p.double().numpy(), t.double().numpy()
        wanted_perceptual += abs(p - t).mean() / abs(t).mean()
        grams = [np.einsum("bihw,bjhw->bij", f, f) / np.prod(f.shape[1:]) for f in (p, t)]
        wanted_style += abs(grams[0] - grams[1]).mean() / abs(grams[1]).mean()
    assert losses.perceptual(painted, truth).item() == pytest.approx(wanted_perceptual, rel=1e-5)
    assert losses.style(painted, truth).item() == pytest.approx(wanted_style, rel=1e-5)


def test_style_forgets_places_and_gram_is_exact_under_autocast():
    features = random_features(3)
    moved = [f.flip(2).roll(1, dims=3) for f in features]
    assert losses.style(moved, features).item() == pytest.approx(0, abs=1e-6)
    assert losses.perceptual(moved, features).item() > 0.1
    with torch.autocast("cpu", torch.bfloat16):
        inside = losses.gram(features[0])
    assert torch.equal(inside, losses.gram(features[0]))


def test_feature_matching_leaves_the_scores_out_and_teaches_the_generator_alone():
    painted, truth = random_features(1), random_features(2)
    for feature in (*painted, *truth):
        feature.requires_grad_()
    loss = losses.feature_matching(painted, truth)
    loss.backward()
    assert loss.item() == pytest.approx(losses.perceptual(painted[:1], truth[:1]).item(), rel=1e-6)
    assert painted[0].grad is not None and painted[1].grad is None and truth[0].grad is None


# --- edges


def test_balanced_cross_entropy_weighs_edges_and_the_rest_alike():
    rng = np.random.default_rng(1)
    drawn, edges, hole = (
        rng.uniform(0.05, 0.95, (2, 1, 8, 8)),
        rng.random((2, 1, 8, 8)) < 0.2,
        np.zeros((2, 1, 8, 8)),
    )
    hole[:, :, 2:6] = 1
    wanted = 0.0
    for weight, where in ((1.0, hole > 0), (0.3, hole == 0)):
        wanted += weight * 0.5 * -np.log(drawn[where & edges]).mean()
        wanted += weight * 0.5 * -np.log(1 - drawn[where & ~edges]).mean()
    got = losses.balanced_cross_entropy(*(torch.tensor(part).float() for part in (drawn, edges, hole)), 0.3)
    assert got.item() == pytest.approx(wanted, rel=1e-5)
    blank = torch.zeros(1, 1, 4, 4)
    assert torch.isfinite(losses.balanced_cross_entropy(blank, blank, blank + 1, 0.3))


# --- the discriminator


def test_the_discriminator_scores_patches_and_sees_the_hole():
    torch.manual_seed(1)
    discriminator = SNPatchGAN(channels=4).eval()
    rgb, hole = torch.rand(2, 3, 128, 192) * 2 - 1, torch.zeros(2, 1, 128, 192)
    features = discriminator(rgb, hole)
    scores = features[-1]
    assert scores.shape == (2, 16, 2, 3)
    assert [feature.shape[2] for feature in features] == [64, 32, 16, 8, 4, 2]
    assert not torch.allclose(scores, discriminator(rgb, 1 - hole)[-1])


# --- VGG16 features


def test_vgg_features_are_torchvision_s_on_normalised_pictures(tmp_path: Path):
    layers = vgg_layers()
    features = VGGFeatures(save_vgg(tmp_path, layers))
    assert not any(weight.requires_grad for weight in features.parameters())
    rgb = (torch.rand(1, 3, 32, 32) * 2 - 1).requires_grad_()
    got = features(rgb)
    mean, deviation = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    normalised = ((rgb.detach() + 1) / 2 - mean[:, None, None]) / deviation[:, None, None]
    for end, size, feature in zip((4, 9, 16, 23), (32, 16, 8, 4), got, strict=True):
        assert feature.shape[2:] == (size, size)
        assert torch.allclose(feature, layers[:end](normalised), atol=1e-3, rtol=1e-4)
    losses.perceptual(got, [torch.ones_like(feature) for feature in got]).backward()
    assert rgb.grad is not None and rgb.grad.any()


def test_a_file_that_is_not_vgg_is_refused(tmp_path: Path):
    save_file({"features.0.weight": torch.zeros(64, 3, 3, 3)}, tmp_path / "other.safetensors")
    with pytest.raises(UserError, match=r"features\.0\.bias"):
        VGGFeatures(tmp_path / "other.safetensors")
