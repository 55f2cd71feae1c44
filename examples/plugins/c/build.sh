#!/usr/bin/env bash
# Builds examples/plugins/target/acme-c.wasm. Installs a compiler and wasm-tools from PyPI, into examples/plugins/target/c.
#
#   build.sh              build
#   build.sh --bindings   write gen/ anew from the contract; needs `wit-bindgen` (see README.md)
set -euo pipefail
cd "$(dirname "$0")"
wit=../../../wit
out=../target/acme-c.wasm
tools=../target/c

fail() {
    echo "examples/plugins/c/build.sh: $*" >&2
    exit 1
}

# What has to be installed first: EX_UNAVAILABLE of sysexits.h, which `make plugins-languages` tells from a mistake.
unavailable() {
    echo "examples/plugins/c/build.sh: $*" >&2
    exit 69
}

bindings() {
    command -v wit-bindgen >/dev/null || fail "wit-bindgen is missing: see README.md"
    local renames=() interface
    for interface in model http verify web-push settings log clock provider; do
        renames+=(--rename "notifier:provider/$interface@0.1.0=${interface//-/_}")
    done
    wit-bindgen c "$wit" --world provider-plugin --rename-world contract "${renames[@]}" --no-object-file --out-dir gen
    # It asks for the object file all the same. `wasm-tools component embed` does that file's work.
    sed -i '/^\/\/ Ensure that the \*_component_type.o/,/^}/d' gen/contract.c
}

install_tools() {
    [[ $tools/installed -nt requirements.txt ]] && return
    command -v python3 >/dev/null || unavailable "python3 is missing: on Debian, \`apt-get install python3 python3-venv\`"
    python3 -m venv "$tools" || unavailable "python3 cannot make a virtual environment: on Debian, \`apt-get install python3-venv\`"
    "$tools/bin/pip" install --quiet --disable-pip-version-check -r requirements.txt || unavailable "pip cannot install"
    touch "$tools/installed"
}

build() {
    local core=$tools/acme.core.wasm
    # A reactor is a library: it has no `main`, and WASI is not needed for what is used of the standard library. The stack, 16 MiB
    # unless told otherwise, is part of the memory that every call begins with.
    "$tools/bin/python" -m ziglang cc -target wasm32-wasi -mexec-model=reactor -std=c17 -D_GNU_SOURCE -Oz -s \
        -Wl,-z,stack-size=131072 -Wall -Wextra -Werror -o "$core" acme.c answer.c json.c gen/contract.c
    "$tools/bin/wasm-tools" component embed "$wit" --world provider-plugin "$core" --output "$core.embedded"
    "$tools/bin/wasm-tools" component new "$core.embedded" --output "$out"
    echo "$out: $(stat -c %s "$out") bytes"
}

case ${1-} in
'')
    install_tools
    build
    ;;
--bindings) bindings ;;
*) fail "unknown argument $1: want none or --bindings" ;;
esac
