"""The weights that ship: listed, whole, or refused with a clear line."""

import hashlib
import tomllib
from pathlib import Path

import pytest

from effect.errors import UserError
from effect.inpaint import open_inpainter
from effect.weights import MODELS_FOLDER, checked_weights


def models_folder(tmp_path: Path, content: bytes, sha256: str) -> Path:
    (tmp_path / "gated.safetensors").write_bytes(content)
    (tmp_path / "weights.toml").write_text(f'[gated]\nfile = "gated.safetensors"\nsha256 = "{sha256}"\n')
    return tmp_path


def test_weights_are_the_listed_ones(tmp_path: Path):
    content = b"some weights"
    folder = models_folder(tmp_path, content, hashlib.sha256(content).hexdigest())
    assert checked_weights("gated.safetensors", folder) == folder / "gated.safetensors"


@pytest.mark.parametrize("content", [b"some weight", b"", b"version https://git-lfs.github.com/spec/v1\n"])
def test_damaged_weights_are_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes):
    folder = models_folder(tmp_path, content, hashlib.sha256(b"some weights").hexdigest())
    with pytest.raises(UserError, match="damaged"):
        checked_weights("gated.safetensors", folder)
    monkeypatch.setattr("effect.inpaint.network.checked_weights", lambda name: checked_weights(name, folder))
    with pytest.raises(UserError, match="damaged"):  # telea must not hide a broken installation
        open_inpainter("gated")


def test_all_that_is_listed_is_whole():
    listed = tomllib.loads((MODELS_FOLDER / "weights.toml").read_text(encoding="utf-8"))
    assert {"gated", "gated_look", "gated_colours", "small", "small_look"} < set(listed)
    for name, facts in listed.items():
        assert facts["file"].startswith(f"{name}.") and checked_weights(facts["file"]).is_file()


@pytest.mark.parametrize("lost", ["gated.safetensors", "weights.toml"])
def test_missing_files_are_named(tmp_path: Path, lost: str):
    folder = models_folder(tmp_path, b"some weights", "0" * 64)
    (folder / lost).unlink()
    with pytest.raises(UserError, match=f"{lost} is missing"):
        checked_weights("gated.safetensors", folder)


@pytest.mark.parametrize("text", ["[gated", "gated = 3", "\x00"])
def test_a_damaged_list_of_weights_is_named(tmp_path: Path, text: str):
    models_folder(tmp_path, b"some weights", "0" * 64)
    (tmp_path / "weights.toml").write_text(text)
    with pytest.raises(UserError, match=r"weights\.toml"):
        checked_weights("gated.safetensors", tmp_path)


def test_unlisted_weights_are_refused(tmp_path: Path):
    folder = models_folder(tmp_path, b"some weights", "0" * 64)
    (folder / "mine.safetensors").write_bytes(b"mine")
    with pytest.raises(UserError, match="not listed"):
        checked_weights("mine.safetensors", folder)
