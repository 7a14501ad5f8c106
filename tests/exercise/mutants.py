"""Mutants of right solutions: one small change each, made in the syntax tree."""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass

from tests.exercise.mutated_solutions import ORIGINS, Origin

Change = tuple[str, str]
"""A kind of change, and the expression that takes the place of another."""

CONSTANTS = {0.5: (1, 0.25, 2), 1: (0, 2), 2: (1, 3, 4, 0.5)}
OPERATORS: dict[type[ast.operator], tuple[str, ...]] = {
    ast.Add: ("-", "*"),
    ast.Sub: ("+", "*"),
    ast.Mult: ("/", "+", "-", "**"),
    ast.Div: ("*", "-"),
    ast.Pow: ("*", "/", "+"),
}
FUNCTIONS = {"exp", "log", "sqrt", "square", "abs", "softplus", "pow"}
INSTEAD = ("torch.exp", "torch.log", "torch.sqrt", "torch.square", "torch.abs", "F.softplus", "torch.sigmoid", "")
REDUCTIONS = {"mean", "sum"}
NOISES = {
    "randn_like": ("rand_like", "zeros_like", "ones_like"),
    "randn": ("rand", "zeros", "ones"),
    "rsample": ("sample",),
}
SIGNED_CALLS = FUNCTIONS | REDUCTIONS | NOISES.keys() | {"log_prob", "kl_divergence", "squared_distance", "kl_to_prior"}
SWAPS = (
    *(("mu", "logvar"), ("mu", "std"), ("mu", "variance"), ("x", "recon_x"), ("std", "logvar"), ("noise", "std")),
    *(("noise", "mu"), ("noise", "logvar"), ("variance", "logvar"), ("variance", "std"), ("z", "mu"), ("z", "x")),
    *(("recon_loss", "kl_loss"), ("error", "rate"), ("beta", "kl_loss"), ("difference", "x")),
)
NO_TENSORS = {"self", "model", "q"}


@dataclass(frozen=True)
class Mutant:
    """A solution with one change.

    Attributes:
        origin: The right solution that it was made of.
        function: The function that was changed.
        kind: Of the change: "sign", "constant", "factor", "operator", "reduction", "axis", "name", "function", "noise",
            "order" or "gradient".
        change: What was there, and what is there.
        source: The changed solution.
    """

    origin: str
    function: str
    kind: str
    change: str
    source: str

    @property
    def name(self) -> str:
        """One line that tells it from all others of its function, but for the place of the change."""
        return f"{self.origin} {self.function} {self.kind}: {self.change}"


def all_mutants() -> list[Mutant]:
    """The mutants of all origins, each source once."""
    by_source: dict[str, Mutant] = {}
    for name, origin in ORIGINS.items():
        for mutant in mutants_of(name, origin):
            by_source.setdefault(mutant.source, mutant)
    return list(by_source.values())


def mutants_of(name: str, origin: Origin) -> Iterator[Mutant]:
    """The mutants of one right solution; the solution itself is none of them."""
    tree = ast.parse(origin.source)
    whole = ast.unparse(tree)
    for function in ast.walk(tree):
        if not isinstance(function, ast.FunctionDef) or function.name not in origin.functions:
            continue
        indent = " " * function.col_offset
        unchanged = textwrap.indent(ast.unparse(function), indent)
        bound = _bound_names(function)
        for place in _places(function):
            before = ast.unparse(place.node)
            for kind, after in _changes(place, bound):
                place.put(ast.parse(after, mode="eval").body)
                changed = textwrap.indent(ast.unparse(function), indent)
                place.put(place.node)
                if changed != unchanged:
                    yield Mutant(name, function.name, kind, f"{before} -> {after}", whole.replace(unchanged, changed))


@dataclass(frozen=True)
class Place:
    """An expression in a tree, and where it stands.

    Attributes:
        parent: The node that holds it.
        field: The parent's field that holds it.
        index: Its place in the field's list, None where the field is no list.
        node: The expression.
    """

    parent: ast.AST
    field: str
    index: int | None
    node: ast.expr

    def put(self, node: ast.expr) -> None:
        """Put an expression in its place."""
        if self.index is None:
            setattr(self.parent, self.field, node)
        else:
            getattr(self.parent, self.field)[self.index] = node


def _places(function: ast.FunctionDef) -> list[Place]:
    """Every expression of a function's body that is computed, but for targets and defaults."""
    places = []
    for parent in ast.walk(function):
        if isinstance(parent, ast.arguments | ast.arg):
            continue
        for field, value in ast.iter_fields(parent):
            if isinstance(value, ast.expr):
                places.append(Place(parent, field, None, value))
            elif isinstance(value, list):
                places.extend(
                    Place(parent, field, index, item) for index, item in enumerate(value) if isinstance(item, ast.expr)
                )
    return [place for place in places if not isinstance(getattr(place.node, "ctx", None), ast.Store)]


