"""The options that several verbs share, and how their texts are read."""

from __future__ import annotations

import argparse
import os
from fractions import Fraction
from pathlib import Path
from typing import Any, NoReturn

from effect.errors import UserError

MOST_ASPECT = 4


class Parser(argparse.ArgumentParser):
    """A parser whose complaints are one line, like all others."""

    def error(self, message: str) -> NoReturn:
        raise UserError(f"{message} (see `{self.prog} --help`)")


def add_verb(verbs: Any, name: str, purpose: str, **defaults: object) -> argparse.ArgumentParser:
    # SUPPRESS: an option that is not given stays out of the namespace, so that Settings alone states defaults
    verb = verbs.add_parser(
        name, help=purpose, description=purpose, allow_abbrev=False, argument_default=argparse.SUPPRESS
    )
    verb.set_defaults(**defaults)
    verb.add_argument("--force", action="store_true", help="replace what exists")
    verb.add_argument("--quiet", action="store_true", default=False, help="print nothing but errors")
    verb.add_argument("--json", action="store_true", default=False, help="print stages, seconds, memory")
    return verb


def add_photo_and_output(verb: argparse.ArgumentParser, example: str) -> None:
    """What goes in and what comes out; a clip's output may be a folder."""
    verb.add_argument("photo", type=Path, metavar="PHOTO")
    is_clip = example.endswith(".mp4")
    kinds = "also .mov .webm .gif .webp .apng, or FOLDER/ for PNG files" if is_clip else None
    verb.add_argument(
        "-o", "--output", type=clip_path if is_clip else Path, required=True, metavar=example, help=kinds
    )


def add_clip_options(verb: argparse.ArgumentParser) -> None:
    clip = verb.add_argument_group("the clip")
    clip.add_argument("--preset", dest="preset_name", metavar="NAME|FILE.toml", help="see the verb presets")
    clip.add_argument(
        "--set", dest="overrides", action=KeyValue, metavar="KEY=VALUE", help="a preset key (repeatable)"
    )
    clip.add_argument("--butterflies", metavar="N", help="how many")
    clip.add_argument("--seed", type=int, metavar="N", help="same seed, same frames")
    clip.add_argument("--duration", dest="duration_seconds", type=float, metavar="SECONDS", help="whole clip")
    clip.add_argument("--fps", type=_frame_rate, metavar="N", help="frames per second, also 30000/1001")
    clip.add_argument("--size", metavar="WxH", help="fit and crop around the person")
    clip.add_argument("--aspect", type=_aspect, metavar="9:16|1:1|16:9", help="crop around the person")
    clip.add_argument("--sprites", type=Path, metavar="FOLDER", help="butterflies of your own")
    add_person_options(verb)
    add_inpainter_option(verb)
    verb.add_argument("--plate", type=Path, metavar="IMAGE", help="a ready background: nothing is restored")


def add_file_options(verb: argparse.ArgumentParser) -> None:
    """How a clip is written; what the words mean is in effect.formats and effect.sound."""
    file = verb.add_argument_group("the file")
    file.add_argument("--alpha", action="store_true", help="person and butterflies without the photo")
    file.add_argument("--quality", choices=["low", "medium", "high"], help="default high")
    file.add_argument("--codec", choices=["h264", "hevc", "av1"], help="for .mp4, default h264")
    file.add_argument(
        "--encoder", metavar="h264_nvenc|h264_videotoolbox|h264_qsv", help="a graphics card's, if it has one"
    )
    file.add_argument(
        "--audio", metavar="FILE|flutter|none", help="wings and chimes by default; a batch is silent"
    )


def add_person_options(verb: argparse.ArgumentParser) -> None:
    person = verb.add_argument_group("the person")
    person.add_argument("--mask", type=Path, metavar="PNG", help="white = who goes; people outside it stay")
    person.add_argument("--at", action="append", type=_pixel, metavar="X,Y", help="only this person")
    person.add_argument("--segmenter", choices=["mediapipe", "sam"], help="default mediapipe")
    person.add_argument("--sam-checkpoint", type=Path, metavar="FILE", help="weights for --segmenter sam")
    person.add_argument("--edges", choices=["matting", "fast"], help="default matting: best for hair")


def add_inpainter_option(verb: argparse.ArgumentParser) -> None:
    choices = ["gated", "small", "telea"]
    verb.add_argument("--inpainter", choices=choices, help="default gated; small: of phone size")
    verb.add_argument("--weights", type=Path, metavar="FILE", help="of a network you trained, for gated")


class KeyValue(argparse.Action):
    """Collects KEY=VALUE pairs into a dictionary."""

    def __call__(self, parser: object, namespace: argparse.Namespace, values: Any, _: object = None) -> None:
        key, equals, value = values.partition("=")
        if not (key and equals):
            raise UserError(f"--set is written like KEY=VALUE, not {values!r}")
        setattr(namespace, self.dest, {**getattr(namespace, self.dest, {}), key.strip(): value.strip()})


def _frame_rate(text: str) -> Fraction:
    try:
        return Fraction(text).limit_denominator(1001)
    except (ValueError, ZeroDivisionError, OverflowError):
        raise UserError(f"--fps is a number such as 30, 29.97 or 30000/1001, not {text!r}") from None


def _aspect(text: str) -> Fraction:
    width, colon, height = text.partition(":")
    if not (colon and width.isdecimal() and height.isdecimal() and len(text) <= 9 and int(height)):
        raise UserError(f"--aspect is written like 9:16, 1:1 or 16:9, not {text!r}")
    aspect = Fraction(int(width), int(height))
    if not Fraction(1, MOST_ASPECT) <= aspect <= MOST_ASPECT:
        raise UserError(f"--aspect must be from 1:{MOST_ASPECT} to {MOST_ASPECT}:1, not {text}")
    return aspect


def clip_path(text: str) -> Path:
    """The name of a clip; only one that ends in / may go without an ending, for it is a folder of frames."""
    path = Path(text)
    is_folder = text.endswith(("/", os.sep))
    if is_folder and path.suffix:
        raise UserError(f"{text}: a folder of frames has no dot in its name")
    if not is_folder and not path.suffix:
        raise UserError(f"{text}: unknown ending, name a clip like {text}.mp4, or a folder of frames {text}/")
    return path


def _pixel(text: str) -> tuple[int, int]:
    x, _, y = text.partition(",")
    try:
        return int(x), int(y)
    except ValueError:
        raise UserError(f"--at is a pixel written like 640,480, not {text!r}") from None
