"""Views as training images: which, how they are kept, and how their colours are changed."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from t3d.errors import DataError
from t3d.models.training import generator
from t3d.models.views import augment, load_views, read_views, recolour

CPU = torch.device("cpu")


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


def test_order_is_that_of_ids_levels_and_numbers(folders: dict[str, Path]) -> None:
    views = load_views(folders, ("easy", "hard"), 32, None)
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
    assert torch.equal(fresh.images, load_views({"b": folders["b"]}, ("easy",), 16, None).images[:0]) is False


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
        load_views({"a": tmp_path}, ("easy",), 16, None)


def _batch(folders: dict[str, Path]) -> tuple[torch.Tensor, torch.Tensor]:
    views = load_views(folders, ("easy",), 32, None)
    return views.images, views.masks


def test_no_jitter_changes_nothing(folders: dict[str, Path]) -> None:
    images, masks = _batch(folders)
    same = augment(images, masks, (0.0, 0.0), 0.0, generator(CPU, 0))
    torch.testing.assert_close(same, images / 255.0, atol=1 / 255, rtol=0)


def test_jitter_changes_the_object_and_never_the_background(folders: dict[str, Path]) -> None:
    images, masks = _batch(folders)
    changed = augment(images, masks, (0.4, 0.4), 0.0, generator(CPU, 0))
    background = (masks == 0).expand_as(changed)
    assert bool((changed[background] == 1).all())
    moved = (changed - images / 255.0).abs().amax(1, keepdim=True)
    assert all(float(moved[i][masks[i] == 255].mean()) > 0.01 for i in range(len(images)))
    assert 0 <= float(changed.min()) <= float(changed.max()) <= 1


def test_edges_are_blended_with_the_new_colour(folders: dict[str, Path]) -> None:
    """At half coverage: half the object's new colour, half white."""
    images, masks = _batch(folders)
    changed = augment(images, masks, (0.4, 0.4), 0.0, generator(CPU, 3))
    for image, mask in zip(changed, masks, strict=True):
        inside = image[:, mask[0] == 255].mean(1)
        edge = image[:, mask[0] == 128].mean(1)
        torch.testing.assert_close(edge, (inside + 1) / 2, atol=0.02, rtol=0)


def test_every_image_gets_its_own_colours_from_the_generator(folders: dict[str, Path]) -> None:
    images, masks = _batch(folders)
    images, masks = images[:1].repeat(4, 1, 1, 1), masks[:1].repeat(4, 1, 1, 1)
    one, same, other = (augment(images, masks, (0.4, 0.4), 0.1, generator(CPU, seed)) for seed in (0, 0, 1))
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
    changed = augment(images, masks, (0.0, 0.0), 0.125, generator(CPU, 0))
    dark = 1 - changed[:, 0]
    at = torch.arange(32.0)
    across = (dark.sum(1) * at).sum(1) / dark.sum((1, 2)) - 15.5
    assert float(across.abs().max()) <= 4.0 + 1e-3
    assert float(across.max()) > 3
    assert float(across.min()) < -3
