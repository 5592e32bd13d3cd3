"""What is written is what was drawn: exact count, rate, colours and tags, whole or not at all."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from conftest import decode
from effect.errors import UserError
from effect.formats import ENCODERS, VIDEO, recipe_for
from effect.video import encoder_fault, is_complete_clip, write_video
from effect.yuv import yuv420_bt709

SIZE = (64, 48)


def flat(colour: tuple[int, int, int], count: int) -> Iterator[NDArray[np.uint8]]:
    for _ in range(count):
        yield np.full((SIZE[1], SIZE[0], 3), colour, np.uint8)


def noise(count: int, size: tuple[int, int] = SIZE) -> Iterator[NDArray[np.uint8]]:
    generator = np.random.default_rng(0)
    for _ in range(count):
        yield generator.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)


@pytest.fixture
def fake_ffmpeg(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Stand a shell script in for ffmpeg; it lies in a folder of its own."""

    def stand_in(script: str) -> None:
        path = tmp_path / "tools" / "ffmpeg"
        path.parent.mkdir()
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(path))

    return stand_in


@pytest.mark.parametrize("fps", [Fraction(8), Fraction(30000, 1001), Fraction(2397, 100)])
@pytest.mark.parametrize("ending", [".mp4", ".mov"])
def test_count_and_rate_are_exact(tmp_path: Path, fps: Fraction, ending: str) -> None:
    path = tmp_path / f"odd %d é name{ending}"
    write_video(noise(11), path, SIZE, fps, 11)
    clip = decode(path)
    assert len(clip.frames) == 11 and clip.fps == fps
    assert clip.stamps == [index / fps for index in range(11)]
    assert list(tmp_path.iterdir()) == [path]


def test_stream_is_tagged_and_ready_to_stream(tmp_path: Path) -> None:
    write_video(noise(3), tmp_path / "a.mp4", SIZE, Fraction(25), 3)
    with av.open(str(tmp_path / "a.mp4")) as container:
        codec = container.streams.video[0].codec_context
        assert (codec.name, codec.pix_fmt, codec.width, codec.height) == ("h264", "yuv420p", *SIZE)
        bt709, studio_range = 1, 1
        assert (codec.colorspace, codec.color_primaries, codec.color_trc) == (bt709, bt709, bt709)
        assert codec.color_range == studio_range
    data = (tmp_path / "a.mp4").read_bytes()
    assert 0 < data.index(b"moov") < data.index(b"mdat")


@pytest.mark.parametrize(
    "colour", [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255), (0, 0, 0), (200, 120, 40)]
)
def test_colours_survive(tmp_path: Path, colour: tuple[int, int, int]) -> None:
    write_video(flat(colour, 2), tmp_path / "a.mp4", SIZE, Fraction(25), 2)
    assert np.abs(decode(tmp_path / "a.mp4").frames.astype(int) - colour).max() <= 3


def test_conversion_follows_bt709() -> None:
    """The 8-bit reference levels of 100 % colour bars, as ITU-R BT.709 defines them."""
    bars = {(255, 255, 255): (235, 128, 128), (0, 0, 0): (16, 128, 128), (255, 0, 0): (63, 102, 240)}
    bars |= {(0, 255, 0): (173, 42, 26), (0, 0, 255): (32, 240, 118)}
    for rgb, levels in bars.items():
        data = np.frombuffer(yuv420_bt709(np.full((4, 6, 3), rgb, np.uint8)), np.uint8)
        assert len(data) == 4 * 6 * 3 // 2
        assert {tuple(part) for part in np.stack([data[:6], data[24:30], data[30:]], axis=1)} == {levels}


def test_encoders_are_tried_before_they_are_used() -> None:
    assert encoder_fault("libx264") is None
    assert "h264_of_nobody" in str(encoder_fault("h264_of_nobody"))


@pytest.mark.parametrize("encoder", ENCODERS[1:])
def test_the_encoder_of_a_graphics_card_makes_the_same_kind_of_file(encoder: str) -> None:
    """Its options, that is: what it makes of them only a machine with such a card can tell."""
    software, card = recipe_for(".mp4", VIDEO), recipe_for(".mp4", replace(VIDEO, encoder=encoder))
    assert card.options["vcodec"] == encoder and "crf" not in card.options
    assert (card.muxer, card.pixels, card.sound) == (software.muxer, software.pixels, software.sound)
    same = {key for key in software.options if "col" in key or key == "movflags"}
    assert len(same) == 5 and all(card.options[key] == software.options[key] for key in same)


def test_an_ending_under_way_leaves_nothing(tmp_path: Path) -> None:
    def interrupted() -> Iterator[NDArray[np.uint8]]:
        yield from noise(5)
        assert list(tmp_path.glob(".vanish-*.part"))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_video(interrupted(), tmp_path / "a.mp4", SIZE, Fraction(25), 50)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("count", [4, 6])
