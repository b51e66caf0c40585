#!/usr/bin/env bash
# The demo: two live legacy databases flow into one target, exactly once.
#
#   bash compose/demo.sh [run] [--seconds N] [--kills N | --chaos [SEED]] [--rate N] [--fresh] [--keep]
#                                                        set up what is missing, run everything, compare
#   bash compose/demo.sh status | stop                   look at what --keep left running, end it
#   bash compose/demo.sh --help                          all options, explained (once it is set up)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
case " $* " in
    # Nothing is installed only to be told how it is used, or that nothing runs.
    *" -h "* | *" --help "*)
        if [ ! -x .venv/bin/python ]; then
            sed -n '2,8s/^# \{0,1\}//p' "$0"
            exit 0
        fi
        ;;
    *" stop "* | *" status "*)
        if [ ! -x .venv/bin/python ]; then
            echo "Nothing is set up here yet: bash compose/demo.sh"
            exit 0
        fi
        ;;
    *) bash compose/local/setup.sh ;;
esac
exec .venv/bin/python -m compose.demo "$@"
