"""Work for worker processes that goes wrong in known ways; light, since each new process imports it."""

import json
import os
import signal
from typing import Any


def deadly(configs: list[dict[str, Any]]) -> list[dict[str, bytes]]:
    """Width 5 kills its process, width 6 raises an error, others hand back a run that diverged."""
    if configs[0]["hidden_dim"] == 5:
        os.kill(os.getpid(), signal.SIGKILL)
    if configs[0]["hidden_dim"] == 6:
        raise MemoryError("no room")
    state = {"status": "diverged", "message": "too wide", "step": 0}
    found = {"metrics": None, "diagnosis": {"name": "diverged", "evidence": ""}}
    header = json.dumps({"__metadata__": {"run": json.dumps({"step": 0})}}).encode()
    files = {
        "config.toml": b"",
        "history.csv": b"step\n",
        "model.safetensors": len(header).to_bytes(8, "little") + header,
        "state.json": json.dumps(state).encode(),
        "metrics.json": json.dumps(found).encode(),
    }
    return [files for _ in configs]
