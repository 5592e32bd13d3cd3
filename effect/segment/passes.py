"""How many looks of a small network become one sharp person probability.

The network sees 256 x 256 pixels, so a whole photo is seen coarsely. The person is looked at again in a
padded box, then in overlapping tiles of that box, and the looks are averaged: independent errors cancel,
edges gain resolution, and small or several people gain most. A tile of a body without its head is easily
taken for background, so tiles decide about edges and not about the inside of a body. Nothing here knows
which network answers.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

Look = Callable[[np.ndarray, bool], np.ndarray]
"""`look(rgb uint8 (H, W, 3), both_variants) -> float32 (H, W)`, mirror images averaged in."""

WORKING_SIDE_PX = 1280  # a tile of a photo this large still holds more pixels than the network sees
BOX_PADDING = 0.25  # of the box's own size: the network needs to see what surrounds a person
MAXIMUM_BOXES = 6
TILE_COUNTS = (2, 3)  # tiles along the box's long side, with half overlaps
DEEP_SHARE = 0.1  # of the root of the box's area: this far inside an outline the look at the whole box counts
FOUND = 0.4  # a lower bar than the matte's 0.5, so that a person seen faintly gets a closer look


@dataclass(frozen=True)
class Box:
    """A rectangle in pixels: columns left..right-1, rows top..bottom-1."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def width(self) -> int:
        return self.right - self.left

    @property
    def height(self) -> int:
        return self.bottom - self.top

    @property
    def slices(self) -> tuple[slice, slice]:
        return slice(self.top, self.bottom), slice(self.left, self.right)

    def padded(self, share: float, width: int, height: int) -> "Box":
        """The box grown on each side by a share of its own size, kept inside width x height pixels."""
        across, down = self.width * share, self.height * share
        return Box(
            max(0, int(self.left - across)),
            max(0, int(self.top - down)),
            min(width, int(np.ceil(self.right + across))),
            min(height, int(np.ceil(self.bottom + down))),
        )

    def joined(self, other: "Box") -> "Box":
        return Box(
            min(self.left, other.left),
            min(self.top, other.top),
            max(self.right, other.right),
            max(self.bottom, other.bottom),
        )

    def overlaps(self, other: "Box") -> bool:
        return (
            self.left < other.right
            and other.left < self.right
            and self.top < other.bottom
            and other.top < self.bottom
        )


def person_probability(rgb: np.ndarray, look: Look) -> np.ndarray:
    """Average the looks at a photo, uint8 (H, W, 3), into a probability of person, float32 (H, W) in 0-1."""
    height, width = rgb.shape[:2]
    scale = min(1.0, WORKING_SIDE_PX / max(height, width))
    small = (
        rgb
        if scale == 1.0
        else cv2.resize(
            rgb, (max(1, round(width * scale)), max(1, round(height * scale))), interpolation=cv2.INTER_AREA
        )
    )
    probability = _closer(small, look(small, True), look)
    if scale == 1.0:
        return probability
    return np.clip(cv2.resize(probability, (width, height), interpolation=cv2.INTER_LINEAR), 0.0, 1.0)


def _closer(rgb: np.ndarray, first: np.ndarray, look: Look) -> np.ndarray:
    """Replace the first look by closer ones wherever it saw a person."""
    height, width = rgb.shape[:2]
    total, weight = np.zeros((height, width), np.float32), np.zeros((height, width), np.float32)
    for box in person_boxes(first):
        seen = box.padded(BOX_PADDING, width, height)
        feather = _feather(seen, width, height)
        total[seen.slices] += feather * _look_in_box(rgb[seen.slices], look)
        weight[seen.slices] += feather
    settled = np.minimum(weight, 1.0)
    return settled * total / np.maximum(weight, 1e-6) + (1.0 - settled) * first


def _look_in_box(rgb: np.ndarray, look: Look) -> np.ndarray:
    whole = look(rgb, True)
    looks = [whole] + [_look_in_tiles(rgb, look, count) for count in TILE_COUNTS]
    average = np.mean(looks, axis=0)
    deep = _depth(whole)
    return np.maximum(average, (1.0 - deep) * average + deep * whole)


def _depth(whole: np.ndarray) -> np.ndarray:
    """How deep inside the person of a look (H, W) a pixel lies: 0 at the outline and outside, 1 far inside.

    The photo's rim is no outline: a person cut off by it goes on there.
    """
    distance_px = cv2.distanceTransform((whole > 0.5).astype(np.uint8), cv2.DIST_L2, 5)
    return np.clip(distance_px / (DEEP_SHARE * np.sqrt(whole.size)), 0.0, 1.0)


def _look_in_tiles(rgb: np.ndarray, look: Look, count: int) -> np.ndarray:
    """One picture from `count` half-overlapping tiles along the long side, their edges weighted less."""
    height, width = rgb.shape[:2]
    total, weight = np.zeros((height, width), np.float32), np.zeros((height, width), np.float32)
    for tile in tiles(width, height, count):
        window = _window(tile.height, tile.width)
        total[tile.slices] += window * look(rgb[tile.slices], False)
        weight[tile.slices] += window
    return total / weight


def tiles(width: int, height: int, count: int) -> list[Box]:
    """`count` boxes that cover a picture of width x height pixels along its long side with half overlaps."""
    long_side = max(width, height)
    side = min(long_side, int(np.ceil(long_side * 2 / (count + 1))))
    starts = [round(number * (long_side - side) / max(1, count - 1)) for number in range(count)]
    if height >= width:
        return [Box(0, start, width, start + side) for start in starts]
    return [Box(start, 0, start + side, height) for start in starts]


def person_boxes(probability: np.ndarray) -> Sequence[Box]:
    """The boxes of the people in a probability (H, W), the largest first, those that overlap joined."""
    count, _, statistics, _ = cv2.connectedComponentsWithStats((probability > FOUND).astype(np.uint8))
    parts = sorted(
        (statistics[number] for number in range(1, count)), key=lambda part: -part[cv2.CC_STAT_AREA]
    )
    boxes: list[Box] = []
    for left, top, across, down, area in parts[: 4 * MAXIMUM_BOXES]:
        if area < 0.02 * parts[0][cv2.CC_STAT_AREA]:
            break
        box = Box(int(left), int(top), int(left + across), int(top + down))
        for other in [other for other in boxes if other.overlaps(box)]:
            boxes.remove(other)
            box = box.joined(other)
        boxes.append(box)
    return boxes[:MAXIMUM_BOXES]


def _window(height: int, width: int) -> np.ndarray:
    """Weights float32 (height, width): 1 in the middle, nearly 0 at the rim, where a network sees little."""
    return np.minimum.outer(_ramp(height), _ramp(width)).astype(np.float32)


def _ramp(length: int) -> np.ndarray:
    position = np.arange(length) + 0.5
    return np.clip(np.minimum(position, length - position) / (0.5 * length), 0.02, 1.0)


def _feather(box: Box, width: int, height: int) -> np.ndarray:
    """Weights float32 of a closer look: 1, but fading to nothing where the box ends inside the photo."""
    down = _fade(box.height, box.top > 0, box.bottom < height)
    across = _fade(box.width, box.left > 0, box.right < width)
    return np.minimum.outer(down, across).astype(np.float32)


def _fade(length: int, fades_in: bool, fades_out: bool) -> np.ndarray:
    position = np.minimum((np.arange(length) + 0.5) / (0.05 * length), 1.0)
    weights = np.ones(length)
    if fades_in:
        weights = np.minimum(weights, position)
    if fades_out:
        weights = np.minimum(weights, position[::-1])
    return weights
