"""Nothing fades in the open: butterflies cover most of what vanishes, in each moment of every preset."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from scenes import figure_scene

from effect.cutout import Cutout
from effect.fade import remaining
from effect.preset import load_preset, preset_names
from effect.scene import Scene
from effect.timeline import Timeline, plan

SCENE = figure_scene(140, 106)
FPS = Fraction(10)
COVERED = 0.6
MOMENTS = 6  # looked at in each clip
LEAST_SHARE = 0.005  # of the person: a moment that takes less is no moment


def covered(scene: Scene, timeline: Timeline, index: int) -> tuple[float, float]:
    """Share of what vanishes between two frames that lies under butterflies, and its share of the person."""
    nobody = Cutout.of(replace(scene, alpha=np.zeros_like(scene.alpha)))
    dissolve = timeline.dissolve
    alpha = scene.alpha[dissolve.box]
    before, after = (
        remaining(
            timeline.dissolve_seconds(at),
            dissolve.arrival_seconds,
            dissolve.softness_seconds,
            0,
            0,
            *alpha.shape,
        )
        for at in (index, index + 1)
    )
    vanishing = np.abs(before - after) * alpha
    wings = (
        np.maximum(*(nobody.frame_at(timeline, at)[..., 3][dissolve.box] for at in (index, index + 1))) / 255
    )
    return float((vanishing * wings).sum() / max(vanishing.sum(), 1e-9)), float(vanishing.sum() / alpha.sum())


@pytest.mark.parametrize("name", preset_names())
def test_butterflies_cover_what_vanishes(name: str) -> None:
    timeline = plan(SCENE.subject, load_preset(name), 1, FPS)
    arrival = timeline.dissolve.arrival_seconds[SCENE.alpha[timeline.dissolve.box] > 0.5]
    seconds = np.quantile(arrival, np.linspace(0.02, 0.98, MOMENTS))
    last = timeline.frame_count - 2
    shares = [
        covered(SCENE, timeline, last - int(second * FPS) if timeline.reverse else int(second * FPS))
        for second in seconds
    ]
    assert sum(taken >= LEAST_SHARE for _, taken in shares) >= MOMENTS / 2
    assert min(share for share, taken in shares if taken >= LEAST_SHARE) >= COVERED
