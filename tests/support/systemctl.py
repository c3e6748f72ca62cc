#!/usr/bin/env python3
"""A stand-in for systemctl: records each call in $SITE_RECORD/calls, and starts services for real
from their units: ExecStart, EnvironmentFile, User, Group, UMask, StandardOutput and the like."""
import grp
import os
import pwd
import shlex
import signal
import subprocess
import sys
import time

RECORD = os.environ["SITE_RECORD"]
UNITS = "/etc/systemd/system"


def unit_of(name):
    """{section key: [values]} of a unit file."""
    found = {}
    with open(f"{UNITS}/{name}") as lines:
        for line in map(str.strip, lines):
            if line and line[0] not in "#;[" and "=" in line:
                key, value = line.split("=", 1)
                found.setdefault(key, []).append(value)
    return found


def environment_of(unit):
    """As systemd makes it: nothing of the caller's, ${...} left as it stands."""
    made = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin", "LANG": "C.UTF-8"}
    for value in unit.get("Environment", []):
        made.update(pair.split("=", 1) for pair in shlex.split(value))
    for path in unit.get("EnvironmentFile", []):
        with open(path.lstrip("-")) as lines:
            for line in map(str.strip, lines):
                if line and line[0] not in "#;" and "=" in line:
                    key, value = line.split("=", 1)
                    quoted = len(value) > 1 and value[0] in "\"'" and value[-1] == value[0]
                    made[key] = value[1:-1] if quoted else value
    return made


def begin(unit):
    """Opens the logs as root, as systemd does, then starts the program as the unit's user."""
    files = [open(unit[key][-1].removeprefix("append:"), "a") if key in unit else subprocess.DEVNULL
             for key in ("StandardOutput", "StandardError")]
    ids = {}
    if "User" in unit:
        ids = {"user": pwd.getpwnam(unit["User"][-1]).pw_uid, "extra_groups": [],
               "group": grp.getgrnam(unit["Group"][-1]).gr_gid}
    return subprocess.Popen(shlex.split(unit["ExecStart"][-1]), stdin=subprocess.DEVNULL,
                            stdout=files[0], stderr=files[1], env=environment_of(unit),
                            cwd=unit.get("WorkingDirectory", ["/"])[-1],
                            umask=int(unit.get("UMask", ["0022"])[-1], 8), start_new_session=True,
                            **ids)


def mark(kind, name):
    return f"{RECORD}/{kind}.{name}"


def is_active(name):
    if not os.path.exists(mark("active", name)):
        return False
    with open(mark("active", name)) as file:
        process = file.read()
    if not process:
        return True  # a timer
    try:
        with open(f"/proc/{process}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


def start(name):
    if is_active(name):
        return 0
    unit = unit_of(name)
    child = begin(unit) if name.endswith(".service") else None
    if unit.get("Type") == ["oneshot"]:
        return child.wait()
    with open(mark("active", name), "w") as file:
        file.write(str(child.pid) if child else "")
    return 0


def stop(name):
    if is_active(name) and name.endswith(".service"):
        with open(mark("active", name)) as file:
            process = int(file.read())
        os.kill(process, signal.SIGTERM)
        end = time.monotonic() + 60
        while is_active(name):
            if time.monotonic() > end:
                return 1
            time.sleep(0.05)
    if os.path.exists(mark("active", name)):
        os.remove(mark("active", name))
    return 0


def enable(name, on):
    path = mark("enabled", name)
    if on:
        if not os.path.exists(f"{UNITS}/{name}"):
            return 1
        open(path, "w").close()
    elif os.path.exists(path):
        os.remove(path)
    return 0


def status(name):
    print(f"{name}: active {is_active(name)}, enabled {os.path.exists(mark('enabled', name))}")
    return 0 if is_active(name) else 3


def main(words):
    with open(f"{RECORD}/calls", "a") as calls:
        calls.write(shlex.join(["systemctl", *words]) + "\n")
    now = "--now" in words
    verb, *names = [word for word in words if not word.startswith("--")]
    actions = {"daemon-reload": [], "start": [start], "stop": [stop], "restart": [stop, start],
               "enable": [lambda name: enable(name, True)] + [start] * now,
               "disable": [lambda name: enable(name, False)] + [stop] * now,
               "status": [status], "is-active": [lambda name: 0 if is_active(name) else 3],
               "is-enabled": [lambda name: 0 if os.path.exists(mark("enabled", name)) else 1]}
    return max([action(name) for name in names for action in actions[verb]], default=0)


sys.exit(main(sys.argv[1:]))
