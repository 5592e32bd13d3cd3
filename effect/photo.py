"""Pictures in and out: every odd but valid file becomes upright sRGB, every broken one a clear error."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from effect.errors import UserError
from effect.output import completed_file

MIN_SIDE_PX = 32
MAX_PIXELS = 120_000_000  # a 108-megapixel phone photo passes, a decompression bomb does not
MAX_ASPECT = 10
PHOTO_ENDINGS = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".tif", ".tiff", ".bmp", ".avif", ".heic", ".heif")
_JPEG: dict[str, Any] = {"format": "JPEG", "quality": 95, "subsampling": 0}
_WEBP: dict[str, Any] = {"format": "WEBP", "lossless": True}
_PNG = {"format": "PNG", "compress_level": 2}  # a third of the time of the usual 6 for an eighth more bytes
_SAVING = {".png": _PNG, ".jpg": _JPEG, ".jpeg": _JPEG, ".webp": _WEBP}
IMAGE_ENDINGS = tuple(_SAVING)  # what save_image writes
# Pillow's other decoders (EPS, PDF, WMF ...) run interpreters or are hardly tested: they are never opened.
_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP", "PPM", "AVIF")
_HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
_WHITE, _BLACK = 255, 0


@dataclass(frozen=True)
class Photo:
    """A photo as the rest of the program sees it: RGB uint8 (H, W, 3), upright, sRGB."""

    rgb: NDArray[np.uint8]
    path: Path | None

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.rgb.shape[1], self.rgb.shape[0]


def load_photo(path: Path | str) -> Photo:
    """Read the first frame of a picture file, turned upright, in sRGB; transparency is laid on white.

    Raises UserError, saying what to do, for anything that is not a usable photo.
    """
    path = Path(path)
    image = _open_image(path)
    _check_shape(path, image.size)
    rgb = _decoded(path, lambda: _to_srgb(image))
    return Photo(rgb=rgb, path=path)


def load_plate(path: Path | str, size: tuple[int, int]) -> NDArray[np.uint8]:
    """Read a ready background, uint8 (H, W, 3), as large as the photo: `size` = (width, height)."""
    plate = load_photo(path)
    _check_same_size(plate.path, plate.size, size)
    return plate.rgb


def load_mask(path: Path | str, size: tuple[int, int]) -> NDArray[np.bool_]:
    """Read a mask, white = person, as bool (H, W); transparent counts as black.

    Raises UserError when it is not as large as the photo (`size` = width, height), empty, or full.
    """
    mask = _load_white(Path(path), size)
    if not mask.any():
        raise UserError(f"{path}: the mask is empty, paint the person white")
    if mask.all():
        raise UserError(f"{path}: the mask is white everywhere, paint the background black")
    return mask


def load_sketch(path: Path | str, size: tuple[int, int]) -> NDArray[np.bool_]:
    """Read strokes, white on black or on nothing, as bool (H, W).

    Raises UserError when the picture is not as large as the photo (`size` = width, height), or holds no stroke.
    """
    strokes = _load_white(Path(path), size)
    if not strokes.any():
        raise UserError(f"{path}: the sketch is empty, draw the background's lines white on black")
    return strokes


def _load_white(path: Path, size: tuple[int, int]) -> NDArray[np.bool_]:
    image = _open_image(path)
    white = _decoded(path, lambda: _grey8(_upright(image), under=_BLACK)) >= 128
    _check_same_size(path, (white.shape[1], white.shape[0]), size)
    return white


def save_image(array: NDArray[np.uint8], path: Path | str, force: bool = False) -> None:
    """Write uint8 (H, W) or (H, W, 3) as PNG, JPEG or WebP, whole or not at all, without metadata.

    Raises UserError for an unknown ending, an existing file without `force`, and a write that fails.
    """
    path = Path(path)
    if path.suffix.lower() not in IMAGE_ENDINGS:
        raise UserError(f"{path}: unknown ending {path.suffix!r}, use one of {', '.join(IMAGE_ENDINGS)}")
    with completed_file(path, force) as part, part.open("wb") as stream:
        Image.fromarray(array).save(stream, **_SAVING[path.suffix.lower()])


def _open_image(path: Path) -> Image.Image:
    """Open without decoding; the size is checked here, before any memory is spent on pixels."""
    head = _read_head(path)
    if head[4:8] == b"ftyp" and head[8:12] in _HEIC_BRANDS:
        return _open_heic(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # MAX_PIXELS decides below
            image = Image.open(path, formats=_FORMATS)
    except Image.DecompressionBombError as error:
        raise _too_large(path) from error
    except UnidentifiedImageError as error:
        raise UserError(f"{path} is {_describe(head)}: save it as JPEG or PNG first") from error
    except Exception as error:  # Pillow's parsers raise nearly anything on a damaged header
        raise _damaged(path, error) from error
    if image.width * image.height > MAX_PIXELS:
        raise _too_large(path)
    return image


def _read_head(path: Path) -> bytes:
    if path.is_dir():
        raise UserError(f"{path} is a folder: name one photo, or use the batch verb")
    if not path.exists():
        raise UserError(f"{path} does not exist: check the name")
    if not path.is_file():
        raise UserError(f"{path} is not a regular file: save the photo to disk first")
    try:
        with path.open("rb") as stream:
            head = stream.read(1024)
    except OSError as error:
        raise UserError(f"cannot read {path} ({error.strerror}): check its permissions") from error
    if not head:
        raise UserError(f"{path} is empty: export or download it again")
    return head


def _open_heic(path: Path) -> Image.Image:
    try:
        import pillow_heif  # optional: its licence and size keep it out of requirements.txt
    except ImportError as error:
        raise UserError(f"{path} is HEIC: run `pip install pillow-heif`, or save it as JPEG") from error
    pillow_heif.register_heif_opener()
    try:
        return Image.open(path, formats=("HEIF",))
    except Exception as error:
        raise _damaged(path, error) from error


def _describe(head: bytes) -> str:
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    if text.startswith(b"%PDF"):
        return "a PDF, not a photo"
    if text.startswith((b"%!PS", b"\xc5\xd0\xd3\xc6")):
        return "a PostScript file, not a photo"
    if b"<svg" in text.lower():
        return "an SVG drawing, not a photo"
    return "not a photo in a format this program reads"


def _check_shape(path: Path, size: tuple[int, int]) -> None:
    width, height = size
    if min(size) < MIN_SIDE_PX:
        raise UserError(f"{path} is {width}x{height} pixels: use one of at least {MIN_SIDE_PX} a side")
    if max(size) > MAX_ASPECT * min(size):
        raise UserError(f"{path} is {width}x{height} pixels: crop it to {MAX_ASPECT}:1 or less")


def _check_same_size(path: Path | None, size: tuple[int, int], photo_size: tuple[int, int]) -> None:
    if size != photo_size:
        is_size, wanted = f"{size[0]}x{size[1]}", f"{photo_size[0]}x{photo_size[1]}"
        raise UserError(f"{path} is {is_size} pixels but the photo is {wanted}: save it at the photo's size")


def _decoded(path: Path, decode: Callable[[], NDArray[np.uint8]]) -> NDArray[np.uint8]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about metadata that nobody needs
            return decode()
    except Exception as error:  # Pillow's decoders raise nearly anything on damaged pixels
        raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> UserError:
    reason = str(error) or type(error).__name__
    return UserError(f"{path} is damaged ({reason}): export or download it again")


def _too_large(path: Path) -> UserError:
    return UserError(f"{path} has too many pixels: scale it below {MAX_PIXELS // 10**6} megapixels")


def _to_srgb(image: Image.Image) -> NDArray[np.uint8]:
    profile = image.info.get("icc_profile")
    image = _upright(image)
    if image.mode[0] in "IF":
        return np.repeat(_grey8(image, under=_WHITE)[:, :, None], 3, axis=2)
    if image.mode not in ("RGB", "CMYK", "L"):
        image = _on_background(image, _WHITE)
    return np.array(_profiled(image, profile))


def _upright(image: Image.Image) -> Image.Image:
    image.load()  # damaged pixels must show here: what fails below is damaged EXIF, which viewers ignore too
    try:
        return ImageOps.exif_transpose(image)
    except Exception:
        return image


def _profiled(image: Image.Image, profile: bytes | None) -> Image.Image:
    """RGB, CMYK or L as sRGB, through the file's ICC profile unless that is absent or broken."""
    if profile:
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            target = ImageCms.createProfile("sRGB")
            converted = ImageCms.profileToProfile(image, source, target, outputMode="RGB")
            if converted is not None:
                return converted
        except (ImageCms.PyCMSError, OSError, ValueError):
            pass  # viewers show such photos without the profile, and so do we
    return image.convert("RGB")


def _on_background(image: Image.Image, level: int) -> Image.Image:
    """Any 8-bit mode, transparent or not, as opaque RGB over a grey of the given level."""
    if not image.has_transparency_data:
        return image.convert("RGB")
    image = image.convert("RGBA")
    background = Image.new("RGBA", image.size, (level, level, level, 255))
    return Image.alpha_composite(background, image).convert("RGB")


def _grey8(image: Image.Image, under: int) -> NDArray[np.uint8]:
    """Any mode as uint8 (H, W); 16-bit levels are scaled: Pillow's convert would clip them."""
    if image.mode[0] not in "IF":
        return np.array(_on_background(image, under).convert("L"))
    levels = np.asarray(image).astype(np.float32)
    brightest = float(levels.max(initial=0.0))
    full_scale = 65535.0 if image.mode[0] == "I" or brightest > 255 else 255.0 if brightest > 1 else 1.0
    return np.clip(np.rint(levels * (255.0 / full_scale)), 0, 255).astype(np.uint8)
