"""Views as training images: which, how they are kept, and how their colours are changed."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from t3d.errors import DataError
from t3d.models.training import generator
from t3d.models.views import Augmentation, Views, augment, load_views, read_views, recolour

CPU = torch.device("cpu")


def plan(
    jitter: float = 0.0, hue: float = 0.0, gray: float = 0.0, shift: float = 0.0, zoom: float = 0.0
) -> Augmentation:
    return Augmentation(jitter=jitter, hue=hue, gray=gray, shift=shift, zoom=zoom)


def write_views(folder: Path, color: tuple[int, int, int], count: int = 3) -> Path:
    """A coloured square on white, at another place in each view; coverage one half in its middle column."""
    masks = {}
    for level in ("easy", "hard"):
        (folder / level).mkdir(parents=True)
        masks[level] = np.zeros((count, 32, 32), np.uint8)
        for number in range(count):
            masks[level][number, 8:24, 4 + 4 * number : 20 + 4 * number] = 255
            masks[level][number, 8:24, 12 + 4 * number] = 128
            alpha = masks[level][number][..., None] / 255
            rgb = np.round(alpha * np.array(color) + (1 - alpha) * 255).astype(np.uint8)
            Image.fromarray(rgb).save(folder / level / f"{number:02d}.png")
    np.savez_compressed(folder / "masks.npz", **masks)
    return folder


@pytest.fixture
def folders(tmp_path: Path) -> dict[str, Path]:
    colors = {"b": (10, 200, 30), "a": (200, 40, 90)}
    return {shape: write_views(tmp_path / shape, color) for shape, color in colors.items()}


def test_order_is_that_of_ids_levels_and_numbers(folders: dict[str, Path], tmp_path: Path) -> None:
    views = load_views(folders, ("easy", "hard"), 32, tmp_path / "kept")
    assert views.ids == ("a", "b")
    assert views.shapes.tolist() == [0] * 6 + [1] * 6
    assert len(views) == 12
    rgb, masks = read_views(folders["b"], "hard", [1])
    assert np.array_equal(views.images[10].numpy().transpose(1, 2, 0), rgb[0])
    assert np.array_equal(views.masks[10, 0].numpy(), masks[0])


def test_kept_images_are_mapped_and_not_read_again(folders: dict[str, Path], tmp_path: Path) -> None:
    fresh = load_views(folders, ("easy",), 16, tmp_path / "train")
    for path in folders["a"].glob("easy/*.png"):
        path.write_bytes(b"")
    kept = load_views(folders, ("easy",), 16, tmp_path / "train")
    assert torch.equal(fresh.images, kept.images)
    assert torch.equal(fresh.masks, kept.masks)
    other = load_views({"b": folders["b"]}, ("easy",), 16, tmp_path / "other")
    assert not torch.equal(fresh.images[:3], other.images)


def test_half_written_images_are_made_again(folders: dict[str, Path], tmp_path: Path) -> None:
    whole = load_views(folders, ("easy",), 16, tmp_path / "train")
    expected = whole.images.clone()
    (tmp_path / "train.done").unlink()
    (tmp_path / "train.images.npy").write_bytes(b"torn")
    assert torch.equal(load_views(folders, ("easy",), 16, tmp_path / "train").images, expected)


def test_no_shapes_are_no_views(tmp_path: Path) -> None:
    assert len(load_views({}, ("easy",), 16, tmp_path / "val")) == 0


def test_a_shape_without_views_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no views"):
        load_views({"a": tmp_path}, ("easy",), 16, tmp_path / "kept")


def _batch(folders: dict[str, Path]) -> tuple[torch.Tensor, torch.Tensor]:
    views = load_views(folders, ("easy",), 32, folders["a"] / "kept")
    return views.images, views.masks


def test_no_jitter_changes_nothing(folders: dict[str, Path]) -> None:
    images, masks = _batch(folders)
    same = augment(images, masks, plan(), generator(CPU, 0))
    torch.testing.assert_close(same, images / 255.0, atol=1 / 255, rtol=0)


def test_jitter_changes_the_object_and_never_the_background(folders: dict[str, Path]) -> None:
    images, masks = _batch(folders)
    changed = augment(images, masks, plan(0.4, 0.4), generator(CPU, 0))
    background = (masks == 0).expand_as(changed)
    assert bool((changed[background] == 1).all())
    moved = (changed - images / 255.0).abs().amax(1, keepdim=True)
    assert all(float(moved[i][masks[i] == 255].mean()) > 0.01 for i in range(len(images)))
    assert 0 <= float(changed.min()) <= float(changed.max()) <= 1


def test_edges_are_blended_with_the_new_colour(folders: dict[str, Path]) -> None:
    """At half coverage: half the object's new colour, half white."""
    images, masks = _batch(folders)
    changed = augment(images, masks, plan(0.4, 0.4), generator(CPU, 3))
    for image, mask in zip(changed, masks, strict=True):
        inside = image[:, mask[0] == 255].mean(1)
        edge = image[:, mask[0] == 128].mean(1)
        torch.testing.assert_close(edge, (inside + 1) / 2, atol=0.02, rtol=0)


def test_every_image_gets_its_own_colours_from_the_generator(folders: dict[str, Path]) -> None:
    images, masks = _batch(folders)
    images, masks = images[:1].repeat(4, 1, 1, 1), masks[:1].repeat(4, 1, 1, 1)
    one, same, other = (
        augment(images, masks, plan(0.4, 0.4, shift=0.1), generator(CPU, seed)) for seed in (0, 0, 1)
    )
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
    assert not torch.equal(one[0], one[1])


