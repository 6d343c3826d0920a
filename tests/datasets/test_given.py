"""Foreign files are taken over as they are, and refused in one line where something is wrong with them."""

import numpy as np
import pytest
from PIL import Image

from t3d.datasets.cameras import read_cameras
from t3d.datasets.formats import open_samples, read_json, read_normalization
from t3d.datasets.given import take_samples, take_surface, take_views
from t3d.datasets.meshes import read_points, write_points
from t3d.errors import DataError
from t3d.geometry.cameras import project

OFFSET, SCALE = np.array([0.1, -0.2, 0.05]), 1.7


@pytest.fixture
def folders(tmp_path):
    for name in ("in", "out"):
        (tmp_path / name).mkdir()
    return tmp_path / "in", tmp_path / "out"


def rows(count, sign, seed=0):
    found = np.random.default_rng(seed).uniform(-1, 1, (count, 4)).astype(np.float32)
    found[:, 3] = sign * np.abs(found[:, 3])
    return found


def normalize(folder, dtype=np.float32):
    np.savez(folder / "normalization.npz", offset=OFFSET.astype(dtype), scale=np.array([SCALE], dtype))


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_samples_come_out_bit_by_bit_and_without_nan(folders, save):
    source, out = folders
    pos, neg = rows(50, 1), rows(30, -1)
    torn = pos.copy()
    torn[::7, 3] = np.nan
    save(source / "samples.npz", pos=torn, neg=np.asfortranarray(neg))
    facts = take_samples(source, out)
    found = open_samples(out / "samples.npz")
    assert found[0].tobytes() == pos[np.arange(50) % 7 != 0].tobytes()
    assert found[1].tobytes() == neg.tobytes()
    assert (facts["points"], facts["nan_rows"]) == (72, 8)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"pos": rows(5, 1)}, "no NPZ file with pos and neg"),
        ({"pos": rows(5, 1), "neg": rows(5, -1)[:, :3]}, r"neg \(5, 3\) are not both \(N, 4\)"),
        ({"pos": rows(0, 1), "neg": rows(0, -1)}, "no samples"),
        ({"pos": np.full((5, 4), np.inf), "neg": rows(5, -1)}, "infinite"),
        ({"pos": rows(5, -1), "neg": rows(5, 1)}, "inside is negative"),
        ({"pos": np.array([None] * 4), "neg": rows(5, -1)}, "no NPZ file.*allow_pickle"),
        ({"pos": np.array(["a"] * 4), "neg": rows(5, -1)}, "not all numbers"),
    ],
)
def test_samples_that_are_refused(folders, arrays, message):
    source, out = folders
    np.savez(source / "samples.npz", **arrays)
    with pytest.raises(DataError, match=message) as caught:
        take_samples(source, out)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 torn", b"\x80\x04N.", b"\x93NUMPY"])
def test_what_is_no_archive_is_refused(folders, content):
    source, out = folders
    (source / "samples.npz").write_bytes(content)
    with pytest.raises(DataError, match=r"samples\.npz: no NPZ file"):
        take_samples(source, out)


def test_surface_points_of_t3d_come_out_bit_by_bit(folders):
    source, out = folders
    draws = np.random.default_rng(1)
    points, normals = draws.normal(size=(40, 3)), draws.normal(size=(40, 3))
    write_points(source / "surface.ply", points, normals)
    normalize(source, np.float64)
    assert take_surface(source, out) == {"points": 40, "normals": True}
    found = read_points(out / "surface.ply")
    assert np.array_equal(found[0], points)
    assert np.array_equal(found[1], normals)
    transform = read_normalization(out / "normalization.npz")
    assert np.array_equal(transform.offset, OFFSET)
    assert transform.scale == SCALE


def test_surface_points_of_others_are_text_without_normals(folders):
    source, out = folders
    (source / "surface.ply").write_text(f"{HEAD}end_header\n1 2 3\n-0.5 0.25 8\n")
    normalize(source)
    assert take_surface(source, out)["normals"] is False
    points, normals = read_points(out / "surface.ply")
    assert points.tolist() == [[1, 2, 3], [-0.5, 0.25, 8]]
    assert not normals.any()


HEAD = "ply\nformat ascii 1.0\nelement vertex 2\nproperty float x\nproperty float y\nproperty float z\n"


@pytest.mark.parametrize(
    "text",
    ["nonsense", None, f"{HEAD}end_header\n1 2 3\n4 5\n", f"{HEAD}property\nend_header\n1 2 3\n4 5 6\n"],
)
def test_surfaces_that_are_refused(folders, text):
    """The last one is the end of a process that reads it by Open3D."""
    source, out = folders
    if text:
        (source / "surface.ply").write_text(text)
    normalize(source)
    with pytest.raises(DataError, match=r"surface\.ply: "):
        take_surface(source, out)


