"""The built program as a child process, and waiting with a deadline."""

import os
import signal
import subprocess
import tempfile
import threading
import time
from pathlib import Path

PATIENCE_SECONDS = 60
PROGRAM = os.environ.get(
    "FERRYMQ_BIN", str(Path(__file__).parents[2] / "target" / "release" / "ferrymq")
)


class Broker:
    """A broker on a directory of its own, on the same AMQP port after every start."""

    def __init__(self, **settings):
        """`settings`: variables that the program reads."""
        self._environment = {**os.environ, **settings}
        self._directory = tempfile.TemporaryDirectory(prefix="ferrymq-python-")
        self.host, self.port, self.http_port = "127.0.0.1", 0, 0
        self._process = None
        self.log = []

    def start(self):
        listen = {
            "--amqp-listen": f"{self.host}:{self.port}",
            "--http-listen": "127.0.0.1:0",
            "--metrics-listen": "127.0.0.1:0",
        }
        arguments = [part for option in listen.items() for part in option]
        self._process = subprocess.Popen(
            [PROGRAM, "serve", "--data-dir", f"{self._directory.name}/data", *arguments],
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        started = threading.Event()
        threading.Thread(target=self._follow_log, args=(started,), daemon=True).start()
        assert started.wait(PATIENCE_SECONDS) and self.port, "".join(self.log)
        return self

    def _follow_log(self, started):
        for line in self._process.stdout:
            self.log.append(line)
            if "started TCP listener on " in line:
                address = line.split("started TCP listener on ")[1].split()[0]
                self.port = int(address.rsplit(":", 1)[1])
            if "started HTTP listener on " in line:
                address = line.split("started HTTP listener on ")[1].split()[0]
                self.http_port = int(address.rsplit(":", 1)[1])
            if "Server startup complete" in line:
                started.set()
        started.set()

    def stop(self):
        """Asks it to stop; returns its exit status."""
        return self._end(signal.SIGTERM)

    def kill(self):
        return self._end(signal.SIGKILL)

    def _end(self, signal_number):
        self._process.send_signal(signal_number)
        return self._process.wait(PATIENCE_SECONDS)

    def remove(self):
        if self._process.poll() is None:
            self.kill()
        self._directory.cleanup()

    @property
    def directory(self):
        """Where it keeps what it has; tests may leave things there, too."""
        return self._directory.name

    @property
    def url(self):
        return f"amqp://guest:guest@{self.host}:{self.port}/%2f"


class RunningBroker:
    """A broker that someone else started, as the environment names it."""

    def __init__(self, address):
        self.host, port = address.rsplit(":", 1)
        self.port = int(port)

    url = Broker.url


def eventually(condition, what, patience=PATIENCE_SECONDS):
    """Asks until the answer is true: for effects that nothing announces."""
    deadline = time.monotonic() + patience
    while not (answer := condition()):
        assert time.monotonic() < deadline, f"never happened: {what}"
        threading.Event().wait(0.02)
    return answer
