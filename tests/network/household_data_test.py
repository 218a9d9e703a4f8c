#!/usr/bin/env python3
"""household_data_test: households of people whose households are known: the 2020 census of pseudopeople, each person a customer, addresses
written in as many ways as people write them. Proposals are measured by `onefold identity households --truth`; nothing of the data is learnt
from. The data is not part of the project; where it is not there, a line says so. Finds the program in $ONEFOLD and the data in
$ONEFOLD_DATA (../shared/data); run by `make test`."""
import csv
import gzip
import json
import os
import random
import re
import subprocess
import sys
import tempfile

program = os.environ.get("ONEFOLD", "build/release/onefold")
census = os.path.join(os.environ.get("ONEFOLD_DATA", "../shared/data"), "pseudopeople/decennial_census.csv.gz")
results = {True: 0, False: 0}
LONG = {"st": "Street", "rd": "Road", "ave": "Avenue", "dr": "Drive", "ln": "Lane", "ct": "Court", "pl": "Place", "blvd": "Boulevard",
        "n": "North", "s": "South", "e": "East", "w": "West", "cir": "Cir", "hwy": "Highway"}


def check(name, good, seen=""):
    results[bool(good)] += 1
    print(f"{'ok  ' if good else 'FAIL'} {name} {seen}")


def spelled(draw, number, street, unit):
    """One of the ways to write it."""
    if draw.random() < 0.5:
        street = " ".join(LONG.get(word, word) for word in street.split())
    street = draw.choice([str.lower, str.title, str.upper])(street)
    line = f"{number} {street}"
    unit = re.sub(r"^\D+", "", unit) or unit
    if unit:
        line = draw.choice([f"{line} Apt {unit}", f"{line} #{unit}", f"Flat {unit}, {line}", f"{line}, Unit {unit}"])
    return line + draw.choice(["", "", ".", ","])


if not os.path.exists(census):
    print(f"skip {census}: not there")
    print("0 passed, 0 failed")
    sys.exit(0)

with tempfile.TemporaryDirectory() as folder:
    draw, people, crowds = random.Random(7), 0, 0
    paths = {name: os.path.join(folder, name) for name in ("people.csv", "identifiers.csv", "list.csv", "map.json", "data")}
    with gzip.open(census, "rt", encoding="utf-8") as source, open(paths["people.csv"], "w", encoding="utf-8") as truth, \
            open(paths["identifiers.csv"], "w", encoding="utf-8") as identifiers, open(paths["list.csv"], "w", encoding="utf-8", newline="") as list_file:
        truth.write("person_id,family_id\n")
        identifiers.write("namespace,value,person_id,shared\n")
        rows = csv.writer(list_file)
        rows.writerow(["id", "first_name", "last_name", "street", "zip", "city"])
        for row in csv.DictReader(source):
            if row["year"] != "2020":
                continue
            home = row["housing_type"] == "Household"
            people, crowds = people + 1, crowds + (not home)
            truth.write(f"{row['simulant_id']},{row['household_id'] if home else ''}\n")
            identifiers.write(f"member_id,{row['simulant_id']},{row['simulant_id']},0\n")
            rows.writerow([row["simulant_id"], row["first_name"], row["last_name"],
                           spelled(draw, row["street_number"], row["street_name"], row["unit_number"]), row["zipcode"], row["city"]])
    with open(paths["map.json"], "w", encoding="utf-8") as file:
        json.dump({"name": "list", "format": "csv", "encoding": "utf-8", "source": "list", "record": "attributes",
                   "columns": {"id": "identifier member_id", "first_name": "attribute first_name", "last_name": "attribute last_name",
                               "street": "attribute address.street", "zip": "attribute address.postal_code", "city": "attribute address.city"}}, file)
    run = subprocess.run([program, "import", paths["list.csv"], "--mapping", paths["map.json"], "--data", paths["data"]],
                         capture_output=True, text=True, timeout=120)
    check(f"{people} people are taken in, {crowds} of them in homes, barracks, prisons", run.returncode == 0 and people > 10000, run.stderr[-300:])
    run = subprocess.run([program, "identity", "households", "--data", paths["data"], "--truth", folder], capture_output=True, text=True, timeout=120)
    found = re.search(r"from 0.50: .*precision ([\d.]+)\); of (\d+) to be found recall ([\d.]+)", run.stdout)
    precision, recall = (float(found.group(1)), float(found.group(3))) if found else (0, 0)
    check("precision >= 0.97", precision >= 0.97, precision)
    check("recall >= 0.95", recall >= 0.95, f"{recall} of {found.group(2) if found else 0} pairs {run.stderr[-300:]}")
    check("institutions are told as crowds", re.search(r"same address .*: \d\d+ customers: an office", run.stdout), run.stdout[-600:])
print(f"{results[True]} passed, {results[False]} failed")
sys.exit(1 if results[False] else 0)
