"""A real RabbitMQ, Debian's, on ports and directories of its own."""

import os
import secrets
import signal
import socket
import subprocess
import tempfile
from pathlib import Path

from harness import PATIENCE_SECONDS, eventually
from management import Management

SERVER = "/usr/lib/rabbitmq/bin/rabbitmq-server"
PLUGINS = "rabbitmq_management, rabbitmq_federation, rabbitmq_shovel"


class RabbitMQ:
    """A node that nobody else knows of: its own name, port mapper, cookie and directories."""

    def __init__(self):
        self._directory = tempfile.TemporaryDirectory(prefix="ferrymq-rabbitmq-")
        self._process = None
        self.port, http, distribution, mapper = free_ports(4)
        self.api = Management(f"http://127.0.0.1:{http}")
        home = Path(self._directory.name)
        (home / "enabled_plugins").write_text(f"[{PLUGINS}].\n")
        (home / "rabbitmq.conf").write_text(
            f"listeners.tcp.default = 127.0.0.1:{self.port}\n"
            f"management.tcp.ip = 127.0.0.1\nmanagement.tcp.port = {http}\n"
        )
        (home / "env.conf").write_text("")
        self._environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "LANG": "C.UTF-8",
            "ERL_EPMD_PORT": str(mapper),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODENAME": f"ferrymq-test-{secrets.token_hex(4)}@localhost",
            "RABBITMQ_DIST_PORT": str(distribution),
            "RABBITMQ_MNESIA_BASE": str(home / "mnesia"),
            "RABBITMQ_LOG_BASE": str(home / "log"),
            "RABBITMQ_PID_FILE": str(home / "pid"),
            "RABBITMQ_CONFIG_FILE": str(home / "rabbitmq"),
            "RABBITMQ_CONF_ENV_FILE": str(home / "env.conf"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(home / "enabled_plugins"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 1:1",
        }

    def start(self):
        self._log = open(Path(self._directory.name) / "output", "w+")
        self._process = subprocess.Popen(
            [SERVER],
            env=self._environment,
            cwd=self._directory.name,
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        eventually(self._answers, "RabbitMQ answers", patience=3 * PATIENCE_SECONDS)
        return self

    def _answers(self):
        if self._process.poll() is not None:
            self._log.seek(0)
            raise AssertionError(f"RabbitMQ ended: {self._log.read()}")
        try:
            return self.api.call("GET", "/overview")[0] == 200
        except OSError:
            return False

    def remove(self):
        if self._process and self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGTERM)
            try:
                self._process.wait(PATIENCE_SECONDS)
            except subprocess.TimeoutExpired:
                os.killpg(self._process.pid, signal.SIGKILL)
                self._process.wait(PATIENCE_SECONDS)
        # The port mapper stays when its nodes have gone.
        subprocess.run(
            ["epmd", "-kill"],
            env=self._environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=False,
        )
        self._log.close()
        self._directory.cleanup()


def free_ports(count):
    """Ports that nobody listens on; all different."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [listener.getsockname()[1] for listener in sockets]
    for listener in sockets:
        listener.close()
    return ports
