"""Runs a program on a terminal of its own (a pty), presses keys once it has said what is waited for, and tells as JSON
what it said, how it ended, and whether the terminal is as it was before."""

import fcntl
import json
import os
import pty
import select
import struct
import subprocess
import sys
import termios
import time

PATIENCE = 60


def main():
    asked = json.loads(sys.argv[1])
    master, slave = pty.openpty()
    rows, columns = asked.get("size", [24, 100])
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    before = termios.tcgetattr(slave)
    child = subprocess.Popen(
        asked["command"], stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
        # so that Ctrl-C reaches it
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    )
    said, looked, modes = b"", 0, []

    def read(until):
        nonlocal said
        ready, _, _ = select.select([master], [], [], 0.05)
        if ready:
            said += os.read(master, 65536)
        elif time.monotonic() > until:
            child.kill()
            sys.exit(f"nothing more is said, after {said!r}")
        return bool(ready)

    for step in asked["steps"]:
        until = time.monotonic() + PATIENCE
        wanted = step["until"].encode()
        while wanted not in said[looked:]:
            read(until)
        looked = said.index(wanted, looked) + len(wanted)
        flags = termios.tcgetattr(slave)[3]
        modes.append({"lines": bool(flags & termios.ICANON), "echo": bool(flags & termios.ECHO)})
        os.write(master, step.get("press", "").encode())
    until = time.monotonic() + PATIENCE
    while child.poll() is None:
        read(until)
    while read(until):
        pass
    told = {
        "code": child.returncode,
        "said": said.decode(errors="replace"),
        "modes": modes,
        "restored": termios.tcgetattr(slave) == before,
    }
    print(json.dumps(told))


main()
