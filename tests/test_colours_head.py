"""The head that sets likely colours right: what it does with them, and that it learns alone."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from scenes import save_training_pictures
from untrained import save_untrained

from effect.errors import UserError
from effect.inpaint.likely import head_input, propose
from effect.inpaint.nets import build
from effect.inpaint.nets.both_ways import TorchNetwork
from effect.inpaint.nets.colours import ColoursHead
from effect.inpaint.nets.gated import GatedGenerator
from effect.inpaint.network import View, paint
from effect.inpaint.telea import march
from pipelines.train import loop, losses
from pipelines.train.checkpoint import warm_start
from pipelines.train.data import DataConfig, Scenes, read_pictures
from pipelines.train.recipe import LossConfig, Recipe, RunConfig

SIZE = 64
ALONE = LossConfig(coarse=0.0, refined=0.0, colours=1.0)


def generator(**settings: object) -> GatedGenerator:
    torch.manual_seed(3)
    made = build("gated", {"channels": 8, "looks": True, "colours": True, **settings})
    assert isinstance(made, GatedGenerator)
    return made.eval()


def view(size: tuple[int, int] = (128, 96)) -> View:
    """A scene of two colours with a person's red strip beside its hole, as a network sees it and twice as large."""
    rgb = np.full((*size, 3), (90, 120, 60), np.uint8)
    rgb[:, size[1] // 2 :] = 180, 170, 150
    hole = np.zeros(size, bool)
    hole[30:110, 30:70] = True
    rgb[50:80, 26:30] = 230, 30, 30
    small = cv2.resize(rgb, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    missing = cv2.resize(hole.astype(np.uint8), small.shape[1::-1], interpolation=cv2.INTER_AREA) > 0
    return View(small, missing, None, rgb, hole, np.zeros_like(hole))


def test_an_untrained_head_leaves_likely_colours_as_they_are(tmp_path: Path):
    both = {"channels": 8, "looks": True, "seed": 5}
    with_head, without = (
        paint(TorchNetwork(save_untrained(tmp_path, **both, **head)), view())
        for head in ({"colours": True}, {})
    )
    assert with_head.likely.shape == (128, 96, 3) and with_head.expected is not None
    np.testing.assert_array_equal(with_head.likely, without.likely)


def test_a_head_changes_colours_in_the_hole_alone(tmp_path: Path):
    network = TorchNetwork(save_untrained(tmp_path, channels=8, looks=True, colours=True, seed=5))
    before = paint(network, view()).likely
    network.generator.colours.last.bias.data[:3] = torch.tensor([0.2, 0.0, -0.2])
    after, hole = paint(network, view()).likely.astype(int), view().broad_hole
    np.testing.assert_array_equal(after[~hole], before[~hole])
    np.testing.assert_allclose((after - before)[hole].mean(axis=0), (25.5, 0, -25.5), atol=1)


def test_shares_lead_to_the_other_proposals():
    """With a share of 1 for the painted colours, nothing but these is left; likewise for the others."""
    scene = view()
    guide = np.random.default_rng(2).integers(0, 256, scene.rgb.shape).astype(np.uint8)
    guide = np.where(scene.missing[..., None], guide, scene.rgb)
    spread = march(scene.broad_rgb, scene.broad_hole)
    proposals = propose(scene.broad_rgb, scene.broad_hole, scene.broad_avoid, guide, spread)
    maps, shifts = (torch.from_numpy(one)[None] for one in head_input(guide, scene.missing, proposals))
    assert maps.shape == (1, 6, 64, 48) and shifts.shape == (1, 9, 64, 48)
    inside = torch.from_numpy(cv2.erode(scene.missing.astype(np.uint8), np.ones((9, 9), np.uint8))) > 0
    smaller = lambda picture: cv2.resize(picture, (48, 64), interpolation=cv2.INTER_AREA)
    for number, wanted in enumerate((guide, smaller(proposals.matched), smaller(proposals.spread))):
        head = ColoursHead(4)
        head.last.bias.data[3 + number] = 1
        with torch.inference_mode():
            told = maps[:, :3] + head(torch.zeros(1, 4, 16, 12), maps, shifts)
        soft = lambda picture: torch.nn.functional.avg_pool2d(picture, 4)
        levels = torch.from_numpy(wanted).permute(2, 0, 1)[None] / 127.5 - 1
        off = (soft(told) - soft(levels)).abs()[0, :, soft(inside[None].float())[0] == 1]
        assert off.max() < 0.3 and off.mean() < 0.06


def test_a_head_goes_by_what_the_network_expects():
    with pytest.raises(UserError, match="looks=true"):
        generator(looks=False)
    rgb, hole = torch.zeros(2, 3, 64, 40), torch.ones(2, 1, 64, 40)
    outcome = generator().paint(rgb, hole)
    assert outcome.inner is not None and outcome.expected is not None
    torch.testing.assert_close(outcome.inner[:, -10:], outcome.expected)
    assert generator(colours=False).paint(rgb, hole).inner is None


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    save_training_pictures(tmp_path, SIZE)
    return tmp_path


def train(folder: Path, network: dict[str, object], start: Path, **run: float) -> list[str]:
    data = DataConfig(size_px=SIZE, batch=2, workers=0)
    settings = {"steps": 40, "log_steps": 10, "learning_rate": 1e-3, "autocast": False, **run}
    recipe = Recipe("gated", {"channels": 8, **network}, data, ALONE, RunConfig(**settings))  # type: ignore[arg-type]
    places = [read_pictures([folder / name]) for name in ("photos", "masks", "persons")]
    (folder / "run").mkdir()
    told: list[str] = []
    loop.train(recipe, folder / "run", Scenes(*places, data, 1), tell=told.append, start=start)
    return told


def test_the_head_learns_and_the_rest_stays(pictures: Path):
    start = save_untrained(pictures, channels=8, looks=True, likeness=4)
    told = train(pictures, {"looks": True, "likeness": 4, "colours": True}, start)
    errors = [line.split() for line in told if "images/s" in line]
    assert errors[0][2] == "colours" and float(errors[-1][3]) < float(errors[0][3]) - 0.1
    before = load_file(start)
    after = torch.load(pictures / "run" / "checkpoint.pt", weights_only=True)["generator"]
    assert all(torch.equal(after[name], value) for name, value in before.items())
    assert {name.partition(".")[0] for name in after.keys() - before.keys()} == {"colours"}


def test_a_network_without_the_head_cannot_learn_colours(pictures: Path):
    start = save_untrained(pictures, channels=8, looks=True)
    with pytest.raises(UserError, match=r"network\.colours=true"):
        train(pictures, {"looks": True}, start)


def test_a_network_without_the_head_starts_from_one_with_it(tmp_path: Path):
    start = save_untrained(tmp_path, channels=8, looks=True, colours=True, seed=5)
    network = generator(colours=False)
    warm_start(network, start)
    assert all(torch.equal(value, load_file(start)[name]) for name, value in network.state_dict().items())


def test_log_squares_are_those_of_broad_colours_in_the_hole():
    rng = np.random.default_rng(4)
    painted, truth = rng.normal(size=(2, 2, 3, 8, 8)).astype(np.float32)
    hole = np.zeros((2, 1, 8, 8), np.float32)
    hole[0, 0, 2:6, 2:8] = hole[1, 0, :4, :4] = 1
    got = losses.log_squares(*(torch.from_numpy(one) for one in (painted, truth, hole)))
    broad = (painted - truth).reshape(2, 3, 4, 2, 4, 2).mean(axis=(3, 5))
    squares = [(broad[0, :, 1:3, 1:4] ** 2).mean(), (broad[1, :, :2, :2] ** 2).mean()]
    assert got.item() == pytest.approx(np.log(np.array(squares) + losses.SURE_ENOUGH).mean(), rel=1e-4)
    texture = np.where((np.arange(8)[:, None] + np.arange(8)) % 2, 1, -1).astype(np.float32)
    same = losses.log_squares(*(torch.from_numpy(one) for one in (painted + texture, truth, hole)))
    assert same.item() == pytest.approx(got.item(), rel=1e-4)
