"""Data trees of other projects, both ways: DeepSDF's, and that of the method's authors ("seed")."""

import filecmp
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from t3d.datasets.cameras import LEVELS, read_cameras, view_path
from t3d.datasets.catalogue import GIVEN
from t3d.datasets.categories import plural, synset
from t3d.datasets.formats import read_json, read_npz, write_json, write_normalization
from t3d.datasets.given import METADATA
from t3d.datasets.images import read_rgb, write_png
from t3d.datasets.splits import category_ids
from t3d.errors import UsageError
from t3d.geometry.cameras import Camera
from t3d.geometry.normalize import Transform
from t3d.geometry.recipe import SENSOR_MM
from t3d.report.pictures import cut_out

KINDS = {"deepsdf": ("sdf", "surface"), "seed": ("sdf", "surface", "views"), "pack": ("sdf", "views")}
"""Stages whose artifacts a layout has a place for."""

NORMALIZATIONS = "NormalizationParameters"
"""Folder of transforms in DeepSDF's data tree (its `deep_sdf/workspace.py`)."""

SPLITS, ERRORS = "examples/splits", "examples/error"
"""Folders of the lists of shapes, in the repositories of DeepSDF and of the method's authors."""

FARTHEST = 1.75
"""Distances in the authors' metadata are multiples of it (`2d_render/render.py`)."""

PARTS = ("train", "val", "test")

_COMMANDS = {"sdf": "sample-sdf", "surface": "surface", "views": "render"}

_FILES = (
    ("sdf", "samples.npz", "SdfSamples"),
    ("surface", "surface.ply", "SurfaceSamples"),
    ("surface", "normalization.npz", NORMALIZATIONS),
)
"""Files of artifacts, by stage, that a tree has as they are, and below which of its folders."""

Files = Iterator[tuple[str, Callable[[Path], object]]]
"""Relative paths, each with what writes the file."""


@dataclass(frozen=True)
class Artifacts:
    """What there is of one category.

    dataset: name of the data set in the tree. category: t3d's name. folders: an artifact's folder by stage
    and shape, for every stage of the layout. parts: shape ids by part of the split.
    """

    dataset: str
    category: str
    folders: Mapping[str, Mapping[str, Path]]
    parts: Mapping[str, Sequence[str]]

    def listed(self, part: str) -> list[str]:
        """Shapes of a part that have all that any of it has; only shapes for testing need a surface."""
        needed = [made for kind, made in self.folders.items() if part == "test" or kind != "surface"]
        there = [set(made).intersection(self.parts[part]) for made in needed]
        return sorted(set.intersection(*filter(None, there))) if any(there) else []


def export_tree(artifacts: Artifacts, dest: Path, force: bool = False) -> list[str]:
    """Copy artifacts into `dest`; a line per stage on what there is. With views it is the authors' tree.

    Files are copies, not links: who edits one must not change the store. Each is written aside and renamed. A
    file that is there with other content is an error, unless `force`d. Raises UsageError where it is, and
    where nothing is there to be exported.
    """
    if not any(artifacts.folders.values()):
        commands = ", ".join(f"`t3d {_COMMANDS[kind]}`" for kind in artifacts.folders)
        raise UsageError(f"nothing is made yet with these settings that could be exported: run {commands}")
    for path, write in _tree(artifacts, synset(artifacts.category) or artifacts.category):
        _place(dest / path, write, force)
    return summary(artifacts)


def _tree(artifacts: Artifacts, name: str) -> Files:
    """All files; `name` is that of the class."""
    within = f"{artifacts.dataset}/{name}"
    for stage, file, place in _FILES:
        for shape, folder in artifacts.folders[stage].items():
            copy, end = partial(shutil.copyfile, folder / file), Path(file).suffix
            yield f"{place}/{within}/{shape}{end}", copy
            if stage == "sdf" and "views" in artifacts.folders:  # the authors' description, not their code
                yield f"{place}/{within}/{shape}/{shape}{end}", copy
    for shape, folder in artifacts.folders.get("views", {}).items():
        values = read_json(folder / "cameras.json")["normalization"]
        transform = Transform(np.array(values["offset"]), values["scale"])
        yield from ((f"{name}/{shape}/{path}", write) for path, write in _views(folder, transform))
        yield f"{NORMALIZATIONS}/{within}/{shape}.npz", partial(write_normalization, transform=transform)
    lists = {f"{SPLITS}/{plural(artifacts.category)}_{part}.json": artifacts.listed(part) for part in PARTS}
    left = {shape for part in PARTS for shape in artifacts.parts[part]}.difference(*lists.values())
    lists[f"{ERRORS}/{plural(artifacts.category)}_error.json"] = sorted(left)
    for path, ids in lists.items():
        yield path, partial(write_json, value={artifacts.dataset: {name: ids}})


def _views(folder: Path, transform: Transform) -> Files:
    """Pictures and metadata of one shape, relative to its folder."""
    for level, cameras in read_cameras(folder / "cameras.json").items():
        text = "".join(_metadata(camera, transform, folder) for camera in cameras)
        yield f"{level}/image/{METADATA}", partial(Path.write_text, data=text)
        (masks,) = read_npz(folder / "masks.npz", level)
        for number, mask in enumerate(masks):
            file = folder / view_path(level, number)
            yield f"{level}/image_rgb/{file.name}", partial(shutil.copyfile, file)
            yield f"{level}/image/{file.name}", partial(_write_rgba, file, mask)


