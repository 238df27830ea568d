#!/usr/bin/env bash
# The real Prometheus scrapes a real operator: all metrics of the table, every query of its dashboard.
# host
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
PROMETHEUS=$("$ESPALIER_ROOT/lab/prometheus/fetch")
"$ESPALIER_ROOT/lab/apiserver" --timeout 300 --env "PROMETHEUS=$PROMETHEUS" "$here/operator.sh"
