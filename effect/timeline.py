"""The plan of a clip: every random number drawn once, so that frames can be drawn in any order."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from effect.anchors import find_perches, plant_anchors
from effect.butterflies import Light
from effect.dissolve import Dissolve, plan_dissolve
from effect.preset import Preset
from effect.scene import Scene
from effect.swarm import Swarm, out_and_back, plan_swarm

GLOW_AMBIENT = 1.2


@dataclass(frozen=True)
class Timeline:
    """A clip, ready to be drawn in any order by `effect.compositor.frame_at`."""

    fps: Fraction
    frame_count: int
    reverse: bool
    loop: bool
    dissolve: Dissolve
    swarm: Swarm
    light: Light

    def dissolve_seconds(self, index: int) -> float:
        """The dissolve's clock at a frame: it stands before everything at one end, after it at the other."""
        forward, last = index, self.frame_count - 1
        if self.reverse:
            forward = last - index
        if self.loop:  # out and back; the frame after the last one would be the first one again
            forward, last = min(index, self.frame_count - index), self.frame_count // 2
        if forward in (0, last):
            return -np.inf if forward == 0 else np.inf
        return float(forward / self.fps)


def plan(scene: Scene, preset: Preset, seed: int, fps: Fraction) -> Timeline:
    """Draw every random number of a clip from `seed` and lay out all frames."""
    generator = np.random.default_rng(seed)
    frame_count = preset.frame_count(fps)
    one_way_count = frame_count // 2 + 1 if preset.loop else frame_count
    dissolve = plan_dissolve(scene, preset, generator)
    anchors = plant_anchors(scene, dissolve, preset, generator)
    perches = find_perches(scene, preset, generator)
    swarm = plan_swarm(anchors, perches, scene.size, preset, one_way_count, fps, generator)
    if preset.loop:
        coming_back = preset.backward()
        returning = plan_swarm(anchors, perches, scene.size, coming_back, one_way_count, fps, generator)
        swarm = out_and_back(swarm, returning, frame_count)
    light = glowing(estimate_light(scene), preset.glow)
    return Timeline(fps, frame_count, preset.reverse, preset.loop, dissolve, swarm, light)


def glowing(light: Light, glow: float) -> Light:
    """Light under which wings shine by themselves: from all sides, and more than white at a glow of 1."""
    return replace(light, ambient=light.ambient + GLOW_AMBIENT * glow, diffuse=light.diffuse * (1 - glow / 2))


def estimate_light(scene: Scene) -> Light:
    """Light from the side on which the photo is brighter, from above and toward the viewer."""
    rows = scene.photo[::8, ::8].astype(np.float64).mean(axis=(0, 2))
    half = max(len(rows) // 2, 1)
    left, right = rows[:half].mean(), rows[-half:].mean()
    aside = float(np.clip(round(3 * (right - left) / (right + left + 1) * 32) / 32, -0.6, 0.6))
    return Light(direction=(aside, 0.6, 0.75))
