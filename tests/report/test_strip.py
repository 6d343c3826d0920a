"""Strips: four pictures of one shape from one camera."""

import numpy as np
import pytest
from PIL import Image

from t3d.datasets.cameras import write_cameras
from t3d.datasets.formats import write_json, write_transform
from t3d.datasets.meshes import write_ply
from t3d.geometry.mesh import Mesh, bounds
from t3d.geometry.normalize import normalize
from t3d.geometry.parts import plain
from t3d.geometry.raycast import Renderer
from t3d.geometry.recipe import View
from t3d.report.gallery import Subject, strip
from t3d.report.pictures import MADE, TRUE, around

TETRA = Mesh(
    np.array([[4.0, 1, 1], [9, 1, 2], [5, 8, 1], [5, 2, 7]]),
    np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]]),
)
"""In an original frame far from the unit frame."""


class Identity:
    def encode(self, images):
        return np.zeros((len(images), 1), np.float32)

    def warp(self, points, code):
        return points


@pytest.fixture
def subject(tmp_path):
    transform = normalize(TETRA.vertices)
    unit = Mesh(transform.apply(TETRA.vertices), TETRA.faces)
    views, mesh, made = (tmp_path / name for name in ("views", "mesh", "made"))
    for folder in (views / "easy", mesh, made / "easy"):
        folder.mkdir(parents=True)
    cameras = [around(azimuth, 20, 48) for azimuth in (0.0, 100.0)]
    images = [Renderer(plain(unit, (90, 160, 90))).render(camera) for camera in cameras]
    for number, image in enumerate(images):
        Image.fromarray(image.rgb).save(views / "easy" / f"{number:02}.png")
    np.savez(views / "masks.npz", easy=np.stack([image.mask for image in images]))
    drawn = [View(camera, 0.0, 20.0, 1.0, (0.0, 0.0, 0.0), 1, False) for camera in cameras]
    write_cameras(views / "cameras.json", {"easy": drawn}, transform, bounds(unit), diagonal=1.0)
    write_ply(mesh / "mesh.ply", unit)
    write_transform(mesh / "transform.json", transform)
    write_ply(made / "easy" / "01.ply", TETRA)
    write_json(
        made / "choices.json", {"fix": "easy/01", "easy/00": {"status": "empty", "reason": "all in [1, 2]"}}
    )
    return Subject(views, mesh, made, "easy/01")


def test_everything_is_seen_by_the_camera_of_the_input_view(subject):
    seen, made, truth, colored = strip(subject, Identity(), 48)
    assert [tile.caption for tile in (seen, made, truth, colored)] == [
        "input view",
        "reconstruction",
        "ground truth",
        "template colours",
    ]
    for tile in (made, truth, colored):
        assert np.abs(tile.picture[..., 3].astype(int) - seen.picture[..., 3]).max() <= 2
    middle = np.argwhere(seen.picture[..., 3] == 255).mean(axis=0).astype(int)
    for tile, color in ((made, MADE), (truth, TRUE), (seen, (90, 160, 90))):
        shade = tile.picture[tuple(middle)][:3] / np.array(color)
        assert np.ptp(shade) < 0.1  # that colour, darker or brighter


def test_the_drawn_pictures_have_the_size_asked_for(subject):
    assert [tile.picture.shape[:2] for tile in strip(subject, Identity(), 80)] == [(48, 48), *[(80, 80)] * 3]


def test_a_reconstruction_comes_back_to_the_unit_frame(subject):
    mesh = subject.made()
    expected = normalize(TETRA.vertices).apply(TETRA.vertices)
    assert np.allclose(mesh.vertices, expected, atol=1e-12)


def test_without_a_surface_the_tiles_say_why(subject):
    empty = Subject(subject.views, subject.mesh, subject.reconstruction, "easy/00")
    tiles = strip(empty, Identity(), 48)
    assert empty.made() is None
    assert [tile.picture is None for tile in tiles] == [False, True, False, True]
    assert {tile.note for tile in tiles} == {"", "all in [1, 2]"}
