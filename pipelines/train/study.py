"""The job `study`: the lab's comparisons. Each trains its rows at an equal budget, goes on with what is there already,
and prints one table.

networks: the four networks, from scratch, with L1 alone. gan: four GAN losses with and without features of VGG16, from
one warm start. attack: one network trained without and with the boundary attack, scored with clean masks and with
bitten ones.
ladder: ever smaller networks, plain and distilled, with times and sizes. distill: what of a teacher helps the smallest.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import torch

from effect.errors import UserError
from pipelines.evaluate import COLUMNS, Entrant, Score, evaluate, make_cases, markdown
from pipelines.onnx_file import require_onnx
from pipelines.train.checkpoint import CHECKPOINT, WEIGHTS
from pipelines.train.data import read_pictures
from pipelines.train.job import Beginning, Files, print_now, train_recipe, with_steps
from pipelines.train.recipe import Recipe
from pipelines.train.study_rows import LADDER_TOP, STUDIES, Row
from pipelines.train.vgg import VGGFeatures, open_vgg

ATTACK = 0.3  # share of the contour that is bitten when the attack is scored
TOLD = ("recipe", "step", "seconds", "processor_seconds", "seed", "device")  # columns about a row's training


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
    teacher: Path | None = None,
    size_px: int = 128,
    count: int = 0,
    band_px: int = 0,
    **places: Any,
) -> str:
    """The verb `study`: train and score; returns the table in markdown, which is also written to table.md in the run's
    folder, pictures beside it.

    overrides: "section.key" -> value, for every row's recipe; scored are the middle squares, `size_px` wide, of the
    first `count` held-out photos (0 = all); teacher: for the rows that are distilled, and scored, too; places: the
    fields of `Files`. Raises UserError without a budget (`steps`, or run.steps, run.minutes, run.processor_minutes),
    and for files that are missing.
    """
    folder, files, tell = run_folder, Files(**places), print_now
    if not (steps or {"run.steps", "run.minutes", "run.processor_minutes"} & overrides.keys()):
        raise UserError("say how long each row trains: --steps N, or --set run.minutes=40")
    if not files.held_out:
        raise UserError("name the photos to score on: --held-out FOLDER|TAR ...")
    if name == "gan" and not start:
        raise UserError("the rows of this study begin with the same weights: name them with --start FILE")
    if name in ("ladder", "distill") and not teacher:
        raise UserError("the rows of this study learn from the same network: name it with --teacher WEIGHTS")
    if name == "ladder":
        require_onnx()
    vgg = open_vgg(files.vgg) if files.vgg or name in ("gan", "ladder", "distill") else None
    told: dict[str, dict[str, str]] = {}
    entrants = entrants_of(name, teacher)
    judges: dict[str, Path] = {}
    for row, run, after, recipe in runs_of(name, overrides, steps):
        tell(f"== {name}: {run}")
        edges = folder / row.edges / WEIGHTS if row.edges else None
        before = folder / after / WEIGHTS if after else start
        judge = judges.get(after) if recipe.loss.of_judge else None
        if recipe.loss.of_judge:
            judges[run] = folder / run / CHECKPOINT
        begin = Beginning(before, edges, teacher if row.distilled else None, judge)
        train_recipe(recipe, folder / run, files, tell, resume=True, begin=begin)
        device = torch.cuda.get_device_name() if torch.cuda.is_available() else "CPU"
        told[run] = {"recipe": row.recipe, "seed": str(recipe.run.seed), "device": device}
        if row.scored:
            side_px = recipe.data.size_px if name == "ladder" else 0
            entrants.append(Entrant(run, folder / run / WEIGHTS, side_px))
    tables = []
    for title, scores in tables_of(name, folder, entrants, files, Scoring(size_px, count, band_px), vgg):
        rows = [replace(row, training={**row.training, **told.get(row.name, {})}) for row in scores]
        tables.append(f"{title}\n\n{markdown(over_seeds(rows, STUDIES[name]), TOLD)}\n")
    if name == "ladder":
        from pipelines.train.speed import speed_table

        first = [one for one in entrants if one.name in plain_rows(name)]
        photos, masks = read_pictures(files.photos), read_pictures(files.masks)
        title = "ladder: median ms for one picture, by cores, and the size of the files"
        tables.append(f"{title}\n\n{speed_table(first, photos, masks, folder)}\n")
    text = "\n".join(tables)
    (folder / "table.md").write_text(text)
    return text


def runs_of(
    name: str, overrides: Mapping[str, str], steps: int | None
) -> Iterator[tuple[Row, str, str, Recipe]]:
    """Every row, the names of its run and of the run that this one goes on from, if any, and its recipe: once for each
    of its seeds."""
    runs = {row.name: row.runs for row in STUDIES[name]}
    for row in STUDIES[name]:
        recipe = recipe_of(row, overrides, steps)
        before = runs.get(row.after, [""])
        for number, run in enumerate(row.runs):
            after = before[number] if len(before) == row.seeds else before[0]
            yield row, run, after, replace(recipe, run=replace(recipe.run, seed=recipe.run.seed + number))


def entrants_of(name: str, teacher: Path | None) -> list[Entrant]:
    """Who is scored besides the rows: the teacher, which is also the top of the ladder."""
    if name == "ladder" and teacher:
        return [Entrant(top, teacher, side_px) for top, side_px in LADDER_TOP.items()]
    return [Entrant("teacher", teacher)] if name == "distill" and teacher else []


def plain_rows(name: str) -> set[str]:
    """The first runs of the rows without a teacher, which changes neither times nor sizes."""
    return {*LADDER_TOP, *(row.runs[0] for row in STUDIES[name] if not row.distilled)}


def over_seeds(scores: list[Score], rows: list[Row]) -> list[Score]:
    """The scores with one row in the place of several seeds: their mean, and their standard deviation as the spread."""
    left = {score.name: score for score in scores}
    for row in rows:
        of_row = [left[run] for run in row.runs if run in left]
        if row.seeds == 1 or not of_row:
            continue
        values = {key: [getattr(one, key) for one in of_row] for key, _ in COLUMNS.values()}
        known = {key: numbers for key, numbers in values.items() if None not in numbers}
        seeds = ", ".join(one.training.get("seed", "–") for one in of_row)
        left[row.runs[0]] = replace(
            of_row[0],
            name=row.name,
            training={**of_row[0].training, "seed": seeds},
            spread={key: stdev(numbers) for key, numbers in known.items() if len(numbers) > 1},
            **{key: mean(numbers) for key, numbers in known.items()},
        )
        for run in row.runs[1:]:
            left.pop(run, None)
    return list(left.values())


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
    name: str,
    folder: Path,
    entrants: list[Entrant],
    files: Files,
    scoring: Scoring,
    vgg: VGGFeatures | None,
) -> Iterator[tuple[str, list[Score]]]:
    """Each table's title and rows: one table, or one for each attack."""
    photos, masks = read_pictures(files.held_out), read_pictures(files.masks)
    photos = photos[: scoring.count or None]
    # Both tables of the attack need the same people in the same places; the others need holes alone.
    persons = read_pictures(files.persons) if name == "attack" else []
    if name == "attack" and not persons:
        raise UserError("name the people to paste: --persons FOLDER|TAR ...")
    for attack in (0.0, ATTACK) if name == "attack" else (0.0,):
        cases = make_cases(photos, masks, persons, scoring.size_px, attack)
        holes = f"{attack:.0%} of the contour bitten" if attack else "clean masks"
        title = f"{name}: {len(cases)} photos, {scoring.size_px} px, {holes}, band of {scoring.band_px} px"
        sheet = folder / (f"{name}-attacked.png" if attack else f"{name}.png")
        peers = name not in ("gan", "ladder", "distill")
        yield title, evaluate(entrants, cases, vgg, scoring.band_px, sheet, peers)
