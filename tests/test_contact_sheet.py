"""The README's pictures show the moments of the clip that they should."""

from __future__ import annotations

from fractions import Fraction

import pytest
from scenes import figure_scene

from effect.preset import load_preset
from effect.timeline import plan
from pipelines.contact_sheet import SHEET_MOMENTS, frame_index

FPS = Fraction(10)
SCENE = figure_scene(60, 45)
PRESETS = {name: load_preset(name, {"butterflies": "1"}) for name in ("classic", "appear")}
TIMELINES = {name: plan(SCENE.subject, preset, 0, FPS) for name, preset in PRESETS.items()}


@pytest.mark.parametrize("name", PRESETS)
def test_a_moment_counts_from_the_photo_in_either_direction(name: str) -> None:
    preset, timeline = PRESETS[name], TIMELINES[name]
    index = frame_index(preset, timeline, 1.0)
    from_photo = timeline.frame_count - 1 - index if preset.reverse else index
    assert from_photo == round((preset.photo_still_seconds + preset.sweep_end_seconds) * FPS)


def test_the_sheet_goes_from_the_photo_to_the_empty_background() -> None:
    preset, timeline = PRESETS["classic"], TIMELINES["classic"]
    indices = [frame_index(preset, timeline, moment) for moment in SHEET_MOMENTS]
    assert indices == sorted(set(indices))
    assert indices[0] <= preset.still_before_seconds * FPS
    assert not len(timeline.swarm.visible(indices[-1]))


def test_moments_outside_the_clip_show_its_ends() -> None:
    preset, timeline = PRESETS["classic"], TIMELINES["classic"]
    assert frame_index(preset, timeline, -99) == 0
    assert frame_index(preset, timeline, 99) == timeline.frame_count - 1
