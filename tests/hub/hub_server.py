"""A server on this machine that speaks the part of the hub's API that huggingface_hub uses."""

import base64
import hashlib
import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

TOKEN = "hf_of_the_test"


class Hub:
    """Repositories by kind and name, each a mapping of files; those in `gated` may be read by nobody."""

    def __init__(self):
        self.repositories, self.gated, self.asked = {}, set(), []
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), handler(self))
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    @property
    def address(self):
        return f"http://127.0.0.1:{self.server.server_port}"

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def revision(self, key):
        files = self.repositories[key]
        digest = hashlib.sha1(usedforsecurity=False)
        for name in sorted(files):
            digest.update(name.encode() + files[name])
        return digest.hexdigest()


def handler(hub):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *what):
            pass

        def answer(self, status, content=b"", headers=()):
            content = content if isinstance(content, bytes) else json.dumps(content).encode()
            self.send_response(status)
            for name, value in dict(headers).items():
                self.send_header(name, value)
            if "Content-Length" not in dict(headers):
                self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        def fail(self, status, code, message):
            self.answer(status, {"error": message}, {"X-Error-Code": code, "X-Error-Message": message})

        def found(self, kind, name):
            key = (kind.rstrip("s"), name)
            if key in hub.gated:
                self.fail(403, "GatedRepo", "Access to this repository is restricted.")
                return None
            if key not in hub.repositories:
                self.fail(404, "RepoNotFound", "Repository not found")
                return None
            return key

        def do_HEAD(self):
            self.do_GET()

        def do_GET(self):
            path = unquote(urlsplit(self.path).path)
            hub.asked.append(f"{self.command} {path}")
            if match := re.fullmatch(
                r"/api/(models|datasets)/([^/]+/[^/]+)(?:/(revision|tree)/([^/]+))?", path
            ):
                key = self.found(match[1], match[2])
                if key is not None:
                    self.listing(key, match[3])
            elif match := re.fullmatch(r"/(?:(datasets)/)?([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path):
                key = self.found(match[1] or "models", match[2])
                if key is not None:
                    self.file(key, match[4])
            else:
                self.fail(404, "EntryNotFound", path)

        def listing(self, key, kind):
            files = hub.repositories[key]
            if kind == "tree":
                self.answer(
                    200,
                    [{"type": "file", "path": n, "size": len(c), "oid": "0" * 40} for n, c in files.items()],
                )
                return
            siblings = [{"rfilename": name, "size": len(content)} for name, content in files.items()]
            sha = hub.revision(key)
            about = {"id": key[1], "modelId": key[1], "sha": sha, "siblings": siblings, "private": False}
            self.answer(
                200, about | {"tags": [], "downloads": 0, "likes": 0, "gated": False, "disabled": False}
            )

        def file(self, key, name):
            content = hub.repositories[key].get(name)
            if content is None:
                self.fail(404, "EntryNotFound", name)
                return
            etag = hashlib.sha256(content).hexdigest()
            headers = {"ETag": f'"{etag}"', "X-Repo-Commit": hub.revision(key), "Accept-Ranges": "bytes"}
            self.answer(200, content, headers | {"Content-Length": str(len(content))})

        def do_POST(self):
            path = unquote(urlsplit(self.path).path)
            hub.asked.append(f"POST {path}")
            content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if self.headers.get("Authorization") != f"Bearer {TOKEN}":
                self.answer(401, {"error": "Invalid username or password."})
            elif path == "/api/validate-yaml":
                self.answer(200, {"errors": [], "warnings": []})
            elif path == "/api/repos/create":
                asked = json.loads(content)
                name = (
                    f"{asked['organization']}/{asked['name']}" if asked.get("organization") else asked["name"]
                )
                kind = asked.get("type") or "model"
                hub.repositories.setdefault((kind, name), {})
                self.answer(
                    200, {"url": f"{hub.address}/{'' if kind == 'model' else kind + 's/'}{name}", "id": name}
                )
            elif match := re.fullmatch(r"/api/(models|spaces)/([^/]+/[^/]+)/preupload/main", path):
                files = json.loads(content)["files"]
                plain = [
                    {"path": each["path"], "uploadMode": "regular", "shouldIgnore": False} for each in files
                ]
                self.answer(200, {"files": plain})
            elif match := re.fullmatch(r"/api/(models|spaces)/([^/]+/[^/]+)/commit/main", path):
                key = (match[1].rstrip("s"), match[2])
                for line in content.decode().splitlines():
                    each = json.loads(line)
                    if each["key"] == "file":
                        value = each["value"]
                        hub.repositories[key][value["path"]] = base64.b64decode(value["content"])
                where = f"{hub.address}/{match[2]}"
                self.answer(
                    200,
                    {
                        "success": True,
                        "commitUrl": f"{where}/commit/{hub.revision(key)}",
                        "commitOid": hub.revision(key),
                    },
                )
            else:
                self.fail(404, "EntryNotFound", path)

    return Handler
