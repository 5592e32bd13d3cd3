"""Training examples: a scene, a hole in it, and sometimes a person pasted over the hole and attacked."""

import io
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.random import Generator
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from pipelines.train import masks

PICTURE_ENDINGS = {".jpg", ".jpeg", ".png", ".webp"}


@dataclass(frozen=True)
class DataConfig:
    """Shares are probabilities; the three hole shares are weights that need not add up to 1."""

    size_px: int = 128
    batch: int = 16
    person_share: float = 0.6
    stroke_share: float = 0.25
    box_share: float = 0.15
    attack_share: float = 0.0  # examples that carry a pasted person and a bitten mask
    attack_contour: float = 0.3  # share of the contour that is bitten
    attack_block: tuple[float, float] = (0.03, 0.10)  # side of a bite, as a part of the person's height
    workers: int = 1


def read_pictures(places: list[Path]) -> list[bytes]:
    """The encoded bytes of every picture in folders and tar files, in a fixed order."""
    pictures: list[bytes] = []
    for place in places:
        if place.is_dir():
            files = sorted(f for f in place.iterdir() if f.suffix.lower() in PICTURE_ENDINGS)
            pictures += [f.read_bytes() for f in files]
        else:
            with tarfile.open(place) as tar:
                members = [m for m in tar if Path(m.name).suffix.lower() in PICTURE_ENDINGS]
                members.sort(key=lambda member: member.name)
                pictures += [tar.extractfile(m).read() for m in members]  # type: ignore[union-attr]  # files only
    return pictures


def decode(picture: bytes, mode: str) -> np.ndarray:
    """uint8 (H, W, channels of `mode`)."""
    return np.asarray(Image.open(io.BytesIO(picture)).convert(mode))


class Scenes(Dataset[tuple[Tensor, Tensor, Tensor]]):
    """Example `i` depends on (seed, i) alone, so a resumed run sees what an uninterrupted one would have seen.

    Each is (input, hole, truth): RGB (3, S, S) in -1..1 and hole (1, S, S), 1 = missing. Input differs from truth
    only where a person was pasted in.
    """

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

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor, Tensor]:
        rng = np.random.default_rng((self.seed, index))
        truth = self.crop(decode(self.photos[rng.integers(len(self.photos))], "RGB"), rng)
        if rng.random() < self.config.attack_share:
            picture, hole = self.attacked(truth, rng)
        else:
            picture, hole = truth, self.hole(rng)
        as_tensor = lambda rgb: torch.from_numpy(rgb.transpose(2, 0, 1).astype(np.float32) / 127.5 - 1)
        return as_tensor(picture), torch.from_numpy(hole[None].astype(np.float32)), as_tensor(truth)

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

    def attacked(self, truth: np.ndarray, rng: Generator) -> tuple[np.ndarray, np.ndarray]:
        """The scene with a person in it, and the person's mask, grown and then bitten along its contour."""
        size = self.config.size_px
        while True:
            cut_out = decode(self.persons[rng.integers(len(self.persons))], "RGBA")
            # Scaled premultiplied: what hides under full transparency must not darken the person's rim.
            opacity = cut_out[..., 3:] / np.float32(255)
            person = masks.place(
                np.dstack([(cut_out[..., :3] * opacity).astype(np.uint8), cut_out[..., 3]]), size, rng
            )
            alpha = person[..., 3:] / np.float32(255)
            if 0.01 < (alpha > 0.5).mean() < masks.MAX_HOLE_SHARE:
                break
        picture = np.clip(np.rint(person[..., :3] + truth * (1 - alpha)), 0, 255).astype(np.uint8)
        radius_px = max(1, size // 64)
        square = np.ones((2 * radius_px + 1,) * 2, np.uint8)
        hole = cv2.dilate((alpha[..., 0] > 0.25).astype(np.uint8), square) > 0
        return picture, masks.attack(hole, self.config.attack_contour, self.config.attack_block, rng)


class FromIndex(Sampler[int]):
    """Indices first, first + step, first + 2 step, ...: where a resumed run, or one process of several, goes on."""

    def __init__(self, first: int, step: int = 1):
        self.first, self.step = first, step

    def __iter__(self) -> Iterator[int]:
        index = self.first
        while True:
            yield index
            index += self.step
