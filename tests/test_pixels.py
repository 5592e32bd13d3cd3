"""The compiled loops against what they compute, written in numpy as plainly as possible."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from effect.butterflies import DAYLIGHT, Patch, Pose, cloth_of, draw_butterfly
from effect.fade import EMBER_RGB, EMBER_SECONDS, KINDLE_SECONDS, darken, fade, remaining, shade
from effect.pixels import CLOTH_BRIGHTEST, CLOTH_PATTERN, average, blend, dress, lay
from effect.rasterize import BLOCK, _set_spans
from effect.species import LUMA, load_species
from effect.yuv import yuv420_bt709

ROUNDING = 1  # levels: each layer of a tile is rounded, and so is the frame
HEIGHT, WIDTH = 48, 64


def noise(*shape: int) -> NDArray[np.uint8]:
    return np.random.default_rng(4).integers(0, 256, shape, np.uint8)


def premultiplied(height: int, width: int, seed: int) -> NDArray[np.uint8]:
    """Random RGBA with no colour above its alpha, and an empty border."""
    rgba = np.random.default_rng(seed).integers(0, 256, (height, width, 4))
    rgba[..., :3] = rgba[..., :3] * rgba[..., 3:] // 255
    rgba[[0, -1]] = rgba[:, [0, -1]] = 0
    return cv2.GaussianBlur(rgba.astype(np.uint8), (0, 0), 1.0)


def packed(rgba: NDArray[np.uint8]) -> NDArray[np.uint32]:
    return np.ascontiguousarray(rgba).view(np.uint32)[..., 0]


def bilinear(
    picture: NDArray[np.uint8], x: NDArray[np.float64], y: NDArray[np.float64]
) -> NDArray[np.float64]:
    height, width = picture.shape[:2]
    x, y = np.clip(x, 0, width - 1.001), np.clip(y, 0, height - 1.001)
    left, top = x.astype(int), y.astype(int)
    across, down = (x - left)[..., None], (y - top)[..., None]
    levels = picture.astype(float)
    upper = (1 - across) * levels[top, left] + across * levels[top, left + 1]
    lower = (1 - across) * levels[top + 1, left] + across * levels[top + 1, left + 1]
    return (1 - down) * upper + down * lower


def dressed(face, glow, flash, shine, shimmer, ramp, gain, haze, cloth, to_cloth, cover, per_luma):
    """A part as it looks in the light: premultiplied RGBA (h, w, 4), 0-255."""
    y, x = np.mgrid[: face.shape[0], : face.shape[1]].astype(float)
    rgb, alpha = face[..., :3].astype(float), face[..., 3:].astype(float)
    rgb = rgb + shine * glow[..., :3] + shimmer * flash[..., :3]
    hinge_x, hinge_y, per_x, per_y, change = ramp
    rgb = (
        rgb * (1 + change * np.minimum(np.hypot((x - hinge_x) * per_x, (y - hinge_y) * per_y), 1))[..., None]
    )
    cut = bilinear(cloth, *np.einsum("ij,jhw->ihw", to_cloth, np.stack([x, y, np.ones_like(x)])))[..., :3]
    pattern = np.minimum((rgb @ LUMA)[..., None] * per_luma, CLOTH_BRIGHTEST * alpha)
    shown = (CLOTH_PATTERN * pattern + (1 - CLOTH_PATTERN) * alpha) / 255
    rgb = rgb + cover * (shown * cut - rgb)
    return np.clip(np.dstack([rgb * gain + alpha * haze, alpha]), 0, 255)


def channels(worn: NDArray[np.uint32], height: int, width: int) -> NDArray[np.uint8]:
    return worn.view(np.uint8).reshape(height, width, 4)


@pytest.mark.parametrize(
    ("shine", "shimmer", "cover"), [(0.0, 0.0, 0.0), (0.3, 0.0, 0.0), (0.0, -0.1, 0.5), (0.2, 0.4, 0.92)]
)
def test_a_part_is_dressed_in_its_light(shine: float, shimmer: float, cover: float) -> None:
    face, glow, flash = (premultiplied(40, 50, seed) for seed in (1, 2, 3))
    cloth = noise(90, 70, 4)
    to_cloth = np.array([[0.9, 0.3, 12.0], [-0.3, 0.9, 30.0]])
    ramp, gain, haze = (5.0, 4.0, 0.02, 0.03, -0.2), (0.9, 0.8, 0.7), (0.02, 0.01, 0.05)
    visible = np.tile(np.array([4, 43], np.int32), (40, 1))
    visible[:2], visible[7] = 0, (0, 50)

    flat_face, flat_glow, flat_flash = (packed(texture).reshape(-1) for texture in (face, glow, flash))
    sheen = flat_glow if shine else None, flat_flash if shimmer else None
    flat_cloth = packed(cloth).reshape(-1) if cover else None
    drawn = np.full(40 * 50, 2**31, np.uint32)
    look = visible, flat_face, ramp, gain, haze, *sheen, shine, shimmer
    dress(drawn, (50, 40), *look, flat_cloth, (70, 90), to_cloth, cover, 2.5)

    expected = dressed(*(face, glow, flash, shine, shimmer, ramp, gain, haze), *(cloth, to_cloth, cover, 2.5))
    column = np.arange(50)
    expected[(column < visible[:, :1]) | (column >= visible[:, 1:])] = 0
    assert np.abs(channels(drawn, 40, 50) - expected).max() <= 2 * ROUNDING
    assert np.abs(channels(drawn, 40, 50) - expected).mean() < 0.5


def test_a_cloth_is_not_read_beside_its_pixels() -> None:
    face, nothing = packed(premultiplied(40, 50, 1)).reshape(-1), (1.0, 1.0, 1.0)
    visible, cloth = np.tile(np.array([0, 50], np.int32), (40, 1)), np.zeros(4, np.uint32)
    look = (50, 40), visible, face, (0.0, 0.0, 0.0, 0.0, 0.0), nothing, nothing, None, None, 0.0, 0.0
    for to_cloth in (
        np.full((2, 3), np.nan),
        np.full((2, 3), np.inf),
        np.full((2, 3), -9.0),
        np.ones((2, 3)) * 99,
    ):
        worn = np.zeros(40 * 50, np.uint32)
        dress(worn, *look, cloth, (2, 2), to_cloth, 1.0, 1.0)
        assert np.array_equal(channels(worn, 40, 50)[..., 3].ravel(), face >> 24)


def test_a_part_is_laid_over_a_tile() -> None:
    face, below = premultiplied(40, 50, 1), premultiplied(HEIGHT, WIDTH, 5)
    below[20:, :, :3] = 255  # brighter than its alpha, as what glows: sums of levels stay within bounds
    to_texels = np.array([[0.7, 0.2, 2.0], [-0.2, 0.8, 9.0], [1e-3, -5e-4, 1.0]])
    spans = np.tile(np.array([8, 56]), (HEIGHT, 1))
    tile = packed(below).copy()
    lay(tile, spans, to_texels, (50, 40), packed(face).reshape(-1))

    row, column = np.mgrid[:HEIGHT, :WIDTH]
    x, y, w = np.einsum("ij,jhw->ihw", to_texels, np.stack([column, row, np.ones_like(row)]).astype(float))
    added = bilinear(face, x / w, y / w)
    expected = np.clip(added + below * (1 - added[..., 3:] / 255), 0, 255)
    expected[:, :8], expected[:, 56:] = below[:, :8], below[:, 56:]
    drawn = tile.view(np.uint8).reshape(HEIGHT, WIDTH, 4)
    assert np.abs(drawn - expected).max() <= 3 * ROUNDING  # weights are whole 256ths, too
    assert np.abs(drawn - expected).mean() < 0.5


def test_edge_on_parts_do_not_read_beside_their_texture() -> None:
    rgba = premultiplied(40, 50, 1)
    rgba[:3, :3] = 0
    texture = packed(rgba).reshape(-1)
    tile, spans = np.zeros((HEIGHT, WIDTH), np.uint32), np.tile(np.array([0, WIDTH]), (HEIGHT, 1))
    for to_texels in (np.full((3, 3), np.nan), np.full((3, 3), np.inf), np.zeros((3, 3)), -np.ones((3, 3))):
        lay(tile, spans, to_texels, (50, 40), texture)
        assert not tile.any()  # the empty corner is all that may be seen


def test_the_mean_of_tiles_is_that_of_their_channels() -> None:
    tiles = noise(5, HEIGHT, WIDTH, 4)
    painted = np.tile(np.array([16, 48]), (HEIGHT, 1))
    mean, before = tiles.astype(float).mean(axis=0), tiles[0].copy()
    average(tiles.view(np.uint32)[..., 0], painted)
    assert np.abs(tiles[0, :, 16:48] - mean[:, 16:48]).max() <= 0.51
    assert np.array_equal(tiles[0, :, :16], before[:, :16])


@pytest.mark.parametrize("resolution", [0.5, 1.0, 2.0])
def test_spans_cover_a_polygon(resolution: float) -> None:
    corner, shape = (3.0, -5.0), (round(60 * resolution), round(64 * resolution / BLOCK) * BLOCK)
    triangle = np.array([[10.0, 2.0], [58.5, 20.0], [21.0, 47.0]])
    spans = np.empty((shape[0], 2), np.int64)
    _set_spans(spans, triangle, corner, resolution, shape[1])
    covered = np.zeros(shape, np.uint8)
    cv2.fillConvexPoly(covered, np.rint((triangle - corner) * resolution).astype(np.int32), 1)
    column = np.arange(shape[1])
    visited = (column >= spans[:, :1]) & (column < spans[:, 1:])
    assert visited[covered > 0].all()
    reach = 2 * (BLOCK + 4) + 1
    assert not visited[cv2.dilate(covered, np.ones((reach, reach), np.uint8)) == 0].any()


@pytest.mark.parametrize("name", ["monarch", "morpho", "ulysses"])
def test_nothing_of_a_butterfly_lies_outside_its_spans(name: str) -> None:
    """Drawn with spans three times as wide, it looks the same."""
    species, generator = load_species(name), np.random.default_rng(8)
    cloth = cloth_of(noise(120, 120, 3))
    for _ in range(12):
        yaw, pitch, roll, tilt, angle = generator.uniform(-1.2, 1.2, 5)
        size = generator.uniform(10, 60)
        pose = Pose(60, 60, size, yaw, pitch, roll, tilt, angle, angle, Patch(60, 60, size, 0.3, 0.5))
        frame = np.full((120, 120, 3), 90, np.uint8)
        draw_butterfly(frame, species, pose, DAYLIGHT, cloth)
        wide = np.full((120, 120, 3), 90, np.uint8)
        outlines = species.atlas.outlines
        middle = outlines.mean(axis=1, keepdims=True)
        atlas = species.atlas._replace(outlines=middle + 3 * (outlines - middle))
        draw_butterfly(wide, replace(species, atlas=atlas), pose, DAYLIGHT, cloth)
        assert np.abs(frame.astype(int) - wide).max() <= 6  # the last breath of an edge


def test_a_tile_is_blended_into_the_frame() -> None:
    frame, tile = noise(40, 50, 3), premultiplied(HEIGHT, WIDTH, 6)
    grain = np.random.default_rng(1).normal(0, 3, (16, 50)).astype(np.float32)
    painted = np.tile(np.array([0, WIDTH]), (HEIGHT, 1))
    left, top, opacity = -7, 12, 0.6
    expected = frame.astype(float)
    inside = tile[: 40 - top, -left : 50 - left].astype(float)
    cover = inside[..., 3:] / 255 * opacity
    noisy = cover * np.tile(grain, (3, 1))[top:40, :, None]
    expected[top:] = np.clip(expected[top:] * (1 - cover) + inside[..., :3] * opacity + noisy, 0, 255)
    blend(frame, left, top, packed(tile), painted, opacity, grain)
    assert np.abs(frame - expected).max() <= ROUNDING


def test_the_dissolve_fades_matted_person_and_rim_over_the_plate() -> None:
    generator = np.random.default_rng(2)
    photo, plate, own = (generator.integers(0, 256, (20, 30, 3), np.uint8) for _ in range(3))
    alpha, person, near = generator.random((3, 20, 30)).astype(np.float32)
    rim, edge = generator.uniform(1, 2, (2, 20, 30)).astype(np.float32)
    seconds, softness, glow = 1.6, 0.4, 0.8

    step = np.clip((rim - seconds) / softness + 0.5, 0, 1)
    still = (step * step * (3 - 2 * step))[..., None]
    kindled, cooled = (
        np.clip((seconds - edge) / KINDLE_SECONDS, 0, 1),
        np.clip((seconds - edge) / EMBER_SECONDS, 0, 1),
    )
    ember = (glow * kindled * (1 - cooled) ** 2 * np.minimum(2 * (1 - near), 1) * alpha)[..., None]
    over = (own.astype(float) - plate) * alpha[..., None]
    old = photo.astype(float) - plate - over
    expected = np.clip(
        plate + person[..., None] * (over + ember * (np.array(EMBER_RGB) - own)) + still * old, 0, 255
    )

    box, part = np.s_[15:35, 10:40], np.s_[5:17, 4:29]  # of the frame; of the box

    def framed(picture: NDArray[np.generic]) -> NDArray[np.generic]:
        """In a frame of 40 x 50 pixels that is empty beside the box, with rows as compiled loops take them."""
        frame = np.zeros((40, 50, *picture.shape[2:]), picture.dtype)
        frame[box] = picture
        return frame.reshape(40, -1)

    pictures = framed(np.zeros_like(photo)), *(framed(picture) for picture in (photo, plate, own))
    places = (box[0].start, box[1].start), (part[0].start, part[1].start)
    left = person[part].copy(), near[part].copy()
    fade(*pictures, framed(alpha), *places, *left, rim, edge, seconds, softness, glow)
    drawn = pictures[0].reshape(40, 50, 3)
    assert np.abs(drawn[box][part] - expected[part]).max() <= ROUNDING
    drawn[box][part] = 0
    assert not drawn.any()
    assert np.abs(remaining(seconds, rim, softness, 3, 7, 15, 20) - still[3:18, 7:27, 0]).max() < 1e-5


def test_shadows_follow_one_another() -> None:
    x, y, reach, strength = (np.array(pair) for pair in ((9.0, 14.5), (8.0, 3.0), (6.0, 9.0), (0.2, 0.1)))
    rows, columns = np.mgrid[0:20, 0:30]
    kept = np.ones((20, 30))
    for number in range(2):
        down, across = (
            np.clip(1 - ((at - middle[number]) / reach[number]) ** 2, 0, 1) ** 2
            for at, middle in ((rows, y), (columns, x))
        )
        kept *= 1 - strength[number] * down * across
    assert np.abs(shade(20, 30, x, y, reach, strength) - (1 - kept)).max() < 1e-5


def test_a_shadow_falls_on_what_is_left_of_the_person() -> None:
    frame, alpha = noise(20, 30, 3), np.random.default_rng(2).random((20, 30)).astype(np.float32)
    arrival = np.random.default_rng(3).uniform(1, 2, (18, 28)).astype(np.float32)
    shadow = np.linspace(0, 0.2, 10 * 20, dtype=np.float32).reshape(10, 20)
    shaded = frame.copy()
    darken(shaded.reshape(20, 90), alpha, (1, 2), (3, 5), shadow, arrival, 1.5, 0.4)
    left = remaining(1.5, arrival, 0.4, 3, 5, 10, 20) * alpha[4:14, 7:27]
    expected = frame.astype(float)
    expected[4:14, 7:27] *= 1 - (shadow * left)[..., None]
    assert np.abs(shaded - expected).max() <= ROUNDING


def test_planes_are_bt709_of_the_pixels_and_of_their_quartets() -> None:
    rgb = noise(32, 48, 3)
    planes = yuv420_bt709(rgb)
    luma, blue, red = np.split(planes, [32 * 48, 32 * 48 * 5 // 4])
    weights = LUMA.astype(float)
    y = rgb @ weights
    assert np.abs(luma.reshape(32, 48) - (16 + y * 219 / 255)).max() <= 0.51
    quartets = rgb.reshape(16, 2, 24, 2, 3).mean(axis=(1, 3))
    for plane, channel in ((blue, 2), (red, 0)):
        difference = (quartets[..., channel] - quartets @ weights) / (2 * (1 - weights[channel]))
        assert np.abs(plane.reshape(16, 24) - (128 + difference * 224 / 255)).max() <= 0.51
