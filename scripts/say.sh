# Sourced by the scripts beside it: where the repository is, and one line of progress with the time on it.
# shellcheck shell=bash
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
: "${ESPALIER_STARTED:=$EPOCHSECONDS}"
export root ESPALIER_STARTED

say() { printf '[%(%H:%M:%S)T +%ds] %s\n' -1 $((EPOCHSECONDS - ESPALIER_STARTED)) "$*"; }

fail() {
  printf '%s: %s\n' "${0##*/}" "$*" >&2
  exit 1
}

# The comment block at the head of the calling script is its help text.
print_help() { sed -n '2,/^[^#]/{/^#/s/^# \{0,1\}//p}' "$0"; }

# Parallel jobs: one per core, and no more than one per 1.5 GiB of memory (a gRPC file takes about 1 GiB).
job_count() {
  local cores memory
  cores=$(nproc)
  memory=$(awk '/^MemTotal/ {print int($2 / 1572864)}' /proc/meminfo)
  [ "${memory:-1}" -ge 1 ] || memory=1
  echo "${ESPALIER_JOBS:-$((cores < memory ? cores : memory))}"
}
