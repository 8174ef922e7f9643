"""Declare Python functions as overloads of the CEL engine, with types from their annotations."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, get_type_hints

from reconciler.source.formulas.problem import Function

if TYPE_CHECKING:
    from cel_expr_python import cel

_MOST_ARGUMENTS = 30  # declared for a function with any number of arguments


def extension(functions: Mapping[str, Function], watched: Callable[[str, Function], Function]) -> cel.CelExtension:
    """All functions as one extension. ``watched`` wraps each of them. Each is declared as a method, too."""
    from cel_expr_python import cel  # noqa: PLC0415 - 14 MB, only where formulas are

    declared = []
    for name, function in functions.items():
        result, called = _result(function), watched(name, function)
        overloads = [
            cel.Overload(
                id=f"{name}_{count}{'_method' * method}",
                return_type=result,
                parameters=[cel.Type.DYN] * count,
                is_member=method,
                impl=called,
            )
            for count in _counts(function)
            for method in (False, True)
        ]
        declared.append(cel.FunctionDecl(name, overloads))
    return cel.CelExtension("reconciler", declared)


def _counts(function: Function) -> Iterator[int]:
    """The possible numbers of arguments. Those by keyword come from the engine."""
    parameters = [
        parameter
        for parameter in inspect.signature(function).parameters.values()
        if parameter.kind is not parameter.KEYWORD_ONLY
    ]
    if any(parameter.kind is parameter.VAR_POSITIONAL for parameter in parameters):
        return iter(range(1, _MOST_ARGUMENTS + 1))
    required = sum(parameter.default is parameter.empty for parameter in parameters)
    return iter(range(required, len(parameters) + 1))


def _result(function: Function) -> cel.Type:
    from cel_expr_python import cel  # noqa: PLC0415 - as above

    types = cel.Type
    known = {str: types.STRING, int: types.INT, datetime: types.TIMESTAMP, timedelta: types.DURATION}
    return known.get(get_type_hints(function)["return"], types.DYN)
