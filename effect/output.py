"""Files appear under their final name only when complete, and never over something the user wants to keep."""

from __future__ import annotations

import os
import platform
import re
import secrets
import shutil
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from effect.errors import UserError

STALE_AFTER_SECONDS = 24 * 3600  # a part of another machine cannot be asked whether its run is still alive
FRAME_NAME = re.compile(r"\d+\.png")
_PART_NAME = re.compile(r"\.vanish-(?P<host>[0-9A-Za-z_]*)-(?P<pid>\d+)-[0-9a-f]{8}\.part")


def check_output(
    path: Path, endings: Collection[str], inputs: Sequence[Path] = (), force: bool = False
) -> None:
    """Refuse an output that could not, or must not, be written, before any work is spent on it.

    Raises UserError for an unknown ending, a folder, a missing or unwritable folder, one of the `inputs`, and
    an existing file without `force`.
    """
    if path.suffix.lower() not in endings:
        raise UserError(f"{path}: unknown ending {path.suffix!r}, use one of {', '.join(endings)}")
    if path.is_dir():
        raise UserError(f"{path} is a folder: name a file in it")
    for source in inputs:
        if source.exists() and path.exists() and os.path.samefile(source, path):
            raise UserError(f"{path} is an input of this run: choose another output name")
    refuse_existing(path, force)
    check_folder_writable(path.parent)


def check_output_folder(path: Path, inputs: Sequence[Path] = (), force: bool = False) -> None:
    """Refuse a folder of frames that must not be made; UserError as `check_output` gives it."""
    for source in inputs:
        if path.resolve() in source.resolve().parents:
            raise UserError(f"{path} holds {source.name}, an input of this run: choose another folder")
    _refuse_existing_folder(path, force)
    check_folder_writable(path.parent)


def check_folder_writable(folder: Path) -> None:
    """Sweep out the parts that dead runs left in `folder`; UserError where no file can be made in it."""
    if not folder.is_dir():
        raise UserError(f"{folder} is not a folder: create it first")
    remove_stale_parts(folder)
    probe = _part_path(folder)
    try:
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise UserError(f"cannot write into {folder} ({error.strerror}): choose another folder") from error


def refuse_existing(path: Path, force: bool) -> None:
    """Raise UserError when `path` exists and may not be replaced."""
    if not os.path.lexists(path):
        return
    if not force:
        raise UserError(f"{path} exists: add --force to replace it")
    if path.exists() and not os.access(path, os.W_OK):
        raise UserError(f"{path} is read-only: change its permissions or choose another name")


@contextmanager
def completed_file(path: Path, force: bool = False) -> Iterator[Path]:
    """Yield a hidden part file beside `path`; rename it when the block succeeds, remove it when it raises.

    The part lies in the same folder so that the rename is atomic. A write that fails raises UserError.
    """
    part = _part_path(path.parent)
    try:
        part.touch()
        yield part
        refuse_existing(path, force)  # another run may have finished the same file meanwhile
        os.replace(part, path)
    except OSError as error:
        reason = error.strerror or error
        raise UserError(f"cannot write {path} ({reason}): free space or choose another folder") from error
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def completed_folder(path: Path, force: bool = False) -> Iterator[Path]:
    """As `completed_file`, for a folder of numbered PNG files."""
    part = _part_path(path.parent)
    try:
        part.mkdir()
        yield part
        _refuse_existing_folder(path, force)
        if path.is_dir():
            shutil.rmtree(path)
        os.replace(part, path)
    except OSError as error:
        reason = error.strerror or error
        raise UserError(f"cannot write {path} ({reason}): free space or choose another folder") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _refuse_existing_folder(path: Path, force: bool) -> None:
    """--force replaces frames, and nothing that anyone may have put beside them."""
    if not os.path.lexists(path):
        return
    if path.is_symlink() or not path.is_dir():
        raise UserError(f"{path} is no folder: choose another name for the folder of frames")
    if others := [entry.name for entry in path.iterdir() if not FRAME_NAME.fullmatch(entry.name)]:
        raise UserError(f"{path} holds {sorted(others)[0]}, which is no frame: choose a new folder")
    if not force and any(path.iterdir()):
        raise UserError(f"{path} exists: add --force to replace its frames")


def write_text(path: Path, text: str) -> None:
    """Replace the file at `path` by `text` (UTF-8), atomically."""
    with completed_file(path, force=True) as part:
        part.write_text(text, encoding="utf-8")


def remove_stale_parts(folder: Path) -> None:
    """Remove part files in `folder` whose run is dead."""
    for part in folder.glob(".vanish-*.part"):
        name = _PART_NAME.fullmatch(part.name)
        if name and _is_stale(part, name["host"], int(name["pid"])):
            if part.is_dir():
                shutil.rmtree(part, ignore_errors=True)
            else:
                part.unlink(missing_ok=True)


def _part_path(folder: Path) -> Path:
    return folder / f".vanish-{_host()}-{os.getpid()}-{secrets.token_hex(4)}.part"


def _host() -> str:
    return re.sub(r"[^0-9A-Za-z]", "_", platform.node())


def _is_stale(part: Path, host: str, pid: int) -> bool:
    if host == _host() and not _is_alive(pid):
        return True
    try:
        return time.time() - part.stat().st_mtime > STALE_AFTER_SECONDS
    except FileNotFoundError:  # its run has just finished
        return False


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        pass
    return True
