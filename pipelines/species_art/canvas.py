"""A blank butterfly wing to paint on: its shape, its veins, and coordinates that follow them.

Lengths are in model units (hinge at the origin, right wing, head up), colours in linear light, (h,w,3) 0-1.
"""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline
from scipy.ndimage import distance_transform_edt, gaussian_filter, map_coordinates

PX_PER_UNIT = 300
ROOT_PX = 18  # columns left of the hinge
ROOM = 0.04  # units around the wing
VEIN_OVERSAMPLING = 3
DISPLAY_GAMMA = 2.2
HINGES = {"forewing": (-0.02, 0.0), "hindwing": (-0.02, 0.03)}  # where the veins meet
CELL_END = {"forewing": 0.48, "hindwing": 0.42}  # the discal cell's length, of the way to the margin
VEINS = {  # places along the margin, 0 front edge .. 1 inner edge
    "forewing": [0, 0.10, 0.20, 0.31, 0.42, 0.53, 0.65, 0.78, 0.90, 1],
    "hindwing": [0, 0.12, 0.25, 0.38, 0.50, 0.62, 0.75, 0.88, 1],
}
ANGLES = {"forewing": (63, -14), "hindwing": (14, -98)}  # degrees of the front and the inner edge
OUTLINES: dict[str, dict[str, list[tuple[float, float]]]] = {
    "forewing": {
        "broad": [(0, .04), (.22, .22), (.55, .50), (.88, .70), (1.02, .74), (1.08, .66), (1.02, .42), (.95, .16),
                  (.86, -.06), (.62, -.12), (.3, -.11), (0, -.06)],
        "long": [(0, .05), (.25, .24), (.6, .46), (1.0, .60), (1.22, .58), (1.27, .46), (1.18, .28), (1.02, .10),
                 (.86, -.04), (.55, -.11), (.25, -.10), (0, -.06)],
        "monarch": [(0, .05), (.25, .25), (.6, .52), (.98, .70), (1.16, .70), (1.20, .60), (1.08, .38), (.98, .20),
                    (.88, .02), (.82, -.08), (.55, -.11), (.25, -.09), (0, -.06)],
        "peaked": [(0, .05), (.22, .24), (.55, .52), (.86, .70), (.97, .70), (.96, .60), (1.04, .50), (.98, .36),
                   (.93, .14), (.86, -.06), (.60, -.12), (.28, -.11), (0, -.06)],
        "round": [(0, .05), (.2, .25), (.5, .50), (.78, .62), (.92, .58), (.96, .42), (.90, .18), (.80, -.06),
                  (.55, -.12), (.25, -.10), (0, -.06)],
        "swallowtail": [(0, .05), (.22, .27), (.55, .58), (.90, .84), (1.04, .88), (1.08, .80), (1.00, .52),
                        (.92, .22), (.84, -.02), (.58, -.12), (.28, -.12), (0, -.07)],
    },
    "hindwing": {
        "broad": [(0, .06), (.25, .08), (.58, .04), (.80, -.06), (.88, -.24), (.84, -.46), (.72, -.66), (.52, -.80),
                  (.32, -.80), (.16, -.66), (.07, -.42), (.02, -.18)],
        "long": [(0, .06), (.28, .07), (.60, .02), (.78, -.08), (.84, -.22), (.78, -.38), (.64, -.50), (.44, -.58),
                 (.24, -.56), (.10, -.42), (.04, -.26), (.01, -.12)],
        "monarch": [(0, .06), (.3, .06), (.62, .0), (.78, -.12), (.82, -.30), (.76, -.50), (.62, -.66), (.42, -.74),
                    (.24, -.70), (.12, -.56), (.05, -.35), (.01, -.15)],
        "peaked": [(0, .06), (.25, .08), (.56, .03), (.76, -.07), (.84, -.24), (.85, -.34), (.78, -.46), (.74, -.60),
                   (.62, -.64), (.46, -.72), (.28, -.70), (.14, -.56), (.06, -.36), (.01, -.15)],
        "round": [(0, .06), (.25, .07), (.52, .02), (.68, -.10), (.74, -.28), (.70, -.46), (.58, -.62), (.42, -.68),
                  (.24, -.64), (.12, -.50), (.05, -.3), (.01, -.12)],
        "swallowtail": [(0, .06), (.28, .07), (.58, .0), (.74, -.14), (.78, -.34), (.74, -.52), (.68, -.66),
                        (.655, -.80), (.67, -.98), (.66, -1.10), (.60, -1.12), (.555, -1.0), (.53, -.84), (.46, -.80),
                        (.34, -.82), (.22, -.74), (.10, -.54), (.05, -.34), (.01, -.15)],
    },
}  # fmt: skip

