"""Frames and sound to a file, at a constant frame rate. The one place that runs ffmpeg."""

from __future__ import annotations

import queue
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from effect.errors import UserError
from effect.formats import MOST_GIF_BYTES, PNG_FOLDER, VIDEO, Encoding, Recipe, recipe_for
from effect.output import completed_file, completed_folder

MIN_FPS, MAX_FPS = Fraction(1), Fraction(120)
MIN_DURATION_SECONDS, MAX_DURATION_SECONDS = 0.1, 300.0
MIN_SIDE_PX, MAX_SIDE_PX = 32, 4096  # every H.264 decoder in use takes 4096
SOUND_RATE = 48_000  # samples a second
_COLOUR_TAGS = ("colorspace", "color_primaries", "color_trc", "color_range")
_FRAMES_AHEAD = 4  # enough to keep the encoder busy, few enough to stay small in memory


def write_video(
    frames: Iterable[NDArray[np.uint8]],
    path: Path,
    size: tuple[int, int],
    fps: Fraction,
    frame_count: int,
    force: bool = False,
    threads: int = 0,
    encoding: Encoding = VIDEO,
    sound: NDArray[np.float32] | None = None,
) -> None:
    """Encode exactly `frame_count` uint8 frames of `size` (even width, even height) to `path`.

    Frames are RGB (H, W, 3), or RGBA (H, W, 4) where the encoding asks for alpha; `sound` is float32 (n, 2) at
    SOUND_RATE. The ending of `path` chooses the format; a name without one becomes a folder of numbered PNGs.
    `threads` limits the encoder (0: all cores). The file appears under its name only when it is complete;
    whatever goes wrong (also in `frames`, also Ctrl-C) leaves nothing behind. Raises UserError when ffmpeg is
    missing or fails, ValueError when the frames are not as announced.
    """
    if size[0] % 2 or size[1] % 2:
        raise ValueError(f"yuv420p needs even sizes, not {size[0]}x{size[1]}")
    ending = path.suffix.lower()
    recipe = recipe_for(ending, encoding)
    if recipe.muxer == "gif" and 4 * size[0] * size[1] * frame_count > MOST_GIF_BYTES:
        raise UserError(f"a GIF of {frame_count} frames cannot be this large: use a smaller --size, or .webp")
    completed = completed_folder if ending == PNG_FOLDER else completed_file
    with completed(path, force) as part, _sound_file(sound if recipe.sound else None) as sound_path:
        with _Encoder(_command(part, recipe, size, fps, threads, sound_path), recipe, size) as encoder:
            handed = 0
            for frame in frames:
                encoder.put(frame)
                handed += 1
            counted = encoder.finish()
        # An animated WebP leaves its encoder in one piece, so ffmpeg counts one frame.
        encoded = handed if recipe.muxer == "webp" else counted
        if encoded != frame_count:
            raise ValueError(f"{encoded} frames encoded, {frame_count} announced")


def is_complete_clip(path: Path) -> bool:
    """Whether an MP4/MOV file holds its index and is as long as its boxes say: false for a cut-off file."""
    end, found = 0, set()
    with path.open("rb") as stream:
        file_size = stream.seek(0, 2)
        while end < file_size:
            stream.seek(end)
            header = stream.read(16)
            box_size = int.from_bytes(header[:4], "big")
            if box_size == 1:
                box_size = int.from_bytes(header[8:16], "big")
            if box_size < 8:
                return False
            found.add(header[4:8])
            end += box_size
    return end == file_size and {b"moov", b"mdat"} <= found


