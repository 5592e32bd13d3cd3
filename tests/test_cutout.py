"""The effect without the photo: laid over the plate, it is the clip."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from scenes import figure_scene

from effect.compositor import frame_at
from effect.cutout import Cutout
from effect.preset import load_preset
from effect.scene import Scene
from effect.timeline import plan

FPS = Fraction(10)


def clean(scene: Scene) -> Scene:
    """The scene with a photo in which nothing but the person differs from the plate."""
    alpha = scene.alpha[..., None]
    photo = np.rint(scene.foreground * alpha + scene.plate * (1 - alpha)).astype(np.uint8)
    return replace(scene, photo=photo)


SCENE = clean(figure_scene())
TIMELINE = plan(SCENE.subject, load_preset("classic"), 3, FPS)


def laid_over(rgba: np.ndarray, background: np.ndarray) -> np.ndarray:
    share = rgba[..., 3:] / 255
    return rgba[..., :3] * share + background * (1 - share)


@pytest.mark.parametrize("second", [0.0, 1.5, 2.4, 4.0, 7.3])
def test_over_the_plate_it_is_the_frame(second: float) -> None:
    index = round(second * FPS)
    rgba = Cutout.of(SCENE).frame_at(TIMELINE, index)
    assert rgba.shape == (*SCENE.alpha.shape, 4) and rgba.dtype == np.uint8
    difference = np.abs(laid_over(rgba, SCENE.plate) - frame_at(SCENE, TIMELINE, index))
    # Light that adds to what lies behind it, at the edges of bright wings, has no place in straight alpha.
    assert np.quantile(difference, 0.998) <= 2.5 and difference.mean() < 0.1


def test_begins_as_the_person_and_ends_empty() -> None:
    cutout = Cutout.of(SCENE)
    first, last = cutout.frame_at(TIMELINE, 0), cutout.frame_at(TIMELINE, TIMELINE.frame_count - 1)
    assert np.abs(first[..., 3] / 255 - SCENE.alpha).max() < 0.01
    assert not last[..., 3].any()


def test_the_old_background_around_the_person_stays_out() -> None:
    scene = figure_scene()  # here the photo differs from the plate around the figure, too
    rgba = Cutout.of(scene).frame_at(TIMELINE, 0)
    around = (scene.alpha == 0) & (scene.photo != scene.plate).any(axis=2)
    assert around.any() and not rgba[around][:, 3].any()


def test_edges_keep_their_colours_in_the_transparent_surroundings() -> None:
    red = np.full_like(SCENE.foreground, 0)
    red[..., 0] = 220
    rgba = Cutout.of(clean(replace(SCENE, foreground=red))).frame_at(TIMELINE, 0)
    near = (rgba[..., 3] == 0) & (np.roll(rgba[..., 3], 2, axis=1) > 0)
    assert near.any() and (rgba[near][:, 0] > 200).all()
