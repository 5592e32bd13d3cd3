"""Soft edges: a known alpha is approached, faces stay opaque, no old background travels along."""

import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from effect.errors import UserError
from effect.segment.matting import BAND_SHARE, estimate_foreground, refine

ROOT = Path(__file__).resolve().parent.parent
PERSON, WALL = np.array([200, 60, 40]), np.array([40, 90, 200])


def soft_person(height=300, width=240):
    """A soft-edged person before a wall: the photo uint8, the true alpha float32, a coarse probability."""
    y, x = np.mgrid[:height, :width].astype(np.float32)
    distance = 1 - np.sqrt(
        ((x - width / 2) / (0.3 * width)) ** 2 + ((y - 0.55 * height) / (0.4 * height)) ** 2
    )
    alpha = np.clip(0.5 + distance * 12, 0, 1)
    noise = np.random.default_rng(3).normal(0, 4, (height, width, 3))
    photo = alpha[..., None] * PERSON + (1 - alpha[..., None]) * WALL + noise
    # the coarse mask is blurred and lies two pixels off, as that of a small network does
    coarse = cv2.GaussianBlur(np.roll((alpha > 0.5).astype(np.float32), 2, axis=1), (0, 0), 3)
    return np.clip(np.rint(photo), 0, 255).astype(np.uint8), alpha.astype(np.float32), coarse


@pytest.mark.parametrize("edges, share", [("matting", 0.6), ("fast", 0.8)])
def test_a_known_alpha_is_approached_from_a_shifted_mask(edges, share):
    photo, truth, coarse = soft_person()
    alpha = refine(photo, coarse, edges)
    assert np.abs(alpha - truth).mean() < share * np.abs((coarse > 0.5) - truth).mean()


def test_matting_beats_the_guided_filter():
    photo, truth, coarse = soft_person()
    errors = {edges: np.abs(refine(photo, coarse, edges) - truth).mean() for edges in ("matting", "fast")}
    assert errors["matting"] < errors["fast"]


@pytest.mark.parametrize("edges", ["matting", "fast"])
def test_alpha_is_whole_inside_and_nothing_away_from_the_person(edges):
    photo, truth, coarse = soft_person()
    doubtful = np.where(truth == 1, 0.6, coarse * 0.6)  # a face that the network only half believes in
    alpha = refine(photo, doubtful.astype(np.float32), edges)
    band = int(np.ceil(3 * BAND_SHARE * np.hypot(*truth.shape))) + 2
    inside = cv2.erode((coarse > 0.5).astype(np.uint8), np.ones((2 * band + 1,) * 2)) > 0
    outside = cv2.dilate((coarse > 0.5).astype(np.uint8), np.ones((2 * band + 1,) * 2)) == 0
    assert inside.any() and (alpha[inside] == 1).all()
    assert outside.any() and (alpha[outside] == 0).all()
    assert (alpha.shape, alpha.dtype) == (truth.shape, np.float32)
    assert alpha.min() >= 0 and alpha.max() <= 1


def test_a_large_photo_keeps_its_size_and_its_edges():
    photo, truth, coarse = soft_person()
    size = (truth.shape[1] * 5, truth.shape[0] * 5)
    large, wanted, probability = (
        cv2.resize(picture, size, interpolation=cv2.INTER_LINEAR) for picture in (photo, truth, coarse)
    )
    alpha = refine(large, probability)
    assert alpha.shape == wanted.shape
    assert np.abs(alpha - wanted).mean() < 0.7 * np.abs((probability > 0.5) - wanted).mean()


@pytest.mark.parametrize("inside", [True, False])
def test_all_or_nothing_has_no_edges_to_refine(inside):
    probability = np.full((30, 20), float(inside), np.float32)
    assert (refine(np.full((30, 20, 3), 99, np.uint8), probability) == inside).all()


@pytest.mark.parametrize("edges", ["matting", "fast"])
@pytest.mark.parametrize("size", [(2, 2), (3, 40), (1, 9)])
def test_tiny_pictures_are_refined(edges, size):
    probability = np.zeros(size, np.float32)
    probability[:, 0] = 1
    alpha = refine(np.full((*size, 3), 99, np.uint8), probability, edges)
    assert alpha.shape == size
    assert np.isfinite(alpha).all()


def test_unknown_edges_are_an_error():
    with pytest.raises(UserError, match="matting or fast"):
        refine(np.zeros((4, 4, 3), np.uint8), np.eye(4, dtype=np.float32), "sharp")


def test_no_colour_of_the_old_background_stays_in_soft_edges():
    photo, truth, _ = soft_person()
    foreground = estimate_foreground(photo, truth)
    edge = (truth > 0.2) & (truth < 0.8)
    before, after = (np.abs(picture[edge].astype(float) - PERSON).mean() for picture in (photo, foreground))
    assert before > 50
    assert after < 15


def test_the_foreground_is_the_photo_where_the_person_is_opaque():
    photo, truth, _ = soft_person()
    foreground = estimate_foreground(photo, truth)
    opaque = truth >= 1
    assert foreground.dtype == np.uint8
    assert (foreground[opaque] == photo[opaque]).all()
    assert (estimate_foreground(photo, np.ones_like(truth)) == photo).all()


def test_pymatting_stays_whole_for_others():
    script = (
        "import sys, numpy as np\nfrom effect.segment.matting import refine, estimate_foreground\n"
        "alpha = refine(np.full((20, 20, 3), 99, np.uint8), np.tri(20, dtype=np.float32))\n"
        "estimate_foreground(np.full((20, 20, 3), 99, np.uint8), alpha * 0.5)\n"
        "print([name for name in sys.modules if name.startswith('pymatting')])\n"
        "import pymatting\n"
        "print(callable(pymatting.cf_laplacian) and callable(pymatting.estimate_alpha_cf))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], check=False, cwd=ROOT, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["[]", "True"]
