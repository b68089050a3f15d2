"""The management API of a broker, FerryMQ's or RabbitMQ's."""

import base64
import json
import urllib.error
import urllib.request
from urllib.parse import quote

PATIENCE_SECONDS = 60


class Management:
    """Calls as one user; `path` follows `/api`."""

    def __init__(self, url, user="guest", password="guest"):
        self.url = url
        token = base64.b64encode(f"{user}:{password}".encode()).decode()
        self._headers = {"Authorization": f"Basic {token}", "Content-Type": "application/json"}

    def call(self, method, path, body=None):
        """The status, and what the answer's body says."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            f"{self.url}/api{path}", data=data, method=method, headers=self._headers
        )
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS) as answer:
                status, text = answer.status, answer.read()
        except urllib.error.HTTPError as refused:
            status, text = refused.code, refused.read()
        return status, json.loads(text) if text else None

    def get(self, path):
        status, found = self.call("GET", path)
        assert status == 200, (path, status, found)
        return found

    def put(self, path, body):
        status, said = self.call("PUT", path, body)
        assert status in (201, 204), (path, status, said)

    def post(self, path, body):
        status, said = self.call("POST", path, body)
        assert status in (200, 201, 204), (path, status, said)


def encoded(name):
    """A name as a part of a path."""
    return quote(name, safe="")
