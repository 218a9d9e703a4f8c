"""served: what the test scripts that talk to a running server share: checks that count, and a server with its door. Finds the program in
$ONEFOLD."""
import base64
import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request

program = os.environ.get("ONEFOLD", "build/release/onefold")
results = {True: 0, False: 0}


def check(name, good, seen=""):
    results[bool(good)] += 1
    print(f"{'ok  ' if good else 'FAIL'} {name} {'' if good else seen}")


def finish():
    print(f"{results[True]} passed, {results[False]} failed")
    sys.exit(1 if results[False] else 0)


class Server:
    """`onefold serve` on a free port over `folder`; the admin key of a new folder is read, that of an old one given."""

    def __init__(self, folder, key=None):
        self.process = subprocess.Popen([program, "serve", "--data", folder, "--port", "0"], stdout=subprocess.PIPE, text=True)
        self.key, self.address = key, None
        for line in self.process.stdout:
            found = re.match(r"admin key: (\S+)", line)
            self.key = found.group(1) if found else self.key
            found = re.match(r"listening on (\S+)", line)
            if found:
                self.address = found.group(1)
                break

    def ask(self, method, path, body=None, key=None):
        """(status, answer) with the admin key, or a source's write key."""
        request = urllib.request.Request(self.address + path, method=method, data=None if body is None else json.dumps(body).encode())
        request.add_header("Authorization", f"Bearer {self.key}" if key is None else "Basic " + base64.b64encode(f"{key}:".encode()).decode())
        request.add_header("Content-Type", "application/json")
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, json.loads(answer.read() or b"{}")
        except urllib.error.HTTPError as fault:
            return fault.code, json.loads(fault.read() or b"{}")

    def get(self, path):
        return self.ask("GET", path)[1]

    def until(self, what, met):
        """Asks again until `met()` holds, and returns what it returned; a minute is long enough for anything here."""
        end = time.monotonic() + 60
        while not (seen := met()):
            if time.monotonic() > end:
                raise TimeoutError(f"after a minute still not so: {what}")
            time.sleep(0.02)
        return seen

    def settle(self):
        """Waits until what was acknowledged is folded: an answer says that it is durable, a profile shows it a moment later."""
        self.until("everything durable is folded", lambda: self.get("/v1/status")["measures"]["fold_lag_records"] == 0)

    def run(self, path, state, body=None):
        """Starts a run and waits for its end and for the fold of what it wrote: (status, what `state` answers then; where it did not start,
        what was told)."""
        status, told = self.ask("POST", path, {} if body is None else body)
        if status != 200:
            return status, told
        self.until(f"{path} has ended", lambda: not self.get(state).get("running"))
        self.settle()
        return status, self.get(state)

    def stop(self, how=signal.SIGTERM):
        self.process.send_signal(how)
        self.process.wait(60)
