"""A folder of photos: every good one becomes a clip, once, whatever lies beside it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image

from conftest import ROOT, SMALL_CLIP, Pictures, command, heed_interrupts
from effect.video import is_complete_clip
from pipelines.folder import clip_names, find_tasks

TINY_CLIP = ("--size", "48x64", "--fps", "4", "--duration", "1", "--butterflies", "3")


@pytest.fixture
def folder(pictures: Pictures) -> Path:
    """A folder of photos beside the mask and the plate that spare them the networks."""
    photos = pictures.folder / "photos"
    (photos / "deep er").mkdir(parents=True)
    for name in ("a.jpg", "a.png", "deep er/b é %d.png"):
        Image.open(pictures.photo).save(photos / name)
    return photos


def names(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_renders_all_then_only_what_is_missing(folder: Path, pictures: Pictures, run_cli) -> None:
    output = pictures.folder / "clips"
    (folder / "broken.jpg").write_bytes((folder / "a.jpg").read_bytes()[:300])
    verb = ("batch", folder, "-o", output, *TINY_CLIP, *pictures.ready)

    first = run_cli(*verb, "--json")
    summary = json.loads(first.out)
    assert first.code == 1
    assert (summary["done"], summary["skipped"], summary["failed"]) == (3, 0, 1)
    assert summary == json.loads((output / "summary.json").read_text())
    clips = ["a.jpg.mp4", "a.png.mp4", "deep er/b é %d.mp4"]
    assert names(output) == [*clips, "summary.json"]
    assert all(is_complete_clip(output / clip) for clip in clips)
    failed = next(photo for photo in summary["photos"] if photo["status"] == "failed")
    assert "broken.jpg is damaged" in failed["error"] and "\n" not in failed["error"]
    assert all(photo["seconds"] > 0 for photo in summary["photos"] if photo["status"] == "done")

    (folder / "broken.jpg").unlink()
    half = output / "a.png.mp4"
    half.write_bytes(half.read_bytes()[:-100])
    untouched = (output / "a.jpg.mp4").stat().st_mtime_ns
    second = run_cli(*verb, "--quiet")
    summary = json.loads((output / "summary.json").read_text())
    assert (second.code, second.out, second.err) == (0, "", "")
    assert (summary["done"], summary["skipped"], summary["failed"]) == (1, 2, 0)
    assert is_complete_clip(half) and (output / "a.jpg.mp4").stat().st_mtime_ns == untouched


def test_force_renders_again(folder: Path, pictures: Pictures, run_cli) -> None:
    (folder / "a.png").unlink()
    shutil.rmtree(folder / "deep er")
    verb = ("batch", folder, "-o", pictures.folder / "clips", *TINY_CLIP, *pictures.ready, "--json")
    assert json.loads(run_cli(*verb).out)["done"] == 1
    assert json.loads(run_cli(*verb).out)["skipped"] == 1
    assert json.loads(run_cli(*verb, "--force").out)["done"] == 1


def test_clips_of_another_format(folder: Path, pictures: Pictures, run_cli) -> None:
    output = pictures.folder / "clips"
    verb = (
        "batch",
        folder,
        "-o",
        output,
        *TINY_CLIP,
        *pictures.ready,
        "--json",
        "--format",
        "apng",
        "--alpha",
    )
    assert json.loads(run_cli(*verb).out)["done"] == 3
    clips = [output / name for name in ("a.jpg.apng", "a.png.apng", "deep er/b é %d.apng")]
    for clip in clips:
        with Image.open(clip) as picture:
            assert picture.is_animated and picture.mode == "RGBA"
    assert json.loads(run_cli(*verb).out)["skipped"] == 3


def test_a_format_that_cannot_be_transparent_is_one_error(folder: Path, pictures: Pictures, run_cli) -> None:
    output = pictures.folder / "clips"
    ran = run_cli("batch", folder, "-o", output, *TINY_CLIP, *pictures.ready, "--alpha")
    assert ran.code == 2 and "mp4 cannot be transparent" in ran.err and ran.err.count("\n") == 1
    assert not output.exists()


def test_jobs_share_the_work_and_fail_alone(folder: Path, pictures: Pictures, run_cli) -> None:
    (folder / "text.jpg").write_text("no photo")
    output = pictures.folder / "clips"
    ran = run_cli("batch", folder, "-o", output, *TINY_CLIP, *pictures.ready, "--jobs", "2", "--json")
    summary = json.loads(ran.out)
    assert ran.code == 1
    assert (summary["done"], summary["failed"]) == (3, 1)
    assert names(output) == ["a.jpg.mp4", "a.png.mp4", "deep er/b é %d.mp4", "summary.json"]


def test_a_worker_that_dies_takes_only_its_photo(folder: Path, pictures: Pictures, tmp_path_factory) -> None:
    """The encoder that stands in kills the process that started it, as the kernel does without memory."""
    ffmpeg = tmp_path_factory.mktemp("tools") / "ffmpeg"
    ffmpeg.write_text("#!/bin/sh\nkill -9 $PPID\n")
    ffmpeg.chmod(0o755)
    output = pictures.folder / "clips"
    line = command("batch", folder, "-o", output, *TINY_CLIP, *pictures.ready, "--jobs", "2", "--json")
    environment = {**os.environ, "IMAGEIO_FFMPEG_EXE": str(ffmpeg)}
    done = subprocess.run(line, capture_output=True, text=True, env=environment)
    summary = json.loads(done.stdout)
    assert done.returncode == 1 and summary["failed"] == 3
    assert all("worker died" in photo["error"] for photo in summary["photos"])
    assert "Traceback" not in done.stderr


def test_a_worker_that_is_to_end_while_an_object_is_deleted_ends_in_silence() -> None:
    """Python drops exceptions there, and prints them."""
    script = """
