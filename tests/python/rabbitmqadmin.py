"""RabbitMQ's command line tools for its HTTP API: the script that its package brings, and the program that followed."""

import os
import subprocess
from pathlib import Path

from harness import PATIENCE_SECONDS

SCRIPT = "/usr/bin/rabbitmqadmin"
TOOLS = os.environ.get(
    "FERRYMQ_TEST_TOOLS", str(Path(__file__).parents[2] / "target" / "test-tools")
)
PROGRAM = f"{TOOLS}/bin/rabbitmqadmin"


class Tool:
    """One of them, which asks `broker` as the default user."""

    def __init__(self, command, broker):
        self._command = command
        # They look for settings there, and leave files where they are told to.
        self._directory = broker.directory

    def run(self, *arguments, input=""):
        """Runs a command; returns its exit status, and what it printed."""
        run = subprocess.run(
            [*self._command, *arguments],
            env={"PATH": os.environ["PATH"], "HOME": self._directory, "LANG": "C.UTF-8"},
            cwd=self._directory,
            input=input,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=PATIENCE_SECONDS,
        )
        return run.returncode, run.stdout

    def __call__(self, *arguments, input=""):
        """What a command printed that must succeed."""
        status, out = self.run(*arguments, input=input)
        assert status == 0, (arguments, status, out)
        return out

    def fails(self, *arguments):
        """What a command printed that must fail."""
        status, out = self.run(*arguments)
        assert status != 0, (arguments, out)
        return out

    def rows(self, *arguments):
        """The rows of a table that a command printed, by the names of its columns."""
        head, *rows = self.cells(self(*arguments)) or [[]]
        return [dict(zip(head, row, strict=True)) for row in rows]

    def column(self, name, *arguments):
        """One column of a table that a command printed."""
        return [row[name] for row in self.rows(*arguments)]


class Script(Tool):
    """The script of RabbitMQ 3."""

    def __init__(self, broker):
        super().__init__([SCRIPT, "--host", "127.0.0.1", "--port", str(broker.http_port)], broker)

    @staticmethod
    def cells(table):
        """A row is a line."""
        return [between_bars(line) for line in table.splitlines() if line.startswith("|")]


class Program(Tool):
    """The program of RabbitMQ 4."""

    def __init__(self, broker):
        address = ["--host", "127.0.0.1", "--port", str(broker.http_port)]
        account = ["--username", "guest", "--password", "guest"]
        super().__init__([PROGRAM, *address, *account, "--table-style", "ascii"], broker)

    @staticmethod
    def cells(table):
        """A row is what stands between two rules; its cells may have several lines."""
        rows = []
        for line in table.splitlines():
            if line.startswith("+"):
                rows.append([])
            elif line.startswith("|"):
                rows[-1].append(between_bars(line))
        joined = [["\n".join(cell).strip() for cell in zip(*row, strict=True)] for row in rows]
        # What a table is called stands alone.
        return [row for row in joined if len(row) > 1]

    def facts(self, table):
        """The names and values of a table that has a row for each."""
        return dict(self.cells(table)[1:])


def between_bars(line):
    return [cell.strip() for cell in line.removeprefix("|").removesuffix("|").split("|")]
