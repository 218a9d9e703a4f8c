#!/usr/bin/env python3
"""openapi_test: what the server answers is what GET /openapi.json says: every field of every answer documented, of the type said, null only where it may
be, the needed ones there; errors of the documented shape; misspelt members of bodies refused. Each operation of the document is called, but
those in NOT_CALLED. Finds the program in $ONEFOLD; run by `make test`."""
import os
import re
import subprocess
import sys
import tempfile
import time
import urllib.parse

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))
from served import Server, check, finish, program  # noqa: E402

# No JSON: streams, exports, metrics, pieces of files. Tests of their own.
NOT_CALLED = {"GET /v1/stream", "GET /v1/segments/{name}/export", "GET /metrics", "POST /v1/imports/{job}/data"}
KINDS = {"string": str, "integer": int, "number": (int, float), "boolean": bool, "object": dict, "array": list}


class Document:
    """Holds answers against the document; remembers what differs, and what was called."""

    def __init__(self, server):
        self.server, self.document = server, server.get("/openapi.json")
        self.faults, self.called = {}, set()
        self.operations = {f"{method.upper()} {path}": operation for path, item in self.document["paths"].items() for method, operation in item.items()}

    def route(self, method, path):
        exact = [p for p in self.document["paths"] if re.fullmatch(re.sub(r"\{[^}]*\}", "[^/]+", p), path.split("?")[0])]
        return f"{method} {min(exact, key=lambda p: p.count('{'))}" if exact else None

    def fault(self, where, what):
        self.faults.setdefault(f"{where} {what}", 0)

    def hold(self, value, schema, where):
        if "$ref" in schema:
            name = schema["$ref"].rsplit("/", 1)[1]
            return self.hold(value, self.document["components"]["schemas"][name], where if name == "Any" else name)
        kind = schema.get("type")
        if "allOf" in schema:
            if value is not None or not schema.get("nullable"):
                self.hold(value, schema["allOf"][0], where)
        elif value is None:
            if kind and not schema.get("nullable"):
                self.fault(where, f"is null, and said to be {kind}")
        elif kind and (not isinstance(value, KINDS[kind]) or (kind in ("integer", "number") and isinstance(value, bool))):
            self.fault(where, f"is {type(value).__name__}, and said to be {kind}")
        elif schema.get("format") == "date-time" and not re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d", value):
            self.fault(where, f"is no time: {value}")
        elif kind == "array":
            for element in value:
                self.hold(element, schema["items"], where + "[]")
        elif kind == "object" and schema.get("properties"):
            for name in schema.get("required", []):
                if name not in value:
                    self.fault(where, f"lacks {name}")
            for name, member in value.items():
                if name in schema["properties"]:
                    self.hold(member, schema["properties"][name], f"{where}.{name}")
                else:
                    self.fault(where, f"has {name}, which is not documented")

    def ask(self, method, path, body=None, key=None, expected=200):
        status, answer = self.server.ask(method, path, body, key)
        route = self.route(method, path)
        if status != expected:
            self.fault(f"{method} {path}", f"answered {status}, not {expected}: {str(answer)[:300]}")
        if route not in self.operations:
            self.fault(f"{method} {path}", "is not in the document")
            return answer
        self.called.add(route)
        responses = self.operations[route]["responses"]
        self.hold(answer, responses.get(str(status), responses["default"])["content"]["application/json"]["schema"], f"{route} {status}")
        return answer

    def get(self, path, expected=200):
        return self.ask("GET", path, expected=expected)

    def post(self, path, body=None, expected=200, key=None):
        return self.ask("POST", path, body, key, expected)


def orders(user, count):
    return [{"type": "track", "userId": user, "messageId": f"{user}-{k}", "event": "Order Completed",
             "properties": {"order_id": f"{user}-{k}", "total": 100 * k + 1, "products": [{"product_id": "P1", "brand": "XYZ"[k % 3], "quantity": 1}]}}
            for k in range(count)]


