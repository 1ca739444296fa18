"""What a process tells of its work, as OpenTelemetry: `tracing.py` its traces."""
