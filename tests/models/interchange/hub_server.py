"""A hub of models on loopback: as much of its HTTP interface as pushing and pulling takes."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit


class Hub(ThreadingHTTPServer):
    """Repositories in memory; `requests` came, `altered` is served in a file's place."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.repos: dict[str, dict[str, bytes]] = {}
        self.created: dict[str, Any] = {}
        self.altered: dict[str, bytes] = {}
        self.requests: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


def blob(data: bytes) -> str:
    """The hash that git, and the hub, name a file by."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


def commit_of(files: dict[str, bytes]) -> str:
    return hashlib.sha1("".join(f"{n}{blob(d)}" for n, d in files.items()).encode()).hexdigest()


class Handler(BaseHTTPRequestHandler):
    server: Hub

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def answer(self, body: bytes, code: int = 200, **headers: str) -> None:
        self.send_response(code)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def json(self, value: Any, code: int = 200, **headers: str) -> None:
        headers["Content_Type"] = "application/json"
        self.answer(json.dumps(value).encode(), code, **headers)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        path = urlsplit(self.path).path
        self.server.requests.append(f"POST {path}")
        _, _, kind, *rest = path.split("/")
        if kind == "repos":
            asked = json.loads(body)
            repo = f"{asked['organization']}/{asked['name']}"
            self.server.created.setdefault(repo, asked)
            self.server.repos.setdefault(repo, {})
            self.json({"url": f"{self.server.url}/{repo}"})
        elif kind == "validate-yaml":
            self.json({"errors": [], "warnings": []})
        elif rest[2] == "preupload":
            names = [file["path"] for file in json.loads(body)["files"]]
            modes = [{"path": n, "uploadMode": "regular", "shouldIgnore": False} for n in names]
            self.json({"files": modes})
        else:
            repo = "/".join(rest[:2])
            for line in body.splitlines():
                item = json.loads(line)
                if item["key"] == "file":
                    data = base64.b64decode(item["value"]["content"])
                    self.server.repos[repo][item["value"]["path"]] = data
            oid = commit_of(self.server.repos[repo])
            url = f"{self.server.url}/{repo}/commit/{oid}"
            self.json({"success": True, "commitUrl": url, "commitOid": oid})

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path)
        self.server.requests.append(f"{self.command} {path}")
        parts = path.strip("/").split("/")
        api = parts[0] == "api"
        repo = "/".join(parts[2:4] if api else parts[:2])
        files = self.server.repos.get(repo)
        if files is None:
            self.json({"error": "Repository not found"}, 404, X_Error_Code="RepoNotFound")
        elif api and "tree" in parts:
            self.json(
                [
                    {"type": "file", "path": name, "size": len(data), "oid": blob(data)}
                    for name, data in files.items()
                ]
            )
        elif api:
            self.json({"id": repo, "sha": commit_of(files), "siblings": []})
        else:
            name = "/".join(parts[4:])
            data = self.server.altered.get(name, files[name])
            self.answer(data, ETag=f'"{blob(files[name])}"', X_Repo_Commit=commit_of(files))

    do_HEAD = do_GET


@contextmanager
def serving() -> Iterator[Hub]:
    with Hub() as hub:
        thread = threading.Thread(target=hub.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield hub
        finally:
            hub.shutdown()
            thread.join()
