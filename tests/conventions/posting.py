"""Which kinds of messages are posted where, read from the code.

A kind is a literal in the call of an outbox function, or a parameter that is passed on: then the
callers of that function are checked, and so on.
"""

import ast
import inspect
from collections.abc import Iterator
from dataclasses import dataclass

from core.outbox import actions as outbox
from tests.conventions.tree import Function, calls_in_functions, modules, tree_of


@dataclass(frozen=True)
class Poster:
    """A function that posts a message of the given kind.

    Attributes:
        name: what it is called.
        home: the module in which alone it is known; "" when it is known everywhere.
        how: the action of the outbox that it leads to.
        parameter: the parameter with the kind.
        place: the parameter's place among the arguments.
        wording: the kind, `{}` standing for what the parameter says.
    """

    name: str
    home: str
    how: str
    parameter: str
    place: int
    wording: str


def posted_kinds() -> Iterator[tuple[str, str, str]]:
    """(module, how, kind) of everything that the features post.

    Raises:
        AssertionError: a kind cannot be seen from the code.
    """
    actions = inspect.getmembers(outbox, inspect.isfunction)
    parameters = {name: list(inspect.signature(action).parameters) for name, action in actions}
    waiting = [
        Poster(name, "", name, "kind", names.index("kind"), "{}")
        for name, names in parameters.items()
        if "kind" in names
    ]
    senders = [module for module in modules() if not module.startswith("core.outbox")]
    while waiting:
        poster = waiting.pop()
        for module in senders:
            if poster.home in ("", module):
                for function, value in _uses(module, poster):
                    wording, variable = _shape(value, tree_of(module), module)
                    wording = poster.wording.format(wording)
                    if variable is None:
                        yield module, poster.how, wording
                    else:
                        waiting.append(_handing_on(poster, module, function, variable, wording))


def _uses(module: str, poster: Poster) -> Iterator[tuple[Function, ast.expr]]:
    """Every call of the poster: the enclosing function, and the argument with the kind."""
    for function, call in calls_in_functions(module).get(poster.name, []):
        named = [k.value for k in call.keywords if k.arg == poster.parameter]
        yield function, named[0] if named else call.args[poster.place]


def _shape(value: ast.expr, tree: ast.Module, module: str) -> tuple[str, str | None]:
    """The wording, and the name that stands for its `{}` where it has one."""
    match value:
        case ast.Constant(str(text)):
            return text, None
        case ast.Name(name):
            return _constants(tree).get(name, "{}"), None if name in _constants(tree) else name
        case ast.JoinedStr(parts):
            shapes = [
                _shape(part.value if isinstance(part, ast.FormattedValue) else part, tree, module)
                for part in parts
            ]
            variables = [variable for _wording, variable in shapes if variable]
            assert len(variables) <= 1, f"{module}:{value.lineno}: more than one unknown"
            return "".join(w for w, _ in shapes), variables[0] if variables else None
    raise AssertionError(f"{module}:{value.lineno}: which kind is posted is not to be seen")


def _constants(tree: ast.Module) -> dict[str, str]:
    """The texts that a module gives names to, at its top."""
    return {
        target.id: node.value.value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
        for target in node.targets
        if isinstance(target, ast.Name) and isinstance(node.value.value, str)
    }


def _handing_on(
    poster: Poster,
    module: str,
    function: Function,
    variable: str,
    wording: str,
) -> Poster:
    parameters = [argument.arg for argument in (*function.args.args, *function.args.kwonlyargs)]
    assert variable in parameters, f"{module}.{function.name}: where does {variable} come from?"
    place = parameters.index(variable) - (parameters[0] == "self")
    home = module if function.name.startswith("_") else ""
    return Poster(function.name, home, poster.how, variable, place, wording)
