"""The `t3d` command: groups its commands, turns errors into one line and an exit status."""

import logging
import sys
import traceback

import click

from t3d import __version__
from t3d.cli.console import say, show_log
from t3d.errors import T3dError

SECTIONS = {
    "Pipeline": {
        "render": "50 easy and 50 hard views of every shape.",
        "sample-sdf": "Signed distances around every shape.",
        "train": "The networks of both solutions.",
        "reconstruct": "Meshes from single views.",
        "evaluate": "Reconstructions scored beside baselines.",
        "report": "The illustrated report.",
        "run": "Everything up to the report.",
    },
    "Use": {
        "predict": "Photographs to meshes, with previews and warnings.",
        "score": "Any method's meshes under named protocols.",
        "template": "The category's template, and what corresponds through it.",
        "analyze": "Codes and embeddings in the plane; errors by view and kind.",
        "overview": "One page across the categories of a work folder.",
    },
    "Data": {
        "synth": "Procedural sofas, chairs and planes.",
        "inspect": "What each mesh is, and what is wrong with it.",
        "export": "t3d's data for other code; the network in one file.",
        "import": "Others' data and trained networks for t3d.",
    },
    "Store": {
        "status": "What is made, missing or failed; --watch follows a run.",
        "why": "Why artifacts are kept, or would be made anew.",
        "path": "Where a stage's artifacts are.",
        "verify": "Whether every file is as it was written.",
        "clean": "Away with what no run names.",
    },
    "Machine": {"doctor": "What truly works here, and the mend for the rest."},
}
"""Commands with a line each, by section of `t3d --help`."""


class Commands(click.Group):
    """Lists commands by section."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for section, lines in SECTIONS.items():
            with formatter.section(section):
                formatter.write_dl([pair for pair in lines.items() if pair[0] in self.commands])


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="t3d")
@click.option("--debug", is_flag=True, expose_value=False, help="Show the log, and tracebacks.")
def t3d() -> None:
    """From a folder of 3D meshes to a single-image reconstruction network and a scored report.

    Try `t3d run --category sofa`: without --data it runs on procedural shapes.
    """


def _fill() -> None:
    from t3d.cli import doctor, inspect, layouts, overview, predict, score, store, synth
    from t3d.cli.running import stage_commands

    modules = (synth, inspect, predict, score, overview, layouts, doctor, store)
    own = [one for module in modules for one in vars(module).values() if isinstance(one, click.Command)]
    for command in (*stage_commands(), *own):
        t3d.add_command(command)


def main() -> None:
    """Entry point: 0 good, 1 failures, 2 wrong usage or bad input, 130 interrupted."""
    debug = "--debug" in sys.argv
    show_log(debug)
    try:
        _fill()
        sys.exit(t3d.main(standalone_mode=False) or 0)
    except (click.exceptions.Abort, KeyboardInterrupt):
        say("interrupted; what was finished is kept, the same command goes on from there")
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except (T3dError, OSError) as error:
        if debug:
            traceback.print_exc()
        say(f"error: {error}")
        sys.exit(2)
    finally:
        logging.shutdown()


if __name__ == "__main__":
    main()
