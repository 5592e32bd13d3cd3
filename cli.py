"""The command line: `python cli.py vanish PHOTO -o OUT.mp4`, and the verbs around it."""

from __future__ import annotations

import argparse
import atexit
import io
import json
import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from effect.errors import UserError
from effect.formats import ENDINGS
from pipelines.arguments import (
    KeyValue,
    Parser,
    add_clip_options,
    add_file_options,
    add_inpainter_option,
    add_person_options,
    add_photo_and_output,
    add_verb,
)

if TYPE_CHECKING:
    from pipelines.models import Models
    from pipelines.settings import Settings
    from pipelines.watch import Watch

SUCCESS, SOME_FAILED, BAD_INPUT, UNHEARD, INTERRUPTED = 0, 1, 2, 120, 130  # 120 as Python has it
Report = dict[str, object]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb; the exit code is 0, 1 (a photo of a batch failed), 2 (bad input) or 130 (Ctrl-C)."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # file names may hold bytes that are no text
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # leave nothing behind then, either
    try:
        options = _parser().parse_args(arguments)
        return options.run(options)
    except UserError as error:
        return _fail(str(error))
    except OSError as error:
        return _fail(f"{error.filename or 'cannot continue'}: {error.strerror or error}")
    except MemoryError:
        return _fail("out of memory: use a smaller --size")
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED


def _render_verb(options: argparse.Namespace) -> int:
    from pipelines.models import Models
    from pipelines.watch import Watch

    settings, watch = _settings(options), Watch(options.quiet)
    with Models(settings, watch) as models:
        report = options.job(options, settings, models, watch)
    if options.json:
        print(json.dumps(report))
    elif not options.quiet:
        print(f"{report['output']}: done in {report['seconds']} s, {report['peak_memory_mib']} MiB at most")
    return SUCCESS


def _vanish(options: argparse.Namespace, settings: Settings, models: Models, watch: Watch) -> Report:
    from pipelines.render import vanish

    return vanish(options.photo, options.output, settings, models, watch)


def _segment(options: argparse.Namespace, settings: Settings, models: Models, watch: Watch) -> Report:
    from pipelines.stills import segment

    return segment(options.photo, options.output, settings, models, watch)


def _restore(options: argparse.Namespace, settings: Settings, models: Models, watch: Watch) -> Report:
    from pipelines.stills import restore

    return restore(options.photo, options.output, settings, models, watch)


def _frame(options: argparse.Namespace, settings: Settings, models: Models, watch: Watch) -> Report:
    from pipelines.stills import frame

    return frame(options.photo, options.output, options.time, settings, models, watch)


def _sheet(options: argparse.Namespace, settings: Settings, models: Models, watch: Watch) -> Report:
    from pipelines.stills import sheet

    return sheet(options.photo, options.output, settings, models, watch)


def _batch(options: argparse.Namespace) -> int:
    from pipelines.batch import batch
    from pipelines.watch import Watch

    watch, ending = Watch(options.quiet), f".{options.format}"
    settings = _settings(options)
    summary = batch(options.folder, options.output, ending, settings, options.jobs, watch)
    if options.json:
        print(json.dumps(summary))
    elif not options.quiet:
        print("{done} done, {skipped} skipped, {failed} failed in {seconds} s".format(**summary))
    return SOME_FAILED if summary["failed"] else SUCCESS


def _presets(options: argparse.Namespace) -> int:
    from effect.preset import load_preset, preset_names, preset_text

    if options.name:
        print(preset_text(options.name), end="")
        return SUCCESS
    width = max(map(len, preset_names()))
    for name in preset_names():
        print(f"{name:{width}}  {load_preset(name).description}")
    return SUCCESS


def _sprites(options: argparse.Namespace) -> int:
    from effect.sprites import faults_of, sprite_folders

    faults = {folder: faults_of(folder) for folder in sprite_folders(options.folder)}
    for folder, found in faults.items():
        print("\n".join(f"{folder}: {fault}" for fault in found or ["all is well"]))
    return SOME_FAILED if any(faults.values()) else SUCCESS


def _train(options: argparse.Namespace) -> int:
    from pipelines.train.job import train_files

    return _lab(train_files, options)