import os, signal, time
from pipelines.workers import exit_on_signals

class Last:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(0.1)

exit_on_signals()
Last()
time.sleep(20)
print("went on")
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=15, cwd=ROOT
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


def test_ctrl_c_stops_the_workers_and_leaves_no_part(folder: Path, pictures: Pictures) -> None:
    output = pictures.folder / "clips"
    slow = ("--fps", "60", "--duration", "60", "--butterflies", "12", "--jobs", "2")
    line = command("batch", folder, "-o", output, *slow, *pictures.ready)
    run = subprocess.Popen(line, stderr=subprocess.PIPE, text=True, preexec_fn=heed_interrupts)
    patience = time.monotonic() + 60
    while not list(output.rglob(".vanish-*.part")) and time.monotonic() < patience:
        time.sleep(0.02)
    time.sleep(0.3)
    run.send_signal(signal.SIGINT)
    _, err = run.communicate(timeout=60)
    assert (run.returncode, err) == (130, "interrupted\n")
    assert names(output) == ["summary.json"]


def test_links_and_an_output_inside_are_safe(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    (photos / "sub").mkdir(parents=True)
    (photos / "clips").mkdir()
    for place in ("a.jpg", "sub/b.JPG", "clips/old.png", ".hidden.jpg", "notes.txt", "sub/.thumbnails.png"):
        (photos / place).touch()
    (photos / "sub" / "up").symlink_to(photos)
    (photos / "itself").symlink_to("itself")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "c.webp").touch()
    (photos / "linked").symlink_to(tmp_path / "elsewhere")
    tasks = find_tasks(photos, photos / "clips")
    found = [(str(task.photo.relative_to(photos)), str(task.clip.relative_to(photos))) for task in tasks]
    assert sorted(found) == [
        ("a.jpg", "clips/a.mp4"),
        ("linked/c.webp", "clips/linked/c.mp4"),
        ("sub/b.JPG", "clips/sub/b.mp4"),
    ]


def test_the_output_may_be_the_input_folder(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").touch()
    assert [task.clip for task in find_tasks(tmp_path, tmp_path)] == [tmp_path / "a.mp4"]


@pytest.mark.parametrize(
    ("photos", "clips"),
    [
        (["a.jpg", "b.jpg"], ["a.mp4", "b.mp4"]),
        (["a.jpg", "a.png"], ["a.jpg.mp4", "a.png.mp4"]),
        (["A.jpg", "a.png"], ["A.jpg.mp4", "a.png.mp4"]),
        (["a.jpg", "a.png", "a.jpg.png"], ["a.jpg.mp4", "a.png.mp4", "a.jpg.png.mp4"]),
    ],
)
def test_clip_names_do_not_collide(photos: list[str], clips: list[str]) -> None:
    named = clip_names(photos)
    assert len(set(named.values())) == len(photos)
    if len(photos) < 3:
        assert [named[photo] for photo in photos] == clips


def test_a_batch_leaves_the_environment_as_it_was(folder: Path, pictures: Pictures, run_cli) -> None:
    before = dict(os.environ)
    run_cli("batch", folder, "-o", pictures.folder / "clips", "--jobs", "2", *SMALL_CLIP, *pictures.ready)
    assert dict(os.environ) == before
