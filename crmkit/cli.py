"""crmkit from the shell: the dashboard, JupyterLab, and an import without a screen."""

from __future__ import annotations

import io
import json
import os
import signal
import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

import crmkit
from crmkit import jobs, serve
from crmkit.errors import CrmkitError, SettingsError
from crmkit.private import LeftKind
from crmkit.progress import Progress
from crmkit.samples import SAMPLES, sample_workspace
from crmkit.ui.handling import keep_log
from crmkit.users import add_user, read_users, remove_user
from crmkit.workspace import Workspace

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help=__doc__,
    pretty_exceptions_enable=False,
)

WorkspaceOption = Annotated[
    Path,
    typer.Option(
        "--workspace", help="Folder of the workspace; a sample one is made when there is none."
    ),
]
FolderOption = Annotated[
    list[Path] | None,
    typer.Option("--folder", help="Folder from which files may be picked; repeatable."),
]
PortOption = Annotated[int, typer.Option(help="Port; the first free one from 8866 up when 0.")]
TokenOption = Annotated[
    str,
    typer.Option(
        envvar="CRMKIT_TOKEN", help="What a visitor must show; made up when there is none."
    ),
]
BrowserOption = Annotated[bool, typer.Option("--browser/--no-browser", help="Open the page.")]


def _tell_version(asked: bool) -> None:
    if asked:
        typer.echo(f"crmkit {crmkit.__version__}")
        raise typer.Exit


@app.callback(help=__doc__)
def _before_all(
    version: Annotated[
        bool,
        typer.Option("--version", is_eager=True, callback=_tell_version, help="Say which it is."),
    ] = False,
) -> None:
    # The option has answered before this runs.
    del version


@app.command(name="app")
def dashboard(
    workspace: WorkspaceOption = Path("workspace"),
    folder: FolderOption = None,
    port: PortOption = 0,
    browser: BrowserOption = True,
    token: TokenOption = "",
    theme: Annotated[serve.Theme, typer.Option(help="How it looks.")] = serve.Theme.LIGHT,
) -> None:
    """Open the dashboard."""
    service = _service(workspace, folder, port=port, token=token, theme=theme)
    _serve(serve.dashboard_command, service, browser=browser, what="The dashboard")


UsersOption = Annotated[
    Path, typer.Option("--users", help="File of who may come in; `crmkit user` makes it.")
]


