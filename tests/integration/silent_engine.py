"""An engine that never becomes ready: `python -m MODULE FD PARENT_PID …`."""

from __future__ import annotations

import signal
import sys

from tasks.supervision import die_with_parent

die_with_parent(int(sys.argv[2]))
signal.pause()
