"""contimg serve answers what the deployed service answered, from live databases, and nothing else."""
# ci-test: timeout=300
import contextlib
import hashlib
import os
import re
import socket
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, os.path.join(os.environ["CONTIMG_SOURCE"], "tests/support"))
import serve_support as serve  # noqa: E402
from checks import attempt, check  # noqa: E402
from serve_support import API, PRODUCTS, QUEUE, Service  # noqa: E402

UTC = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
NUMBER = (int, float)
TYPES = {  # as ../shared/deployed_interfaces.md has them; a tuple: one of these
    "/api/status": {
        "queue": {name: int for name in ("total", "pending", "in_progress", "failed", "completed", "collecting")},
        "recent_groups": [{"group_id": str, "state": str, "received_at": UTC, "last_update": UTC,
                           "subbands_present": int, "expected_subbands": int,
                           "has_calibrator": (bool, type(None)),
                           "matches": [{"name": str, "ra_deg": NUMBER, "dec_deg": NUMBER, "sep_deg": NUMBER,
                                        "weighted_flux": NUMBER}]}],
        "calibration_sets": [{"set_name": str, "tables": [str], "active": int, "total": int}],
        "matched_recent": int},
    "/api/metrics/system": {
        "ts": UTC, "cpu_percent": NUMBER, "mem_percent": NUMBER, "mem_total": int, "mem_used": int,
        "disk_total": int, "disk_used": int, "load_1": NUMBER, "load_5": NUMBER, "load_15": NUMBER,
        "disks": [{"mount_point": str, "total": int, "used": int, "free": int, "percent": NUMBER}]},
    "/api/monitoring/publish/status": {
        "total_published": int, "total_staging": int, "total_publishing": int, "failed_publishes": int,
        "max_attempts_exceeded": int, "success_rate_percent": NUMBER, "recent_failures_24h": int, "timestamp": UTC},
    "/api/monitoring/publish/failed": {
        "count": int,
        "failed_publishes": [{"data_id": str, "data_type": str, "stage_path": str, "publish_attempts": int,
                              "publish_error": str, "staged_at": NUMBER, "created_at": NUMBER}]},
    "/api/health": {"status": str, "reasons": [str], "version": str, "timestamp": UTC},
}


def check_type(where, value, wanted):
    if isinstance(wanted, dict):
        check(isinstance(value, dict), f"{where} is no object")
        for name, inner in wanted.items():
            check(name in value, f"{where}.{name} is missing")
            check_type(f"{where}.{name}", value[name], inner)
    elif isinstance(wanted, list):
        check(isinstance(value, list), f"{where} is no array")
        for item in value:
            check_type(f"{where}[]", item, wanted[0])
    elif isinstance(wanted, re.Pattern):
        check(isinstance(value, str) and wanted.fullmatch(value), f"{where} is {value!r}")
    else:
        is_bool_by_mistake = isinstance(value, bool) and wanted in (int, NUMBER)
        check(isinstance(value, wanted) and not is_bool_by_mistake, f"{where} is {value!r}, no {wanted}")


def documents_have_their_fields(service):
    for path in API:
        check_type(path, service.json(path), TYPES[path])
    status = service.json("/api/status")
    for state in ("completed", "failed", "pending", "in_progress", "collecting"):
        n = sum(row[0] == state for row in QUEUE)
        check(status["queue"][state] == n, f"{state}: {status['queue'][state]}, not {n}")
    check(status["queue"]["total"] == len(QUEUE), "queue.total")
    recent = status["recent_groups"]
    check([g["group_id"] for g in recent] == [f"2026-01-25T00:{i:02d}:10" for i in reversed(range(len(QUEUE)))][:20],
          "recent_groups are not the 20 that came last")
    check(status["matched_recent"] == sum(row[1] == 1 for row in QUEUE[-20:]), "matched_recent")
    check(status["calibration_sets"] == [{"set_name": "set0", "tables": ["/cal/0", "/cal/1"], "active": 1, "total": 2},
                                         {"set_name": "set1", "tables": ["/cal/2"], "active": 1, "total": 1}],
          f"calibration_sets: {status['calibration_sets']}")
    publish = service.json("/api/monitoring/publish/status")
    check((publish["total_published"], publish["failed_publishes"], publish["max_attempts_exceeded"]) == (5, 3, 2),
          f"publish status: {publish}")


