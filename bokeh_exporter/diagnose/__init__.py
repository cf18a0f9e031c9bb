"""From numbers to a verdict: pure functions over a bounded history. Imports the state, nothing of the host."""

from .verdicts.fields import AppSample, Process
from .verdicts.history import History, Point
from .verdicts.judgement import Evidence, Judgement
from .verdicts.samples import ROWS, Sample, sample_of
from .verdicts.verdict import judge

__all__ = ["ROWS", "AppSample", "Evidence", "History", "Judgement", "Point", "Process", "Sample", "judge", "sample_of"]
