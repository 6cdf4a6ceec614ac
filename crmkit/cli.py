"""crmkit from the shell: the dashboard, JupyterLab, and an import without a screen."""

from __future__ import annotations

import os
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
PortOption = Annotated[int, typer.Option(help="Port; a free one when 0.")]
BrowserOption = Annotated[bool, typer.Option("--browser/--no-browser", help="Open the page.")]


@app.command(name="app")
def dashboard(
    workspace: WorkspaceOption = Path("workspace"),
    folder: FolderOption = None,
    port: PortOption = 0,
    browser: BrowserOption = True,
    theme: Annotated[str, typer.Option(help="light or dark")] = "light",
) -> None:
    """Open the dashboard."""
    _serve(serve.dashboard_command, workspace, folder, port, browser, theme, "The dashboard")


@app.command()
def lab(
    workspace: WorkspaceOption = Path("workspace"),
    folder: FolderOption = None,
    port: PortOption = 0,
    browser: BrowserOption = True,
) -> None:
    """Open JupyterLab on the notebooks."""
    _serve(serve.lab_command, workspace, folder, port, browser, "light", "JupyterLab")


@app.command(name="import")
def import_file(
    file: Annotated[Path, typer.Argument(help="The file to import.")],
    workspace: WorkspaceOption = Path("workspace"),
    write: Annotated[
        bool, typer.Option("--write", help="Write it; else only the preview is shown.")
    ] = False,
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
    batch = session.commit()
    typer.echo(f"Batch {batch.id} is in the CRM. Backup before it: {batch.backup}.")


def main() -> None:
    """Run a command; what goes wrong is told in plain words."""
    try:
        app()
    except CrmkitError as error:
        typer.echo(str(error), err=True)
        raise SystemExit(1) from error


def _serve(
    command: serve.Command,
    workspace: Path,
    folders: list[Path] | None,
    port: int,
    browser: bool,
    theme: str,
    what: str,
) -> None:
    if not (workspace / "crm.duckdb").exists():
        typer.echo(f"Making a sample workspace in {workspace} ...")
    sample_workspace(workspace)
    service = serve.Service(
        workspace=workspace,
        folders=folders or [SAMPLES],
        port=port,
        token=os.environ.get("CRMKIT_TOKEN", ""),
        theme=theme,
    )
    running = serve.start(service, command)
    typer.echo(f"{what} runs at {running.address}")
    typer.echo(f"Sign in with the token {running.token}")
    typer.echo("Press Ctrl+C to stop it.")
    if browser:
        serve.open_browser(running)
    try:
        running.process.wait()
    except KeyboardInterrupt:
        typer.echo("Stopping ...")
    finally:
        running.stop()


if __name__ == "__main__":
    main()
