"""The label of a callback is the user's function, however it is wrapped, and none for a framework's own."""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import FunctionType
from typing import Any

import pytest
from bokeh.document import Document
from bokeh.models import Button, Toggle

from bokeh_exporter.observe.callbacks import names as naming
from bokeh_exporter.observe.callbacks.names import name_of, timing
from bokeh_exporter.state.wording import code_file

HERE = __name__


def plain() -> None:
    pass


async def asynchronous() -> None:
    pass


def logged(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapper(*args: Any) -> Any:
        return function(*args)

    return wrapper


def logged_anew(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapper(*args: Any) -> Any:
        return function(*args)

    return wrapper


def anonymous(function: Callable[..., Any]) -> Callable[..., Any]:
    def wrapper(*args: Any) -> Any:
        return function(*args)

    return wrapper


@logged
@logged
def decorated() -> None:
    pass


class Presses:
    def method(self) -> None:
        pass

    @classmethod
    def of_class(cls) -> None:
        pass

    @staticmethod
    def static() -> None:
        pass

    def __call__(self) -> None:
        pass


class Inherits(Presses):
    pass


def nested() -> Callable[[], None]:
    def inner() -> None:
        pass

    return inner


@pytest.mark.parametrize(
    ("callback", "label"),
    [
        (plain, "plain"),
        (asynchronous, "asynchronous"),
        (decorated, "decorated"),
        (anonymous(plain), "anonymous.wrapper"),  # it does not tell what it calls
        (functools.partial(functools.partial(plain), 1), "plain"),
        (functools.partial(decorated), "decorated"),
        (logged(functools.partial(plain)), "plain"),
        (nested(), "nested.inner"),
        (lambda: None, "<lambda>"),
        (Presses().method, "Presses.method"),
        (functools.partial(Presses().method), "Presses.method"),
        (Inherits().method, "Presses.method"),
        (Presses.of_class, "Presses.of_class"),
        (Presses.static, "Presses.static"),
        (Presses(), "Presses.__call__"),
        (Presses, "Presses"),
    ],
)
def test_functions_and_what_wraps_them(callback: Any, label: str) -> None:
    assert name_of(callback) == f"{HERE}:{label}"
    assert name_of(callback) == f"{HERE}:{label}"  # as cached


DASK = """
import weakref

class Occupancy:
    def update(self): pass

class TaskStream(Occupancy): pass

def update(ref):
    ref().update()

def timer(component):
    ref = weakref.ref(component)
    return lambda: update(ref)
"""


def test_a_lambda_over_a_weak_reference_is_known_by_the_component_that_it_updates() -> None:
    """As distributed.dashboard adds its periodic callbacks: one lambda for all."""
    namespace: dict[str, Any] = {"__name__": "acme.boards"}
    exec(compile(DASK, "/x/site-packages/acme/boards.py", "exec"), namespace)
    one, two = namespace["Occupancy"](), namespace["TaskStream"]()
    first, second = namespace["timer"](one), namespace["timer"](two)
    assert name_of(first) == "acme.boards:Occupancy.update"
    assert name_of(second) == "acme.boards:TaskStream.update"
    del one
    assert name_of(first) == "acme.boards:timer.<lambda>:14"


def test_lambdas_of_a_library_are_known_by_their_line() -> None:
    def lambdas(folder: str) -> list[str | None]:
        code = compile("one = lambda: 1\ntwo = lambda: 2\n", f"/x/{folder}/acme/boards.py", "exec")
        namespace: dict[str, Any] = {"__name__": "acme.boards"}
        exec(code, namespace)
        return [name_of(namespace[name]) for name in ("one", "two")]

    assert lambdas("site-packages") == ["acme.boards:<lambda>:1", "acme.boards:<lambda>:2"]
    # In an app of one's own a name that moves with each edit would begin a series with each.
    assert lambdas("src") == ["acme.boards:<lambda>"] * 2


def test_builtins() -> None:
    assert name_of(print) == "builtins:print"
    assert name_of([].append) == "builtins:list.append"


@pytest.mark.parametrize("module", ["bokeh_app_0123456789abcdef", "bokeh_app_fedcba9876543210"])
@pytest.mark.parametrize("path", ["/somewhere/app.py", "C:\\somewhere\\app.py", "app.py"])
def test_a_script_is_named_by_its_file(module: str, path: str) -> None:
    assert name_of(in_script(module, path, "def view(): pass")) == "app.py:view"


def test_the_same_code_in_two_files_is_two_functions() -> None:
    for name in "first", "second":
        assert name_of(in_script("bokeh_app_1", f"/apps/{name}.py", "def update(): pass")) == f"{name}.py:update"


def test_setup_scripts_and_modules() -> None:
    assert name_of(in_script("panel_setup_module", "/a/exporter.py", "def view(): pass")) == "exporter.py:view"
    assert name_of(in_script("package.module", "/a/module.py", "def view(): pass")) == "package.module:view"
    assert name_of(in_script("__main__", "/a/app.py", "def view(): pass")) == "__main__:view"


def test_a_framework_has_no_label_but_what_it_calls_has() -> None:
    document, button, toggle = Document(), Button(), Toggle()
    assert name_of(document.callbacks.trigger_event) is None
    button.on_click(plain)
    toggle.on_click(plain)
    for callback in (*button._event_callbacks["button_click"], *toggle._callbacks["active"]):
        assert name_of(callback) == f"{HERE}:plain"
    toggle.on_click(document.hold)
    assert name_of(toggle._callbacks["active"][1]) is None
    assert name_of(toggle._callbacks["active"][0]) == f"{HERE}:plain"  # the same code around another function
    for module in "bokeh.x", "panel.x", "param.x", "holoviews.x", "tornado.x", "asyncio.x":
        assert name_of(in_script(module, "/site-packages/x.py", "def own(): pass")) is None
    assert name_of(in_script("panelists", "/a/panelists.py", "def view(): pass")) == "panelists:view"


def test_a_method_of_a_frameworks_object_around_a_function_has_the_functions_label() -> None:
    class LockedCallback:  # as Bokeh 3.10 has it: its method is what is scheduled
        def __init__(self, function: Any) -> None:
            functools.update_wrapper(self, function)  # type: ignore[arg-type]

        def _invoke(self) -> None: ...

    LockedCallback._invoke.__module__ = "bokeh.document.locking"
    locked = LockedCallback(plain)
    for _ in range(2):  # the second time from what was learnt
        assert name_of(locked._invoke) == f"{HERE}:plain"
    del locked.__dict__["__wrapped__"]  # as its close() does
    assert name_of(locked._invoke) is None


def test_a_wrapper_that_times_has_no_label_whoever_wraps_it() -> None:
    function = logged(plain)
    function.__dict__["lock"] = True

    @timing(function)
    def wrapper() -> None:
        pass

    for callback in (wrapper, functools.partial(wrapper), logged(wrapper), logged(functools.partial(wrapper))):
        assert name_of(callback) is None
    assert wrapper.__dict__["lock"] is True
    assert wrapper.__name__ == "plain"
    assert name_of(function) == f"{HERE}:plain"


def test_one_wrapper_around_a_bound_function_and_one_around_a_plain_one() -> None:
    bound = nested()
    bound.__dict__["__bound_function__"] = plain  # as param marks what it binds, and functools.wraps copies
    for function, label in ((bound, "plain"), (asynchronous, "asynchronous"), (bound, "plain")):
        assert name_of(logged_anew(function)) == f"{HERE}:{label}"


def test_wrappers_in_a_circle_end() -> None:
    first, second = anonymous(plain), anonymous(plain)
    first.__dict__["__wrapped__"], second.__dict__["__wrapped__"] = second, first
    assert name_of(first) == f"{HERE}:anonymous.wrapper"


class Answers:
    """Has every attribute, and it is a list."""

    def __getattr__(self, name: str) -> Any:
        return []

    def __call__(self) -> None:
        pass


class Refuses:
    """Has no attribute, and says so in its own way."""

    def __getattr__(self, name: str) -> Any:
        raise KeyError(name)

    def __call__(self) -> None:
        pass


@pytest.mark.parametrize("kind", [Answers, Refuses])
def test_objects_with_attributes_of_their_own_making(kind: type) -> None:
    assert name_of(kind()) == f"{HERE}:{kind.__name__}.__call__"


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(naming, "_CODES", 20)
    naming._known.clear()
    for number in range(100):
        assert name_of(in_script("bokeh_app_1", "/a/app.py", f"def view(): return {number}")) == "app.py:view"
        assert len(naming._known) <= 20


def in_script(module: str, path: str, source: str) -> FunctionType:
    """Return the one function of a script, compiled as Bokeh does it."""
    namespace: dict[str, Any] = {"__name__": module}
    exec(compile(source, path, "exec"), namespace)
    return next(value for value in namespace.values() if isinstance(value, FunctionType))


def test_a_file_of_any_name_can_be_written() -> None:
    assert code_file(compile("", "/x/a\udce9\x1b.py", "exec")) == r"/x/a\udce9\x1b.py"
    assert code_file(compile("", "<typed>", "exec")) == "<string>"