def failed_takes_its_parameters(service):
    path = "/api/monitoring/publish/failed"
    every = service.json(path)["failed_publishes"]
    check(sorted(p["data_id"] for p in every) == ["m7", "m8", "m9"], f"failed: {every}")
    check(service.json(path + "?limit=2")["count"] == 2, "limit")
    check(service.json(path + "?max_attempts=3&limit=50")["count"] == 2, "max_attempts")
    for query in ("limit=0", "limit=x", "limit=-1", "limit=1e9", "max_attempts=", "limit=5;"):
        check("error" in service.json(f"{path}?{query}", 400), query)


def metrics_are_prometheus_text(service):
    response, content = service.ask("/metrics")
    check(response.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8", "type of /metrics")
    line = re.compile(r'[a-z_0-9]+(\{[a-z]+="([^"\\]|\\.)*"\})? -?[0-9.e+-]+')
    typed, values = set(), {}
    for text in content.decode().splitlines():
        if text.startswith("# TYPE "):
            typed.add(text.split()[2])
        elif not text.startswith("# HELP "):
            check(line.fullmatch(text), f"/metrics: {text}")
            check(re.split("[{ ]", text)[0] in typed, f"/metrics: no type of {text}")
            values[text.rsplit(" ", 1)[0]] = float(text.rsplit(" ", 1)[1])
    check(values['contimg_queue_observations{state="pending"}'] == 7, "pending in /metrics")
    check(values['contimg_products{state="published"}'] == 5, "published in /metrics")


def headers_are_safe(service):
    for path in (*API, "/metrics", "/", "/nothing"):
        head, nothing = service.ask(path, "HEAD")
        response, content = service.ask(path)
        check(head.status == response.status and nothing == b"", f"HEAD {path}: {head.status} {nothing[:50]}")
        for name, value in (("X-Content-Type-Options", "nosniff"), ("X-Frame-Options", "DENY"),
                            ("Cache-Control", "no-store")):
            check(response.headers[name] == value and head.headers[name] == value, f"{path}: {name}")
        policy = response.headers["Content-Security-Policy"]
        check("default-src 'none'" in policy and "script-src" not in policy, f"{path}: {policy}")
        check(int(response.headers["Content-Length"]) == len(content), f"{path}: length")


def make_reports(folder):
    """Two runs, and what must never be given: links and other files."""
    reports = folder / "state/reports"
    run = reports / "2026-01-25T00-00-10Z-host-12"
    for place in (run, reports / "2026-01-26T00-00-10Z-<i>-13"):
        place.mkdir(parents=True)
        (place / "report.html").write_text("<p>report of " + place.name)
        (place / "report.json").write_text("{}")
    (run / "secret.txt").write_text("secret")
    (run / "summary.txt").symlink_to("/etc/passwd")
    os.mkfifo(run / "log.jsonl")
    (reports / "link").symlink_to(run)
    (reports / "up").symlink_to(folder)
    return run.name


def reports_are_listed_and_shown(service, run):
    page = service.ask("/")[1].decode()
    links = re.findall(r'href="(reports/[^"]*)"', page)
    check(len(links) == 4 and "-13/" in links[0], f"links of the index: {links}")
    for link in links:
        response, content = service.ask("/" + link)
        check(response.status == 200 and content, f"{link}: {response.status}")
    check("&lt;i&gt;" in page and "<i>" not in page, "a name is not escaped in the index")
    check("&lt;b&gt;ops&amp;&quot;" in page and "<b>" not in page, "the contact in the index")
    check(service.ask(f"/reports/{run}/report.html")[1].decode() == "<p>report of " + run, "report.html")


def report_that_is_cut_ends(folder):
    """A report that becomes shorter while it is sent ends the connection, and takes no time after it."""
    file = folder / "state/reports/2026-01-27T00-00-10Z-cut-14/report.html"
    file.parent.mkdir()
    file.write_bytes(b"x" * 30_000_000)
    with Service(folder) as service, socket.create_connection(("127.0.0.1", service.port), 10) as client:
        client.sendall(b"GET /reports/2026-01-27T00-00-10Z-cut-14/report.html HTTP/1.1\r\nHost: x\r\n\r\n")
        n = len(client.recv(1000))
        os.truncate(file, 0)
        while part := client.recv(1 << 20):
            n += len(part)
        check(n < 30_000_000, f"{n} bytes of a report that was cut")
    file.unlink()
    file.parent.rmdir()


def nothing_else_is_shown(service, run):
    beyond = ["secret.txt", "summary.txt", "log.jsonl", "", ".", "..", "report.html/", "report.html%00", "report.htm"]
    paths = [f"/reports/{run}/{name}" for name in beyond]
    paths += ["/reports", "/reports/", f"/reports/{run}", "/reports/link/report.html", "/reports/up/serve.err",
              "/reports//report.html", "/reports/./report.html", f"/reports/../reports/{run}/report.html",
              "/../../etc/passwd", f"/reports/{run}%2freport.html", "/state/ingest.sqlite3", "//etc/passwd", "/api/status/", "/API/status"]
    for up in ("..", "%2e%2e", "%252e%252e", ".%2e", "..%2f", "%2e%2e%2f", "..%5c", "%c0%ae%c0%ae", "%u002e"):
        paths += [f"/reports/{up}/ingest.sqlite3", f"/reports/{run}/{up}/{run}/report.html", f"/{up}/{up}/etc/passwd"]
    for path in paths:
        response, content = service.ask(path)
        check(response.status in (400, 404) and b'"error"' in content, f"GET {path}: {response.status} {content[:80]}")


KILLED = """
import os, sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("UPDATE ingest_queue SET state='failed'")
os.kill(os.getpid(), 9)
"""


def another_user_reads(folder):
    """Who may only read the folder, beside a writer and without one; nothing in it is changed."""
    nobody = serve.as_nobody()
    if not nobody:
        print("not run as root: another user was not tried")
        return

    def content():
        return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in (folder / "state").iterdir() if p.is_file()}

    for name in ("ingest", "data_registry", "products", "cal_registry"):
        with contextlib.closing(serve.database(folder, name)) as db:
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    before = content()
    with Service(folder, before=nobody) as service:
        check(service.json("/api/status")["queue"]["total"] == len(QUEUE), "another user, no writer")
        check(content() == before, "another user changed the state folder")
        with contextlib.closing(serve.database(folder, "ingest")) as db:
            for state in ("failed", "pending"):
                with db:
                    db.execute("UPDATE ingest_queue SET state=?", (state,))
                check(service.json("/api/status")["queue"][state] == len(QUEUE), "another user, beside a writer")
        check(service.json("/api/health")["status"] == "healthy", "health for another user")
        subprocess.run([sys.executable, "-c", KILLED, str(folder / "state/ingest.sqlite3")])
        check(service.json("/api/status")["queue"]["failed"] == len(QUEUE), "another user, after a killed writer")
        (folder / "state").chmod(0o700)
        for path in ("/api/status", "/api/monitoring/publish/status"):
            check("ermission" in service.json(path, 503)["error"], "a folder that may not be read counts as empty")
        service.json("/api/health", 503)
        (folder / "state").chmod(0o755)


