"""What every verb has in common: ``-h`` with an example, ``--json``, ``--debug``, and errors that speak."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from ..errors import MissingDependencyError, XnorkitError
from .output import Output


class Failure(click.ClickException):
    """A failure shown as ``error: message`` (and the hint below it) on standard error, exit status 1."""

    exit_code = 1

    def show(self, file: Any = None) -> None:
        click.echo(f"error: {self.message}", file=file, err=True)


class Verb(click.Command):
    """A command whose callback gets an ``Output`` first; ``example`` closes its help."""

    def __init__(self, *args: Any, example: str, **kwargs: Any) -> None:
        kwargs.setdefault("context_settings", {"help_option_names": ["-h", "--help"]})
        super().__init__(*args, **kwargs)
        self.example = example
        self.params += [
            click.Option(["--json", "json_to"], metavar="FILE", help="Write the result as JSON to FILE, or to - ."),
            click.Option(["--debug"], is_flag=True, help="Show the traceback of an error."),
        ]

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Example"):
            for line in self.example.splitlines():
                formatter.write(f"  {line}\n")

    def invoke(self, ctx: click.Context) -> Any:
        json_to, debug = ctx.params.pop("json_to"), ctx.params.pop("debug")
        try:
            return self._run(ctx, Output(json_to))
        except (XnorkitError, OSError, ModuleNotFoundError) as error:
            message = _said(error)
            if debug or not message:
                raise
            raise Failure(message) from error

    def _run(self, ctx: click.Context, out: Output) -> Any:
        callback = self.callback
        assert callback is not None
        return ctx.invoke(callback, out, **ctx.params)


def verb(name: str, example: str, cls: type[Verb] = Verb) -> Callable[[Callable[..., Any]], Verb]:
    """Decorator: the function ``f(out, **params)`` becomes the verb ``name``; put it above ``click.option`` lines."""

    def make(function: Callable[..., Any]) -> Verb:
        return click.command(name, cls=cls, example=example)(function)

    return make


EXTRAS = ("torch", "accelerate", "yaml", "sklearn", "tensorboard", "matplotlib")
"""Top-level modules that come with the ``train`` extra."""


def _said(error: Exception) -> str:
    """The message for a person; "" for what is no failure of theirs (a closed pipe, a broken installation)."""
    if isinstance(error, XnorkitError):
        return str(error)
    if isinstance(error, ModuleNotFoundError):
        known = (error.name or "").partition(".")[0] in EXTRAS
        return f'{error.name} is not installed\nhint: pip install "xnorkit[train]"' if known else ""
    return "" if isinstance(error, BrokenPipeError) else str(error)


def need_torch(where: str) -> None:
    """Raise MissingDependencyError when PyTorch is not installed, with the command that installs it."""
    try:
        import torch  # noqa: F401
    except ImportError as error:
        raise MissingDependencyError(
            where, "PyTorch is needed to train, export or read checkpoints", hint='pip install "xnorkit[train]"'
        ) from error
