"""Training examples: masks keep their promises, pictures are read in order, an example depends on its number alone."""

import io
import tarfile
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from effect.errors import UserError
from pipelines.train import masks
from pipelines.train.data import DataConfig, FromIndex, Scenes, read_pictures

SIZE = 64


def encoded(pixels: NDArray[np.uint8]) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def photo(seed: int, height: int = 90, width: int = 120) -> bytes:
    """Green and blue noise: no red at all, so that a red person shows."""
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    pixels[..., 0] = 0
    return encoded(pixels)


def oval(height: int, width: int) -> NDArray[np.bool_]:
    """An oval with empty margins around it."""
    y, x = np.mgrid[:height, :width]
    return ((x - width / 2) / (0.35 * width)) ** 2 + ((y - height / 2) / (0.45 * height)) ** 2 < 1


SILHOUETTES = [oval(200, 90).astype(np.uint8) * 255, oval(80, 120).astype(np.uint8) * 255]


def red_person() -> bytes:
    shape = oval(120, 50)
    return encoded(np.where(shape[..., None], (255, 0, 0, 255), (0, 0, 0, 0)).astype(np.uint8))


def scenes(seed: int = 1, **options: float | int | str) -> Scenes:
    config = DataConfig(size_px=SIZE, workers=0, **options)  # type: ignore[arg-type]  # names and types as declared
    return Scenes(
        [photo(1), photo(2, 70, 64)], [encoded(s) for s in SILHOUETTES], [red_person()], config, seed
    )


# --- masks

KINDS = {
    "person": lambda rng: masks.person_hole(SILHOUETTES, SIZE, rng),
    "stroke": lambda rng: masks.stroke_hole(SIZE, rng),
    "box": lambda rng: masks.box_hole(SIZE, rng),
}


@pytest.mark.parametrize("kind", KINDS)
def test_holes_are_neither_empty_nor_too_large(kind: str):
    rng = np.random.default_rng(3)
    holes = np.array([KINDS[kind](rng) for _ in range(150)])
    assert (holes.shape, holes.dtype) == ((150, SIZE, SIZE), np.bool_)
    shares = holes.mean(axis=(1, 2))
    assert shares.min() > 0 and shares.max() < masks.MAX_HOLE_SHARE
    assert shares.std() > 0.02  # small ones and large ones
    assert holes.any(axis=0).mean() > 0.9  # nearly anywhere in the picture
    for edge in (holes[:, 0], holes[:, -1], holes[:, :, 0], holes[:, :, -1]):
        assert edge.any()  # also cut by its edges