@app.command(name="serve-dashboard")
def serve_dashboard(
    listen: Annotated[
        str, typer.Option(help="Address to listen on; 0.0.0.0 for all of this machine's.")
    ],
    users: UsersOption,
    workspace: WorkspaceOption = Path("workspace"),
    folder: FolderOption = None,
    port: PortOption = 0,
    certificate: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="File of the TLS certificate.")
    ] = None,
    key: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="File of its private key.")
    ] = None,
    sessions: Annotated[
        int, typer.Option(min=1, help="Dashboards that may be open at the same time.")
    ] = 20,
    upload_mb: Annotated[
        int, typer.Option("--upload-mb", min=1, help="The largest file that may be uploaded.")
    ] = 500,
    theme: Annotated[serve.Theme, typer.Option(help="How it looks.")] = serve.Theme.LIGHT,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Serve the dashboard to a team, each with a name and a password; see docs/team.md."""
    team = serve.Team(users, listen, certificate, key, sessions, upload_mb)
    known = read_users(users)
    if not known:
        raise SettingsError(
            "Nobody may come in yet.",
            where=str(users),
            mend="Let somebody in first: `crmkit user NAME --users FILE`.",
        )
    service = _service(workspace, folder, port=port, token="", theme=theme)
    service = replace(service, team=team, folders=folder or [])
    for line in serve.opens(service, sorted(known)):
        typer.echo(line)
    if not yes:
        typer.confirm("Open it?", abort=True)
    _serve(serve.team_command, service, browser=False, what="The team's dashboard")


@app.command()
def user(
    name: Annotated[str, typer.Argument(help="The name to sign in with; the log has it, too.")],
    users: UsersOption,
    remove: Annotated[bool, typer.Option("--remove", help="Keep this user out.")] = False,
) -> None:
    """Let somebody into the team's dashboard, change a password, or keep somebody out.

    The password is asked for, or read from CRMKIT_PASSWORD; only its hash is kept.
    """
    if remove:
        remove_user(users, name)
        typer.echo(f"{name} is out, also where they are signed in.")
        return
    password = os.environ.get("CRMKIT_PASSWORD", "") or typer.prompt(
        "Password", hide_input=True, confirmation_prompt=True
    )
    add_user(users, name, password)
    typer.echo(f"{name} may sign in.")


@app.command()
def lab(
    workspace: WorkspaceOption = Path("workspace"),
    folder: FolderOption = None,
    port: PortOption = 0,
    browser: BrowserOption = True,
    token: TokenOption = "",
) -> None:
    """Open JupyterLab on the notebooks."""
    service = _service(workspace, folder, port=port, token=token)
    _serve(serve.lab_command, service, browser=browser, what="JupyterLab")


@app.command(name="import")
def import_file(
    description: Annotated[
        str,
        typer.Argument(help="A saved import description: its name in the workspace, or its file."),
    ],
    file: Annotated[
        Path | None,
        typer.Argument(
            help="The file to import; none when the description reads an ERP or an account."
        ),
    ] = None,
    workspace: Annotated[Path, typer.Option("--workspace", help="Folder of the workspace.")] = Path(
        "workspace"
    ),
    commit: Annotated[
        bool,
        typer.Option(
            "--commit/--dry-run", help="Write to the CRM, or only see what would be done."
        ),
    ] = False,
    accept_drift: Annotated[
        bool,
        typer.Option("--accept-drift", help="Go on when the file's columns or values changed."),
    ] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Write nothing when a row is held back or set aside.")
    ] = False,
    held_back: Annotated[
        Path | None,
        typer.Option("--held-back", help="Where rows held back go, as .xlsx or .csv."),
    ] = None,
    backup: Annotated[
        bool, typer.Option("--backup/--no-backup", help="Back the CRM up before it is written.")
    ] = True,
) -> None:
    """Import a file, or what an ERP or an account has, as a saved description says.

    Progress goes to the standard error, a summary in JSON to the standard output. The password of a
    protected workbook is read from CRMKIT_FILE_PASSWORD, that of an ERP's database from the keychain
    or CRMKIT_ERP_PASSWORD.

    Exit codes: 0 done, 1 error, 2 wrong use, 3 the file is not as the description expects it (see
    "drift"; --accept-drift goes on), 4 rows were held back under --strict, 5 others wrote to the CRM
    after the preview (see "meanwhile"; run it again), 130 stopped. With 1 to 5 nothing was written.
    """
    if held_back is not None:
        _check_held_back(held_back, file)
    job = jobs.Job(
        commit=commit,
        accept_drift=accept_drift,
        strict=strict,
        held_back=held_back,
        back_up=backup,
        password=os.environ.get("CRMKIT_FILE_PASSWORD", ""),
        erp_password=os.environ.get("CRMKIT_ERP_PASSWORD", ""),
    )
    keep_log(workspace)
    # A scheduler that ends the job is Ctrl+C too: nothing is left half done.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    summary = jobs.run(
        lambda: Workspace.open(workspace), description, file, job, progress=_told_progress()
    )
    told = summary.as_json()
    if error := told.get("error"):
        typer.echo(" ".join(part for part in error.values() if part), err=True)
    for change in told.get("drift", {}).get("changes", ()):
        typer.echo(change["text"], err=True)
    typer.echo(json.dumps(told, indent=2, ensure_ascii=False))
    raise typer.Exit(int(summary.exit))


def _check_held_back(path: Path, file: Path | None) -> None:
    if path.suffix.lower() not in (".xlsx", ".csv"):
        raise typer.BadParameter("The file for rows held back ends in .xlsx or .csv.")
    if file is not None and path.resolve() == file.resolve():
        raise typer.BadParameter("The file for rows held back is the file to import.")


def _told_progress() -> Progress:
    """Writes what is being done to the standard error, once for each tenth."""
    told: set[tuple[str, int]] = set()

    def report(fraction: float, text: str) -> None:
        step = (text, int(fraction * 10))
        if step not in told:
            told.add(step)
            typer.echo(f"{fraction:4.0%}  {text}", err=True)

    return report


@app.command()
def backups(workspace: WorkspaceOption = Path("workspace")) -> None:
    """List the backups of the CRM, newest first."""
    found = Workspace(workspace).backups()
    if not found:
        typer.echo("There are no backups.")
    for item in found:
        before = f"  before {item.before}" if item.before else ""
        typer.echo(f"{item.name}  {item.size / 1_000_000:,.1f} MB{before}")


@app.command()
def restore(
    name: Annotated[str, typer.Argument(help="A backup's name, as `crmkit backups` lists it.")],
    workspace: WorkspaceOption = Path("workspace"),
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    backup: Annotated[
        bool, typer.Option("--backup/--no-backup", help="Back the CRM of now up first.")
    ] = True,
) -> None:
    """Put a backup in the CRM's place, also where the CRM is missing or damaged."""
    # Not opened: a CRM that cannot be read is what this is for.
    chosen = Workspace(workspace)
    preview = chosen.restore_preview(name)
    now = "the CRM cannot be read" if preview.revision is None else _counted(preview.now)
    typer.echo(f"Now: {now}. In the backup: {_counted(preview.then)}.")
    for number, source in preview.batches:
        typer.echo(f"Batch {number}, {source}, will not be in the CRM any more.")
    if preview.forgotten:
        typer.echo(f"Forgotten since, and forgotten again: {preview.forgotten:,} persons.")
    if not yes:
        typer.confirm("Restore it?", abort=True)
    batch = chosen.restore(name, revision=preview.revision, back_up=backup)
    typer.echo(f"The backup is restored. Backup before it: {batch.backup or 'none'}.")


