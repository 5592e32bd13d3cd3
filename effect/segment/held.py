"""What people hold and the network doubts, such as a skateboard: its colours tell it from the background."""

import cv2
import numpy as np

from effect.segment.people import PERSON

DOUBT = 0.1  # probability from which a pixel beside a person may be something they hold
CERTAIN = 0.9  # probability from which the colours have no say
SMALLEST_SHARE = 0.025  # of the person: smaller parts are as often shadows and gaps between the legs
WORKING_SIDE_PX = 480
ITERATIONS = 3


def with_held_things(rgb: np.ndarray, probability: np.ndarray) -> np.ndarray:
    """Raise the probability (H, W) of people where GrabCut (Rother et al., SIGGRAPH 2004) sees a held thing.

    rgb: the photo, uint8 (H, W, 3). Only pixels that the network doubted can change, and only upwards:
    colours decide there, learned from the certain people and from what is certainly background. Where nothing is held:
    the probability itself.
    """
    height, width = probability.shape
    scale = min(1.0, WORKING_SIDE_PX / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small = cv2.resize(probability, size, interpolation=cv2.INTER_AREA)
    people = small > PERSON
    doubted = (small > DOUBT) & (small < CERTAIN)
    if not people.any() or not (doubted & ~people).any() or not (small <= DOUBT).any():
        return probability
    trimap = np.where(people, cv2.GC_PR_FGD, np.where(doubted, cv2.GC_PR_BGD, cv2.GC_BGD)).astype(np.uint8)
    trimap[small >= CERTAIN] = cv2.GC_FGD
    cv2.setRNGSeed(0)  # GrabCut draws its first colours at random
    picture = np.ascontiguousarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA))
    background, foreground = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.grabCut(picture, trimap, [0, 0, 0, 0], background, foreground, ITERATIONS, cv2.GC_INIT_WITH_MASK)
    added = (trimap == cv2.GC_PR_FGD) & ~people
    _, labels, statistics, _ = cv2.connectedComponentsWithStats(added.astype(np.uint8))
    large = statistics[:, cv2.CC_STAT_AREA] >= SMALLEST_SHARE * people.sum()
    large[0] = False
    if not large.any():
        return probability
    held = cv2.resize(large[labels].astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR)
    return np.maximum(probability, held)