def _study(options: argparse.Namespace) -> int:
    from pipelines.train.study import study

    return _lab(study, options)


def _evaluate(options: argparse.Namespace) -> int:
    from pipelines.evaluate import evaluate_files

    return _lab(evaluate_files, options)


def _export(options: argparse.Namespace) -> int:
    from pipelines.export import export_files

    return _lab(export_files, options)


def _lab(job: Callable[..., str | None], options: argparse.Namespace) -> int:
    text = job(**{key: value for key, value in vars(options).items() if key != "run"})
    print(text or "", end="\n" if text else "")
    return SUCCESS


def _settings(options: argparse.Namespace) -> Settings:
    """The options as settings; one that was not given keeps the default that Settings states."""
    from pipelines.settings import Settings, parse_size

    given = {key: value for key, value in vars(options).items() if key in Settings.__dataclass_fields__}
    if "size" in given:
        given["size"] = parse_size(given["size"])
    if "butterflies" in options:
        given["overrides"] = {**given.get("overrides", {}), "butterflies": options.butterflies}
    return Settings(**given)


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="cli.py", description=__doc__, allow_abbrev=False)
    verbs = parser.add_subparsers(title="verbs", required=True, metavar="VERB")

    vanish = add_verb(verbs, "vanish", "render the clip of one photo", run=_render_verb, job=_vanish)
    add_photo_and_output(vanish, "OUT.mp4")
    add_clip_options(vanish)
    add_file_options(vanish)

    batch = add_verb(verbs, "batch", "render the clips of a folder of photos", run=_batch)
    batch.add_argument("folder", type=Path, metavar="FOLDER", help="also searched below")
    batch.add_argument("-o", "--output", type=Path, required=True, metavar="FOLDER", help="for the clips")
    formats = [ending.removeprefix(".") for ending in ENDINGS]
    batch.add_argument("--format", choices=formats, default="mp4", help="of the clips (default mp4)")
    batch.add_argument("--jobs", type=int, default=1, metavar="N", help="photos at a time (default 1)")
    add_clip_options(batch)
    add_file_options(batch)
    batch.set_defaults(audio="none")

    segment = add_verb(verbs, "segment", "save the person's matte", run=_render_verb, job=_segment)
    add_photo_and_output(segment, "MATTE.png")
    add_person_options(segment)

    restore = add_verb(verbs, "restore", "save the background alone", run=_render_verb, job=_restore)
    add_photo_and_output(restore, "PLATE.png")
    add_person_options(restore)
    add_inpainter_option(restore)
    restore.add_argument("--sketch", type=Path, metavar="PNG", help="white strokes where edges belong")

    frame = add_verb(verbs, "frame", "save one frame of the clip", run=_render_verb, job=_frame)
    add_photo_and_output(frame, "STILL.png")
    frame.add_argument("--time", type=float, required=True, metavar="SECONDS", help="in the clip")
    add_clip_options(frame)

    sheet = add_verb(verbs, "sheet", "save eight moments of the clip", run=_render_verb, job=_sheet)
    add_photo_and_output(sheet, "SHEET.png")
    add_clip_options(sheet)

    presets = verbs.add_parser("presets", help="list the presets, or print one", allow_abbrev=False)
    presets.add_argument("name", nargs="?", metavar="NAME", help="print this preset, to start your own from")
    presets.set_defaults(run=_presets)

    sprites = verbs.add_parser("sprites", help="check butterflies of your own", allow_abbrev=False)
    sprites.add_argument(
        "folder", type=Path, metavar="FOLDER", help="one butterfly's, or one that holds several"
    )
    sprites.set_defaults(run=_sprites)
    _add_lab_verbs(verbs)
    return parser


