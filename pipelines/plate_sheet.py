"""Restored backgrounds to look at: `python -m pipelines.plate_sheet PHOTO...` draws out/plates.png.

A row for each photo: as it is; the matte, and in red what else is restored; this project's plate; Telea's; and
pypatchmatch's, which are told of no other people.
"""

import sys
from pathlib import Path

import numpy as np

from effect.errors import UserError
from effect.framing import framing_of, scale_picture
from effect.inpaint.strands import without_strands
from effect.photo import load_photo
from effect.segment import Matte
from pipelines.models import Models
from pipelines.peers import fill_with_patches, fill_with_telea
from pipelines.picture_rows import save_rows
from pipelines.render import find_person
from pipelines.settings import Settings
from pipelines.watch import Watch

SHEET, HEIGHT_PX = Path("out/plates.png"), 360
RED = np.array([255, 0, 0], np.uint8)


def row_of(path: Path, settings: Settings, models: Models) -> list[np.ndarray]:
    """The pictures of one photo, uint8 (H, W, 3) each. Raises UserError."""
    photo = load_photo(path)
    framing = framing_of(photo.size)
    matte = find_person(photo, framing.scaled_size, settings, models)
    rgb = scale_picture(photo.rgb, framing)
    bare = without_strands(rgb, matte.hole, matte.others)
    plate = models.inpainter.restore(bare, matte.hole, matte.others)
    return [rgb, seen(matte), plate, fill_with_telea(rgb, matte.hole), fill_with_patches(rgb, matte.hole)]


def seen(matte: Matte) -> np.ndarray:
    """The matte, white on black, on a hole in red."""
    alpha, hole = matte.alpha[..., None], matte.hole[..., None]
    return np.rint(255 * alpha + (1 - alpha) * np.where(hole, RED, 0)).astype(np.uint8)


def main(arguments: list[str]) -> int:
    if not arguments:
        raise UserError("usage: python -m pipelines.plate_sheet PHOTO...")
    settings, watch = Settings(), Watch(quiet=True)
    with Models(settings, watch) as models:
        save_rows([row_of(Path(photo), settings, models) for photo in arguments], SHEET, HEIGHT_PX)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except UserError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
