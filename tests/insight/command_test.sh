#!/usr/bin/env bash
# command_test: `onefold insight` on a data folder: the answer is the same on the spot and as a job, in every format; and what is wrong is said.
set -uo pipefail
cd "$(dirname "$0")/../.."
onefold=${ONEFOLD:-build/release/onefold}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
passed=0 failed=0

check() { # NAME, and whether it holds
    if [ "$2" = 0 ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAIL $1"
    fi
}

cat >"$folder/mapping.json" <<'END'
{"name": "visits", "format": "csv", "record": "event", "type": "seen",
 "columns": {"who": "identifier user_id", "time": "time", "what": "type", "page": "field page"}}
END
{
    echo who,time,what,page
    for i in $(seq 1 40); do
        echo "u$i,2026-01-$((i % 20 + 1))T08:00:00Z,seen,p$((i % 3))"
        [ $((i % 4)) = 0 ] || echo "u$i,2026-01-$((i % 20 + 2))T08:00:00Z,bought,p1"
    done
} | sed 's/-\([0-9]\)T/-0\1T/' >"$folder/visits.csv"
"$onefold" import "$folder/visits.csv" --mapping "$folder/mapping.json" --data "$folder/data" >/dev/null
check "the file is imported" $?

ask() { "$onefold" insight funnel steps='seen -> bought' --data "$folder/data" "$@" 2>&1; }
for format in "" --csv "--csv --table steps"; do
    at_once=$(ask $format)
    [ -n "$at_once" ] && [ "$at_once" = "$(ask $format --job)" ]
    check "funnel $format: as a job as on the spot" $?
done
grep -q '^1,seen,40,' <<<"$(ask --csv --table steps)" && grep -q '^2,bought,30,0.75,' <<<"$(ask --csv --table steps)"
check "the figures" $?
tables() { grep -o '"tables":.*"notes":\[[^]]*\]'; }
[ "$(ask --json | tables)" = "$(ask --json --job | tables)" ]
check "JSON: as a job as on the spot" $?
wrong=$("$onefold" insight funnel steps='seen -> baught' --data "$folder/data" --job 2>&1)
[ $? = 1 ] && [[ $wrong == *'at steps[1]: '*'did you mean "bought"?'* ]]
check "a wrong definition as a job: $wrong" $?
wrong=$("$onefold" insight ltv orders=bought value=1 --data "$folder/data" --job 2>&1)
[ $? = 1 ] && [[ $wrong == *'nobody ordered a second time'* ]]
check "a job that fails says why: $wrong" $?
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
