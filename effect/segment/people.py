"""Which pixels that look like a person are one: closing holes, dropping specks, choosing by a point."""

from collections.abc import Sequence

import cv2
import numpy as np

from effect.errors import UserError

PERSON = 0.5  # probability from which a pixel counts as person
SMALLEST_PERSON_SHARE = (
    0.0015  # of the photo: less than this alone is not worth a clip, and is most often a mistake
)
SPECK_SHARE = 0.02  # of the largest person: smaller parts are specks
HOLE_SHARE = (
    0.004  # of the person: smaller holes are closed, larger ones (an arm on the hip) show real background
)
DOUBTFUL_HOLE = 0.35  # a hole whose mean probability is above this was a doubt, not background
LARGEST_DOUBT_SHARE = 0.15  # of the person: no larger gap is closed
POINT_SLACK_SHARE = 0.01  # of the diagonal: how far beside a person a point may lie
LOOSE_PART_SHARE = 0.3  # of a person: a smaller part just beside it belongs to it
HEAD_RISE_SHARE = 0.03  # of a person's height: how far a head stands out of the outline, at least
HEAD_DEPTH_SHARE = 0.06  # of it: how deep below its top a head is measured
NARROWEST_HEAD = 0.7  # of the widest: what is narrower is a raised hand


def cleaned(probability: np.ndarray) -> np.ndarray:
    """A probability (H, W) without specks and with the small or doubtful holes of people closed, float32.

    Raises UserError when no person is left.
    """
    count, labels, statistics, _ = cv2.connectedComponentsWithStats((probability > PERSON).astype(np.uint8))
    areas = statistics[1:, cv2.CC_STAT_AREA]
    if count < 2 or areas.max() < max(4, SMALLEST_PERSON_SHARE * probability.size):
        raise UserError(
            "no person was found in this photo: choose one where a person is larger or clearer, "
            "or give a mask with --mask PNG (white = person)"
        )
    kept = np.concatenate([[False], areas >= SPECK_SHARE * areas.max()])
    people = kept[labels]
    result = np.where((probability > PERSON) & ~people, 0.0, probability).astype(np.float32)
    result[~_reach(people, probability)] = 0.0
    result[_holes_to_close(people, probability)] = 1.0
    return result


def _reach(people: np.ndarray, probability: np.ndarray) -> np.ndarray:
    """The faint surroundings of the kept people (loose hair), bool (H, W); faint specks elsewhere are not."""
    _, labels = cv2.connectedComponents((probability > 0.1).astype(np.uint8))
    touched = np.zeros(labels.max() + 1, bool)
    touched[np.unique(labels[people])] = True
    touched[0] = False
    return touched[labels]


def _holes_to_close(people: np.ndarray, probability: np.ndarray) -> np.ndarray:
    """Gaps in the people that are no background, bool (H, W): small ones, and larger ones that were in doubt.

    A gap that ends at the photo's rim (between an arm and the lower edge) may be a corner of background:
    only doubt closes it.
    """
    count, labels, statistics, _ = cv2.connectedComponentsWithStats(
        (~people).astype(np.uint8), connectivity=4
    )
    rim = set(np.unique(np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])))
    close = np.zeros(count, bool)
    person_size = people.sum()
    for number in range(1, count):
        left, top, width, height, area = statistics[number]
        window = slice(top, top + height), slice(left, left + width)
        doubt = probability[window][labels[window] == number].mean()
        small = area < HOLE_SHARE * person_size and number not in rim
        close[number] = small or (doubt > DOUBTFUL_HOLE and area < LARGEST_DOUBT_SHARE * person_size)
    return close[labels]


def picked(rgb: np.ndarray, probability: np.ndarray, at: Sequence[tuple[int, int]]) -> np.ndarray:
    """Keep only the people at the given pixels (x, y): probability float32 (H, W), 0 elsewhere.

    People who touch are parted below their heads. Raises UserError for a point that lies on no person.
    """
    people = probability > PERSON
    labels = parted(rgb, people)
    wanted = {_label_at(labels, x, y) for x, y in at}
    # A faint surrounding pixel belongs to the nearest person.
    chosen = np.isin(with_nearest_labels(labels), list(wanted))
    return np.where(chosen, probability, 0.0).astype(np.float32)


