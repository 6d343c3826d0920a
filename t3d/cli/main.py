"""The `t3d` command: groups its commands, turns errors into one line and an exit status."""

import logging
import sys
import traceback

import click

from t3d import __version__
from t3d.cli.console import say, show_log
from t3d.errors import T3dError

SECTIONS = {
    "Pipeline": ("render", "sample-sdf", "train", "reconstruct", "evaluate", "report", "run"),
    "Use": ("predict", "score", "template", "analyze", "overview"),
    "Data": ("synth", "inspect", "export", "import"),
    "Store": ("status", "why", "path", "verify", "clean"),
    "Machine": ("doctor",),
}
"""Commands by section of `t3d --help`."""


class Commands(click.Group):
    """Lists commands by section."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for section, names in SECTIONS.items():
            commands = [(name, self.commands[name]) for name in names if name in self.commands]
            with formatter.section(section):
                formatter.write_dl([(name, command.get_short_help_str(80)) for name, command in commands])


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="t3d")
@click.option("--debug", is_flag=True, help="Show the library's log, and tracebacks.")
def t3d(debug: bool) -> None:
    """From a folder of 3D meshes to a single-image reconstruction network and a scored report.

    Try `t3d run --category sofa`: without --data it runs on procedural shapes.
    """
    show_log(debug)


def _fill() -> None:
    from t3d.cli import doctor, inspect, layouts, overview, predict, score, store, synth
    from t3d.cli.running import stage_commands

    for command in (
        *stage_commands(),
        synth.synth,
        inspect.inspect,
        predict.predict,
        score.score,
        overview.overview,
        layouts.export,
        layouts.import_,
        doctor.doctor,
        store.status,
        store.why,
        store.path,
        store.verify,
        store.clean,
    ):
        t3d.add_command(command)


def main() -> None:
    """Entry point: 0 good, 1 failures, 2 wrong usage or bad input, 130 interrupted."""
    debug = "--debug" in sys.argv
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
