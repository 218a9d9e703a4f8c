#!/usr/bin/env python3
"""demo_test: `onefold demo --once --json` at its default size, as a user runs it: the report is one JSON object, what was sent is there,
and identity meets its bars on the simulation's own truth. Finds the program in $ONEFOLD; run by `make test`."""
import json
import os
import subprocess
import sys

program = os.environ.get("ONEFOLD", "build/release/onefold")
results = {True: 0, False: 0}


def check(name, good, seen=""):
    results[bool(good)] += 1
    print(f"{'ok  ' if good else 'FAIL'} {name} {seen}")


run = subprocess.run([program, "demo", "--once", "--json"], capture_output=True, text=True, timeout=300)
check("it ends well", run.returncode == 0, run.stderr[-500:])
report = json.loads(run.stdout) if run.returncode == 0 else {}
identity, profile = report.get("identity", {}), report.get("profile", {})
check("people", report.get("people") == 5000)
check("records sent are folded", report.get("rows", 0) > 0.95 * report.get("records_sent", 1e9), report.get("rows"))
check("repeats are found", report.get("duplicates", 0) > 0)
check("dirt is in quarantine", report.get("quarantined", 0) > 0)
check("precision >= 0.995", identity.get("precision", 0) >= 0.995, identity.get("precision"))
check("recall >= 0.90", identity.get("recall", 0) >= 0.90, identity.get("recall"))
check("coverage >= 0.95", identity.get("coverage", 0) >= 0.95, identity.get("coverage"))
check("recall >= 0.97 by identifiers", identity.get("recall", 0) >= 0.97, identity.get("recall"))
matched = report.get("matched", {})
check("matched too: precision >= 0.995", matched.get("precision", 0) >= 0.995, matched.get("precision"))
check("matched too: recall >= 0.97", matched.get("recall", 0) >= 0.97, matched.get("recall"))
check("matched too: coverage >= 0.97", matched.get("coverage", 0) >= 0.97, matched.get("coverage"))
check("matching finds more", matched.get("recall", 0) >= identity.get("recall", 1), report.get("matched_pairs"))
check("not every trap is escaped", identity.get("precision", 1) < 1 and identity.get("recall", 1) < 1)
households = report.get("households", {})
check("households proposed: precision >= 0.92 (kiosks of shops that two or three used look like a family's tablet)", households.get("precision", 0) >= 0.92, households)
check("recall of families that share a device or landline >= 0.70", households.get("visible_recall", 0) >= 0.70, households.get("visible_recall"))
for part in ("oneid", "attributes", "identifiers", "documents", "timeline"):
    check(f"the view has {part}", profile.get(part))
print(f"{results[True]} passed, {results[False]} failed")
sys.exit(1 if results[False] else 0)
