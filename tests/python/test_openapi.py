"""The description of the HTTP API, tried out by schemathesis: whatever is asked, the broker answers as it says."""

import subprocess
import sys
from pathlib import Path

import pytest

SCHEMATHESIS = Path(sys.executable).with_name("schemathesis")
SECONDS = 75
CHECKS = [
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
]
# Answers that go on until their subject ends, and checks that fail with 503 as they should.
LEFT_OUT = r"(/tail|/api/events)$|-listener/"


@pytest.mark.timeout(SECONDS * 4)
def test_answers_are_as_described(own_broker):
    arguments = {
        "--auth": "guest:guest",
        "--checks": ",".join(CHECKS),
        "--phases": "examples,coverage,fuzzing",
        "--max-examples": "5",
        "--max-time": str(SECONDS),
        "--exclude-path-regex": LEFT_OUT,
        "--request-timeout": "20",
        "--seed": "1",
        "--generation-database": "none",
    }
    options = [part for option in arguments.items() for part in option]
    address = f"http://127.0.0.1:{own_broker.http_port}/api/openapi.json"
    run = subprocess.run(
        [SCHEMATHESIS, "run", address, "--no-color", *options],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=own_broker.directory,
    )
    assert run.returncode == 0, run.stdout
