#!/usr/bin/env bash
# host
# The alerts are valid rules, and promtool sees each of them fire from its fault and stay quiet without; each has a duration in the
# chart's values and a section in the runbook.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
promtool=$("$ESPALIER_ROOT/lab/prometheus/fetch")/promtool
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp "$ESPALIER_ROOT/helm/espalier/files/alerts.yaml" "$work/rules.yaml"
cp "$here/alerts.yaml" "$work/"

"$promtool" check rules --lint=all --lint-fatal "$work/rules.yaml"
"$promtool" test rules "$work/alerts.yaml"

python3 - "$ESPALIER_ROOT" <<'PY'
import pathlib, sys, yaml
root = pathlib.Path(sys.argv[1])
rules = [rule for group in yaml.safe_load((root / "helm/espalier/files/alerts.yaml").read_text())["groups"] for rule in group["rules"]]
values = yaml.safe_load((root / "helm/espalier/values.yaml").read_text())["prometheusRule"]["for"]
tested = yaml.safe_load((root / "tests/api/helm/alerts.yaml").read_text())["tests"]
runbook = (root / "docs/alerts.md").read_text()
assert {rule["alert"]: rule["for"] for rule in rules} == values, "the values' durations are not those of the rules"
for rule in rules:
    cases = [case["exp_alerts"] for test in tested for case in test["alert_rule_test"] if case["alertname"] == rule["alert"]]
    assert [] in cases and any(cases), f"{rule['alert']}: needs a case that fires and one that stays quiet"
    assert f"## {rule['alert']}\n" in runbook, f"{rule['alert']}: no section in docs/alerts.md"
    assert rule["annotations"]["runbook_url"] == "docs/alerts.md#" + rule["alert"].lower()
PY
echo "alerts: $(grep -c '^  - alert:' "$work/rules.yaml") rules"
