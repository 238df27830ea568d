#!/usr/bin/env bash
# The real Prometheus scrapes real agents: all metrics of the table, every query of the dashboards, alerts from real faults.
# host
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
source "$ESPALIER_ROOT/tests/monitoring/rules.sh"
PROMETHEUS=$("$ESPALIER_ROOT/lab/prometheus/fetch")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
rules "$work/rules.yaml"
"$ESPALIER_ROOT/lab/run" --timeout 600 --out "$work" --env "PROMETHEUS=$PROMETHEUS" --env "WORK=$work" "$here/agents.sh"