def tracking(d, key):
    """Every call of the tracking API, and some customers."""
    for path, body in (("track", {"event": "Seen"}), ("identify", {"traits": {"city": "上海"}}), ("page", {"name": "p"}), ("screen", {"name": "p"}),
                       ("group", {"groupId": "g"}), ("relation", {"relation": "knows", "to": {"user_id": "u1"}}), ("alias", {"previousId": "old"})):
        for name in (path,) if path == "relation" else (path, path[0]):
            d.post(f"/v1/{name}", {"userId": "u0", "messageId": f"m-{name}", **body}, key=key)
    calls = []
    for n in range(8):
        calls.append({"type": "identify", "userId": f"u{n}", "anonymousId": f"a{n}", "messageId": f"i{n}", "traits": {"city": "上海" if n % 2 else "北京", "phone": f"1380000000{n}"}})
        calls += orders(f"u{n}", n % 4)
    for name in ("batch", "import", "b"):
        d.post(f"/v1/{name}", {"batch": calls}, key=key)
    d.post("/v1/batch", {"batch": 3}, 400, key)
    d.get(f"/v1/projects/{key}/settings")
    for _ in range(200):
        if d.server.ask("GET", "/v1/profiles/user_id:u7")[0] == 200:
            break
        time.sleep(0.02)


def definitions(d):
    d.post("/v1/segments", {"name": "A", "expression": "count(order) >= 2", "description": {"en": "x", "zh": "中"}})
    d.post("/v1/segments", {"name": "up", "kind": "upload"})
    d.post("/v1/segments", {"name": "daily", "kind": "scheduled", "expression": "count(order) > 0", "schedule": {"every": "1 day", "at": "03:00"}})
    d.post("/v1/segments/daily/refresh")
    d.post("/v1/segments/up/members", {"add": ["user_id:u1", "user_id:nobody"], "remove": []})
    for path in ("", "/A", "/up", "/daily", "/A/members?limit=1", "/A/changes?limit=1", "/A/sizes?count=2"):
        d.get("/v1/segments" + path)
    d.post("/v1/tags", {"name": "brands", "kind": "rule", "type": "distribution", "expression": "distribution(order.items.brand)"})
    d.post("/v1/metrics", {"name": "spent", "expression": "sum(order.total)"})
    for path in ("tags", "tags/brands", "metrics", "metrics/spent", "presets", "workspace"):
        d.get("/v1/" + path)
    # What a distribution has is asked like any tag's value.
    has = d.post("/v1/query", {"expression": "has tag \"brands\""})
    check("who has a distribution", has.get("count") == 6, has)
    d.post("/v1/segments", {"name": "branded", "expression": "has tag \"brands\" and not in segment \"A\""})
    # GET, changed and sent back.
    back = d.get("/v1/segments/A")
    back["expression"] = "count(order) >= 3"
    d.post("/v1/segments", back)
    d.post("/v1/presets/install", {"names": ["Orders"], "language": "zh"})
    d.post("/v1/workspace", {"time_zone": "Asia/Shanghai", "week_start": 1})
    d.ask("DELETE", "/v1/segments/branded")
    d.post("/v1/segments", {"name": "gone", "expression": "true"})
    d.ask("DELETE", "/v1/segments/gone")
    d.ask("DELETE", "/v1/metrics/spent")


def misspelt(d):
    """Nothing is passed over in silence."""
    for path, body, wanted in (("/v1/query", {"expresion": "true"}, "did you mean \\\"expression\\\"|expression"),
                               ("/v1/query", {"expression": "true", "lmit": 3}, "limit"),
                               ("/v1/segments", {"name": "x", "expression": "true", "descripton": {}}, "description"),
                               ("/v1/segments", {"name": "x", "kind": "scheduled", "expression": "true", "schedule": {"every": "1 day", "bt": "03:00"}}, "schedule"),
                               ("/v1/presets/install", {"names": "all", "language": "fr"}, "en or zh"),
                               ("/v1/tags", {"name": "x", "kind": "manual", "tpye": "bool"}, "type")):
        answer = d.post(path, body, 400)
        check(f"{path} {body} is refused", re.search(wanted, answer["error"]["message"]), answer)


