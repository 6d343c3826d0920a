"""Renders made to look like photographs: a wall behind, a camera's noise, blur and crop, a rotation flag.

python tests/tasks/photo_like.py BUNDLE    draws docs/images/predict.png
"""

import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

from t3d.datasets.appearance import load_appearance
from t3d.datasets.meshes import load_geometry
from t3d.geometry.normalize import normalize
from t3d.geometry.parts import Part
from t3d.geometry.raycast import Renderer
from t3d.report.pictures import around

WALLS = ("plain", "gradient", "busy")


def parts_of(model: Path) -> list[Part]:
    """A model with its materials, in the unit frame."""
    from dataclasses import replace

    mesh = load_geometry(model)
    transform = normalize(mesh.vertices)
    return [replace(part, vertices=transform.apply(part.vertices)) for part in load_appearance(model).parts]


def photograph(
    parts: list[Part], wall: str, rng: np.random.Generator, size: int = 480
) -> tuple[Image.Image, np.ndarray]:
    """A picture (size, 4/3 size) of the object somewhere before a wall, and its mask."""
    image = Renderer(parts).render(around(rng.uniform(0, 360), rng.uniform(15, 30), size))
    height, width = size, size * 4 // 3
    y, x = np.mgrid[:height, :width] / size
    behind = np.full((height, width, 3), rng.uniform(90, 240, 3))
    if wall != "plain":
        behind += (rng.uniform(-40, 40, 3) * (x**2 + y)[..., None]).clip(-60, 60)
    if wall == "busy":
        tiles = rng.uniform(-90, 90, (9, 12, 3)).repeat(height // 9 + 1, 0).repeat(width // 12 + 1, 1)
        behind += tiles[:height, :width]
    left = int(rng.integers(width - size + 1))
    alpha = np.zeros((height, width, 1))
    alpha[:, left : left + size, 0] = image.mask / 255
    front = np.zeros((height, width, 3))
    front[:, left : left + size] = image.rgb - 255.0 * (1 - image.mask[..., None] / 255)
    light = 1 + 0.15 * (x - 0.6)[..., None]
    made = (front + behind * (1 - alpha)) * light + 3 * rng.normal(size=front.shape)
    taken = Image.fromarray(made.clip(0, 255).round().astype(np.uint8)).filter(ImageFilter.GaussianBlur(0.8))
    return taken, (255 * alpha[..., 0]).astype(np.uint8)


def save(picture: Image.Image, path: Path, orientation: int = 1) -> None:
    """Write it as a camera would that was held in one of the EXIF standard's eight ways."""
    turn = {
        1: None,
        3: Image.Transpose.ROTATE_180,
        6: Image.Transpose.ROTATE_90,
        8: Image.Transpose.ROTATE_270,
    }
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = picture.transpose(turn[orientation]) if turn[orientation] is not None else picture
    stored.save(path, exif=exif, **({"quality": 90} if path.suffix == ".jpg" else {}))


def main() -> None:
    """Draw the documentation's picture: four sofas that the network never saw, before the three walls."""
    import tempfile

    from t3d.datasets.images import write_png
    from t3d.report.pictures import PREVIEW, preview, sheet
    from t3d.tasks.predict import predict, run
    from t3d.tasks.synth import synthesize

    network, rows = run(sys.argv[1]), []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        synthesize(folder / "data", ["sofa"], 3, seed=7)
        for number, model in enumerate(sorted(folder.glob("data/*/*/models/model_normalized.obj"))):
            picture, mask = photograph(parts_of(model), WALLS[number], np.random.default_rng(number + 3))
            save(picture, folder / "a.jpg")
            Image.fromarray(mask).save(folder / "mask.png")
            given = folder / "mask.png" if WALLS[number] == "busy" else None
            made = predict(folder / "a.jpg", network, given)
            sys.stdout.write(f"{WALLS[number]}: {made.facts['isolated']} {made.facts['warnings']}\n")
            write_png(folder / "row.png", sheet(preview(made), PREVIEW))
            rows.append(Image.open(folder / "row.png").convert("RGB"))
    sheet = Image.new("RGB", (rows[0].width, sum(row.height for row in rows)), "white")
    for place, row in enumerate(rows):
        sheet.paste(row, (0, place * row.height))
    sheet.quantize(256).save(Path(__file__).parents[2] / "docs" / "images" / "predict.png", optimize=True)


if __name__ == "__main__":
    main()
