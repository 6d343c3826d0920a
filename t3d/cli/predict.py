"""`t3d predict`: photographs to meshes."""

import json
from pathlib import Path
from typing import Any

import click

from t3d.cli.console import say
from t3d.cli.project import settings_of
from t3d.cli.store import root_of
from t3d.errors import UsageError

PATH = click.Path(path_type=Path)
FILE = click.Path(path_type=Path, exists=True, dir_okay=False)


@click.command()
@click.argument("images", nargs=-1, required=True, type=PATH)
@click.option("--model", type=FILE, help="A bundle of `t3d export --model`. [default: the latest run's]")
@click.option("--work", metavar="DIR", help="The store. [T3D_WORK; default: work]")
@click.option("--category", metavar="NAME", help="What is in the pictures. [default: sofa]")
@click.option("--variant", default="", metavar="NAME", help="s1, s2-simclr, ... [default: the run's first]")
@click.option("--mask", multiple=True, type=PATH, help="The object in white; one per image, in their order.")
@click.option("--together", is_flag=True, help="All images show one object: one mesh of all.")
@click.option(
    "--format", "kind", type=click.Choice(("ply", "obj", "glb")), default="ply", help="Of meshes. [ply]"
)
@click.option("--resolution", type=click.IntRange(8, 1024), default=128, help="Cells along each axis. [128]")
@click.option("--out", type=PATH, default=Path("predictions"), help="Where it goes. [default: predictions]")
@click.option("--json", "as_json", is_flag=True, help="One machine-readable last line.")
def predict(images: tuple[Path, ...], mask: tuple[Path, ...], out: Path, **options: Any) -> None:
    """A mesh of the object in each image, with a preview, by a trained network.

    Meshes are in the unit frame: the size of what is in a photograph cannot be known. Status 1 if some images
    gave no mesh, 2 if none did.
    """
    from t3d.tasks import predict as task

    if mask and len(mask) != len(images):
        raise UsageError(f"{len(mask)} masks for {len(images)} images; give one each, in their order")
    pairs = list(zip(images, mask or [None] * len(images), strict=True))
    groups = {out / image.stem: [(image, own)] for image, own in pairs}
    if options["together"]:
        groups = {out / images[0].stem: pairs}
    elif len(groups) < len(images):
        raise UsageError("two images have one name, and so would their meshes; rename one")
    store = settings_of({name: options[name] for name in ("work", "category")})
    network = task.run(options["model"] or root_of(store), options["variant"])
    out.mkdir(parents=True, exist_ok=True)
    records = []
    for record in task.predict_each(network, groups, options["resolution"], f".{options['kind']}"):
        records.append(record)
        for warning in record["warnings"]:
            say(f"warning: {record['name']}: {warning}")
        good = record["status"] == "ok"
        say(f"{out / record['mesh']}, {record['preview']}" if good else f"error: {record['reason']}")
    bad = sum(record["status"] != "ok" for record in records)
    status = 2 if bad == len(records) else min(bad, 1)
    if options["as_json"]:
        click.echo(json.dumps({"status": status, "variant": network.variant, "predictions": records}))
    raise SystemExit(status)
