#!/usr/bin/env bash
# Builds examples/plugins/target/acme-python.wasm. Installs what it needs from PyPI, into examples/plugins/target/python.
set -euo pipefail
cd "$(dirname "$0")"
out=../target/acme-python.wasm
tools=../target/python

# What has to be installed first: EX_UNAVAILABLE of sysexits.h, which `make plugins-languages` tells from a mistake.
unavailable() {
    echo "examples/plugins/python/build.sh: $*" >&2
    exit 69
}

command -v python3 >/dev/null || unavailable "python3 is missing: on Debian, \`apt-get install python3 python3-venv\`"
if [[ ! $tools/installed -nt requirements.txt ]]; then
    python3 -m venv "$tools" || unavailable "python3 cannot make a virtual environment: on Debian, \`apt-get install python3-venv\`"
    "$tools/bin/pip" install --quiet --disable-pip-version-check -r requirements.txt || unavailable "pip cannot install"
    touch "$tools/installed"
fi
# --stub-wasi: no import but those of the contract.
PYTHONDONTWRITEBYTECODE=1 "$tools/bin/componentize-py" --quiet --wit-path ../../../wit --world provider-plugin \
    componentize acme --stub-wasi --output "$out"
echo "$out: $(stat -c %s "$out") bytes"
