"""Butterflies of the user's own: what is used, and what a broken folder is told."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from conftest import DEMO_CLIP, Pictures
from effect.errors import UserError
from effect.species import SPECIES_FOLDER, load_species
from effect.sprites import faults_of, species_in, sprite_folders


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    folder = tmp_path / "sprites" / "mine"
    shutil.copytree(SPECIES_FOLDER / "monarch", folder)
    for path in folder.glob("*.webp"):  # painted green, and saved by another program
        picture = np.array(Image.open(path))
        if "mask" not in path.name:
            picture[..., :3] = (0, 200, 40)
        Image.fromarray(picture).save(path.with_suffix(".png"))
        path.unlink()
    return folder


def edit(name: str, change: Callable[[str], str]) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_text(change((folder / name).read_text()))


def save(name: str, mode: str, size: tuple[int, int]) -> Callable[[Path], object]:
    return lambda folder: Image.new(mode, size, 0).save(folder / name)


BROKEN: dict[str, tuple[Callable[[Path], object], str]] = {
    "no toml": (edit("species.toml", lambda text: "[forewing"), "species.toml cannot be read"),
    "no name": (edit("species.toml", lambda text: text.replace("common_name", "name")), "common_name"),
    "colour": (edit("species.toml", lambda text: text.replace("body_rgb", "rgb")), "body_rgb"),
    "hinge": (
        edit("species.toml", lambda text: text.replace("hinge_px = [", "hinge_px = [9000, ")),
        "hinge_px",
    ),
    "scale": (edit("species.toml", lambda text: text.replace("px_per_unit", "px")), "px_per_unit"),
    "missing": (lambda folder: (folder / "body.png").unlink(), "body.webp (or .png) is missing"),
    "damaged": (lambda folder: (folder / "body.png").write_bytes(b"\x89PNG"), "body.png is damaged"),
    "no alpha": (save("body.png", "RGB", (40, 60)), "body.png must be 8-bit RGBA"),
    "alpha in a mask": (save("forewing_mask.png", "RGBA", (40, 60)), "RGB without alpha"),
    "tiny": (save("body.png", "RGBA", (4, 4)), "16 to 2048"),
    "nothing to see": (save("body.png", "RGBA", (40, 60)), "transparent everywhere"),
    "unlike": (save("hindwing_mask.png", "RGB", (40, 60)), "make them alike"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_what_is_wrong_is_said(kind: str, mine: Path, run_cli) -> None:
    damage, message = BROKEN[kind]
    damage(mine)
    assert any(message in fault for fault in faults_of(mine)), faults_of(mine)
    with pytest.raises(UserError, match=r"cli\.py sprites"):
        species_in(mine.parent)
    ran = run_cli("sprites", mine.parent)
    assert ran.code == 1 and message in ran.out and str(mine) in ran.out


def test_all_faults_are_listed_at_once(mine: Path) -> None:
    (mine / "body.png").unlink()
    save("forewing_dorsal.png", "RGBA", (4, 4))(mine)
    assert len(faults_of(mine)) >= 2


@pytest.mark.parametrize("species", sorted(path.name for path in SPECIES_FOLDER.glob("*/")))
def test_what_comes_along_is_well(species: str) -> None:
    assert faults_of(SPECIES_FOLDER / species) == []


def test_a_folder_is_one_butterfly_or_several(mine: Path, run_cli) -> None:
    assert sprite_folders(mine) == sprite_folders(mine.parent) == [mine]
    assert run_cli("sprites", mine).out == f"{mine}: all is well\n"
    assert run_cli("sprites", mine.parent.parent / "none").code == 2
    assert load_species(str(mine)).name == "mine"


def test_they_fly(mine: Path, pictures: Pictures, run_cli) -> None:
    def still(*options: object) -> np.ndarray:
        output = pictures.folder / "a.png"
        clip = (*DEMO_CLIP, "--butterflies", "30", "--set", "tint_seconds=0", *pictures.ready, "--force")
        ran = run_cli("frame", pictures.photo, "-o", output, "--time", "1", *clip, *options)
        assert ran.code == 0, ran.err
        return np.asarray(Image.open(output)).astype(int)

    def green(frame: np.ndarray) -> float:
        return float((frame[..., 1] - frame[..., [0, 2]].max(axis=2) > 50).mean())

    assert green(still("--sprites", mine.parent)) > 0.003 > 0.002 > green(still())
    assert green(still("--sprites", mine, "--set", "species=mine,morpho")) > 0.001
    broken = run_cli(
        "vanish",
        pictures.photo,
        "-o",
        pictures.folder / "a.mp4",
        "--sprites",
        pictures.folder,
        *pictures.ready,
    )
    assert broken.code == 2 and "holds no butterflies" in broken.err
