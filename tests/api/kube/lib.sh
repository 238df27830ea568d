# Sourced by the tests of this folder: kube_probe in the background.
#
#   probe NAME ARG...      starts kube_probe as NAME; says, count and end_probe (tests/api/lib.sh) take it from there
# shellcheck shell=bash
# shellcheck source=../lib.sh
source "$ESPALIER_ROOT/tests/api/lib.sh"
need "kube_probe is built" command -v kube_probe

probe() { background "$1" kube_probe "${@:2}"; }