class _Encoder:
    """A running ffmpeg, fed by a thread of its own so that drawing and converting overlap with encoding."""

    def __init__(self, command: list[str], recipe: Recipe, size: tuple[int, int]) -> None:
        self._shape = (size[1], size[0], 4 if recipe.pixels == "rgba" else 3)
        if recipe.pixels == "yuv420p":
            from effect.yuv import yuv420_bt709  # not at the top: compiled code takes a while to load

            self._raw: Callable[[NDArray[np.uint8]], NDArray[np.uint8]] = yuv420_bt709
        else:
            self._raw = np.ascontiguousarray
        self._queue: queue.Queue[NDArray[np.uint8] | None] = queue.Queue(_FRAMES_AHEAD)
        self._stderr: IO[bytes] = tempfile.TemporaryFile()
        self._progress: IO[bytes] = tempfile.TemporaryFile()
        self._process = _start(command, self._progress, self._stderr)
        self._pipe_error: OSError | None = None
        self._feeder = threading.Thread(target=self._feed, name="feed-ffmpeg", daemon=True)

    def __enter__(self) -> _Encoder:
        self._feeder.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        if self._feeder.is_alive():
            self._put(None)
        self._feeder.join()
        self._stderr.close()
        self._progress.close()

    def put(self, frame: NDArray[np.uint8]) -> None:
        """Queue one frame; waits while the encoder is behind."""
        if frame.shape != self._shape or frame.dtype != np.uint8:
            raise ValueError(f"frame is {frame.dtype} {frame.shape}, the clip is uint8 {self._shape}")
        self._put(frame)
        if self._pipe_error:
            self._raise_failure()

    def finish(self) -> int:
        """Wait until everything is on disk; the number of frames that ffmpeg encoded."""
        self._put(None)
        self._feeder.join()
        if self._process.wait() != 0 or self._pipe_error:
            self._raise_failure()
        self._progress.seek(0)
        counts = [line for line in self._progress.read().splitlines() if line.startswith(b"frame=")]
        return int(counts[-1].removeprefix(b"frame=")) if counts else 0

    def _put(self, frame: NDArray[np.uint8] | None) -> None:
        while self._feeder.is_alive():
            try:
                return self._queue.put(frame, timeout=0.1)
            except queue.Full:
                pass

    def _feed(self) -> None:
        assert self._process.stdin
        try:
            while (frame := self._queue.get()) is not None:
                self._process.stdin.write(self._raw(frame).data)
            self._process.stdin.close()
        except OSError as error:  # ffmpeg is gone; its own last words tell why
            self._pipe_error = error

    def _raise_failure(self) -> None:
        code = self._process.wait()
        self._stderr.seek(0)
        lines = self._stderr.read().decode(errors="replace").strip().splitlines()
        reason = " ... ".join(
            dict.fromkeys(lines[:1] + lines[-1:])
        )  # the cause comes first, the outcome last
        raise UserError(f"ffmpeg failed with code {code}: {reason or 'it gave no reason'}")


def ffmpeg_executable() -> str:
    """Where ffmpeg is. UserError when it is nowhere."""
    import imageio_ffmpeg  # not at the top: whoever only looks at a picture needs no encoder

    try:
        return imageio_ffmpeg.get_ffmpeg_exe()
    except RuntimeError as error:
        raise UserError(
            "ffmpeg not found: run `pip install imageio-ffmpeg`, or set IMAGEIO_FFMPEG_EXE"
        ) from error


@cache
def encoder_fault(encoder: str) -> str | None:
    """Why ffmpeg cannot use this encoder on this machine, in its own words; None if it can."""
    trial = f"-hide_banner -loglevel error -f lavfi -i color=s=256x256:d=0.2 -c:v {encoder} -f null -"
    process = subprocess.run([ffmpeg_executable(), *trial.split()], capture_output=True)
    return None if process.returncode == 0 else process.stderr.decode(errors="replace").strip().split("\n")[0]


def _command(
    part: Path, recipe: Recipe, size: tuple[int, int], fps: Fraction, threads: int, sound: Path | None
) -> list[str]:
    """The ffmpeg call; video is handed over as BT.709 where nothing is left for ffmpeg to convert."""
    import ffmpeg

    rate = f"{fps.numerator}/{fps.denominator}"
    tags = {key: recipe.options[key] for key in _COLOUR_TAGS if recipe.pixels == "yuv420p"}
    raw = ffmpeg.input(
        "pipe:", format="rawvideo", pix_fmt=recipe.pixels, video_size=size, framerate=rate, **tags
    )
    sources = [raw, ffmpeg.input(str(sound), format="f32le", ar=SOUND_RATE, ac=2)] if sound else [raw]
    name = str(part.resolve())
    if part.is_dir():
        name = name.replace("%", "%%") + "/%05d.png"  # ffmpeg puts the frame's number in
    encoded = ffmpeg.output(
        *sources,
        f"file:{name}",  # the prefix keeps ffmpeg from reading a protocol into an odd folder name
        **{"format": recipe.muxer, "r": rate, "threads": threads, "map_metadata": -1},
        **recipe.options,
        **((recipe.sound or {}) if sound else {}),
    )
    quiet = encoded.global_args("-hide_banner", "-loglevel", "error", "-nostats", "-progress", "pipe:1")
    return quiet.overwrite_output().compile(cmd=ffmpeg_executable())


@contextmanager
def _sound_file(sound: NDArray[np.float32] | None) -> Iterator[Path | None]:
    """The samples in a temporary file, for ffmpeg's second input."""
    if sound is None:
        yield None
        return
    with tempfile.NamedTemporaryFile(prefix="vanish-", suffix=".f32") as file:
        file.write(sound.astype("<f4").tobytes())
        file.flush()
        yield Path(file.name)


def _start(command: list[str], stdout: IO[bytes], stderr: IO[bytes]) -> subprocess.Popen[bytes]:
    try:
        # A process group of its own: Ctrl-C must not reach ffmpeg, which would finish a clip too short.
        return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=stdout, stderr=stderr, process_group=0)
    except OSError as error:
        raise UserError(f"cannot start {command[0]} ({error.strerror}): reinstall imageio-ffmpeg") from error
