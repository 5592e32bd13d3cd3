"""Training: tiny runs of every network that stop, go on and learn."""

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors import safe_open
from scenes import save_training_pictures

from effect.errors import UserError
from effect.inpaint.nets import Generator, build, load_generator, metadata_of
from pipelines.train import loop
from pipelines.train.checkpoint import Progress, warm_start
from pipelines.train.data import DataConfig, Example, Scenes, read_pictures
from pipelines.train.discriminator import SNPatchGAN
from pipelines.train.held_out import edge_scores, held_out_scores
from pipelines.train.recipe import LossConfig, Recipe, RunConfig

SIZE = 64
PLAIN, GAN = LossConfig(), LossConfig(adversarial=0.1)  # L1 alone, and with the hinge GAN
TINY: dict[str, dict[str, object]] = {
    "gated": {"channels": 8},
    "partial": {"channels": 4, "depth": 3},
    "lbam": {"channels": 4, "depth": 3},
    "edges": {"channels": 4, "blocks": 1},
    "edgeconnect": {"channels": 4, "blocks": 1},
}
LEFT = {"checkpoint.pt", "ema.safetensors", "samples.png", "losses.csv", "losses.png"}


def recipe(network: str = "gated", loss: LossConfig = PLAIN, guidance: str = "none", **run: float) -> Recipe:
    data = DataConfig(size_px=SIZE, batch=2, workers=0, guidance=guidance)  # type: ignore[arg-type]  # one of them
    settings = {"steps": 3, "log_steps": 1, "learning_rate": 1e-3, "held_out_count": 2, **run}
    return Recipe(network, TINY[network], data, loss, RunConfig(**settings))  # type: ignore[arg-type]  # as declared


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Folders `photos`, `masks` and `persons` with one small generated picture each."""
    save_training_pictures(tmp_path, SIZE)
    return tmp_path


def scenes_of(folder: Path, recipe: Recipe) -> Scenes:
    photos, silhouettes, persons = (read_pictures([folder / name]) for name in ("photos", "masks", "persons"))
    return Scenes(photos, silhouettes, persons, recipe.data, recipe.run.seed)


def run(recipe: Recipe, folder: Path, name: str = "run", **options: object) -> tuple[Path, list[str]]:
    """Train in folder/name; what it left and what it told."""
    (folder / name).mkdir(exist_ok=True)
    told: list[str] = []
    loop.train(recipe, folder / name, scenes_of(folder, recipe), tell=told.append, **options)  # type: ignore[arg-type]
    return folder / name, told


def logged(told: list[str]) -> dict[int, dict[str, float]]:
    """The losses that each `step N name value ... rate images/s` line tells."""
    lines = [line.split() for line in told if "images/s" in line]
    return {
        int(words[1]): dict(zip(words[2:-2:2], map(float, words[3:-2:2]), strict=True)) for words in lines
    }


@pytest.fixture(autouse=True)
def small_discriminator(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "SNPatchGAN", lambda inputs: SNPatchGAN(channels=4, inputs=inputs))


# --- what a run leaves

L1, JUDGED = {"refined"}, {"adversarial", "discriminator"}
EDGES = LossConfig(edges=1.0, adversarial=0.1, feature_matching=0.1)
RUNS = {  # name: (recipe, the losses that it tells)
    "gated without a GAN": (recipe(), {"coarse", *L1}),
    "gated with one": (recipe(loss=GAN), {"coarse", *L1, *JUDGED}),
    "gated, sketch": (recipe(loss=GAN, guidance="sketch"), {"coarse", *L1, *JUDGED}),
    "partial": (recipe("partial"), L1),
    "lbam": (recipe("lbam", GAN), L1 | JUDGED),
    "edges": (recipe("edges", EDGES, "known"), {"edges", "matching", *JUDGED}),
    "edgeconnect": (recipe("edgeconnect", GAN, "known"), L1 | JUDGED),
}


@pytest.mark.parametrize("name", RUNS)
def test_a_run_leaves_weights_a_sheet_and_its_history(pictures: Path, name: str):
    wanted, names = RUNS[name]
    folder, told = run(wanted, pictures, held_out=scenes_of(pictures, wanted))
    assert {file.name for file in folder.iterdir()} == LEFT
    steps = logged(told)
    assert list(steps) == [1, 2, 3]
    assert all(set(terms) == names and np.isfinite([*terms.values()]).all() for terms in steps.values())

    generator = load_generator(folder / "ema.safetensors")  # what the inpainter would load
    assert metadata_of(generator)["network"] == wanted.network
    with safe_open(folder / "ema.safetensors", "pt") as stored:
        assert {"step", "seconds", "processor_seconds"} <= set(stored.metadata())
        assert stored.metadata()["step"] == "3"
    checkpoint = torch.load(folder / "checkpoint.pt", weights_only=True)
    assert checkpoint["seconds"] > 0 and checkpoint["processor_seconds"] > 0
    columns = 2 + (2 if wanted.network == "gated" else 1)
    width, height = Image.open(folder / "samples.png").size
    assert columns * SIZE < width < columns * (SIZE + 8) and height > 2 * SIZE  # two examples
    with (folder / "losses.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    scores = (
        {"precision", "recall"} if wanted.network == "edges" else {"PSNR", "SSIM", "PSNR_hole", "SSIM_hole"}
    )
    assert {row["name"] for row in rows} == names | scores
    assert all(name in told[-1] for name in scores)
    for row in rows:
        if row["name"] in names:
            assert float(row["value"]) == pytest.approx(steps[int(row["step"])][row["name"]], abs=1e-4)
    assert Image.open(folder / "losses.png").size[1] >= 200


@pytest.mark.parametrize("name", ["gated", "lbam"])
def test_a_resumed_run_goes_on_as_if_never_cut(pictures: Path, name: str):
    whole, wanted = run(recipe(name, GAN), pictures, "whole")
    _, first = run(recipe(name, GAN, steps=2), pictures, "cut")
    cut, rest = run(recipe(name, GAN), pictures, "cut")
    assert list(logged(rest)) == [3] and logged(first) | logged(rest) == logged(wanted)
    states = [torch.load(folder / "checkpoint.pt", weights_only=True) for folder in (whole, cut)]
    assert states[0]["step"] == states[1]["step"] == 3
    for part in ("generator", "average", "discriminator"):
        for key, value in states[0][part].items():
            assert torch.equal(value, states[1][part][key]), f"{part} {key}"
    histories = [(folder / "losses.csv").read_text().splitlines() for folder in (whole, cut)]
    told = [[line.split(",")[::2] for line in history] for history in histories]  # all but the seconds
    assert told[0] == told[1]


def test_a_checkpoint_of_an_earlier_version_goes_on(pictures: Path):
    """It holds six entries and no seconds."""
    folder, _ = run(recipe(loss=GAN, steps=2), pictures)
    states = torch.load(folder / "checkpoint.pt", weights_only=True)
    for name in ("seconds", "processor_seconds"):
        del states[name]
    assert len(states) == 6
    torch.save(states, folder / "checkpoint.pt")
    (folder / "losses.csv").unlink()
    _, told = run(recipe(loss=GAN), pictures)
    assert list(logged(told)) == [3]


def test_a_finished_run_has_nothing_to_add(pictures: Path):
    run(recipe(), pictures)
    assert run(recipe(), pictures)[1] == []


def test_a_budget_of_minutes_ends_a_run_and_counts_what_was_resumed(pictures: Path):
    for budget in ("minutes", "processor_minutes"):
        granted = recipe(steps=1000, **{budget: 1e-5})
        folder, told = run(granted, pictures, budget)
        assert list(logged(told)) == [1] and (folder / "checkpoint.pt").exists()
        assert run(granted, pictures, budget)[1] == []
    settings = RunConfig(minutes=1.0, steps=9)
    assert Progress(step=1, seconds=61).finished(settings) and not Progress(step=1).finished(settings)
    assert Progress(step=9).finished(settings)


def test_a_mean_over_fewer_steps_after_a_resume_is_still_a_mean(pictures: Path):
    run(recipe(steps=3, log_steps=4), pictures)
    after_resume = logged(run(recipe(steps=4, log_steps=4), pictures)[1])[4]
    every = logged(run(recipe(steps=4, log_steps=1), pictures, "every")[1])
    assert after_resume == pytest.approx(every[4], abs=2e-4)


def test_the_recipe_s_learning_rate_replaces_the_checkpoint_s(pictures: Path):
    run(recipe(steps=1), pictures)
    folder, _ = run(recipe(steps=2, learning_rate=5e-5), pictures)
    state = torch.load(folder / "checkpoint.pt", weights_only=True)
    assert state["generator_optimizer"]["param_groups"][0]["lr"] == 5e-5


@pytest.mark.parametrize("name", ["gated", "partial", "lbam", "edgeconnect"])
def test_twenty_steps_on_one_picture_learn_something(pictures: Path, name: str):
    guidance = "known" if name == "edgeconnect" else "none"
    _, told = run(recipe(name, guidance=guidance, steps=20, log_steps=5, learning_rate=1e-2), pictures)
    steps = logged(told)
    assert steps[20]["refined"] < 0.7 * steps[5]["refined"]


def test_the_edge_generator_learns_where_edges_are(pictures: Path):
    loss = LossConfig(edges=1.0)
    _, told = run(recipe("edges", loss, "known", steps=20, log_steps=5, learning_rate=1e-2), pictures)
    assert logged(told)[20]["edges"] < 0.9 * logged(told)[5]["edges"]


def test_a_wrong_size_is_refused(pictures: Path):
    odd = recipe()
    odd = replace(odd, data=replace(odd.data, size_px=68))
    with pytest.raises(UserError, match="multiple of 8"):
        run(odd, pictures)


# --- weights of other runs


def test_a_warm_start_begins_with_the_weights_of_another_run(pictures: Path):
    folder, _ = run(recipe(), pictures, "first")
    wanted = torch.load(folder / "checkpoint.pt", weights_only=True)["generator"]
    generator = build("gated", TINY["gated"])
    warm_start(generator, folder / "checkpoint.pt")
    assert all(torch.equal(value, wanted[name]) for name, value in generator.state_dict().items())
    averaged = load_generator(folder / "ema.safetensors").state_dict()
    warm_start(generator, folder / "ema.safetensors")
    assert all(torch.equal(value, averaged[name]) for name, value in generator.state_dict().items())
    _, told = run(recipe(steps=1), pictures, "second", start=folder / "checkpoint.pt")
    _, cold = run(recipe(steps=1), pictures, "third")
    assert logged(told)[1]["refined"] != logged(cold)[1]["refined"]


def test_a_sketching_network_starts_as_the_one_without_sketches(pictures: Path):
    folder, _ = run(recipe(), pictures, "first")
    plain = load_generator(folder / "ema.safetensors")
    sketching = build("gated", {**TINY["gated"], "sketch": True}).eval()
    warm_start(sketching, folder / "ema.safetensors")
    rgb, hole = torch.rand(1, 3, SIZE, SIZE) * 2 - 1, torch.ones(1, 1, SIZE, SIZE)
    hole[..., :20] = 0
    with torch.no_grad():
        one, other = plain(rgb, hole)[-1], sketching(rgb, hole, torch.ones_like(hole))[-1]
    assert torch.allclose(one, other, atol=1e-5)


def test_other_networks_weights_are_refused(pictures: Path):
    folder, _ = run(recipe("partial"), pictures)
    for file in ("checkpoint.pt", "ema.safetensors"):
        with pytest.raises(UserError, match="another network"):
            warm_start(build("gated", TINY["gated"]), folder / file)
    with pytest.raises(UserError, match="another network"):
        run(recipe("gated"), pictures)
    (folder / "checkpoint.pt").write_bytes(b"no checkpoint")
    with pytest.raises(UserError, match="no checkpoint"):
        run(recipe("partial"), pictures)


def test_edgeconnect_keeps_the_edges_it_was_given(pictures: Path):
    edges, _ = run(recipe("edges", EDGES, "known"), pictures, "edges")
    wanted = load_generator(edges / "ema.safetensors").state_dict()
    folder, _ = run(recipe("edgeconnect", GAN, "known"), pictures, edges=edges / "ema.safetensors")
    states = torch.load(folder / "checkpoint.pt", weights_only=True)
    for part in ("generator", "average"):
        for name, value in wanted.items():
            if "0.original" in name or name.endswith("bias"):  # others turn with spectral normalisation
                assert torch.equal(states[part][f"edges.{name}"], value), name
    with pytest.raises(UserError, match="no 'edges' network"):
        run(recipe("edgeconnect", GAN, "known"), pictures, "other", edges=folder / "ema.safetensors")


# --- held-out scores


class OffByATenth(Generator):
    """A painter that is wrong by a tenth of the range everywhere."""

    def __init__(self) -> None:
        super().__init__()
        self.unused = torch.nn.Parameter(torch.zeros(1))

    def forward(
        self, rgb: torch.Tensor, hole: torch.Tensor, guidance: torch.Tensor | None = None
    ) -> tuple[torch.Tensor]:
        return (torch.where(rgb < 0, rgb + 0.2, rgb - 0.2),)  # never beyond the range


def test_held_out_scores_are_of_the_completed_picture(pictures: Path):
    """20 dB over the hole, and more over the whole picture, whose known pixels are the truth's."""
    plain = replace(recipe().data, box_share=1.0, person_share=0.0, stroke_share=0.0)
    dark = replace(recipe(), data=plain)
    data = scenes_of(pictures, dark)
    scores = held_out_scores(OffByATenth(), data, 4, autocast=True)
    assert scores["PSNR_hole"] == pytest.approx(20, abs=0.1)
    shares = [float(data[index].hole.mean()) for index in range(4)]
    wanted = np.mean([20 - 10 * np.log10(share) for share in shares])
    assert scores["PSNR"] == pytest.approx(wanted, abs=0.1)
    assert scores["SSIM_hole"] < scores["SSIM"] < 1