def _bound_names(function: ast.FunctionDef) -> set[str]:
    names = {argument.arg for argument in function.args.args}
    names |= {node.id for node in ast.walk(function) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    return names - NO_TENSORS


def _changes(place: Place, bound: set[str]) -> Iterator[Change]:
    node = place.node
    if isinstance(place.parent, ast.keyword):
        return
    if isinstance(node, ast.Constant):
        yield from _of_constant(node, place.parent)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        yield "sign", ast.unparse(node.operand)
    elif isinstance(node, ast.BinOp):
        yield from _of_operation(node)
    elif isinstance(node, ast.Name) and node.id in bound:
        is_computed = not isinstance(place.parent, ast.Attribute) or place.parent.attr != "shape"
        yield from _of_name(node.id, bound, is_computed=is_computed)
    elif isinstance(node, ast.Tuple):
        yield from _of_tuple(node)
    elif isinstance(node, ast.Attribute) and node.attr in ("fc_mu", "fc_logvar"):
        yield "name", f"self.{'fc_logvar' if node.attr == 'fc_mu' else 'fc_mu'}"
    elif isinstance(node, ast.Call):
        yield from _of_call(node)


def _of_constant(node: ast.Constant, parent: ast.AST) -> Iterator[Change]:
    value = node.value
    if not isinstance(value, int | float) or isinstance(value, bool):
        return
    if isinstance(parent, ast.Subscript):
        yield "axis", str(1 - int(value))
        return
    # A small number that keeps a logarithm finite may be any other small number.
    if 0 < abs(value) < 0.01:
        return
    for other in CONSTANTS.get(float(value), (value * 2, value / 2)):
        if other != value:
            yield "constant", str(other)
    if value == 0:
        yield "constant", "1.0"


def _of_operation(node: ast.BinOp) -> Iterator[Change]:
    left = ast.unparse(node.left)
    right = ast.unparse(node.right)
    yield "factor", f"({left})"
    yield "factor", f"({right})"
    for symbol in OPERATORS.get(type(node.op), ()):
        kind = "sign" if {symbol, _symbol(node.op)} == {"+", "-"} else "operator"
        yield kind, f"({left}) {symbol} ({right})"
    if isinstance(node.op, ast.Sub | ast.Div | ast.Pow):
        yield "order", f"({right}) {_symbol(node.op)} ({left})"


def _symbol(operator: ast.operator) -> str:
    symbols = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.Pow: "**"}
    return symbols[type(operator)]


def _of_name(name: str, bound: set[str], *, is_computed: bool) -> Iterator[Change]:
    for pair in SWAPS:
        for one, other in (pair, pair[::-1]):
            if one == name and other in bound:
                yield "name", other
    if not is_computed:
        return
    yield "sign", f"(-{name})"
    yield "function", f"torch.abs({name})" if name != "beta" else "beta ** 2"
    if name != "beta":
        yield "gradient", f"{name}.detach()"


def _of_tuple(node: ast.Tuple) -> Iterator[Change]:
    parts = [ast.unparse(part) for part in node.elts]
    for index in range(len(parts) - 1):
        swapped = [*parts]
        swapped[index] = parts[index + 1]
        swapped[index + 1] = parts[index]
        yield "order", f"({', '.join(swapped)})"


def _of_call(node: ast.Call) -> Iterator[Change]:
    name = _name_of(node)
    text = ast.unparse(node)
    if name in SIGNED_CALLS:
        yield "sign", f"(-{text})"
        yield "gradient", f"{text}.detach()"
    if len(node.args) == 2:
        first, second = (ast.unparse(argument) for argument in node.args)
        yield "order", f"{ast.unparse(node.func)}({second}, {first})"

    if name in FUNCTIONS:
        argument = _argument(node)
        for other in INSTEAD:
            if other.split(".")[-1] != name:
                yield "function", f"{other}({argument})"
    elif name in REDUCTIONS:
        yield from _of_reduction(node, name)
    elif name in NOISES:
        yield from _of_noise(node, name)


def _name_of(node: ast.Call) -> str:
    if isinstance(node.func, ast.Attribute):
        return node.func.attr
    return node.func.id if isinstance(node.func, ast.Name) else ""


def _argument(node: ast.Call) -> str:
    """What a function is taken of, in ``torch.exp(a)`` and in ``a.exp()``."""
    assert isinstance(node.func, ast.Attribute)
    of_module = isinstance(node.func.value, ast.Name) and node.func.value.id in ("torch", "F")
    return ast.unparse(node.args[0] if of_module else node.func.value)


def _of_reduction(node: ast.Call, name: str) -> Iterator[Change]:
    argument = f"({_argument(node)})"
    dims = [ast.unparse(keyword.value) for keyword in node.keywords if keyword.arg == "dim"]
    inside = f"dim={dims[0]}" if dims else ""
    other = "sum" if name == "mean" else "mean"

    yield "reduction", f"{argument}.{other}({inside})"
    yield "reduction", argument
    for text in ("", "dim=0", "dim=1"):
        if text != inside:
            yield "axis", f"{argument}.{name}({text})"
    if dims:
        yield "axis", f"{argument}.{name}({inside}, keepdim=True)"
        yield "axis", f"{argument}.{other}(dim=0)"
        yield "reduction", f"{argument}.{other}()"
    else:
        yield "axis", f"{argument}[0].{name}()"
        yield "reduction", f"{argument}.max()"


def _of_noise(node: ast.Call, name: str) -> Iterator[Change]:
    arguments = ", ".join(ast.unparse(argument) for argument in node.args)
    owner = ast.unparse(node.func.value) if isinstance(node.func, ast.Attribute) else ""
    text = ast.unparse(node)
    for other in NOISES[name]:
        yield "noise", f"{owner}.{other}({arguments})"
    if name == "rsample":
        yield "noise", f"{owner}.mean"
        yield "noise", f"{owner}.stddev"
        return
    for shape in ("1, mu.shape[1]", "mu.shape[0], 1", "1, 1", "1", "mu.shape[1]", "mu.shape[1], mu.shape[0]"):
        yield "noise", f"torch.randn({shape})"
    for after in (f"{text}.abs()", f"{text} ** 2", f"{text}.round()", f"{text}[:1]", f"{text}.clamp(-1, 1)"):
        yield "noise", after
