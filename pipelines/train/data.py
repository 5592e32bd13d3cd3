"""Training examples: a scene, a hole in it, and sometimes a person pasted over the hole and attacked."""

import io
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

import cv2
import numpy as np
import torch
from numpy.random import Generator
from PIL import Image, UnidentifiedImageError
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from effect.errors import UserError
from pipelines.train import masks
from pipelines.train.edges import canny, sketch

PICTURE_ENDINGS = {".jpg", ".jpeg", ".png", ".webp"}
PLACING_TRIES = 100  # before a cut-out person that never fits is an error


@dataclass(frozen=True)
class DataConfig:
    """Shares are probabilities; the three hole shares are weights that need not add up to 1.

    guidance: what the network is told besides: "none"; "known", the edges of the known part; "sketch", some strokes
    inside the hole.
    """

    size_px: int = 128
    batch: int = 16
    person_share: float = 0.6
    stroke_share: float = 0.25
    box_share: float = 0.15
    attack_share: float = 0.0  # examples that carry a pasted person and a bitten mask
    attack_contour: float = 0.3  # share of the contour that is bitten
    attack_block: tuple[float, float] = (0.03, 0.10)  # side of a bite, as a part of the person's height
    guidance: Literal["none", "known", "sketch"] = "none"
    sketch_share: float = 0.7  # examples with some strokes where guidance is "sketch"
    workers: int = 1

    def __post_init__(self) -> None:
        if self.size_px < 16 or self.batch < 1:
            raise UserError("data.size_px must be at least 16 and data.batch at least 1")
        if self.person_share + self.stroke_share + self.box_share <= 0:
            raise UserError("one of data.person_share, stroke_share and box_share must be above 0")


class Example(NamedTuple):
    """One example, or a batch of them with one more dimension in front.

    picture, truth: (3, S, S) in -1..1, which differ only where a person was pasted in; hole: (1, S, S), 1 = missing;
    guidance: (1, S, S), 0 or 1, what the network is told besides; edges: (1, S, S), 0 or 1, the truth's own; hidden:
    (1, S, S), the hole before an attack bit into it: what losses weigh as missing. Strips of a person beside the hole
    would otherwise count as little as other known pixels, and a network would keep them.
    """

    picture: Tensor
    hole: Tensor
    truth: Tensor
    guidance: Tensor
    edges: Tensor
    hidden: Tensor


def read_pictures(places: Sequence[Path]) -> list[bytes]:
    """The encoded bytes of every picture in folders and tar files, in a fixed order.

    Raises UserError for a place that does not exist, is no tar file or holds no picture.
    """
    pictures: list[bytes] = []
    for place in places:
        before = len(pictures)
        if place.is_dir():
            files = sorted(f for f in place.iterdir() if f.suffix.lower() in PICTURE_ENDINGS)
            pictures += [f.read_bytes() for f in files]
        else:
            try:
                with tarfile.open(place) as tar:
                    members = [
                        m for m in tar if m.isfile() and Path(m.name).suffix.lower() in PICTURE_ENDINGS
                    ]
                    members.sort(key=lambda member: member.name)
                    pictures += [tar.extractfile(m).read() for m in members]  # type: ignore[union-attr]  # files only
            except (tarfile.TarError, FileNotFoundError) as error:
                raise UserError(f"{place} is neither a folder nor a tar file of pictures") from error
        if len(pictures) == before:
            raise UserError(f"{place} holds no pictures ({', '.join(sorted(PICTURE_ENDINGS))})")
    return pictures


def decode(picture: bytes, mode: str) -> np.ndarray:
    """uint8 (H, W, channels of `mode`). Raises UserError for bytes that are no whole picture."""
    try:
        return np.asarray(Image.open(io.BytesIO(picture)).convert(mode))
    except (OSError, UnidentifiedImageError, SyntaxError) as error:
        raise UserError(f"one of the pictures cannot be read ({error}): remove it") from error


def as_tensor(rgb: np.ndarray) -> Tensor:
    """uint8 (S, S, 3) as (3, S, S) in -1..1."""
    return torch.from_numpy(rgb.transpose(2, 0, 1).astype(np.float32) / 127.5 - 1)


def as_map(mask: np.ndarray) -> Tensor:
    """bool (S, S) as (1, S, S) of 0 and 1."""
    return torch.from_numpy(mask[None].astype(np.float32))


