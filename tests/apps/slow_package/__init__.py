"""A package that takes its time."""

from .inner import READY as READY
