"""Export: an ONNX file that computes what torch does, at any size, without the project; 8 bits; what is refused."""

import importlib.metadata
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from packaging.requirements import Requirement
from PIL import Image
from untrained import save_untrained

from effect.errors import UserError
from effect.inpaint.nets import build, load_generator
from pipelines import executorch_file, onnx_file
from pipelines import export as exporting

pytest.importorskip("onnxruntime")
saved = partial(save_untrained, seed=2)
SIZE = 64


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """small.onnx and small8.onnx with the weights they come from, two photos and a silhouette."""
    folder = tmp_path_factory.mktemp("export")
    weights = saved(folder, channels=8, conv="separable")
    rng = np.random.default_rng(1)
    for place in ("photos", "masks"):
        (folder / place).mkdir()
    for number in range(2):
        coarse = Image.fromarray(rng.integers(0, 256, (9, 12, 3), np.uint8))
        coarse.resize((96, 72), Image.Resampling.BICUBIC).save(folder / "photos" / f"{number}.png")
    shape = np.zeros((90, 40), np.uint8)
    shape[5:85, 8:32] = 255
    Image.fromarray(shape).save(folder / "masks" / "person.png")
    pictures = {"photos": [folder / "photos"], "masks": [folder / "masks"], "size_px": SIZE}
    exporting.export_files(weights, folder / "small.onnx", **pictures)
    exporting.export_files(weights, folder / "small8.onnx", int8=True, **pictures)
    return folder


@pytest.mark.parametrize("height, width", [(128, 128), (96, 160), (64, 72)])
def test_the_file_computes_what_torch_does_at_every_size(folder: Path, height: int, width: int):
    inputs = exporting.noise_of(height, width, 8)
    assert inputs["rgb"].shape[2:] == (height, width)
    with torch.inference_mode():
        generator = load_generator(folder / "gated.safetensors")
        wanted = generator(*(torch.from_numpy(inputs[name]) for name in ("rgb", "hole")))[-1].numpy()
    painted = onnx_file.run(onnx_file.open_session(folder / "small.onnx"), inputs)
    np.testing.assert_allclose(painted, wanted, atol=1e-3)
    assert wanted.std() > 0.01


def test_eight_bits_are_smaller_and_nearly_the_same(folder: Path):
    inputs = exporting.noise_of(SIZE, SIZE, 8)
    both = [onnx_file.run(onnx_file.open_session(folder / f"small{bits}.onnx"), inputs) for bits in ("", "8")]
    assert 0 < np.abs(both[0] - both[1]).mean() < 0.1
    import onnx

    kinds = [
        {w.data_type for w in onnx.load(folder / f"small{bits}.onnx").graph.initializer} for bits in ("", "8")
    ]
    assert onnx.TensorProto.INT8 not in kinds[0] and onnx.TensorProto.INT8 in kinds[1]
    left = {path.name for path in folder.iterdir()}
    assert left == {"gated.safetensors", "small.onnx", "small8.onnx", "photos", "masks"}


ALONE = """
import sys
for name in ("torch", "cv2", "onnx", "safetensors", "effect", "pipelines"):
    try:
        __import__(name)
    except ImportError:
        continue
    raise SystemExit(name + " could be imported")
import numpy as np, onnxruntime
from PIL import Image
photo = Image.open(sys.argv[2]).convert("RGB").resize((96, 64))
rgb = np.asarray(photo, np.float32).transpose(2, 0, 1)[None] / 127.5 - 1
hole = np.zeros((1, 1, 64, 96), np.float32)
hole[..., 20:50, 30:60] = 1
session = onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
painted = session.run(None, {"rgb": rgb, "hole": hole})[0]
restored = np.clip((rgb * (1 - hole) + painted * hole + 1) * 127.5, 0, 255).round().astype(np.uint8)
Image.fromarray(restored[0].transpose(1, 2, 0)).save(sys.argv[3])
"""


