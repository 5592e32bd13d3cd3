"""Drawing butterflies: geometry, light, cloth, borders, and the species that come with the project."""

import math
import shutil
from dataclasses import replace

import numpy as np
import pytest

from effect.butterflies import (
    DAYLIGHT,
    NO_CLOTH,
    NO_PATCH,
    Light,
    Patch,
    Pose,
    _recorded,
    cloth_of,
    draw_butterflies,
    draw_butterfly,
    load_species,
    species_names,
    wing_shape,
)
from effect.errors import UserError
from effect.species import GROUP, SPECIES_FOLDER, _mips, read_species

FRONTAL = Pose(x_px=80, y_px=80, size_px=50)
FLYING = Pose(80, 80, 40, yaw=0.5, pitch=0.2, roll=0.3, tilt=0.7, forewing_angle=0.6, hindwing_angle=0.5)


def drawn(pose, name="monarch", background=128, light=DAYLIGHT, size=160, cloth=None):
    """A frame with one butterfly on it."""
    frame = np.full((size, size, 3), background, np.uint8)
    draw_butterfly(frame, load_species(name), pose, light, NO_CLOTH if cloth is None else cloth_of(cloth))
    return frame


def changed(frame, background=128):
    return (frame != background).any(axis=2)


def test_there_are_at_least_ten_species():
    assert len(species_names()) >= 10


@pytest.mark.parametrize("name", species_names())
def test_every_species_is_visible_from_both_sides(name):
    back = drawn(FRONTAL, name)
    belly = drawn(replace(FRONTAL, roll=math.pi), name)
    assert changed(back).sum() > 800 and changed(belly).sum() > 800
    assert not np.array_equal(back, belly)


def test_forewing_length_is_the_size():
    columns = np.nonzero(changed(drawn(FRONTAL)).any(axis=0))[0]
    assert 1.3 * FRONTAL.size_px < np.ptp(columns) < 2.1 * FRONTAL.size_px


def test_closing_wings_narrow_the_butterfly():
    poses = [replace(FRONTAL, forewing_angle=angle, hindwing_angle=angle) for angle in (0.0, 0.6, 1.0, 1.4)]
    widths = [changed(drawn(pose)).any(axis=0).sum() for pose in poses]
    assert widths == sorted(widths, reverse=True) and widths[-1] < 0.5 * widths[0]


def test_frontal_pose_is_symmetric():
    light = Light(direction=(0, 0.5, 1))
    frame = drawn(replace(FRONTAL, forewing_angle=0.3, hindwing_angle=0.2), light=light)
    # The furry body is hand-made and not quite symmetric; wings are to within rounding.
    difference = np.abs(frame.astype(int) - frame[:, ::-1])
    assert np.delete(difference, np.s_[74:86], axis=1).max() <= 2


@pytest.mark.parametrize("blur_px", [0.0, 1.5, 6.0])
@pytest.mark.parametrize("x_px", [80, 3, 171])
def test_nothing_far_from_a_butterfly_changes(x_px, blur_px):
    noise = np.random.default_rng(1).integers(0, 256, (160, 160, 3), np.uint8)
    frame = noise.copy()
    draw_butterfly(frame, load_species("ulysses"), replace(FLYING, x_px=x_px, blur_px=blur_px))
    rows, columns = np.mgrid[:160, :160]
    near = np.hypot(columns - x_px, rows - FLYING.y_px) < 1.5 * FLYING.size_px + 3 * blur_px
    assert not np.array_equal(frame, noise)
    assert np.array_equal(frame[~near], noise[~near])


@pytest.mark.parametrize(
    "changes", [{"x_px": -300}, {"x_px": 1e5}, {"y_px": 400}, {"opacity": 0.0}, {"size_px": 0.0}]
)
def test_invisible_poses_change_nothing(changes):
    assert not changed(drawn(replace(FLYING, **changes))).any()


def test_a_cut_butterfly_equals_the_same_place_of_a_whole_one():
    whole = drawn(FLYING)
    cut = drawn(replace(FLYING, x_px=20))
    assert np.abs(whole[:, 60:].astype(int) - cut[:, :100]).max() <= 1


@pytest.mark.parametrize("yaw", [0.0, 0.8, -2.5])
def test_wings_show_the_patch_that_they_lay_on(yaw):
    """Flat and where it was cut out, a butterfly looks like the cloth below it, whatever the pattern of its wings."""
    rows, columns = np.mgrid[0:160, 0:160]
    cloth = np.stack([columns * 1.5, rows * 1.5, 255 - columns * 1.5], axis=2).astype(np.uint8)
    flat = replace(FRONTAL, yaw=yaw, patch=Patch(FRONTAL.x_px, FRONTAL.y_px, FRONTAL.size_px, yaw, 1.0))
    light = Light(ambient=1.0, diffuse=0.0)
    plain = drawn(replace(flat, patch=NO_PATCH), "monarch", light=light)
    carried = drawn(flat, "monarch", light=light, cloth=cloth)
    wings = changed(plain)
    off, own = (np.abs(frame[wings].astype(int) - cloth[wings]).mean() for frame in (carried, plain))
    assert off < 35 < 60 < own
    for channel in range(3):
        assert np.corrcoef(carried[wings][:, channel], cloth[wings][:, channel])[0, 1] > 0.5
    assert carried[wings].mean(axis=1).std() > 8, "the pattern of the wings is lost"