def test_another_frame_count_than_announced_is_no_clip(tmp_path: Path, count: int) -> None:
    with pytest.raises(ValueError, match=f"{count} frames encoded, 5 announced"):
        write_video(noise(count), tmp_path / "a.mp4", SIZE, Fraction(25), 5)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("wrong", [np.zeros((48, 62, 3), np.uint8), np.zeros((48, 64, 3), np.float32)])
def test_refuses_frames_of_another_kind(tmp_path: Path, wrong: NDArray) -> None:
    with pytest.raises(ValueError, match="the clip is uint8"):
        write_video([wrong], tmp_path / "a.mp4", SIZE, Fraction(25), 1)
    with pytest.raises(ValueError, match="even"):
        write_video([], tmp_path / "a.mp4", (63, 48), Fraction(25), 0)


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("echo Unknown encoder libx264 >&2; exit 1", "code 1: Unknown encoder libx264"),
        ("head -c 9000 >/dev/null; echo no space left >&2; exit 3", "code 3: no space left"),
        ("head -c 9000 >/dev/null; kill -9 $$", "code -9: it gave no reason"),
        ("cat >/dev/null; echo cannot finish >&2; exit 4", "code 4: cannot finish"),
    ],
)
def test_a_dying_encoder_is_explained(tmp_path: Path, fake_ffmpeg, script: str, message: str) -> None:
    fake_ffmpeg(script)
    (tmp_path / "out").mkdir()
    with pytest.raises(UserError, match=message):
        write_video(noise(40), tmp_path / "out" / "a.mp4", SIZE, Fraction(25), 40)
    assert list((tmp_path / "out").iterdir()) == []


def test_an_encoder_that_lies_about_success_is_found_out(tmp_path: Path, fake_ffmpeg) -> None:
    fake_ffmpeg("cat >/dev/null; echo frame=2; exit 0")
    (tmp_path / "out").mkdir()
    with pytest.raises(ValueError, match="2 frames encoded, 5 announced"):
        write_video(noise(5), tmp_path / "out" / "a.mp4", SIZE, Fraction(25), 5)
    assert list((tmp_path / "out").iterdir()) == []


def test_a_missing_ffmpeg_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(tmp_path / "nowhere"))
    with pytest.raises(UserError, match="nowhere"):
        write_video(noise(2), tmp_path / "a.mp4", SIZE, Fraction(25), 2)


def test_a_full_disk_leaves_nothing(tmp_path: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))  # the encoder inherits it
    try:
        with pytest.raises(UserError, match="ffmpeg failed"):
            write_video(noise(60, (256, 256)), tmp_path / "a.mp4", (256, 256), Fraction(25), 60)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list(tmp_path.iterdir()) == []


def test_replaces_only_when_told(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_text("mine")
    with pytest.raises(UserError, match="--force"):
        write_video(noise(2), tmp_path / "a.mp4", SIZE, Fraction(25), 2)
    assert (tmp_path / "a.mp4").read_text() == "mine"
    write_video(noise(2), tmp_path / "a.mp4", SIZE, Fraction(25), 2, force=True)
    assert is_complete_clip(tmp_path / "a.mp4")


def test_a_second_run_does_not_replace_what_the_first_one_made(tmp_path: Path) -> None:
    def overtaken() -> Iterator[NDArray[np.uint8]]:
        yield from noise(2)
        (tmp_path / "a.mp4").write_text("the first")

    with pytest.raises(UserError, match="exists"):
        write_video(overtaken(), tmp_path / "a.mp4", SIZE, Fraction(25), 2)
    assert (tmp_path / "a.mp4").read_text() == "the first"
    assert list(tmp_path.iterdir()) == [tmp_path / "a.mp4"]


def test_parts_of_dead_runs_are_swept_and_live_ones_kept(tmp_path: Path) -> None:
    from effect.output import check_output, completed_file

    with completed_file(tmp_path / "a.mp4") as live:
        dead = live.with_name(live.name.replace(f"-{os.getpid()}-", "-999999999-"))
        dead.touch()
        folder = dead.with_name(dead.name.replace(".part", "")[:-8] + "0123abcd.part")
        folder.mkdir()
        (folder / "00000.png").touch()
        check_output(tmp_path / "b.mp4", [".mp4"])
        assert live.exists() and not dead.exists() and not folder.exists()


def test_a_cut_off_clip_is_not_complete(tmp_path: Path) -> None:
    write_video(noise(5), tmp_path / "a.mp4", SIZE, Fraction(25), 5)
    data = (tmp_path / "a.mp4").read_bytes()
    assert is_complete_clip(tmp_path / "a.mp4")
    for length in (0, 5, 40, len(data) // 2, len(data) - 1):
        (tmp_path / "cut.mp4").write_bytes(data[:length])
        assert not is_complete_clip(tmp_path / "cut.mp4"), length
