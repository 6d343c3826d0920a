"""`t3d synth`: the procedural data set."""

from pathlib import Path

import click

from t3d.cli.console import say


@click.command()
@click.argument("dest", type=click.Path(path_type=Path))
@click.option(
    "--category", "categories", multiple=True, metavar="NAME", help="sofa, chair or plane; default: all."
)
@click.option("--count", type=click.IntRange(1), default=120, show_default=True, help="Shapes per category.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Seed of the shapes.")
def synth(dest: Path, categories: tuple[str, ...], count: int, seed: int) -> None:
    """Procedural sofas, chairs and planes in ShapeNet's layout."""
    from t3d.datasets.procedural import CATEGORIES
    from t3d.tasks.synth import synthesize

    for name, folder in synthesize(dest, categories or tuple(CATEGORIES), count, seed).items():
        say(f"{count} {name} shapes in {folder}")
