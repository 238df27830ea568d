#!/usr/bin/env bash
# Server-side apply: fields left out go, conflicts name field and owner, spec and status are apart, refusals name the field.
source "$ESPALIER_ROOT/tests/api/kube/lib.sh"
apply_crds

map() { printf '{"metadata": {"namespace": "default", "name": "m"}, "data": %s}' "$1"; }
data() { kubectl get configmap -n default m -o jsonpath='{.data}'; }
maps=("" v1 configmaps ConfigMap)

check "a first apply makes it" kube_probe apply "${maps[@]}" operator < <(map '{"a": "1", "b": "1"}')
check "the same again" kube_probe apply "${maps[@]}" operator < <(map '{"a": "1", "b": "1"}')
equal "changes nothing" 1 "$(kubectl get configmap -n default m -o json --show-managed-fields | grep -c '"operation": "Apply"')"
check "a field left out" kube_probe apply "${maps[@]}" operator < <(map '{"a": "1"}')
equal "goes" '{"a":"1"}' "$(data)"
check "another manager owns its own field" kubectl apply --server-side --field-manager kubectl-test -f - < <(map '{"c": "3"}' | sed 's/^{/{"apiVersion": "v1", "kind": "ConfigMap", /')
equal "beside ours" '{"a":"1","c":"3"}' "$(data)"
refuse "a polite apply of theirs is a conflict" kube_probe apply "${maps[@]}" operator polite < <(map '{"a": "1", "c": "4"}')
said "it says so" 'PATCH configmaps/default/m: Conflict: Apply failed with 1 conflict'
said "names the owner" 'conflict with "kubectl-test"'
said "and the field" '^cause .data.c'
check "force takes it" kube_probe apply "${maps[@]}" operator force < <(map '{"a": "1", "c": "4"}')
equal "and it is ours" '{"a":"1","c":"4"}' "$(data)"

refuse "an object that breaks its schema is Invalid" kube_probe apply espalier.io v1alpha1 ipsecpolicies IPsecPolicy operator \
  < <(printf '{"metadata": {"name": "bad"}, "spec": {"enforcement": "Required", "priority": 2000}}')
said "says which" 'PATCH ipsecpolicies/bad: Invalid'
said "and names the field" 'spec.priority'
refuse "so is a field that the schema does not have" kube_probe apply espalier.io v1alpha1 ipsecpolicies IPsecPolicy operator \
  < <(printf '{"metadata": {"name": "good"}, "spec": {"enforcement": "Preferred", "colour": "red"}}')
said "it is named" 'PATCH ipsecpolicies/good: Invalid: .*\.spec\.colour: field not declared in schema'
check "an object as it should be is taken" kube_probe apply espalier.io v1alpha1 ipsecpolicies IPsecPolicy operator \
  < <(printf '{"metadata": {"name": "good"}, "spec": {"enforcement": "Preferred", "traffic": ["NodeToNode"]}}')
check "status is applied apart" kube_probe apply espalier.io v1alpha1 ipsecpolicies IPsecPolicy operator force status \
  < <(printf '{"metadata": {"name": "good"}, "spec": {"priority": 7}, "status": {"conditions": [{"type": "Accepted", "status": "True", "reason": "Fine", "message": "", "lastTransitionTime": "2026-01-01T00:00:00Z"}]}}')
said "and is no new generation" '^ok 1$'
equal "the spec stands" "True" "$(kubectl get ipsecpolicy good -o jsonpath='{.spec.priority}{.status.conditions[0].status}' | sed 's/^[0-9]*//')"
refuse "the status of nothing is NotFound" kube_probe apply espalier.io v1alpha1 ipsecpolicies IPsecPolicy operator force status \
  < <(printf '{"metadata": {"name": "none"}, "status": {}}')
said "and says so" 'PATCH ipsecpolicies/none/status: NotFound'
kubeconfig=$(kubeconfig_for nobody --user nobody)
refuse "who may not, is told" env KUBECONFIG="$kubeconfig" kube_probe apply "${maps[@]}" operator < <(map '{"a": "2"}')
said "as Forbidden, with what is missing" 'Forbidden: configmaps "m" is forbidden: User "nobody" cannot patch resource "configmaps"'