def tags_by_hand(d):
    """Values of the tag's type, or 400: a value that is taken must be there."""
    good = {"bool": [True, False], "number": [3.25, 0], "text": ["x"], "preference": ["x"], "distribution": [{"a": 3, "b": 1}, [{"value": "a", "count": 2}]]}
    bad = {"bool": [1, "true", [True]], "number": ["x", True, [1]], "text": [3, {"a": 1}], "preference": [["a"]], "distribution": ["x", {"a": "b"}, ["a"], 3]}
    for kind in good:
        d.post("/v1/tags", {"name": f"h {kind}", "kind": "manual", "type": kind})
        for value in good[kind]:
            seen = d.post("/v1/profiles/user_id:u3/tags", {"set": {f"h {kind}": value}})["tags"].get(f"h {kind}")
            wanted = [{"value": k, "count": v} for k, v in value.items()] if isinstance(value, dict) else value
            check(f"tag of {kind} takes {value}", seen == wanted, seen)
        for value in bad[kind]:
            answer = d.post("/v1/profiles/user_id:u3/tags", {"set": {f"h {kind}": value}}, 400)
            check(f"tag of {kind} refuses {value}", f"h {kind}" in str(answer), answer)
    d.post("/v1/profiles/user_id:u3/tags", {"set": {"h number": None}, "remove": ["h bool", "h text"]})
    left = d.get("/v1/profiles/user_id:u3/segments?changes=1")["tags"]
    check("null and remove take tags away", set(left) == {"brands", "h preference", "h distribution"}, left)
    d.ask("DELETE", "/v1/tags/" + urllib.parse.quote("h bool"))


def trusted(d, key, when):
    """Who has a write key, and that is everybody with a browser, says nothing of lists and tags by hand."""
    d.post("/v1/identify", {"userId": "u2", "messageId": f"sly {when}", "traits": {"segment.up": True, "tag": {"h number": 7}, "tag.h text": None, "level": when}}, key=key)
    for _ in range(200):
        if d.get("/v1/profiles/user_id:u2")["attributes"].get("level") == when:
            break
        time.sleep(0.02)
    seen = d.get("/v1/profiles/user_id:u2/segments")
    check(f"no source puts anybody on a list, {when}", "up" not in seen["segments"], seen)
    check(f"nor sets tags by hand, {when}", seen["tags"].get("h number") == 5 and seen["tags"].get("h text") == "x", seen)
    waiting = [e for e in d.get("/v1/quarantine?limit=1000")["entries"] if e["reason"] == "SET_BY_HAND"]
    check(f"it is told, {when}", len(waiting) >= 2, waiting)


def customers(d):
    one = d.get("/v1/profiles/user_id:u3?tags=1")["oneid"]
    for path in ("", "?detail=1", "/attributes", "/identifiers", "/timeline?limit=1", "/documents", "/journal", "/edges", "/segments", "/relations"):
        d.get("/v1/profiles/user_id:u3" + path)
    d.get("/v1/profiles/user_id:nobody", 404)
    d.post("/v1/profiles/lookup", {"ids": ["user_id:u1", "user_id:nobody"]})
    d.post("/v1/relations", {"type": "guardian_of", "from": "user_id:u1", "to": "user_id:u3"})
    d.get("/v1/profiles/user_id:u1/relations")
    for path in ("journal", "identity/rules", "identity/held", "identity/quality", "identity/decisions", "identity/explain?a=user_id:u1&b=user_id:u2",
                 "identity/device/anonymous_id:a1", f"identity/oneid/{one}", "identity/matches"):
        d.get("/v1/" + path)
    decided = d.post("/v1/identity/merge", {"customer": "user_id:u5", "other": "user_id:u6"})
    d.get("/v1/profiles/user_id:u5/journal")
    d.get("/v1/journal?limit=1")
    d.get("/v1/identity/decisions")
    d.post("/v1/identity/undo", {"decision": decided["decisions"][0]["decision"]})
    d.post("/v1/identity/split", {"customer": "user_id:u5", "identifiers": ["phone:13800000005"], "preview": True})