def test_a_patch_that_lies_flat_is_not_lit_again():
    """It has the photo's light and haze in it already; once it is raised, the light on it changes."""
    cloth = np.full((160, 160, 3), (200, 120, 60), np.uint8)
    flat = replace(FRONTAL, patch=Patch(FRONTAL.x_px, FRONTAL.y_px, FRONTAL.size_px, 0.0, 1.0))
    raised = replace(flat, forewing_angle=0.9, hindwing_angle=0.9)
    evening = Light(direction=(0, 0.6, 0.75), rgb=(0.8, 0.6, 0.4), haze_rgb=(0.2, 0.1, 0.1))
    lying, noon, standing = (
        drawn(pose, light=light, cloth=cloth)
        for pose, light in ((flat, evening), (flat, Light(direction=(0, 0.6, 0.75))), (raised, evening))
    )
    wings, up = changed(noon), changed(standing)
    assert np.abs(lying[wings].astype(int) - noon[wings]).mean() < 10
    assert np.abs(lying[wings].mean(axis=0) - (200, 120, 60)).max() < 30
    assert standing[up].mean() < 0.95 * lying[wings].mean()


def test_haze_lifts_the_dark_and_leaves_the_light():
    clear = drawn(FRONTAL, light=Light(rgb=(0.8, 0.8, 0.8)))
    hazy = drawn(FRONTAL, light=Light(rgb=(0.8, 0.8, 0.8), haze_rgb=(0.2, 0.2, 0.2)))
    wings = changed(clear) & changed(hazy)
    gained = hazy[wings].astype(int).min() - clear[wings].astype(int).min()
    assert 40 <= gained <= 60


def test_grain_is_the_same_in_every_drawing_and_as_strong_as_asked_for():
    smooth = drawn(FRONTAL, light=Light(ambient=0.5))
    grainy = drawn(FRONTAL, light=Light(ambient=0.5, grain=4.0))
    again = drawn(FRONTAL, light=Light(ambient=0.5, grain=4.0))
    assert np.array_equal(grainy, again)
    difference = (grainy.astype(int) - smooth)[changed(smooth) & (smooth > 20).all(axis=2)]
    assert 3 < difference.std() < 5 and abs(difference.mean()) < 1


def test_light_shades_the_wing_that_turns_away():
    raised = replace(FRONTAL, forewing_angle=0.7, hindwing_angle=0.7)
    from_left = drawn(raised, light=Light(direction=(-1, 0, 0.3)))
    from_right = drawn(raised, light=Light(direction=(1, 0, 0.3)))
    gained = from_left.astype(int) - from_right
    # Raised wings face each other: the right wing's back looks to the left.
    right_wing, left_wing = changed(from_left)[:, 90:], changed(from_left)[:, :70]
    assert gained[:, 90:][right_wing].mean() > 5
    assert gained[:, :70][left_wing].mean() < -5


def brightness_range(name):
    """How much the light on the wings changes over half a beat: brightest over darkest."""
    poses = [
        replace(FLYING, forewing_angle=angle, hindwing_angle=angle) for angle in np.linspace(-0.5, 1.0, 12)
    ]
    frames = [drawn(pose, name) for pose in poses]
    levels = [frame[changed(frame)].max(axis=1).mean() for frame in frames]
    return max(levels) / min(levels)


def test_iridescent_wings_flash_within_a_beat():
    for name in ("ulysses", "emerald", "morpho"):
        assert brightness_range(name) > 1.04 * brightness_range("monarch"), name


def test_opacity_blends_with_the_background():
    dim = Light(ambient=0.3, diffuse=0.3)
    solid = drawn(FLYING, light=dim)
    half = drawn(replace(FLYING, opacity=0.5), light=dim)
    assert np.abs(half.astype(float) - (solid.astype(float) + 128) / 2).max() <= 1.5


def test_same_pose_same_pixels():
    pose = replace(FLYING, blur_px=2.0, wing_speed=0.5)
    assert np.array_equal(drawn(pose), drawn(pose))


