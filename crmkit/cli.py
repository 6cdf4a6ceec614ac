"""crmkit from the shell: the dashboard, JupyterLab, and an import without a screen."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Annotated

import typer

from crmkit import serve
from crmkit.errors import CrmkitError
from crmkit.samples import SAMPLES, sample_workspace
from crmkit.workspace import Workspace

app = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__)

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
    file: Annotated[Path, typer.Argument(help="The file to import.")],
    workspace: WorkspaceOption = Path("workspace"),
    write: Annotated[
        bool, typer.Option("--write", help="Write it; else only the preview is shown.")
    ] = False,
    backup: Annotated[
        bool, typer.Option("--backup/--no-backup", help="Back the CRM up before it is written.")
    ] = True,
) -> None:
    """Preview a file with the suggested mapping and the default settings, and write it when told to."""
    session = Workspace.open(workspace).new_import()
    session.load(file)
    for item in session.preview().balance:
        counts = ", ".join(
            f"{count} {status.label}" for status, count in item.records.items() if count
        )
        typer.echo(f"{item.label}: {counts or 'none'}")
    if not write:
        typer.echo("Nothing was written. Add --write to import.")
        return
    batch = session.commit(back_up=backup)
    typer.echo(f"Batch {batch.id} is in the CRM. Backup before it: {batch.backup or 'none'}.")


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
    if not yes:
        typer.confirm("Restore it?", abort=True)
    batch = chosen.restore(name, revision=preview.revision, back_up=backup)
    typer.echo(f"The backup is restored. Backup before it: {batch.backup or 'none'}.")


def main() -> None:
    """Run a command; what goes wrong is told in plain words."""
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
