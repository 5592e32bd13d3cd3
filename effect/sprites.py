"""Butterflies of the user's own: folders in the format of assets/butterflies/README.md, and what is wrong with one."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from effect.errors import UserError
from effect.species import read_species, texture_file

WINGS = ("forewing", "hindwing")
FACTS_NAME = "species.toml"
SMALLEST_PX, LARGEST_PX = 16, 2048
COLOURS = ("body_rgb", "fur_rgb")


def sprite_folders(folder: Path) -> list[Path]:
    """The folder itself, where it is a butterfly's, or all butterflies' folders in it. UserError for none."""
    if (folder / FACTS_NAME).is_file():
        return [folder]
    found = sorted(path.parent for path in folder.glob(f"*/{FACTS_NAME}"))
    if not found:
        raise UserError(
            f"{folder} holds no butterflies: each is a folder with a {FACTS_NAME}, see assets/butterflies/README.md"
        )
    return found


def species_in(folder: Path) -> list[str]:
    """What `effect.species.load_species` takes for each butterfly of a folder. UserError names the first fault."""
    names = []
    for place in sprite_folders(folder):
        for fault in faults_of(place):
            raise UserError(f"{place}: {fault} (`python cli.py sprites {folder}` lists all that is wrong)")
        names.append(str(place.resolve()))
    return names


def faults_of(folder: Path) -> list[str]:
    """What keeps a butterfly's folder from being used, one line each; nothing where all is well."""
    try:
        facts = tomllib.loads((folder / FACTS_NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        return [f"{FACTS_NAME} cannot be read: {error}"]
    sizes: dict[str, tuple[int, int]] = {}
    faults = [*_faults_of_pictures(folder, sizes), *_faults_of_facts(facts, sizes)]
    if not faults:
        try:
            read_species(folder)
        except UserError as error:
            return [str(error)]
    return faults


def _faults_of_pictures(folder: Path, sizes: dict[str, tuple[int, int]]) -> Iterator[str]:
    """Faults of the pictures; notes in `sizes` the width and height of each part that has one."""
    for part in WINGS:
        for layer, channels in (("dorsal", 4), ("ventral", 4), ("mask", 3)):
            name = f"{part}_{layer}"
            size, fault = _measured(folder, name, channels)
            if fault:
                yield fault
            elif size != sizes.setdefault(part, size):
                yield (
                    f"{name} is {size[0]}x{size[1]} pixels, the dorsal {part} {sizes[part][0]}x{sizes[part][1]}:"
                    " make them alike"
                )
    sizes["body"], fault = _measured(folder, "body", 4)
    if fault:
        yield fault


def _measured(folder: Path, name: str, channels: int) -> tuple[tuple[int, int], str]:
    """Width and height of a picture, and what is wrong with it or an empty text."""
    path = texture_file(folder, name)
    if not path.is_file():
        return (0, 0), f"{name}.webp (or .png) is missing"
    data = np.fromfile(path, np.uint8)
    image = cv2.imdecode(data, cv2.IMREAD_UNCHANGED) if data.size else None
    if image is None:
        return (0, 0), f"{path.name} is damaged, or no picture"
    size = image.shape[1], image.shape[0]
    kinds = {3: "RGB without alpha", 4: "RGBA"}
    found = image.shape[2] if image.ndim == 3 else 1
    if image.dtype != np.uint8 or found != channels:
        return (
            size,
            f"{path.name} must be 8-bit {kinds[channels]}, but it has {found} channels of {image.dtype}",
        )
    if not SMALLEST_PX <= min(size) <= max(size) <= LARGEST_PX:
        return (
            size,
            f"{path.name} must be {SMALLEST_PX} to {LARGEST_PX} pixels a side, not {size[0]}x{size[1]}",
        )
    if channels == 4 and not (image[..., 3] > 127).any():
        return size, f"{path.name} is transparent everywhere"
    return size, ""


def _faults_of_facts(facts: dict[str, Any], sizes: dict[str, tuple[int, int]]) -> Iterator[str]:
    if not isinstance(facts.get("common_name"), str):
        yield f'{FACTS_NAME} needs a name, like common_name = "Blue morpho"'
    for key in COLOURS if "iridescence_rgb" not in facts else (*COLOURS, "iridescence_rgb"):
        if not _are_numbers(facts.get(key), 3, 0, 1):
            yield f"{FACTS_NAME} needs three numbers from 0 to 1, like {key} = [0.2, 0.2, 0.3]"
    for part in (*WINGS, "body"):
        place = facts.get(part)
        if not isinstance(place, dict):
            yield f"{FACTS_NAME} needs a section [{part}] with hinge_px and px_per_unit"
            continue
        if not _are_numbers([place.get("px_per_unit")], 1, 1, 10 * LARGEST_PX):
            yield f"[{part}] needs px_per_unit, a number of pixels from 1"
        width, height = sizes.get(part, (0, 0))
        hinge = place.get("hinge_px")
        if not isinstance(hinge, list) or not _are_numbers(hinge, 2, -LARGEST_PX, LARGEST_PX):
            yield f"[{part}] needs hinge_px = [column, row]"
        elif width and not (0 <= hinge[0] <= width and 0 <= hinge[1] <= height):
            yield f"hinge_px of [{part}] lies outside its picture of {width}x{height} pixels"


def _are_numbers(values: object, count: int, lowest: float, highest: float) -> bool:
    return (
        isinstance(values, list)
        and len(values) == count
        and all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
        and all(lowest <= value <= highest for value in values)
    )
