"""The peers of the senders: a vendor of AI, and a network between them and the server."""

import json
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx

_ANSWERS: Mapping[str, Mapping[str, object]] = {
    "/v1/chat/completions": {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "gpt-4o-mini",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "Short."},
                "finish_reason": "stop",
            }
        ],
        "usage": {"prompt_tokens": 120, "completion_tokens": 30, "total_tokens": 150},
    },
    "/v1/embeddings": {
        "object": "list",
        "model": "text-embedding-3-small",
        "data": [{"object": "embedding", "index": 0, "embedding": [0.0]}],
        "usage": {"prompt_tokens": 7, "total_tokens": 7},
    },
    "/v1/messages": {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-4-5",
        "content": [{"type": "text", "text": "Short."}],
        "stop_reason": "end_turn",
        "usage": {"input_tokens": 80, "output_tokens": 25},
    },
}
_HOP_BY_HOP = {"connection", "content-length", "date", "host", "server", "transfer-encoding"}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def answer(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def _served(handler: type[_Handler]) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def vendor() -> Iterator[str]:
    """Serve what the clients of OpenAI and Anthropic ask for, always the same."""

    class Vendor(_Handler):
        def do_POST(self) -> None:
            self.body()
            said = json.dumps(_ANSWERS[self.path.split("?")[0]]).encode()
            self.answer(200, {"Content-Type": "application/json"}, said)

    with _served(Vendor) as url:
        yield url


@contextmanager
def unreliable(behind: str) -> Iterator[str]:
    """Serve what stands behind, but spoil the first two tries of each request.

    The first does not arrive. The second does, and its answer is lost: a sender that tries again
    sends what the server has acknowledged already.
    """
    tries: Counter[tuple[str, bytes]] = Counter()

    class Network(_Handler):
        def do_POST(self) -> None:
            body = self.body()
            tries[self.path, body] += 1
            count = tries[self.path, body]
            headers = {k: v for k, v in self.headers.items() if k.lower() not in _HOP_BY_HOP}
            if count > 1:
                real = httpx.post(behind + self.path, content=body, headers=headers)
            if count <= 2:
                self.answer(503, {"Retry-After": "0"}, b"{}")
                return
            kept = {k: v for k, v in real.headers.items() if k.lower() not in _HOP_BY_HOP}
            self.answer(real.status_code, kept, real.content)

    with _served(Network) as url:
        yield url
