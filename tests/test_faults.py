"""Whatever a user gets wrong: one line that says what to do, exit code 2, nothing left behind."""

from __future__ import annotations

import shutil
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from conftest import DEMO_PHOTO, SMALL_CLIP, Pictures, run_process


def png_claiming(width: int, height: int) -> bytes:
    """A PNG whose header announces a size that its few bytes of pixels do not hold."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(bytes(99)))
        + chunk(b"IEND", b"")
    )


def truncated(ending: str) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        rgb = np.random.default_rng(0).integers(0, 256, (90, 80, 3), dtype=np.uint8)
        Image.fromarray(rgb).save(path.with_suffix(ending))
        data = path.with_suffix(ending).read_bytes()
        path.with_suffix(ending).unlink()
        path.write_bytes(data[: len(data) // 2])

    return write


def picture(width: int, height: int) -> Callable[[Path], None]:
    return lambda path: Image.new("RGB", (width, height), (90, 120, 150)).save(path, format="PNG")


def holding(data: bytes) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(data)


def snapshot(folder: Path) -> dict[str, bytes | None]:
    return {str(path): path.read_bytes() if path.is_file() else None for path in sorted(folder.rglob("*"))}


@pytest.fixture
def refused(run_cli, tmp_path: Path):
    """Run a command that must be refused; returns its message."""

    def run(*arguments: object) -> str:
        before = snapshot(tmp_path)
        ran = run_cli(*arguments)
        assert ran.code == 2, ran
        assert ran.err.startswith("error: ") and ran.err.count("\n") == 1 and ran.err.endswith("\n"), ran.err
        assert ran.out == ""
        assert snapshot(tmp_path) == before
        return ran.err

    return run


PHOTOS: dict[str, tuple[Callable[[Path], object], str]] = {
    "missing": (lambda path: None, "does not exist"),
    "folder": (lambda path: path.mkdir(), "is a folder"),
    "dangling link": (lambda path: path.symlink_to("nowhere"), "does not exist"),
    "link to itself": (lambda path: path.symlink_to(path.name), "does not exist"),
    "empty": (holding(b""), "is empty"),
    "text": (holding(b"Dear diary, this is no photo.\n"), "save it as JPEG or PNG"),
    "svg": (holding(b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"/>'), "an SVG drawing"),
    "pdf": (holding(b"%PDF-1.7\n%\xe2\xe3\n"), "a PDF"),
    "eps": (holding(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 50 50\n"), "a PostScript file"),
    "heic": (holding(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"), "HEIC|damaged"),
    "video": (holding(b"\0\0\0\x18ftypisom\0\0\2\0isomiso2"), "not a photo"),
    "jpeg header alone": (holding(b"\xff\xd8\xff\xe0"), "damaged|not a photo"),
    "truncated jpeg": (truncated(".jpg"), "damaged"),
    "truncated png": (truncated(".png"), "damaged"),
    "truncated webp": (truncated(".webp"), "damaged|not a photo"),
    "truncated tiff": (truncated(".tif"), "damaged|not a photo"),
    "bomb": (holding(png_claiming(12_000, 12_000)), "too many pixels"),
    "great bomb": (holding(png_claiming(100_000, 100_000)), "too many pixels"),
    "one pixel": (picture(1, 1), "1x1 pixels"),
    "thread": (picture(800, 40), "crop it"),
}


@pytest.mark.parametrize("kind", PHOTOS)
def test_photo(kind: str, tmp_path: Path, refused) -> None:
    write, message = PHOTOS[kind]
    write(tmp_path / "photo.jpg")
    error = refused("vanish", tmp_path / "photo.jpg", "-o", tmp_path / "out.mp4")
    assert any(part in error for part in message.split("|")), error
    assert "photo.jpg" in error


def test_no_person(tmp_path: Path, refused) -> None:
    y, x = np.mgrid[:120, :160]
    Image.fromarray(np.stack([60 + y // 2, 90 + x // 2, 120 + 0 * x], axis=2).astype(np.uint8)).save(
        tmp_path / "wall.png"
    )
    for verb, output in (("vanish", "out.mp4"), ("segment", "out.png"), ("restore", "out.png")):
        assert "person" in refused(verb, tmp_path / "wall.png", "-o", tmp_path / output)


def test_no_person_at_the_pixel(tmp_path: Path, refused) -> None:
    assert "5,5" in refused("segment", DEMO_PHOTO, "-o", tmp_path / "out.png", "--at", "5,5")


MASKS = {"empty": (96, 128, 0), "full": (96, 128, 255), "96x127 pixels but the photo is 96x128": (96, 127, 9)}


@pytest.mark.parametrize("message", MASKS)
def test_mask(message: str, pictures: Pictures, refused) -> None:
    width, height, level = MASKS[message]
    Image.new("L", (width, height), level).save(pictures.mask)
    error = refused("vanish", pictures.photo, "-o", pictures.folder / "out.mp4", *pictures.ready)
    assert message.replace("full", "white everywhere") in error


def test_person_fills_the_photo(pictures: Pictures, refused) -> None:
    mask = Image.new("L", (96, 128), 255)
    mask.putpixel((0, 0), 0)
    mask.save(pictures.mask)
    output = ("-o", pictures.folder / "out.png", "--mask", pictures.mask, "--inpainter", "telea")
    assert "background" in refused("restore", pictures.photo, *output)


def test_plate_and_mask_files(pictures: Pictures, refused) -> None:
    output = ("-o", pictures.folder / "out.mp4")
    Image.new("RGB", (50, 60)).save(pictures.folder / "small.png")
    (pictures.folder / "text.png").write_text("no picture")
    assert "50x60" in refused("vanish", pictures.photo, *output, "--plate", pictures.folder / "small.png")
    assert "text.png" in refused("vanish", pictures.photo, *output, "--mask", pictures.folder / "text.png")
    assert "gone.png" in refused("vanish", pictures.photo, *output, "--mask", pictures.folder / "gone.png")


OPTIONS = {
    ("--preset", "clasic"): "classic",
    ("--preset", "gone.toml"): "gone.toml",
    ("--set", "butterfly=3"): "butterflies",
    ("--set", "butterflies"): "KEY=VALUE",
    ("--set", "softness_seconds=soft"): "softness_seconds",
    ("--butterflies", "-1"): "butterflies",
    ("--butterflies", "many"): "butterflies",
    ("--fps", "0"): "fps",
    ("--fps", "-5"): "fps",
    ("--fps", "nan"): "fps",
    ("--fps", "inf"): "fps",
    ("--fps", "1e9"): "fps",
    ("--fps", "30/0"): "fps",
    ("--duration", "0"): "duration",
    ("--duration", "-1"): "duration",
    ("--duration", "nan"): "duration",
    ("--duration", "inf"): "duration",
    ("--duration", "1e9"): "duration",
    ("--duration", "long"): "duration",
    ("--size", "0x0"): "pixels",
    ("--size", "100"): "1080x1920",
    ("--size", "axb"): "1080x1920",
    ("--size", "9000x9000"): "pixels",
    ("--seed", "-1"): "seed",
    ("--seed", "one"): "seed",
    ("--at", "here"): "--at",
    ("--at", "4,4"): "--mask",
    ("--segmenter", "magic"): "mediapipe",
    ("--inpainter", "magic"): "gated",
    ("--bogus",): "--bogus",
}


@pytest.mark.parametrize("option", OPTIONS, ids=" ".join)
def test_option(option: tuple[str, ...], pictures: Pictures, refused) -> None:
    error = refused("vanish", pictures.photo, "-o", pictures.folder / "out.mp4", *pictures.ready, *option)
    assert OPTIONS[option] in error


def test_at_outside_the_photo(pictures: Pictures, refused) -> None:
    assert "outside" in refused("vanish", pictures.photo, "-o", pictures.folder / "out.mp4", "--at", "96,4")


def test_time_outside_the_clip(pictures: Pictures, refused) -> None:
    for seconds in ("-0.1", "1.6", "nan"):
        output = ("-o", pictures.folder / "out.png", f"--time={seconds}", "--duration", "1.5")
        assert "--time" in refused("frame", pictures.photo, *output, *pictures.ready)


def test_broken_preset_file(pictures: Pictures, refused) -> None:
    (pictures.folder / "mine.toml").write_text("direction = [")
    arguments = ("--preset", pictures.folder / "mine.toml", *pictures.ready)
    assert "TOML" in refused("vanish", pictures.photo, "-o", pictures.folder / "out.mp4", *arguments)


def test_sam_without_its_checkpoint(pictures: Pictures, refused) -> None:
    output = ("-o", pictures.folder / "out.png", "--segmenter", "sam")
    assert "sam_vit" in refused("segment", pictures.photo, *output)
    assert "gone.pth" in refused("segment", pictures.photo, *output, "--sam-checkpoint", "gone.pth")


VERBS = {
    "vanish": ("out.mp4", ()),
    "segment": ("out.png", ()),
    "restore": ("out.png", ()),
    "frame": ("out.png", ("--time", "0")),
}


@pytest.mark.parametrize("verb", VERBS)
def test_output(verb: str, pictures: Pictures, refused) -> None:
    name, options = VERBS[verb]
    folder = pictures.folder

    def refused_to(output: object, *more: str) -> str:
        return refused(verb, pictures.photo, "-o", output, "--mask", pictures.mask, *options, *more)

    (folder / name).write_bytes(b"mine")
    (folder / f"folder-{name}").mkdir()
    assert "--force" in refused_to(folder / name)
    assert "ending" in refused_to(folder / "out.xyz")
    assert "ending" in refused_to(folder / "out")
    assert "is a folder" in refused_to(folder / f"folder-{name}", "--force")
    assert "create it" in refused_to(folder / "none" / name)
    assert "create it" in refused_to(pictures.photo / name)
    assert "choose another folder" in refused_to(Path("/proc") / name)


def test_output_equal_to_an_input(pictures: Pictures, refused) -> None:
    clip_named = pictures.folder / "photo.mp4"
    shutil.copy(pictures.photo, clip_named)
    assert "input" in refused("vanish", clip_named, "-o", clip_named, "--force", *pictures.ready)
    for source in (pictures.photo, pictures.mask):
        assert "input" in refused("segment", pictures.photo, "-o", source, "--force", "--mask", pictures.mask)
    (pictures.folder / "link.png").symlink_to(pictures.photo)
    assert "input" in refused("segment", pictures.folder / "link.png", "-o", pictures.photo, "--force")


def test_batch(pictures: Pictures, refused) -> None:
    folder, output = pictures.folder, pictures.folder / "clips"
    (folder / "none").mkdir()
    (folder / "file").write_text("no folder")
    assert "not a folder" in refused("batch", pictures.photo, "-o", output)
    assert "no photos" in refused("batch", folder / "none", "-o", output)
    assert "--jobs" in refused("batch", folder, "-o", output, "--jobs", "0")
    assert "classic" in refused("batch", folder, "-o", output, "--preset", "clasic")
    assert "file" in refused("batch", folder, "-o", folder / "file")


def test_verbs(refused) -> None:
    assert "VERB" in refused()
    assert "vanish" in refused("vanissh")
    assert "classic" in refused("presets", "clasic")


def test_encoder_dies(pictures: Pictures, refused, monkeypatch: pytest.MonkeyPatch, tmp_path_factory) -> None:
    ffmpeg = tmp_path_factory.mktemp("tools") / "ffmpeg"
    ffmpeg.write_text("#!/bin/sh\nhead -c 30000 >/dev/null\necho the encoder is unwell >&2\nexit 9\n")
    ffmpeg.chmod(0o755)
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(ffmpeg))
    arguments = ("-o", pictures.folder / "out.mp4", *SMALL_CLIP, *pictures.ready)
    assert "the encoder is unwell" in refused("vanish", pictures.photo, *arguments)


def test_no_traceback_from_a_process_of_its_own(tmp_path: Path) -> None:
    ran = run_process("segment", tmp_path / "gone.jpg", "-o", tmp_path / "out.png")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err == f"error: {tmp_path / 'gone.jpg'} does not exist: check the name\n"
