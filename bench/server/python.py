"""What a user would write instead, in Python: the same check and the same answer on `http.server`.

No settings, no log, no other sender; it stores nothing and starts nothing.
"""

import hashlib
import hmac
import json
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SECRET = os.environ["BLOGSHOOT_WEBHOOK_SECRET"].encode()


def accepted(event):
    if event["event_type"] == "test":
        return {
            "success": True,
            "message": "Test webhook received successfully",
            "event_id": event["event_id"],
        }
    return {
        "success": True,
        "event_id": event["event_id"],
        "event_type": event["event_type"],
        "message": "Webhook received and processing",
        "article_id": event.get("article", {}).get("id"),
        "processing_time_ms": 0,
    }


class Receiver(BaseHTTPRequestHandler):
    # Connections are kept, and what is small leaves at once.
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def handle(self):
        try:
            super().handle()
        except ConnectionResetError:
            # Whoever sends the load is done.
            pass

    def do_GET(self):
        self.answer(200, {"status": "healthy"})

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        expected = hmac.new(SECRET, body, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(self.headers.get("x-blogshoot-signature", ""), expected):
            self.answer(401, {"error": "Invalid signature"})
            return
        self.answer(200, accepted(json.loads(body)))

    def answer(self, status, value):
        body = json.dumps(value, separators=(",", ":")).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.send_header("access-control-allow-origin", "*")
        self.send_header("cache-control", "no-store")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Receiver).serve_forever()
