"""Training: losses against closed forms, tiny runs that stop, go on and learn."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from torchvision.models import vgg16

from effect.errors import UserError
from effect.inpaint.nets import load_generator
from effect.inpaint.nets.gated import GatedConfig
from pipelines.train import loop, losses
from pipelines.train.data import DataConfig, Scenes, read_pictures
from pipelines.train.discriminator import SNPatchGAN
from pipelines.train.loop import LossConfig, Recipe, RunConfig
from pipelines.train.vgg import VGGFeatures

RECIPES = sorted((Path(loop.__file__).parent / "recipes").glob("*.toml"))
SIZE = 64
LOSS = LossConfig()  # L1 alone


# --- losses


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


def test_hinge_losses_have_their_closed_form():
    real, fake = torch.tensor([2.0, 1.0, 0.5, -1.0]), torch.tensor([-3.0, -1.0, 0.0, 2.0])
    assert losses.hinge_discriminator(real, fake).item() == pytest.approx(
        (0 + 0 + 0.5 + 2) / 4 + (0 + 0 + 1 + 3) / 4
    )
    assert losses.hinge_generator(fake).item() == pytest.approx(0.5)
    assert losses.hinge_discriminator(torch.full((4,), 1.0), torch.full((4,), -1.0)).item() == 0


def test_the_perceptual_loss_is_relative_to_each_layer():
    truth = [torch.full((1, 2, 4, 4), 10.0), torch.full((1, 3, 2, 2), 0.1)]
    assert losses.perceptual(truth, truth).item() == 0
    painted = [truth[0] * 1.1, truth[1] * 0.7]
    assert losses.perceptual(painted, truth).item() == pytest.approx(0.1 + 0.3, rel=1e-4)


def test_the_discriminator_scores_patches_and_sees_the_hole():
    torch.manual_seed(1)
    discriminator = SNPatchGAN(channels=4).eval()
    rgb, hole = torch.rand(2, 3, 128, 192) * 2 - 1, torch.zeros(2, 1, 128, 192)
    scores = discriminator(rgb, hole)
    assert scores.shape == (2, 16, 2, 3)
    assert not torch.allclose(scores, discriminator(rgb, 1 - hole))


# --- VGG16 features


@pytest.fixture(scope="module")
def vgg_layers() -> torch.nn.Sequential:
    """The first four blocks of torchvision's network with random weights."""
    torch.manual_seed(1)
    with torch.device("meta"):
        layers = vgg16(weights=None).features[:23]
    layers.to_empty(device="cpu")
    for layer in layers:
        if isinstance(layer, torch.nn.Conv2d):
            torch.nn.init.kaiming_normal_(layer.weight)
            torch.nn.init.normal_(layer.bias, std=0.1)
    return layers


def test_vgg_features_are_torchvision_s_on_normalised_pictures(
    tmp_path: Path, vgg_layers: torch.nn.Sequential
):
    path = tmp_path / "vgg.safetensors"
    save_file({f"features.{name}": value for name, value in vgg_layers.state_dict().items()}, path)
    features = VGGFeatures(path)
    assert not any(weight.requires_grad for weight in features.parameters())
    rgb = (torch.rand(1, 3, 32, 32) * 2 - 1).requires_grad_()
    got = features(rgb)
    mean, deviation = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    normalised = ((rgb.detach() + 1) / 2 - mean[:, None, None]) / deviation[:, None, None]
    for end, size, feature in zip((4, 9, 16, 23), (32, 16, 8, 4), got, strict=True):
        assert feature.shape[2:] == (size, size)
        assert torch.allclose(feature, vgg_layers[:end](normalised), atol=1e-3, rtol=1e-4)
    losses.perceptual(got, [torch.ones_like(feature) for feature in got]).backward()
    assert rgb.grad is not None and rgb.grad.any()


def test_a_file_that_is_not_vgg_is_refused(tmp_path: Path):
    save_file({"features.0.weight": torch.zeros(64, 3, 3, 3)}, tmp_path / "other.safetensors")
    with pytest.raises(UserError, match=r"features\.0\.bias"):
        VGGFeatures(tmp_path / "other.safetensors")


# --- runs


