"""The tables: observers, and files of hosts. A new one is a new file and one row here.

The order of observers is how they are nested around what happens: the first is the innermost.
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType

from ..config import CollectLevel
from .callbacks.bokeh_callbacks import CallbackTimes
from .callbacks.document_locks import DocumentLocks
from .callbacks.holoviews_callbacks import HoloviewsCallbacks
from .callbacks.interactions import InteractionStarts
from .configuration import Configuration
from .frame import Observer
from .hosts import (
    asgi,
    bokeh_callbacks,
    bokeh_django,
    bokeh_documents,
    bokeh_fastapi,
    bokeh_messages,
    bokeh_models,
    bokeh_server,
    bokeh_sessions,
    document_locks,
    holoviews,
    panel,
    panel_components,
    param,
    sending,
    thread_pools,
    tornado,
)
from .late_imports import LateImports
from .leaks.app_modules import AppModules
from .leaks.ledger import Ledger
from .leaks.live_models import LiveModels
from .leaks.shared_holders import SharedHolders
from .loop.executors import Executors
from .loop.loops import Loops
from .memory.activities import Activities
from .memory.cgroups import Cgroups
from .memory.data_sources import DataSources
from .memory.garbage_collector import Garbage
from .memory.process import ResidentMemory
from .rebuilds.model_counts import ModelCounts
from .sessions.creations import Creations
from .sessions.documents import Documents
from .sessions.lifetimes import Sessions
from .sessions.one_by_one import SessionsOneByOne
from .sessions.panel_pages import PanelPages
from .sessions.refusals import Refusals
from .sessions.sweeps import Sweeps
from .traffic.asgi_websockets import AsgiWebSockets
from .traffic.landings import Landings
from .traffic.other_hosts import OtherHosts
from .traffic.payloads import Payloads
from .traffic.requests import Requests
from .traffic.websockets import WebSockets


def observers(includes: Callable[[CollectLevel], bool]) -> tuple[type[Observer], ...]:
    """List the observers from which the frame takes those that a depth includes.

    What observes elements is imported where elements are observed: it is code for 0.3 MB.
    """
    elements: tuple[type[Observer], ...] = ()
    if includes("element"):
        from .rebuilds.bokeh_elements import BokehElements
        from .rebuilds.holoviews_elements import HoloviewsElements
        from .rebuilds.inventory import Inventory
        from .rebuilds.panel_elements import PanelElements
        from .rebuilds.sent_changes import SentChanges
        from .rebuilds.timelines import Timelines

        elements = (BokehElements, PanelElements, HoloviewsElements, SentChanges, Timelines, Inventory)
    return (
        Garbage,
        # The first: what a sample allocates is nobody's, and its hooks are inside those that begin interactions.
        Activities,
        Sessions,
        # Before what makes models: it fills the accounts that the ledger keeps.
        Ledger,
        LiveModels,
        AppModules,
        SharedHolders,
        Creations,
        Refusals,
        Sweeps,
        Documents,
        InteractionStarts,
        ModelCounts,
        *elements,
        LateImports,
        PanelPages,
        SessionsOneByOne,
        DataSources,
        CallbackTimes,
        HoloviewsCallbacks,
        DocumentLocks,
        Landings,
        WebSockets,
        Payloads,
        AsgiWebSockets,
        OtherHosts,
        Requests,
        Configuration,
        Executors,
        ResidentMemory,
        Cgroups,
        # The last, so that a loop that is found is sampled by hooks that are all in.
        Loops,
    )


#: What knows a host.
HOSTS: tuple[ModuleType, ...] = (
    bokeh_server,
    bokeh_sessions,
    document_locks,
    bokeh_documents,
    bokeh_messages,
    bokeh_models,
    bokeh_callbacks,
    tornado,
    asgi,
    bokeh_fastapi,
    bokeh_django,
    thread_pools,
    param,
    panel,
    sending,
    panel_components,
    holoviews,
)
