"""What holds for every network: built by name, gradients everywhere, saved and loaded, the hole's content unseen."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from effect.errors import UserError
from effect.inpaint.nets import NETWORKS, build, load_generator, metadata_of
from effect.weights import MODELS_FOLDER

TINY: dict[str, tuple[str, dict[str, object]]] = {  # case: network and settings
    "gated": ("gated", {"channels": 8}),
    "gated, one gate": ("gated", {"channels": 8, "gate": "one"}),
    "gated, separable gates": ("gated", {"channels": 8, "gate": "separable"}),
    "gated, grouped": ("gated", {"channels": 8, "conv": "grouped", "groups": 2}),
    "gated, grouped, one gate": ("gated", {"channels": 8, "conv": "grouped", "groups": 2, "gate": "one"}),
    "gated, separable": ("gated", {"channels": 8, "conv": "separable", "activation": "leaky"}),
    "gated, separable, expanded": (
        "gated",
        {"channels": 8, "conv": "separable", "expansion": 2, "gate": "one"},
    ),
    "gated, sketch": ("gated", {"channels": 8, "sketch": True, "softmax_scale": 5}),
    "partial": ("partial", {"channels": 4, "depth": 4}),
    "lbam": ("lbam", {"channels": 4, "depth": 4}),
    "edges": ("edges", {"channels": 4, "blocks": 2}),
    "edgeconnect": ("edgeconnect", {"channels": 4, "blocks": 2}),
}
SIDE_PX = 64


def tiny(case: str):
    torch.manual_seed(1)
    name, settings = TINY[case]
    return build(name, settings)


def scene(pictures: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Noise, a hole that reaches the border, and strokes over both."""
    rng = torch.Generator().manual_seed(2)
    rgb = torch.rand(pictures, 3, SIDE_PX, SIDE_PX, generator=rng) * 2 - 1
    hole = torch.zeros(pictures, 1, SIDE_PX, SIDE_PX)
    hole[:, :, 24:, 20:44] = 1
    strokes = (torch.rand(hole.shape, generator=rng) < 0.1).float()
    return rgb, hole, strokes


def test_every_network_is_tried_here():
    assert {name for name, _ in TINY.values()} == set(NETWORKS)


@pytest.mark.parametrize("case", TINY)
@pytest.mark.parametrize("pictures", [1, 3])
def test_pictures_come_out_in_the_input_s_size_and_range(case, pictures):
    rgb, hole, strokes = scene(pictures)
    generator = tiny(case).train()
    assert SIDE_PX % generator.stride == 0
    for painted in generator(rgb, hole, strokes):
        channels = 1 if case == "edges" else 3
        assert painted.shape == (pictures, channels, SIDE_PX, SIDE_PX)
        assert painted.abs().max() <= 1 and painted.std() > 0


@pytest.mark.parametrize("case", TINY)
def test_gradients_reach_every_weight(case):
    generator, (rgb, hole, strokes) = tiny(case).train(), scene(2)
    target = torch.rand(2, 3, SIDE_PX, SIDE_PX, generator=torch.Generator().manual_seed(3))
    sum(
        (painted - target[:, : painted.shape[1]]).abs().mean() for painted in generator(rgb, hole, strokes)
    ).backward()
    trained = {name: w for name, w in generator.named_parameters() if not frozen(case, name)}
    assert [name for name, w in trained.items() if w.grad is None or not w.grad.any()] == []
    assert all(torch.isfinite(w.grad).all() for w in trained.values())
    assert all(w.grad is None for name, w in generator.named_parameters() if frozen(case, name))


def frozen(case: str, weight: str) -> bool:
    return case == "edgeconnect" and weight.startswith("edges.")