def queries(d):
    for expression in ("count(order) > 1", "sum(order.total)", "city", "last(order)", "distribution(order.items.brand)"):
        d.post("/v1/query", {"expression": expression, "limit": 2, "values": ["city"]})
    d.post("/v1/query", {"expression": "ctiy"}, 400)
    for path, body in (("check", {"expression": "count(order, last 3 days) > 1"}), ("check", {"expression": "ctiy = 1"}), ("explain", {"expression": "count(order) > 1"}),
                       ("complete", {"expression": "count(ord"}), ("hover", {"expression": "count(order) > 1", "at": 1}), ("format", {"expression": "1=1"}),
                       ("overlap", {"of": ["A", "daily", "count(order) > 1"]})):
        d.post("/v1/query/" + path, body)


def command_line(d, nowhere):
    """onefold query asks the same routes."""
    def query(*arguments):
        done = subprocess.run([program, "query", *arguments], capture_output=True, text=True, timeout=60)
        return done.returncode, done.stdout + done.stderr

    to = ["--url", d.server.address, "--key", d.server.key]
    for arguments, code, wanted in ((["count(order) > 1", *to, "--values", "city; count(order)"], 0, "of 8 customers"), (["count( order )>1", *to, "--format"], 0, "count(order) > 1"),
                                    (["conut(order)", *to, "--check"], 1, "did you mean"), (["count(order) > 1", *to, "--check"], 0, "right"),
                                    (["count(order) > 1", *to, "--explain"], 0, "aggregate"), (["true", "--data", nowhere], 1, "no data folder")):
        seen = query(*arguments)
        check(f"onefold query {' '.join(a for a in arguments if a not in to)}", seen[0] == code and wanted in seen[1], seen)
    check("no folder was made", not os.path.exists(nowhere))


def settings(d):
    d.post("/v1/subscriptions", {"name": "s", "segments": ["A"], "url": "http://127.0.0.1:9/x", "secret": "a long random text"})
    d.get("/v1/subscriptions")
    d.ask("DELETE", "/v1/subscriptions/s")
    key = d.post("/v1/sources/shop/keys", {"name": "second"})
    d.ask("DELETE", f"/v1/sources/shop/keys/{key['hash']}")
    admin = d.post("/v1/keys", {"name": "second"})
    d.ask("DELETE", f"/v1/keys/{admin['hash']}")
    d.post("/v1/mappings", {"name": "pos", "record": "document", "type": "order", "columns": {"id": "key", "user": "identifier user_id"}})
    d.post("/v1/dictionary", {"define": "type", "name": "fitting", "kind": "event", "properties": {"shoe": "number"}})
    d.post("/v1/dictionary", {"define": "type", "name": "referred_by", "kind": "relation", "inverse": "referred"})
    d.post("/v1/dictionary", {"define": "namespace", "name": "locker", "kind": "person", "priority": 40, "limit": 3, "window_days": 30, "anonymous_only": True, "blocked": []})
    for path in ("sources", "dictionary", "mappings", "mappings/pos", "master", "master/product", "quarantine", "quarantine/counts", "quality", "imports", "status", "jobs", "insight", "analyses"):
        d.get("/v1/" + path)
    d.get("/v1/master/product/none", 404)
    d.post("/v1/quarantine/replay", {})
    d.post("/v1/checkpoint")
    job = d.post("/v1/imports", {"mapping": "pos", "source": "shop", "file": "f.csv", "bytes": 10})
    number = job.get("job", 1)
    d.get(f"/v1/imports/{number}")
    d.get(f"/v1/imports/{number}/rejected")
    d.ask("DELETE", f"/v1/imports/{number}")


