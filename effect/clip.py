"""The effect as a moviepy clip, to be cut, composed and given sound like any other."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from effect.scene import Scene
from effect.timeline import Timeline

if TYPE_CHECKING:
    from moviepy import VideoClip


def vanish_clip(scene: Scene, timeline: Timeline, sound: NDArray[np.float32] | None = None) -> VideoClip:
    """A moviepy VideoClip that shows each frame of the timeline for exactly one frame's time.

    `sound` is float32 (n, 2) as effect.sound makes it.
    """
    from moviepy import VideoClip
    from moviepy.audio.AudioClip import AudioArrayClip

    from effect.compositor import frame_at
    from effect.video import SOUND_RATE

    def frame_function(seconds: float) -> NDArray[np.uint8]:
        # moviepy counts in floats, which may fall just short of a frame
        index = int(seconds * timeline.fps + 1e-6)
        return frame_at(scene, timeline, min(max(index, 0), timeline.frame_count - 1))

    # A thousandth of a frame more: moviepy rounds duration times fps down, and would drop the last frame.
    duration = float((timeline.frame_count + Fraction(1, 1000)) / timeline.fps)
    clip = VideoClip(frame_function=frame_function, duration=duration)
    if sound is not None:
        clip = clip.with_audio(AudioArrayClip(sound, fps=SOUND_RATE))
    return clip.with_fps(float(timeline.fps))
