"""Every odd but valid picture becomes upright sRGB; masks and saved pictures keep their promises."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from effect.errors import UserError
from effect.photo import load_mask, load_photo, load_plate, save_image

ORIENTATION = 0x0112  # EXIF tag
UNDO = {  # how a camera that writes this orientation has turned the upright picture
    2: lambda rgb: rgb[:, ::-1],
    3: lambda rgb: rgb[::-1, ::-1],
    4: lambda rgb: rgb[::-1],
    5: lambda rgb: rgb.transpose(1, 0, 2),
    6: lambda rgb: np.rot90(rgb, 1),
    7: lambda rgb: rgb[::-1, ::-1].transpose(1, 0, 2),
    8: lambda rgb: np.rot90(rgb, -1),
}


def quadrants(width: int = 60, height: int = 40) -> np.ndarray:
    """Red, green over blue, grey: shows any turn, flip or swap of channels."""
    rgb = np.empty((height, width, 3), np.uint8)
    rgb[: height // 2, : width // 2], rgb[: height // 2, width // 2 :] = (200, 30, 30), (30, 180, 40)
    rgb[height // 2 :, : width // 2], rgb[height // 2 :, width // 2 :] = (30, 40, 190), (120, 120, 120)
    return rgb


def worst(loaded: np.ndarray, expected: np.ndarray) -> int:
    assert loaded.dtype == np.uint8 and loaded.shape == expected.shape
    return int(np.abs(loaded.astype(int) - expected).max())


def test_loads_plain_rgb_exactly(tmp_path: Path) -> None:
    Image.fromarray(quadrants()).save(tmp_path / "a.png")
    photo = load_photo(tmp_path / "a.png")
    assert worst(photo.rgb, quadrants()) == 0
    assert photo.size == (60, 40) and photo.path == tmp_path / "a.png"


@pytest.mark.parametrize("orientation", UNDO)
def test_turns_upright(tmp_path: Path, orientation: int) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    turned = np.ascontiguousarray(UNDO[orientation](quadrants()))
    Image.fromarray(turned).save(tmp_path / "turned.png", exif=exif)
    assert worst(load_photo(tmp_path / "turned.png").rgb, quadrants()) == 0


def test_passes_over_broken_exif(tmp_path: Path) -> None:
    for exif in (
        b"Exif\0\0garbage",
        b"Exif\0\0II*\0\xff\xff\xff\xff",
        b"Exif\0\0MM\0*\0\0\0\x08\0\x09\x01\x12",
    ):
        Image.fromarray(quadrants()).save(tmp_path / "a.png", exif=exif)
        assert worst(load_photo(tmp_path / "a.png").rgb, quadrants()) == 0


@pytest.mark.parametrize("ending", ["bmp", "ppm", "webp", "avif", "tif", "jpg"])
def test_loads_other_formats(tmp_path: Path, ending: str) -> None:
    flat = np.full((41, 63, 3), (60, 120, 180), np.uint8)
    Image.fromarray(flat).save(tmp_path / f"a.{ending}")
    assert worst(load_photo(tmp_path / f"a.{ending}").rgb, flat) <= 3


def test_scales_16_bit_grey_instead_of_clipping(tmp_path: Path) -> None:
    levels = np.linspace(0, 65535, 48 * 40).reshape(40, 48).astype(np.uint16)
    for name in ("grey.png", "grey.tif"):
        Image.fromarray(levels).save(tmp_path / name)
        expected = np.repeat(np.rint(levels / 257)[:, :, None], 3, axis=2)
        assert worst(load_photo(tmp_path / name).rgb, expected) <= 1


def test_loads_16_bit_rgb_png(tmp_path: Path) -> None:
    import cv2

    wide = quadrants().astype(np.uint16) * 257
    cv2.imwrite(str(tmp_path / "wide.png"), np.ascontiguousarray(wide[:, :, ::-1]))
    assert worst(load_photo(tmp_path / "wide.png").rgb, quadrants()) == 0


def test_loads_float_grey(tmp_path: Path) -> None:
    Image.fromarray(np.full((40, 50), 0.5, np.float32)).save(tmp_path / "float.tif")
    assert set(np.unique(load_photo(tmp_path / "float.tif").rgb)) == {128}


def test_loads_cmyk(tmp_path: Path) -> None:
    Image.fromarray(quadrants()).convert("CMYK").save(tmp_path / "print.jpg", quality=98, subsampling=0)
    assert worst(load_photo(tmp_path / "print.jpg").rgb[5:15, 5:25], quadrants()[5:15, 5:25]) <= 12


def test_converts_through_the_profile(tmp_path: Path) -> None:
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    swapped = srgb.replace(b"rXYZ", b"?XYZ").replace(b"gXYZ", b"rXYZ").replace(b"?XYZ", b"gXYZ")
    Image.new("RGB", (40, 40), (255, 0, 0)).save(tmp_path / "a.png", icc_profile=swapped)  # its red is green
    red, green, blue = load_photo(tmp_path / "a.png").rgb[20, 20]
    assert green > 250 and red < 5 and blue < 5


def test_passes_over_a_profile_that_is_broken_or_does_not_fit(tmp_path: Path) -> None:
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    for profile in (lab, b"not a profile"):
        Image.fromarray(quadrants()).save(tmp_path / "a.png", icc_profile=profile)
        assert worst(load_photo(tmp_path / "a.png").rgb, quadrants()) == 0


@pytest.mark.parametrize("mode", ["P", "1", "L"])
def test_loads_other_modes(tmp_path: Path, mode: str) -> None:
    grey = Image.fromarray(quadrants()).convert("L").point(lambda level: 255 if level > 100 else 0)
    grey.convert(mode).save(tmp_path / "a.png")
    assert worst(load_photo(tmp_path / "a.png").rgb, np.asarray(grey.convert("RGB"))) == 0


@pytest.mark.parametrize("mode", ["RGBA", "LA", "PA"])
def test_lays_transparency_on_white(tmp_path: Path, mode: str) -> None:
    clear = np.zeros((40, 60, 4), np.uint8)
    clear[:, 30:] = (90, 90, 90, 255)
    image = Image.fromarray(clear)
    if mode == "PA":
        image.quantize(4).save(tmp_path / "a.png", transparency=image.quantize(4).getpixel((0, 0)))
    else:
        image.convert(mode).save(tmp_path / "a.png")
    rgb = load_photo(tmp_path / "a.png").rgb
    assert (rgb[:, :30] == 255).all() and np.abs(rgb[:, 30:].astype(int) - 90).max() <= 2


@pytest.mark.parametrize("ending", ["gif", "webp", "png", "tif", "mpo"])
def test_takes_the_first_frame(tmp_path: Path, ending: str) -> None:
    first, second = (Image.new("RGB", (50, 40), colour) for colour in ((255, 0, 0), (0, 0, 255)))
    path = tmp_path / f"moving.{ending}"
    first.save(path, save_all=True, append_images=[second], lossless=True)
    assert worst(load_photo(path).rgb, np.asarray(first)) <= 2  # MPO is a kind of JPEG


def test_odd_names(tmp_path: Path) -> None:
    for name in ("a b.png", "Żółć 蝶.png", "%d.png", "-x.png", "concat:a.png"):
        Image.fromarray(quadrants(61, 47)).save(tmp_path / name)
        assert load_photo(tmp_path / name).size == (61, 47)


def test_mask_is_white_for_the_person(tmp_path: Path) -> None:
    mask = np.zeros((40, 60), np.uint8)
    mask[10:30, 20:40] = 255
    clear = np.full((40, 60, 4), 255, np.uint8)
    clear[:, :, 3] = mask
    images = [Image.fromarray(mask), Image.fromarray(mask).convert("1"), Image.fromarray(clear)]
    images += [Image.fromarray(mask.astype(np.uint16) * 257)]
    for image in images:
        image.save(tmp_path / "mask.png")
        assert (load_mask(tmp_path / "mask.png", (60, 40)) == (mask > 0)).all()


@pytest.mark.parametrize(("level", "word"), [(0, "empty"), (255, "everywhere")])
def test_refuses_a_mask_that_says_nothing(tmp_path: Path, level: int, word: str) -> None:
    Image.new("L", (60, 40), level).save(tmp_path / "mask.png")
    with pytest.raises(UserError, match=word):
        load_mask(tmp_path / "mask.png", (60, 40))


def test_refuses_another_size(tmp_path: Path) -> None:
    Image.fromarray(quadrants()).save(tmp_path / "a.png")
    for load in (load_mask, load_plate):
        with pytest.raises(UserError, match="60x40 pixels but the photo is 61x40"):
            load(tmp_path / "a.png", (61, 40))


def test_saves_whole_pictures_without_metadata(tmp_path: Path) -> None:
    for ending, tolerance in ((".png", 0), (".jpg", 12), (".webp", 0)):
        save_image(quadrants(), tmp_path / f"out{ending}")
        saved = Image.open(tmp_path / f"out{ending}")
        assert worst(np.asarray(saved), quadrants()) <= tolerance and not saved.getexif()
    save_image(quadrants()[:, :, 0], tmp_path / "grey.png")
    assert Image.open(tmp_path / "grey.png").mode == "L"
    with pytest.raises(UserError, match="--force"):
        save_image(quadrants(), tmp_path / "grey.png")
    with pytest.raises(UserError, match="ending"):
        save_image(quadrants(), tmp_path / "a.bmp")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["grey.png", "out.jpg", "out.png", "out.webp"]
