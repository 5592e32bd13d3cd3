"""Patches that are known to be alike beside those that have to be compared."""

import cv2
import numpy as np

from effect.inpaint.offsets import pixel_grid
from effect.inpaint.patchmatch import copies, rebuild, search
from effect.inpaint.texture import HEIGHT_PENALTY, belief_in


def test_patches_of_pieces_that_are_only_copied_cost_nothing_more_to_compare():
    """Which of them are known to be alike is a shortcut: the same matches, costs and pixels as by comparing all."""
    rng = np.random.default_rng(4)
    picture = rng.integers(0, 256, (40, 80, 3)).astype(np.uint8)
    missing = np.zeros((40, 80), bool)
    missing[12:, 8:30] = True
    matches = pixel_grid(40, 80).clip(3, (36, 76))
    upper = pixel_grid(40, 80)[missing][:, :1] < 26
    matches[missing] += np.where(upper, (-5, 30), (-3, 28)).astype(np.int32)
    belief = belief_in(missing)
    rebuilt = rebuild(picture, missing, matches, np.zeros(missing.shape, np.int32), belief)
    copied = copies(matches, missing)
    np.testing.assert_array_equal(rebuilt[copied], picture[tuple(matches[copied].T)])
    assert 0.5 * missing.sum() < copied.sum() < missing.sum() and not copied[~missing].any()

    square = np.ones((7, 7), np.uint8)
    inside = np.zeros_like(missing)
    inside[3:-3, 3:-3] = True
    targets = (cv2.dilate(missing.astype(np.uint8), square) > 0) & inside
    alike = cv2.erode(copied.astype(np.uint8), square) > 0
    assert alike.any()
    results = []
    for known in (alike, np.zeros_like(alike)):
        own = matches.copy()
        limits = (HEIGHT_PENALTY, 0, 0)
        results.append((search(rebuilt, belief, targets, inside & ~missing, own, known, limits, 2, 1), own))
    for with_shortcut, without in zip(*results, strict=True):
        np.testing.assert_array_equal(with_shortcut, without)
