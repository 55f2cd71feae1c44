#!/usr/bin/env bash
# Builds examples/plugins/target/acme-js.wasm. Installs what it needs from npm, into node_modules beside this file.
set -euo pipefail
cd "$(dirname "$0")"
out=../target/acme-js.wasm

fail() {
    echo "examples/plugins/js/build.sh: $*" >&2
    exit 1
}

# What has to be installed first: EX_UNAVAILABLE of sysexits.h, which `make plugins-languages` tells from a mistake.
unavailable() {
    echo "examples/plugins/js/build.sh: $*" >&2
    exit 69
}

command -v npm >/dev/null || unavailable "npm is missing: install Node.js 18 or later, on Debian with \`apt-get install npm\`"
# Without a lock file: package.json names exact versions, and they depend on nothing but their own builds for other machines.
[[ node_modules/.package-lock.json -nt package.json ]] ||
    npm install --no-package-lock --no-audit --no-fund || unavailable "npm cannot install"
node_modules/.bin/tsc || fail "the types are wrong"
mkdir -p ../target
# --sync: the contract has no async functions. --stub-wasi: no import but those of the contract.
node_modules/.bin/componentize-qjs --wit ../../../wit --world provider-plugin --js acme.js \
    --sync --stub-wasi --opt-size --minify --output "$out"
