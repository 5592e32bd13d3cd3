"""The verbs `train` and `study`: what they need, what they refuse, several processes."""

import os
import subprocess
import sys
from pathlib import Path
from socket import socket

import pytest
from scenes import save_training_pictures

from conftest import ROOT, Ran
from effect.inpaint.nets import load_generator
from pipelines.train import loop, study
from pipelines.train.discriminator import SNPatchGAN
from pipelines.train.recipe import Recipe
from pipelines.train.study import recipe_of
from pipelines.train.study_rows import STUDIES

SIZE = 64
RECIPE = f"""
network = {{ name = "gated", channels = 8 }}
data = {{ size_px = {SIZE}, batch = 2, workers = 0, attack_share = 0.5 }}
loss = {{ adversarial = 0.1 }}
run = {{ log_steps = 1, held_out_count = 2 }}
"""


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """tiny.toml and the folders photos, masks and persons with one picture each."""
    save_training_pictures(tmp_path, SIZE)
    (tmp_path / "tiny.toml").write_text(RECIPE)
    return tmp_path


@pytest.fixture(autouse=True)
def small_discriminator(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "SNPatchGAN", lambda inputs: SNPatchGAN(channels=4, inputs=inputs))


def places(files: Path, *names: str) -> list[str]:
    return [word for name in names for word in (f"--{name}", str(files / name))]


def lines(ran: Ran, kind: str = "images/s") -> list[str]:
    return [line for line in ran.out.splitlines() if kind in line]


@pytest.mark.parametrize("verb", ["train", "study", "evaluate"])
def test_every_verb_has_help(verb: str, run_cli):
    ran = run_cli(verb, "--help")
    assert ran.code == 0 and "--photos" in ran.out and ran.err == ""


def test_a_run_is_trained_refused_and_resumed(files: Path, run_cli):
    words = ["train", files / "tiny.toml", "--run", files / "new" / "run"]
    words += [*places(files, "photos", "masks", "persons"), "--held-out", files / "photos"]
    first = run_cli(*words, "--steps", 1)
    assert first.code == 0, first.err
    assert len(lines(first)) == 1 and len(lines(first, "held-out PSNR")) == 1
    assert load_generator(files / "new" / "run" / "ema.safetensors").config.channels == 8
    refused = run_cli(*words, "--steps", 2)
    assert refused.code == 2 and "--resume" in refused.err and refused.err.count("\n") == 1
    resumed = run_cli(*words, "--steps", 2, "--resume")
    assert resumed.code == 0 and [line.split()[1] for line in lines(resumed)] == ["2"]


def test_set_and_start(files: Path, run_cli):
    words = ["train", files / "tiny.toml", *places(files, "photos", "masks", "persons"), "--steps", 1]
    assert run_cli(*words, "--run", files / "a").code == 0
    more = [
        "--set",
        "loss.adversarial=0",
        "--set",
        "loss.gan=log",
        "--start",
        files / "a" / "ema.safetensors",
    ]
    second = run_cli(*words, "--run", files / "b", *more)
    assert second.code == 0 and "discriminator" not in second.out


def test_files_that_were_not_named_are_done_without_and_told(files: Path, run_cli):
    words = ["train", files / "tiny.toml", "--steps", 1, *places(files, "photos")]
    nothing = run_cli(*words, "--run", files / "a")
    assert nothing.code == 0 and len(lines(nothing, "note: without")) == 2 and len(lines(nothing)) == 1
    masks = run_cli(*words, *places(files, "masks"), "--run", files / "b")
    assert masks.code == 0 and "silhouettes filled" in masks.out