def with_nearest_labels(labels: np.ndarray) -> np.ndarray:
    """Labels int32 (H, W) with every 0 replaced by the nearest label."""
    _, nearest = cv2.distanceTransformWithLabels(
        (labels == 0).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    owner = np.zeros(nearest.max() + 1, np.int32)
    owner[nearest[labels > 0]] = labels[labels > 0]
    return owner[nearest]


def _label_at(labels: np.ndarray, x: int, y: int) -> int:
    height, width = labels.shape
    if not (0 <= x < width and 0 <= y < height):
        raise UserError(f"the point {x},{y} lies outside the photo of {width}x{height} pixels")
    slack = max(1, round(POINT_SLACK_SHARE * float(np.hypot(height, width))))
    top, left = max(0, y - slack), max(0, x - slack)
    around = labels[top : y + slack + 1, left : x + slack + 1]
    if labels[y, x]:
        return int(labels[y, x])
    if not around.any():
        raise UserError(
            f"no person at {x},{y}: give the pixel of a person's body, counted from the top left corner"
        )
    rows, columns = np.nonzero(around)
    nearest = np.argmin((rows + top - y) ** 2 + (columns + left - x) ** 2)
    return int(around[rows[nearest], columns[nearest]])


def parted(rgb: np.ndarray, people: np.ndarray) -> np.ndarray:
    """Labels int32 (H, W), one number a person: connected parts, split where one part has several heads."""
    parts = _with_loose_parts(people)
    labels = np.zeros(people.shape, np.int32)
    following = 1
    for number in range(1, int(parts.max()) + 1):
        rows, columns = np.nonzero(parts == number)
        if not rows.size:
            continue
        window = slice(rows.min(), rows.max() + 1), slice(columns.min(), columns.max() + 1)
        part = parts[window] == number
        heads = _heads(part)
        split = _watershed(rgb[window], part, heads) if len(heads) > 1 else part.astype(np.int32)
        labels[window][part] = split[part] + following - 1
        following += max(1, len(heads))
    return labels


def _with_loose_parts(people: np.ndarray) -> np.ndarray:
    """Labels int32 (H, W) of connected parts; a small one beside a larger one (a shoe, a hand) joins it."""
    count, parts, statistics, _ = cv2.connectedComponentsWithStats(people.astype(np.uint8))
    reach = max(2, round(2 * POINT_SLACK_SHARE * float(np.hypot(*people.shape))))
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    areas = statistics[:, cv2.CC_STAT_AREA]
    for number in sorted(range(1, count), key=lambda part: areas[part]):
        beside = parts[cv2.dilate((parts == number).astype(np.uint8), disc).astype(bool)]
        sizes = np.bincount(beside[areas[beside] * LOOSE_PART_SHARE >= areas[number]], minlength=1)
        sizes[0] = 0
        if sizes.any():
            parts[parts == number] = int(sizes.argmax())
    return parts


def _heads(part: np.ndarray) -> list[int]:
    """Columns of the heads of one connected part (H, W): tops of its outline that are wide and stand out."""
    height, width = part.shape
    outline = np.where(part.any(axis=0), part.argmax(axis=0), height)
    outline = cv2.blur(outline.astype(np.float32)[None], (max(1, width // 60) | 1, 1))[0]
    rise = HEAD_RISE_SHARE * height
    peaks: list[int] = []
    for column in np.argsort(outline, kind="stable"):
        if all(
            outline[min(column, peak) : max(column, peak) + 1].max() - outline[column] >= rise
            for peak in peaks
        ):
            peaks.append(int(column))
    thickness = cv2.distanceTransform(np.pad(part, 1).astype(np.uint8), cv2.DIST_L2, 5)[1:-1, 1:-1]
    depth = HEAD_DEPTH_SHARE * height
    widths = [_width_below(thickness, outline, peak, depth) for peak in peaks]
    return sorted(
        peak
        for peak, wide in zip(peaks, widths, strict=True)
        if wide >= NARROWEST_HEAD * max(widths) and wide >= 0.25 * depth
    )


def _width_below(thickness: np.ndarray, outline: np.ndarray, column: int, depth: float) -> float:
    top = int(outline[column])
    across = max(1, round(depth))
    return float(
        thickness[top : top + across + 1, max(0, column - across) : column + across + 1].max(initial=0.0)
    )


def _watershed(rgb: np.ndarray, part: np.ndarray, heads: Sequence[int]) -> np.ndarray:
    """Split one part (H, W) among its heads along edges of the photo (H, W, 3): labels from 1 inside it.

    Each head sends a stroke straight down, as deep as a body goes; the watershed grows from these strokes.
    """
    height, width = part.shape
    markers = np.where(part, 0, len(heads) + 1).astype(np.int32)
    for number, column in enumerate(heads, start=1):
        rows = np.flatnonzero(part[:, column])
        depth = rows[0] + max(1, round(0.6 * (height - rows[0])))
        half = max(1, width // 100)
        stroke = markers[rows[0] : depth, max(0, column - half) : column + half + 1]
        stroke[part[rows[0] : depth, max(0, column - half) : column + half + 1]] = number
    cv2.watershed(np.ascontiguousarray(rgb), markers)
    seeds = np.where(part & (markers >= 1) & (markers <= len(heads)), markers, 0)
    return np.where(part, with_nearest_labels(seeds), 0)  # the watershed leaves lines between its regions
