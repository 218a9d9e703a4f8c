#!/usr/bin/env python3
"""match_api_test: matching inside the platform: a server, people who share no identifier, a run in the background, pairs accepted, rejected and
taken back, and that decisions outlive a restart. Finds the program in $ONEFOLD; run by `make test`."""
import os
import random
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))
from served import Server, check, finish  # noqa: E402


def oneid(server, user):
    return server.ask("GET", f"/v1/profiles/user_id:{user}")[1].get("oneid")


with tempfile.TemporaryDirectory() as folder:
    data = os.path.join(folder, "data")
    server = Server(data)
    try:
        check("a source", server.ask("POST", "/v1/sources", {"name": "web", "kind": "segment"})[0] < 300)
        status, made = server.ask("POST", "/v1/sources/web/keys", {})
        write_key = made.get("key") or made.get("write_key") or ""
        check("its key", write_key, f"{status} {made}")
        draw = random.Random(5)
        people = []
        for n in range(120):
            name, surname = ("".join(draw.choice(["ba", "ri", "mo", "ke", "lu", "sta", "no", "vi"]) for _ in range(3)) for _ in range(2))
            traits = {"first_name": name, "last_name": surname, "city": f"town{draw.randint(1, 7)}",
                      "birthday": f"{draw.randint(1940, 2005)}-{draw.randint(1, 12):02d}-{draw.randint(1, 28):02d}"}
            people.append((f"u{n}", traits))
            if n < 20:  # the same person under another account, with a slip
                people.append((f"v{n}", {**traits, "last_name": traits["last_name"] + "x"}))
        status, told = server.ask("POST", "/v1/batch", {"batch": [{"type": "identify", "userId": u, "traits": t, "messageId": u} for u, t in people]},
                                  key=write_key)
        check("people are sent", status == 200, told)
        server.settle()
        status, state = server.run("/v1/identity/matches/run", "/v1/identity/matches")
        check("a run ends well", status == 200 and state.get("last_run") and not state.get("fault"), state)
        pairs = state.get("matches", [])
        want = {frozenset((oneid(server, f"u{n}"), oneid(server, f"v{n}"))) for n in range(20)}
        found = {frozenset((p["a"], p["b"])) for p in pairs}
        check("accounts of one person are proposed", len(want & found) >= 18, f"{len(want & found)} of 20, {len(found)} proposed")
        check("and hardly others", len(found - want) <= 2, f"{len(found - want)} others")
        check("each score is told by field", pairs and {f["field"] for f in pairs[0]["score"]["fields"]} >= {"given", "family"}, pairs[:1])
        one, two = pairs[0], pairs[1]
        check("accept", server.ask("POST", "/v1/identity/matches/accept", {"a": one["a"], "b": one["b"]})[0] == 200)
        check("they are one", server.ask("GET", f"/v1/profiles/{one['a']}")[1].get("oneid") == server.ask("GET", f"/v1/profiles/{one['b']}")[1].get("oneid"))
        check("twice is told", server.ask("POST", "/v1/identity/matches/accept", {"a": one["a"], "b": one["b"]})[0] == 409)
        check("reject", server.ask("POST", "/v1/identity/matches/reject", {"a": two["a"], "b": two["b"]})[0] == 200)

        def proposed(pair, path="/v1/identity/matches"):
            return frozenset((pair["a"], pair["b"])) in {frozenset((p["a"], p["b"])) for p in server.ask("GET", path)[1].get("matches", [])}

        check("neither is proposed", not proposed(one) and not proposed(two))
        check("a rejected one is shown where asked for", proposed(two, "/v1/identity/matches?rejected=true"))
        status, told = server.ask("POST", "/v1/identity/matches/undo", {"a": one["a"], "b": one["b"]})
        check("undo of the merge", status == 200 and proposed(one), told)
        check("undo of what was not decided", server.ask("POST", "/v1/identity/matches/undo", {"a": pairs[2]["a"], "b": pairs[2]["b"]})[0] == 404)
        status, told = server.run("/v1/identity/matches/run", "/v1/identity/matches", {"rules": {"nonsense": 1}})
        check("a wrong rule file is told in the state", status == 200 and "nonsense" in (told.get("fault") or ""), told)
        server.stop()
        server = Server(data, server.key)
        kept = server.ask("GET", "/v1/identity/matches")[1]
        check("the queue outlives a restart", {frozenset((p["a"], p["b"])) for p in kept.get("matches", [])} == found - {frozenset((two["a"], two["b"]))}, kept)
        check("with its explanations", kept["matches"] and kept["matches"][0]["score"] == pairs[0]["score"], f"{kept['matches'][:1]} {pairs[:1]}")
        check("and its figures", kept.get("last_run", {}).get("learnt") is True and kept["last_run"]["customers"] == 140, kept.get("last_run"))
        late = {**people[0][1], "last_name": people[0][1]["last_name"] + "q"}
        server.ask("POST", "/v1/batch", {"batch": [{"type": "identify", "userId": "w0", "traits": late, "messageId": "w0"}]}, key=write_key)
        server.settle()
        status, state = server.run("/v1/identity/matches/run", "/v1/identity/matches")
        last = state.get("last_run") or {}
        check("the next run compares what is new", status == 200 and last.get("learnt") is False and last.get("new") == 1 and last.get("compared", 1e9) < 500, state.get("last_run"))
        check("and finds it", frozenset((oneid(server, "u0"), oneid(server, "w0"))) in {frozenset((p["a"], p["b"])) for p in state.get("matches", [])})
        status, last = server.run("/v1/identity/matches/run", "/v1/identity/matches", {"full": True})
        check("all anew where asked for", status == 200, last)
        check("it learns again", last["last_run"]["learnt"] is True and last["last_run"]["new"] == 141, last.get("last_run"))
        check("a rejection outlives a restart", not proposed(two) and proposed(two, "/v1/identity/matches?rejected=true"))
        status, told = server.ask("POST", "/v1/identity/matches/undo", {"a": two["a"], "b": two["b"]})
        check("undo of the rejection", status == 200 and proposed(two), told)
        server.run("/v1/identity/matches/run", "/v1/identity/matches", {"automatic": 0.9, "full": True})
        check("sure ones are merged where asked for", not proposed(one) and oneid(server, "u3") == oneid(server, "v3"))
    finally:
        server.stop()
finish()