@app.command()
def private(workspace: WorkspaceOption = Path("workspace")) -> None:
    """List what is left of files outside the CRM: imports, uploads, exports and backups."""
    found = Workspace(workspace).private_data()
    if not found:
        typer.echo("Nothing is left.")
    for item in found:
        noun = "row" if item.rows == 1 else "rows"
        rows = "" if item.rows is None else f"  {item.rows:,} {noun}"
        old = "  old" if item.old else ""
        typer.echo(
            f"{item.name}  {item.kind.label}{f'  {item.source}' if item.source else ''}{rows}"
            f"  {item.last_used:%Y-%m-%d %H:%M}  {item.size / 1_000_000:,.1f} MB{old}"
        )


@app.command()
def purge(
    names: Annotated[
        list[str] | None, typer.Argument(help="Names, as `crmkit private` lists them.")
    ] = None,
    workspace: WorkspaceOption = Path("workspace"),
    old: Annotated[
        bool, typer.Option("--old", help="Imports, uploads and exports marked as old.")
    ] = False,
    everything: Annotated[
        bool, typer.Option("--all", help="All imports, uploads and exports; backups stay.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Delete what is left of files outside the CRM; a backup only by its name."""
    chosen = Workspace(workspace)
    found = chosen.private_data()
    wanted = set(names or ())
    if unknown := sorted(wanted - {item.name for item in found}):
        raise SettingsError(
            "Nothing of this name is left.",
            where=", ".join(unknown),
            mend="`crmkit private` lists the names.",
        )
    gone = [
        item
        for item in found
        if item.name in wanted
        or (item.kind is not LeftKind.BACKUP and (everything or (old and item.old)))
    ]
    if not gone:
        typer.echo("Nothing to delete.")
        return
    for item in gone:
        typer.echo(f"{item.name}  {item.kind.label}")
    if not yes:
        typer.confirm("Delete these for good?", abort=True)
    chosen.purge(gone)
    typer.echo(f"Deleted: {len(gone):,}.")


@app.command(name="forget")
def forget_person(
    person: Annotated[
        str, typer.Argument(help="Part of a name or e-mail address, or the person's ID.")
    ],
    workspace: WorkspaceOption = Path("workspace"),
    exports: Annotated[
        bool,
        typer.Option("--exports/--keep-exports", help="Delete the exports that hold the person."),
    ] = True,
    backups: Annotated[
        bool,
        typer.Option("--backups/--keep-backups", help="Delete the backups that hold the person."),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Delete one person for good: from the CRM, its log, unfinished imports and exports."""
    chosen = Workspace.open(workspace)
    found = chosen.find_persons(person)
    exact = [item for item in found if str(item[0]) == person.strip()]
    if len(exact or found) != 1:
        for _, label in found:
            typer.echo(label)
        raise SettingsError(
            "Several persons fit." if found else "No person fits.",
            where=person,
            mend="Name one by ID." if found else "Look for another part of the name.",
        )
    ((person_id, _),) = exact or found
    preview = chosen.forget_preview(person_id)
    for line in preview.lines:
        typer.echo(line)
    if not yes:
        typer.confirm("Forget this person? It cannot be undone.", abort=True)
    batch = chosen.forget(
        person_id, revision=preview.crm.revision, exports=exports, backups=backups
    )
    typer.echo(f"Person {person_id} is forgotten, batch {batch.id}.")


def main() -> None:
    """Run a command; what goes wrong is told in plain words."""
    # A console that lacks a letter of a name shows another, and no traceback.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        app()
    except CrmkitError as error:
        typer.echo(str(error), err=True)
        raise SystemExit(1) from error


def _counted(records: dict[str, int]) -> str:
    return ", ".join(f"{count:,} {entity}" for entity, count in records.items())


def _service(
    workspace: Path,
    folders: list[Path] | None,
    *,
    port: int,
    token: str,
    theme: serve.Theme = serve.Theme.LIGHT,
) -> serve.Service:
    if not (workspace / "crm.duckdb").exists():
        typer.echo(f"Making a sample workspace in {workspace} ...")
    sample_workspace(workspace)
    return serve.Service(
        workspace=workspace,
        folders=folders or [SAMPLES],
        port=port or serve.first_free_port(),
        token=token,
        theme=theme,
    )


def _serve(command: serve.Command, service: serve.Service, *, browser: bool, what: str) -> None:
    # Being told to end, or losing the terminal, is Ctrl+C too: no server is left behind.
    for name in ("SIGTERM", "SIGHUP", "SIGBREAK"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.default_int_handler)
    try:
        running = serve.start(service, command)
    except KeyboardInterrupt:
        return
    try:
        opened = browser and serve.open_browser(running)
        if service.team:
            typer.echo(f"{what} listens on {running.address}. Press Ctrl+C to stop.")
        else:
            typer.echo(f"{what} runs on this computer{', and opens now' if opened else ''}:")
            typer.echo(f"    {running.link}")
            typer.echo("The token in it is the key: keep it to yourself. Press Ctrl+C to stop.")
        running.process.wait()
        typer.echo(f"{what} has ended by itself.", err=True)
    except KeyboardInterrupt:
        typer.echo("Stopping ...")
    finally:
        running.stop()


if __name__ == "__main__":
    main()
