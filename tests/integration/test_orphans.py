"""A child process ends with its parent, whenever that is killed."""

from __future__ import annotations

import subprocess
import sys

START_CHILD = """
import os, subprocess, sys
child = subprocess.Popen([sys.executable, "-c", sys.argv[1], str(os.getpid())])
if sys.argv[2] == "wait":
    child.wait()
"""

CHILD_OF_A_DEAD_PARENT = """
import os, sys, time
from tasks.supervision import die_with_parent
parent = int(sys.argv[1])
while os.getppid() == parent:
    time.sleep(0.01)
die_with_parent(parent)
print("still alive")
"""

CHILD_OF_A_LIVING_PARENT = """
import sys, time
from tasks.supervision import die_with_parent
die_with_parent(int(sys.argv[1]))
print("started", flush=True)
time.sleep(30)
print("still alive")
"""


def start_parent(child: str, then: str) -> subprocess.Popen[str]:
    """The child writes to the parent's stdout, which is at its end once both have ended."""
    command = [sys.executable, "-c", START_CHILD, child, then]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_a_child_whose_parent_died_while_it_started_ends() -> None:
    with start_parent(CHILD_OF_A_DEAD_PARENT, "exit") as parent:
        output, _ = parent.communicate(timeout=30)
    assert output == ""


def test_a_child_whose_parent_is_killed_ends() -> None:
    with start_parent(CHILD_OF_A_LIVING_PARENT, "wait") as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == "started\n"
        parent.kill()
        output, _ = parent.communicate(timeout=20)
    assert output == ""
