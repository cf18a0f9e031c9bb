"""From numbers to a verdict: pure functions over a bounded history. Imports the state, nothing of the host."""

from .fields import AppSample, Process
from .history import History, Point
from .judgement import Evidence, Judgement
from .samples import ROWS, Sample, sample_of
from .verdict import judge

__all__ = ["ROWS", "AppSample", "Evidence", "History", "Judgement", "Point", "Process", "Sample", "judge", "sample_of"]
