"""`robotrader strategies`: what is in the catalogs, and one strategy in full."""

from __future__ import annotations

import inspect
import json
import sys
from contextlib import nullcontext, redirect_stdout
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich import box
from rich.table import Table
from rich.text import Text

import robotrader_sdk as rt
from robotrader_sdk.cli import terminal
from robotrader_sdk.cli.catalogs import installed_strategies, load_entry
from robotrader_sdk.cli.references import load_strategy_class
from robotrader_sdk.errors import StrategyError

if TYPE_CHECKING:
    from robotrader_sdk.cli.catalogs import StrategyClass

_BOUNDS = {
    "minimum": "≥ {}",
    "exclusiveMinimum": "> {}",
    "maximum": "≤ {}",
    "exclusiveMaximum": "< {}",
}


def run(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="NAME",
            help="Show one in full: a name of the list, module:Class or path.py:Class.",
            show_default=False,
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")] = False,
) -> None:
    """List the ready strategies with their parameters, or show one in full."""
    # What a strategy's file prints must not end up within the JSON.
    with redirect_stdout(sys.stderr) if as_json else nullcontext():
        if name is None:
            known = _load_all()
        else:
            strategy_class = load_strategy_class(name)
    if name is not None:
        _show_one(strategy_class, as_json)
    elif as_json:
        rows = [_as_dict(cls, ours, idea) for ours, (idea, cls) in known.items()]
        typer.echo(json.dumps(rows, indent=2))
    else:
        _show_all(known)


def _load_all() -> dict[str, tuple[str, StrategyClass]]:
    """The idea and class of each; one that can't be loaded is told in one line, and left out."""
    known = {}
    for ours, entry in installed_strategies().items():
        try:
            known[ours] = (entry.idea, load_entry(ours, entry))
        except StrategyError as error:
            terminal.note(str(error))
    return known


def _show_all(known: dict[str, tuple[str, StrategyClass]]) -> None:
    table = Table(box=box.ROUNDED, header_style="bold", show_lines=True)
    table.add_column("Strategy", style="bold cyan", no_wrap=True)
    table.add_column("Bars of", no_wrap=True)
    table.add_column("Idea", ratio=1)
    table.add_column("Parameters", no_wrap=True)
    for name, (idea, strategy_class) in known.items():
        parameters = Text("\n".join(_parameter_lines(strategy_class)))
        table.add_row(name, _market(strategy_class), Text(idea), parameters)
    terminal.stdout().print(table)


def _parameter_lines(strategy_class: StrategyClass) -> list[str]:
    """`fast = 10 (≥ 2, ≤ 200)` for each of the strategy's own parameters."""
    return [
        f"{name} = {schema.get('default')!r} ({_limits(schema)})"
        for name, schema in _parameters(strategy_class).items()
        if name != "seed"  # every strategy has it, and few use it
    ]


def _show_one(strategy_class: StrategyClass, as_json: bool) -> None:
    name, text = strategy_class.__name__, inspect.getdoc(strategy_class) or ""
    if as_json:
        row = _as_dict(strategy_class, name, text.partition("\n")[0])
        typer.echo(json.dumps({**row, "description": text}, indent=2))
        return
    table = Table(box=box.ROUNDED, header_style="bold")
    for title in ("Parameter", "Default", "Allowed", "Meaning"):
        table.add_column(title, no_wrap=title != "Meaning")
    for parameter, schema in _parameters(strategy_class).items():
        meaning = str(schema.get("description", ""))
        default = repr(schema.get("default"))
        table.add_row(*map(Text, (parameter, default, _limits(schema), meaning)))
    console = terminal.stdout()
    console.print(Text.assemble((name, "bold cyan"), f"  for {_market(strategy_class)}"))
    console.print(Text(_reflowed(text)), end="\n\n")
    console.print(table)


def _reflowed(text: str) -> str:
    """A docstring for a terminal of any width: prose is joined, what is indented stays."""
    paragraphs = text.split("\n\n")
    return "\n\n".join(p if "\n " in p else p.replace("\n", " ") for p in paragraphs)


def _as_dict(strategy_class: StrategyClass, name: str, idea: str) -> dict[str, Any]:
    return {
        "name": name,
        "idea": idea,
        "class": f"{strategy_class.__module__}:{strategy_class.__qualname__}",
        "market": "panel" if _takes_panel(strategy_class) else "symbol",
        "parameters": strategy_class.parameters(),
    }


def _market(strategy_class: StrategyClass) -> str:
    return "a panel" if _takes_panel(strategy_class) else "one symbol"


def _takes_panel(strategy_class: StrategyClass) -> bool:
    return issubclass(strategy_class, rt.PortfolioStrategy)


def _parameters(strategy_class: StrategyClass) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = strategy_class.parameters().get("properties", {})
    return dict(sorted(found.items(), key=lambda item: item[0] == "seed"))


def _limits(schema: dict[str, Any]) -> str:
    """The bounds or choices of a JSON schema, else its type."""
    choices = schema.get("enum", [schema["const"]] if "const" in schema else [])
    if choices:
        return " | ".join(map(str, choices))
    bounds = [form.format(schema[key]) for key, form in _BOUNDS.items() if key in schema]
    return ", ".join(bounds) or str(schema.get("type", "any"))