@pytest.mark.parametrize("size_px", [6, 12, 30, 70])
def test_edges_have_no_dark_fringe(size_px):
    """White wings drawn over their own brightest colour stay between the wing's dark and that colour."""
    wing_white = Light(ambient=1.0, diffuse=0.0)
    pose = replace(FRONTAL, size_px=size_px)
    on_black = drawn(pose, "orange_tip", background=0, light=wing_white)
    on_white = drawn(pose, "orange_tip", background=255, light=wing_white)
    # Premultiplied blending: over white minus over black is the light that the background still sends.
    share = (on_white.astype(int) - on_black).min(axis=2) / 255
    spread = np.ptp(on_white.astype(int) - on_black, axis=2)
    assert spread.max() <= 2, "coverage differs between channels"
    assert share.min() >= -0.01 and on_white[share > 0.97].min() > 235


def test_motion_blur_softens_a_fast_wing():
    sharp = drawn(FLYING)
    fast = drawn(replace(FLYING, wing_speed=1.2))
    assert np.abs(np.diff(fast.astype(int), axis=1)).sum() < np.abs(np.diff(sharp.astype(int), axis=1)).sum()


def test_unknown_species_lists_the_known():
    with pytest.raises(UserError, match="monarch"):
        load_species("dragon")


@pytest.mark.parametrize("fault", ["truncated", "missing", "grey"])
def test_broken_texture_is_named(tmp_path, fault):
    folder = tmp_path / "monarch"
    shutil.copytree(SPECIES_FOLDER / "monarch", folder)
    texture = folder / "hindwing_dorsal.webp"
    if fault == "truncated":
        texture.write_bytes(texture.read_bytes()[:100])
    elif fault == "missing":
        texture.unlink()
    else:
        shutil.copyfile(folder / "hindwing_mask.webp", texture)
    with pytest.raises(UserError, match=r"hindwing_dorsal\.webp"):
        read_species(folder)


def test_incomplete_facts_are_named(tmp_path):
    folder = tmp_path / "monarch"
    shutil.copytree(SPECIES_FOLDER / "monarch", folder)
    (folder / "species.toml").write_text('common_name = "half"\n')
    with pytest.raises(UserError, match="forewing"):
        read_species(folder)


@pytest.mark.parametrize("x_px", [80, 3])
def test_the_shape_of_the_wings_is_where_they_are_drawn(x_px):
    pose = replace(FLYING, x_px=x_px, wing_speed=0.0)
    frame = drawn(pose)
    (rows, columns), hides = wing_shape(load_species("monarch"), pose, frame.shape[:2])
    shape = np.zeros(frame.shape[:2], bool)
    shape[rows, columns] = hides
    assert shape.sum() > 200
    assert (changed(frame) | ~shape).all() and (shape.sum() / changed(frame).sum()) > 0.8


def test_several_butterflies_are_drawn_one_over_the_other():
    """Whatever their species, and whether they are blurred or tiny, which takes another way."""
    names = "monarch", "ulysses", "orange_tip"
    poses = [
        replace(FLYING, x_px=60),
        replace(FLYING, x_px=75, yaw=-0.4, wing_speed=1.2),
        replace(FLYING, x_px=90, blur_px=1.5),
        replace(FLYING, x_px=100, size_px=9),
        replace(FLYING, x_px=110, opacity=0.0),
        replace(FLYING, x_px=120, roll=2.8, opacity=0.6),
    ]
    species = tuple(load_species(name) for name in names)
    kinds = np.arange(len(poses)) % len(names)
    frame, expected = (np.full((160, 160, 3), 128, np.uint8) for _ in range(2))
    records = np.concatenate([_recorded(pose) for pose in poses])
    records["kind"] = kinds
    draw_butterflies(frame, species, records, DAYLIGHT, NO_CLOTH)
    for pose, kind in zip(poses, kinds, strict=True):
        draw_butterfly(expected, species[kind], pose)
    assert np.array_equal(frame, expected) and changed(frame).sum() > 3000


def test_what_is_brighter_than_white_stays_white():
    """A flash may be: it must not begin anew at black."""
    mips = _mips(np.full((20, 30, 4), 1.2, np.float32))
    assert all((mip[1:-1, 1:-1] == 255).all() for mip in mips)
    assert not any(mip[[0, -1]].any() or mip[:, [0, -1]].any() for mip in mips)


def test_every_row_of_a_texture_knows_what_it_holds():
    atlas = load_species("ulysses").atlas
    for first, width, height, first_row in atlas.mips.reshape(-1, 4):
        holds = (atlas.texels[:, first : first + width * height] > 0).any(axis=0).reshape(height, width)
        visible = atlas.visible[first_row : first_row + height]
        columns = np.arange(width)
        inside = (columns >= visible[:, :1]) & (columns < visible[:, 1:])
        assert not (holds & ~inside).any()
        assert np.array_equal(inside.any(axis=1), holds.any(axis=1))
        used = inside.any(axis=1)
        needed = width - holds[used][:, ::-1].argmax(axis=1) - holds[used].argmax(axis=1)
        length = np.diff(visible[used], axis=1)[:, 0]
        assert ((length % GROUP == 0) | (length == width)).all() and (length - needed < GROUP).all()