@pytest.fixture(scope="module")
def bare_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The python of a virtual environment that holds onnxruntime, numpy, Pillow and what these require, nothing else.

    The packages are linked, not installed: tests do without a network.
    """
    folder = tmp_path_factory.mktemp("bare")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    (packages,) = folder.glob("lib/python*/site-packages")
    waiting, done = ["onnxruntime", "numpy", "pillow"], set[str]()
    while waiting:
        name = waiting.pop()
        if name in done:
            continue
        done.add(name)
        distribution = importlib.metadata.distribution(name)
        for top in {file.parts[0] for file in distribution.files or () if file.parts[0] != ".."}:
            if not (packages / top).exists():
                (packages / top).symlink_to(distribution.locate_file(top))
        required = map(Requirement, distribution.requires or ())
        waiting += [one.name for one in required if one.marker is None or one.marker.evaluate({"extra": ""})]
    return folder / "bin" / "python"


@pytest.mark.parametrize("name", ["small.onnx", "small8.onnx"])
def test_the_file_runs_with_onnxruntime_numpy_and_pillow_alone(
    folder: Path, tmp_path: Path, bare_python: Path, name: str
):
    script, photo, out = tmp_path / "alone.py", folder / "photos" / "0.png", tmp_path / "out.png"
    script.write_text(ALONE)
    command = [bare_python, "-I", script, folder / name, photo, out]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=120)
    assert done.returncode == 0, done.stderr
    restored, original = np.asarray(Image.open(out)), np.asarray(Image.open(photo).resize((96, 64)))
    hole = np.zeros((64, 96), bool)
    hole[20:50, 30:60] = True
    np.testing.assert_array_equal(restored[~hole], original[~hole])
    assert (restored[hole] != original[hole]).any()


def test_a_program_for_executorch_computes_what_torch_does_at_its_size(tmp_path: Path):
    pytest.importorskip("executorch")
    weights, out = saved(tmp_path, channels=8, conv="separable", activation="leaky"), tmp_path / "x.pte"
    said = exporting.export_files(weights, out, size_px=SIZE)
    assert "from torch at most" in said and set(tmp_path.iterdir()) == {weights, out}
    generator, inputs = load_generator(weights), exporting.noise_of(SIZE, SIZE, 8)
    inputs["hole"] = np.roll(inputs["hole"], 10, axis=3)
    painted = executorch_file.run(executorch_file.open_program(out), exporting.tensors(generator, inputs))
    with torch.inference_mode():
        wanted = generator(*exporting.tensors(generator, inputs))[-1].numpy()
    np.testing.assert_allclose(painted, wanted, atol=1e-3)
    assert wanted.std() > 0.01
    # What XNNPACK computes is not in the program's own list of operators.
    assert b"aten::_softmax" in out.read_bytes() and b"aten::convolution" not in out.read_bytes()


@pytest.mark.parametrize(
    "name, settings",
    [
        ("gated", {"channels": 8, "conv": "grouped", "groups": 2, "gate": "one"}),
        ("gated", {"channels": 8, "sketch": True, "gate": "separable"}),
        ("gated", {"channels": 8, "conv": "separable", "shortcut": True}),
        ("partial", {"channels": 4, "depth": 4}),
        ("lbam", {"channels": 4, "depth": 4}),
    ],
)
def test_other_networks_can_be_exported_too(tmp_path: Path, name: str, settings: dict[str, object]):
    torch.manual_seed(3)
    generator = build(name, settings).eval()
    assert exporting.export(generator, tmp_path / "x.onnx") <= exporting.TOLERANCE


def test_a_file_that_computes_something_else_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    right = onnx_file.run
    monkeypatch.setattr(onnx_file, "run", lambda session, inputs: right(session, inputs) + np.float32(0.002))
    with pytest.raises(UserError, match="nothing is written"):
        exporting.export_files(saved(tmp_path, "partial", channels=4, depth=3), tmp_path / "x.onnx")
    assert [path.name for path in tmp_path.iterdir()] == ["partial.safetensors"]


@pytest.mark.parametrize("step", ["export_graph", "open_program", "run"])
def test_a_program_that_cannot_be_made_or_run_is_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
):
    def fail(*_: object) -> None:
        raise RuntimeError("not supported\nat all")

    monkeypatch.setattr(executorch_file, "require_executorch", lambda: None)
    monkeypatch.setattr(executorch_file, "export_graph", lambda network, inputs, path: path.touch())
    monkeypatch.setattr(executorch_file, "open_program", lambda path: None)
    monkeypatch.setattr(executorch_file, step, fail)
    weights = saved(tmp_path, "partial", channels=4, depth=3)
    with pytest.raises(UserError, match=r"cannot be exported \(not supported\)"):
        exporting.export_files(weights, tmp_path / "x.pte", size_px=SIZE)
    assert list(tmp_path.iterdir()) == [weights]


@pytest.mark.parametrize(
    "options, reason",
    [
        (["-o", "x.tflite"], "ends in .onnx or .pte"),
        (["-o", "x.pte", "--int8", "--photos", "."], "8 bits are for ONNX"),
        (["-o", "there.onnx"], "--force"),
        (["-o", "x.onnx", "--int8"], "--photos"),
        (["-o", "x.onnx", "--photos", "nowhere"], "nowhere"),
        (["-o", "x.onnx", "--size", "100"], "multiple of 8"),
        ([], "--output"),
    ],
)
def test_what_cannot_be_exported_is_said_in_one_line(tmp_path: Path, run_cli, monkeypatch, options, reason):
    monkeypatch.chdir(tmp_path)
    saved(tmp_path, channels=8)
    (tmp_path / "there.onnx").touch()
    ran = run_cli("export", "gated.safetensors", *options)
    assert ran.code == 2 and ran.err.count("\n") == 1 and reason in ran.err
    assert {path.name for path in tmp_path.iterdir()} == {"gated.safetensors", "there.onnx"}


def test_edges_and_missing_packages_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(UserError, match="needs edges"):
        exporting.export_files(saved(tmp_path, "edges", channels=4, blocks=1), tmp_path / "x.onnx")
    for package, needed, name in (
        ("onnxruntime", "requirements", "x.onnx"),
        ("onnx", "requirements-export", "x.onnx"),
        ("executorch.exir", "requirements-executorch", "x.pte"),
    ):
        with monkeypatch.context() as patched, pytest.raises(UserError, match=rf" {needed}\.txt"):
            patched.setitem(sys.modules, package, None)
            exporting.export_files(tmp_path / "edges.safetensors", tmp_path / name)
