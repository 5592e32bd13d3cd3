"""Which photos a folder holds, and what their clips are called."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from effect.errors import UserError
from effect.photo import PHOTO_ENDINGS


@dataclass(frozen=True)
class Task:
    """One photo and the clip it becomes."""

    photo: Path
    clip: Path


def find_tasks(folder: Path, output_folder: Path, ending: str = ".mp4") -> list[Task]:
    """Every photo in `folder` and below, each with a clip name of its own; UserError when there is none.

    The output folder may lie inside: it is not searched. Links to folders are followed once. Hidden names are
    passed over.
    """
    if not folder.is_dir():
        raise UserError(f"{folder} is not a folder: give one that holds photos")
    tasks = []
    for place, photos in _walk(folder, output_folder):
        clips = clip_names(photos, ending)
        inside = output_folder / place.relative_to(folder)
        tasks += [Task(place / photo, inside / clips[photo]) for photo in photos]
    if not tasks:
        raise UserError(f"{folder} holds no photos: they end in {', '.join(PHOTO_ENDINGS)}")
    return tasks


def clip_names(photos: Sequence[str], ending: str = ".mp4") -> dict[str, str]:
    """A clip name for each photo name of one folder: a.jpg becomes a.mp4, but a.jpg.mp4 beside an a.png."""
    stems = {photo: Path(photo).stem for photo in photos}
    clips = {photo: stem if _is_single(stem, stems) else photo for photo, stem in stems.items()}
    # Once more, for a.jpg.png may claim the name that a.jpg was given.
    return {photo: f"{clip if _is_single(clip, clips) else photo}{ending}" for photo, clip in clips.items()}


def _is_single(name: str, names: Mapping[str, str]) -> bool:
    """Whether no other of the names would be the same file on a system that ignores case."""
    return sum(name.casefold() == other.casefold() for other in names.values()) == 1


def _walk(folder: Path, output_folder: Path) -> Iterator[tuple[Path, list[str]]]:
    visited = {output_folder.resolve()} - {folder.resolve()}
    for name, subfolders, files in os.walk(folder, followlinks=True):
        place = Path(name)
        if place.resolve() in visited:  # the output folder, or a link back to where we were
            subfolders.clear()
            continue
        visited.add(place.resolve())
        subfolders[:] = sorted(subfolder for subfolder in subfolders if not subfolder.startswith("."))
        yield place, sorted(file for file in files if _is_photo(file))


def _is_photo(name: str) -> bool:
    return not name.startswith(".") and Path(name).suffix.lower() in PHOTO_ENDINGS
