# Sourced inside a lab machine: everything a scenario can use. Each file says at its head what it offers.
# shellcheck shell=bash
_lab=$(dirname "${BASH_SOURCE[0]}")
for _part in topology capture kernel_state pki peers; do
  # shellcheck source=/dev/null
  source "$_lab/$_part.sh"
done
unset _part
