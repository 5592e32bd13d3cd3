"""The effect as a moviepy clip shows the very frames that a render writes."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from PIL import Image

from conftest import Pictures, paint_scene
from effect.clip import vanish_clip
from effect.compositor import frame_at
from effect.preset import load_preset
from effect.scene import Scene
from effect.timeline import plan
from pipelines.render import photo_clip
from pipelines.settings import Settings


def make_scene() -> Scene:
    photo, mask, plate = paint_scene(64, 96)
    return Scene(photo=photo, plate=plate, foreground=photo, alpha=mask.astype(np.float32))


@pytest.mark.parametrize("fps", [Fraction(8), Fraction(30000, 1001)])
def test_each_frame_is_shown_for_its_time(fps: Fraction) -> None:
    scene = make_scene()
    timeline = plan(
        scene.subject, load_preset("classic", {"butterflies": "12"}).scaled_to(1.0), seed=3, fps=fps
    )
    clip = vanish_clip(scene, timeline)
    assert clip.size == (64, 96) and clip.fps == pytest.approx(float(fps))
    assert clip.duration == pytest.approx(timeline.frame_count / fps, abs=1e-3)
    for index, frame in enumerate(clip.iter_frames()):
        assert (frame == frame_at(scene, timeline, index)).all()
    assert index + 1 == timeline.frame_count
    assert (clip.get_frame(clip.duration) == scene.plate).all()


def test_clips_can_be_joined() -> None:
    from moviepy import concatenate_videoclips

    scene = make_scene()
    clip = vanish_clip(
        scene,
        plan(
            scene.subject,
            load_preset("classic", {"butterflies": "12"}).scaled_to(1.0),
            seed=3,
            fps=Fraction(8),
        ),
    )
    joined = concatenate_videoclips([clip, clip])
    assert joined.duration == pytest.approx(2 * clip.duration)
    assert (joined.get_frame(clip.duration) == scene.photo).all()


def test_a_photo_becomes_a_moviepy_clip(pictures: Pictures) -> None:
    settings = Settings(
        overrides={"butterflies": "12"},
        duration_seconds=1.0,
        mask=pictures.mask,
        plate=pictures.plate,
        edges="fast",
    )
    clip = photo_clip(pictures.photo, settings)
    assert clip.size == (96, 128)
    assert (clip.get_frame(0) == np.asarray(Image.open(pictures.photo))).all()
    assert (clip.get_frame(1) == np.asarray(Image.open(pictures.plate))).all()


def test_a_clip_can_bring_its_sound(pictures: Pictures) -> None:
    settings = Settings(duration_seconds=1.0, mask=pictures.mask, plate=pictures.plate, edges="fast")
    assert photo_clip(pictures.photo, settings).audio is None
    sound = photo_clip(pictures.photo, replace(settings, audio="flutter")).audio
    assert sound is not None and sound.duration == pytest.approx(1.0, abs=0.01)
    assert np.abs(sound.to_soundarray(fps=48_000)).max() > 0.1


def test_a_scene_takes_pictures_of_one_size() -> None:
    photo, mask, plate = paint_scene(64, 96)
    with pytest.raises(ValueError, match="plate is uint8"):
        Scene(photo=photo, plate=plate[:90], foreground=photo, alpha=mask.astype(np.float32))
