"""The real way, nothing stubbed: a photo goes in, the clip is decoded again and checked frame by frame."""

from __future__ import annotations

import os
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from conftest import DEMO_CLIP, DEMO_PHOTO, SMALL_CLIP, Clip, DemoRun, Pictures, decode, run_process
from effect.framing import framing_of
from effect.photo import load_photo
from effect.preset import load_preset, preset_names

FRAME_SIZE = (96, 128)
CODING_ERROR = 6.0  # grey levels, mean over a frame: what H.264 may add


@pytest.fixture(scope="module")
def clip(demo_run: DemoRun) -> Clip:
    return decode(demo_run.output)


def difference(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.abs(one.astype(float) - other.astype(float)).mean())


def test_count_rate_and_size(clip: Clip, demo_run: DemoRun) -> None:
    assert clip.frames.shape == (12, 128, 96, 3)
    assert clip.fps == 8
    assert clip.stamps == [Fraction(index, 8) for index in range(12)]
    assert demo_run.report["frames"] == 12


def test_nothing_but_the_report_is_printed(demo_run: DemoRun) -> None:
    assert demo_run.err == ""


def test_nothing_else_is_left(demo_run: DemoRun) -> None:
    assert list(demo_run.output.parent.iterdir()) == [demo_run.output]


def test_the_first_frame_is_the_photo(clip: Clip) -> None:
    photo = load_photo(DEMO_PHOTO)
    scaled = cv2.resize(
        photo.rgb, framing_of(photo.size, FRAME_SIZE).scaled_size, interpolation=cv2.INTER_AREA
    )
    shown = [difference(clip.frames[0], scaled[:, left : left + 96]) for left in range(scaled.shape[1] - 95)]
    assert min(shown) < CODING_ERROR


def test_the_person_is_gone_at_the_end(clip: Clip) -> None:
    moved = np.abs(clip.frames[0].astype(int) - clip.frames[-1]).max(axis=2) > 40
    assert 0.15 < moved.mean() < 0.8
    suit = clip.frames[0].astype(int)
    orange = (suit[:, :, 0] > 150) & (
        suit[:, :, 0] - suit[:, :, 2] > 90
    )  # her suit, nothing else in the photo
    assert orange.sum() > 500
    last = clip.frames[-1].astype(int)
    assert ((last[:, :, 0] > 150) & (last[:, :, 0] - last[:, :, 2] > 90) & orange).sum() < 0.1 * orange.sum()


def test_the_dissolve_goes_one_way(clip: Clip) -> None:
    """The picture leaves the photo and nears the plate; butterflies in the air may blur that by a little."""
    from_photo = [difference(frame, clip.frames[0]) for frame in clip.frames]
    to_plate = [difference(frame, clip.frames[-1]) for frame in clip.frames]
    slack = 0.12 * from_photo[-1]
    assert all(later >= earlier - slack for earlier, later in pairwise(from_photo))
    assert all(later <= earlier + slack for earlier, later in pairwise(to_plate))
    halfway = [index for index, value in enumerate(to_plate) if 0.2 * to_plate[0] < value < 0.8 * to_plate[0]]
    assert len(halfway) >= 2  # a dissolve, not a cut


@pytest.mark.parametrize("preset", preset_names())
def test_every_preset_renders(preset: str, pictures: Pictures, run_cli) -> None:
    output = pictures.folder / "a.mp4"
    ran = run_cli(
        "vanish", pictures.photo, "-o", output, "--preset", preset, *DEMO_CLIP, "--fps", "4", *pictures.ready
    )
    assert (ran.code, ran.err) == (0, "")
    frames = decode(output).frames
    ends = [np.asarray(Image.open(pictures.photo)), np.asarray(Image.open(pictures.plate))]
    if load_preset(preset).reverse:
        ends.reverse()
    assert difference(frames[0], ends[0]) < CODING_ERROR
    if load_preset(preset).loop:  # its last frame is about to be the photo again
        frames = frames[: len(frames) // 2 + 1]
    assert difference(frames[-1], ends[1]) < CODING_ERROR


def test_same_seed_same_frames(pictures: Pictures, run_cli) -> None:
    def render(seed: str) -> np.ndarray:
        options = ("--seed", seed, "--force", *SMALL_CLIP, *pictures.ready)
        assert run_cli("vanish", pictures.photo, "-o", pictures.folder / "a.mp4", *options).code == 0
        return decode(pictures.folder / "a.mp4").frames

    first = render("5")
    assert (first == render("5")).all()
    assert (first != render("6")).any()


def test_names_that_are_no_text(pictures: Pictures) -> None:
    photo = Path(os.fsdecode(os.fsencode(pictures.folder) + b"/\xff.png"))
    try:
        photo.write_bytes(pictures.photo.read_bytes())
    except OSError:
        pytest.skip("this file system takes text only")
    still = photo.with_name(photo.stem + "-still.png")
    ran = run_process("frame", photo, "-o", still, "--time", "0", *SMALL_CLIP, *pictures.ready)
    assert (ran.code, ran.err) == (0, "")
    assert still.exists() and "-still.png: done" in ran.out


def test_odd_names_and_formats_reach_a_clip(pictures: Pictures) -> None:
    photo = pictures.folder / "-ä %d 蝶.gif"
    Image.open(pictures.photo).save(photo)
    output = pictures.folder / "-out %d ü.mp4"
    options = ("--mask", "mask.png", "--plate", "plate.png", "--edges", "fast")
    ran = run_process(
        "vanish", f"./{photo.name}", "-o", f"./{output.name}", *SMALL_CLIP, *options, cwd=pictures.folder
    )
    assert (ran.code, ran.err) == (0, "")
    assert len(decode(output).frames) == 12
