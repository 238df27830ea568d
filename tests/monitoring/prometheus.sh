# Sourced inside a machine: the real Prometheus, on 127.0.0.1:9090 of the namespace that it runs in.
#
#   $PROMETHEUS is the folder of lab/prometheus/fetch; $AT, if set, stands before every command: "at wire"
#
#   prometheus_config JOB INSTANCE=ADDRESS:PORT…   prints a configuration: targets labelled as the chart's PodMonitor does, scraped every
#                                    3 seconds; the rules are rules.yaml beside it, if that is there
#   prometheus_start CONFIG FOLDER   starts it, with its data and its log in FOLDER; PROMETHEUS_PID
#   prometheus_ready
#   values QUERY                     of the series of an instant query, one a line
#   firing                           the alerts that fire, one a line: NAME INSTANCE
#   fires ALERT INSTANCE             it fires now
# The last three wait for a second first, so that a loop around them leaves time to what they ask.
# shellcheck shell=bash

prometheus_config() {
  local target
  echo "global: {scrape_interval: 3s, scrape_timeout: 3s, evaluation_interval: 3s}"
  echo "rule_files: [rules*.yaml]"
  echo "scrape_configs:"
  echo "- job_name: $1"
  echo "  static_configs:"
  for target in "${@:2}"; do
    echo "  - {targets: ['${target#*=}'], labels: {instance: ${target%%=*}, node: ${target%%=*}}}"
  done
}

prometheus_start() {
  # shellcheck disable=SC2086
  GOMAXPROCS=1 ${AT:-} "$PROMETHEUS/prometheus" --config.file="$1" --storage.tsdb.path="$2/data" --web.listen-address=127.0.0.1:9090 \
    --log.level=warn >"$2/prometheus.log" 2>&1 &
  # shellcheck disable=SC2034
  PROMETHEUS_PID=$!
}

_prometheus() { ${AT:-} curl -sfG -m 20 "http://127.0.0.1:9090/$1" "${@:2}"; }
prometheus_ready() { _prometheus -/ready >/dev/null; }

values() {
  sleep 1
  _prometheus api/v1/query --data-urlencode "query=$1" | grep -o '"value":\[[^]]*\]' | sed 's/.*,"\(.*\)"\]/\1/' || true
}

# An alert is {"labels":{"alertname":"…","instance":"…",…},"annotations":{…},"state":"firing",…}.
firing() {
  sleep 1
  _prometheus api/v1/alerts | sed 's/},{/\n/g' |
    sed -n 's/.*"alertname":"\([A-Za-z]*\)".*"instance":"\([^"]*\)".*"state":"firing".*/\1 \2/p' | sort -u
}
fires() { firing | has "^$1 $2\$"; }
