#!/usr/bin/env bash
# The chart: what it refuses, what it installs, that its rights are those of deploy/, upgrade, and what an uninstall leaves.
# lab: --timeout 400
source "$ESPALIER_ROOT/tests/api/lib.sh"
PATH=$("$ESPALIER_ROOT/lab/kubernetes/binaries" --path helm):$PATH
source "$ESPALIER_ROOT/tests/chart.sh"
everything=(--set podMonitor.enabled=true --set prometheusRule.enabled=true --set dashboards.enabled=true)
install() { helm "$1" espalier "$chart" -n espalier-system "${@:2}"; }

check "it is without faults" helm lint --strict "$chart"
refuse "an unknown value is refused" install template --set operatr.replicas=1
said "  by its name" operatr
refuse "so is a value out of range" install template --set operator.workers=33
said "  with the range" workers
refuse "and an address without a port" install template --set agent.metrics=0.0.0.0
refuse "and a wait that kubelet would not bear" install template --set cni.timeoutSeconds=111
render() { helm template espalier "$chart" --kube-version 1.36.0 -n elsewhere "${everything[@]}" "$@" >/run/rendered.yaml; }
check "it renders everything it has" render
dashboards() {
  python3 - /run/rendered.yaml "$ESPALIER_ROOT/helm/espalier/files/dashboards" <<'PY'
import json, pathlib, sys, yaml
shipped = {path.name: json.loads(path.read_text()) for path in pathlib.Path(sys.argv[2]).glob("*.json")}
rendered = {}
for made in yaml.safe_load_all(open(sys.argv[1])):
    if made and made["kind"] == "ConfigMap" and made["metadata"]["labels"].get("grafana_dashboard") == "1":
        rendered.update({name.removeprefix("espalier-"): json.loads(text) for name, text in made["data"].items()})
assert shipped and rendered == shipped, f"{sorted(rendered)} are not {sorted(shipped)}"
PY
}
check "  Grafana's dashboards as they are in files/" dashboards
refuse "  in the release's namespace alone" grep -q espalier-system /run/rendered.yaml
refuse "a cluster that is too old is refused" helm template espalier "$chart" --kube-version 1.31.0

check "it installs" install install --create-namespace
said "  and says how to prove encryption" "espalierctl trafficstatus"
for crd in ipsecpolicies tunnels nodepolicies nodeendpoints podslices; do
  check "  $crd are served" kubectl wait --for condition=Established --timeout 60s "crd/$crd.espalier.io"
done

# The rules and subjects of everything in deploy/ are those that stand.
same_rights() {
  python3 - "$ESPALIER_ROOT/$1" <<'PY'
import json, pathlib, subprocess, sys, yaml
for file in sorted(pathlib.Path(sys.argv[1]).glob("*.yaml")):
    for wanted in yaml.safe_load_all(file.read_text()):
        if wanted["kind"] == "Namespace":
            continue
        where = ["-n", wanted["metadata"]["namespace"]] if "namespace" in wanted["metadata"] else []
        name = wanted["kind"] + "/" + wanted["metadata"]["name"]
        has = json.loads(subprocess.run(["kubectl", "get", name, "-o", "json", *where], check=True, capture_output=True).stdout)
        for field in ("rules", "subjects", "roleRef"):
            assert (has.get(field) or None) == (wanted.get(field) or None), f"{name}: {field} differs"
        if "Admission" in wanted["kind"]:
            for field, value in wanted["spec"].items():
                if field != "matchConstraints":  # the server adds defaults
                    assert json.dumps(value, sort_keys=True) == json.dumps(has["spec"][field], sort_keys=True), f"{name}: {field} differs"
        assert has["metadata"]["labels"]["app.kubernetes.io/instance"] == "espalier", f"{name}: not labelled"
        print(name)
PY
}
check "its rights are those of deploy/" same_rights deploy
said "  all of them" ValidatingAdmissionPolicyBinding/espalier-agent-certificates
refuse "  and none to cert-manager" kubectl get role espalier-operator-issuer -n espalier-system

field() { [ "$(kubectl get "$1" -n espalier-system -o jsonpath="$2")" = "$3" ] || { kubectl get "$1" -n espalier-system -o yaml; return 1; }; }
agent_container='{.spec.template.spec.containers[0]'
check "the agent is not privileged" field daemonset/espalier-agent "$agent_container.securityContext.privileged}" ""
check "  has the capabilities of its values" field daemonset/espalier-agent "$agent_container.securityContext.capabilities.add}" \
  '["NET_ADMIN","NET_RAW","NET_BIND_SERVICE"]'
check "  runs on every node" field daemonset/espalier-agent '{.spec.template.spec.tolerations}' '[{"operator":"Exists"}]'
check "  on the host's network" field daemonset/espalier-agent '{.spec.template.spec.hostNetwork}' true
check "two operators" field deployment/espalier-operator '{.spec.replicas}' 2
check "  of which one may be evicted" field poddisruptionbudget/espalier-operator '{.spec.maxUnavailable}' 1