def faults_of_databases_are_told(folder):
    """503 with the reason, until it is mended."""
    with Service(folder) as service:
        path = folder / "state/data_registry.sqlite3"
        db = sqlite3.connect(path, isolation_level=None)
        version = db.execute("PRAGMA user_version").fetchone()[0]
        db.execute("PRAGMA user_version=99")
        for address in ("/api/status", "/api/monitoring/publish/status", "/api/monitoring/publish/failed", "/metrics"):
            check("version 99" in service.json(address, 503)["error"], f"{address} of a newer version")
        check("version 99" in service.json("/api/health", 503)["reasons"][0], "health of a newer version")
        check(service.ask("/")[0].status == 200, "the index of a newer version")
        db.execute(f"PRAGMA user_version={version}")
        db.execute("PRAGMA journal_mode=DELETE")
        db.execute("BEGIN EXCLUSIVE")
        begin = time.monotonic()
        check("locked" in service.json("/api/monitoring/publish/status", 503)["error"], "a locked database")
        check(time.monotonic() - begin < 5, "a locked database is waited for too long")
        db.execute("ROLLBACK")
        service.json("/api/monitoring/publish/status")
        db.close()
        path.write_bytes(b"garbage" * 1000)
        check("error" in service.json("/api/monitoring/publish/status", 503), "a damaged database")
        check(service.json("/api/health", 503)["status"] == "unhealthy", "health of a damaged database")


