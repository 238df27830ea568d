#!/usr/bin/env bash
# Alerts from faults that need no ESP: a certificate that ends, a manifest with an error, an agent that is gone; this kernel will do.
# host
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
source "$ESPALIER_ROOT/tests/monitoring/rules.sh"
PROMETHEUS=$("$ESPALIER_ROOT/lab/prometheus/fetch")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
rules "$work/rules.yaml"
"$ESPALIER_ROOT/lab/run" --on native --timeout 300 --out "$work" --env "PROMETHEUS=$PROMETHEUS" --env "WORK=$work" "$here/faults.sh"