@pytest.mark.parametrize("case", TINY)
def test_what_lies_under_the_hole_is_never_seen(case):
    generator, (rgb, hole, strokes) = tiny(case).eval(), scene(1)
    with torch.inference_mode():
        before = generator(rgb, hole, strokes)
        after = generator(torch.where(hole > 0, -rgb, rgb), hole, strokes)
        elsewhere = generator(torch.where(hole > 0, rgb, -rgb), hole, strokes)
    assert all(torch.equal(b, a) for b, a in zip(before, after, strict=True))
    assert not torch.equal(before[-1], elsewhere[-1])


@pytest.mark.parametrize("case", TINY)
def test_a_saved_network_paints_the_same_again(case, tmp_path: Path):
    generator, (rgb, hole, strokes) = tiny(case).train(), scene(2)
    generator(rgb, hole, strokes)  # running means and singular vectors move
    path = tmp_path / "network.safetensors"
    save_file(generator.state_dict(), path, metadata_of(generator))
    loaded = load_generator(path)
    assert loaded.config == generator.config and type(loaded) is type(generator) and not loaded.training
    with torch.inference_mode():
        pairs = zip(generator.eval()(rgb, hole, strokes), loaded(rgb, hole, strokes), strict=True)
        assert all(torch.allclose(wanted, got, atol=1e-5) for wanted, got in pairs)


@pytest.mark.parametrize("case", TINY)
def test_bfloat16_computes_nearly_the_same_and_learns_with_finite_numbers(case):
    generator, (rgb, hole, strokes) = tiny(case).eval(), scene(2)
    exact = generator(rgb, hole, strokes)[-1]
    with torch.autocast("cpu", torch.bfloat16):
        rounded = generator(rgb, hole, strokes)[-1]
    assert (rounded - exact).abs().mean() < 0.05 * exact.std()
    rounded.float().square().mean().backward()
    gradients = [w.grad for w in generator.parameters() if w.grad is not None]
    assert gradients and all(torch.isfinite(gradient).all() for gradient in gradients)


@pytest.mark.parametrize("case", TINY)
def test_half_precision_files_are_computed_in_full(case, tmp_path: Path):
    generator, path = tiny(case), tmp_path / "half.safetensors"
    half = {name: value.half() for name, value in generator.state_dict().items()}
    save_file(half, path, metadata_of(generator))
    for name, value in load_generator(path).state_dict().items():
        wanted = generator.state_dict()[name]
        assert value.dtype == wanted.dtype and torch.allclose(value, wanted, atol=1e-3), name


def test_the_shipped_weights_load():
    generator = load_generator(MODELS_FOLDER / "gated.safetensors")
    assert metadata_of(generator)["network"] == "gated"
    assert generator.config.channels == 48 and generator.config.sketch


@pytest.mark.parametrize(
    "name, settings, words",
    [
        ("gatde", {}, "gated"),
        ("gated", {"chanels": 8}, "channels"),
        ("gated", {"channels": "8"}, "int"),
        ("gated", {"channels": 10}, "multiple of 4"),
        ("gated", {"sketch": 1}, "bool"),
        ("gated", {"gate": "half"}, "separable"),
        ("gated", {"conv": "half"}, "grouped"),
        ("gated", {"conv": "grouped", "groups": 5}, "groups must divide"),
        ("gated", {"expansion": 0}, "at least 1"),
        ("gated", {"activation": "relu"}, "leaky"),
    ],
)
def test_mistaken_settings_are_answered_in_one_line(name, settings, words):
    with pytest.raises(UserError, match=words) as error:
        build(name, settings)
    assert "\n" not in str(error.value)


def test_a_file_that_is_no_network_s_weights_is_refused(tmp_path: Path):
    broken, nameless, foreign = (
        tmp_path / f"{name}.safetensors" for name in ("broken", "nameless", "foreign")
    )
    broken.write_bytes(b"version https://git-lfs")
    save_file({"x": torch.zeros(1)}, nameless)
    save_file({"x": torch.zeros(1)}, foreign, {"network": "gated", "channels": "8"})
    for path in (broken, nameless, foreign, tmp_path / "missing.safetensors"):
        with pytest.raises(UserError, match=path.name) as error:
            load_generator(path)
        assert "\n" not in str(error.value)
