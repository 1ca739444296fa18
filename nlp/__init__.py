"""The analysis of articles: pure functions on plain data, with no I/O except the model files.

Nothing here knows Redis, Taskiq, HTTP, the settings or tracing. Settings come in as a policy;
the times of the stages go out as `StageRun`s.
"""

import os

# onnxruntime sends reports to its maker, and keeps an id of this machine below the home, unless its
# environment forbids both before it is imported. Every import of it comes after this one, however
# the process was started. The second is the variable's first name.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
os.environ["ORT_TELEMETRY_DISABLED"] = "1"
# huggingface_hub adds facts about this machine to its requests for a model (EMBEDDING_MODEL).
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
