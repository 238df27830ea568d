#!/usr/bin/env bash
# Every CEL rule of the CRDs: a real API server refuses what breaks it, with a message that says what to do.
source "$ESPALIER_ROOT/tests/api/lib.sh"
apply_crds
kubectl apply --server-side -f - <<'Y' >/dev/null
apiVersion: espalier.io/v1alpha1
kind: PodSlice
metadata: {name: stored}
spec: {policy: payments, addresses: [10.244.1.7]}
Y
here=$ESPALIER_ROOT/tests/api/crds
check "every rule is told" python3 "$here/rules.py" "$here"/refused/*.yaml
cat "$_said"
