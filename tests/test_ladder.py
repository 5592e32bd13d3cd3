"""The studies of small networks: their rows, means over seeds, and a tiny one from end to end."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from scenes import save_training_pictures
from untrained import save_untrained, save_vgg, vgg_layers

from effect.inpaint.nets import build
from pipelines.evaluate import Score, cost, markdown
from pipelines.train import speed, study
from pipelines.train.checkpoint import CHECKPOINT, WEIGHTS
from pipelines.train.job import Beginning
from pipelines.train.study import over_seeds, recipe_of, runs_of
from pipelines.train.study_rows import LADDER, LADDER_TOP, STUDIES, Row

SIZE = 64


def test_the_ladder_goes_down_and_pairs_differ_in_the_teacher_and_its_judge_alone():
    rows = {row.name: row for row in STUDIES["ladder"]}
    recipes = {name: recipe_of(row, {}, 15) for name, row in rows.items()}
    networks = [(build("gated"), side_px) for side_px in LADDER_TOP.values()]
    networks += [(build("gated", recipes[name].settings), recipes[name].data.size_px) for name in LADDER]
    gmac = [cost(network, side_px)[1] for network, side_px in networks]
    assert (
        gmac == sorted(gmac, reverse=True) and gmac[0] == pytest.approx(25.28, abs=0.01) and gmac[-1] <= 0.3
    )
    for name in LADDER:
        plain, distilled = rows[name], rows[f"{name}-distilled"]
        assert distilled.distilled and not plain.distilled
        assert plain.seeds == distilled.seeds
        assert recipes[distilled.name].distill.perceptual > 0
        for stage in ("-64", "-128", ""):
            alone, taught = (recipes[f"{kind}{stage}"] for kind in (name, f"{name}-distilled"))
            loss = replace(taught.loss, gan=alone.loss.gan, adversarial=alone.loss.adversarial)
            assert replace(taught, distill=alone.distill, loss=loss) == alone
        for row in (plain, distilled):
            second = rows[row.after]
            first = rows[second.after]
            stages = [recipes[one.name] for one in (first, second, row)]
            assert [one.name for one in (first, second)] == [f"{row.name}-64", f"{row.name}-128"]
            assert {one.distilled for one in (first, second, row)} == {row.distilled}
            assert not (first.scored or second.scored) and second.seeds == row.seeds
            assert [(one.data.size_px, one.run.steps) for one in stages] == [(64, 25), (128, 15), (128, 6)]
            rates = [one.run.learning_rate for one in stages]
            assert rates == sorted(rates, reverse=True) and len(set(rates)) == 3
            judged = [0, 0.3, 0.2] if row.distilled else [0, 0, 0]
            assert [one.loss.adversarial for one in stages] == judged
            assert all(one.settings == recipes[name].settings for one in stages)
    assert [row.seeds for row in rows.values()].count(3) == 8
    runs = {run: (after, recipe.run.seed) for _, run, after, recipe in runs_of("ladder", {}, 1)}
    assert len(runs) == 34 and runs["grouped"] == ("grouped-128", 1)
    assert runs["separable-24-distilled-3"] == ("separable-24-distilled-128-3", 3)
    assert runs["separable-24-distilled-128-3"] == ("separable-24-distilled-64", 3)
    assert runs["separable-24-distilled-64"] == ("", 1)


def test_the_ablation_adds_one_transfer_at_a_time():
    taught = [recipe_of(row, {}, 1) for row in STUDIES["distill"] if row.distilled]
    weights = [recipe.distill for recipe in taught]
    on = [
        [one.output > 0, one.features > 0 and one.attention > 0, one.relation > 0, one.perceptual > 0]
        for one in weights
    ]
    assert on == [*([True] * n + [False] * (4 - n) for n in range(1, 5)), *2 * [[True, False, False, True]]]
    assert [recipe.loss.adversarial > 0 for recipe in taught] == [*5 * [False], True]
    plain, felt = [recipe_of(row, {}, 1).loss.perceptual for row in STUDIES["distill"] if not row.distilled]
    assert plain == 0 and felt == taught[-1].distill.perceptual
    assert not any(recipe.loss.perceptual for recipe in taught)
    second = recipe_of(
        next(row for row in STUDIES["ladder"] if row.name == "separable-24-distilled-128"), {}, 1
    )
    assert taught[-1] == second


def score(name: str, psnr: float, seed: str) -> Score:
    numbers = dict(psnr=psnr, ssim=0.5, psnr_hole=psnr - 10, ssim_hole=0.25, ssim_own=0.5, ms=7.0)
    return Score(name, 1.0, 0.3, perceptual_hole=None, training={"seed": seed}, **numbers)  # type: ignore[arg-type]


def test_seeds_become_their_mean_and_their_spread():
    rows = [Row("big", "small"), Row("little", "small", seeds=3)]
    scores = [score("big", 30, "1"), *(score(f"little-{k}", 20 + k, str(k)) for k in (1, 2, 3))]
    big, little = over_seeds(scores, rows)
    assert big == scores[0] and little.name == "little" and little.training["seed"] == "1, 2, 3"
    assert little.psnr == 22 and little.spread["psnr"] == 1 and little.spread["ssim"] == 0
    line = markdown([little]).splitlines()[-1]
    assert "22.00 ± 1.00" in line and "0.5000 |" in line and "–" in line


def test_a_tiny_ladder_is_trained_scored_and_timed(tmp_path: Path, run_cli, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(speed, "ROUNDS", 2)
    timed, denormal = speed.milliseconds, torch.tensor([1 << 20], dtype=torch.int32).view(torch.float32)
    # What is left of it while something is timed: such numbers cost a processor a hundred times more.
    left: list[float] = []
    monkeypatch.setattr(speed, "milliseconds", lambda work: left.append((denormal / 2).item()) or timed(work))
    save_training_pictures(tmp_path, SIZE)
    began: dict[str, Beginning] = {}
    trained = study.train_recipe
    monkeypatch.setattr(
        study,
        "train_recipe",
        lambda recipe, folder, *files, begin, **words: (
            began.update({folder.name: begin}) or trained(recipe, folder, *files, begin=begin, **words)
        ),
    )
    rows = [
        replace(row, seeds=1 + (row.seeds > 1)) for row in STUDIES["ladder"] if "separable-24" in row.name
    ]
    monkeypatch.setitem(STUDIES, "ladder", rows)
    weights = save_untrained(tmp_path, "gated", channels=8)
    words: list[object] = ["study", "ladder", "--run", tmp_path / "run", "--steps", 1, "--size", 2 * SIZE]
    for name in ("photos", "masks", "persons"):
        words += [f"--{name}", tmp_path / name]
    small = (f"data.size_px={SIZE}", "network.channels=8", "data.batch=2", "data.workers=0")
    for setting in (*small, "run.autocast=false"):
        words += ["--set", setting]
    words += ["--held-out", tmp_path / "photos", "--set", "run.held_out_count=1"]
    words += ["--teacher", weights, "--vgg", save_vgg(tmp_path, vgg_layers())]
    ran = run_cli(*words)
    assert ran.code == 0, ran.err
    quality, times = (tmp_path / "run" / "table.md").read_text().split("ladder: median")
    shown = [line.split(" | ")[0].strip("| ") for line in quality.splitlines() if line.startswith("| ")]
    assert shown[2:] == ["full-256", "full-128", "separable-24", "separable-24-distilled"]
    assert "1, 2" in quality and "±" in quality
    assert f"| full-256 | {LADDER_TOP['full-256']} |" in times
    line = next(line for line in times.splitlines() if line.startswith(f"| separable-24-1 | {SIZE} |"))
    numbers = [float(cell) for cell in line.strip("| ").split(" | ")[1:]]
    assert len(numbers) == 12 and all(number > 0 for number in numbers[1:])
    assert (tmp_path / "run" / "separable-24-1-int8.onnx").exists()
    assert len(left) == 3 * 8 and not any(left)
    with_judge = {run: begin.judge for run, begin in began.items() if begin.judge}
    assert with_judge == {
        f"separable-24-distilled-{seed}": tmp_path / "run" / f"separable-24-distilled-128-{seed}" / CHECKPOINT
        for seed in (1, 2)
    }
    assert {run: begin.start for run, begin in began.items()} == {
        run: tmp_path / "run" / after / WEIGHTS if after else None
        for _, run, after, _ in runs_of("ladder", {}, 1)
    }


@pytest.mark.parametrize("name", ["ladder", "distill"])
def test_students_need_a_teacher(tmp_path: Path, run_cli, name: str):
    save_training_pictures(tmp_path, SIZE)
    words = ["study", name, "--run", tmp_path / "run", "--steps", 1, "--photos", tmp_path / "photos"]
    ran = run_cli(*words, "--held-out", tmp_path / "photos")
    assert ran.code == 2 and "--teacher" in ran.err and ran.err.count("\n") == 1
