#!/usr/bin/env bash
# clients_test: the SDKs people already use against build/release/onefold. The scenarios are segment_test.mjs; this looks
# whether they can run here. Run by `make test`, or by itself after `make` and `tools/setup --clients`.
set -euo pipefail
cd "$(dirname "$0")"

skip() {
    echo "skipped: tests/clients: $1"
    echo "0 passed, 0 failed, 1 skipped"
    exit 0
}
command -v node >/dev/null || skip "node is not installed"
[ "$(node -p 'process.versions.node.split(".")[0]')" -ge 20 ] || skip "the SDKs need node 20 or later; this is $(node --version)"
[ -f node_modules/.package-lock.json ] || skip "the npm packages are not installed: tools/setup --clients"
exec node segment_test.mjs
