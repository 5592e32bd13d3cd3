"""The effect without the photo: the person and the butterflies on transparency.

A pixel drawn over black and over white tells its colour and how much of it covers what lies behind: Smith and
Blinn, "Blue screen matting" (1996), section 4. So whatever `frame_at` draws is cut out without knowing how.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from effect.compositor import frame_at
from effect.scene import Scene
from effect.timeline import Timeline

SPREAD_PX = 8  # how far colours reach into the transparent surroundings


@dataclass(frozen=True)
class Cutout:
    """A scene's person before black and before white."""

    before_black: Scene
    before_white: Scene

    @classmethod
    def of(cls, scene: Scene) -> Cutout:
        """The old background that clings to the photo around the person belongs to the photo: it stays out."""
        return cls(_before(scene, 0), _before(scene, 255))

    def frame_at(self, timeline: Timeline, index: int) -> NDArray[np.uint8]:
        """Frame `index`: RGBA uint8 (H, W, 4) with straight alpha. IndexError for one outside the clip.

        Laid over the plate it is the frame that `effect.compositor.frame_at` draws, but for rounding.
        """
        dark = frame_at(self.before_black, timeline, index)
        bright = frame_at(self.before_white, timeline, index)
        # The largest of the channels: white before white would hide some of it.
        shines_through = (bright.astype(np.int16) - dark).max(axis=2)
        # Straight alpha knows no light without cover: a wing edge brighter than its cover gets as much as it needs.
        alpha = np.maximum(255 - shines_through, dark.max(axis=2)).astype(np.uint8)
        return np.dstack([_straight(dark, alpha.astype(np.float32)), alpha])


def _before(scene: Scene, grey: int) -> Scene:
    plate = np.full_like(scene.plate, grey)
    alpha = scene.alpha[..., None]
    photo = np.rint(scene.foreground * alpha + grey * (1 - alpha)).astype(np.uint8)
    return Scene(photo=photo, plate=plate, foreground=scene.foreground, alpha=scene.alpha)


def _straight(premultiplied: NDArray[np.uint8], alpha: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Colours that alpha has not darkened; beyond the edge they go on for a few pixels.

    Codecs that keep colour more coarsely than alpha would otherwise draw a dark line around everything.
    """
    import cv2

    reach = (2 * SPREAD_PX + 1,) * 2
    weight = np.maximum(cv2.blur(alpha, reach), 0.5) / 255
    around = cv2.blur(premultiplied.astype(np.float32), reach) / weight[..., None]
    own = premultiplied * (255 / np.maximum(alpha, 1))[..., None]
    return np.clip(np.where(alpha[..., None] > 0, own, around) + 0.5, 0, 255).astype(np.uint8)
