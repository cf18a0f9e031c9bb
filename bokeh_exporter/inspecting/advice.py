"""What would make in place what a move rebuilds: a sentence, and for the commonest shapes the small diff.

The shapes, of a function that ``pn.bind`` or ``pn.depends`` calls: it returns a new widget or pane; it returns a layout
of them; it returns a plot of HoloViews'. And of a callback: it puts a new pane where one is, or a new model of Bokeh's.
Each diff is of the source as it is; what does not look exactly like one of these gets the sentence alone.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from typing import Any

from .edits import Edits
from .names import Sources, called

Row = dict[str, Any]
Function = ast.FunctionDef | ast.AsyncFunctionDef

#: What has one argument that is its content, and the name of that.
_CONTENT = {
    **dict.fromkeys((
        "Markdown", "HTML", "Str", "JSON", "Alert", "LaTeX", "PNG", "JPG", "SVG", "Image", "Matplotlib", "Plotly",
        "Vega", "Bokeh", "HoloViews", "Perspective", "ECharts", "DeckGL",
    ), "object"),
    **dict.fromkeys(("Tabulator", "DataFrame", "StaticText"), "value"),
}  # fmt: skip
_LAYOUTS = ("Column", "Row", "FlexBox", "WidgetBox")


def advice(move: Row, sources: Sources) -> list[Row]:
    """Return what to do about what a move rebuilds, a row with ``text`` and ``diff`` (or null) for each function."""
    found = []
    by_function: dict[str, list[Row]] = {}
    for each in move["rebuilds"]:
        if each["caller"]:
            by_function.setdefault(each["caller"].rpartition(".")[2], []).append(each)
    for name, rebuilt in by_function.items():
        one = _advice(name, rebuilt, sources)
        found.append({"function": name, **one})
    return found


def _advice(name: str, rebuilt: Sequence[Row], sources: Sources) -> Row:
    classes = ", ".join(dict.fromkeys(each["class"] for each in rebuilt))
    place = sources.function(name)
    if place is not None:
        path, function = place
        edits = Edits(path.read_text(encoding="utf-8"), sources.shown(str(path)) or path.name)
        shape = _Shape(function, sources.tree(str(path)) or ast.Module([], []), edits)
        text = shape.drawn() if any(each["library"] == "holoviews" for each in rebuilt) else shape.made()
        if text:
            return {"text": text, "diff": edits.diff()}
    if any(each["class"] == "figure" for each in rebuilt):
        text = f"{name}() makes a new figure at each move. Make it once, and change the data of its source."
    elif any(each["library"] == "holoviews" for each in rebuilt):
        text = f"{name}() returns a new plot at each move. Return it from a hv.DynamicMap, which updates the plot."
    else:
        text = f"{name}() makes {classes} again at each move. Make it once outside, and change what differs."
    return {"text": text, "diff": None}


class _Shape:
    """A function, and the calls and names by which its file uses it."""

    def __init__(self, function: Function, tree: ast.Module, edits: Edits) -> None:
        self._function, self._tree, self._edits = function, tree, edits
        self._name = function.name

    def drawn(self) -> str | None:
        """Change what returns a plot of HoloViews', and return the sentence."""
        alias = self._alias("holoviews")
        uses = self._uses()
        for use in uses:
            self._edits.replace(use, f"{alias or 'hv'}.DynamicMap({self._edits.source(use)})")
        if uses and alias is None:
            self._edits.before(self._first_import(), "import holoviews as hv")
        text = f"{self._name}() returns a new plot at each move, which is rendered again."
        return f"{text} A DynamicMap updates the plot that is there." if uses else None

    def made(self) -> str | None:
        """Change what makes components or models, and return the sentence."""
        result = self._result()
        if result is None:
            return self._placed()
        uses, cls = self._uses(), called(result)
        if not uses:
            return None
        if (content := self._content(result)) is not None:
            for use in uses:
                self._edits.replace(use, self._around(result, content, self._edits.source(use)))
            self._edits.replace(result, self._edits.source(content))
            self._edits.without_annotation(self._function)
            return (
                f"{self._name}() returns a new {cls} at each move. Let it return what the {cls} shows, "
                f"and make the {cls} once around it."
            )
        return self._layout(result, uses) if cls in _LAYOUTS else None

    def _layout(self, result: ast.Call, uses: Sequence[ast.expr]) -> str | None:
        """Put the layout in the place of its one use, with what is in it bound part by part."""
        only, use = len(self._body()) == 1, uses[0]
        if not only or len(uses) != 1 or not isinstance(use, ast.Call) or self._locals_in(result.keywords):
            return None
        parts, arguments = [], ", ".join(self._edits.source(each) for each in use.args[1:])
        named = ", ".join(f"{each.arg}={self._edits.source(each.value)}" for each in use.keywords)
        given = ", ".join(filter(None, [arguments, named]))
        parameters = ", ".join(each.arg for each in self._function.args.args)
        for each in result.args:
            content = self._content(each) if isinstance(each, ast.Call) else None
            if content is not None and isinstance(each, ast.Call):
                bind = f"{self._edits.source(use.func)}(lambda {parameters}: {self._edits.source(content)}, {given})"
                parts.append(self._around(each, content, bind))
            elif not self._locals_in([each]):
                parts.append(self._edits.source(each))
            else:
                return None
        parts += [f"{each.arg}={self._edits.source(each.value)}" for each in result.keywords]
        self._edits.replace(use, f"{self._edits.source(result.func)}({', '.join(parts)})")
        self._edits.without(self._function)
        cls = called(result)
        return f"{self._name}() returns a new {cls} at each move. Make the {cls} once, and bind what is in it."

    def _placed(self) -> str | None:
        """Change a callback that puts one new pane or model where one of its class is."""
        for statement in self._body():
            if not isinstance(statement, ast.Assign) or len(statement.targets) != 1:
                continue
            target, value, index = statement.targets[0], statement.value, "0"
            if isinstance(value, ast.List) and len(value.elts) == 1:
                value = value.elts[0]
            elif isinstance(target, ast.Subscript) and not isinstance(target.slice, ast.Slice):
                index = self._edits.source(target.slice)
            else:
                continue
            if not isinstance(value, ast.Call) or not isinstance(target, (ast.Subscript, ast.Attribute)):
                continue
            layout, cls = self._edits.source(target.value), called(value)
            if not self._starts_with(layout, index, cls):
                continue
            if isinstance(target, ast.Attribute) and target.attr == "children" and value.keywords and not value.args:
                new = ", ".join(f"{each.arg}={self._edits.source(each.value)}" for each in value.keywords)
                self._edits.replace(statement, f"{layout}.children[{index}].update({new})")
                return f"{self._name}() puts a new {cls} in the place of the one that is there. Change that one."
            content = self._content(value)
            if (
                content is not None
                and cls is not None
                and (isinstance(target, ast.Subscript) or target.attr == "objects")
            ):
                change = f"{layout}[{index}].{_CONTENT[cls]} = {self._edits.source(content)}"
                self._edits.replace(statement, change)
                return (
                    f"{self._name}() puts a new {cls} in the place of the one that is there. "
                    f"Change the {_CONTENT[cls]} of that one."
                )
        return None

    def _starts_with(self, layout: str, index: str, cls: str | None) -> bool:
        """Whether a layout is made with something of a class at an index."""
        for node in ast.walk(self._tree):
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call) and index.isdecimal():
                lists = [each.value for each in node.value.keywords if each.arg in ("children", "objects")]
                parts = [
                    *node.value.args,
                    *(part for each in lists if isinstance(each, ast.List) for part in each.elts),
                ]
                if any(ast.unparse(target) == layout for target in node.targets) and int(index) < len(parts):
                    return called(parts[int(index)]) == cls
        return False

    # --- what is read of the source ------------------------------------------------------------

    def _body(self) -> list[ast.stmt]:
        """Return the statements of the function without its docstring."""
        return [
            each for each in self._function.body
            if not (isinstance(each, ast.Expr) and isinstance(each.value, ast.Constant))
        ]  # fmt: skip

    def _result(self) -> ast.Call | None:
        """Return the call that is all that the function returns."""
        returns = [each for each in ast.walk(self._function) if isinstance(each, ast.Return)]
        value = returns[0].value if len(returns) == 1 else None
        return value if isinstance(value, ast.Call) else None

    def _content(self, call: ast.Call) -> ast.expr | None:
        """Return the one argument of a component that is its content, if nothing else of it depends on the move."""
        name = _CONTENT.get(called(call) or "")
        given = [*call.args, *(each.value for each in call.keywords if each.arg == name)]
        others = [each for each in call.keywords if each.arg != name]
        return given[0] if name is not None and len(given) == 1 and not self._locals_in(others) else None

    def _around(self, call: ast.Call, content: ast.expr, inside: str) -> str:
        """Return the call of a component with something else as its content."""
        others = [each for each in call.keywords if each.value is not content]
        rest = [f"{each.arg}={self._edits.source(each.value)}" for each in others if each.arg is not None]
        return f"{self._edits.source(call.func)}({', '.join([inside, *rest])})"

    def _locals_in(self, nodes: Sequence[ast.AST]) -> bool:
        """Whether nodes use what only the function knows."""
        own = {each.arg for each in ast.walk(self._function.args) if isinstance(each, ast.arg)} | {
            each.id for each in ast.walk(self._function)
            if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)
        }  # fmt: skip
        return any(isinstance(each, ast.Name) and each.id in own for node in nodes for each in ast.walk(node))

    def _uses(self) -> list[ast.expr]:
        """Return where the file binds the function, or shows it where it is decorated with what it depends on."""
        binds = [
            each for each in ast.walk(self._tree)
            if isinstance(each, ast.Call) and called(each) == "bind" and each.args and self._is_it(each.args[0])
        ]  # fmt: skip
        if binds or not any(called(each) == "depends" for each in self._function.decorator_list):
            return list(binds)
        return [each for node in ast.walk(self._tree) for each in _shown_by(node) if self._is_it(each)]

    def _is_it(self, node: ast.expr) -> bool:
        return isinstance(node, ast.Name) and node.id == self._name

    def _alias(self, module: str) -> str | None:
        for node in ast.walk(self._tree):
            for each in node.names if isinstance(node, ast.Import) else ():
                if each.name == module:
                    return each.asname or each.name
        return None

    def _first_import(self) -> int:
        return min(
            (each.lineno for each in self._tree.body
             if isinstance(each, (ast.Import, ast.ImportFrom)) and getattr(each, "module", "") != "__future__"),
            default=1,
        )  # fmt: skip


def _shown_by(node: ast.AST) -> Iterator[ast.expr]:
    """Yield what a call is given, and what a list holds."""
    if isinstance(node, ast.Call):
        yield from node.args
    elif isinstance(node, (ast.List, ast.Tuple)):
        yield from node.elts