def write_views(folder, count=3, size=16, seed=0):
    """RGBA pictures and metadata as `2d_render/render.py` writes them; the angles, distances and places."""
    draws, views = np.random.default_rng(seed), {}
    for level in ("easy", "hard"):
        (folder / level).mkdir()
        lines = []
        for number in range(count):
            pixels = draws.integers(0, 256, (size, size, 4), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / level / f"{number:02d}.png")
            place = draws.uniform(-0.2, 0.2, 3) if level == "hard" else np.zeros(3)
            view = [
                draws.uniform(0, 360),
                draws.uniform(0, 45),
                0,
                draws.uniform(0.6, 1),
                35,
                32,
                1.75,
                *place,
            ]
            views.setdefault(level, []).append((pixels, view))
            lines.append("[{},{},{},{},{},{},{},{},{},{}], \n".format(*view))
        (folder / level / "rendering_metadata.txt").write_text("".join(lines))
    normalize(folder, np.float64)
    return views


def test_pictures_are_put_on_white_and_opacities_are_the_masks(folders):
    source, out = folders
    views = write_views(source)
    assert take_views(source, out) == {"views": 6}
    masks = np.load(out / "masks.npz")
    for level, of_level in views.items():
        for number, (pixels, _) in enumerate(of_level):
            rgb = np.asarray(Image.open(out / level / f"{number:02d}.png"))
            color, alpha = pixels[..., :3].astype(int), pixels[..., 3:].astype(int)
            assert np.array_equal(rgb, (2 * (color * alpha + 255 * (255 - alpha)) + 255) // 510)
            assert np.array_equal(masks[level][number], pixels[..., 3])


def blender_pixel(point, view, size):
    """Where a point of the mesh file is seen, by the renderer's own steps in Blender's axes (x, -z, y)."""
    yaw, pitch, _, share, lens, sensor, farthest, *place = view
    theta, phi = np.radians([yaw, pitch])
    distance = share * farthest
    x, y, z = (
        distance * np.cos(phi) * np.cos(theta),
        distance * np.sin(phi),
        distance * np.cos(phi) * np.sin(theta),
    )
    camera = np.array([x, -z, y])
    seen = np.array([point[0], -point[2], point[1]]) + place
    forward = -camera / np.linalg.norm(camera)
    right = np.cross(forward, [0, 0, 1])
    right /= np.linalg.norm(right)
    up = np.cross(right, forward)
    local = seen - camera
    scale = lens / sensor * size / (local @ forward)
    return size / 2 + scale * (local @ right), size / 2 - scale * (local @ up)


def test_cameras_see_the_shape_where_the_renderer_drew_it(folders):
    source, out = folders
    views = write_views(source)
    take_views(source, out)
    for level, cameras in read_cameras(out / "cameras.json").items():
        for camera, (_, view) in zip(cameras, views[level], strict=True):
            for point in np.random.default_rng(5).uniform(-0.4, 0.4, (5, 3)):
                unit = (point + OFFSET) * SCALE
                assert project(unit[None], camera)[0] == pytest.approx(
                    blender_pixel(point, view, 16), abs=1e-9
                )
    assert read_json(out / "cameras.json")["recipe_length"] == SCALE


def test_easy_views_alone_will_do(folders):
    source, out = folders
    write_views(source)
    (source / "hard").rename(source / ".hard")
    assert take_views(source, out) == {"views": 3}
    assert np.load(out / "masks.npz").files == ["easy"]


def edited(path, old, new):
    path.write_text(path.read_text().replace(old, new))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda easy: (easy / "01.png").unlink(), "easy: 2 pictures 16 x 16, 3 cameras"),
        (lambda easy: (easy / "01.png").write_bytes(b"x"), "easy: no RGBA pictures"),
        (lambda easy: Image.new("RGB", (16, 16)).save(easy / "00.png"), "easy: no RGBA pictures"),
        (lambda easy: Image.new("RGBA", (8, 8)).save(easy / "00.png"), "easy: no RGBA pictures of one size"),
        (lambda easy: (easy / "01.png").rename(easy / "x.png"), "easy: no RGBA pictures"),
        (
            lambda easy: (easy / "rendering_metadata.txt").unlink(),
            "easy/rendering_metadata.txt: cannot be read",
        ),
        (lambda easy: edited(easy / "rendering_metadata.txt", "1.75", "far"), "cannot be read"),
        (lambda easy: edited(easy / "rendering_metadata.txt", "35,32,", ""), "is not azimuth, elevation"),
        (lambda easy: edited(easy / "rendering_metadata.txt", "1.75", "nan"), "is not azimuth, elevation"),
        (
            lambda easy: edited(easy / "rendering_metadata.txt", "35,32,", "35,0,"),
            "is not azimuth, elevation",
        ),
        (lambda easy: (easy.parent / "normalization.npz").unlink(), "normalization.npz: no NPZ file"),
        (
            lambda easy: np.savez(easy.parent / "normalization.npz", offset=OFFSET, scale=-1.0),
            "scale -1.0 is not positive",
        ),
    ],
)
def test_views_that_are_refused(folders, damage, message):
    source, out = folders
    write_views(source)
    damage(source / "easy")
    with pytest.raises(DataError, match=message) as caught:
        take_views(source, out)
    assert "\n" not in str(caught.value)
