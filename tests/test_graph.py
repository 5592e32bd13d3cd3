"""Shipped networks run as graphs: they tell what torch does, whose files they share, and what is wrong with them."""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.torch import save_file
from untrained import save_untrained

from effect.errors import UserError
from effect.inpaint.graph import GraphNetwork
from effect.inpaint.nets.both_ways import TorchNetwork
from effect.inpaint.network import View, graph_files, open_network, paint
from effect.weights import MODELS_FOLDER
from pipelines.shipped_graphs import SHIPPED, difference, example, list_sha256, write_graphs

# which heads a network has
HEADS: dict[str, dict[str, object]] = {
    "no head": {},
    "looks": {"looks": True},
    "all": {"looks": True, "likeness": 4, "colours": True},
}


def half_of(full: Path) -> Path:
    """The weights in 16 bits, as they ship, beside themselves."""
    with safe_open(full, "pt") as stored:
        tensors = {name: stored.get_tensor(name).half() for name in stored.keys()}  # noqa: SIM118  # no dict
        save_file(tensors, full.with_name("own.safetensors"), stored.metadata())
    return full.with_name("own.safetensors")


def views() -> dict[str, View]:
    """Scenes of several sizes, with a sketch and without, with somebody who stays."""
    rng = np.random.default_rng(3)
    found = {}
    for name, (height, width) in {"upright": (128, 96), "flat": (64, 120), "smallest": (8, 8)}.items():
        rgb = rng.integers(0, 256, (height, width, 3)).astype(np.uint8)
        missing = np.zeros((height, width), bool)
        missing[height // 4 : -1, width // 3 : width // 2 + 1] = True
        nobody = np.zeros_like(missing)
        found[name] = View(rgb, missing, None, rgb, missing, nobody)
        found[f"{name}, sketched"] = View(
            rgb, missing, rng.random(missing.shape) < 0.1, rgb, missing, ~missing & (rgb[..., 0] > 200)
        )
    return found


@pytest.mark.parametrize("name", SHIPPED)
@pytest.mark.parametrize("case", views())
def test_a_graph_tells_what_torch_does(name: str, case: str):
    view = views()[case]
    ours, theirs = open_network(name), TorchNetwork(MODELS_FOLDER / f"{name}.safetensors")
    assert isinstance(ours, GraphNetwork) and ours.facts == theirs.facts
    if view.strokes is not None and not ours.facts.takes_sketch:
        view = view._replace(strokes=None)
    got, wanted = paint(ours, view), paint(theirs, view)
    assert np.abs(got.likely.astype(int) - wanted.likely).max() <= 1
    assert (got.expected is None) == (wanted.expected is None)
    if got.expected is not None and wanted.expected is not None:
        np.testing.assert_allclose(got.expected, wanted.expected, atol=1e-4)


def test_strokes_are_heard():
    view = views()["upright, sketched"]
    along, plain = (paint(open_network("gated"), one).likely for one in (view, view._replace(strokes=None)))
    assert (along != plain).any()


needs_onnx = pytest.mark.skipif(find_spec("onnx") is None, reason="writing graphs needs onnx")


@needs_onnx
@pytest.mark.parametrize("heads", HEADS)
@pytest.mark.parametrize("sketch", [False, True])
def test_graphs_can_be_written_for_other_weights(tmp_path: Path, heads: str, sketch: bool):
    weights = half_of(save_untrained(tmp_path, channels=8, sketch=sketch, seed=5, **HEADS[heads]))
    written = write_graphs(weights)
    assert [path.name for path in written] == ["own_look.onnx", "own_colours.onnx"][: 1 + (heads == "all")]
    graph, network = GraphNetwork(*written), TorchNetwork(weights)
    assert graph.facts == network.facts == (8, sketch)
    assert difference(network, graph, [one[0].numpy() for one in example(8)]) < 1e-4


@needs_onnx
def test_the_numbers_lie_in_the_weights_file_alone(tmp_path: Path):
    weights = half_of(save_untrained(tmp_path, channels=8, seed=5))
    (look,) = write_graphs(weights)
    maps = [one[0].numpy() for one in example(8)]
    before = GraphNetwork(look).look(*maps).picture
    with safe_open(weights, "pt") as stored:
        tensors, metadata = {name: stored.get_tensor(name) for name in stored.keys()}, stored.metadata()  # noqa: SIM118
    for part in ("weight", "bias"):  # of the last layer, before the hyperbolic tangent
        tensors[f"refine_decoder.8.{part}"] *= -1
    save_file(tensors, weights, metadata)
    np.testing.assert_allclose(GraphNetwork(look).look(*maps).picture, -before, atol=1e-5)


def test_new_graphs_are_listed(tmp_path: Path):
    listed = tmp_path / "weights.toml"
    listed.write_text('[one]\nfile = "one.onnx"\nsha256 = "12"\n\n[two]\nfile = "two.onnx"\nsha256 = "12"\n')
    list_sha256("two", "ab", listed)
    assert (
        listed.read_text()
        == '[one]\nfile = "one.onnx"\nsha256 = "12"\n\n[two]\nfile = "two.onnx"\nsha256 = "ab"\n'
    )
    with pytest.raises(UserError, match="three"):
        list_sha256("three", "ab", listed)


def test_a_graph_that_does_not_load_or_run_is_a_runtime_error(tmp_path: Path):
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"no graph")
    with pytest.raises(RuntimeError, match=r"broken\.onnx"):
        GraphNetwork(broken).load()
    look, _ = graph_files("gated")
    with pytest.raises(RuntimeError):
        GraphNetwork(look).look(*(np.zeros((channels, 9, 9), np.float32) for channels in (3, 1, 1)))


def test_restoring_with_what_ships_loads_no_torch():
    code = """if True:
        import sys
        import numpy as np
        from effect.inpaint import open_inpainter
        hole = np.zeros((64, 48), bool)
        hole[20:40, 10:30] = True
        open_inpainter("gated").restore(np.full((64, 48, 3), 90, np.uint8), hole)
        assert "torch" not in sys.modules and "onnxruntime" in sys.modules
    """
    subprocess.run([sys.executable, "-c", code], check=True, cwd=MODELS_FOLDER.parent.parent, timeout=120)
