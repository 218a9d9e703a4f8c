#!/usr/bin/env python3
"""network_test: households and networks of a running server: people who share addresses, telephones and devices are proposed, crowds are not;
accepted, rejected, taken back, accepted unasked; and measures of relations as attributes that segments ask for, after a restart too.
Finds the program in $ONEFOLD; run by `make test`."""
import json
import os
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))
from served import Server, check, finish  # noqa: E402


def households(server, body=None):
    return server.run("/v1/households/run", "/v1/households?limit=500", body)[1]


def sets_of(answer):
    return {frozenset(h["customers"]) for h in answer.get("households", [])}


with tempfile.TemporaryDirectory() as folder:
    data = os.path.join(folder, "data")
    server = Server(data)
    try:
        server.ask("POST", "/v1/sources", {"name": "web", "kind": "segment"})
        write_key = server.ask("POST", "/v1/sources/web/keys", {})[1].get("key")
        calls = []

        def identify(user, device=None, **traits):
            calls.append({"type": "identify", "userId": user, "anonymousId": device or f"own-{user}", "traits": traits, "messageId": f"i-{user}-{device}"})

        def oneid(user):
            return server.get(f"/v1/profiles/user_id:{user}").get("oneid")

        for n in range(40):  # strangers, of whom some bear the same surname
            identify(f"s{n}", name=f"王小{chr(0x4e00 + n)}", address={"city": "上海", "street": f"南京东路{100 + n}号"})
        identify("f1", name="张伟", address={"city": "北京", "street": "北京市海淀区中关村大街1号院3号楼2单元501室"})
        identify("f2", name="张静", address={"city": "北京市", "street": "海淀区中关村大街1号院 3栋2单元501"})
        identify("f3", name="李丽", address={"city": "北京", "street": "海淀区中关村大街1号院3幢二单元501户"})
        identify("w1", first_name="Ann", last_name="Archer", address={"city": "Leeds", "postal_code": "LS1 4AB", "street": "Flat 3, 12 High Street"})
        identify("w2", first_name="Tom", last_name="Archer", address={"city": "Leeds", "postal_code": "LS1 4AB", "street": "12 High St. #3"})
        identify("w3", first_name="Eve", last_name="Other", address={"city": "Leeds", "postal_code": "LS1 4AB", "street": "12 High St. #4"})
        identify("d1", device="tablet", name="赵一")
        identify("d2", device="tablet", name="钱二")
        for n in range(30):  # an office
            identify(f"o{n}", name=f"陈大{chr(0x5e00 + n)}", address={"city": "深圳", "street": "深圳市南山区科技园路8号"})
        check("people are sent", server.ask("POST", "/v1/batch", {"batch": calls}, key=write_key)[0] == 200)
        server.settle()
        ids = {user: oneid(user) for user in ("f1", "f2", "f3", "w1", "w2", "w3", "d1", "d2", "s1", "o1")}
        family, west, tablet = (frozenset(ids[u] for u in users) for users in (("f1", "f2", "f3"), ("w1", "w2"), ("d1", "d2")))

        seen = households(server)
        check("a run ends well", seen.get("last_run") and not seen.get("fault"), seen)
        check("those of one address, one device are proposed, and nobody else", sets_of(seen) == {family, west, tablet}, sets_of(seen))
        by_set = {frozenset(h["customers"]): h for h in seen.get("households", [])}
        check("with reasons", "same address" in json.dumps(by_set.get(family)) and "shared device" in json.dumps(by_set.get(tablet)), by_set)
        check("a surname in common counts", by_set[west]["probability"] > 0.9 and by_set[west]["pairs"][0]["same_surname"], by_set.get(west))
        crowds = server.get("/v1/households/crowds").get("crowds", [])
        check("thirty at one address are an office", crowds and crowds[0]["customers"] == 30 and "office" in crowds[0]["because"], crowds)

        check("accept", server.ask("POST", "/v1/households/accept", {"customers": sorted(family)})[0] == 200)
        count = server.ask("POST", "/v1/query", {"expression": 'any(household where name = "张伟")'})[1]
        check("the others are one hop away", count.get("count") == 2, count)
        check("it is accepted at once", frozenset(server.get("/v1/households?state=accepted")["households"][0]["customers"]) == family)
        check("reject", server.ask("POST", "/v1/households/reject", {"customers": sorted(west)})[0] == 200)
        check("only the tablet's are open", sets_of(server.get("/v1/households")) == {tablet})
        check("wrong bodies are told", server.ask("POST", "/v1/households/accept", {"customers": ["user_id:f1"]})[0] == 400
              and server.ask("POST", "/v1/households/run", {"automatic": 7})[0] == 400 and server.ask("GET", "/v1/households?state=x")[0] == 400)
        server.stop()
        server = Server(data, server.key)
        check("after a restart a run finds what was decided", sets_of(households(server)) == {tablet} and
              sets_of(server.get("/v1/households?state=rejected")) == {west} and sets_of(server.get("/v1/households?state=accepted")) == {family})
        check("undo", server.ask("POST", "/v1/households/undo", {"customers": sorted(west)})[0] == 200 and
              server.ask("POST", "/v1/households/undo", {"customers": sorted(west)})[0] == 404)
        check("it is open again", sets_of(households(server)) == {tablet, west})
        households(server, {"automatic": 0.9})
        check("sure ones are accepted unasked, where asked for", sets_of(server.get("/v1/households?state=accepted")) == {family, west},
              server.get("/v1/households?state=all"))

        # --- networks ---
        referred = [("s1", "s0"), ("s2", "s0"), ("s3", "s0"), ("s4", "s1"), ("s5", "s4"), ("s11", "s10")]
        check("a relation is declared", server.ask("POST", "/v1/dictionary", {"define": "type", "kind": "relation", "name": "referred_by", "inverse": "referred"})[0] == 200)
        for one, other in referred:
            server.ask("POST", "/v1/relations", {"type": "referred_by", "from": f"user_id:{one}", "to": f"user_id:{other}"})
        status, told = server.ask("POST", "/v1/networks", {"name": "circle", "types": ["referred_by", "nope"]})
        check("an unknown relation is told", status == 400 and "nope" in json.dumps(told), told)
        check("an unknown measure is told", server.ask("POST", "/v1/networks", {"name": "circle", "types": ["referred_by"], "measures": ["fame"]})[0] == 400)
        status, told = server.ask("POST", "/v1/networks", {"preset": "referrals"})
        check("a ready network", status == 200 and told.get("name") == "referrals" and told.get("refreshed", 1) is None, told)
        check("a segment over it before its first run", server.ask("POST", "/v1/segments", {
            "name": "referrers", "kind": "live", "expression": "network.referrals.in_degree >= 2"})[0] == 200)
        state = server.run("/v1/networks/referrals/run", "/v1/networks")[1]
        found = state["networks"][0]["refreshed"]
        check("refreshed", found and found["customers"] == 8 and found["related_pairs"] == 6 and found["components"] == 2 and found["written"] == 8, state)
        top = server.get("/v1/networks/referrals/top?measure=in_degree&limit=2")["customers"]
        check("most referred-by", top[0] == {"oneid": oneid("s0"), "value": 3}, top)
        top = server.get("/v1/networks/referrals/top")["customers"]
        check("most influential", len(top) == 8 and top[0]["oneid"] == oneid("s0") and top[0]["value"] > top[1]["value"], top)
        check("the live segment followed", server.get("/v1/segments/referrers").get("size") == 1, server.get("/v1/segments/referrers"))
        check("it stands in the profile", server.get("/v1/profiles/user_id:s0")["attributes"].get("network.referrals.component_size") == 6,
              server.get("/v1/profiles/user_id:s0")["attributes"])
        again = server.run("/v1/networks/referrals/run", "/v1/networks")[1]["networks"][0]["refreshed"]
        check("nothing is written where nothing changed", again["written"] == 0, again)
        server.ask("POST", "/v1/relations", {"type": "referred_by", "from": "user_id:s11", "to": "user_id:s10", "end": True})
        server.ask("POST", "/v1/relations", {"type": "referred_by", "from": "user_id:s6", "to": "user_id:s1"})
        status, told = server.ask("POST", "/v1/identity/merge", {"customer": "user_id:s2", "other": "user_id:s3"})
        state = server.run("/v1/networks/referrals/run", "/v1/networks")[1]["networks"][0]["refreshed"]
        check("ends, new ones and merges are followed", state["customers"] == 6 + (status != 200) and server.get("/v1/segments/referrers").get("size") == 2, (status, told, state))
        check("who is in no relation any more has no value", "network.referrals.in_degree" not in server.get("/v1/profiles/user_id:s10")["attributes"])
        communities = server.ask("POST", "/v1/networks", {"name": "homes", "types": ["household"], "measures": ["community", "community_size", "degree"]})
        server.run("/v1/networks/homes/run", "/v1/networks")
        state = server.get("/v1/networks/homes")
        check("households are communities", state["refreshed"]["communities"] == 2 and
              server.get("/v1/profiles/user_id:f1")["attributes"].get("network.homes.community_size") == 3, state)
        oldest = server.get("/v1/profiles/user_id:f3")["attributes"].get("network.homes.community")
        check("a community is named by its oldest member", oldest == ids["f1"], oldest)
        server.stop()
        server = Server(data, server.key)
        state = {n["name"]: n for n in server.get("/v1/networks")["networks"]}
        check("all of it outlives a restart", state["referrals"]["refreshed"]["customers"] in (6, 7) and state["homes"]["refreshed"]["communities"] == 2
              and server.get("/v1/segments/referrers").get("size") == 2 and server.get("/v1/networks/referrals/top")["customers"][0]["oneid"] == oneid("s0"), state)
        check("a schedule is shown", server.ask("POST", "/v1/networks", {"name": "homes", "types": ["household"], "schedule": {"every": "1 day", "at": "03:00"}})[1].get("next_refresh"))
        check("a wrong one is told", server.ask("POST", "/v1/networks", {"name": "homes", "types": ["household"], "schedule": {"every": "soon"}})[0] == 400)
        server.ask("POST", "/v1/networks", {"name": "once", "types": ["household"], "schedule": {"at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 1))}})
        check("a scheduled one is refreshed by itself", server.until("the scheduled network is refreshed", lambda: server.get("/v1/networks/once").get("refreshed")))
        check("deleted", server.ask("DELETE", "/v1/networks/once")[0] == 200 and server.ask("GET", "/v1/networks/once")[0] == 404)
    finally:
        server.stop()
finish()
