#!/usr/bin/env bash
# Every bound of the CRDs' schemas: a real API server takes what is at the limit and refuses what is past it.
source "$ESPALIER_ROOT/tests/api/lib.sh"
apply_crds
check "every bound is told" python3 "$ESPALIER_ROOT/tests/api/crds/bounds.py"
cat "$_said"
