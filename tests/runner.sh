# Sourced by tests/*/run: finds a suite's tests, runs them beside each other, and counts.
#
# The caller sets `here`, the suite's folder, and defines
#   prepare              what all tests need once, with its progress shown
#   run_test FILE [OPTION…]   runs one; OPTION… is the "# lab:" line of its head comment
# and calls run_suite [FILTER…]. A test is an executable file NN-name.sh below `here`; the log of a failed one stays in
# build/SUITE/NAME.log. Status 77 is a skipped test. The last line is "N passed, N failed"; the status is 0 when none failed
# and at least one passed.
# shellcheck shell=bash

# The comment block at the head of a file, with its first line.
head_of() { sed -n '2,/^[^#]/p' "$1"; }

_run_one() {
  local name=$1 log=$_logs/${1//\//-}.log options started=$EPOCHSECONDS status=0
  read -ra options < <(head_of "$here/$name.sh" | sed -n 's/^# lab: *//p' | head -n 1; echo)
  run_test "$here/$name.sh" "${options[@]}" >"$log" 2>&1 </dev/null || status=$?
  local took="$((EPOCHSECONDS - started)) s"
  {
    flock 9
    case "$status" in
      0) echo "PASS $name ($took)"; : >"$_results/${name//\//-}.passed"; rm -f "$log" ;;
      77) echo "SKIP $name: $(sed -n 's/^skipped: //p' "$log" | tail -n 1)"; : >"$_results/${name//\//-}.skipped" ;;
      *)
        echo "FAIL $name ($took), status $status, log in ${log#"$root/"}:"
        tail -n 25 "$log" | sed 's/^/    /'
        : >"$_results/${name//\//-}.failed"
        ;;
    esac
  } 9>"$_results/lock"
}

_count() { find "$_results" -name "*.$1" | wc -l; }

run_suite() {
  _logs=$root/build/${here##*/}
  _results=$(mktemp -d)
  mkdir -p "$_logs"
  trap 'rm -rf "$_results"' EXIT

  local tests=() file name filter wanted jobs_limit passed failed skipped
  while IFS= read -r file; do
    name=${file#"$here/"}
    name=${name%.sh}
    [ $# -eq 0 ] || { wanted=''; for filter in "$@"; do [[ $name == *"$filter"* ]] && wanted=yes; done; [ -n "$wanted" ] || continue; }
    tests+=("$name")
  done < <(find "$here" -name '[0-9][0-9]-*.sh' | sort)
  [ ${#tests[@]} -gt 0 ] || { echo "0 passed, 0 failed"; fail "no test matches $*"; }

  prepare

  jobs_limit=$(job_count)
  for name in "${tests[@]}"; do
    while [ "$(jobs -rp | wc -l)" -ge "$jobs_limit" ]; do wait -n || true; done
    _run_one "$name" &
  done
  wait

  # On a busy machine a wait may be too short: what failed beside others gets a second try alone, and says so.
  for name in "${tests[@]}"; do
    [ -e "$_results/${name//\//-}.failed" ] || continue
    rm "$_results/${name//\//-}.failed"
    echo "AGAIN $name, alone"
    _run_one "$name"
  done

  passed=$(_count passed) failed=$(_count failed) skipped=$(_count skipped)
  # A test that left no result at all did not pass.
  failed=$((failed + ${#tests[@]} - passed - failed - skipped))
  [ "$skipped" -eq 0 ] || echo "$skipped skipped: this machine cannot show them"
  echo "$passed passed, $failed failed"
  [ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
}
