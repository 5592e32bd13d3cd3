"""The person breaks into wing-shaped pieces: each butterfly takes away what its wings lie on."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from effect.anchors import TAKE_OFF_LAG, Anchors
from effect.butterflies import Pose, wing_shape
from effect.dissolve import Dissolve, timed
from effect.preset import Preset
from effect.scene import Subject
from effect.species import load_species

LYING = Pose(0.0, 0.0, 1.0, tilt=0.05, forewing_angle=0.05, hindwing_angle=0.05)  # just before take-off
MOST_EARLY_SECONDS = 1.5  # before the front: wings that reach into somebody else leave them alone
SLIVER_PX = 5  # threads between pieces that are thinner than half of this go with their neighbours


def torn(dissolve: Dissolve, anchors: Anchors, subject: Subject, preset: Preset) -> Dissolve:
    """The dissolve in which a pixel leaves with the first butterfly whose spread wings lie on it.

    Where no wings lie, the front passes as before.
    """
    if not anchors.species:
        return dissolve
    rows, columns = dissolve.box
    height, width = dissolve.arrival_seconds.shape
    leaving = np.full((height, width), np.inf, np.float32)
    lag = TAKE_OFF_LAG * dissolve.softness_seconds
    for index, name in enumerate(anchors.species):
        pose = replace(
            LYING,
            x_px=float(anchors.x_px[index]) - columns.start,
            y_px=float(anchors.y_px[index]) - rows.start,
            size_px=float(anchors.size_px[index]),
            yaw=float(anchors.yaw[index]),
        )
        box, cover = wing_shape(load_species(name), pose, (height, width))
        piece = leaving[box]
        leaves = np.float32(anchors.take_off_seconds[index] - lag)
        due = cover & (dissolve.arrival_seconds[box] < leaves + MOST_EARLY_SECONDS)
        np.minimum(piece, leaves, out=piece, where=due)
    arrival = np.where(np.isfinite(leaving), leaving, dissolve.arrival_seconds)
    arrival = np.asarray(cv2.medianBlur(arrival, SLIVER_PX))
    return timed(arrival, subject, dissolve.box, preset)
