"""Ending well on signals, to the last moment of the process."""

import subprocess
import sys

from tests.commands import with_signals
from tests.conftest import PATIENCE

SIGNAL_WHILE_PYTHON_ENDS = """
import os
import signal

from telemetry.base.clock import Clock
from telemetry.cli._shared.stopping import stop_on_signal


class Late:
    def __del__(self, kill=os.kill, process=os.getpid(), number=signal.SIGTERM):
        kill(process, number)


late = Late()  # lives until Python has given up its own handlers
with stop_on_signal(Clock()):
    signal.raise_signal(signal.SIGTERM)
print("whole")
"""


@with_signals
def test_a_second_signal_while_python_ends_does_not_end_it_by_the_signal() -> None:
    command = [sys.executable, "-c", SIGNAL_WHILE_PYTHON_ENDS]
    result = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert (result.returncode, result.stdout, result.stderr) == (0, "whole\n", "")
