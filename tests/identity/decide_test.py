#!/usr/bin/env python3
"""decide_test: identity on the command line: customers merged, split and taken back, explained and audited, on a data folder and on a running
server; rules changed in between. The audit must find the state as the log says, and find what is not so. Finds the program in $ONEFOLD;
run by `make test`."""
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))
from served import Server, check, finish, program  # noqa: E402


def onefold(*words):
    run = subprocess.run([program, "identity", *words], capture_output=True, text=True, timeout=120)
    return run.returncode, run.stdout + run.stderr


def people(draw, first, count):
    """Events of some people over shared phones and tablets, with orders."""
    for n in range(first, first + count):
        who = draw.randrange(40)
        context = {"userId": f"u{who}"} if draw.random() < 0.5 else {"anonymousId": f"a{draw.randrange(60)}"}
        if draw.random() < 0.3:
            context["anonymousId"] = f"a{draw.randrange(60)}"
        message = {"messageId": f"m{n}", "timestamp": f"2026-01-{1 + n % 28:02d}T08:00:00Z", **context}
        if draw.random() < 0.3:
            yield {**message, "type": "identify", "traits": {"phone": f"+8613{draw.randrange(30):09d}", "city": f"c{who % 5}"}}
        elif draw.random() < 0.3:
            yield {**message, "type": "track", "event": "Order Completed", "properties": {"order_id": f"o{draw.randrange(80)}", "total": 10}}
        else:
            yield {**message, "type": "track", "event": "Viewed", "properties": {"n": n}}


with tempfile.TemporaryDirectory() as folder:
    data = os.path.join(folder, "data")
    draw = random.Random(11)
    server = Server(data)
    try:
        server.ask("POST", "/v1/sources", {"name": "web", "kind": "segment"})
        made = server.ask("POST", "/v1/sources/web/keys", {})[1]
        write_key = made.get("key") or made.get("write_key")
        for part in range(0, 800, 100):
            server.ask("POST", "/v1/batch", {"batch": list(people(draw, part, 100))}, write_key)
        for user in ("one", "two"):
            server.ask("POST", "/v1/batch", {"batch": [{"type": "track", "event": "Viewed", "userId": user, "anonymousId": f"dev-{user}", "messageId": user}]}, write_key)
        server.settle()
        on = ["--url", server.address, "--key", server.key]
        code, said = onefold("merge", "user_id:one", "user_id:two", "--preview", *on)
        check("a preview on a server", code == 0 and "rows 2" in said and "user_id:two" in said, said)
        code, said = onefold("merge", "user_id:one", "user_id:two", *on)
        check("merged", code == 0 and "decision 1" in said, said)
        code, said = onefold("explain", "user_id:one", "anonymous_id:dev-two", *on)
        check("explained", code == 0 and "same yes" in said and "kind merge" in said, said)
        code, said = onefold("merge", "user_id:one", "user_id:two", *on)
        check("again is refused with a sentence", code == 1 and said.startswith("onefold: "), said)
        server.ask("POST", "/v1/checkpoint")
        for part in range(800, 1200, 100):
            server.ask("POST", "/v1/batch", {"batch": list(people(draw, part, 100))}, write_key)
        server.ask("POST", "/v1/identity/rules", {"namespaces": [{"define": "namespace", "name": "phone", "kind": "person", "priority": 3, "limit": 2}]})
        server.ask("POST", "/v1/batch", {"batch": list(people(draw, 1200, 20))}, write_key)
        server.stop(signal.SIGKILL)
        at = ["--data", data]
        code, said = onefold("split", "user_id:one", "anonymous_id:dev-one", *at)
        check("split by identifiers on the folder", code == 0 and "kind split" in said, said)
        code, said = onefold("device", "anonymous_id:dev-one", *at)
        check("who was seen on a device", code == 0 and "user_id:one" in said, said)
        code, said = onefold("undo", "2", *at)
        check("taken back", code == 0 and "kind undo" in said, said)
        code, said = onefold("decisions", "--json", *at)
        listed = json.loads(said) if code == 0 else {}
        check("decisions", [d["kind"] for d in listed.get("decisions", [])] == ["merge", "split", "undo"] and listed["decisions"][1]["undone"], said)
        one = listed["decisions"][0]["other"] if listed else ""
        code, said = onefold("oneid", one, *at)
        check("what became of a oneid", code == 0 and "merge" in said, said)
        for words, says in ((["undo", "x"], "decision's number"), (["split", "user_id:one"], "identifiers that leave"), (["merge", "user_id:one"], "usage"),
                            (["explain", "user_id:one", "user_id:nobody", *at], "nobody")):
            code, said = onefold(*words)
            check(f"{words[0]}: a mistake is named", code in (1, 2) and says in said, said)
        code, said = onefold("audit", *at)
        check("the audit finds all as the log says", code == 0 and ": as the log says" in said, said)
        check("and leaves nothing behind", not os.path.exists(os.path.join(data, "audit")))
        folders = [os.path.join(folder, name) for name in ("left", "right")]
        for variant, other in enumerate(folders):  # as many records in both logs; the state of one, the log of the other
            server = Server(other)
            server.ask("POST", "/v1/sources", {"name": "web", "kind": "segment"})
            made = server.ask("POST", "/v1/sources/web/keys", {})[1]
            server.ask("POST", "/v1/batch", {"batch": [{"type": "track", "event": "Viewed", "userId": f"u{n * variant}", "anonymousId": f"a{n}", "messageId": f"x{n}"}
                                                       for n in range(1, 6)]}, made.get("key") or made.get("write_key"))
            server.stop()
        shutil.rmtree(os.path.join(folders[0], "log"))
        shutil.copytree(os.path.join(folders[1], "log"), os.path.join(folders[0], "log"))
        code, said = onefold("audit", "--data", folders[0])
        check("a state that is not the log's is told", code == 1 and "not as the log says" in said and "by the log" in said, said)
        code, said = onefold("audit", "--data", os.path.join(folder, "nothing"))
        check("a folder that is not there is told, and not made", code == 1 and "no data folder" in said and not os.path.exists(os.path.join(folder, "nothing")), said)
    finally:
        if server.process.poll() is None:
            server.stop()
finish()