# The programs take the arguments that the chart gives them.
arguments() { kubectl get "$1" -n espalier-system -o json | python3 -c '
import json, sys
for argument in json.load(sys.stdin)["spec"]["template"]["spec"]["containers"][0]["args"]: print(argument.replace("$(POD_NAME)", "one").replace("$(NODE_NAME)", "node1"))'; }
mapfile -t args < <(arguments deployment/espalier-operator)
node node1 '{"spec": {"podCIDRs": ["10.244.1.0/24"]}, "status": {"addresses": [{"type": "InternalIP", "address": "192.0.2.1"}]}}'
known_as operator token espalier-system espalier-operator
background operator espalier-operator "${args[@]}" --kubeconfig "$(kubeconfig_for operator --token-file /run/operator.token)"
check "the operator, with exactly these, plans" wait_until 60 kubectl get nodepolicy node1
end_probe operator
mapfile -t args < <(arguments daemonset/espalier-agent)
for argument in "${args[@]}"; do
  check "the agent knows ${argument%%=*}" grep -q -- "^ *${argument%%=*} \|[ ,]${argument%%=*} " <(espalier-agent --help)
done

check "without cni.enabled nothing touches the nodes' networks" field daemonset/espalier-agent '{.spec.template.spec.containers[*].name}' agent
check "the plugin is asked for" install upgrade --set 'cni.enabled=true,cni.exemptNamespaces={kube-system},cni.confDir=/etc/net.d'
check "  its installer stands beside the agent" field daemonset/espalier-agent '{.spec.template.spec.containers[*].name}' "agent cni"
cni_container='{.spec.template.spec.containers[1]'
said_arguments() { kubectl get daemonset/espalier-agent -n espalier-system -o jsonpath="$cni_container.args[*]}"; }
check "  knows its values" said_arguments
said "    the agent's socket" "--socket=/run/espalier/pods.sock"
said "    who is never held: the release's own" "--exempt-namespace=espalier-system"
said "    and others" "--exempt-namespace=kube-system"
# shellcheck disable=SC2013  # one argument a word
for argument in $(said_arguments); do
  check "  takes ${argument%%=*}" grep -q -- "^ *${argument%%=*} " <(espalier-cni install --help)
done
check "  sees the runtime's folder" field daemonset/espalier-agent '{.spec.template.spec.volumes[?(@.name=="cni-networks")].hostPath.path}' /etc/net.d
check "  has one capability" field daemonset/espalier-agent "$cni_container.securityContext.capabilities}" '{"add":["DAC_OVERRIDE"],"drop":["ALL"]}'
check "it is taken out again" install upgrade --set cni.remove=true
check "  by what runs before the agent" field daemonset/espalier-agent '{.spec.template.spec.initContainers[0].command}' '["/usr/bin/espalier-cni","uninstall"]'
check "  and nobody puts it in" field daemonset/espalier-agent '{.spec.template.spec.containers[*].name}' agent

# What the operator fills in, an upgrade leaves.
kubectl patch role espalier-agent-secrets -n espalier-system --type merge \
  -p '{"rules": [{"apiGroups": [""], "resources": ["secrets"], "resourceNames": ["ppk"], "verbs": ["get"]}]}' >/dev/null
kubectl apply --server-side -f "$crds/testdata/examples/mesh.yaml" >/dev/null
check "it upgrades" install upgrade --set operator.replicas=3,agent.logLevel=debug
check "  to the new values" field deployment/espalier-operator '{.spec.replicas}' 3
check "  and keeps what the operator filled in" field role/espalier-agent-secrets '{.rules[0].resourceNames[0]}' ppk

# cert-manager signs when an issuer is named, and only then.
refuse "an issuer whose name cannot be one is refused" install upgrade --set operator.issuer.name=Corporate_CA
check "an issuer is named" install upgrade --set operator.issuer.name=corporate,operator.issuer.kind=Issuer
check "  and its rights are those of deploy/cert-manager" same_rights deploy/cert-manager
said "  bound to the operator" RoleBinding/espalier-operator-issuer
check "  the operator is told" arguments deployment/espalier-operator
for argument in --issuer=corporate --issuer-kind=Issuer --issuer-group=cert-manager.io; do said "  by $argument" "$argument"; done
check "and no more" install upgrade --reset-values
refuse "  its rights are gone" kubectl get role espalier-operator-issuer -n espalier-system

left() { kubectl get "$1" -A -l app.kubernetes.io/instance=espalier -o name; }
kinds=deployments,daemonsets,jobs,pods,poddisruptionbudgets,serviceaccounts,clusterroles,clusterrolebindings,roles,rolebindings,configmaps,validatingadmissionpolicies,validatingadmissionpolicybindings
check "something is there" test -n "$(left $kinds)"
# There is no kubelet here: what the Job would run runs beside, with the same arguments and rights.
uninstall() {
  local ended arguments
  helm uninstall espalier -n espalier-system --timeout 100s &
  ended=$!
  wait_until 60 kubectl get job/espalier-uninstall -n espalier-system
  mapfile -t arguments < <(arguments job/espalier-uninstall)
  espalier-operator uninstall "${arguments[@]}" --kubeconfig "$API/operator.kubeconfig"
  kubectl patch job/espalier-uninstall -n espalier-system --subresource status --type merge -p "{\"status\": {\"succeeded\": 1, \"startTime\": \"$now\",
    \"completionTime\": \"$now\", \"conditions\": [{\"type\": \"SuccessCriteriaMet\", \"status\": \"True\", \"lastTransitionTime\": \"$now\"},
    {\"type\": \"Complete\", \"status\": \"True\", \"lastTransitionTime\": \"$now\"}]}}" >/dev/null
  wait "$ended"
}
now=$(date -u +%Y-%m-%dT%H:%M:%SZ)
check "it uninstalls, nodes first" uninstall
check "  no node has a plan" test -z "$(kubectl get nodepolicies,nodeendpoints,podslices -o name)"
check "  and leaves none of its own" test -z "$(left $kinds)"
check "  but the CRDs" test "$(left crds | wc -l)" = 5
check "  with the users' policies" kubectl get ipsecpolicy cluster
check "it installs again beside them" install install
check "told to purge" install upgrade --set crds.keep=false,uninstall.clearNodes=false
check "  it uninstalls, left alone" helm uninstall espalier -n espalier-system
check "  and leaves no CRD" wait_until 60 eval '[ -z "$(left crds)" ]'
