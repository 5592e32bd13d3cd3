"""Simple people for the tests of the segmentation, and a segmenter that answers with them."""

import cv2
import numpy as np


class Given:
    """A segmenter that answers what a test wants."""

    def __init__(self, probability):
        self.answer = probability.astype(np.float32)

    def probability(self, rgb, at=()):
        return self.answer


def person_shape(height=240, width=320, centre=160, scale=1.0):
    """A round head on a broad body that stands on the photo's lower edge: bool (height, width)."""
    canvas = np.zeros((height, width), np.uint8)
    cv2.circle(canvas, (centre, int(height * 0.3)), int(28 * scale), 1, -1)
    cv2.rectangle(
        canvas, (centre - int(45 * scale), int(height * 0.42)), (centre + int(45 * scale), height), 1, -1
    )
    return canvas.astype(bool)


def grey(mask):
    return np.full((*mask.shape, 3), 128, np.uint8)
