"""`t3d doctor`: a line per check."""

import json

import click


@click.command()
@click.option("--json", "as_json", is_flag=True, help="A JSON object per check and line.")
def doctor(as_json: bool) -> None:
    """What truly works on this machine, and the command that mends what does not.

    Status 1 if something fails that t3d cannot do without.
    """
    from t3d.tasks.doctor import examine

    bad = False
    for check in examine():
        bad |= check.required and check.state != "ok"
        mend = f"; mend: {check.mend}" if check.mend else ""
        line = f"{check.state:<16}  {check.name:<16}  {check.found}{mend}"
        click.echo(json.dumps(check._asdict()) if as_json else line)
    raise SystemExit(1 if bad else 0)
