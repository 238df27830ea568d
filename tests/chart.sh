# Sourced by tests that install the chart, with helm on PATH: $chart is its package.
# shellcheck shell=bash
export HELM_CACHE_HOME=/run/helm HELM_CONFIG_HOME=/run/helm HELM_DATA_HOME=/run/helm
helm package "$ESPALIER_ROOT/helm/espalier" --destination /run >/run/package.log 2>&1 || { cat /run/package.log; exit 1; }
# shellcheck disable=SC2034  # for those who source this
chart=$(echo /run/espalier-*.tgz)
