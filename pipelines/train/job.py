"""The jobs `train`, `distill` and, for its rows, `study`: read what the user named, then train."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
import torch.distributed as distributed

from effect.errors import UserError
from pipelines.train.checkpoint import CHECKPOINT
from pipelines.train.data import DataConfig, Scenes, read_pictures
from pipelines.train.loop import train
from pipelines.train.recipe import Recipe
from pipelines.train.vgg import open_vgg

HELD_OUT_SILHOUETTES = 64
Tell = Callable[[str], None]


@dataclass(frozen=True)
class Beginning:
    """Files of other runs: weights to begin with, those of the network "edges" (for "edgeconnect"), those of a teacher,
    and the checkpoint whose discriminator is taken over."""

    start: Path | None = None
    edges: Path | None = None
    teacher: Path | None = None
    judge: Path | None = None


@dataclass(frozen=True)
class Files:
    """Folders and tar files of pictures, and VGG16's weights (see `open_vgg`)."""

    photos: Sequence[Path] = ()
    masks: Sequence[Path] = ()  # silhouettes, white = person
    persons: Sequence[Path] = ()  # cut out, RGBA
    held_out: Sequence[Path] = ()
    vgg: Path | None = None


def train_files(
    recipe: Path,
    run_folder: Path,
    overrides: Mapping[str, str] = {},
    steps: int | None = None,
    resume: bool = False,
    start: Path | None = None,
    edges: Path | None = None,
    teacher: Path | None = None,
    judge: Path | None = None,
    **places: Any,
) -> None:
    """The verbs `train` and, with a teacher, `distill`, which print what the run tells. places: the fields of `Files`;
    see `train_recipe`."""
    chosen = Recipe.read(recipe, with_steps(overrides, steps))
    begin = Beginning(start, edges, teacher, judge)
    train_recipe(chosen, run_folder, Files(**places), print_now, resume, begin)


def with_steps(overrides: Mapping[str, str], steps: int | None) -> dict[str, str]:
    """`--set` and `--steps` together."""
    return {**overrides, **({} if steps is None else {"run.steps": str(steps)})}


def print_now(line: str) -> None:
    """A log that is read while it grows."""
    print(line, flush=True)


def train_recipe(
    recipe: Recipe,
    folder: Path,
    files: Files,
    tell: Tell,
    resume: bool = False,
    begin: Beginning = Beginning(),
) -> None:
    """Train in `folder`, created if need be; `tell` gets what is worth knowing, line by line.

    Raises UserError for a folder that holds a run already unless `resume`, and for files that are missing or unfit.
    """
    if not files.photos:
        raise UserError("name the photos to train on: --photos FOLDER|TAR ...")
    if begin.teacher and not recipe.distill.is_on:
        raise UserError(f"this recipe has nothing to learn from {begin.teacher}: add --set distill.output=1")
    if begin.judge and not recipe.loss.of_judge:
        raise UserError(
            "this recipe needs no discriminator: add --set loss.adversarial=0.1, or leave out --judge"
        )
    if (folder / CHECKPOINT).exists() and not resume:
        raise UserError(
            f"{folder} holds a run already: add --resume to go on with it, or name another folder"
        )
    joined = join_processes()
    try:
        if distributed.is_initialized() and distributed.get_rank() > 0:
            tell = lambda line: None
        masks, persons = read_pictures(files.masks), read_pictures(files.persons)
        data = possible(recipe.data, bool(masks), bool(persons), tell)
        needs_vgg = recipe.loss.needs_vgg or (begin.teacher and recipe.distill.perceptual)
        vgg = open_vgg(files.vgg) if needs_vgg else None
        if recipe.network == "edgeconnect" and not begin.edges and not resume:
            tell("note: without --edges FILE the edge generator stays untrained")
        scenes = Scenes(read_pictures(files.photos), masks, persons, data, recipe.run.seed)
        held_out = None
        if files.held_out:
            plain = replace(data, sketch_share=0.0)  # the product mostly gets no sketch
            if masks:
                plain = replace(plain, stroke_share=0.0, box_share=0.0, attack_share=0.0)
            some_masks = masks[:: max(1, len(masks) // HELD_OUT_SILHOUETTES)]
            held_out = Scenes(read_pictures(files.held_out), some_masks, [], plain, seed=0)
        folder.mkdir(parents=True, exist_ok=True)
        # Vanishing gradients are denormal numbers, which cost a CPU a hundred times more.
        torch.set_flush_denormal(True)
        train(
            replace(recipe, data=data),
            folder,
            scenes,
            held_out,
            vgg,
            tell=tell,
            start=begin.start,
            edges=begin.edges,
            teacher_weights=begin.teacher,
            judge_checkpoint=begin.judge,
        )
    finally:
        torch.set_flush_denormal(False)
        if joined:
            distributed.destroy_process_group()


def join_processes() -> bool:
    """Join the processes that torchrun started, if it did."""
    if int(os.environ.get("WORLD_SIZE", 1)) == 1:
        return False
    distributed.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    return True


def possible(data: DataConfig, has_masks: bool, has_persons: bool, tell: Tell) -> DataConfig:
    """The recipe's mixture of holes, without the kinds for which no files were named; each change is told."""
    if not has_masks and data.person_share:
        tell("note: without --masks no hole has the shape of a person: strokes and boxes alone")
        others = (data.stroke_share, data.box_share) if data.stroke_share + data.box_share else (0.5, 0.5)
        data = replace(data, person_share=0.0, stroke_share=others[0], box_share=others[1])
    if not has_persons and data.attack_share:
        if has_masks:
            tell("note: without --persons the attack pastes silhouettes filled with other photos")
        else:
            tell("note: without --persons and --masks there is nobody to paste: no boundary attack")
            data = replace(data, attack_share=0.0)
    return data
