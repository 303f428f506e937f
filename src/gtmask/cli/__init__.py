"""The command line: options in, library calls out, no logic.

One file per command, imported when it is called, and nothing heavy before it runs: ``--help`` must answer at once.
stdout carries data, stderr talk; errors become one sentence and the exit code of their class.
"""

from __future__ import annotations

import io
import logging
import os
import signal
import sys
import warnings

import typer

from gtmask import __version__
from gtmask.cli.group import CONTEXT, Group
from gtmask.cli.settings import FILE_VARIABLE
from gtmask.cli.talk import complain
from gtmask.light import travel_light

app = typer.Typer(
    name="gtmask",
    cls=Group,
    help="Any labeling tool's export to SageMaker Ground Truth segmentation masks and manifest.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings=CONTEXT,
)


def _version(context: typer.Context, wanted: bool) -> None:
    if not wanted:
        return
    from gtmask import about, fallback_reason

    if context.params["verbose"]:
        for name, value in about().items():
            typer.echo(f"{name:13} {value}")
        raise typer.Exit
    typer.echo(f"gtmask {__version__}")
    if missing := fallback_reason():
        typer.echo(f"Kernels start and run more slowly, by Numba's plain cache, because {missing}.")
    raise typer.Exit


@app.callback()
def _root(
    # Before the version: known when that is shown.
    verbose: bool = typer.Option(
        False, "--verbose", is_eager=True, help="With --version: all that a report needs to know."
    ),
    version: bool = typer.Option(False, "--version", callback=_version, help="Show the version."),
    config: str | None = typer.Option(
        None,
        "--config",
        metavar="FILE",
        envvar=FILE_VARIABLE,
        help="File of settings (default: gtmask.toml in the working folder).",
    ),
) -> None:
    pass


def main() -> None:
    """Run the command line."""
    from gtmask.errors import GtmaskError

    _prepare_streams()
    _heed_signals()
    # They may come anywhere: nobody is to be told of the coroutine or loop that was just being made.
    warnings.filterwarnings("ignore", "coroutine .* was never awaited", RuntimeWarning)
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    travel_light()
    try:
        app()
    except GtmaskError as error:
        complain(str(error))
        sys.exit(error.exit_code)
    except (MemoryError, OSError, RuntimeError) as error:
        # Only what no floor has a sentence for comes here: a full disk under stdout or the temporary files.
        if (sentence := _said_by_the_system(error)) is None:
            raise
        complain(sentence)
        sys.stdout = io.StringIO()  # what is unwritten would fail again at exit
        sys.exit(GtmaskError.exit_code)


def _said_by_the_system(error: Exception) -> str | None:
    """Return what to say where the system gives no more of something; None for what is a fault of ours."""
    if isinstance(error, OSError):
        from gtmask.storage.local_errors import reason

        return f"The system stopped it: {reason(error)}; see to that and run it again."
    if isinstance(error, MemoryError):
        return (
            "There is not enough memory: give gtmask more (`ulimit -v`, the job's own limit), or lower "
            "--workers."
        )
    if "start new thread" in str(error):
        return (
            "The system lets no more threads start: raise `ulimit -u` or the job's limit of processes or "
            "memory, or lower --workers."
        )
    return None


def _heed_signals() -> None:
    """Let SIGTERM, by which schedulers and `timeout` end a run, do what Ctrl-C does: finish chunks, say so.

    Also for a script's `gtmask ... &`, which starts with Ctrl-C ignored: that is for what stands in front.
    """

    def stop(*_: object) -> None:
        if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.raise_signal(signal.SIGINT)

    signal.signal(signal.SIGTERM, stop)


def _prepare_streams() -> None:
    """Make stdout and stderr take whatever is said: where they are closed, and in any locale."""
    # Else the first files opened would take the place of closed streams.
    while (descriptor := os.open(os.devnull, os.O_RDWR)) < 3:
        os.set_inheritable(descriptor, True)
    os.close(descriptor)
    for number, name in ((1, "stdout"), (2, "stderr")):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, os.fdopen(number, "w", encoding="utf-8", closefd=False))
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
