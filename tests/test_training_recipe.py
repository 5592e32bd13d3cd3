"""Recipes: what ships is right, and what a user writes wrong is said in one line."""

from pathlib import Path

import pytest

from effect.errors import UserError
from effect.inpaint.nets import NETWORKS, build
from pipelines.train.recipe import RECIPE_FOLDER, Recipe, recipe_names

NAMES = [
    "edgeconnect",
    "edgeconnect-edges",
    "gated",
    "gated-1-structure",
    "gated-2-detail",
    "gated-3-looks",
    "gated-4-together",
    "gated-5-likeness",
    "gated-6-colours",
    "lbam",
    "partial",
    "small",
]


def test_every_network_has_a_recipe():
    assert recipe_names() == NAMES
    assert {Recipe.read(Path(name)).network for name in NAMES} == set(NETWORKS)


@pytest.mark.parametrize("name", NAMES)
def test_a_recipe_that_ships_fits_its_network(name: str):
    """Read by its name or by its path, alike."""
    recipe = Recipe.read(Path(name))
    assert recipe == Recipe.read(RECIPE_FOLDER / f"{name}.toml")
    generator = build(recipe.network, recipe.settings)
    assert recipe.data.size_px % generator.stride == 0
    assert recipe.data.attack_share > 0 and len(recipe.run.betas) == 2
    needs_edges = recipe.network in ("edges", "edgeconnect")
    assert (recipe.data.guidance == "known") == needs_edges
    assert (recipe.loss.edges > 0) == (recipe.network == "edges")
    assert recipe.loss.of_heads == bool(recipe.settings.get("looks"))
    assert (
        recipe.loss.perceptual == recipe.loss.style == recipe.distill.perceptual == 0
    )  # no recipe needs a file that nobody has


def test_what_is_set_replaces_what_is_written():
    recipe = Recipe.read(
        Path("gated"),
        {
            "network.channels": "16",
            "network.gate": "one",
            "data.attack_block": "[0.1, 0.2]",
            "loss.gan": '"log"',
            "run.learning_rate": "1",
            "run.autocast": "false",
        },
    )
    assert recipe.settings["channels"] == 16 and recipe.settings["gate"] == "one"
    assert recipe.data.attack_block == (0.1, 0.2) and recipe.loss.gan == "log"
    assert recipe.run.learning_rate == 1.0 and recipe.run.autocast is False
    assert recipe.data.size_px == Recipe.read(Path("gated")).data.size_px


WRONG = {
    "runn.steps = 3": "did you mean 'run'",
    "run.stesp = 3": "did you mean 'steps'",
    "run.steps = 'many'": "run.steps must be a whole number",
    "run.steps = 2.5": "run.steps must be a whole number",
    "run.steps = true": "run.steps must be a whole number",
    "run.steps = 0": "at least 1",
    "run.autocast = 1": "run.autocast cannot be",
    "run.learning_rate = -1": "at least 0",
    "run.learning_rate = nan": "run.learning_rate must be a number",
    "run.betas = 0.5": "list of 2 numbers",
    "run.betas = [0.5]": "list of 2 numbers",
    "run.betas = ['a', 'b']": "run.betas must be a number",
    "loss.gan = 'hing'": "did you mean 'hinge'",
    "distill.feature = 1": "did you mean 'features'",
    "data.guidance = 'sketches'": "did you mean 'sketch'",
    "data.size_px = 8": "size_px must be at least 16",
    "data = { person_share = 0, stroke_share = 0, box_share = 0 }": "above 0",
    "network.name = 7": "network.name must be text",
    "steps = 3": "outside of a section",
    "run steps": "no recipe in TOML",
}


@pytest.mark.parametrize("text", WRONG)
def test_what_is_wrong_is_said(tmp_path: Path, text: str):
    (tmp_path / "mine.toml").write_text(text)
    with pytest.raises(UserError, match=WRONG[text]):
        Recipe.read(tmp_path / "mine.toml")


def test_missing_recipes_and_unreadable_keys_are_named(tmp_path: Path):
    with pytest.raises(UserError, match="did you mean 'partial'"):
        Recipe.read(Path("partail.toml"))
    with pytest.raises(UserError, match=r"section\.key"):
        Recipe.read(Path("gated"), {"steps": "3"})
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(UserError, match="no recipe"):
        Recipe.read(tmp_path / "binary.toml")