def recipe(loss: LossConfig = LOSS, **run: float) -> Recipe:
    data = DataConfig(size_px=SIZE, batch=2, workers=0)
    settings = RunConfig(**{"steps": 3, "log_steps": 1, "learning_rate": 1e-3, **run})  # type: ignore[arg-type]
    return Recipe(GatedConfig(channels=8), data, loss, settings)


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Folders `photos`, `masks` and `persons` with one small generated picture each."""
    y, x = np.mgrid[:SIZE, :SIZE].astype(np.float32) / SIZE
    oval = ((x - 0.5) / 0.3) ** 2 + ((y - 0.5) / 0.45) ** 2 < 1
    person = np.dstack([np.full((SIZE, SIZE, 3), (200, 40, 60)), oval * 255])
    scene = np.stack([0.8 + 0.2 * x, 0.3 - 0.2 * y, 0.2 * np.sin(9 * y) ** 2], axis=2) * 255
    for name, pixels in (("photos", scene), ("masks", oval * 255), ("persons", person)):
        (tmp_path / name).mkdir()
        Image.fromarray(pixels.astype(np.uint8)).save(tmp_path / name / "one.png")
    return tmp_path


def scenes_of(folder: Path, recipe: Recipe) -> Scenes:
    photos, silhouettes, persons = (read_pictures([folder / name]) for name in ("photos", "masks", "persons"))
    return Scenes(photos, silhouettes, persons, recipe.data, recipe.run.seed)


def run(recipe: Recipe, folder: Path, name: str = "run") -> Path:
    (folder / name).mkdir(exist_ok=True)
    loop.train(recipe, folder / name, scenes_of(folder, recipe), None, None)
    return folder / name


def logged(text: str) -> dict[int, dict[str, float]]:
    """The losses that each `step N name value ... rate images/s` line tells."""
    lines = [line.split() for line in text.splitlines() if "images/s" in line]
    return {
        int(words[1]): dict(zip(words[2:-2:2], map(float, words[3:-2:2]), strict=True)) for words in lines
    }


@pytest.fixture(autouse=True)
def small_discriminator(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "SNPatchGAN", lambda: SNPatchGAN(channels=4))


@pytest.mark.parametrize("weight", [0.0, 0.1])
def test_a_run_leaves_a_checkpoint_an_average_and_a_sheet(pictures: Path, weight: float, capsys):
    folder = run(recipe(LossConfig(adversarial=weight)), pictures)
    assert {file.name for file in folder.iterdir()} == {"checkpoint.pt", "ema.safetensors", "samples.png"}
    steps = logged(capsys.readouterr().out)
    assert list(steps) == [1, 2, 3]
    names = {"coarse", "refined"} | ({"adversarial", "discriminator"} if weight else set())
    assert all(set(terms) == names and np.isfinite([*terms.values()]).all() for terms in steps.values())

    generator = load_generator(folder / "ema.safetensors")  # what the inpainter would load
    rgb, hole = torch.zeros(1, 3, SIZE, SIZE), torch.ones(1, 1, SIZE, SIZE)
    assert torch.isfinite(generator(rgb, hole)[1]).all()
    width, height = Image.open(folder / "samples.png").size
    assert width > 4 * SIZE and height > 2 * SIZE  # input, coarse, refined, truth; two examples


def test_a_resumed_run_goes_on_as_if_never_cut(pictures: Path, capsys):
    loss = LossConfig(adversarial=0.1)
    whole = run(recipe(loss), pictures, "whole")
    wanted = logged(capsys.readouterr().out)
    run(recipe(loss, steps=2), pictures, "cut")
    cut = run(recipe(loss), pictures, "cut")
    assert logged(capsys.readouterr().out) == wanted
    states = [torch.load(folder / "checkpoint.pt", weights_only=True) for folder in (whole, cut)]
    assert states[0]["step"] == states[1]["step"] == 3
    for part in ("generator", "average", "discriminator"):
        for name, value in states[0][part].items():
            assert torch.equal(value, states[1][part][name]), f"{part} {name}"


def test_a_finished_run_has_nothing_to_add(pictures: Path, capsys):
    run(recipe(), pictures)
    capsys.readouterr()
    run(recipe(), pictures)
    assert capsys.readouterr().out == ""


def test_a_mean_over_fewer_steps_after_a_resume_is_still_a_mean(pictures: Path, capsys):
    run(recipe(steps=3, log_steps=4), pictures)
    run(recipe(steps=4, log_steps=4), pictures)
    after_resume = logged(capsys.readouterr().out)[4]
    run(recipe(steps=4, log_steps=1), pictures, "every")
    assert after_resume == pytest.approx(logged(capsys.readouterr().out)[4], abs=2e-4)


def test_the_recipe_s_learning_rate_replaces_the_checkpoint_s(pictures: Path):
    folder = run(recipe(steps=1), pictures)
    run(recipe(steps=2, learning_rate=5e-5), pictures)
    state = torch.load(folder / "checkpoint.pt", weights_only=True)
    assert state["generator_optimizer"]["param_groups"][0]["lr"] == 5e-5


def test_twenty_steps_on_one_picture_learn_something(pictures: Path, capsys):
    run(recipe(steps=20, log_steps=5, learning_rate=1e-2), pictures)
    steps = logged(capsys.readouterr().out)
    for name in ("coarse", "refined"):
        assert steps[20][name] < 0.5 * steps[5][name]


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_every_recipe_that_ships_can_be_read(path: Path):
    read = Recipe.read(path)
    assert read.network.channels == 48
    assert read.data.attack_share > 0 and len(read.run.betas) == 2


def test_the_command_trains_from_files_and_scores_held_out_scenes(
    pictures: Path, monkeypatch: pytest.MonkeyPatch, capsys
):
    text = f"""
        network.channels = 8
        data = {{ size_px = {SIZE}, batch = 2, workers = 0, attack_share = 0.5 }}
        run = {{ log_steps = 1, betas = [0.9, 0.99] }}
    """
    (pictures / "tiny.toml").write_text(text)
    words = [pictures / "tiny.toml", "--run", pictures / "new" / "run", "--steps", 1]
    for option in ("photos", "masks", "persons"):
        words += [f"--{option}", pictures / option]
    monkeypatch.setattr(sys, "argv", ["loop", *map(str, words), "--held-out", str(pictures / "photos")])
    try:
        loop.main()
    finally:
        torch.set_flush_denormal(False)
    out = capsys.readouterr().out
    assert "held-out PSNR" in out and list(logged(out)) == [1]
    assert load_generator(pictures / "new" / "run" / "ema.safetensors").config.channels == 8


def test_the_held_out_score_is_the_psnr_over_the_hole(pictures: Path):
    """A painter that is wrong by a tenth of the range everywhere: 20 dB, whatever the known pixels."""
    plain = replace(recipe().data, box_share=1.0)
    data = Scenes(read_pictures([pictures / "photos"]), [], [], replace(plain, person_share=0), seed=0)

    class OffByATenth(torch.nn.Module):
        def forward(self, rgb: torch.Tensor, hole: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            return rgb, rgb + 0.2 * hole

    assert loop.hole_psnr(OffByATenth(), data, torch.device("cpu"), count=4) == pytest.approx(20, abs=0.05)
