# Sourced by tests that watch alerts: `rules FILE` writes the chart's alerts as it renders them with durations of zero.
# shellcheck shell=bash

rules() {
  local alert helm zeros=()
  helm=$(type -P helm) || helm=$("$ESPALIER_ROOT/lab/kubernetes/binaries" --path helm)/helm
  for alert in $(sed -n 's/^  - alert: //p' "$ESPALIER_ROOT/helm/espalier/files/alerts.yaml"); do zeros+=(--set "prometheusRule.for.$alert=0s"); done
  "$helm" template espalier "$ESPALIER_ROOT/helm/espalier" --kube-version 1.36.0 --set prometheusRule.enabled=true "${zeros[@]}" 2>/dev/null |
    python3 -c 'import sys, yaml
print(yaml.safe_dump(next(made["spec"] for made in yaml.safe_load_all(sys.stdin) if made and made["kind"] == "PrometheusRule")))' >"$1"
}