def _add_lab_verbs(verbs: Any) -> None:
    train = verbs.add_parser("train", help="train an inpainting network", allow_abbrev=False)
    train.set_defaults(run=_train)
    distill = verbs.add_parser("distill", help="train one that imitates a larger one", allow_abbrev=False)
    distill.set_defaults(run=_train)
    distill.add_argument(
        "--teacher", type=Path, required=True, metavar="WEIGHTS", help="the network to learn from"
    )
    for add in (train.add_argument, distill.add_argument):
        add("recipe", type=Path, metavar="RECIPE", help="a shipped one's name, or a file")
        add("--resume", action="store_true", help="go on with the run that the folder holds")
        add("--edges", type=Path, metavar="FILE", help="weights of the network edges, for edgeconnect")
        add("--judge", type=Path, metavar="CHECKPOINT", help="begin with this run's discriminator")
    study = verbs.add_parser("study", help="train and score one of the lab's tables", allow_abbrev=False)
    study.set_defaults(run=_study)
    study.add_argument("name", choices=["networks", "gan", "attack", "ladder", "distill"])
    study.add_argument("--teacher", type=Path, metavar="WEIGHTS", help="for the rows that are distilled")
    evaluate = verbs.add_parser("evaluate", help="score trained networks", allow_abbrev=False)
    evaluate.set_defaults(run=_evaluate)
    evaluate.add_argument("weights", type=Path, nargs="+", metavar="WEIGHTS", help="safetensors files")
    evaluate.add_argument("--attack", type=float, default=0.0, metavar="SHARE", help="bite the masks")
    evaluate.add_argument("--sheet", type=Path, metavar="PNG", help="also draw the first photos")
    evaluate.add_argument("--json", action="store_true", help="instead of a table")
    export = verbs.add_parser(
        "export", help="write a network as ONNX or for ExecuTorch, checked", allow_abbrev=False
    )
    export.set_defaults(run=_export)
    export.add_argument("weights", type=Path, metavar="WEIGHTS", help="a safetensors file")
    export.add_argument("-o", "--output", type=Path, required=True, metavar="FILE.onnx|FILE.pte")
    export.add_argument(
        "--int8", action="store_true", help="convolutions of 8 bits, calibrated with --photos"
    )
    export.add_argument("--size", dest="size_px", type=int, default=128, metavar="PIXELS", help="default 128")
    export.add_argument("--force", action="store_true", help="replace what exists")
    _add_place(export.add_argument, "--photos", "photos to calibrate with, and to check with")
    _add_place(export.add_argument, "--masks", "silhouettes to calibrate with, white = person")
    for add in (train.add_argument, distill.add_argument, study.add_argument):
        add(
            "--run", dest="run_folder", type=Path, required=True, metavar="FOLDER", help="for what is trained"
        )
        add("--steps", type=int, metavar="N", help="stop at this step, not at the recipe's")
        add("--start", type=Path, metavar="FILE", help="weights or checkpoint to begin with")
        add("--set", dest="overrides", action=KeyValue, default={}, metavar="SECTION.KEY=VALUE")
        _add_place(add, "--held-out", "photos to score on")
    for add in (study.add_argument, evaluate.add_argument):
        add("--size", dest="size_px", type=int, default=128, metavar="PIXELS", help="default 128")
        add("--count", type=int, default=0, metavar="N", help="only the first N photos")
        add("--band", dest="band_px", type=int, default=0, metavar="PIXELS", help="repaint around the hole")
    for add in (train.add_argument, distill.add_argument, study.add_argument, evaluate.add_argument):
        _add_place(add, "--photos", "photos without people")
        _add_place(add, "--masks", "silhouettes of people, white = person")
        _add_place(add, "--persons", "cut-out people (RGBA), to paste into the photos")
        add("--vgg", type=Path, metavar="FILE", help="VGG16's weights, or the word torchvision")


def _add_place(add: Callable[..., object], option: str, purpose: str) -> None:
    add(option, type=Path, nargs="+", default=[], metavar="FOLDER|TAR", help=purpose)


def _fail(reason: str) -> int:
    print("error: " + " ".join(reason.split()), file=sys.stderr)
    return BAD_INPUT


def _leave(code: int) -> None:
    """End the process without what Python does last: taking compiled code and networks apart takes half a second."""
    try:
        atexit._run_exitfuncs()
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()
    except OSError:  # nobody reads any more, or the disk is full
        code = code or UNHEARD
    finally:
        os._exit(code)


if __name__ == "__main__":
    _leave(main())
