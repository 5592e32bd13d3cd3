"""The plan of a clip: every random number drawn once, so that frames can be drawn in any order."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from effect.anchors import find_perches, plant_anchors
from effect.butterflies import Light
from effect.dissolve import Dissolve, plan_dissolve
from effect.flight import smooth
from effect.light import estimate_light, glowing
from effect.pieces import torn
from effect.preset import Preset
from effect.scene import Subject
from effect.swarm import Swarm, out_and_back, plan_swarm

DUSK_SECONDS = 0.8


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
    dusk: NDArray[np.float32]  # (frame_count,) how dark it is, 0-1

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


def plan(subject: Subject, preset: Preset, seed: int, fps: Fraction) -> Timeline:
    """Draw every random number of a clip from `seed` and lay out all frames."""
    generator = np.random.default_rng(seed)
    frame_count = preset.frame_count(fps)
    one_way_count = frame_count // 2 + 1 if preset.loop else frame_count
    dissolve = plan_dissolve(subject, preset, generator)
    anchors = plant_anchors(subject, dissolve, preset, generator)
    dissolve = torn(dissolve, anchors, subject, preset)
    perches = find_perches(subject, preset, generator)
    swarm = plan_swarm(anchors, perches, subject.size, preset, one_way_count, fps, generator)
    if preset.loop:
        coming_back = preset.backward()
        returning = plan_swarm(anchors, perches, subject.size, coming_back, one_way_count, fps, generator)
        swarm = out_and_back(swarm, returning, frame_count)
    light = glowing(estimate_light(subject), preset.glow)
    dusk = _dusk(preset, frame_count, fps)
    return Timeline(fps, frame_count, preset.reverse, preset.loop, dissolve, swarm, light, dusk)


def _dusk(preset: Preset, frame_count: int, fps: Fraction) -> NDArray[np.float32]:
    """It gets dark after the still photo, and light again before the still background."""
    seconds = np.arange(frame_count) / float(fps)
    after = preset.still_before_seconds if preset.loop else preset.still_after_seconds
    last = frame_count if preset.loop else frame_count - 1  # after a loop's last frame comes its first one
    falling = (seconds - preset.still_before_seconds) / DUSK_SECONDS
    rising = (last / float(fps) - after - seconds) / DUSK_SECONDS
    dusk = preset.dusk * smooth(np.minimum(falling, rising))
    return (np.rint(dusk * 256) / 256).astype(np.float32)