def missing_things_count_as_empty(folder):
    (folder / "empty").mkdir()
    with Service(folder, "--state-dir", str(folder / "empty")) as service:
        check(service.json("/api/status")["queue"]["total"] == 0, "no databases")
        check(service.json("/api/monitoring/publish/status")["success_rate_percent"] == 100, "no databases")
        service.json("/api/health")
        (folder / "empty").rmdir()
        check("no state folder" in service.json("/api/health", 503)["reasons"][0], "no state folder")
    with Service(folder, "--disk-critical-gb", "1e8") as service:
        check("--disk-critical-gb" in service.json("/api/health", 503)["reasons"][0], "health of a full disk")


def it_says_why_it_cannot_start(folder):
    with Service(folder) as service:
        serve.run_fails(folder, 6, f"port {service.port} of 127.0.0.1 is in use", "--port", str(service.port))
    serve.run_fails(folder, 2, "no such address", "--bind", "192.0.2.1")
    serve.run_fails(folder, 2, "not an address", "--bind", "example.org")
    serve.run_fails(folder, 2, "port", "--port", "65536")
    serve.run_fails(folder, 2, "options only", "here")
    least = int(Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").read_text())
    if serve.as_nobody() and least > 1:
        serve.run_fails(folder, 4, "ports below 1024", "--port", str(least - 1), before=serve.as_nobody())


def it_listens_on_loopback(folder):
    with Service(folder, CONTIMG_API_HOST="0.0.0.0") as service:
        check(service.url.startswith("http://127.0.0.1:") and "this machine only" in service.first, service.first)
        check("CONTIMG_API_HOST=0.0.0.0 is taken as 127.0.0.1" in service.errors(), "0.0.0.0 of before is not told")
    with Service(folder, "--bind", "0.0.0.0") as service:
        check(service.url.startswith("http://0.0.0.0:") and "this machine only" not in service.first, service.first)


def it_tells_the_service_manager(folder):
    path = str(folder / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(path)
        manager.settimeout(10)
        with Service(folder, NOTIFY_SOCKET=path, WATCHDOG_USEC="300000") as service:
            told = [manager.recv(200) for _ in range(3)]
            check(told == [b"READY=1", b"WATCHDOG=1", b"WATCHDOG=1"], f"told: {told}")
            code, seconds = service.stop()
            check(code == 0 and seconds < 2, f"stopped with {code} after {seconds:.1f} s")
        while (last := manager.recv(200)) == b"WATCHDOG=1":
            pass
        check(last == b"STOPPING=1", f"told last: {last}")


with serve.site() as site:
    serve.rows_add(site)
    run_name = make_reports(site)
    with Service(site, CONTIMG_CONTACT='<b>ops&"') as running:
        attempt(documents_have_their_fields, running)
        attempt(failed_takes_its_parameters, running)
        attempt(metrics_are_prometheus_text, running)
        attempt(headers_are_safe, running)
        attempt(reports_are_listed_and_shown, running, run_name)
        attempt(nothing_else_is_shown, running, run_name)
        said = running.out.read_text()
        check(re.search(r"Z 127\.0\.0\.1 GET /api/status 200 \d+\n", said), "no line of a request on standard output")
    attempt(report_that_is_cut_ends, site)
    attempt(another_user_reads, site)
    attempt(missing_things_count_as_empty, site)
    attempt(it_says_why_it_cannot_start, site)
    attempt(it_listens_on_loopback, site)
    attempt(it_tells_the_service_manager, site)
    attempt(faults_of_databases_are_told, site)
print("serve: documents, reports, refusals, other users, faults of databases")
