#!/usr/bin/env bash
# The demo: two live legacy databases flow into one target, exactly once.
#
#   bash compose/demo.sh [run] [--seconds N] [--keep]    set up what is missing, run everything, compare
#   bash compose/demo.sh status | stop                   look at what --keep left running, end it
#   bash compose/demo.sh --help                          all options
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
case "${1:-run}" in
    # Nothing is installed only to be told that nothing runs.
    stop | status) [ -x .venv/bin/python ] || { echo "Nothing is set up here yet: bash compose/demo.sh"; exit 0; } ;;
    *) bash compose/local/setup.sh ;;
esac
exec .venv/bin/python -m compose.demo "$@"
