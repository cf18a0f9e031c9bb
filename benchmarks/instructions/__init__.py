"""How many instructions the exporter costs, counted under callgrind: ``python -m benchmarks.instructions``."""