@pytest.mark.parametrize(
    "words, reason",
    [
        (["train", "tiny.toml"], "--run"),
        (["train", "tiny.toml", "--run", "r"], "--photos"),
        (["train", "gatd", "--run", "r"], "did you mean 'gated'"),
        (["train", "tiny.toml", "--run", "r", "--set", "run.stesp=1"], "did you mean 'steps'"),
        (
            ["train", "tiny.toml", "--run", "r", "--photos", "photos", "--set", "network.chanels=1"],
            "channels",
        ),
        (["train", "tiny.toml", "--run", "r", "--photos", "photos", "--set", "loss.style=1"], "--vgg"),
        (["train", "tiny.toml", "--run", "r", "--photos", "photos", "--start", "tiny.toml"], "tiny.toml"),
        (["study", "networks", "--run", "r"], "--steps"),
        (["study", "networks", "--run", "r", "--steps", "1"], "--held-out"),
        (["study", "gan", "--run", "r", "--steps", "1", "--held-out", "photos"], "--start"),
        (["study", "nets", "--run", "r"], "nets"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(
    files: Path, run_cli, words: list[str], reason: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(files)
    ran = run_cli(*words)
    assert ran.code == 2 and ran.err.count("\n") == 1 and reason in ran.err
    assert not (files / "r" / "checkpoint.pt").exists()


# --- studies


def test_studies_compare_what_they_promise():
    assert [row.name for row in STUDIES["networks"] if row.scored] == [
        "gated",
        "partial",
        "lbam",
        "edgeconnect",
    ]
    assert len({row.name for row in STUDIES["gan"]}) == len(STUDIES["gan"]) == 12
    shares = [recipe_of(row, {}, 1).data.attack_share for row in STUDIES["attack"]]
    assert shares[0] == 0 < shares[1]
    for rows in STUDIES.values():
        for row in rows:
            assert isinstance(recipe_of(row, {}, 10), Recipe)
    budgets = [recipe_of(row, {"run.minutes": "30"}, 300).run for row in STUDIES["networks"]]
    assert sum(run.steps for run in budgets[-2:]) == budgets[0].steps == 300
    assert sum(run.minutes for run in budgets[-2:]) == pytest.approx(budgets[0].minutes)


TINY = {
    "gated": {"network.channels": "8"},
    "partial": {"network.channels": "4", "network.depth": "3"},
    "lbam": {"network.channels": "4", "network.depth": "3"},
    "edgeconnect-edges": {"network.channels": "4", "network.blocks": "1"},
    "edgeconnect": {"network.channels": "4", "network.blocks": "1"},
}


@pytest.mark.parametrize("name", ["networks", "attack"])
def test_a_study_trains_its_rows_once_and_prints_its_table(
    files: Path, run_cli, name: str, monkeypatch: pytest.MonkeyPatch
):
    rows = [study.replace(row, overrides={**row.overrides, **TINY[row.recipe]}) for row in STUDIES[name]]
    monkeypatch.setitem(STUDIES, name, rows)
    words = ["study", name, "--run", files / "study", "--steps", 2, "--size", SIZE]
    words += [*places(files, "photos", "masks", "persons"), "--held-out", files / "photos"]
    for setting in (f"data.size_px={SIZE}", "data.batch=2", "data.workers=0", "run.log_steps=1"):
        words += ["--set", setting]
    first = run_cli(*words, "--set", "run.held_out_count=1")
    assert first.code == 0, first.err
    table = (files / "study" / "table.md").read_text()
    assert table in first.out and all(f"| {row.name} |" in table for row in rows if row.scored)
    assert ("30% of the contour bitten" in table) == (name == "attack")
    line = next(line for line in table.splitlines() if line.startswith(f"| {rows[0].name} |"))
    assert line.split(" | ")[10:12] == [rows[0].recipe, "2"] and line.endswith("| 1 | CPU |")
    assert (files / "study" / f"{name}.png").exists()
    again = run_cli(*words, "--set", "run.held_out_count=1")
    assert again.code == 0 and not lines(again)  # nothing is trained twice


# --- several processes


def test_two_processes_learn_the_same_and_one_tells(files: Path):
    script = files / "two.py"
    script.write_text(
        "import os, sys\n"
        "from pipelines.train import loop\n"
        "from pipelines.train.discriminator import SNPatchGAN\n"
        "loop.SNPatchGAN = lambda inputs: SNPatchGAN(channels=4, inputs=inputs)\n"
        "follow = loop.follow\n"
        "def told(average, generator, *more):\n"
        "    with open(os.environ['RANK'], 'a') as file:\n"
        "        print(sum(p.double().abs().sum().item() for p in generator.parameters()), file=file)\n"
        "    follow(average, generator, *more)\n"
        "loop.follow = told\n"
        "from cli import main\n"
        "sys.exit(main(sys.argv[1:]))\n"
    )
    words = [*places(files, "photos", "masks", "persons"), "--steps", "2", "--run", str(files / "run")]
    command = [sys.executable, str(script), "train", str(files / "tiny.toml"), *words]
    with socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    torchrun = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}  # what it would set
    environment = {**os.environ, **torchrun, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    environment["CUDA_VISIBLE_DEVICES"] = ""
    both = [
        subprocess.Popen(
            command,
            env={**environment, "RANK": rank, "LOCAL_RANK": rank},
            cwd=files,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for rank in "01"
    ]
    said = [process.communicate(timeout=300)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    ran = Ran(0, said[0], "")
    assert [line.split()[1] for line in lines(ran)] == ["1", "2"] and len(lines(ran, "saved after")) == 1
    assert "step" not in said[1]
    sums = [(files / rank).read_text().split() for rank in "01"]  # of the weights, after each step
    assert len(sums[0]) == 2 and sums[0] == sums[1]  # they saw other examples, and took the same steps
    assert (files / "run" / "checkpoint.pt").exists()
