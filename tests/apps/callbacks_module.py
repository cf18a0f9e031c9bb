"""Callbacks in a module that apps import: not an app itself."""

from app_counts import called  # type: ignore[import-not-found]


def imported() -> None:
    called("callbacks_module:imported", "event")


class Imported:
    def method(self) -> None:
        called("callbacks_module:Imported.method", "event")


def doubled(n: int) -> str:
    called("callbacks_module:doubled")
    return f"doubled {2 * n}"


def scheduled() -> None:
    called("callbacks_module:scheduled")
