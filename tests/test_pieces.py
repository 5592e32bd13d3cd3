"""The person comes apart in wing-shaped pieces, each with the butterfly that lies on it."""

from __future__ import annotations

from functools import cache

import numpy as np
from scenes import figure_scene

from effect.anchors import Anchors, plant_anchors
from effect.dissolve import Dissolve, plan_dissolve
from effect.pieces import torn
from effect.preset import load_preset

SCENE = figure_scene(480, 360)
PRESET = load_preset("classic")
PERSON = SCENE.alpha >= 0.5


@cache
def planned() -> tuple[Dissolve, Anchors, Dissolve]:
    generator = np.random.default_rng(1)
    front = plan_dissolve(SCENE.subject, PRESET, generator)
    anchors = plant_anchors(SCENE.subject, front, PRESET, generator)
    return front, anchors, torn(front, anchors, SCENE.subject, PRESET)


def test_all_of_a_piece_leaves_at_one_moment() -> None:
    front, _, pieces = planned()
    person = PERSON[front.box]
    smooth, broken = (np.unique(d.arrival_seconds[person]).size for d in (front, pieces))
    assert broken < 0.5 * smooth
    _, sizes = np.unique(pieces.arrival_seconds[person], return_counts=True)
    assert np.sort(sizes)[-40:].sum() > 0.3 * person.sum()


def test_the_pieces_follow_the_front() -> None:
    front, _, pieces = planned()
    person = PERSON[front.box]
    early = np.abs(pieces.arrival_seconds - front.arrival_seconds)[person]
    assert np.corrcoef(pieces.arrival_seconds[person], front.arrival_seconds[person])[0, 1] > 0.9
    assert early.mean() < 0.4


def test_a_piece_goes_when_the_first_butterfly_on_it_takes_off() -> None:
    front, anchors, pieces = planned()
    rows = anchors.y_px.astype(int) - front.top
    columns = anchors.x_px.astype(int) - front.left
    assert (pieces.arrival_seconds[rows, columns] <= anchors.take_off_seconds + 1e-3).all()
    first = int(np.argmin(anchors.take_off_seconds))
    leaves = pieces.arrival_seconds[rows[first], columns[first]]
    assert abs(leaves - anchors.take_off_seconds[first]) < PRESET.softness_seconds


def test_without_butterflies_the_front_passes_as_a_whole() -> None:
    nobody = load_preset("classic", {"butterflies": "0"})
    front = plan_dissolve(SCENE.subject, nobody, np.random.default_rng(1))
    anchors = plant_anchors(SCENE.subject, front, nobody, np.random.default_rng(1))
    same = torn(front, anchors, SCENE.subject, nobody)
    assert np.array_equal(same.arrival_seconds, front.arrival_seconds)
