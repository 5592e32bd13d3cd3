"""What is to be restored behind a person: more than they cover, so that nothing of them stays."""

import cv2
import numpy as np
from numpy.typing import NDArray

from effect.segment.shadows import with_shadows

HOLE_ALPHA = 0.25  # from here on a pixel shows too much of the person to be kept as background
HOLE_GROWTH_SHARE = 0.015  # of the photo's height: grown so that no rim and no blur stays
THIN = 1.5  # times that: what looks like a person, but is no thicker than twice this, belongs to the one beside it
PARTLY = 0.1, 0.9  # alpha of loose hair, and of people out of focus
LOOSE_SHARE = 0.4  # of the surroundings: where so much is covered partly ...
LOOSE_GROWTH = 2.2  # ... the hole is grown by so many times that
SOFT_EDGE_PX = 6  # a sharp edge is no wider, in a small photo either


def hole_behind(
    rgb: NDArray[np.uint8], alpha: NDArray[np.float32], everybody: NDArray[np.float32]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """The hole and the people who stay, bool (H, W) each.

    rgb: uint8 (H, W, 3); alpha: float32 (H, W), the matte of those who go; everybody: float32 (H, W), the probability
    of anybody.
    """
    radius = growth_px(len(alpha))
    hole, people = (grown(opacity >= HOLE_ALPHA, radius) for opacity in (alpha, everybody))
    rim = rim_of(hole, people & ~hole, THIN * radius)
    others = people & ~(hole | rim)
    hole = (hole | rim | grown(loose(alpha, radius), round(LOOSE_GROWTH * radius))) & ~others
    return with_shadows(rgb, hole, others), others


def growth_px(height: int) -> int:
    """By how much a hole is grown in a photo of this height."""
    return max(1, round(HOLE_GROWTH_SHARE * height))


def grown(mask: NDArray[np.bool_], radius: int) -> NDArray[np.bool_]:
    """A mask (H, W) with all that lies no farther than this from it, in pixels."""
    return distance_px(~mask) <= radius


def distance_px(mask: NDArray[np.bool_]) -> NDArray[np.float32]:
    """How far each pixel of a mask (H, W) is from the nearest one beside it, pixels, float32 (H, W)."""
    distance = cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return np.asarray(distance, np.float32)


def rim_of(hole: NDArray[np.bool_], beside: NDArray[np.bool_], thickness: float) -> NDArray[np.bool_]:
    """Of what lies beside the hole, bool (H, W), the parts that touch it and in which no disc of this radius fits: no
    other person."""
    middles = distance_px(beside) > thickness
    thin = beside & (distance_px(~middles) > thickness + 1) if middles.any() else beside
    count, areas = cv2.connectedComponents(thin.astype(np.uint8))
    own = np.zeros(count, bool)
    own[np.unique(np.asarray(areas)[grown(hole, 1)])] = True
    return own[areas] & thin


def loose(alpha: NDArray[np.float32], radius: int) -> NDArray[np.bool_]:
    """Where much is covered partly, bool (H, W): loose hair, not the soft edge of a sleeve."""
    partly = (alpha > PARTLY[0]) & (alpha < PARTLY[1])
    side = 2 * radius + 1
    return partly & (
        cv2.blur(partly.astype(np.float32), (side, side)) > max(LOOSE_SHARE, SOFT_EDGE_PX / side)
    )
