"""The job `study`: the lab's comparisons. Each trains its rows at an equal budget, goes on with what is there already,
and prints one table.

networks: the four networks, from scratch. gan: four GAN losses with and without features of VGG16, from one warm start.
attack: the gated network trained without and with the boundary attack, scored with clean masks and with bitten ones.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from effect.errors import UserError
from pipelines.evaluate import Score, evaluate, make_cases, markdown
from pipelines.train.checkpoint import WEIGHTS
from pipelines.train.data import read_pictures
from pipelines.train.job import Beginning, Files, print_now, train_recipe, with_steps
from pipelines.train.recipe import Recipe
from pipelines.train.vgg import VGGFeatures, open_vgg

EDGES_SHARE = 1 / 3  # of EdgeConnect's budget that its edge generator gets
ATTACK = 0.3  # share of the contour that is bitten when the attack is scored
GAN_LOSSES = ("hinge", "log", "least_squares", "relativistic")
GAN_WEIGHT = "0.5"  # the gradient of a trained GAN is then a good quarter of L1's: enough to see what it does
FEATURES: dict[str, dict[str, str]] = {
    "": {},
    "+perceptual": {"loss.perceptual": "0.1"},
    "+perceptual+style": {"loss.perceptual": "0.1", "loss.style": "0.1"},
}
TOLD = ("recipe", "step", "seconds", "processor_seconds", "seed", "device")  # columns about a row's training


@dataclass(frozen=True)
class Row:
    """One network to train: the folder's name, the recipe, what differs from it, and the row whose edges it takes."""

    name: str
    recipe: str
    overrides: Mapping[str, str] = field(default_factory=dict)
    budget_share: float = 1.0
    edges: str = ""
    scored: bool = True


STUDIES: dict[str, list[Row]] = {
    "networks": [
        Row("gated", "gated"),
        Row("partial", "partial"),
        Row("lbam", "lbam"),
        Row("edges", "edgeconnect-edges", budget_share=EDGES_SHARE, scored=False),
        Row("edgeconnect", "edgeconnect", budget_share=1 - EDGES_SHARE, edges="edges"),
    ],
    "gan": [
        Row(gan + more, "gated", {"loss.gan": gan, "loss.adversarial": GAN_WEIGHT, **features})
        for gan in GAN_LOSSES
        for more, features in FEATURES.items()
    ],
    "attack": [
        Row("plain", "gated", {"data.attack_share": "0.0"}),
        Row("hardened", "gated", {"data.attack_share": "0.5"}),
    ],
}


@dataclass(frozen=True)
class Scoring:
    """On what the rows are scored: the middle squares of `count` held-out photos (0 = all)."""

    size_px: int = 128
    count: int = 0
    band_px: int = 0


def study(
    name: str,
    run_folder: Path,
    overrides: Mapping[str, str] = {},
    steps: int | None = None,
    start: Path | None = None,
    size_px: int = 128,
    count: int = 0,
    band_px: int = 0,
    **places: Any,
) -> str:
    """The verb `study`: train and score; returns the table in markdown, which is also written to table.md in the run's
    folder, pictures beside it.

    overrides: "section.key" -> value, for every row's recipe; scored are the middle squares, `size_px` wide, of the
    first `count` held-out photos (0 = all); places: the fields of `Files`. Raises UserError without a budget (`steps`,
    or run.steps, run.minutes, run.processor_minutes), and for files that are missing.
    """
    folder, files, tell = run_folder, Files(**places), print_now
    if not (steps or {"run.steps", "run.minutes", "run.processor_minutes"} & overrides.keys()):
        raise UserError("say how long each row trains: --steps N, or --set run.minutes=40")
    if not files.held_out:
        raise UserError("name the photos to score on: --held-out FOLDER|TAR ...")
    if name == "gan" and not start:
        raise UserError("the rows of this study begin with the same weights: name them with --start FILE")
    vgg = open_vgg(files.vgg) if files.vgg or name == "gan" else None
    told: dict[str, dict[str, str]] = {}
    for row in STUDIES[name]:
        recipe = recipe_of(row, overrides, steps)
        tell(f"== {name}: {row.name}")
        edges = folder / row.edges / WEIGHTS if row.edges else None
        train_recipe(recipe, folder / row.name, files, tell, resume=True, begin=Beginning(start, edges))
        device = torch.cuda.get_device_name() if torch.cuda.is_available() else "CPU"
        told[row.name] = {"recipe": row.recipe, "seed": str(recipe.run.seed), "device": device}
    scored = [row.name for row in STUDIES[name] if row.scored]
    tables = []
    for title, scores in tables_of(name, folder, scored, files, Scoring(size_px, count, band_px), vgg):
        rows = [replace(row, training={**row.training, **told.get(row.name, {})}) for row in scores]
        tables.append(f"{title}\n\n{markdown(rows, TOLD)}\n")
    text = "\n".join(tables)
    (folder / "table.md").write_text(text)
    return text


def recipe_of(row: Row, overrides: Mapping[str, str], steps: int | None) -> Recipe:
    """The row's recipe with its part of the budget."""
    recipe = Recipe.read(Path(row.recipe), with_steps({**row.overrides, **overrides}, steps))
    run, share = recipe.run, row.budget_share
    return replace(
        recipe,
        run=replace(
            run,
            steps=max(1, round(run.steps * share)),
            minutes=run.minutes * share,
            processor_minutes=run.processor_minutes * share,
        ),
    )


def tables_of(
    name: str, folder: Path, rows: list[str], files: Files, scoring: Scoring, vgg: VGGFeatures | None
) -> Iterator[tuple[str, list[Score]]]:
    """Each table's title and rows: one table, or one for each attack."""
    photos, masks = read_pictures(files.held_out), read_pictures(files.masks)
    photos = photos[: scoring.count or None]
    # Both tables of the attack need the same people in the same places; the others need holes alone.
    persons = read_pictures(files.persons) if name == "attack" else []
    if name == "attack" and not persons:
        raise UserError("name the people to paste: --persons FOLDER|TAR ...")
    weights = [folder / row / WEIGHTS for row in rows]
    for attack in (0.0, ATTACK) if name == "attack" else (0.0,):
        cases = make_cases(photos, masks, persons, scoring.size_px, attack)
        holes = f"{attack:.0%} of the contour bitten" if attack else "clean masks"
        title = f"{name}: {len(cases)} photos, {scoring.size_px} px, {holes}, band of {scoring.band_px} px"
        sheet = folder / (f"{name}-attacked.png" if attack else f"{name}.png")
        yield title, evaluate(weights, cases, vgg, scoring.band_px, sheet, with_peers=name != "gan")