@pytest.mark.parametrize("kind", KINDS)
def test_holes_depend_on_the_generator_alone(kind: str):
    first, again, other = (KINDS[kind](np.random.default_rng(seed)) for seed in (5, 5, 6))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def contour(hole: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Hole pixels with a known one among their eight neighbours inside the picture."""
    padded = np.pad(hole, 1, constant_values=True)
    height, width = hole.shape
    shifted = [padded[y : y + height, x : x + width] for y in range(3) for x in range(3)]
    return hole & ~np.logical_and.reduce(shifted)


@pytest.mark.parametrize("share", [0.1, 0.3, 0.6])
@pytest.mark.parametrize("seed", range(4))
def test_the_attack_bites_about_the_asked_share_of_the_contour(share: float, seed: int):
    hole = oval(160, 120)
    bitten = masks.attack(hole, share, (0.03, 0.10), np.random.default_rng(seed))
    gone = 1 - bitten[contour(hole)].mean()
    assert share <= gone < share + 0.1  # the last bite may take more than is asked


@pytest.mark.parametrize("seed", range(10))
def test_the_attack_never_adds_hole_and_stays_near_the_contour(seed: int):
    rng = np.random.default_rng(seed)
    hole = masks.person_hole(SILHOUETTES, SIZE, rng)
    bitten = masks.attack(hole, 0.3, (0.03, 0.10), rng)
    assert not (bitten & ~hole).any()
    height = np.ptp(np.nonzero(hole.any(axis=1))[0]) + 1
    reach = int(0.10 * height / 2) + 1
    rows, columns = np.nonzero(contour(hole))
    for row, column in np.argwhere(hole & ~bitten):
        assert (np.maximum(abs(rows - row), abs(columns - column)) <= reach).any()


def test_the_attack_spares_what_it_need_not_bite():
    hole = oval(160, 120)
    np.testing.assert_array_equal(masks.attack(hole, 0.0, (0.03, 0.1), np.random.default_rng(1)), hole)
    everything = np.ones((20, 20), bool)  # no contour inside the picture
    np.testing.assert_array_equal(
        masks.attack(everything, 0.5, (0.03, 0.1), np.random.default_rng(1)), everything
    )
    whole_contour = masks.attack(hole, 1.0, (0.03, 0.1), np.random.default_rng(1))
    assert not whole_contour[contour(hole)].any() and whole_contour.any()


# --- files


def test_pictures_of_folders_and_tars_are_read_in_one_order(tmp_path: Path):
    pictures = {"b.png": photo(1), "a.PNG": photo(2), "c.webp": photo(3)}
    folder = tmp_path / "folder"
    folder.mkdir()
    with tarfile.open(tmp_path / "pictures.tar", "w") as tar:
        for name, content in {**pictures, "readme.txt": b"no picture"}.items():
            (folder / name).write_bytes(content)
            tar.add(folder / name, name)
    wanted = [pictures["a.PNG"], pictures["b.png"], pictures["c.webp"]]
    assert read_pictures([folder]) == wanted
    assert read_pictures([tmp_path / "pictures.tar"]) == wanted
    assert read_pictures([folder, tmp_path / "pictures.tar"]) == wanted * 2


# --- examples


def test_an_example_is_input_hole_and_truth():
    for index in range(8):
        picture, hole, truth, guidance, edges, hidden = scenes(attack_share=0.5)[index]
        assert not guidance.any() and not edges.any()  # not asked for
        assert picture.shape == truth.shape == (3, SIZE, SIZE) and hole.shape == (1, SIZE, SIZE)
        assert truth.min() >= -1 and truth.max() <= 1 and truth.std() > 0.1
        assert set(hole.unique().tolist()) == {0.0, 1.0}
        assert hole.mean() < masks.MAX_HOLE_SHARE + 0.1
        assert (hidden >= hole).all()


def test_an_example_depends_on_seed_and_number_alone():
    forth, back = scenes(attack_share=0.5), scenes(attack_share=0.5)
    numbers = list(range(10))
    first = {index: forth[index] for index in numbers}
    for index in reversed(numbers):
        for part, again in zip(first[index], back[index], strict=True):
            assert part.equal(again)
    other_seed = scenes(seed=2, attack_share=0.5)
    assert all(not first[index][2].equal(other_seed[index][2]) for index in numbers)
    for one, next_one in pairwise(first.values()):
        assert not all(part.equal(other) for part, other in zip(one, next_one, strict=True))


def test_without_attack_the_input_is_the_truth():
    data = scenes(attack_share=0.0)
    assert all(data[index][0].equal(data[index][2]) for index in range(10))
    assert all(data[index].hidden.equal(data[index].hole) for index in range(10))


def test_an_attacked_input_differs_only_where_the_person_is():
    """The person is plain red and the photos have no red: whatever differs must have turned red."""
    data = scenes(attack_share=1.0)
    for index in range(12):
        picture, hole, truth = data[index][:3]
        changed = (picture != truth).any(dim=0)
        assert 0.01 < changed.float().mean() < 0.7
        red = (picture[0] + 1) / 2
        assert (red[~changed] == 0).all()
        # nor does a rim take on what lies under the cut-out's transparent parts: red covers as much as it hides
        hidden = (truth[1:] - picture[1:]).sum(dim=0) / (truth[1:] + 1).sum(dim=0).clamp_min(0.2)
        bright = changed & (truth[1:].sum(dim=0) > -0.5)
        assert (red - hidden)[bright].abs().max() < 0.03
        assert (
            not picture[1:][:, picture[0] == 1].gt(-1).any()
        )  # opaque in the middle: nothing shines through
        assert (changed & (hole[0] > 0)).sum() > 0.5 * hole.sum()  # the hole is where the person is


def test_an_unbitten_hole_hides_the_person_and_a_bitten_one_leaves_strips():
    whole, bitten = scenes(attack_share=1.0, attack_contour=0.0), scenes(attack_share=1.0, attack_contour=0.4)
    seen = [
        sum(
            int(((picture[0] > 0) & (hole[0] == 0)).sum())
            for picture, hole, *_ in map(data.__getitem__, range(8))
        )
        for data in (whole, bitten)
    ]
    assert seen[0] == 0 and seen[1] > 50


def test_what_an_attack_bites_away_still_counts_as_hidden():
    whole, bitten = scenes(attack_share=1.0, attack_contour=0.0), scenes(attack_share=1.0, attack_contour=0.4)
    for index in range(8):
        example = bitten[index]
        assert example.hidden.equal(whole[index].hole)
        assert example.hole.sum() < example.hidden.sum()
        strips = ((example.picture != example.truth).any(dim=0, keepdim=True)) & (example.hole == 0)
        assert (example.hidden[strips] == 1).all()


def test_shares_choose_the_kind_of_hole():
    """Boxes alone: every hole fills its own bounding box."""
    data = scenes(person_share=0.0, stroke_share=0.0, box_share=1.0)
    for index in range(10):
        rows, columns = np.nonzero(data[index][1][0].numpy())
        assert len(rows) == (np.ptp(rows) + 1) * (np.ptp(columns) + 1)


@pytest.mark.parametrize(
    "first, step, wanted", [(0, 1, [0, 1, 2, 3]), (6, 1, [6, 7, 8, 9]), (1, 3, [1, 4, 7, 10])]
)
def test_numbers_go_on_from_where_a_run_was_cut(first: int, step: int, wanted: list[int]):
    assert [index for index, _ in zip(FromIndex(first, step), range(4), strict=False)] == wanted


def test_without_cut_out_people_other_photos_in_the_shape_of_silhouettes_are_pasted():
    config = DataConfig(size_px=SIZE, workers=0, attack_share=1.0)
    data = Scenes([photo(1), photo(2)], [encoded(s) for s in SILHOUETTES], [], config, seed=1)
    for index in range(6):
        picture, _, truth = data[index][:3]
        assert 0.01 < (picture != truth).any(dim=0).float().mean() < 0.7
        assert (picture[0] == -1).all()  # neither photo has any red


def test_a_cut_out_that_shows_nobody_is_an_error():
    empty = encoded(np.zeros((50, 30, 4), np.uint8))
    config = DataConfig(size_px=SIZE, workers=0, attack_share=1.0)
    with pytest.raises(UserError, match="nearly empty"):
        Scenes([photo(1)], [], [empty], config, seed=1)[0]


def test_places_without_pictures_are_named(tmp_path: Path):
    (tmp_path / "text.tar").write_text("no tar")
    for place in (tmp_path, tmp_path / "text.tar", tmp_path / "missing"):
        with pytest.raises(UserError, match=place.name):
            read_pictures([place])
    (tmp_path / "broken.png").write_bytes(photo(1)[:200])
    with pytest.raises(UserError, match="cannot be read"):
        Scenes(read_pictures([tmp_path]), [], [], DataConfig(size_px=SIZE, person_share=0), seed=1)[0]
