"""The table of observers: a new subject is a new file and one row here. Order is the order of hooks."""

from __future__ import annotations

from .callbacks.bokeh_callbacks import CallbackTimes
from .callbacks.document_locks import DocumentLocks
from .callbacks.holoviews_callbacks import HoloviewsCallbacks
from .callbacks.interactions import InteractionStarts
from .configuration import Configuration
from .frame import Observer
from .late_imports import LateImports
from .leaks.app_modules import AppModules
from .leaks.ledger import Ledger
from .leaks.live_models import LiveModels
from .loop.executors import Executors
from .loop.loops import Loops
from .memory.activities import Activities
from .memory.cgroups import Cgroups
from .memory.data_sources import DataSources
from .memory.garbage_collector import Garbage
from .memory.process import Memory
from .rebuilds.bokeh_elements import BokehElements
from .rebuilds.holoviews_elements import HoloviewsElements
from .rebuilds.model_counts import ModelCounts
from .rebuilds.panel_elements import PanelElements
from .sessions.creations import Creations
from .sessions.documents import Documents
from .sessions.lifetimes import Sessions
from .sessions.panel_pages import PanelPages
from .sessions.refusals import Refusals
from .sessions.sweeps import Sweeps
from .traffic.asgi_websockets import AsgiWebSockets
from .traffic.other_hosts import OtherHosts
from .traffic.payloads import Payloads
from .traffic.requests import Requests
from .traffic.websockets import WebSockets

OBSERVERS: tuple[type[Observer], ...] = (
    Garbage,
    # The first: what a sample allocates is nobody's, and its hooks are inside those that begin interactions.
    Activities,
    Sessions,
    # Before what makes models: it fills the accounts that the ledger keeps.
    Ledger,
    LiveModels,
    AppModules,
    Creations,
    Refusals,
    Sweeps,
    Documents,
    InteractionStarts,
    ModelCounts,
    BokehElements,
    PanelElements,
    HoloviewsElements,
    LateImports,
    PanelPages,
    DataSources,
    CallbackTimes,
    HoloviewsCallbacks,
    DocumentLocks,
    WebSockets,
    Payloads,
    AsgiWebSockets,
    OtherHosts,
    Requests,
    Configuration,
    Executors,
    Memory,
    Cgroups,
    # The last, so that a loop that is found is sampled by hooks that are all in.
    Loops,
)