def _metadata(camera: Camera, transform: Transform, folder: Path) -> str:
    """A view in a line: `[azimuth, elevation, 0, d, lens, sensor, 1.75, x, y, z], `.

    Degrees, the distance over 1.75, mm, and the place of the object in Blender's axes (x, -z, y of the
    file's). The camera looks at the origin, and lengths are those of the mesh file (`2d_render/render.py`).
    """
    back, eye = camera.c2w[:3, 2], camera.eye / transform.scale
    if abs(camera.c2w[1, 0]) > 1e-6 or back @ eye <= 0 or 2 * camera.cx != camera.width:
        raise UsageError(f"{folder}: its cameras roll or look away, for which this layout has no numbers")
    x, y, z = (back @ eye) * back - eye + transform.offset
    azimuth, elevation = np.degrees([np.arctan2(back[2], back[0]) % (2 * np.pi), np.arcsin(back[1])])
    lens = camera.fl / camera.width * SENSOR_MM, SENSOR_MM
    values = azimuth, elevation, 0, back @ eye / FARTHEST, *lens, FARTHEST, x, -z, y
    return f"[{','.join(repr(float(value)) for value in values)}], \n"


def _write_rgba(view: Path, mask: npt.NDArray[np.uint8], path: Path) -> None:
    write_png(path, cut_out(read_rgb(view), mask))


def summary(artifacts: Artifacts) -> list[str]:
    """How many shapes of each part have an artifact, a line per stage."""
    lines, every = [], [(part, artifacts.parts[part]) for part in PARTS]
    for kind, there in artifacts.folders.items():
        counts = ", ".join(f"{part} {len(there.keys() & set(ids))} of {len(ids)}" for part, ids in every)
        more = len(there) < sum(len(ids) for _, ids in every)
        hint = f"; `t3d {_COMMANDS[kind]}` makes what is missing" if more else ""
        lines.append(f"{kind}: {counts}{hint}")
    return lines


def _place(path: Path, write: Callable[[Path], object], force: bool) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.draft")
    write(draft)
    if path.exists() and not force and not filecmp.cmp(draft, path, shallow=False):
        draft.unlink()
        raise UsageError(f"{path}: there already with other content; choose another folder, or --force")
    draft.replace(path)


def import_tree(layout: str, src: Path, dest: Path) -> Counter[tuple[str, str]]:
    """Make `dest` out of the tree `src` of a layout (a key of KINDS); shapes by class and stage.

    Files are copied unread: what is wrong with one is found when it is taken over, and is then a recorded
    failure of its shape. Written aside and renamed: a killed import leaves no `dest`. Raises UsageError where
    `dest` holds something, where `src` holds nothing of the layout, and for links that lead out of it.
    """
    if not src.is_dir():
        raise UsageError(f"{src}: no such folder; name what is to be imported")
    with new_folder(dest) as draft:
        copies = _copies(layout, src)
        taken = {(*place.parts[:2], place.parts[3]) for place in copies}
        for place, path in (copies | _lists(src, {name for name, *_ in taken})).items():
            if not path.resolve().is_relative_to(src.resolve()):
                raise UsageError(f"{path}: a link that leads out of {src}; put a copy in its place")
            (draft / place).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, draft / place)
    return Counter((name, stage) for name, _, stage in sorted(taken))


@contextmanager
def new_folder(dest: Path) -> Iterator[Path]:
    """A folder that becomes `dest` at the end; raises UsageError where `dest` holds something."""
    if dest.is_file() or (dest.is_dir() and any(dest.iterdir())):
        raise UsageError(f"{dest}: not empty; name a new folder")
    parent = dest.absolute().parent
    parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".draft-", dir=parent) as aside:
        draft = Path(aside, "tree")
        draft.mkdir()
        yield draft
        draft.rename(dest)


def _copies(layout: str, src: Path) -> dict[Path, Path]:
    """Sources by place in the new folder; no path is made of what a file says.

    A file may stand one level deeper, in a folder of its own name.
    """
    copies: dict[Path, Path] = {}
    for stage, file, folder in (*_FILES, ("views", "normalization.npz", NORMALIZATIONS)):
        for path in sorted(src.glob(f"{folder}/[!.]*/[!.]*/**/[!.]*{Path(file).suffix}")):
            _, dataset, name, *_ = path.relative_to(src).parts
            if path.parent.name in (name, path.stem):
                first = copies.setdefault(Path(name, path.stem, GIVEN, stage, file), path)
                if first.relative_to(src).parts[1] != dataset:
                    raise UsageError(f"{first} and {path}: one shape in two data sets; import one alone")
    for path in sorted(src.glob("[!.]*/[!.]*/*/image/[!.]*")) if "views" in KINDS[layout] else ():
        name, shape, level = path.relative_to(src).parts[:3]
        if level in LEVELS:
            copies[Path(name, shape, GIVEN, "views", level, path.name)] = path
    whole = {place.parts[:4] for place in copies if place.name != "normalization.npz"}
    if not whole:
        looked = " or ".join(
            f"{folder}/<dataset>/<class>/<id>{Path(file).suffix}" for _, file, folder in _FILES
        )
        raise UsageError(f"{src}: nothing of the layout {layout} in it; looked for {looked}")
    return {place: path for place, path in copies.items() if place.parts[:4] in whole}


def _lists(src: Path, names: set[str]) -> dict[Path, Path]:
    """Lists of shapes of these classes, by place; those of faulty shapes are named `..._error.json`."""
    faulty = {path: path.stem.removesuffix("_error") + "_error.json" for path in src.glob(f"{ERRORS}/*.json")}
    parts = {path: path.name for folder in (SPLITS, "splits") for path in src.glob(f"{folder}/*.json")}
    found = sorted((faulty | parts).items())
    return {Path("splits", to): path for path, to in found if any(category_ids(path, name) for name in names)}
