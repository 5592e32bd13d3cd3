"""Distillation: what a student is told, against numpy and closed forms, and the verb from end to end."""

from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from scenes import save_training_pictures
from untrained import TwoMaps, save_untrained

from effect.errors import UserError
from effect.inpaint.nets import build, load_generator
from pipelines.train import loop, transfer
from pipelines.train.checkpoint import inherit_discriminator
from pipelines.train.data import Example
from pipelines.train.discriminator import SNPatchGAN
from pipelines.train.recipe import DistillConfig
from pipelines.train.teacher import Teacher

saved = partial(save_untrained, seed=5)
SIZE = 64


def noise(*shape: int, seed: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def left_hole() -> torch.Tensor:
    hole = torch.zeros(3, 1, 8, 8)
    hole[..., :4] = 1
    return hole


# --- the losses


def test_pixels_count_as_the_hole_says():
    hole = left_hole()
    assert torch.equal(transfer.pixel_counts(hole, 0), hole)
    assert torch.equal(transfer.pixel_counts(hole, 1), torch.ones_like(hole))
    assert transfer.pixel_counts(hole, 0.25)[0, 0, 0].tolist() == [1.0] * 4 + [0.25] * 4


@pytest.mark.parametrize("known", [0.0, 0.3, 1.0])
def test_output_transfer_is_a_weighted_l1_of_all_shared_pictures(known: float):
    drawn, taught = ([noise(3, 3, 8, 8, seed=s) for s in seeds] for seeds in ((1, 2), (3, 4)))
    counts = transfer.pixel_counts(left_hole(), known)
    weights = np.broadcast_to(counts.numpy(), (3, 3, 8, 8))
    errors = [np.abs(p.numpy() - t.numpy()) for p, t in zip(drawn, taught, strict=True)]
    wanted = [np.average(error, weights=weights) for error in errors]
    assert transfer.output_transfer(drawn, taught, counts).item() == pytest.approx(sum(wanted), rel=1e-5)
    alone = transfer.output_transfer(drawn, taught[1:], counts).item()  # a teacher with one picture
    assert alone == pytest.approx(wanted[1], rel=1e-5)


def test_feature_transfer_is_relative_to_the_teacher():
    adapted, taught = noise(3, 5, 4, 4, seed=1), noise(3, 5, 4, 4, seed=2)
    counts = transfer.pixel_counts(left_hole(), 0)
    error, size = ((x.numpy())[..., :2] for x in ((adapted - taught).abs(), taught.abs()))  # the hole, halved
    got = transfer.feature_transfer([adapted, 7 * adapted], [taught, 7 * taught], counts).item()
    assert got == pytest.approx(2 * error.mean() / size.mean(), rel=1e-5)


def test_attention_transfer_is_what_the_paper_writes():
    student, teacher = noise(3, 4, 8, 8, seed=1), noise(3, 9, 8, 8, seed=2)

    def q(maps: torch.Tensor) -> np.ndarray:
        energy = (maps.numpy() ** 2).sum(axis=1).reshape(3, -1)
        return energy / np.linalg.norm(energy, axis=1, keepdims=True)

    wanted = np.linalg.norm(q(student) - q(teacher), axis=1).mean()
    everywhere = torch.ones(3, 1, 8, 8)
    got = transfer.attention_transfer([student], [teacher], everywhere).item()
    assert got == pytest.approx(wanted, rel=1e-5) and got > 0.1
    assert transfer.attention_transfer([student], [3 * student], everywhere).item() < 1e-6
    shifted = torch.cat([student[..., :4], 5 * student[..., 4:]], dim=3)  # another strength of the known side
    assert transfer.attention_transfer([student], [shifted], left_hole()).item() < 1e-6


def test_relation_transfer_is_what_the_paper_writes():
    student, teacher = noise(3, 4, 8, 8, seed=1), noise(3, 9, 4, 4, seed=2)

    def g(maps: torch.Tensor) -> np.ndarray:
        flat = maps.numpy().reshape(3, -1)
        products = flat @ flat.T
        return products / np.linalg.norm(products, axis=1, keepdims=True)

    wanted = ((g(student) - g(teacher)) ** 2).sum() / 3**2
    everywhere = torch.ones(3, 1, 8, 8)
    got = transfer.relation_transfer([student], [teacher], everywhere).item()
    assert got == pytest.approx(wanted, rel=1e-4) and got > 1e-4
    alike = torch.ones(2, 4, 8, 8)  # two equal pictures: every entry is 1 / sqrt(2)
    apart = torch.cat(
        [alike[:1], torch.cat([alike[1:, :2], -alike[1:, 2:]], dim=1)]
    )  # two that share nothing
    two = transfer.relation_transfer([alike], [apart], everywhere[:2]).item()
    assert two == pytest.approx((2 * (1 - 0.5**0.5) ** 2 + 2 * 0.5) / 4, rel=1e-5)


# --- the teacher


def batch() -> Example:
    hole = torch.zeros(2, 1, SIZE, SIZE)
    hole[..., 16:40, 20:50] = 1
    picture = noise(2, 3, SIZE, SIZE, seed=3).clamp(-1, 1)
    return Example(picture, hole, picture, torch.zeros_like(hole), torch.zeros_like(hole), hole)


ALL = DistillConfig(output=1, features=2, attention=3, relation=4, perceptual=5)
CPU, PLAIN = torch.device("cpu"), lambda: torch.autocast("cpu", enabled=False)


def test_each_loss_is_switched_by_its_weight_and_the_teacher_stays(tmp_path: Path):
    weights, student = saved(tmp_path, channels=12), build("gated", {"channels": 8, "conv": "separable"})
    for config, names in (
        (ALL, ["output", "features", "attention", "relation", "perceptual"]),
        (DistillConfig(output=1), ["output"]),
        (DistillConfig(relation=1, known=0), ["relation"]),
        (DistillConfig(features=1, teacher_size_px=96), ["features"]),
    ):
        teacher = Teacher(weights, student, config, CPU)
        example = batch()
        drawn = list(student(example.picture, example.hole))
        terms = teacher.terms(drawn, example, TwoMaps(), PLAIN)  # type: ignore[arg-type]  # has what is needed
        assert list(terms) == [f"taught_{name}" for name in names]
        assert all(torch.isfinite(term) and term > 0 for term in terms.values())
        torch.stack([*terms.values()]).sum().backward()
        assert any(w.grad is not None and w.grad.any() for w in student.parameters())
        assert all(w.grad is None for w in teacher.generator.parameters())
        assert len(teacher.adapters) == (len(student.landmarks) if config.features else 0)
        assert all(w.grad is not None and w.grad.any() for w in teacher.adapters.parameters())


def test_a_student_that_is_its_teacher_has_nothing_to_learn(tmp_path: Path):
    weights = saved(tmp_path, channels=8)
    student = load_generator(weights)
    teacher = Teacher(weights, student, DistillConfig(output=1, attention=1, relation=1, perceptual=1), CPU)
    example = batch()
    drawn = list(student(example.picture, example.hole))
    terms = teacher.terms(drawn, example, TwoMaps(), PLAIN)  # type: ignore[arg-type]  # has what is needed
    assert all(term.item() == pytest.approx(0, abs=1e-5) for term in terms.values())


# --- the verb

RECIPE = f"""
network = {{ name = "gated", channels = 8, conv = "separable" }}
data = {{ size_px = {SIZE}, batch = 2, workers = 0 }}
distill = {{ output = 1.0, features = 0.1, attention = 0.1, relation = 0.1 }}
run = {{ log_steps = 1, held_out_count = 1 }}
"""


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(loop, "SNPatchGAN", lambda inputs: SNPatchGAN(channels=4, inputs=inputs))
    save_training_pictures(tmp_path, SIZE)
    (tmp_path / "tiny.toml").write_text(RECIPE)
    saved(tmp_path, channels=12)
    saved(tmp_path, "edges", channels=4, blocks=1)
    saved(tmp_path, "partial", channels=4, depth=3)
    return tmp_path


def words(files: Path, verb: str = "distill", run: str = "run") -> list[object]:
    options: list[object] = [verb, files / "tiny.toml", "--run", files / run, "--photos", files / "photos"]
    return [*options, "--teacher", files / "gated.safetensors"] if verb == "distill" else options


def test_a_student_is_distilled_and_goes_on_as_if_never_cut(files: Path, run_cli):
    whole = run_cli(*words(files, run="whole"), "--steps", 2)
    assert whole.code == 0, whole.err
    assert all(f"taught_{name}" in whole.out for name in ("output", "features", "attention", "relation"))
    assert run_cli(*words(files, run="cut"), "--steps", 1).code == 0
    assert run_cli(*words(files, run="cut"), "--steps", 2, "--resume").code == 0
    states = [torch.load(files / run / "checkpoint.pt", weights_only=True) for run in ("whole", "cut")]
    for part in ("generator", "average", "adapters"):
        assert states[0][part] and all(torch.equal(v, states[1][part][k]) for k, v in states[0][part].items())
    weights = load_generator(files / "whole" / "ema.safetensors")
    assert weights.config.conv == "separable" and not any("adapter" in name for name in weights.state_dict())
    plain = run_cli(*words(files, "train", "plain"), "--steps", 1)
    assert plain.code == 0 and "taught" not in plain.out  # the same recipe, learned from photos alone


def test_a_discriminator_is_inherited(files: Path, run_cli):
    gan = ["--set", "loss.adversarial=0.1", "--set", "run.discriminator_learning_rate=0", "--steps", 1]
    assert run_cli(*words(files, "train", "first"), *gan).code == 0
    given = ["--judge", files / "first" / "checkpoint.pt"]
    ran = run_cli(*words(files), *gan, "--set", "run.seed=2", *given)
    assert ran.code == 0, ran.err
    first, own = (
        torch.load(files / run / "checkpoint.pt", weights_only=True)["discriminator"]
        for run in ("first", "run")
    )
    assert all(torch.equal(value, own[name]) for name, value in first.items() if "original" in name)


def test_a_discriminator_forgets_the_sketches_that_its_heir_has_not(tmp_path: Path):
    with torch.random.fork_rng():
        torch.manual_seed(1)
        old, heir = SNPatchGAN(channels=4, inputs=5), SNPatchGAN(channels=4)
    path = tmp_path / "checkpoint.pt"
    torch.save({"discriminator": old.state_dict()}, path)
    inherit_discriminator(heir, path)
    for _ in range(30):  # spectral normalisation finds the longest stretch of the shorter weights
        heir(noise(2, 3, SIZE, SIZE, seed=2), noise(2, 1, SIZE, SIZE, seed=3))
    first, own = old.convs[0].weight[:, :4].detach(), heir.convs[0].weight.detach()
    assert torch.linalg.matrix_norm(own.flatten(1), 2).item() == pytest.approx(1, abs=0.02)
    assert torch.allclose(own / first, (own / first).mean(), rtol=1e-3)  # one factor, nothing else
    assert torch.equal(heir.convs[0].bias, old.convs[0].bias)
    for_edges = SNPatchGAN(channels=4, inputs=3)
    for other in (SNPatchGAN(channels=8), for_edges):
        with pytest.raises(UserError, match="of this kind"):
            inherit_discriminator(other, path)
    torch.save({"discriminator": SNPatchGAN(channels=4).state_dict()}, path)
    with pytest.raises(UserError, match="of this kind"):  # what judged pictures knows nothing of edge maps
        inherit_discriminator(for_edges, path)


@pytest.mark.parametrize(
    "options, reason",
    [
        (["--teacher", "missing.safetensors"], "missing.safetensors"),
        (["--teacher", "edges.safetensors"], "neither may need or draw edges"),
        (["--teacher", "partial.safetensors"], "both must be gated"),
        (["--set", "distill.teacher_size_px=100"], "multiple of 8"),
        (["--set", "distill.outputs=1"], "did you mean 'output'"),
        (["--set", "distill.perceptual=1"], "--vgg"),
        (["--judge", "tiny.toml"], "needs no discriminator"),
        (["--judge", "tiny.toml", "--set", "loss.adversarial=1"], "no checkpoint"),
        (["--set", "distill={}"], "section.key"),
    ],
)
def test_what_cannot_be_distilled_is_said_in_one_line(files: Path, run_cli, monkeypatch, options, reason):
    monkeypatch.chdir(files)
    ran = run_cli(*words(files), *options, "--steps", 1)
    assert ran.code == 2 and ran.err.count("\n") == 1 and reason in ran.err
    assert not (files / "run" / "checkpoint.pt").exists()


def test_a_recipe_without_distillation_and_a_verb_without_a_teacher_are_refused(files: Path, run_cli):
    ran = run_cli(*words(files)[:1], "gated", *words(files)[2:])
    assert ran.code == 2 and "distill.output=1" in ran.err and ran.err.count("\n") == 1
    ran = run_cli(*words(files)[:-2])
    assert ran.code == 2 and "--teacher" in ran.err and ran.err.count("\n") == 1
