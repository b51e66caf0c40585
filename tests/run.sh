#!/usr/bin/env bash
# The tests, by hand and in CI: sets up what is missing, then runs the lanes in order and prints the minutes of each.
#
#   bash tests/run.sh            format, lint, types, unit, contract, integration (real stack), faults, demo (a minute)
#   bash tests/run.sh --all      also the tests marked slow, and the lanes that are too long for CI
#   bash tests/run.sh LANE ...   only these lanes
#
# Exit 0 only if every lane passed. A lane that fails does not keep the later ones from running.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
lanes=(format lint types unit contract integration faults demo)
selection=(-m "not slow")
slowest=(--durations 15 --durations-min 5)  # who takes CI its minutes
case "${1:-}" in
    --all) lanes+=(kills chaos bench); selection=(); shift ;;
    -h | --help) sed -n '2,9s/^# \{0,1\}//p' "$0"; exit 0 ;;
esac
[ $# -eq 0 ] || lanes=("$@")
for name in "${lanes[@]}"; do
    [[ " format lint types unit contract integration faults demo kills chaos bench " == *" $name "* ]] || { echo "no lane $name: see --help" >&2; exit 2; }
done

bash compose/local/setup.sh dev || exit 1
export PATH="$PWD/.venv/bin:$PATH"
# Where nothing compiled is kept, each of hundreds of `cdc` processes compiles the program first: a third of its start.
unset PYTHONDONTWRITEBYTECODE

# Integration runs beside a demo that may be up: a stack of its own, on ports of its own.
test_stack() {
    CDC_LOCAL="${CDC_TEST_LOCAL:-$PWD/.local/test}" CDC_JARS="${CDC_JARS:-$PWD/.local/jars}" \
        python -m compose.local.ports "${CDC_TEST_PORTS:-29000}" "$@"
}

lane() {
    case "$1" in
        format) ruff format --check . ;;
        lint) ruff check . ;;
        types) mypy ;;
        unit) pytest -q -n 2 --dist worksteal tests/unit "${selection[@]}" ;;
        contract) pytest -q -n 2 --dist loadfile "${slowest[@]}" tests/contract "${selection[@]}" ;;
        integration) test_stack pytest -q "${slowest[@]}" tests/integration "${selection[@]}" ;;
        faults) test_stack pytest -q "${slowest[@]}" tests/faults "${selection[@]}" ;;
        demo) test_stack python -m compose.demo run --fresh ;;
        kills) test_stack python -m compose.demo run --seconds 180 --kills 10 ;;
        chaos) test_stack python -m compose.demo run --seconds 120 --chaos 1 ;;
        bench) for bench in tests/bench/*.py; do
            echo "== $bench"; python -m "tests.bench.$(basename "$bench" .py)" || return 1
        done ;;
    esac
}

# Hundreds of lines of a later lane stand between a failed test and the end of a run: the end names it again.
# (Not CDC_...: a stack gets none of those that it does not know.)
FAILED_TESTS="$(mktemp)"
export FAILED_TESTS
trap 'rm -f "$FAILED_TESTS"' EXIT
failed=()
summary=()
for name in "${lanes[@]}"; do
    echo "=== $name"
    began=$(date +%s)
    lane "$name" </dev/null || failed+=("$name")
    seconds=$(($(date +%s) - began))
    summary+=("$(printf '%-12s %2d min %02d s' "$name" $((seconds / 60)) $((seconds % 60)))")
done
printf '\n'
printf '%s\n' "${summary[@]}"
head -n 50 "$FAILED_TESTS"
[ ${#failed[@]} -eq 0 ] || { echo "FAILED: ${failed[*]}"; exit 1; }
echo "all lanes passed"
