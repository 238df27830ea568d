# Sourced by every test in tests/e2e, inside its lab machine: the lab, and how a test says what it found (tests/checks.sh).
# shellcheck shell=bash
# shellcheck source=../checks.sh
source "$ESPALIER_ROOT/tests/checks.sh"
# shellcheck source=../../lab/lab.sh
source "$ESPALIER_ROOT/lab/lab.sh"
