"""A module of the app, whose containers keep documents by what somebody typed, each way for itself."""

from typing import Any

STORE: dict[Any, Any] = {}
PAIRS: dict[Any, Any] = {}
TASKS: list[Any] = []
HOLDERS: list[Any] = []
FUNCTIONS: list[Any] = []
