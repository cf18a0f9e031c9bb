"""The table of observers: a new subject is a new file and one row here. Order is the order of hooks."""

from __future__ import annotations

from .activities import Activities
from .app_modules import AppModules
from .asgi import AsgiWebSockets
from .callbacks import Callbacks
from .census import Census
from .cgroups import Cgroups
from .collecting import Collecting
from .components import Components
from .configuration import Configuration
from .creations import Creations
from .data_sources import DataSources
from .documents import Documents
from .elements import Elements
from .endings import Endings
from .executors import Executors
from .frame import Observer
from .garbage import Garbage
from .holoviews_callbacks import HoloviewsCallbacks
from .holoviews_elements import HoloviewsElements
from .interactions import Interactions
from .late_imports import LateImports
from .ledger import Ledger
from .locks import Locks
from .loops import Loops
from .memory import Memory
from .models import Models
from .other_hosts import OtherHosts
from .panel_elements import PanelElements
from .panel_levels import PanelLevels
from .refusals import Refusals
from .requests import Requests
from .sessions import Sessions
from .sweeps import Sweeps
from .traffic import Traffic
from .trim import Trims
from .websockets import WebSockets

OBSERVERS: tuple[type[Observer], ...] = (
    Garbage,
    # The first: what a sample allocates is nobody's, and its hooks are inside those that begin interactions.
    Activities,
    Sessions,
    # Before what makes models: it reads the book that the ledger keeps.
    Ledger,
    Census,
    AppModules,
    Creations,
    Refusals,
    Sweeps,
    Documents,
    Interactions,
    Models,
    Elements,
    PanelElements,
    HoloviewsElements,
    LateImports,
    PanelLevels,
    Components,
    DataSources,
    Callbacks,
    HoloviewsCallbacks,
    Locks,
    WebSockets,
    Traffic,
    AsgiWebSockets,
    OtherHosts,
    Requests,
    Configuration,
    Executors,
    Endings,
    Memory,
    Trims,
    Cgroups,
    Collecting,
    # The last, so that a loop that is found is sampled by hooks that are all in.
    Loops,
)
