"""Every kind of file, read by another program than the one that wrote it: frames, time, colour, alpha, sound."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from effect.errors import UserError
from effect.formats import CODECS, ENDINGS, QUALITIES, Encoding, recipe_for
from effect.video import SOUND_RATE, write_video

SIZE, FPS, COUNT = (64, 48), Fraction(10), 9
COLOURS = ((200, 120, 40), (40, 160, 90), (60, 80, 220))  # from left to right
OPAQUE = [(ending, "h264") for ending in (*ENDINGS, "")] + [(".mp4", codec) for codec in CODECS[1:]]
TRANSPARENT = (".mov", ".webm", ".gif", ".webp", ".apng", "")
COLOUR_ERROR = {".gif": 14, ".webp": 12}  # grey levels; a palette is coarse


def stripes(index: int, alpha: bool) -> NDArray[np.uint8]:
    """Three stripes of colour; of the alpha, the top is 0, the bottom 255, and 128 a band that moves."""
    frame = np.zeros((SIZE[1], SIZE[0], 4), np.uint8)
    for stripe, colour in enumerate(COLOURS):
        frame[:, stripe * 22 : (stripe + 1) * 22, :3] = colour
    frame[24:, :, 3] = 255
    frame[12 : 14 + index, :, 3] = 128
    frame[:2, : 2 * index + 2, :3] = 0  # so that no two frames are alike
    return frame if alpha else np.ascontiguousarray(frame[..., :3])


@dataclass(frozen=True)
class Read:
    frames: NDArray[np.uint8]  # (n, H, W, 4)
    seconds: float


def read(path: Path) -> Read:
    if path.is_dir():
        names = sorted(entry.name for entry in path.iterdir())
        assert names == [f"{index:05d}.png" for index in range(len(names))]
        frames = [np.asarray(Image.open(path / name).convert("RGBA")) for name in names]
        return Read(np.stack(frames), len(frames) / FPS)
    if path.suffix in (".gif", ".webp"):
        with Image.open(path) as image:
            frames, seconds = [], 0.0
            for index in range(image.n_frames):
                image.seek(index)
                frames.append(np.asarray(image.convert("RGBA")))
                seconds += image.info["duration"] / 1000
            assert image.info["loop"] == 0  # for ever
        return Read(np.stack(frames), seconds)
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        if path.suffix == ".webm" and stream.codec_context.name == "vp9":  # this one reads the alpha, too
            packets = list(container.demux(stream))
            context = av.CodecContext.create("libvpx-vp9", "r")
            decoded = [frame for packet in packets for frame in context.decode(packet)]
        else:
            decoded = list(container.decode(stream))
        matrix = av.video.reformatter.Colorspace.ITU709
        rgba = [
            frame.to_ndarray(format="rgba", src_colorspace=matrix, dst_colorspace=matrix) for frame in decoded
        ]
        assert stream.average_rate == FPS or path.suffix == ".apng"  # which has a time for each frame
        return Read(np.stack(rgba), len(decoded) / FPS)


def written(folder: Path, ending: str, encoding: Encoding, sound: NDArray | None = None) -> Path:
    path = folder / f"clip{ending}"
    frames = (stripes(index, encoding.alpha) for index in range(COUNT))
    write_video(frames, path, SIZE, FPS, COUNT, encoding=encoding, sound=sound)
    assert list(folder.iterdir()) == [path]
    return path


@pytest.mark.parametrize(("ending", "codec"), OPAQUE)
def test_frames_time_and_colours_survive(tmp_path: Path, ending: str, codec: str) -> None:
    clip = read(written(tmp_path, ending, Encoding(codec)))
    assert len(clip.frames) == COUNT and clip.seconds == pytest.approx(COUNT / FPS, abs=0.01)
    assert (clip.frames[..., 3] == 255).all()
    for stripe, colour in enumerate(COLOURS):
        inside = clip.frames[:, 4:-4, stripe * 22 + 6 : stripe * 22 + 16, :3].astype(int)
        assert np.abs(inside.mean(axis=(0, 1, 2)) - colour).max() <= COLOUR_ERROR.get(ending, 4)


@pytest.mark.parametrize("ending", TRANSPARENT)
def test_alpha_survives_beside_unspoilt_colours(tmp_path: Path, ending: str) -> None:
    clip = read(written(tmp_path, ending, Encoding(alpha=True)))
    assert len(clip.frames) == COUNT and clip.seconds == pytest.approx(COUNT / FPS, abs=0.01)
    alpha = clip.frames[..., 3].astype(int)
    assert alpha[:, :8].max() <= 6 and alpha[:, -8:].min() >= 249
    if ending != ".gif":  # it knows only all or nothing
        assert np.abs(alpha[-1, 14:20] - 128).max() <= 8
    for stripe, colour in enumerate(COLOURS):
        inside = clip.frames[-1, -16:-4, stripe * 22 + 6 : stripe * 22 + 16, :3].astype(int)
        assert np.abs(inside.mean(axis=(0, 1)) - colour).max() <= COLOUR_ERROR.get(ending, 5)


def test_an_apng_plays_for_ever_at_its_pace(tmp_path: Path) -> None:
    with Image.open(written(tmp_path, ".apng", Encoding(alpha=True))) as image:
        assert (image.n_frames, image.info["loop"], image.info["duration"]) == (COUNT, 0, 100)


def test_containers_say_what_they_hold(tmp_path: Path) -> None:
    expected = {
        (".mp4", Encoding()): ("h264", "yuv420p"),
        (".mp4", Encoding("hevc")): ("hevc", "yuv420p"),
        (".mp4", Encoding("av1")): ("libdav1d", "yuv420p"),
        (".mov", Encoding(alpha=True)): ("prores", "yuva444p12le"),
        (".webm", Encoding()): ("vp9", "yuv420p"),
    }
    for number, ((ending, encoding), (codec, pixels)) in enumerate(expected.items()):
        (tmp_path / str(number)).mkdir()
        with av.open(str(written(tmp_path / str(number), ending, encoding))) as container:
            context = container.streams.video[0].codec_context
            assert (context.name, context.pix_fmt) == (codec, pixels)
            assert (context.colorspace, context.color_primaries, context.color_trc) == (1, 1, 1)  # BT.709


@pytest.mark.parametrize(
    ("ending", "alpha", "codec"),
    [(".mp4", False, "aac"), (".mov", True, "pcm_s16le"), (".webm", False, "opus")],
)
def test_sound_lies_beside_the_frames(tmp_path: Path, ending: str, alpha: bool, codec: str) -> None:
    count = round(COUNT / FPS * SOUND_RATE)
    wave = 0.3 * np.sin(2 * np.pi * 440 * np.arange(count) / SOUND_RATE)
    sound = np.stack([wave, 0 * wave], axis=1).astype(np.float32)
    with av.open(str(written(tmp_path, ending, Encoding(alpha=alpha), sound))) as container:
        stream = container.streams.audio[0]
        assert stream.codec_context.name == codec and stream.codec_context.sample_rate == SOUND_RATE
        planes = [frame.to_ndarray() for frame in container.decode(stream)]
        heard = np.concatenate(
            [plane.reshape(-1, 2).T if len(plane) == 1 else plane for plane in planes], axis=1
        )
        assert heard.shape[1] == pytest.approx(count, abs=2048)
        left, right = np.abs(heard.astype(float)).mean(axis=1)
        assert left > 20 * right
        assert len(list(container.streams.video)) == 1


def test_formats_without_sound_leave_it_out(tmp_path: Path) -> None:
    sound = np.zeros((100, 2), np.float32)
    assert len(read(written(tmp_path, ".gif", Encoding(), sound)).frames) == COUNT


def test_quality_decides_the_size(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    noise = [generator.integers(0, 256, (*SIZE[::-1], 3), dtype=np.uint8) for _ in range(3)]
    for ending in (".mp4", ".webm", ".webp", ".gif"):
        sizes = []
        for quality in QUALITIES:
            path = tmp_path / f"{quality}{ending}"
            write_video(noise, path, SIZE, FPS, 3, encoding=Encoding(quality=quality))
            sizes.append(path.stat().st_size)
        assert sizes == sorted(set(sizes)), ending


def test_what_a_format_cannot_do_is_refused() -> None:
    for ending, encoding, message in (
        (".mp4", Encoding(alpha=True), "transparent"),
        (".webm", Encoding("hevc"), ".mp4"),
        ("", Encoding("av1"), ".mp4"),
    ):
        with pytest.raises(UserError, match=message):
            recipe_for(ending, encoding)
    with pytest.raises(UserError, match="--quality must be one of low, medium, high"):
        Encoding(quality="best")
    with pytest.raises(UserError, match="--codec"):
        Encoding("divx")


def test_a_gif_that_would_fill_the_memory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="smaller --size"):
        write_video([], tmp_path / "a.gif", (1920, 1080), FPS, 300)


def test_a_folder_of_frames_is_replaced_only_when_it_holds_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "100% frames"
    path.mkdir()
    frames = [stripes(0, False)] * 2
    write_video(frames, path, SIZE, FPS, 2)
    with pytest.raises(UserError, match="--force"):
        write_video(frames, path, SIZE, FPS, 2)
    write_video(frames[:1], path, SIZE, FPS, 1, force=True)
    assert [entry.name for entry in path.iterdir()] == ["00000.png"]
    (path / "diary.txt").write_text("mine")
    with pytest.raises(UserError, match=r"diary\.txt"):
        write_video(frames, path, SIZE, FPS, 2, force=True)
    assert (path / "diary.txt").read_text() == "mine"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_given_up_leaves_nothing(tmp_path: Path) -> None:
    def interrupted():
        yield stripes(0, False)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_video(interrupted(), tmp_path / "frames", SIZE, FPS, 5)
    assert list(tmp_path.iterdir()) == []