def analyses(d):
    distribution = {"of": "count(order)", "buckets": [1, 2, 3]}
    d.post("/v1/insight/distribution", distribution)
    d.post("/v1/insight/funnel", {"steps": "product_viewed -> order", "window": "7 days"})
    d.post("/v1/insight/funnel", {"stps": "x"}, 400)
    for kind, body, wanted in (("funnel", {"steps": ["order"], "window": "7 days", "split": "distribution(order.items.brand)"}, "top(...)"),
                               ("distribution", {"of": "tag(\"brands\")"}, "distribution"), ("basket", {"orders": "order.items", "item": ""}, "product_id")):
        answer = d.post(f"/v1/insight/{kind}", body, 400)
        check(f"{kind} of {body} is refused", wanted in str(answer), answer)
    d.post("/v1/insight/funnel/segment", {"name": "ordered", "definition": {"steps": ["order"], "window": "7 days"}, "members": {"step": 1}})
    d.post("/v1/analyses", {"name": "spread", "kind": "distribution", "definition": distribution})
    d.get("/v1/analyses/spread")
    d.post("/v1/analyses/spread/run", {})
    job = d.post("/v1/insight/distribution?job=1", distribution).get("job", 0)
    for _ in range(200):
        if d.get(f"/v1/jobs/{job}").get("state") in ("done", "failed"):
            break
        time.sleep(0.02)
    d.get("/v1/jobs")
    d.ask("DELETE", f"/v1/jobs/{job}")
    d.ask("DELETE", "/v1/analyses/spread")


def idle(d, path):
    for _ in range(500):
        if not d.get(path).get("running"):
            return
        time.sleep(0.02)


def networks(d):
    d.post("/v1/networks", {"name": "k", "types": ["guardian_of"]})
    d.post("/v1/networks/k/run")
    idle(d, "/v1/networks")
    for path in ("/v1/networks/k", "/v1/networks/k/top?measure=degree"):
        d.get(path)
    d.post("/v1/networks/cancel", expected=d.server.ask("POST", "/v1/networks/cancel")[0])
    d.ask("DELETE", "/v1/networks/k")
    d.post("/v1/households/run", {})
    idle(d, "/v1/households")
    d.get("/v1/households/crowds")
    two = {"customers": ["user_id:u1", "user_id:u2"]}
    for path in ("accept", "undo", "reject", "undo"):
        d.post("/v1/households/" + path, two)
    d.post("/v1/households/cancel", expected=d.server.ask("POST", "/v1/households/cancel")[0])
    d.post("/v1/identity/matches/run", {})
    idle(d, "/v1/identity/matches")
    pair = {one: d.get(f"/v1/profiles/user_id:{user}")["oneid"] for one, user in (("a", "u1"), ("b", "u2"))}
    for path in ("reject", "undo", "accept", "undo"):
        d.post("/v1/identity/matches/" + path, pair)
    rules = {"namespaces": [{"define": "namespace", "name": "email", "priority": 3}]}
    for path in ("rules/rehearse", "rules"):
        d.post("/v1/identity/" + path, rules)


with tempfile.TemporaryDirectory() as folder:
    server = Server(os.path.join(folder, "data"))
    try:
        d = Document(server)
        d.post("/v1/sources", {"name": "shop", "kind": "segment"})
        write_key = d.post("/v1/sources/shop/keys", {"name": "first"})["key"]
        tracking(d, write_key)
        definitions(d)
        misspelt(d)
        tags_by_hand(d)
        d.post("/v1/profiles/user_id:u2/tags", {"set": {"h number": 5, "h text": "x"}})
        trusted(d, write_key, "before")
        d.post("/v1/checkpoint")
        server.stop()
        server = d.server = Server(os.path.join(folder, "data"), server.key)
        trusted(d, write_key, "after a restart")
        customers(d)
        queries(d)
        command_line(d, os.path.join(folder, "nowhere"))
        settings(d)
        analyses(d)
        networks(d)
        for path in ("/healthz", "/readyz", "/openapi.json", "/"):
            d.get(path)
        left = sorted(set(d.operations) - d.called - NOT_CALLED)
        print(f"{len(d.called)} of {len(d.operations)} operations called; not: {left}")
        check("every answer is as documented", not d.faults, "\n    " + "\n    ".join(d.faults))
    finally:
        server.stop()
finish()
