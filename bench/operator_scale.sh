#!/usr/bin/env bash
# bench/operator runs it in lab/apiserver: the rights of deploy/, then operator_scale.py NODES POLICIES PODS.
source "$ESPALIER_ROOT/tests/api/operator/operators.sh"
exec python3 "$ESPALIER_ROOT/bench/operator_scale.py" "$@"
