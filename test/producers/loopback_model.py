"""A server on the loopback interface that answers chat completions from a script: a call of the tool `add`, then the sum."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

THOUGHT = "Let me add."


def reply_to(messages: list) -> dict:
    """The model's turn: after a result of the tool it tells the sum, before it calls the tool with the numbers of the question."""
    last = messages[-1]
    if last["role"] == "tool" or "Observation" in str(last.get("content")):
        digits = "".join(letter for letter in str(last["content"]) if letter.isdigit())
        return {"content": f"Es ist {digits}. 🙂"}
    asked = next(str(message["content"]) for message in messages if message["role"] == "user")
    x, y = ("".join(letter for letter in part if letter.isdigit())[-1:] for part in asked.split("+")[:2])
    return {"content": THOUGHT, "tool_calls": [{"id": "call_1", "type": "function", "function": {"name": "add", "arguments": json.dumps({"x": int(x), "y": int(y)})}}]}


class Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        answer = {}
        if self.path.endswith("/chat/completions"):
            request = json.loads(body)
            message = {"role": "assistant", **reply_to(request["messages"])}
            # A client that offers its own way to finish is told so through it.
            final = next((tool["function"]["name"] for tool in request.get("tools", []) if tool["function"]["name"] == "final_answer"), None)
            if final and "tool_calls" not in message:
                text = message.pop("content")
                call = {"name": final, "arguments": json.dumps({"answer": text})}
                message |= {"content": None, "tool_calls": [{"id": "call_2", "type": "function", "function": call}]}
            reason = "tool_calls" if "tool_calls" in message else "stop"
            answer = {
                "id": "chatcmpl-1",
                "object": "chat.completion",
                "created": 1700000000,
                "model": request["model"],
                "choices": [{"index": 0, "message": message, "finish_reason": reason}],
                "usage": {"prompt_tokens": 7, "completion_tokens": 5, "total_tokens": 12},
            }
        data = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_) -> None:
        pass


def serve() -> str:
    """Starts it. @returns its address"""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_address[1]}"
