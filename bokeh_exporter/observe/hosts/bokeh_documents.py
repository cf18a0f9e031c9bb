"""Bokeh's documents and models: where they are made, joined and parted, and what we read of them.

The constructor of all models, the two places where a document takes up and lets go of one, the one place where it
works out which models it holds, and the one function through which a patch is applied, on each of Bokeh's hosts and
versions. They run thousands of times a second, so their wrappers have the originals' own parameters. The callbacks
of documents are in :mod:`.bokeh_callbacks`, the contents of a patch in :mod:`.bokeh_messages`, what a model holds in
:mod:`.bokeh_models`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from time import perf_counter
from typing import Any

from . import Hosts
from .bokeh_messages import events_of
from .bokeh_models import held_values, is_model
from .seams import Attribute, Seam

_MODEL = "bokeh.model.model:Model"
_MANAGER = "bokeh.document.models:DocumentModelManager"
#: What Bokeh's kinds of session callbacks are called in the catalogue.
KINDS = {"PeriodicCallback": "periodic", "TimeoutCallback": "timeout", "NextTickCallback": "next_tick"}


# --- wrappers --------------------------------------------------------------------------------------


def _models_made(original: Callable[..., None], hosts: Hosts) -> Callable[..., None]:
    patches, overhead, say = hosts.patches, hosts.state.overhead, hosts.event("model_made").hot()
    built = hosts.event("model_built")
    say_built = built.hot() if built else None

    @functools.wraps(original)
    def __init__(model: Any, *args: Any, **kwargs: Any) -> None:  # noqa: N807 - it stands in for one
        if patches.on:
            start = perf_counter()
            say(model)
            begin = perf_counter()
            overhead[0] += begin - start
            if say_built is not None:
                original(model, *args, **kwargs)
                end = perf_counter()
                say_built(model, begin, end)
                overhead[0] += perf_counter() - end
                return
        original(model, *args, **kwargs)

    return __init__


def _models_attached(original: Callable[[Any, Any], None], hosts: Hosts) -> Callable[[Any, Any], None]:
    patches, say = hosts.patches, hosts.event("model_attached").hot()

    @functools.wraps(original)
    def _attach_document(model: Any, doc: Any) -> None:
        # One that has a document is there already, or Bokeh refuses: it is in another.
        try:
            if patches.on and model._document is None:
                say(model, doc)
        except Exception as error:
            hosts.swallow(error)
        original(model, doc)

    return _attach_document


def _models_detached(original: Callable[[Any], None], hosts: Hosts) -> Callable[[Any], None]:
    patches, say = hosts.patches, hosts.event("model_detached").hot()

    @functools.wraps(original)
    def _detach_document(model: Any) -> None:
        if patches.on:
            say(model)
        original(model)

    return _detach_document


def _documents_made(original: Callable[..., None], hosts: Hosts) -> Callable[..., None]:
    patches, made = hosts.patches, hosts.event("document_made")

    @functools.wraps(original)
    def __init__(document: Any, *args: Any, **kwargs: Any) -> None:  # noqa: N807 - it stands in for one
        original(document, *args, **kwargs)
        if patches.on:
            start = perf_counter()
            try:
                made.say(document, _made_with(document))
            except Exception as ours:
                hosts.swallow(ours)
            hosts.state.overhead[0] += perf_counter() - start

    return __init__


def _made_with(document: Any) -> list[Any]:
    """Return the models that Bokeh makes for each document: from 3.8 on its configuration, and what that refers to."""
    config = getattr(document, "_config", None)
    if config is None:
        return []
    return [config, *(value for values in held_values(config) for value in values.values() if is_model(value))]


def _models_recomputed(original: Callable[[Any], None], hosts: Hosts) -> Callable[[Any], None]:
    patches, overhead, say = hosts.patches, hosts.state.overhead, hosts.event("models_recomputed").hot()

    @functools.wraps(original)
    def recompute(manager: Any) -> None:
        if not patches.on:
            return original(manager)
        try:
            before, document = manager._models, manager._document()
        except Exception as error:
            hosts.swallow(error)
            return original(manager)
        begin = perf_counter()
        original(manager)
        start = perf_counter()
        try:
            if document is not None:
                say(document, before, manager._models, begin, start)
        except Exception as error:
            hosts.swallow(error)
        overhead[0] += perf_counter() - start
        return None

    return recompute


def _patches_applied(original: Callable[..., None], hosts: Hosts) -> Callable[..., None]:
    event, patches = hosts.event("patch_applying"), hosts.patches
    run, say = event.runner(), event.hot() if event.observed else None

    @functools.wraps(original)
    def apply_json_patch(document: Any, patch_json: Any, *, setter: Any = None) -> None:
        if not patches.on:
            return original(document, patch_json, setter=setter)
        if say is not None:
            say(document, events_of(patch_json))
        if run is None:
            return original(document, patch_json, setter=setter)
        run(functools.partial(original, document, patch_json, setter=setter), document)
        return None

    return apply_json_patch


# --- what is read ----------------------------------------------------------------------------------


def collects_when_destroyed(document: Any) -> bool:
    """Whether Bokeh collects all garbage when it destroys a document; Panel collects once for many."""
    return document is not None and "destroy" not in vars(document)


def has_been_destroyed(document: Any) -> bool:
    """Whether a document has been destroyed as far as its models: then it cannot be asked for them."""
    return "_models" not in vars(document.models)


def models_of(document: Any) -> list[Any]:
    """Return the models that are attached to a document; of a destroyed one none."""
    return [] if has_been_destroyed(document) else list(document.models)


def models_left(document: Any) -> list[Any]:
    """Return the models that a document still refers to, in the order in which Bokeh destroys them."""
    models = vars(vars(document).get("models")).get("_models") if document is not None else None
    return list((models or {}).values())


def model_count(document: Any) -> int:
    """Return how many models are attached to a document."""
    return len(document.models)


def has_model(document: Any, identity: str) -> bool:
    """Whether the model of an id is attached to a document."""
    return identity in document.models


def model_by_id(document: Any, identity: str) -> Any | None:
    """Return a model of a document by its id."""
    return document.models.get_by_id(identity)


def registered_callbacks(document: Any) -> list[str]:
    """Return the kind, as the catalogue calls it, of each session callback that is registered."""
    registered = getattr(getattr(document, "callbacks", None), "_session_callbacks", None)
    kinds = [KINDS.get(type(callback).__name__) for callback in list(registered or ())]
    return [kind for kind in kinds if kind is not None]


def beside_the_roots(document: Any) -> list[Any]:
    """Return the models of a document that no root leads to: its configuration, and what runs at its events."""
    by_event = getattr(document.callbacks, "_js_event_callbacks", {})
    return [getattr(document, "config", None), *(each for scripts in by_event.values() for each in scripts)]


SEAMS = (
    Seam(
        f"{_MODEL}.__init__", "model_made", ("self",), "models alive, orphaned, created", wrap=_models_made,
        also=("model_built",),
    ),
    Seam(
        f"{_MODEL}._attach_document", "model_attached", ("self", "doc"), "models of closed sessions",
        wrap=_models_attached,
    ),
    Seam(f"{_MODEL}._detach_document", "model_detached", ("self",), "orphaned models", wrap=_models_detached),
    Seam(
        "bokeh.document:Document.__init__", "document_made", ("self",), "which models are Bokeh's own",
        wrap=_documents_made,
    ),
    Seam(
        f"{_MANAGER}.recompute", "models_recomputed", ("self",),
        "models of live documents; those that come and go; the time that it takes",
        wrap=_models_recomputed,
    ),
    Seam(
        "bokeh.document:Document.apply_json_patch", "patch_applying", ("self", "patch_json", "setter"),
        "causes of updates; memory by message", wrap=_patches_applied,
    ),
)  # fmt: skip

ATTRIBUTES = (
    Attribute(f"{_MANAGER}._models", "models of live documents; those that come and go"),
    Attribute(f"{_MANAGER}._document", "models of live documents; those that come and go"),
    Attribute(f"{_MANAGER}.get_by_id", "causes of updates"),
    Attribute("bokeh.document:Document.models", "models of live documents"),
    Attribute("bokeh.document:Document.destroy", "why a loop is blocked while sessions end"),
    Attribute("bokeh.document:Document._config", "which models are Bokeh's own", since="3.8"),
    Attribute("bokeh.document.callbacks:DocumentCallbackManager._session_callbacks", "how many timers there are"),
)