def test_contrast_keeps_the_mean_luminance_of_the_object() -> None:
    own = torch.rand(1, 3, 8, 8) * 0.2 + 0.4
    alpha = torch.ones(1, 1, 8, 8)
    luma = torch.tensor([0.299, 0.587, 0.114]).view(3, 1, 1)
    for seed in range(5):
        changed = recolour(own, alpha, (0.2, 0.0), generator(CPU, seed))
        spread = ((changed * luma).sum(1).std() / (changed * luma).sum(1).mean()) / (
            (own * luma).sum(1).std() / (own * luma).sum(1).mean()
        )
        assert 0.79 < float(spread) < 1.21


def test_hue_turns_all_the_way_round() -> None:
    red = torch.tensor([1.0, 0.0, 0.0]).view(1, 3, 1, 1).expand(200, 3, 2, 2)
    turned = recolour(red, torch.ones(200, 1, 2, 2), (0.0, 0.5), generator(CPU, 0))
    assert {int(i) for i in turned[:, :, 0, 0].argmax(1)} == {0, 1, 2}
    torch.testing.assert_close(turned.amax(1), torch.ones(200, 2, 2))


def test_shifts_move_the_object_and_stay_in_range() -> None:
    images = torch.full((64, 3, 32, 32), 255, dtype=torch.uint8)
    masks = torch.zeros(64, 1, 32, 32, dtype=torch.uint8)
    images[:, :, 14:18, 14:18], masks[:, :, 14:18, 14:18] = 0, 255
    changed = augment(images, masks, plan(shift=0.125), generator(CPU, 0))
    dark = 1 - changed[:, 0]
    at = torch.arange(32.0)
    across = (dark.sum(1) * at).sum(1) / dark.sum((1, 2)) - 15.5
    assert float(across.abs().max()) <= 4.0 + 1e-3
    assert float(across.max()) > 3
    assert float(across.min()) < -3


def test_the_share_of_gray_objects(folders: dict[str, Path]) -> None:
    images, masks = _batch(folders)
    images, masks = images.repeat(100, 1, 1, 1), masks.repeat(100, 1, 1, 1)
    changed = augment(images, masks, plan(gray=0.3), generator(CPU, 0))
    gray = (changed.amax(1) - changed.amin(1)).amax((1, 2)) < 1e-5
    assert 0.24 < float(gray.float().mean()) < 0.36
    luma = (images[gray] / 255 * torch.tensor([0.299, 0.587, 0.114]).view(3, 1, 1)).sum(1)
    inside = masks[gray, 0] == 255
    torch.testing.assert_close(changed[gray, 0][inside], luma[inside], atol=0.01, rtol=0)


def test_zoom_changes_sizes_about_the_middle_and_keeps_white() -> None:
    images = torch.full((64, 3, 32, 32), 255, dtype=torch.uint8)
    masks = torch.zeros(64, 1, 32, 32, dtype=torch.uint8)
    images[:, :, 8:24, 8:24], masks[:, :, 8:24, 8:24] = 0, 255
    dark = 1 - augment(images, masks, plan(zoom=0.25), generator(CPU, 0))[:, 0]
    sides = dark.sum((1, 2)).sqrt() / 16
    assert 0.74 < float(sides.min()) < 0.8
    assert 1.2 < float(sides.max()) < 1.26
    assert bool((dark[:, 0] == 0).all())
    torch.testing.assert_close(dark, dark.flip(1, 2), atol=1e-4, rtol=0)


def unequal(counts: tuple[int, ...]) -> Views:
    """Views without pictures: shape k has counts[k] of them."""
    whose = torch.arange(len(counts)).repeat_interleave(torch.tensor(counts, dtype=torch.int64))
    empty = torch.zeros(len(whose), 3, 2, 2, dtype=torch.uint8)
    return Views(tuple(f"s{k}" for k in range(len(counts))), empty, empty[:, :1], whose)


def test_drawn_views_are_different_ones_of_the_shapes_asked_for() -> None:
    views = unequal((2, 5, 3))
    seen = set()
    for seed in range(60):
        one, other = views.drawn(np.array([2, 0]), 2, np.random.default_rng(seed))
        assert views.shapes[one].tolist() == views.shapes[other].tolist() == [2, 0]
        assert bool((one != other).all())
        seen |= {(int(one[0]), int(other[0]))}
    assert len(seen) == 6, "every ordered pair of three views comes up"


def test_too_few_views_are_told() -> None:
    with pytest.raises(DataError, match="s1: 1 views, 2 needed"):
        unequal((3, 1)).drawn(np.array([0, 1]), 2, np.random.default_rng(0))


def test_spaced_views_are_spread_over_every_shape() -> None:
    assert unequal((4, 8)).spaced(4).tolist() == [[0, 1, 2, 3], [4, 6, 8, 10]]
    assert unequal((2, 8)).spaced(4).tolist() == [[0, 1], [2, 6]]
    assert unequal(()).spaced(4).shape == (0, 0)


@pytest.mark.parametrize("mode", ["RGBA", "L", "P"])
def test_pictures_of_any_mode_are_read_as_rgb(tmp_path: Path, mode: str) -> None:
    """An encoder of three channels gets three, whatever a renderer wrote (defect 24)."""
    folder = write_views(tmp_path / "a", (200, 40, 90), count=1)
    Image.open(folder / "easy" / "00.png").convert(mode).save(folder / "easy" / "00.png")
    assert read_views(folder, "easy", [0])[0].shape == (1, 32, 32, 3)
