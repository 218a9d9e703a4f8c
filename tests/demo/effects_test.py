#!/usr/bin/env python3
"""effects_test: what the simulation planted is found again, through the whole program: what messages caused, by `lift`, for several seeds; what ads cost,
by the bills in master data. Finds the program in $ONEFOLD; run by `make test`."""
import collections
import csv
import datetime
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from served import check, finish, program  # noqa: E402

SEEDS = (1, 2, 3)


class Demo:
    """`onefold demo` over a fresh folder, once its company is loaded; ended with its block."""

    def __init__(self, seed, folder):
        self.process = subprocess.Popen([program, "demo", "--seed", str(seed), "--data", folder], stdout=subprocess.PIPE, text=True)
        self.truth = pathlib.Path(folder) / "company/truth"
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


def main():
    apart = {"sms": [], "email": []}
    for seed in SEEDS:
        with tempfile.TemporaryDirectory(prefix="onefold-effects-") as folder, Demo(seed, os.path.join(folder, "data")) as demo:
            for channel, errors in messages(demo, seed).items():
                apart[channel].append(errors)
            if seed == SEEDS[0]:
                costs(demo)
    for channel, errors in apart.items():
        mean = sum(errors) / max(len(errors), 1) * len(errors) ** 0.5
        check(f"{channel}: over all seeds, found and planted are {mean:.2f} standard errors apart", len(errors) == len(SEEDS) and abs(mean) < 2, errors)
    finish()


main()
