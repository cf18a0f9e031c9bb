"""The company's logger: each page may show what is logged."""

import logging

logger = logging.getLogger("acme")
logger.setLevel(logging.INFO)
logger.propagate = False


class Kept(logging.Handler):
    """Keeps all records, for a support page that nobody opens."""

    def __init__(self):
        super().__init__()
        self.records = []

    def emit(self, record):
        self.records.append(record)


class ToPage(logging.Handler):
    def __init__(self, div):
        super().__init__()
        self.div = div

    def emit(self, record):
        self.last = record.getMessage()
