"""The state through the OpenTelemetry API. Nothing here is imported unless somebody asked for it."""
