"""The plan of a clip: every random number drawn once, so that frames can be drawn in any order."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from effect.anchors import plant_anchors
from effect.butterflies import Light
from effect.dissolve import Dissolve, plan_dissolve
from effect.preset import Preset
from effect.scene import Scene
from effect.swarm import Swarm, plan_swarm


@dataclass(frozen=True)
class Timeline:
    """A clip, ready to be drawn in any order by `effect.compositor.frame_at`."""

    fps: Fraction
    frame_count: int
    reverse: bool
    dissolve: Dissolve
    swarm: Swarm
    light: Light

    def dissolve_seconds(self, index: int) -> float:
        """The dissolve's clock at a frame: it stands before everything at one end, after it at the other."""
        forward = self.frame_count - 1 - index if self.reverse else index
        if forward in (0, self.frame_count - 1):
            return -np.inf if forward == 0 else np.inf
        return float(forward / self.fps)


def plan(scene: Scene, preset: Preset, seed: int, fps: Fraction) -> Timeline:
    """Draw every random number of a clip from `seed` and lay out all frames."""
    generator = np.random.default_rng(seed)
    frame_count = preset.frame_count(fps)
    dissolve = plan_dissolve(scene, preset, generator)
    anchors = plant_anchors(scene, dissolve, preset, generator)
    swarm = plan_swarm(anchors, scene.size, preset, frame_count, fps, generator)
    return Timeline(fps, frame_count, preset.reverse, dissolve, swarm, estimate_light(scene))


def estimate_light(scene: Scene) -> Light:
    """Light from the side on which the photo is brighter, from above and toward the viewer."""
    rows = scene.photo[::8, ::8].astype(np.float64).mean(axis=(0, 2))
    half = max(len(rows) // 2, 1)
    left, right = rows[:half].mean(), rows[-half:].mean()
    aside = float(np.clip(round(3 * (right - left) / (right + left + 1) * 32) / 32, -0.6, 0.6))
    return Light(direction=(aside, 0.6, 0.75))
