#!/usr/bin/env python3
"""effects_test: what the simulation planted is found again, through the whole program: what messages caused, by `lift`, for several seeds; what ads cost,
by the bills in master data; who is in which tier, by what people really ordered. Finds the program in $ONEFOLD; run by `make test`."""
import collections
import csv
import datetime
import http.client
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import urllib.parse
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from served import check, finish, program  # noqa: E402

SEEDS = (1, 2, 3)


class Demo:
    """`onefold demo` over a fresh folder, once its company is loaded; ended with its block."""

    def __init__(self, seed, folder):
        self.process = subprocess.Popen([program, "demo", "--seed", str(seed), "--data", folder], stdout=subprocess.PIPE, text=True)
        self.truth, self.door = pathlib.Path(folder) / "company/truth", None
        for line in self.process.stdout:
            found = re.match(r"still there: (\S+) \(admin key (\S+)\)", line)
            if found:
                self.address, self.key = found.groups()
                return
        raise SystemExit(f"seed {seed}: the demonstration ended with {self.process.wait()}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        self.process.communicate()

    def ask(self, kind, definition):
        """The analysis's tables: {name: [{column: value}]}, and its notes."""
        request = urllib.request.Request(f"{self.address}/v1/insight/{kind}", method="POST", data=json.dumps(definition).encode())
        request.add_header("Authorization", f"Bearer {self.key}")
        answer = json.loads(urllib.request.urlopen(request, timeout=60).read())
        tables = {table["name"]: [dict(zip((column["name"] for column in table["columns"]), row)) for row in table["rows"]]
                  for table in answer["tables"]}
        return tables, answer["notes"]

    def oneid(self, namespace, value):
        """Of whom an identifier leads to; None where it leads to nobody."""
        self.door = self.door or http.client.HTTPConnection(self.address.removeprefix("http://"))
        path = f"/v1/profiles/{namespace}:{urllib.parse.quote(value)}?rows=0"
        self.door.request("GET", path, headers={"Authorization": f"Bearer {self.key}"})
        answer = json.loads(self.door.getresponse().read())
        return answer.get("oneid")


def messages(demo, seed):
    """Orders a message caused within four days, and those planted, in standard errors of the first apart."""
    campaigns = json.loads((demo.truth / "effects.json").read_text())["campaigns"]
    lift, _ = demo.ask("lift", {"reached": "message_sent", "withheld": "message_withheld", "goal": "order", "within": "4 days",
                                "channel": "channel"})
    apart = {}
    for row in lift["lift"]:
        of = [campaign for campaign in campaigns if campaign["channel"] == row["channel"]]
        if not of:
            continue
        reached = sum(campaign["reached"] for campaign in of)
        planted = sum(campaign["orders_more_in_4_days"] for campaign in of) / reached
        told = f"{row['channel']}, seed {seed}: planted {planted:.4f}, found {row['goals_each']:.4f} " \
               f"[{row['goals_low']:.4f}, {row['goals_high']:.4f}]"
        check(f"every message is a trial: {told}", abs(row["reached"] - reached) <= reached / 1000, row["reached"])
        check(f"the interval covers what was planted: {told}", row["goals_low"] <= planted <= row["goals_high"])
        check(f"withheld by lot, a tenth: {told}", 0.08 < row["withheld"] / (row["withheld"] + row["reached"]) < 0.12)
        apart[row["channel"]] = (row["goals_each"] - planted) / ((row["goals_high"] - row["goals_low"]) / 3.92)
        if row["channel"] == "sms":
            check(f"more than chance: {told}", row["goals_low"] > 0 and row["low"] > 0 and row["p"] < 0.001, row)
    return apart


def costs(demo):
    """Bills of three months by platform, joined over the campaign whose clicks are the touches."""
    first, last = datetime.date(2026, 7, 1), datetime.date(2026, 9, 30)
    billed = collections.Counter()
    with open(demo.truth.parent / "ad_costs.csv", newline="") as file:
        for bill in csv.DictReader(file):
            if first <= datetime.date.fromisoformat(bill["day"]) <= last:
                billed[bill["platform"]] += float(bill["cost"])
    found, _ = demo.ask("attribution", {
        "touches": "ad_clicked", "channel": "campaign.platform", "conversions": "order", "value": "total", "models": ["last"],
        "from": str(first), "to": "2026-10-01",
        "costs": {"master": "ad_cost", "channel": "campaign.platform", "amount": "cost", "time": "day"}})
    told = {row["channel"]: row["cost"] for row in found["returns"]}
    check("costs of the quarter are the bills'", told.keys() == billed.keys() and
          all(abs(told[channel] - billed[channel]) < 0.005 for channel in billed), (told, billed))
    covered = found["cost_coverage"][0]
    check("all of them are of channels with touches", covered["coverage"] == 1 and covered["bills_left_out"] == 0, covered)
    check("advice is given for each", len(found["budget"]) == len(billed), found["budget"])


def true_orders(demo):
    """{person: [(day, money)]}: orders and receipts as the files say, whose they are as the truth does."""
    company, person, orders = demo.truth.parent, {}, {}
    with open(demo.truth / "records.csv", newline="") as file:
        for record in csv.DictReader(file):
            if record["record_id"].startswith("order:"):
                person[record["record_id"][6:]] = record["person_id"]
    for name, encoding, total, time, per_unit in (("orders.csv", "utf-8", 16, 2, 100), ("pos.csv", "gb18030", 12, 17, 1)):
        with open(company / name, newline="", encoding=encoding, errors="replace") as file:
            for row in csv.reader(file):
                if row[0] in person and "作废" not in row:
                    orders[row[0]] = (datetime.date.fromisoformat(row[time][:10].replace("/", "-")), float(row[total]) / per_unit)
    of = collections.defaultdict(list)
    for order, seen in orders.items():
        of[person[order]].append(seen)
    return of


def true_tiers(orders, now):
    """The rule of docs/insight-value.md over these orders."""
    known = sorted(((sum(money for _, money in of), len(of), max(day for day, _ in of), person) for person, of in orders.items()), reverse=True)
    core, rest = known[:round(0.2 * len(known))], known[round(0.2 * len(known)):]
    left = sorted(money for money, _, last, _ in rest if (now - last).days <= 90)
    middle = left[len(left) // 2]
    tiers = {person: "core" for *_, person in core}
    for money, _, last, person in rest:
        tiers[person] = "at_risk" if (now - last).days > 90 else "potential" if money >= middle else "ordinary"
    return tiers


def tiers(demo):
    """Four tiers, person by person, against those of what people really ordered."""
    truth = true_tiers(true_orders(demo), datetime.date(2026, 11, 1))
    found, _ = demo.ask("rfm", {"customers": 100000, "now": "2026-11-01", "forecast": False})
    tier = {row["customer"]: row["tier"] for row in found["customers"]}
    oneids = {}
    with open(demo.truth / "identifiers.csv", newline="") as file:
        for row in csv.DictReader(file):
            if row["shared"] == "0" and row["namespace"] in ("user_id", "member_id", "phone") and row["person_id"] not in oneids:
                oneids[row["person_id"]] = demo.oneid(row["namespace"], row["value"])
    seen = [(truth[person], tier.get(oneid)) for person, oneid in oneids.items() if person in truth]
    right = sum(of == told for of, told in seen) / len(seen)
    check(f"tiers are right for {right:.4f} of {len(seen)} people, at least 0.85 wanted", right >= 0.85 and len(seen) > 0.95 * len(truth),
          collections.Counter(seen).most_common())
    for name in ("core", "at_risk", "potential", "ordinary"):
        told = [of for of, told in seen if told == name]
        check(f"of those told to be {name}, {told.count(name) / len(told):.3f} are", told.count(name) > 0.8 * len(told))


def main():
    apart = {"sms": [], "email": []}
    for seed in SEEDS:
        with tempfile.TemporaryDirectory(prefix="onefold-effects-") as folder, Demo(seed, os.path.join(folder, "data")) as demo:
            for channel, errors in messages(demo, seed).items():
                apart[channel].append(errors)
            if seed == SEEDS[0]:
                costs(demo)
                tiers(demo)
    for channel, errors in apart.items():
        mean = sum(errors) / max(len(errors), 1) * len(errors) ** 0.5
        check(f"{channel}: over all seeds, found and planted are {mean:.2f} standard errors apart", len(errors) == len(SEEDS) and abs(mean) < 2, errors)
    finish()


main()
