# Sourced by the lab's builders: the cache, its lock, Debian packages, and atomic results.
# shellcheck shell=bash
source "$(dirname "${BASH_SOURCE[0]}")/../scripts/say.sh"

cache=${ESPALIER_CACHE:-$HOME/.cache/espalier}

# hash_of FILE...: names a recipe by what it says; comments and blank lines do not count.
hash_of() { sed -e 's/[[:space:]]*$//' -e '/^[[:space:]]*#/d' -e '/^$/d' "$@" | sha256sum | cut -c1-12; }

# lock NAME: holds the cache's lock of that name until this process ends. Says so where it has to wait.
lock() {
  mkdir -p "$cache"
  exec {lock_fd}>"$cache/.$1.lock"
  if ! flock -n "$lock_fd"; then
    say "$1: another process builds it, waiting for that"
    flock "$lock_fd"
  fi
}

# need_packages NAME...: installs what is missing, as root or by sudo.
need_packages() {
  local missing=() name sudo=()
  for name in "$@"; do
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$name" 2>/dev/null)" = installed ] || missing+=("$name")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  [ "$(id -u)" -eq 0 ] || sudo=(sudo)
  say "installing: ${missing[*]}"
  local install=(env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=600)
  "${sudo[@]}" "${install[@]}" install --no-install-recommends "${missing[@]}" >"$cache/.apt.log" 2>&1 ||
    { "${sudo[@]}" "${install[@]}" update >"$cache/.apt.log" 2>&1 &&
      "${sudo[@]}" "${install[@]}" install --no-install-recommends "${missing[@]}" >>"$cache/.apt.log" 2>&1; } ||
    { tail -n 5 "$cache/.apt.log" >&2; fail "cannot install ${missing[*]}"; }
}

# work_folder NAME: a new folder in the cache, on the file system where the result will be; removed at exit.
work_folder() {
  work=$(mktemp -d "$cache/.$1.XXXXXX")
  trap 'rm -rf --one-file-system "$work"' EXIT
}

# mirror_of LABEL: where this machine's apt gets Debian's archive of that label (Debian, Debian-Security).
mirror_of() {
  local uri
  # shellcheck disable=SC2016  # apt's own words
  uri=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' "Label: $1" | head -n 1)
  [ -n "$uri" ] || fail "apt knows no mirror of $1"
  printf '%s' "$uri"
}

# unpack_package PACKAGE[=VERSION]: fetches one and unpacks it, not installed, in $work/tree.
unpack_package() {
  (cd "$work" && apt-get -q download "$1" >log 2>&1) || { tail -n 5 "$work/log"; fail "cannot download $1"; }
  dpkg-deb -x "$work/${1%%=*}"_*.deb "$work/tree"
}
