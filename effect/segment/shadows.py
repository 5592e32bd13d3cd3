"""What darkens the ground beside a person's feet: a contact shadow, the start of a cast one, a reflection.

It would stay when they go. The ground's light is fitted by a smooth surface in which dark places hardly count (Holland
and Welsch, "Robust regression using iteratively reweighted least-squares", 1977); what is clearly below it, and begins
at the feet, is theirs.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from effect.inpaint.average import known_average

WORKING_SIDE_PX = 400  # the longer side of the picture that shadows are looked for in
FEWEST_PX = 200  # of ground, to tell its light
SMALLEST_PX = 20  # tall: the shadow of somebody smaller would be a dot
SWEEPS = 8  # of the fit
BLACK = 8.0  # levels added before the logarithm: noise in the dark is no shadow

# Parts of a person's height
FEET = 0.12  # the lowest part of a person
BESIDE, BEFORE, BEHIND = 0.45, 0.30, 0.06  # how far a shadow is followed, ...
HORIZON = 0.03  # ... counted from here above the lowest point
SURROUNDINGS = 1.5  # the ground is looked at so many times as far
SOFT = 0.01  # over which its texture is averaged
THINNEST = 0.016  # half of a shadow's width: joints between stones are thinner
WIDEST_END = 0.2  # where it is followed no farther
SMALLEST_END = 0.03  # less may be a joint

# Logarithms of light
FAINTEST = 0.12
TIMES_UNEVEN = 2.0  # how much more than the ground is uneven
TOO_UNEVEN = 0.1
MOST_SHARE = 0.4  # of the ground beside the feet: what darkens more is no shadow, but darker ground


def with_shadows(
    rgb: NDArray[np.uint8], hole: NDArray[np.bool_], others: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """The hole, bool (H, W), grown into the shadows beside the feet of each person in it, with a limit.

    rgb: uint8 (H, W, 3); others: bool (H, W), people who stay. Whom the photo's lower edge cuts off has no feet in it.
    """
    height, width = hole.shape
    scale = min(1.0, WORKING_SIDE_PX / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    people, staying = (
        cv2.resize(part.astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0 for part in (hole, others)
    )
    small = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)
    light = np.log(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY).astype(np.float32) + np.float32(BLACK))
    count, labels, boxes, _ = cv2.connectedComponentsWithStats(people.astype(np.uint8))
    shadows = np.zeros_like(people)
    for person in range(1, count):
        bottom = boxes[person, cv2.CC_STAT_TOP] + boxes[person, cv2.CC_STAT_HEIGHT]
        if bottom < size[1] and boxes[person, cv2.CC_STAT_HEIGHT] >= SMALLEST_PX:
            shadows |= shadow_of(labels == person, light, ~(people | staying))
    # Cells that a person covers partly were no ground: no slit is to stay between them and their shadow.
    shadows |= people & (cv2.dilate(shadows.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0)
    large = cv2.resize(shadows.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR) > 0.25
    return hole | (large & ~others)


def shadow_of(
    person: NDArray[np.bool_], light: NDArray[np.float32], known: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """One person's shadow, bool (h, w), or nothing where it is not clear that it is one.

    person: bool (h, w); light: float32 (h, w), logarithm; known: bool (h, w), where nobody hides the ground.
    """
    rows = np.nonzero(person.any(axis=1))[0]
    bottom, tall = rows[-1] + 1, float(len(rows))
    y, x = np.mgrid[: person.shape[0], : person.shape[1]].astype(np.float32)
    feet = person & (y > bottom - FEET * tall)
    left, right = x[feet].min(), x[feet].max()
    beside = np.maximum(np.maximum(left - x, x - right), 0) / tall
    before = np.maximum(y - bottom, 0) / tall
    behind = np.maximum(bottom - HORIZON * tall - y, 0) / tall
    distance = np.sqrt((beside / BESIDE) ** 2 + (before / BEFORE) ** 2 + (behind / BEHIND) ** 2)
    near = known & (distance < 1)
    ground = known & (distance < SURROUNDINGS) & (behind < BEHIND)
    if ground.sum() < FEWEST_PX:
        return np.zeros_like(person)

    soft = known_average(light, known, max(SOFT * tall, 0.6))
    place = np.dstack([(x - (left + right) / 2) / tall, (y - bottom) / tall])
    even, uneven = even_light(place, soft, ground, np.minimum(distance, 1) ** 2)
    dark = (near & (even - soft > max(FAINTEST, TIMES_UNEVEN * uneven))).astype(np.uint8)
    radius = max(1, round(THINNEST * tall))
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    thick = cv2.morphologyEx(dark, cv2.MORPH_OPEN, disc)
    areas = cv2.connectedComponents(thick, connectivity=4)[1]
    begins = np.unique(np.asarray(areas)[cv2.dilate(feet.astype(np.uint8), np.ones((7, 7), np.uint8)) > 0])
    shadow = np.isin(areas, begins[begins > 0])

    edge = cv2.dilate((known & (distance >= 1)).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    edge[:, [0, -1]] = True
    ends = x[shadow & edge]
    to_both_sides = min((ends < left).sum(), (ends > right).sum()) > SMALLEST_END * tall
    # A stripe of the ground leads away to both sides of the feet, a shadow to one.
    if to_both_sides or len(ends) > WIDEST_END * tall or uneven > TOO_UNEVEN:
        return np.zeros_like(person)
    if shadow.sum() > MOST_SHARE * near.sum():
        return np.zeros_like(person)
    return near & (cv2.dilate(shadow.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0)


def even_light(
    place: NDArray[np.float32],
    light: NDArray[np.float32],
    ground: NDArray[np.bool_],
    weight: NDArray[np.float32],
) -> tuple[NDArray[np.float32], float]:
    """The light that the ground would have without shadows, float32 (h, w), a quadratic of the place (h, w, 2), and how
    uneven it is, as a standard deviation. light: float32 (h, w); ground: bool (h, w), where it is seen; weight: float32
    (h, w)."""
    x, y = place[..., 0], place[..., 1]
    basis = np.stack([np.ones_like(x), x, y, x * x, y * y, x * y], axis=-1)
    seen, values, least = basis[ground], light[ground], weight[ground] + np.float32(0.02)
    counts = least
    for _ in range(SWEEPS):
        root = np.sqrt(counts)
        surface = np.linalg.lstsq(seen * root[:, None], values * root, rcond=None)[0]
        off = values - seen @ surface
        uneven = 1.48 * float(np.median(np.abs(off))) + 1e-3
        # Something bright may be a reflection of the sky: it counts less, too, but not as little.
        scale = np.where(off < 0, uneven, 2 * uneven)
        counts = least / (1 + (off / scale) ** 2) ** np.where(off < 0, 2, 1)
    return (basis @ surface).astype(np.float32), uneven
