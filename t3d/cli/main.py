"""The `t3d` command: groups its commands, turns errors into one line and an exit status."""

import logging
import sys
import traceback
from pathlib import Path

import click

from t3d import __version__
from t3d.cli.console import say, show_log
from t3d.errors import T3dError
from t3d.pipeline.settings import read_toml

SECTIONS = read_toml(Path(__file__).with_name("commands.toml"))
"""A line and an example of each command, by section of `t3d --help`."""


class Commands(click.Group):
    """Lists commands by section."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for section, lines in SECTIONS.items():
            with formatter.section(section):
                formatter.write_dl([(name, line) for name, (line, _) in lines.items()])


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
    examples = {name: text for lines in SECTIONS.values() for name, (_, text) in lines.items()}
    for command in (*stage_commands(), *own):
        t3d.add_command(command)
        if command.name in examples:
            parts = (command.epilog, f"\b\nExample:\n  {examples[command.name]}")
            command.epilog = "\n\n".join(filter(None, parts))


def _one_line(error: click.ClickException) -> str:
    """What was wrong and where to look; the whole help where nothing was asked."""
    text, context = error.format_message(), getattr(error, "ctx", None)
    if context and text == context.get_help():
        return text
    hint = f"; see {context.command_path} --help" if context else ""
    return f"error: {' '.join(text.split()).rstrip('.')}{hint}"


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
        say(_one_line(error))
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