Map = NDArray[np.float64]  # (h,w)
Colour = tuple[int, int, int]  # sRGB 0-255
Rings = Sequence[tuple[float, Colour]]  # sizes and colours of an eyespot, the outermost first


def smooth(start: float, end: float, value: Map) -> Map:
    """0 at `start`, 1 at `end`, smooth between."""
    share = np.clip((value - start) / (end - start), 0, 1)
    return share * share * (3 - 2 * share)


def linear(colour: Colour) -> NDArray[np.float64]:
    return (np.array(colour) / 255) ** DISPLAY_GAMMA


def mix(rgb: NDArray, colour: Colour, amount: Map) -> NDArray:
    """Lay a colour over the painting."""
    return rgb + (linear(colour) - rgb) * np.asarray(amount)[..., None]


class Wing:
    """Coordinates of one wing; all maps are (h,w).

    x, y        model units
    alpha       1 on the wing
    radius      0 where the veins meet .. 1 at the margin
    across      0 front edge .. 1 inner edge
    space       index of the space between two veins
    middle      -1 .. 1 across that space, 0 in its middle
    edge        units to the margin
    vein        units to the nearest vein
    noise       soft blotches, grain: scales; mean 0, deviation 1
    """

    def __init__(self, part: str, shape: str, scallop: float, generator: np.random.Generator) -> None:
        self.part = part
        self.is_forewing = part == "forewing"
        outline = self._outline_curve(OUTLINES[part][shape])
        self.hinge_px = (ROOT_PX, int((outline[:, 1].max() + ROOM) * PX_PER_UNIT))
        height = int((np.ptp(outline[:, 1]) + 2 * ROOM) * PX_PER_UNIT)
        self.shape = (height, int((outline[:, 0].max() + ROOM) * PX_PER_UNIT) + ROOT_PX)
        rows, columns = np.indices(self.shape)
        self.x = (columns - self.hinge_px[0]) / PX_PER_UNIT
        self.y = (self.hinge_px[1] - rows) / PX_PER_UNIT

        self._measure(outline)
        self.alpha = self._filled(outline)
        if scallop:
            valley = 1 - np.sin(np.pi / 2 * (1 - np.abs(self.middle)))
            self.alpha *= smooth(0, 0.006, 1 - scallop * valley - self.radius + 0.004)
        self.edge = distance_transform_edt(self.alpha > 0.5) / PX_PER_UNIT
        self.vein = self._vein_distance()
        self.noise = _blotches(self.shape, 5, generator)
        self.grain = _scales(self.shape, generator)
        self.streaks = self._streaks(generator)

    @staticmethod
    def _outline_curve(points: Sequence[tuple[float, float]]) -> NDArray:
        closed = np.array([*points, points[0]])
        steps = np.sqrt(np.linalg.norm(np.diff(closed, axis=0), axis=1))
        places = np.concatenate([[0], np.cumsum(steps)])
        return CubicSpline(places, closed, bc_type="periodic")(np.linspace(0, places[-1], 800))

    def _filled(self, outline: NDArray) -> Map:
        large = np.zeros((self.shape[0] * 4, self.shape[1] * 4), np.uint8)
        cv2.fillPoly(large, [np.round(self._pixels(outline) * 4).astype(np.int32)], 255)
        return cv2.resize(large, self.shape[::-1], interpolation=cv2.INTER_AREA).astype(np.float64) / 255

    def _pixels(self, points: NDArray) -> NDArray:
        return points * [PX_PER_UNIT, -PX_PER_UNIT] + self.hinge_px

    def _measure(self, outline: NDArray) -> None:
        """Polar coordinates around the point where the veins meet, scaled by the outline."""
        base = np.array(HINGES[self.part])
        spokes = outline - base
        spoke_degrees = np.degrees(np.arctan2(spokes[:, 1], spokes[:, 0]))
        self._degrees = np.linspace(-180, 180, 721)
        reach = np.zeros(721)
        for degrees, length in zip(spoke_degrees, np.hypot(*spokes.T), strict=True):
            nearest = round((degrees + 180) * 2)
            window = slice(max(0, nearest - 3), nearest + 4)
            reach[window] = np.maximum(reach[window], length)
        self._reach = np.maximum(gaussian_filter(reach, 2), 0.05)
        x, y = self.x - base[0], self.y - base[1]
        degrees = np.degrees(np.arctan2(y, x))
        self.radius = np.hypot(x, y) / np.interp(degrees, self._degrees, self._reach)
        front, inner = ANGLES[self.part]
        self.across = np.clip((front - degrees) / (front - inner), 0, 1)
        veins = np.array(VEINS[self.part])
        self.space = np.clip(np.searchsorted(veins, self.across) - 1, 0, len(veins) - 2)
        low, high = veins[self.space], veins[self.space + 1]
        self.middle = 2 * (self.across - low) / (high - low) - 1

    def _vein_distance(self) -> Map:
        """Veins run along the discal cell and fan out from its end; the cell has an outline of its own."""
        cell_end = CELL_END[self.part]
        radius = np.linspace(0, 1, 80)
        paths = []
        for vein in VEINS[self.part]:
            narrow = 0.5 + (vein - 0.5) * 0.62 if abs(vein - 0.5) < 0.46 else vein
            branch = cell_end * (1 + 0.10 * np.cos(3 * (vein - 0.5)))
            fan = np.where(radius < branch, 0, smooth(branch, 1.0, radius) ** 0.75)
            start = branch * 0.97 if 0.12 < vein < 0.88 else 0
            paths.append((radius[radius >= start], (narrow + (vein - narrow) * fan)[radius >= start]))
        for side in (0.275, 0.725):
            along = np.linspace(0, cell_end * 0.98, 40)
            paths.append((along, np.full(40, side)))
        scale = VEIN_OVERSAMPLING
        drawn = np.full((self.shape[0] * scale, self.shape[1] * scale), 255, np.uint8)
        for along, across in paths:
            points = np.round(self._pixels(self._place(along, across)) * scale * 8).astype(np.int32)
            cv2.polylines(drawn, [points], False, 0, 1, cv2.LINE_8, 3)
        distance = cv2.distanceTransform(drawn, cv2.DIST_L2, 5) / (PX_PER_UNIT * scale)
        return cv2.resize(distance, self.shape[::-1], interpolation=cv2.INTER_AREA).astype(np.float64)

    def _place(self, radius: NDArray, across: NDArray) -> NDArray:
        """Model points (n,2) of wing coordinates."""
        front, inner = ANGLES[self.part]
        degrees = front - (front - inner) * across
        length = radius * np.interp(degrees, self._degrees, self._reach)
        direction = np.stack([np.cos(np.radians(degrees)), np.sin(np.radians(degrees))], axis=1)
        return np.array(HINGES[self.part]) + length[:, None] * direction

    def _streaks(self, generator: np.random.Generator) -> Map:
        """Fine rays from the root to the margin."""
        rays = gaussian_filter(generator.standard_normal((40, 420)), (1.2, 0.7))
        places = [np.clip(self.radius, 0, 1) * 39, self.across * 419]
        return map_coordinates(rays / rays.std(), places, order=1, mode="nearest")

    def spots(self, radius: float, height: float, width: float, skip: Sequence[int] = ()) -> Map:
        """One spot in every space between veins, except those to skip, at a distance from the root."""
        mask = 1 - smooth(0.7, 1.15, ((self.radius - radius) / height) ** 2 + (self.middle / width) ** 2)
        return mask * ~np.isin(self.space, skip)

    def disc(self, x: float, y: float, size: float, stretch: float = 1.0) -> Map:
        """Distance from a point, 1 at `size`, a little uneven."""
        return np.hypot((self.x - x) / stretch, self.y - y) / size * (1 + 0.05 * self.noise)


def eyespot(rgb: NDArray, disc: Map, rings: Rings) -> NDArray:
    """Concentric rings around the middle of a disc."""
    for size, colour in rings:
        rgb = mix(rgb, colour, 1 - smooth(size - 0.09, size + 0.05, disc))
    return rgb


def _blotches(shape: tuple[int, int], cells: int, generator: np.random.Generator) -> Map:
    total = np.zeros(shape)
    for octave in range(4):
        count = cells * 2**octave + 2
        coarse = generator.standard_normal((count, count))
        total += cv2.resize(coarse, shape[::-1], interpolation=cv2.INTER_CUBIC) * 0.55**octave
    return total / total.std()


def _scales(shape: tuple[int, int], generator: np.random.Generator) -> Map:
    """Grain of the wing's scales: fine, a little longer than wide."""
    grain = gaussian_filter(generator.standard_normal(shape), (0.6, 1.0))
    return grain / grain.std()
