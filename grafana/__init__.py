"""Dashboards and alert rules as code; ``python grafana/build.py`` writes the files that are shipped."""
