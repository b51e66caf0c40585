"""The command `cdc`: one file per noun, loaded when it is asked for (a worker needs neither tables nor HTTP)."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from typer.core import TyperGroup
from typer.main import get_command, get_group

from cdc.cli.context import note
from cdc.cli.contexts import complete_context
from cdc.cli.failure import Exit, report
from cdc.cli.repeated import repeating

_HELP = """Replicate legacy ERP and MES databases into one PostgreSQL target, exactly once.

Settings are one YAML file, named by --config or the environment variable CDC_CONFIG. For several deployments these name
a folder of such files, and --context or CDC_CONTEXT one of them, by its name without .yaml.

Exit codes: 0 done, 1 failed, 2 usage or settings, 3 differences found, 4 needs attention, 5 refused by a rule or for
want of a right, 6 the time given has ended, 130 interrupted.
Every failure prints a code, its cause and what to do next; `cdc code CODE` prints the same.
"""

# Name to `module:what`, in the order of the help: a function is a command, `app` a noun with verbs.
_COMMANDS: Final = {
    "run": "cdc.cli.run:run",
    "land": "cdc.cli.run:land",
    "derive": "cdc.cli.run:derive",
    "check": "cdc.cli.check:check",
    "context": "cdc.cli.contexts:app",
    "status": "cdc.cli.status:status",
    "connectors": "cdc.cli.connectors:app",
    "stream": "cdc.cli.stream:app",
    "source": "cdc.cli.source:app",
    "drift": "cdc.cli.drift:app",
    "target": "cdc.cli.target:app",
    "held": "cdc.cli.held:app",
    "refused": "cdc.cli.refused:app",
    "ledger": "cdc.cli.ledger:app",
    "explain": "cdc.cli.explain:explain",
    "history": "cdc.cli.history:history",
    "trace": "cdc.cli.trace:trace",
    "recall": "cdc.cli.recall:recall",
    "audit": "cdc.cli.audit:app",
    "journal": "cdc.cli.journal:app",
    "protect": "cdc.cli.protect:app",
    "dictionary": "cdc.cli.dictionary:app",
    "code": "cdc.cli.code:code",
    "runbook": "cdc.cli.runbook:app",
}


class _Nouns(TyperGroup):
    """A group whose commands are imported one by one."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        # The names, for help and suggestions; what stands behind them is got one by one.
        self.commands: Any = dict.fromkeys(_COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002 - the signature is typer's
        if cmd_name not in _COMMANDS:
            return None
        module, _, name = _COMMANDS[cmd_name].partition(":")
        found = getattr(import_module(module), name)
        if isinstance(found, typer.Typer):
            noun = get_group(found)
            noun.name = cmd_name
            return self._with_context(noun)
        alone = typer.Typer(add_completion=False)
        alone.command(cmd_name)(found)
        return self._with_context(get_command(alone))

    def _with_context(self, command: Any) -> Any:
        """Have a command, or a noun with its verbs, take `--context` too: people put it where they think of it."""
        for each in getattr(command, "commands", {}).values():
            self._with_context(each)
        command.params += [option for option in self.params if "--context" in option.opts]
        return command


app = typer.Typer(name="cdc", cls=_Nouns, help=_HELP, no_args_is_help=True, pretty_exceptions_enable=False)


def _print_version(asked: bool) -> None:
    if asked:
        print(f"cdc {version('cdc')}")
        raise typer.Exit


@app.callback()
def _options(
    _config: Annotated[
        Path | None,
        typer.Option(
            "--config",
            metavar="FILE",
            help="Settings file, or folder. Default: what CDC_CONFIG names.",
            callback=note,
            expose_value=False,
        ),
    ] = None,
    _context: Annotated[
        str | None,
        typer.Option(
            "--context",
            metavar="NAME",
            help="Which settings file of the folder. Default: the one CDC_CONTEXT names.",
            callback=note,
            expose_value=False,
            autocompletion=complete_context,
        ),
    ] = None,
    _version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """Take the options; `cdc.cli.context` finds them again."""


def execute(arguments: Sequence[str]) -> int:
    """Run one command line; return its exit code."""
    with repeating():
        try:
            app(list(arguments), prog_name="cdc")
        except SystemExit as ended:
            return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
        except Exception as error:  # noqa: BLE001 - the last resort: everything else is reported with a code
            return report(error)
        return Exit.OK


def main() -> None:
    """Entry point of the console script."""
    sys.exit(execute(sys.argv[1:]))