def test_strips_that_an_attack_left_weigh_as_much_as_the_hole():
    row = lambda *values: torch.tensor(values)[None, None, None]
    hole, hidden, nothing = row(1.0, 0, 0, 0), row(1.0, 1, 0, 0), torch.zeros(1, 3, 1, 4)
    batch = Example(nothing, hole, nothing, nothing, nothing, hidden)
    for place, wanted in enumerate((0.5, 0.5, 0.1, 0.1)):  # one of two hidden pixels, one of two known ones
        drawn = nothing.clone()
        drawn[..., place] = 1
        terms = loop.pixel_terms(LossConfig(known=0.2), [drawn], batch)
        assert terms["refined"].item() == pytest.approx(wanted)


def test_edges_are_scored_inside_the_hole():
    row = lambda *values: torch.tensor(values)[None, None, None]
    nothing = row(0.0, 0, 0, 0, 0, 0)
    hole = row(1.0, 1, 1, 1, 0, 0)
    batch = Example(nothing, hole, nothing, nothing, row(1.0, 1, 0, 0, 1, 0), hole)
    assert edge_scores(row(0.9, 0.2, 0.8, 0.7, 0, 1), batch) == {"precision": 1 / 3, "recall": 0.5}
    assert edge_scores(nothing, batch) == {"precision": 1.0, "recall": 0.0}
