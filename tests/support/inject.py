"""Which system calls a fault is injected into: from a trace of `strace -y`, lines "name number" (the
number among the calls of that name, as strace's when= counts them), of calls that change the file
system below a folder. A run of calls of one kind on one descriptor counts as first, middle and last.

inject.py TRACE FOLDER [--all] [--only WORD]..."""

import re
import sys

CALLS = ("write,pwrite64,fsync,fdatasync,ftruncate,fallocate,unlink,unlinkat,rename,renameat,renameat2,"
         "mkdir,mkdirat,fchmod,rmdir,openat")


def points(lines, folder, words, takes_all):
    count, runs, last = {}, [], None
    for line in lines:
        found = re.match(r"(\w+)\(([^,)]*)", line)
        if not found:
            continue
        name, first = found.groups()
        count[name] = count.get(name, 0) + 1
        changes = name != "openat" or "O_CREAT" in line
        if not changes or folder not in line or (words and not any(w in line for w in words)):
            continue
        if (name, first) != last:
            runs.append([])
        last = name, first
        runs[-1].append((name, count[name]))
    for run in runs:
        yield from run if takes_all or len(run) < 4 else (run[0], run[len(run) // 2], run[-1])


def main():
    arguments = sys.argv[1:]
    if arguments == ["--calls"]:
        print(CALLS)
        return
    takes_all = "--all" in arguments
    words = [w for before, w in zip(arguments, arguments[1:]) if before == "--only"]
    with open(arguments[0], errors="replace") as trace:
        for name, number in points(trace, arguments[1], words, takes_all):
            print(name, number)


main()
