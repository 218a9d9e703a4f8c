#!/usr/bin/env bash
# pages_test: each page under docs/ that is made from tables is what the tables say now (`make docs` writes them).
set -uo pipefail
cd "$(dirname "$0")/../.."
passed=0 failed=0
for page in $("${ONEFOLD:-build/release/onefold}" docs list); do
    if difference=$("${ONEFOLD:-build/release/onefold}" docs "$page" | diff -u "docs/$page.md" -); then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        printf 'FAIL docs/%s.md is stale (make docs writes it):\n%s\n' "$page" "$(head -20 <<<"$difference")"
    fi
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
