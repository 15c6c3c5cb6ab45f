"""A small client of the language server that editors use for YAML: enough to see what an editor would show."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

COMMAND = os.environ.get("YAML_LANGUAGE_SERVER") or shutil.which("yaml-language-server")


class Editor:
    """One document, open in an editor whose language server is yaml-language-server."""

    def __init__(self, path: Path):
        self._server = subprocess.Popen([str(COMMAND), "--stdio"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._last = 0
        self._messages: list[dict[str, Any]] = []
        self._uri = path.as_uri()
        self.ask("initialize", {"processId": os.getpid(), "rootUri": path.parent.as_uri(), "capabilities": {}})
        self._tell("initialized", {})
        settings = {"yaml": {"validate": True, "completion": True, "hover": True, "schemaStore": {"enable": False}}}
        self._tell("workspace/didChangeConfiguration", {"settings": settings})
        document = {"uri": self._uri, "languageId": "yaml", "version": 1, "text": path.read_text("utf-8")}
        self._tell("textDocument/didOpen", {"textDocument": document})

    def __enter__(self) -> Editor:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.kill()
        self._server.communicate()

    def diagnostics(self) -> list[dict[str, Any]]:
        """What the editor underlines."""
        while True:
            for message in self._messages:
                if message.get("method") == "textDocument/publishDiagnostics":
                    return message["params"]["diagnostics"]
            self._messages.append(self._read())

    def complete(self, line: int, character: int) -> list[str]:
        """What the editor offers at a place (0-based)."""
        answer = self.ask("textDocument/completion", self._at(line, character))
        return [item["label"] for item in answer["items"]]

    def hover(self, line: int, character: int) -> str:
        """What the editor says of the word at a place (0-based)."""
        return self.ask("textDocument/hover", self._at(line, character))["contents"]["value"]

    def _at(self, line: int, character: int) -> dict[str, Any]:
        return {"textDocument": {"uri": self._uri}, "position": {"line": line, "character": character}}

    def ask(self, method: str, params: dict[str, Any]) -> Any:
        """A request and its answer."""
        self._last += 1
        self._send({"id": self._last, "method": method, "params": params})
        while True:
            message = self._read()
            if message.get("id") == self._last and "method" not in message:
                return message["result"]
            self._messages.append(message)

    def _tell(self, method: str, params: dict[str, Any]) -> None:
        self._send({"method": method, "params": params})

    def _send(self, message: dict[str, Any]) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        assert self._server.stdin
        self._server.stdin.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        self._server.stdin.flush()

    def _read(self) -> dict[str, Any]:
        assert self._server.stdout
        length = 0
        while line := self._server.stdout.readline().strip():
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        assert length, "the language server has ended"
        message = json.loads(self._server.stdout.read(length))
        if "id" in message and "method" in message:
            # The server asks the editor something (its configuration): the editor has nothing to say.
            self._send({"id": message["id"], "result": [None] * len(message.get("params", {}).get("items", []))})
        return message
