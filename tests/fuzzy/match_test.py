#!/usr/bin/env python3
"""match_test: `onefold identity match` on published data with the default rule file, from the file to clusters, no labels used: the bars of
docs/matching.md. The data is not part of the project; where it is not there, each set is skipped with a line. Finds the program in $ONEFOLD
and the data in $ONEFOLD_DATA (../shared/data); run by `make test`."""
import os
import random
import re
import subprocess
import sys
import tempfile

program = os.environ.get("ONEFOLD", "build/release/onefold")
data = os.environ.get("ONEFOLD_DATA", "../shared/data")
results = {True: 0, False: 0}
FEBRL = ["--truth-column", "rec_id", "--truth-pattern", "rec-([0-9]+)-"]


def check(name, good, seen=""):
    results[bool(good)] += 1
    print(f"{'ok  ' if good else 'FAIL'} {name} {seen}")


def there(*names):
    missing = [name for name in names if not os.path.exists(os.path.join(data, name))]
    if missing:
        print(f"skip {missing[0]}: not in {data}")
    return not missing


def match(files, options):
    run = subprocess.run([program, "identity", "match", *[os.path.join(data, f) for f in files], *options],
                         capture_output=True, text=True, timeout=300)
    found = re.search(r"^clusters +precision ([\d.]+) +recall ([\d.]+) +F1 ([\d.]+)", run.stdout, re.M)
    return [float(x) for x in found.groups()] if found else [0, 0, 0], run


# name, files, options, the least F1 of pairs
SETS = [
    ("febrl F3", ["febrl/dataset3.csv"], FEBRL, 0.9954),
    ("febrl F4", ["febrl/dataset4a.csv", "febrl/dataset4b.csv"], ["--between", *FEBRL], 0.9998),
    ("splink fake_1000", ["splink_fake/fake_1000.csv"], ["--truth-column", "cluster"], 0.9114),
    ("RLdata500", ["rldata/RLdata500.dblink.csv"], ["--truth-column", "ent_id"], 0.98),
    ("RLdata10000", ["rldata/RLdata10000.dblink.csv"], ["--truth-column", "ent_id"], 0.96),
    ("pseudopeople, census and WIC: whole families in both", ["pseudopeople/decennial_census.csv.gz", "pseudopeople/women_infants_and_children.csv"],
     ["--truth-column", "simulant_id", "--ignore", "copy_age,copy_date_of_birth,household_id,guardian_1,guardian_2"], 0.96),
]
for name, files, options, bar in SETS:
    if there(*files):
        (precision, recall, f1), run = match(files, options)
        check(f"{name}: F1 >= {bar}", f1 >= bar, f"precision {precision} recall {recall} F1 {f1} {run.stderr[-300:]}")

# The same figures from the files: clusters written, then evaluated against the truth.
with tempfile.TemporaryDirectory() as folder:
    people, clusters, pairs = (os.path.join(folder, name) for name in ("people.csv", "clusters.csv", "pairs.csv"))
    with open(people, "w", encoding="utf-8") as file:
        file.write("id,first_name,surname,dob,person\n")
        draw = random.Random(5)
        for n in range(60):
            name, family = ("".join(draw.choice(["ba", "ri", "mo", "ke", "lu", "sta", "no", "vi"]) for _ in range(3)) for _ in range(2))
            birth = f"{draw.randint(1940, 2005)}-{draw.randint(1, 12):02d}-{draw.randint(1, 28):02d}"
            second = (family, name) if n % 6 == 3 else (name, family)
            file.write(f"{n}a,{name},{family},{birth},{n}\n{n}b,{second[0]},{second[1]},{birth},{n}\n")
    whole = subprocess.run([program, "identity", "match", people, "--truth-column", "person", "--out", clusters, "--pairs", pairs,
                            "--explain", "3a,3b"], capture_output=True, text=True, timeout=60)
    check("swapped names are found", "recall 1.00000" in whole.stdout, whole.stdout[-400:] + whole.stderr)
    check("a score is explained by field", '"level":"swapped"' in whole.stdout, whole.stdout[-400:])
    lines = open(clusters, encoding="utf-8").read().splitlines() if os.path.exists(clusters) else []
    check("clusters are written", lines[:1] == ["cluster,source,record_id"] and len(lines) == 121)
    check("pairs are written", os.path.exists(pairs) and "probability" in open(pairs, encoding="utf-8").readline())
    told = subprocess.run([program, "identity", "evaluate", "--truth", people, "--clusters", clusters, "--entity", "person"],
                          capture_output=True, text=True, timeout=60)
    f1 = re.search(r"^clusters .* F1 ([\d.]+)", whole.stdout, re.M)
    check("evaluate says the same", f1 and f"F1 {f1.group(1)}" in told.stdout and "120 of 120 records" in told.stdout, told.stdout + told.stderr)
    wrong = subprocess.run([program, "identity", "match", people, "--ignore", "nope"], capture_output=True, text=True, timeout=60)
    check("a wrong column is named", wrong.returncode == 1 and "nope" in wrong.stderr, wrong.stderr)
print(f"{results[True]} passed, {results[False]} failed")
sys.exit(1 if results[False] else 0)
