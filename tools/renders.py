"""Write the pictures of docs/rendering.md, of procedural shapes.

python tools/renders.py
"""

import tempfile
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from t3d.datasets.images import write_png
from t3d.stages.mesh import Params as MeshParams
from t3d.stages.mesh import mesh
from t3d.stages.views import Params, views
from t3d.tasks.synth import synthesize

Pixels = npt.NDArray[np.uint8]

IMAGES = Path(__file__).resolve().parents[1] / "docs" / "images"
SHAPES = {"sofa": 8, "chair": 3, "plane": 6}
"""Number of the procedural shape shown of each category: textured ones."""
SHOWN, SIZE = 8, 112


def main() -> None:
    """Draw everything into a temporary folder, then put the pictures together."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        classes = synthesize(root / "data", list(SHAPES), max(SHAPES.values()) + 1)
        models = {
            name: sorted(classes[name].glob("*/models/*.obj"))[number] for name, number in SHAPES.items()
        }
        made = views_of(root, models["chair"], Params())
        write_png(IMAGES / "render-contact.png", np.asarray(Image.open(made / "contact.png")))
        recipes = {
            "seed": Params(views=SHOWN),
            "ring": Params(views=SHOWN, recipe="ring"),
            "sphere": Params(views=SHOWN, recipe="sphere"),
        }
        write_rows("recipes", {name: easy(root, models["chair"], one) for name, one in recipes.items()})
        write_rows("backends", backends(root, list(models.values())))
        write_rows("maps", maps(root, models["sofa"]))


def views_of(root: Path, model: Path, params: Params) -> Path:
    """The `views` artifact of a mesh file."""
    made, out = (Path(tempfile.mkdtemp(dir=root)) for _ in range(2))
    rng = np.random.default_rng(0)
    mesh(model, out=made, params=MeshParams(), rng=rng, threads=1)
    views(made, model, out=out, params=params, rng=np.random.default_rng(0), threads=1)
    return out


def easy(root: Path, model: Path, params: Params) -> list[Pixels]:
    """The easy pictures of a mesh file."""
    folder = views_of(root, model, params) / "easy"
    return [np.asarray(Image.open(path)) for path in sorted(folder.glob("[0-9][0-9].png"))]


def backends(root: Path, models: list[Path]) -> dict[str, list[Pixels]]:
    """Ray casting, OpenGL, and eight times their difference, two views of each shape."""
    rows: dict[str, list[Pixels]] = {"raycast": [], "pyrender": []}
    for name, row in rows.items():
        for model in models:
            row.extend(easy(root, model, Params(views=4, backend=name))[1:3])
    pairs = zip(*rows.values(), strict=True)
    difference = [255 - np.clip(8 * np.abs(a.astype(int) - b), 0, 255).astype(np.uint8) for a, b in pairs]
    return {**rows, "8 x apart": difference}


def maps(root: Path, model: Path) -> dict[str, list[Pixels]]:
    """Pictures over their depths (far is light), normals and albedo."""
    params = Params(views=6, size=SIZE, maps=("depth", "normals", "albedo"))
    folder = views_of(root, model, params) / "easy"
    rows: dict[str, list[Pixels]] = {"picture": [], "depth": [], "normals": [], "albedo": []}
    for path in sorted(folder.glob("[0-9][0-9].png")):
        depth = np.asarray(Image.open(path.with_name(f"{path.stem}_depth.png"))).astype(float)
        near, far = depth[depth > 0].min(), depth.max()
        grey = np.where(depth > 0, 40 + 180 * (depth - near) / (far - near), 255).astype(np.uint8)
        rows["picture"].append(np.asarray(Image.open(path)))
        rows["depth"].append(np.repeat(grey[..., None], 3, axis=2))
        for name in ("normals", "albedo"):
            rows[name].append(np.asarray(Image.open(path.with_name(f"{path.stem}_{name}.png"))))
    return rows


def write_rows(name: str, rows: dict[str, list[Pixels]], margin: int = 62) -> None:
    """Rows of pictures, each with its name on the left."""
    count = max(map(len, rows.values()))
    sheet = Image.new("RGB", (margin + count * SIZE, len(rows) * SIZE), "white")
    pen = ImageDraw.Draw(sheet)
    for row, (label, pictures) in enumerate(rows.items()):
        pen.text((4, row * SIZE + SIZE // 2 - 6), label, fill=(60, 60, 60))
        for column, picture in enumerate(pictures):
            tile = Image.fromarray(picture).resize((SIZE, SIZE), Image.Resampling.BOX)
            sheet.paste(tile, (margin + column * SIZE, row * SIZE))
    sheet.save(IMAGES / f"render-{name}.png", optimize=True)


if __name__ == "__main__":
    main()
