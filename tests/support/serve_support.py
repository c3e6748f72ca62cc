"""What the tests of contimg serve share: a state folder with known rows, the running service, requests."""
import contextlib
import http.client
import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import tempfile
import time
from pathlib import Path

from checks import check

PROGRAM = os.path.join(os.environ["CONTIMG_BUILD"], "bin/contimg")
NOW = time.time()
API = ("/api/status", "/api/metrics/system", "/api/monitoring/publish/status",
       "/api/monitoring/publish/failed", "/api/health")
# Of each observation: its state and whether it has a calibrator.
QUEUE = [("completed", 1)] * 12 + [("failed", 0)] * 3 + [("pending", None)] * 7 + [("in_progress", 1)] * 2
# Of each product: its state and its attempts.
PRODUCTS = [("published", 0)] * 5 + [("staging", 0)] * 2 + [("staging", 2)] + [("failed", 3)] * 2 + [("publishing", 1)]


def environment(folder, **more):
    env = {name: value for name, value in os.environ.items()
           if not name.startswith("CONTIMG_") or name in ("CONTIMG_BUILD", "CONTIMG_SOURCE", "CONTIMG_SHARE")}
    for name in ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"):
        env.pop(name, None)
    env.update(CONTIMG_CONFIG="", CONTIMG_STATE_DIR=f"{folder}/state", CONTIMG_OUTPUT_DIR=f"{folder}/staging",
               CONTIMG_PRODUCTS_DIR=f"{folder}/products", CONTIMG_INPUT_DIR=f"{folder}/incoming",
               CONTIMG_DISK_CRITICAL_GB="0", CONTIMG_API_PORT="0", **more)
    return env


@contextlib.contextmanager
def site():
    """A folder that others may read, with empty databases in folder/state."""
    folder = Path(tempfile.mkdtemp())
    try:
        folder.chmod(0o755)
        for name in ("state", "staging", "products", "incoming"):
            (folder / name).mkdir()
        subprocess.run([PROGRAM, "group"], env=environment(folder), check=True, capture_output=True)
        yield folder
    finally:
        shutil.rmtree(folder)


def database(folder, name):
    return sqlite3.connect(folder / "state" / f"{name}.sqlite3", timeout=20)


def rows_add(folder):
    """Rows as the deployed programs write them."""
    with contextlib.closing(database(folder, "ingest")) as db, db:
        for i, (state, calibrator) in enumerate(QUEUE):
            db.execute("INSERT INTO ingest_queue(group_id,state,received_at,last_update,expected_subbands,"
                       "has_calibrator,calibrators) VALUES(?,?,?,?,16,?,?)",
                       (f"2026-01-25T00:{i:02d}:10", state, NOW + i, NOW + i, calibrator,
                        json.dumps([{"name": "3C48", "ra_deg": 24.4, "dec_deg": 33.2, "sep_deg": 0.5,
                                     "weighted_flux": 15.5}]) if calibrator else None))
    with contextlib.closing(database(folder, "data_registry")) as db, db:
        for i, (state, attempts) in enumerate(PRODUCTS):
            db.execute("INSERT INTO data_registry(data_type,data_id,base_path,status,stage_path,created_at,"
                       "staged_at,publish_attempts,publish_error) VALUES('mosaic',?,'/b',?,?,?,?,?,?)",
                       (f"m{i}", state, f"/stage/<m{i}>", NOW, NOW, attempts, "no room" if attempts else None))
    with contextlib.closing(database(folder, "cal_registry")) as db, db:
        for i in range(3):
            db.execute("INSERT INTO caltables(set_name,path,table_type,order_index,created_at,status)"
                       " VALUES(?,?,'BP',0,?,?)", (f"set{i // 2}", f"/cal/{i}", NOW, "retired" if i == 0 else "active"))


class Service:
    """contimg serve; `url` is what it printed, `port` its port."""

    def __init__(self, folder, *options, before=(), **env):
        self.log = open(folder / "serve.err", "w+")
        self.out = folder / "serve.out"
        with open(self.out, "w") as out:
            self.process = subprocess.Popen([*before, PROGRAM, "serve", *options], stdout=out, stderr=self.log,
                                            env=environment(folder, **env))
        end = time.monotonic() + 20
        while "\n" not in self.out.read_text():
            if self.process.poll() is not None or time.monotonic() > end:
                raise SystemExit(f"FAILED: contimg serve does not start: {self.errors()}")
            time.sleep(0.01)
        self.first = self.out.read_text().splitlines()[0]
        self.url = self.first.split(" serves ")[1].split(",")[0]
        self.port = int(self.url.rstrip("/").rsplit(":", 1)[1])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.stop()

    def errors(self):
        self.log.seek(0)
        return self.log.read()

    def stop(self, number=signal.SIGTERM):
        """Exit code and seconds."""
        begin = time.monotonic()
        self.process.send_signal(number)
        code = self.process.wait(20)
        return code, time.monotonic() - begin

    def ask(self, path, method="GET", headers=(), body=None, timeout=20):
        """Response and its whole content."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.putrequest(method, path)
            for name, value in headers:
                connection.putheader(name, value)
            connection.endheaders(body)
            response = connection.getresponse()
            return response, response.read()
        finally:
            connection.close()

    def json(self, path, code=200):
        response, content = self.ask(path)
        check(response.status == code, f"GET {path}: {response.status}, {code} is expected: {content[:300]}")
        check(response.headers["Content-Type"] == "application/json", f"{path} is {response.headers['Content-Type']}")
        return json.loads(content)

    def raw(self, request, timeout=20):
        """What comes back of bytes that may be no HTTP; b"" where the connection just ends."""
        with socket.create_connection(("127.0.0.1", self.port), timeout) as s:
            answer = b""
            with contextlib.suppress(ConnectionError):
                s.sendall(request)
                s.shutdown(socket.SHUT_WR)
            with contextlib.suppress(ConnectionError):
                while part := s.recv(65536):
                    answer += part
            return answer


def run_fails(folder, code, text, *options, before=(), **env):
    """contimg serve ends with that code and one line that holds the text."""
    done = subprocess.run([*before, PROGRAM, "serve", *options], env=environment(folder, **env), timeout=20,
                          capture_output=True, text=True)
    lines = [line for line in done.stderr.splitlines() if line.startswith("contimg: ")]
    check(done.returncode == code and len(lines) == 1 and text in lines[0],
          f"serve {' '.join(options)}: exit {done.returncode} ({code} is expected): {done.stderr}")


def as_nobody():
    """The command line's beginning that runs a program as another user; None where that cannot be."""
    if os.geteuid() != 0 or not shutil.which("setpriv"):
        return None
    words = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]
    done = subprocess.run([*words, PROGRAM, "--version"], capture_output=True)
    return words if done.returncode == 0 else None
