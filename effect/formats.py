"""What a clip can be written as: each ending's codec, its pixels, its quality, its sound."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from effect.errors import UserError

PNG_FOLDER = ""  # the ending of a folder's name: numbered PNG files
ENDINGS = (".mp4", ".mov", ".webm", ".gif", ".webp", ".apng")
SMALL_ENDINGS = (".gif", ".webp", ".apng")  # shown small, and huge files when they are not
CODECS = ("h264", "hevc", "av1")
QUALITIES = ("low", "medium", "high")
SOFTWARE = "software"
# All others are parts of a graphics card.
ENCODERS = (SOFTWARE, "h264_nvenc", "h264_videotoolbox", "h264_qsv")

MOST_GIF_BYTES = 2_000_000_000  # ffmpeg holds all frames of a GIF until it knows their common palette

_Options = Mapping[str, object]


@dataclass(frozen=True)
class Encoding:
    """How the user wants a clip encoded. UserError for a codec, a quality or an encoder that does not exist.

    `alpha` asks for the person and the butterflies on transparency, RGBA frames with straight alpha.
    """

    codec: str = "h264"
    quality: str = "high"
    alpha: bool = False
    encoder: str = SOFTWARE

    def __post_init__(self) -> None:
        known = {"codec": CODECS, "quality": QUALITIES, "encoder": ENCODERS}
        for name, values in known.items():
            if (value := getattr(self, name)) not in values:
                raise UserError(f"--{name} must be one of {', '.join(values)}, not {value!r}")


VIDEO = Encoding()


@dataclass(frozen=True)
class Recipe:
    """How ffmpeg makes one kind of file: the raw pixels it is handed, its options, the sound beside them."""

    muxer: str
    pixels: str  # yuv420p, rgb24 or rgba
    options: _Options = field(default_factory=dict)
    sound: _Options | None = None  # None: the format is silent


def recipe_for(ending: str, encoding: Encoding) -> Recipe:
    """The recipe for a file's ending (lower case, with its dot). UserError for what a format cannot do."""
    if encoding.codec != "h264" and ending != ".mp4":
        raise UserError(f"--codec {encoding.codec} needs an output that ends in .mp4, not {ending or '/'}")
    if encoding.encoder != SOFTWARE and (
        ending not in (".mp4", ".mov") or encoding.codec != "h264" or encoding.alpha
    ):
        raise UserError(
            f"--encoder {encoding.encoder} makes opaque H.264: an .mp4 or .mov, without --codec or --alpha"
        )
    if encoding.alpha and ending == ".mp4":
        raise UserError("an .mp4 cannot be transparent: use .mov, .webm, .webp, .apng, .gif or a folder/")
    level = QUALITIES.index(encoding.quality)
    if ending in (".mp4", ".mov"):
        return _prores(level) if encoding.alpha else _mpeg4(ending, encoding, level)
    if ending == ".webm":
        return _webm(encoding.alpha, level)
    return _moving_picture(ending, "rgba" if encoding.alpha else "rgb24", level)


_BT709 = {"colorspace": "bt709", "color_primaries": "bt709", "color_trc": "bt709", "color_range": "tv"}
_FROM_RGB = {
    "vf": "scale=out_color_matrix=bt709:out_range=tv:flags=accurate_rnd+full_chroma_int,"
    "setparams=color_primaries=bt709:color_trc=bt709:colorspace=bt709"
}
_AAC = {"acodec": "aac", "audio_bitrate": "160k"}


def _mpeg4(ending: str, encoding: Encoding, level: int) -> Recipe:
    choices: dict[str, _Options] = {
        "h264": {"vcodec": "libx264", "preset": "veryfast", "crf": (26, 21, 17)[level]},
        # Apple's players want HEVC under this name, and x265 tells its whole story unless asked not to.
        "hevc": {
            "vcodec": "libx265",
            "preset": "fast",
            "crf": (30, 25, 20)[level],
            "tag:v": "hvc1",
            "x265-params": "log-level=error",
        },
        "av1": {"vcodec": "libsvtav1", "preset": 8, "crf": (42, 34, 26)[level]},
        "h264_nvenc": {"preset": "p4", "rc": "vbr", "cq": (30, 25, 21)[level], "video_bitrate": 0},
        "h264_videotoolbox": {"qscale:v": (45, 60, 72)[level]},
        "h264_qsv": {"preset": "veryfast", "global_quality": (30, 25, 21)[level], "pix_fmt": "nv12"},
    }
    common = {"pix_fmt": "yuv420p", "chroma_sample_location": "center", "movflags": "+faststart"}
    if encoding.encoder == SOFTWARE:
        chosen = choices[encoding.codec]
    else:
        chosen = {"vcodec": encoding.encoder, **choices[encoding.encoder]}
    return Recipe(ending.removeprefix("."), "yuv420p", {**common, **chosen, **_BT709}, _AAC)


def _prores(level: int) -> Recipe:
    """ProRes 4444, which every editing program reads, with uncompressed sound."""
    options = {"vcodec": "prores_ks", "profile:v": "4444", "qscale:v": (16, 9, 4)[level], "alpha_bits": 16}
    options |= {"pix_fmt": "yuva444p10le", "vendor": "apl0"}
    return Recipe("mov", "rgba", {**options, **_FROM_RGB, **_BT709}, {"acodec": "pcm_s16le"})


def _webm(alpha: bool, level: int) -> Recipe:
    options = {"vcodec": "libvpx-vp9", "crf": (40, 32, 24)[level], "video_bitrate": 0, "row-mt": 1}
    options |= {"deadline": "good", "cpu-used": 5}
    sound = {"acodec": "libopus", "audio_bitrate": "128k"}
    if not alpha:
        return Recipe("webm", "yuv420p", {**options, "pix_fmt": "yuv420p", **_BT709}, sound)
    # VP9 cannot show an alternate reference frame and an alpha at once.
    options |= {"pix_fmt": "yuva420p", "auto-alt-ref": 0}
    return Recipe("webm", "rgba", {**options, **_FROM_RGB, **_BT709}, sound)


def _moving_picture(ending: str, pixels: str, level: int) -> Recipe:
    if ending == ".gif":
        colours = (64, 128, 256)[level]
        # One palette for the whole clip, and a dither that stands still, or the background would seethe.
        palette = (
            f"split[a][b];[a]palettegen=max_colors={colours}[p];[b][p]paletteuse=dither=bayer:bayer_scale=4"
        )
        return Recipe("gif", pixels, {"vf": palette, "loop": 0})
    if ending == ".webp":
        quality = (60, 75, 90)[level]
        return Recipe("webp", pixels, {"vcodec": "libwebp_anim", "quality": quality, "loop": 0})
    if ending == ".apng":
        return Recipe("apng", pixels, {"plays": 0, "pred": "mixed"})
    return Recipe("image2", pixels, {"vcodec": "png", "start_number": 0})