class Scenes(Dataset[Example]):
    """Example `i` depends on (seed, i) alone, so a resumed run sees what an uninterrupted one would have seen."""

    def __init__(
        self,
        photos: list[bytes],
        silhouettes: list[bytes],
        persons: list[bytes],
        config: DataConfig,
        seed: int,
    ) -> None:
        """All pictures are encoded files: RGB photos, silhouettes (white = person), cut-out persons (RGBA)."""
        self.photos, self.persons, self.config, self.seed = photos, persons, config, seed
        self.silhouettes = [decode(s, "L") for s in silhouettes]

    def __len__(self) -> int:
        return 2**40  # endless: the sampler decides where a run stops

    def __getitem__(self, index: int) -> Example:
        rng = np.random.default_rng((self.seed, index))
        truth = self.crop(decode(self.photos[rng.integers(len(self.photos))], "RGB"), rng)
        if rng.random() < self.config.attack_share:
            picture, hidden, hole = self.attacked(truth, rng)
        else:
            picture, hole = truth, self.hole(rng)
            hidden = hole
        edges, guidance = np.zeros_like(hole), np.zeros_like(hole)
        if self.config.guidance != "none":
            edges = canny(truth)
            if self.config.guidance == "known":
                guidance = canny(picture, ~hole)
            else:
                guidance = sketch(edges, hole, self.config.sketch_share, rng)
        maps = map(as_map, (guidance, edges, hidden))
        return Example(as_tensor(picture), as_map(hole), as_tensor(truth), *maps)

    def crop(self, rgb: np.ndarray, rng: Generator) -> np.ndarray:
        """A random square of the photo, 1 to 2.1 times the training size, shrunk to it; mirrored half of the time."""
        size = self.config.size_px
        short = min(rgb.shape[:2])
        window = int(min(short, rng.uniform(1.0, 2.1) * size))
        top, left = (int(rng.integers(0, side - window + 1)) for side in rgb.shape[:2])
        rgb = rgb[top : top + window, left : left + window]
        rgb = cv2.resize(rgb, (size, size), interpolation=cv2.INTER_AREA)
        return np.ascontiguousarray(rgb[:, ::-1]) if rng.random() < 0.5 else rgb

    def hole(self, rng: Generator) -> np.ndarray:
        config = self.config
        shares = np.array([config.person_share, config.stroke_share, config.box_share])
        kind = rng.choice(3, p=shares / shares.sum())
        if kind == 0:
            return masks.person_hole(self.silhouettes, config.size_px, rng)
        return masks.stroke_hole(config.size_px, rng) if kind == 1 else masks.box_hole(config.size_px, rng)

    def attacked(self, truth: np.ndarray, rng: Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The scene with a person in it; the person's mask, grown; the same, bitten along its contour."""
        for _ in range(PLACING_TRIES):
            person = self.person(rng)
            pasted = paste(truth, person, rng)
            if pasted:
                picture, hole = pasted
                bites = self.config.attack_contour, self.config.attack_block
                return picture, hole, masks.attack(hole, *bites, rng)
        raise UserError("the cut-out persons are nearly empty: they must be opaque where the person is")

    def person(self, rng: Generator) -> np.ndarray:
        """A cut-out person, RGBA uint8 (H, W, 4); without any, a silhouette filled with another photo."""
        if self.persons:
            return decode(self.persons[rng.integers(len(self.persons))], "RGBA")
        return filled_silhouette(self.silhouettes, self.photos, rng)


def filled_silhouette(
    silhouettes: Sequence[np.ndarray], photos: Sequence[bytes], rng: Generator
) -> np.ndarray:
    """A stand-in for a cut-out person: a silhouette, uint8 (H, W), that shows some photo. Returns uint8 (H, W, 4)."""
    shape = masks.trim(silhouettes[int(rng.integers(len(silhouettes)))])
    photo = decode(photos[int(rng.integers(len(photos)))], "RGB")
    return np.dstack([cv2.resize(photo, shape.shape[::-1], interpolation=cv2.INTER_AREA), shape])


def paste(scene: np.ndarray, person: np.ndarray, rng: Generator) -> tuple[np.ndarray, np.ndarray] | None:
    """Put a person into a scene at a random place and scale.

    scene: uint8 (S, S, 3); person: uint8 (H, W, 4), RGBA. Returns the picture, uint8 (S, S, 3), and the person's mask
    grown by a 64th of the picture, bool (S, S); or nothing when hardly any of the person, or too much, is in sight.
    """
    size_px = scene.shape[0]
    # Scaled premultiplied: what hides under full transparency must not darken the person's rim.
    opacity = person[..., 3:] / np.float32(255)
    placed = masks.place(
        np.dstack([(person[..., :3] * opacity).astype(np.uint8), person[..., 3]]), size_px, rng
    )
    alpha = placed[..., 3:] / np.float32(255)
    if not 0.01 < (alpha > 0.5).mean() < masks.MAX_HOLE_SHARE:
        return None
    picture = np.clip(np.rint(placed[..., :3] + scene * (1 - alpha)), 0, 255).astype(np.uint8)
    radius_px = max(1, size_px // 64)
    square = np.ones((2 * radius_px + 1,) * 2, np.uint8)
    return picture, cv2.dilate((alpha[..., 0] > 0.25).astype(np.uint8), square) > 0


class FromIndex(Sampler[int]):
    """Indices first, first + step, first + 2 step, ...: where a resumed run, or one process of several, goes on."""

    def __init__(self, first: int, step: int = 1):
        self.first, self.step = first, step

    def __iter__(self) -> Iterator[int]:
        index = self.first
        while True:
            yield index
            index += self.step
