"""Weight files that ship with the project: where they lie and whether they are the ones that were tested."""

import hashlib
import tomllib
from pathlib import Path

from effect.errors import UserError

MODELS_FOLDER = Path(__file__).resolve().parent.parent / "assets" / "models"


def ships(name: str, folder: Path = MODELS_FOLDER) -> bool:
    """Does `weights.toml` list weights of this name? Where it cannot be read, `checked_weights` says why."""
    try:
        return name in tomllib.loads((folder / "weights.toml").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return True


def checked_weights(file_name: str, folder: Path = MODELS_FOLDER) -> Path:
    """The path of a weight file listed in `weights.toml`, after its sha256 was found to be the listed one.

    Raises UserError when the file is missing or not the one listed (a broken download, a Git LFS pointer).
    """
    path = folder / file_name
    try:
        listed = tomllib.loads((folder / "weights.toml").read_text(encoding="utf-8"))
        expected = listed[Path(file_name).stem]["sha256"]
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise UserError(
            f"{error.filename} is missing: restore it with `git checkout -- assets/models`"
        ) from error
    except (KeyError, TypeError) as error:
        raise UserError(f"{file_name} is not listed in {folder / 'weights.toml'}") from error
    except ValueError as error:  # no TOML, or no text
        raise UserError(
            f"{folder / 'weights.toml'} is damaged ({error}): restore it with `git checkout -- assets/models`"
        ) from error
    if hashlib.sha256(content).hexdigest() != expected:
        raise UserError(
            f"{path} is damaged (its sha256 is not the one in weights.toml): "
            "restore it with `git checkout -- assets/models`"
        )
    return path
