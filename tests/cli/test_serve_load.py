"""contimg serve under slow, broken and many clients, beside a writer, and stopped under load."""
# ci-test: timeout=300
import contextlib
import http.client
import json
import os
import socket
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.environ["CONTIMG_SOURCE"], "tests/support"))
import serve_support as serve  # noqa: E402
from checks import attempt, check  # noqa: E402
from serve_support import API, QUEUE, Service  # noqa: E402

ENDED_S = 14  # a request has 10 s


class Slow(threading.Thread):
    """Sends its request byte by byte, for ever; `seconds` until it was ended."""

    def __init__(self, port, text):
        super().__init__(daemon=True)
        self.text, self.seconds, self.answer = text, None, b""
        self.socket = socket.create_connection(("127.0.0.1", port), 10)
        self.start()

    def run(self):
        begin = time.monotonic()
        self.socket.settimeout(0.3)
        with contextlib.suppress(ConnectionError):
            for byte in self.text:
                self.socket.send(bytes([byte]))
                with contextlib.suppress(TimeoutError):
                    self.answer = self.socket.recv(1000)
                    break
        self.seconds = time.monotonic() - begin
        self.socket.close()


def slow_clients(port):
    """Some stop after a few bytes, most go on; more than answers are needed for."""
    endless = b"GET /api/status HTTP/1.1\r\nHost: x\r\nX-Slow: " + b"a" * 1000
    return [Slow(port, endless) for _ in range(40)]


def broken_requests(service):
    for request in (b"GARBAGE\r\n\r\n", b"\0" * 5000, b"GET\r\n\r\n", b"GET /\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\r\n" * 2000,
                    b"GET /api/status HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
                    b"GET /api/status HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcde",
                    b"GET http://evil/api/status HTTP/1.1\r\nHost: x\r\n\r\n",
                    b"GET /api/st\xffatus HTTP/1.1\r\nHost: x\r\n\r\n", b"X" * 300000, b""):
        answer = service.raw(request)
        check(not answer.startswith(b"HTTP/1.1 200") and not answer.startswith(b"HTTP/1.0 200"),
              f"{request[:60]}: {answer[:200]}")
    for request, code in ((b"GET /" + b"a" * 5000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414),
                          (b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"a" * 40000 + b"\r\n\r\n", 431),
                          (b"GET / HTTP/1.1\r\nHost: x\r\n" + b"A: bcdefghijklmnopqrst\r\n" * 1000 + b"\r\n", 431),
                          (b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc", 413)):
        head, _, content = service.raw(request).partition(b"\r\n\r\n")
        check(head.startswith(b"HTTP/1.1 %d " % code), f"{request[:30]}: {head[:60]}, {code} is expected")
        check("error" in json.loads(content), f"{code} is no JSON: {content[:100]}")
    for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "FOO"):
        response, content = service.ask("/api/status", method)
        check(response.status == 405 and response.headers["Allow"] == "GET, HEAD" and b'"error"' in content,
              f"{method}: {response.status} {content[:80]}")


class Writer(threading.Thread):
    """Changes states and never the number of rows, as a run does, until it is told to end."""

    def __init__(self, folder):
        super().__init__(daemon=True)
        self.folder, self.is_over, self.n = folder, threading.Event(), 0
        self.start()

    def run(self):
        with contextlib.closing(serve.database(self.folder, "ingest")) as queue, \
                contextlib.closing(serve.database(self.folder, "data_registry")) as products:
            while not self.is_over.is_set():
                state = ("pending", "in_progress", "completed")[self.n % 3]
                with queue:
                    queue.execute("UPDATE ingest_queue SET state=?,error=?", (state, "x" * 2000))
                with products:
                    products.execute("UPDATE data_registry SET publish_error=?", ("y" * (self.n % 3000),))
                self.n += 1


def many_at_once(service, n):
    """n clients begin together; each answer is whole and right."""
    begin, faults = threading.Barrier(n), []

    def client(i):
        path = ("/api/status", *API, "/metrics", "/")[i % 8]
        try:
            begin.wait(30)
            response, content = service.ask(path, timeout=30)
            if response.status != 200:
                faults.append(f"{path}: {response.status} {content[:200]}")
            elif path == "/api/status":
                queue = json.loads(content)["queue"]
                if queue["total"] != len(QUEUE) or sum(queue.values()) != 2 * len(QUEUE):
                    faults.append(f"{path}: {queue}")
            elif path.startswith("/api"):
                json.loads(content)
        except (OSError, http.client.HTTPException, ValueError) as e:
            faults.append(f"{path}: {e!r}")

    threads = [threading.Thread(target=client, args=(i,)) for i in range(n)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    check(not faults, f"{len(faults)} of {n} clients: {faults[:3]}")


def stopped_under_load(service):
    """Within two seconds, with 0; no answer is half."""
    halves, n_good, is_over = [], [0], threading.Event()

    def client():
        while not is_over.is_set():
            try:
                content = service.ask("/api/status", timeout=5)[1]
                json.loads(content)
                n_good[0] += 1
            except (http.client.IncompleteRead, ValueError) as e:
                halves.append(repr(e))
            except (OSError, http.client.HTTPException):
                time.sleep(0.01)

    threads = [threading.Thread(target=client, daemon=True) for _ in range(30)]
    for thread in threads:
        thread.start()
    end = time.monotonic() + 20
    while n_good[0] < 60 and time.monotonic() < end:
        time.sleep(0.01)
    code, seconds = service.stop()
    is_over.set()
    for thread in threads:
        thread.join(10)
    check(n_good[0] >= 60 and not halves, f"{n_good[0]} answers; half ones: {halves[:3]}")
    check(code == 0 and seconds < 3, f"stopped with {code} after {seconds:.1f} s: {service.errors()[-500:]}")
    return seconds


def is_ended(client):
    try:
        return client.recv(1, socket.MSG_PEEK) == b""
    except BlockingIOError:
        return False
    except ConnectionError:
        return True


def many_of_one_address(folder):
    """Where other machines may come none of them takes all connections."""
    with Service(folder, "--bind", "0.0.0.0") as service, contextlib.ExitStack() as stack:
        clients = [stack.enter_context(socket.create_connection(("127.0.0.1", service.port), 10)) for _ in range(70)]
        for client in clients:
            client.setblocking(False)
        end = time.monotonic() + 5  # those that stay are ended for their silence after 10 s
        while (n_ended := sum(map(is_ended, clients))) < 6 and time.monotonic() < end:
            time.sleep(0.05)
        time.sleep(0.5)
        n_ended = sum(map(is_ended, clients))
        check(n_ended == 6, f"{n_ended} of 70 connections were ended, 6 are expected")


with serve.site() as site:
    serve.rows_add(site)
    with Service(site) as running:
        slow = slow_clients(running.port)
        writer = Writer(site)
        attempt(broken_requests, running)
        attempt(many_at_once, running, 200)
        end = time.monotonic() + ENDED_S
        for one in slow:
            one.join(max(0, end - time.monotonic()))
        check(all(s.seconds and s.seconds < ENDED_S and not s.answer.startswith(b"HTTP/1.1 200") for s in slow),
              f"slow clients were ended after {[s.seconds for s in slow][:5]} s: {slow[0].answer}")
        stop_s = attempt(stopped_under_load, running) or 0.0
        writer.is_over.set()
        writer.join()
        check("WARNING" not in running.errors(), f"said: {running.errors()[-500:]}")
    attempt(many_of_one_address, site)
print(f"serve: 40 slow, 200 at once beside {writer.n} writes, stopped in {stop_s:.1f} s")
