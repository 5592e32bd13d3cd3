"""From the command line to each kind of file: what reaches it, what is refused, what is kept out."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from conftest import SMALL_CLIP, Pictures, decode, save_wave


def streams(path: Path) -> list[str]:
    with av.open(str(path)) as container:
        return [stream.type for stream in container.streams]


def test_a_clip_flutters_unless_told_otherwise(pictures: Pictures, run_cli) -> None:
    for name, options, expected in (
        ("a.mp4", (), ["video", "audio"]),
        ("b.mp4", ("--audio", "none"), ["video"]),
        ("c.mov", ("--alpha",), ["video"]),
        ("d.webm", ("--audio", save_wave(pictures.folder / "tone.wav", 0.4)), ["video", "audio"]),
    ):
        output = pictures.folder / name
        ran = run_cli("vanish", pictures.photo, "-o", output, *SMALL_CLIP, *pictures.ready, *options)
        assert (ran.code, ran.err) == (0, "")
        assert streams(output) == expected


def test_a_batch_is_silent_unless_told_otherwise(pictures: Pictures, run_cli) -> None:
    (pictures.folder / "photos").mkdir()
    pictures.photo.rename(pictures.folder / "photos" / "photo.png")
    run = ("batch", pictures.folder / "photos", "-o", pictures.folder / "clips", *SMALL_CLIP, *pictures.ready)
    assert run_cli(*run).code == 0
    assert streams(pictures.folder / "clips" / "photo.mp4") == ["video"]
    assert run_cli(*run, "--audio", "flutter", "--force").code == 0
    assert streams(pictures.folder / "clips" / "photo.mp4") == ["video", "audio"]


def test_a_folder_of_transparent_frames(pictures: Pictures, run_cli) -> None:
    ran = run_cli(
        "vanish", pictures.photo, "-o", f"{pictures.folder}/frames/", "--alpha", *SMALL_CLIP, *pictures.ready
    )
    assert ran.code == 0, ran.err
    frames = [np.asarray(Image.open(path)) for path in sorted((pictures.folder / "frames").iterdir())]
    assert len(frames) == 12 and frames[0].shape == (128, 96, 4)
    mask = np.asarray(Image.open(pictures.mask)) > 0
    assert (frames[0][..., 3] > 200)[mask].mean() > 0.85 and not frames[-1][..., 3].any()


def test_a_folder_that_holds_the_photo_is_not_replaced(pictures: Pictures, run_cli) -> None:
    photo = pictures.folder / "frames" / "00000.png"
    photo.parent.mkdir()
    pictures.photo.rename(photo)
    ran = run_cli("vanish", photo, "-o", f"{photo.parent}/", "--force", *SMALL_CLIP, *pictures.ready)
    assert ran.code == 2 and "input" in ran.err and photo.exists()


def test_pictures_that_move_are_small_unless_told_otherwise(pictures: Pictures, run_cli) -> None:
    for picture in (pictures.photo, pictures.mask, pictures.plate):
        Image.open(picture).resize((960, 1280)).save(picture)
    short = ("--duration", "0.5", "--fps", "4", "--butterflies", "3", *pictures.ready)
    for name, options, size in (
        ("a.gif", (), (540, 720)),
        ("b.webp", ("--size", "750x1000"), (750, 1000)),
        ("c.apng", ("--preset", "story"), (404, 720)),
    ):
        ran = run_cli("vanish", pictures.photo, "-o", pictures.folder / name, *short, *options)
        assert (ran.code, ran.err) == (0, "")
        with Image.open(pictures.folder / name) as image:
            assert image.size == size


def test_sound_that_was_asked_for_in_vain_is_said(pictures: Pictures, run_cli) -> None:
    output = pictures.folder / "a.gif"
    ran = run_cli("vanish", pictures.photo, "-o", output, *SMALL_CLIP, *pictures.ready, "--audio", "flutter")
    assert ran.code == 0 and ran.err == "note: a.gif cannot carry sound: --audio flutter is left out\n"


def test_an_encoder_that_the_machine_lacks_is_replaced(
    pictures: Pictures, run_cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipelines.delivery.encoder_fault", lambda _: "no such device")
    output = pictures.folder / "a.mp4"
    ran = run_cli(
        "vanish", pictures.photo, "-o", output, *SMALL_CLIP, *pictures.ready, "--encoder", "h264_nvenc"
    )
    note = "note: h264_nvenc does not work on this machine (no such device): encoding without it\n"
    assert (ran.code, ran.err) == (0, note) and output.is_file()


@pytest.mark.parametrize(
    ("output", "options", "message"),
    [
        ("a.mp4", ("--alpha",), "cannot be transparent"),
        ("a.webm", ("--codec", "av1"), ".mp4"),
        ("a.mp4", ("--audio", "gone.mp3"), "gone.mp3"),
        ("a.mp4", ("--quality", "best"), "medium"),
        ("a.mp4", ("--encoder", "h264_fpga"), "h264_nvenc"),
        ("a.webm", ("--encoder", "h264_nvenc"), ".mp4 or .mov"),
        ("a.mp4", ("--encoder", "h264_qsv", "--codec", "hevc"), "--codec"),
        ("a.mp4", ("--aspect", "9:16", "--size", "90x160"), "--size or --aspect"),
        ("a.mp4", ("--aspect", "16"), "16:9"),
        ("a.mp4", ("--aspect", "1:0"), "16:9"),
        ("a.mp4", ("--aspect", "9:1"), "4:1"),
        ("frames", (), "frames/"),
        ("a.b/", (), "no dot"),
    ],
)
def test_refused_at_once(
    pictures: Pictures, run_cli, output: str, options: tuple[str, ...], message: str
) -> None:
    before = sorted(pictures.folder.iterdir())
    ran = run_cli("vanish", pictures.photo, "-o", f"{pictures.folder}/{output}", *pictures.ready, *options)
    assert ran.code == 2 and message in ran.err and ran.err.count("\n") == 1
    assert sorted(pictures.folder.iterdir()) == before


@pytest.mark.parametrize(("aspect", "size"), [("9:16", (72, 128)), ("1:1", (96, 96)), ("16:9", (96, 54))])
def test_aspects_keep_the_person(pictures: Pictures, run_cli, aspect: str, size: tuple[int, int]) -> None:
    output = pictures.folder / "a.mp4"
    short = ("--duration", "0.5", "--fps", "4", "--butterflies", "0")
    ran = run_cli("vanish", pictures.photo, "-o", output, *short, *pictures.ready, "--aspect", aspect)
    assert ran.code == 0, ran.err
    first = decode(output).frames[0].astype(int)
    assert first.shape == (*size[::-1], 3)
    red = (first[..., 0] > 170) & (first[..., 1] < 100)
    assert red[size[1] // 2, size[0] // 2] and red.mean() > 0.2


def test_nothing_personal_is_copied(pictures: Pictures, run_cli) -> None:
    exif = Image.Exif()
    exif[0x010E], exif[0x013B] = "Secret garden", "Jane Doe"
    exif.get_ifd(0x8825)[2] = (52.0, 31.0, 12.0)
    exif.get_ifd(0x8825)[1] = "N"
    photo = pictures.photo.with_suffix(".jpg")
    Image.open(pictures.photo).save(photo, exif=exif)
    assert b"Secret garden" in photo.read_bytes()
    for name in ("a.mp4", "b.mov", "c.webm", "d.gif", "e.webp", "f.apng"):
        assert run_cli("vanish", photo, "-o", pictures.folder / name, *SMALL_CLIP, *pictures.ready).code == 0
        data = (pictures.folder / name).read_bytes()
        assert not any(text in data for text in (b"Secret", b"Jane", b"Exif", b"eXIf"))
        with av.open(str(pictures.folder / name)) as container:
            kept = set(container.metadata) - {"major_brand", "minor_version", "compatible_brands", "encoder"}
            assert kept <= {"ENCODER", "duration", "loop"}
