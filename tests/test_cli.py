"""The command line's own promises: quick help, quiet streams, machine-readable reports, the named options."""

from __future__ import annotations

import json
import os
import pty
import resource
import shlex
import signal
import subprocess
import sys
import termios
import time

import numpy as np
import pytest
from PIL import Image

from conftest import ROOT, SMALL_CLIP, Pictures, Ran, command, decode, heed_interrupts
from effect.preset import load_preset, preset_names, preset_text

HEAVY = (
    "numpy",
    "cv2",
    "torch",
    "PIL",
    "mediapipe",
    "moviepy",
    "numba",
    "onnxruntime",
    "ffmpeg",
    "segment_anything",
    "tqdm",
)


def test_help_is_quick() -> None:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command("vanish", "--help"), capture_output=True, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode == 0 and "--preset" in done.stdout
    assert (after.ru_utime + after.ru_stime) - (before.ru_utime + before.ru_stime) < 0.5


@pytest.mark.parametrize("module", ["cli", "effect", "pipelines"])
def test_importing_loads_nothing_heavy(module: str) -> None:
    code = f"import {module}, sys; print([name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout == "[]\n", done.stderr


@pytest.mark.parametrize("verb", ["", "vanish", "batch", "segment", "restore", "frame", "sheet", "presets"])
def test_every_verb_has_help(verb: str, run_cli) -> None:
    ran = run_cli(*([verb] if verb else []), "--help")
    assert ran.code == 0 and ran.out.startswith("usage: cli.py") and ran.err == ""


def test_lists_the_presets(run_cli) -> None:
    ran = run_cli("presets")
    assert [line.split()[0] for line in ran.out.splitlines()] == preset_names()
    assert all(load_preset(line.split()[0]).description in line for line in ran.out.splitlines())
    assert run_cli("presets", "classic").out == preset_text("classic")


def test_json_report(pictures: Pictures, run_cli) -> None:
    ran = run_cli(
        "vanish", pictures.photo, "-o", pictures.folder / "a.mp4", *SMALL_CLIP, *pictures.ready, "--json"
    )
    report = json.loads(ran.out)
    assert (ran.code, ran.err) == (0, "")
    assert report["output"] == str(pictures.folder / "a.mp4")
    assert (report["frames"], report["fps"], report["size"], report["clip_seconds"]) == (
        12,
        "8",
        [96, 128],
        1.5,
    )
    assert set(report["stages"]) == {"load", "segment", "restore", "plan", "sound", "render"}
    assert 0 < sum(report["stages"].values()) <= report["seconds"] + 0.01
    assert 20 < report["peak_memory_mib"] < 8000


def test_says_where_the_clip_is_unless_quiet(pictures: Pictures, run_cli) -> None:
    verb = (
        "frame",
        pictures.photo,
        "-o",
        pictures.folder / "a.png",
        "--time",
        "0",
        *pictures.ready,
        "--force",
    )
    assert run_cli(*verb).out.startswith(f"{pictures.folder / 'a.png'}: done in")
    assert run_cli(*verb, "--quiet") == Ran(0, "", "")


@pytest.mark.parametrize(("options", "shows"), [((), True), (("--quiet",), False)])
def test_progress_bar_on_a_terminal(pictures: Pictures, options: tuple[str, ...], shows: bool) -> None:
    line = command(
        "vanish", pictures.photo, "-o", pictures.folder / "a.mp4", *SMALL_CLIP, *pictures.ready, *options
    )
    controller, terminal = pty.openpty()
    termios.tcsetwinsize(terminal, (24, 80))
    done = subprocess.run(line, stderr=terminal, stdout=subprocess.PIPE)
    os.close(terminal)
    shown = b""
    try:
        while data := os.read(controller, 4096):
            shown += data
    except OSError:  # the terminal's other end is closed and read empty
        pass
    os.close(controller)
    assert done.returncode == 0
    assert (b"frames" in shown and b"12" in shown) == shows
    assert shows or shown == b""


def test_options_reach_the_clip(pictures: Pictures, run_cli) -> None:
    output = pictures.folder / "a.mp4"
    options = (
        "--fps",
        "30000/1001",
        "--duration",
        "0.5",
        "--size",
        "75x97",
        "--butterflies",
        "0",
        "--seed",
        "7",
    )
    assert (
        run_cli("vanish", pictures.photo, "-o", output, *options, *pictures.ready, "--set", "size=0.1").code
        == 0
    )
    clip = decode(output)
    assert clip.frames.shape == (15, 96, 74, 3)
    assert str(clip.fps) == "30000/1001"


def test_size_follows_the_photo(pictures: Pictures, run_cli) -> None:
    Image.fromarray(np.asarray(Image.open(pictures.photo))[:, 1:]).save(pictures.photo)  # 95 pixels wide
    for picture in (pictures.mask, pictures.plate):
        Image.fromarray(np.asarray(Image.open(picture))[:, 1:]).save(picture)
    still = pictures.folder / "a.png"
    assert run_cli("frame", pictures.photo, "-o", still, "--time", "0", *pictures.ready).code == 0
    photo = np.asarray(Image.open(pictures.photo))
    assert any((np.asarray(Image.open(still)) == photo[:, left : left + 94]).all() for left in (0, 1))


