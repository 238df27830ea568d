# Sourced by what builds or fetches Go modules, after cache.sh: a Go that is new enough, on PATH.
# shellcheck shell=bash
go_wanted=1.26.8

# go_is VERSION: the `go` on PATH is this version or newer.
go_is() {
  local has
  has=$(GOTOOLCHAIN=local go env GOVERSION 2>/dev/null) || return 1
  [ "$(printf '%s\n' "$1" "${has#go}" | sort -V | head -n 1)" = "$1" ]
}

need_go() {
  PATH=$PATH:/usr/local/go/bin
  command -v go >/dev/null || need_packages golang-go ca-certificates
  if go_is "$go_wanted"; then return 0; fi
  # From 1.21 on, Go fetches another toolchain by itself. An older one can fetch its module, but leaves its files not executable.
  export GOTOOLCHAIN=go$go_wanted
  if go_is 1.21; then
    say "go: using toolchain $GOTOOLCHAIN by $(GOTOOLCHAIN=local go env GOVERSION)"
    go version >/dev/null || fail "this Go cannot fetch $GOTOOLCHAIN; install Go $go_wanted and put it on PATH"
    return 0
  fi
  say "go: fetching toolchain $GOTOOLCHAIN"
  local toolchain
  toolchain=$(cd / && go mod download -json "golang.org/toolchain@v0.0.1-go$go_wanted.$(go env GOOS)-$(go env GOARCH)" |
    sed -n 's/^\t"Dir": "\(.*\)",$/\1/p')
  [ -n "$toolchain" ] || fail "this Go cannot fetch $GOTOOLCHAIN; install Go $go_wanted and put it on PATH"
  chmod -R u+w "$toolchain"
  chmod +x "$toolchain"/bin/* "$toolchain"/pkg/tool/*/*
  export GOTOOLCHAIN=local
  unset GOROOT
  PATH=$toolchain/bin:$PATH
}