def test_frame_shows_the_moment(pictures: Pictures, run_cli) -> None:
    def still(seconds: str) -> np.ndarray:
        output = pictures.folder / "still.png"
        options = ("--time", seconds, "--force", *SMALL_CLIP, *pictures.ready)
        ran = run_cli("frame", pictures.photo, "-o", output, *options)
        assert ran.code == 0, ran.err
        return np.asarray(Image.open(output))

    assert (still("0") == np.asarray(Image.open(pictures.photo))).all()
    assert (still("1.5") == np.asarray(Image.open(pictures.plate))).all()
    assert (still("0.75") != still("0")).any() and (still("0.75") != still("1.5")).any()


def test_sheet_begins_with_the_photo_and_ends_with_the_plate(pictures: Pictures, run_cli) -> None:
    output = pictures.folder / "sheet.png"
    ran = run_cli("sheet", pictures.photo, "-o", output, *SMALL_CLIP, *pictures.ready)
    assert ran.code == 0, ran.err
    sheet = Image.open(output)
    cell = 300, 400  # the height of a cell is fixed
    assert sheet.size == (4 * cell[0] + 3 * 8, 2 * cell[1] + 8)
    for corner, picture in (
        ((0, 0), pictures.photo),
        ((sheet.width - 300, sheet.height - 400), pictures.plate),
    ):
        shown = sheet.crop((*corner, corner[0] + cell[0], corner[1] + cell[1])).resize((96, 128))
        assert np.abs(np.asarray(shown).astype(int) - np.asarray(Image.open(picture))).mean() < 2


def test_segment_and_restore_keep_the_photo_size(pictures: Pictures, run_cli) -> None:
    matte, plate = pictures.folder / "matte.png", pictures.folder / "restored.png"
    photo, mask = np.asarray(Image.open(pictures.photo)), np.asarray(Image.open(pictures.mask)) > 0
    assert (
        run_cli("segment", pictures.photo, "-o", matte, "--mask", pictures.mask, "--edges", "fast").code == 0
    )
    found = np.asarray(Image.open(matte)) >= 128
    assert found.shape == mask.shape and (found & mask).sum() > 0.95 * (found | mask).sum()
    options = ("--mask", pictures.mask, "--edges", "fast", "--inpainter", "telea")
    assert run_cli("restore", pictures.photo, "-o", plate, *options).code == 0
    restored = np.asarray(Image.open(plate))
    changed = (restored != photo).any(axis=2)
    assert changed[mask].mean() > 0.9
    assert not changed[:8].any() and not changed[:, :8].any()  # far from the person nothing moves


def test_photos_larger_than_the_working_size(pictures: Pictures, run_cli) -> None:
    for picture, resample in (
        (pictures.photo, Image.Resampling.BILINEAR),
        (pictures.mask, Image.Resampling.NEAREST),
    ):
        Image.open(picture).resize((1536, 2048), resample).save(picture)
    plate = pictures.folder / "restored.png"
    options = ("--mask", pictures.mask, "--edges", "fast", "--inpainter", "telea")
    assert run_cli("restore", pictures.photo, "-o", plate, *options).code == 0
    restored, photo = np.asarray(Image.open(plate)), np.asarray(Image.open(pictures.photo))
    assert restored.shape == (2048, 1536, 3)
    assert (
        (restored[np.asarray(Image.open(pictures.mask)) > 0] != (210, 60, 40)).any(axis=1).all()
    )  # no rim stays
    assert (restored[:100] == photo[:100]).all()


def test_ctrl_c_leaves_nothing(pictures: Pictures) -> None:
    before = sorted(pictures.folder.iterdir())
    slow = ("--duration", "60", "--fps", "60", "--butterflies", "12")
    line = command("vanish", pictures.photo, "-o", pictures.folder / "a.mp4", *slow, *pictures.ready)
    run = subprocess.Popen(line, stderr=subprocess.PIPE, text=True, preexec_fn=heed_interrupts)
    patience = time.monotonic() + 60
    while not list(pictures.folder.glob(".vanish-*.part")) and time.monotonic() < patience:
        time.sleep(0.02)
    time.sleep(0.2)
    run.send_signal(signal.SIGINT)
    _, err = run.communicate(timeout=30)
    assert (run.returncode, err) == (130, "interrupted\n")
    assert sorted(pictures.folder.iterdir()) == before


@pytest.mark.parametrize(
    "redirected, code", [("> /dev/full", 120), (">&-", 0), ("2>&-", 0), ("> /dev/null", 0)], ids=str
)
def test_output_that_cannot_be_written_is_no_traceback(redirected: str, code: int) -> None:
    surroundings = {key: value for key, value in os.environ.items() if key != "PYTHONUNBUFFERED"}
    words = f"{shlex.join(command('presets'))} {redirected}"
    done = subprocess.run(words, shell=True, capture_output=True, text=True, env=surroundings)
    assert done.returncode == code and "Traceback" not in done.stderr
